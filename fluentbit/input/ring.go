package input

import (
	"context"
	"slices"
	"sync"

	"github.com/weirflow/weir/collector/pipeline"
)

// A ring keeps events in the order of their arrival, in chunks of whole events.
// Its memory never grows beyond its limit, but for events that alone are more: a
// full ring gives up its oldest chunk, or where it may wait lets who adds wait. Any
// number of goroutines may use it at once.
type ring struct {
	size  int // octets at which a chunk is full; what is added at once may be more
	limit int // octets of all chunks
	batch int // octets that are drained at once, at most

	mu      sync.Mutex
	room    sync.Cond // chunks have become free
	filled  chan struct{}
	chunks  []*chunk // oldest first; the last one is being filled
	free    []*chunk // each of size
	shares  []*share // free ones
	memory  int      // octets of all chunks that exist
	waiting Count
	in      Count
	out     Count
	dropped Count
	lost    uint64 // flows of batches of which something was dropped
	over    bool   // nobody drains any more: nobody is to wait
}

// A chunk is a run of whole events of one tag.
type chunk struct {
	tag    string
	data   []byte
	events uint64
	shares []*share
}

// A share is what chunks hold of a batch of the pipeline. What became of all of
// them became of the batch; if one was dropped, it was.
type share struct {
	receipt *pipeline.Receipt // nil: nobody wants to know
	holders int
	dropped bool
}

// A Count is an amount of events.
type Count struct {
	Events uint64
	Octets uint64
}

func (c *Count) add(events uint64, octets int) {
	c.Events += events
	c.Octets += uint64(octets)
}

func (c *Count) sub(events uint64, octets int) {
	c.Events -= events
	c.Octets -= uint64(octets)
}

// chunkSize is small enough that a full ring loses little at once, and large
// enough that a lock per chunk is nothing.
const chunkSize = 128 << 10

func newRing(limit, batch, size int) *ring {
	r := &ring{size: size, batch: batch, filled: make(chan struct{}, 1)}
	r.room.L = &r.mu
	r.setLimit(limit)
	return r
}

func (r *ring) setLimit(octets int) { r.limit = max(octets, 2*r.size) }

// share returns one for a batch. end ends the adding.
func (r *ring) share(receipt *pipeline.Receipt) *share {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s *share
	if n := len(r.shares); n > 0 {
		s, r.shares = r.shares[n-1], r.shares[:n-1]
	} else {
		s = new(share)
	}
	*s = share{receipt: receipt, holders: 1}
	return s
}

// end says that no more of s will be added.
func (r *ring) end(s *share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(s, false)
}

// leave is called for each holder of s, with whether it has dropped its part. The
// caller has the lock.
func (r *ring) leave(s *share, dropped bool) {
	s.dropped = s.dropped || dropped
	if s.holders--; s.holders > 0 {
		return
	}
	if s.receipt != nil {
		if s.dropped {
			r.lost += uint64(s.receipt.Flows())
			s.receipt.Dropped()
		} else {
			s.receipt.Written()
		}
	}
	s.receipt = nil
	r.shares = append(r.shares, s)
}

// wait returns when the ring has room for a chunk of n octets, or ctx ends.
func (r *ring) wait(ctx context.Context, n int) {
	defer context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.room.Broadcast()
	})()
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil && !r.over && len(r.chunks) > 0 && r.memory-len(r.free)*r.size+max(n, r.size) > r.limit {
		r.room.Wait()
	}
}

// letGo lets nobody wait for room from now on: what is beyond it is dropped.
func (r *ring) letGo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.room.Broadcast()
}

// add adds events, whole ones, that follow one another in data; s is nil if nobody
// wants to know what becomes of them.
func (r *ring) add(tag string, events int, data []byte, s *share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.last(tag, len(data))
	c.data = append(c.data, data...)
	c.events += uint64(events)
	if n := len(c.shares); s != nil && (n == 0 || c.shares[n-1] != s) {
		c.shares = append(c.shares, s)
		s.holders++
	}
	r.in.add(uint64(events), len(data))
	r.waiting.add(uint64(events), len(data))
	select {
	case r.filled <- struct{}{}:
	default:
	}
}

