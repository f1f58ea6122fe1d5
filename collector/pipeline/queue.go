package pipeline

import (
	"sync"

	"github.com/weirflow/weir/shared/flow"
)

// A queue is the way from the workers to the sink: a ring of batches, the
// batches that are free, and the ledger. One lock covers all of it, so that the
// ledger adds up whenever it is read.
type queue struct {
	mu       sync.Mutex
	notEmpty sync.Cond
	notFull  sync.Cond
	ring     []*flow.Batch
	first    int // index of the oldest
	n        int // batches in the ring
	closed   bool
	block    bool

	free []*flow.Batch
	keep int // flows that a free batch may have room for

	sums Stats // all but decode.Stats; Queued without what the workers hold
}

// A free batch keeps at most this many octets of strings and extras.
const keepArena = 1 << 20

func newQueue(cfg Config) *queue {
	q := &queue{
		ring:  make([]*flow.Batch, cfg.Queue),
		block: cfg.Overflow == Block,
		keep:  4*cfg.Batch + 2048, // the last datagram overshoots
	}
	q.notEmpty.L, q.notFull.L = &q.mu, &q.mu
	return q
}

// push hands over b, with what w has counted until then, and returns an empty
// batch in its place.
func (q *queue) push(w *worker, b *flow.Batch) *flow.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.block && q.n == len(q.ring) {
		q.notFull.Wait()
	}
	if q.n == len(q.ring) {
		old := q.take()
		n := uint64(len(old.Flows))
		q.sums.Queued -= n
		q.sums.Dropped += n
		q.release(old)
	}
	q.ring[(q.first+q.n)%len(q.ring)] = b
	q.n++
	q.sums.Queued += uint64(len(b.Flows))
	w.publish(0)
	q.notEmpty.Signal()
	return q.fresh()
}

// pop returns the oldest batch, and nil when the queue is closed and empty. Its
// flows stay queued in the ledger until settle.
func (q *queue) pop() *flow.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.n == 0 {
		if q.closed {
			return nil
		}
		q.notEmpty.Wait()
	}
	b := q.take()
	q.notFull.Signal()
	return b
}

// take removes the oldest batch from the ring.
func (q *queue) take() *flow.Batch {
	b := q.ring[q.first]
	q.ring[q.first] = nil
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	return b
}

// An outcome says what became of the flows of a batch.
type outcome struct{ written, filtered, dropped, failed int }

// settle enters into the ledger what became of the flows of b, and frees b.
func (q *queue) settle(b *flow.Batch, o outcome, refused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sums.Queued -= uint64(o.written + o.filtered + o.dropped + o.failed)
	q.sums.Written += uint64(o.written)
	q.sums.Filtered += uint64(o.filtered)
	q.sums.Dropped += uint64(o.dropped)
	q.sums.Failed += uint64(o.failed)
	if refused {
		q.sums.SinkErrors++
	}
	q.release(b)
}

// close says that no batch will follow.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.notEmpty.Broadcast()
}

// fresh returns an empty batch.
func (q *queue) fresh() *flow.Batch {
	if n := len(q.free); n > 0 {
		b := q.free[n-1]
		q.free = q.free[:n-1]
		return b
	}
	return new(flow.Batch)
}

// release frees b. One that a hostile datagram has blown up goes to the
// garbage collector.
func (q *queue) release(b *flow.Batch) {
	arena, _ := b.Arena(0)
	if cap(b.Flows) > q.keep || cap(b.Options) > q.keep || cap(b.Counters) > q.keep || arena > keepArena || b.Strings.Len() > q.keep {
		return
	}
	b.Reset()
	q.free = append(q.free, b)
}

func (q *queue) stats(workers []*worker) Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.sums
	for _, w := range workers {
		add(&s.Stats, &w.published)
		s.Queued += w.held
	}
	return s
}
