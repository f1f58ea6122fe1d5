//go:build cgo

package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/query"
)

// A Reader answers questions about a Store's flows, and keeps their sums up to
// date. Any number of goroutines may use one at once.
type Reader struct {
	store *Store
	duck  *duckDB
	most  int

	mu     sync.Mutex
	looked time.Time // when files were last looked into, in vain
}

// NewReader opens DuckDB for the files of s, which stays open longer.
func NewReader(s *Store, cfg config.Store) (*Reader, error) {
	d, err := openDuckDB(s.dir, Limits{Threads: cfg.Threads, Memory: int64(cfg.Memory), Timeout: cfg.Timeout})
	if err != nil {
		return nil, err
	}
	return &Reader{store: s, duck: d, most: cfg.Answer}, nil
}

// Close waits for nobody: questions under way must have ended.
func (x *Reader) Close() { x.duck.close() }

// Query answers r, which is aligned, about all that was written before. At most two
// questions are worked on at once; others wait in their order. When ctx ends, the
// answer ends at once.
func (x *Reader) Query(ctx context.Context, r *query.Request) (*query.Answer, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if r.Limit > x.most {
		return nil, fmt.Errorf("the limit is %d: this store gives %d at most", r.Limit, x.most)
	}
	for { // without the files that turn out to be damaged there is an answer
		s := x.store.Snapshot()
		a, err := x.duck.ask(ctx, s, r)
		again := errors.Is(err, errUnread) && x.repaired(ctx, s, r)
		s.Release()
		if !again {
			return a, err
		}
	}
}

// lookEvery is how often all files of an interval are read at most, as something in
// them can't be.
const lookEvery = 10 * time.Minute

// repaired sets aside the damaged files among those that r is about, and tells
// whether there were any.
func (x *Reader) repaired(ctx context.Context, s *Snapshot, r *query.Request) bool {
	if x.store.setAsideOf(s, func(string) bool { return false }) {
		return true
	}
	// Which one it was, DuckDB doesn't tell.
	x.mu.Lock()
	now := time.Now()
	late := now.Sub(x.looked) >= lookEvery
	if late {
		x.looked = now
	}
	x.mu.Unlock()
	if !late {
		return false
	}
	about := map[string]bool{}
	for _, g := range s.Segments {
		about[g.File] = touches(g, r.From, r.To)
	}
	for _, f := range s.Rollups {
		about[f.File] = f.Bins[0] <= milliseconds(r.To) && f.Bins[1]+f.Bin >= milliseconds(r.From)
	}
	any := x.store.setAsideOf(s, func(file string) bool { return about[file] && ctx.Err() == nil })
	if any {
		x.mu.Lock()
		x.looked = time.Time{} // the next damage is looked for as well
		x.mu.Unlock()
	}
	return any
}

// settle is how long after an hour its last flows may become a segment.
const settle = 5 * time.Minute

// Sum makes the rollups that are due at a time: of each hour of arrival that has
// ended. What changed since, as a segment took another's place, is summed anew.
func (x *Reader) Sum(ctx context.Context, now time.Time) error {
	return x.duck.sumHours(ctx, x.store, now.Add(-settle).UnixMilli())
}
