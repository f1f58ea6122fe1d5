package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// MinLimit is the smallest limit of a Window, in octets: the open block, with
// every column and its share of strings and extras, always fits.
const MinLimit = 4 << 20

// A Window holds the newest flows within a limit of memory. Any number of
// goroutines may use it at once.
type Window struct {
	mu      sync.Mutex
	limit   int64
	size    int64    // of sealed
	sealed  []*Block // oldest first
	open    *Builder
	rows    int    // in sealed and open
	dropped uint64 // rows of dropped blocks
	since   int64  // nothing that arrived later has been dropped
}

// NewWindow makes an empty Window of limit octets, MinLimit at least, that is
// complete since the given time. The limit is for blocks; an index of the open
// one, of the order of its strings, comes on top.
func NewWindow(limit int64, since time.Time) *Window {
	return &Window{since: since.UnixNano(), limit: max(limit, MinLimit), open: NewBuilder(Options{})}
}

// Resize changes the limit. A smaller one drops the oldest flows at once.
func (w *Window) Resize(limit int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = max(limit, MinLimit)
	w.makeRoom()
}

// Gap notes that flows may have been missed until t.
func (w *Window) Gap(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = max(w.since, t.UnixNano())
}

// Write appends the flows of b. It implements pipeline.Sink.
func (w *Window) Write(_ context.Context, b *flow.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.sealed)
	w.sealed = w.open.Append(w.sealed, b)
	for _, b := range w.sealed[before:] {
		w.size += b.size()
	}
	w.rows += len(b.Flows)
	w.makeRoom()
	return nil
}

// Close implements pipeline.Sink. The Window stays readable.
func (w *Window) Close() error { return nil }

// makeRoom drops as many of the oldest blocks as the limit asks for.
func (w *Window) makeRoom() {
	for len(w.sealed) > 0 && w.size+w.open.size() > w.limit {
		b := w.sealed[0]
		w.sealed = slices.Delete(w.sealed, 0, 1)
		w.size -= b.size()
		w.rows -= b.rows
		w.dropped += uint64(b.rows)
		w.since = max(w.since, b.received)
	}
}
