//go:build cgo

package store

import (
	"context"

	"github.com/weirflow/weir/shared/query"
)

// Answers answers questions about the flows of a Store. Any number of goroutines
// may ask at once.
type Answers struct {
	store *Store
	duck  *duckDB
}

// NewAnswers opens what answers.
func NewAnswers(s *Store) (*Answers, error) {
	d, err := openDuckDB(s.dir, Limits{Threads: s.cfg.Threads, Memory: int64(s.cfg.Memory), Timeout: s.cfg.Timeout})
	if err != nil {
		return nil, err
	}
	return &Answers{s, d}, nil
}

// Query answers r from what the Store holds now. It ends early, with an error, when
// ctx does.
func (a *Answers) Query(ctx context.Context, r *query.Request) (*query.Answer, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	x := a.store.Snapshot()
	defer x.Release()
	return a.duck.ask(ctx, x, r)
}

// Close ends what answers. Nobody asks any more.
func (a *Answers) Close() { a.duck.close() }
