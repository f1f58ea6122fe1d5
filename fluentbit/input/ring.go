package input

import "sync"

// A ring keeps events in the order of their arrival, in chunks of whole events.
// It never grows beyond its limit: a full ring gives up its oldest chunk. Any
// number of goroutines may use it at once.
type ring struct {
	size  int // octets at which a chunk is full
	most  int // chunks
	batch int // octets that are drained at once, at most

	mu      sync.Mutex
	chunks  []*chunk // oldest first; the last one is being filled
	free    []*chunk
	made    int // chunks that exist
	waiting Count
	in      Count
	out     Count
	dropped Count
}

// A chunk is a run of whole events.
type chunk struct {
	data   []byte
	events uint64
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
	return &ring{size: size, most: max(2, limit/size), batch: batch}
}

// add adds events, whole ones, that follow one another in data.
func (r *ring) add(events int, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.last(len(data))
	c.data = append(c.data, data...)
	c.events += uint64(events)
	r.in.add(uint64(events), len(data))
	r.waiting.add(uint64(events), len(data))
}

// last returns the chunk that takes the next n octets.
func (r *ring) last(n int) *chunk {
	if at := len(r.chunks) - 1; at >= 0 && len(r.chunks[at].data)+n <= r.size {
		return r.chunks[at]
	}
	if len(r.free) == 0 && r.made == r.most && len(r.chunks) > 0 {
		r.drop(r.pop())
	}
	var c *chunk
	if n := len(r.free); n > 0 {
		c, r.free = r.free[n-1], r.free[:n-1]
	} else {
		c = &chunk{data: make([]byte, 0, r.size)}
		r.made++
	}
	r.chunks = append(r.chunks, c)
	return c
}

// pop takes the oldest chunk out.
func (r *ring) pop() *chunk {
	c := r.chunks[0]
	n := copy(r.chunks, r.chunks[1:])
	r.chunks[n] = nil
	r.chunks = r.chunks[:n]
	r.waiting.sub(c.events, len(c.data))
	return c
}

func (r *ring) drop(c *chunk) {
	r.dropped.add(c.events, len(c.data))
	r.release(c)
}

// release makes c's memory available again, unless an event of unusual length
// has blown it up.
func (r *ring) release(c *chunk) {
	if cap(c.data) > 2*r.size {
		r.made--
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
		r.mu.Lock()
		r.release(c)
		r.mu.Unlock()
	}
}

// take returns the oldest chunk if it has no more than room octets, else nil.
func (r *ring) take(room int) *chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.chunks) > 0 && len(r.chunks[0].data) > r.batch {
		r.drop(r.pop())
	}
	if len(r.chunks) == 0 || len(r.chunks[0].data) > room {
		return nil
	}
	c := r.pop()
	r.out.add(c.events, len(c.data))
	return c
}

// Counts of a ring at one moment: In = Out + Dropped + Waiting.
type Counts struct {
	In, Out, Dropped, Waiting Count
}

func (r *ring) counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Counts{In: r.in, Out: r.out, Dropped: r.dropped, Waiting: r.waiting}
}
