package modinput

import (
	"context"
	"slices"
	"sync"
)

// A ring keeps events in the order of their arrival until they are written. It
// never holds more than its limit: a full one gives up its oldest entries. Any
// number of goroutines may use it at once; one of them takes.
type ring struct {
	limit int

	mu      sync.Mutex
	changed sync.Cond // there is something to take, or no more will come
	entries []entry   // oldest first, from first on
	first   int
	size    int  // octets that entries hold
	taken   bool // somebody has taken an entry that isn't settled
	closed  bool // no more will come
	drained chan struct{}
	free    [][]byte // buffers for reuse
	counts  counts
}

// An entry is what came of a batch: whole events. It is written or given up as
// a whole, and so its receipt is exact.
type entry struct {
	data    []byte
	events  int
	receipt Receipt // nil: nobody wants to know what becomes of it
}

// counts is of events: in = out + dropped + waiting.
type counts struct{ in, out, dropped, waiting uint64 }

// entryCost is what an entry takes beside its octets, receipt included.
const entryCost = 256

// spareBuffers is how many buffers wait for reuse.
const spareBuffers = 8

func newRing(limit int) *ring {
	r := &ring{limit: limit, drained: make(chan struct{})}
	r.changed.L = &r.mu
	return r
}

func (e *entry) cost() int { return cap(e.data) + entryCost }

// add adds events, which data holds; it is copied. The receipt is settled when
// they are written or given up; at once if there are none.
func (r *ring) add(data []byte, events int, receipt Receipt) {
	if events == 0 {
		if receipt != nil {
			receipt.Written()
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := entry{append(r.buffer(len(data)), data...), events, receipt}
	for r.len() > 0 && r.size+e.cost() > r.limit {
		r.drop()
	}
	r.entries = append(r.entries, e)
	r.size += e.cost()
	r.counts.in += uint64(events)
	r.counts.waiting += uint64(events)
	r.changed.Signal()
}

// buffer returns an empty one for n octets, and not for many more.
func (r *ring) buffer(n int) []byte {
	if last := len(r.free) - 1; last >= 0 {
		b := r.free[last]
		r.free = r.free[:last]
		if cap(b) >= n && cap(b) <= 2*n {
			return b[:0]
		}
	}
	return make([]byte, 0, n)
}

// drop gives the oldest entry up. The caller has the lock.
func (r *ring) drop() {
	e := r.pop()
	r.counts.dropped += uint64(e.events)
	r.counts.waiting -= uint64(e.events)
	if e.receipt != nil {
		e.receipt.Dropped()
	}
	r.release(e)
}

func (r *ring) len() int { return len(r.entries) - r.first }

func (r *ring) pop() entry {
	e := r.entries[r.first]
	r.entries[r.first] = entry{}
	if r.first++; 2*r.first >= len(r.entries) {
		r.entries = slices.Delete(r.entries, 0, r.first)
		r.first = 0
	}
	return e
}

// release makes e's memory available again.
func (r *ring) release(e entry) {
	r.size -= e.cost()
	if len(r.free) < spareBuffers {
		r.free = append(r.free, e.data)
	}
}

// take waits for the oldest entry. It must be settled before the next one is
// taken. There is none when the ring is closed and empty.
func (r *ring) take() (e entry, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.len() == 0 {
		if r.closed {
			return entry{}, false
		}
		r.changed.Wait()
	}
	r.taken = true
	return r.pop(), true
}

// settle says what became of an entry that was taken.
func (r *ring) settle(e entry, written bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = false
	r.counts.waiting -= uint64(e.events)
	if written {
		r.counts.out += uint64(e.events)
	} else {
		r.counts.dropped += uint64(e.events)
	}
	switch {
	case e.receipt == nil:
	case written:
		e.receipt.Written()
	default:
		e.receipt.Dropped()
	}
	r.release(e)
	if r.len() == 0 {
		close(r.drained)
		r.drained = make(chan struct{})
	}
}

// drain waits until all that is in the ring has been written, or ctx ends.
func (r *ring) drain(ctx context.Context) error {
	for {
		r.mu.Lock()
		empty, drained := r.len() == 0 && !r.taken, r.drained
		r.mu.Unlock()
		if empty {
			return nil
		}
		select {
		case <-drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// giveUp drops all that waits.
func (r *ring) giveUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.len() > 0 {
		r.drop()
	}
}

// close says that no more will come.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.changed.Broadcast()
}

func (r *ring) stats() (c counts, octets int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts, r.size
}
