package plugin

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// watchersOutput is the name of the output that shows flows to streams. What it drops
// is in the window all the same.
const watchersOutput = "live"

// watchers is a sink that shows flows to streams, if there are any. It never waits
// for them.
type watchers struct {
	mu  sync.Mutex // held by those who change all
	all atomic.Pointer[[]*catch]
}

func newWatchers() *watchers {
	w := &watchers{}
	w.all.Store(new([]*catch))
	return w
}

// output is what the pipeline needs to know of w. Its queue is short: who watches
// wants to see what is, not what was.
func (w *watchers) output() pipeline.Output {
	return pipeline.Output{Name: watchersOutput, Sink: w, Queue: pipeline.Queue{Size: 16, Overflow: pipeline.DropOldest}}
}

// Write shows b to who watches. It implements pipeline.Sink.
func (w *watchers) Write(_ context.Context, b *flow.Batch) error {
	for _, x := range *w.all.Load() {
		x.take(b)
	}
	return nil
}

// Close implements pipeline.Sink. Those who watch wait for the next pipeline.
func (w *watchers) Close() error { return nil }

// watch shows flows to x until the returned function is called.
func (w *watchers) watch(x *catch) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	more := append(slices.Clone(*w.all.Load()), x)
	w.all.Store(&more)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		less := slices.DeleteFunc(slices.Clone(*w.all.Load()), func(y *catch) bool { return y == x })
		w.all.Store(&less)
	}
}

// mostCaught is how many flows wait for a stream, and so how many it sends at once.
const mostCaught = 200

// A catch holds flows for a stream until it sends them. What it has no room for, the
// stream misses, and is told.
type catch struct {
	filter *query.Filter // nil: all
	which  []uint32      // of the sink's goroutine

	mu    sync.Mutex
	batch *flow.Batch
	told  told
	ready chan struct{} // something is new
}

// told is what a stream tells beside flows.
type told struct {
	missed  uint64 // flows that match, since the stream began
	unseen  uint64 // flows of which nobody knows whether they do
	trouble string // why nothing comes
}

func newCatch(filter *query.Filter) *catch {
	return &catch{filter: filter, batch: &flow.Batch{}, ready: make(chan struct{}, 1)}
}

// take keeps what matches of b.
func (x *catch) take(b *flow.Batch) {
	x.which = x.which[:0]
	if x.filter != nil {
		x.which = x.filter.Select(x.which, b)
	} else {
		for i := range b.Flows {
			x.which = append(x.which, uint32(i))
		}
	}
	if len(x.which) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for n, i := range x.which {
		if len(x.batch.Flows) >= mostCaught {
			x.told.missed += uint64(len(x.which) - n)
			break
		}
		keepFlow(x.batch, b, &b.Flows[i])
	}
	x.tell()
}

// full tells whether there is no room now.
func (x *catch) full() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.batch.Flows) >= mostCaught
}

// miss notes n flows that match, but will not be shown.
func (x *catch) miss(n uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.told.missed += n
	x.tell()
}

// overlook notes n flows that nobody has looked at.
func (x *catch) overlook(n uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.filter == nil {
		x.told.missed += n
	} else {
		x.told.unseen += n
	}
	x.tell()
}

// trouble says why nothing comes; "" that it does.
func (x *catch) trouble(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.told.trouble != text {
		x.told.trouble = text
		x.tell()
	}
}

// tell wakes the stream. The caller has the lock.
func (x *catch) tell() {
	select {
	case x.ready <- struct{}{}:
	default:
	}
}

// swap returns what has come, for an empty batch.
func (x *catch) swap(empty *flow.Batch) (*flow.Batch, told) {
	empty.Reset()
	x.mu.Lock()
	defer x.mu.Unlock()
	full := x.batch
	x.batch = empty
	return full, x.told
}

// keepFlow appends the columns of f, which is of from, to b.
func keepFlow(b, from *flow.Batch, f *flow.Flow) {
	g := &b.Grow(1)[0]
	*g = *f
	g.SetExtra(0, 0)
	for x, ok := f.Set.Next(0); ok && int(x) < flow.NumFields; x, ok = f.Set.Next(x + 1) {
		if flow.Fields[x].Kind == flow.KindStr {
			g.SetUint(x, uint64(b.Strings.Intern(from.Strings.Get(flow.Str(f.Uint(x))))))
		}
	}
}

// tail fills x until ctx ends, or e stops listening.
func (e *ear) tail(ctx context.Context, x *catch) error {
	defer e.watchers.watch(x)()
	r := e.now()
	before := overlooked(r.Stats())
	x.trouble("")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.Done():
			return errStopped
		case <-tick.C:
			if n := overlooked(r.Stats()); n > before {
				x.overlook(n - before)
				before = n
			}
		}
	}
}

// overlooked is how many flows streams were not shown.
func overlooked(s pipeline.Stats) uint64 {
	for _, o := range s.Outputs {
		if o.Name == watchersOutput {
			return o.Dropped
		}
	}
	return 0
}