// last returns the chunk that takes the next n octets.
func (r *ring) last(tag string, n int) *chunk {
	if at := len(r.chunks) - 1; at >= 0 && r.chunks[at].tag == tag && len(r.chunks[at].data)+n <= r.size {
		return r.chunks[at]
	}
	c := r.make(n)
	c.tag = tag
	r.chunks = append(r.chunks, c)
	return c
}

// make returns an empty chunk with room for n octets. The oldest give way to it.
func (r *ring) make(n int) *chunk {
	size := max(n, r.size)
	for r.memory+size > r.limit {
		if k := len(r.free); k > 0 && n <= r.size {
			break
		} else if k > 0 {
			r.free = r.free[:k-1]
			r.memory -= r.size
		} else if len(r.chunks) > 0 {
			r.drop(r.pop())
		} else {
			break
		}
	}
	if k := len(r.free); k > 0 && n <= r.size {
		c := r.free[k-1]
		r.free = r.free[:k-1]
		return c
	}
	r.memory += size
	return &chunk{data: make([]byte, 0, size)}
}

// pop takes the oldest chunk out.
func (r *ring) pop() *chunk {
	c := r.chunks[0]
	n := copy(r.chunks, r.chunks[1:])
	r.chunks[n] = nil
	r.chunks = r.chunks[:n]
	return c
}

func (r *ring) drop(c *chunk) {
	r.dropped.add(c.events, len(c.data))
	r.release(c, true)
}

// release accounts for c and makes its memory available again, unless it is of
// unusual size or the ring has become smaller.
func (r *ring) release(c *chunk, dropped bool) {
	r.waiting.sub(c.events, len(c.data))
	for i, s := range c.shares {
		r.leave(s, dropped)
		c.shares[i] = nil
	}
	c.shares = c.shares[:0]
	r.room.Broadcast()
	if cap(c.data) != r.size || r.memory > r.limit {
		r.memory -= cap(c.data)
		return
	}
	c.data, c.events = c.data[:0], 0
	r.free = append(r.free, c)
}

// drain appends the oldest events to dst, room octets at most. A chunk that
// never will fit, because it alone is more than a batch, is dropped.
func (r *ring) drain(dst []byte, room int) []byte {
	room = min(room, r.batch)
	for {
		c := r.take(room)
		if c == nil {
			return dst
		}
		room -= len(c.data)
		dst = append(dst, c.data...)
		r.delivered(c)
	}
}

// take returns the oldest chunk if it has no more than room octets, else nil. It
// must be delivered or given back.
func (r *ring) take(room int) *chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.chunks) > 0 && len(r.chunks[0].data) > r.batch {
		r.drop(r.pop())
	}
	if len(r.chunks) == 0 || len(r.chunks[0].data) > room {
		return nil
	}
	return r.pop()
}

// delivered says that the events of c have been handed over.
func (r *ring) delivered(c *chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.add(c.events, len(c.data))
	r.release(c, false)
}

// giveBack puts chunks that were taken in front again, oldest first.
func (r *ring) giveBack(cs []*chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks = slices.Insert(r.chunks, 0, cs...)
}

// giveUp drops all that waits.
func (r *ring) giveUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.chunks) > 0 {
		r.drop(r.pop())
	}
}

// resize gives the ring other limits. What is beyond them is dropped as more comes.
func (r *ring) resize(limit, batch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setLimit(limit)
	r.batch = batch
	for len(r.free) > 0 && r.memory > r.limit {
		r.free = r.free[:len(r.free)-1]
		r.memory -= r.size
	}
	for len(r.chunks) > 0 && r.memory > r.limit {
		r.drop(r.pop())
	}
}

// Counts of a ring at one moment: In = Out + Dropped + Waiting.
type Counts struct {
	In, Out, Dropped, Waiting Count

	Lost uint64 // flows of batches of which something was dropped
}

func (r *ring) counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Counts{In: r.in, Out: r.out, Dropped: r.dropped, Waiting: r.waiting, Lost: r.lost}
}

// continues tells whether the oldest events have this tag.
func (r *ring) continues(tag string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.chunks) > 0 && r.chunks[0].tag == tag
}
