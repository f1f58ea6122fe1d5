//go:build cgo

package store

import (
	"context"
	"fmt"
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
	s := x.store.Snapshot()
	defer s.Release()
	return x.duck.ask(ctx, s, r)
}

// settle is how long after an hour its last flows may become a segment.
const settle = 5 * time.Minute

// Sum makes the rollups that are due at a time: of each hour of arrival that has
// ended. What changed since, as a segment took another's place, is summed anew.
func (x *Reader) Sum(ctx context.Context, now time.Time) error {
	return x.duck.sumHours(ctx, x.store, now.Add(-settle).UnixMilli())
}
