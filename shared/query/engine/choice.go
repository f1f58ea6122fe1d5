package engine

import (
	"math"
	"math/bits"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A choice is what counts of a block: rows that were seen in the interval and that
// the filter chooses. It is used for one block after the other.
type choice struct {
	r      *query.Request
	filter *query.Scan // nil: all rows

	block      *Block
	rows       []uint16 // with Dedup a row may be there several times
	start, end []int64  // of each, when its flow was seen
	from, to   []int64  // of each, the part of the interval that counts; with Dedup
	cut        bool     // of some flow, not all counts
	volume     []uint64 // scratch: see volumes
	part       []uint64 // scratch: see parts
	set        []uint64 // scratch: a bit for each row
}

func newChoice(r *query.Request) *choice {
	c := &choice{r: r}
	if r.Filter != nil {
		c.filter = r.Filter.Scan()
	}
	return c
}

// of chooses the rows of b that were seen in [from, to), and tells whether there
// are any.
func (c *choice) of(b *Block, from, to int64) bool {
	c.block, c.rows, c.from, c.to = b, c.rows[:0], c.from[:0], c.to[:0]
	if b.start >= to || b.end < from {
		return false
	}
	c.set = slices.Grow(c.set[:0], (b.rows+63)/64)[:(b.rows+63)/64]
	c.cut = b.start < from || b.end >= to
	if !c.cut {
		c.all()
	} else {
		c.seen(from, to)
	}
	if c.filter != nil {
		c.filter.Select(b, c.set)
	}
	c.rows = slices.Grow(c.rows[:0], b.rows)[:b.rows]
	n := 0
	for w, left := range c.set {
		for ; left != 0; left &= left - 1 {
			c.rows[n] = uint16(w*64 + bits.TrailingZeros64(left))
			n++
		}
	}
	c.rows = c.rows[:n]
	c.spans()
	return n > 0
}

// spans sets when the flows of rows were seen.
func (c *choice) spans() {
	b, n := c.block, len(c.rows)
	c.start, c.end = slices.Grow(c.start[:0], n)[:n], slices.Grow(c.end[:0], n)[:n]
	if !b.allHaveEnds {
		for k, i := range c.rows {
			c.start[k], c.end[k] = b.Span(int(i))
		}
		return
	}
	starts, ends := b.cols[flow.FieldStart].u64, b.cols[flow.FieldEnd].u64
	for k, i := range c.rows {
		start := int64(starts[i])
		c.start[k], c.end[k] = start, max(start, int64(ends[i]))
	}
}

// again chooses what was chosen before.
func (c *choice) again(x *kept) {
	c.block, c.rows, c.from, c.to, c.cut = x.block, append(c.rows[:0], x.rows...), append(c.from[:0], x.from...), append(c.to[:0], x.to...), x.cut
	c.spans()
}

func (c *choice) all() {
	for w := range c.set {
		c.set[w] = math.MaxUint64
	}
	if n := c.block.rows % 64; n > 0 {
		c.set[len(c.set)-1] = 1<<n - 1
	}
}

func (c *choice) seen(from, to int64) {
	for w := range c.set {
		word := uint64(0)
		for i := range min(64, c.block.rows-w*64) {
			if start, end := c.block.Span(w*64 + i); overlaps(start, end, from, to) {
				word |= 1 << i
			}
		}
		c.set[w] = word
	}
}

// volumes returns the whole volume of each row's flow, scaled unless raw. It is
// valid until the next call.
func (c *choice) volumes(of query.Volume, raw bool) []uint64 {
	c.volume = slices.Grow(c.volume[:0], len(c.rows))[:len(c.rows)]
	x := flow.FieldBytes
	switch of {
	case query.Packets:
		x = flow.FieldPackets
	case query.Records:
		for k := range c.volume {
			c.volume[k] = 1
		}
		return c.volume
	}
	values := c.block.cols[x]
	if values == nil {
		clear(c.volume)
		return c.volume
	}
	rates := c.block.cols[flow.FieldSamplingRate]
	if raw || rates == nil {
		for k, i := range c.rows {
			c.volume[k] = values.u64[i]
		}
		return c.volume
	}
	for k, i := range c.rows {
		c.volume[k] = flow.Times(values.u64[i], uint64(max(rates.u32[i], 1)))
	}
	return c.volume
}

// parts returns of each of volumes what counts. It is valid until the next call,
// and as long as volumes is.
func (c *choice) parts(volumes []uint64) []uint64 {
	if !c.cut {
		return volumes
	}
	c.part = slices.Grow(c.part[:0], len(volumes))[:len(volumes)]
	for k, v := range volumes {
		from, to := c.interval(k)
		if !inside(c.start[k], c.end[k], from, to) {
			v = within(v, c.start[k], c.end[k], from, to)
		}
		c.part[k] = v
	}
	return c.part
}

// interval returns what counts of row k's flow.
func (c *choice) interval(k int) (from, to int64) {
	if len(c.from) > 0 {
		return c.from[k], c.to[k]
	}
	return c.r.From, c.r.To
}

// add counts what is chosen in a.
func (c *choice) add(a *query.Answer) {
	rates := c.block.cols[flow.FieldSamplingRate]
	ended := c.parts(c.volumes(query.Records, true))
	flows, unknown, sampled := uint64(0), uint64(0), uint64(0)
	for _, n := range ended {
		flows += n
	}
	if rates == nil {
		unknown = flows
	} else {
		for k, i := range c.rows {
			switch rate := rates.u32[i]; {
			case rate == 0:
				unknown += ended[k]
			case rate > 1:
				sampled += ended[k]
			}
		}
	}
	a.Flows, a.Unknown, a.Sampled = a.Flows+flows, a.Unknown+unknown, a.Sampled+sampled
}

// sampled returns of each row the packets that count and were sampled, nil if there
// are none. It is valid until the next call.
func (c *choice) sampled() []uint64 {
	rates, packets := c.block.cols[flow.FieldSamplingRate], c.block.cols[flow.FieldPackets]
	if rates == nil || packets == nil {
		return nil
	}
	c.volume = slices.Grow(c.volume[:0], len(c.rows))[:len(c.rows)]
	all := uint64(0)
	for k, i := range c.rows {
		n := uint64(0)
		if rates.u32[i] > 1 {
			n = packets.u64[i]
		}
		c.volume[k] = n
		all |= n
	}
	if all == 0 {
		return nil
	}
	return c.parts(c.volume)
}
