package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
)

// TailOutput is the name of a Tail's output. What it drops is not lost: only
// those who watch miss it, and are told.
const TailOutput = "tail"

// A Tail is a sink that shows flows to who watches, if anyone does. It never
// waits for them: what a watcher has no room for, it misses, and that is
// counted.
type Tail struct {
	mu       sync.Mutex // held by those who change watchers
	watchers atomic.Pointer[[]watcher]
	missed   atomic.Uint64 // by all, ever
}

// A watcher takes flows. take must neither wait, nor keep or change b.
type watcher interface {
	take(b *flow.Batch) (missed int)
}

// NewTail makes a Tail that nobody watches.
func NewTail() *Tail {
	t := &Tail{}
	t.watchers.Store(new([]watcher))
	return t
}

// Output returns what the pipeline needs to know of t. Its queue is short: who
// watches wants to see what is, not what was.
func (t *Tail) Output() pipeline.Output {
	return pipeline.Output{Name: TailOutput, Sink: t, Queue: pipeline.Queue{Size: 16, Overflow: pipeline.DropOldest}}
}

// Write shows b to the watchers.
func (t *Tail) Write(_ context.Context, b *flow.Batch) error {
	for _, w := range *t.watchers.Load() {
		if n := w.take(b); n > 0 {
			t.missed.Add(uint64(n))
		}
	}
	return nil
}

// Close does nothing: those who watch go by themselves.
func (t *Tail) Close() error { return nil }

var errCrowded = errors.New("as many streams are open as api.streams allows: close one, or raise it")

// watch lets w see flows until the returned function is called, unless there are
// most others.
func (t *Tail) watch(w watcher, most int) (leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := *t.watchers.Load()
	if len(all) >= most {
		return nil, errCrowded
	}
	more := append(slices.Clone(all), w)
	t.watchers.Store(&more)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		less := slices.DeleteFunc(slices.Clone(*t.watchers.Load()), func(x watcher) bool { return x == w })
		t.watchers.Store(&less)
	}, nil
}
