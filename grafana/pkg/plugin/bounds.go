package plugin

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// Whoever may look at a dashboard may send any query: what one of them makes the
// process hold is bounded.
const (
	mostQuery   = 128 << 10  // octets of a query, of which those that go on are kept
	mostQueries = 100        // of a request
	mostCells   = 10_000_000 // of a request's answers, when the next query begins
	mostName    = 64         // octets of a name that others are compared with
)

// turns bounds how many questions read windows at once, in the whole process: each
// holds its groups in memory meanwhile, and more than the processors have time for only
// wait for one another.
var turns = make(chan struct{}, 2*max(2, runtime.GOMAXPROCS(0)))

// runIn answers r from v when it is its turn.
func runIn(ctx context.Context, v engine.View, r *query.Request) (*query.Answer, error) {
	select {
	case turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-turns }()
	return engine.Run(ctx, v, r)
}

// A budget is of the cells that a request's answers have.
type budget struct{ cells atomic.Int64 }

// left tells whether there may be one more answer.
func (b *budget) left() error {
	if n := b.cells.Load(); n > mostCells {
		return fmt.Errorf("the answers of this request have %d values already, of %d at most: ask for fewer rows, or less at once", n, mostCells)
	}
	return nil
}

func (b *budget) spend(frames []*dataFrame) {
	for _, f := range frames {
		for _, x := range f.Fields {
			b.cells.Add(int64(x.Len()))
		}
	}
}
