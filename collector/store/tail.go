package store

import (
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// tailOptions are how flows enter the tail: as segments have them.
var tailOptions = engine.Options{Milliseconds: true, UTF8: true}

// A generation is the flows that become a segment.
type generation struct {
	number uint64
	blocks []*engine.Block
	rows   int
	end    uint64 // the store's rows up to the last of it
	sealed bool   // no flow comes to it any more
}

// A tail is the flows that are in no segment yet: generations that are to become
// one, and the one that grows. One goroutine uses it at a time.
type tail struct {
	sealed  []generation // oldest first
	builder *engine.Builder
	open    generation // whose blocks are those that the builder has filled
	began   time.Time  // when the first flow of open came
	total   uint64     // rows since the start
}

func newTail(number uint64) *tail {
	return &tail{builder: engine.NewBuilder(tailOptions), open: generation{number: number}}
}

// add adds the flows of b.
func (t *tail) add(b *flow.Batch, now time.Time) {
	if len(b.Flows) == 0 {
		return
	}
	if t.open.rows == 0 {
		t.began = now
	}
	t.open.blocks = t.builder.Append(t.open.blocks, b)
	t.open.rows += len(b.Flows)
	t.total += uint64(len(b.Flows))
}

// seal ends the open generation, if it has flows, and begins the next.
func (t *tail) seal() {
	if t.open.rows == 0 {
		return
	}
	if b := t.builder.Seal(); b != nil {
		t.open.blocks = append(t.open.blocks, b)
	}
	t.open.sealed, t.open.end = true, t.total
	t.sealed = append(t.sealed, t.open)
	t.open = generation{number: t.open.number + 1}
}

// view returns all generations as they are now.
func (t *tail) view() []generation {
	out := append(make([]generation, 0, len(t.sealed)+1), t.sealed...)
	if t.open.rows > 0 {
		g := t.open
		g.end = t.total
		g.blocks = append(make([]*engine.Block, 0, len(g.blocks)+1), g.blocks...)
		if b := t.builder.Open(); b != nil {
			g.blocks = append(g.blocks, b)
		}
		out = append(out, g)
	}
	return out
}

// rows returns how many flows are in it.
func (t *tail) rows() int {
	n := t.open.rows
	for i := range t.sealed {
		n += t.sealed[i].rows
	}
	return n
}
