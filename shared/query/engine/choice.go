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
	whole      bool     // rows are identity's: all of the block
	own        []uint16 // room for rows
	timed      bool     // start and end are wanted even where all counts
	start, end []int64  // of each, when its flow was seen; where cut or timed
	from, to   []int64  // of each, the part of the interval that counts; with Dedup
	cut        bool     // of some flow, not all counts
	volume     []uint64 // scratch: see volumes
	part       []uint64 // scratch: see parts
	set        []uint64 // scratch: a bit for each row
}

func newChoice(r *query.Request) *choice {
	c := &choice{r: r, own: make([]uint16, 0, blockRows), timed: r.Series || r.Folds() || r.Dedup || r.Shape == query.Conversations}
	if r.Filter != nil {
		c.filter = r.Filter.Scan()
	}
	return c
}

// of chooses the rows of b that were seen in [from, to), and tells whether there
// are any.
func (c *choice) of(b *Block, from, to int64) bool {
	c.block, c.rows, c.from, c.to = b, nil, c.from[:0], c.to[:0]
	if b.start >= to || b.end < from {
		return false
	}
	c.cut = b.start < from || b.end >= to
	if c.whole = !c.cut && c.filter == nil; c.whole {
		c.rows = identity[:b.rows]
	} else {
		c.some(from, to)
	}
	if c.cut || c.timed {
		c.spans()
	}
	return len(c.rows) > 0
}

// some chooses by time and filter.
func (c *choice) some(from, to int64) {
	n := (c.block.rows + 63) / 64
	c.set = slices.Grow(c.set[:0], n)[:n]
	if c.cut {
		c.seen(from, to)
	} else {
		c.all()
	}
	if c.filter != nil {
		c.filter.Select(c.block, c.set)
	}
	rows := c.own[:blockRows]
	n = 0
	for w, left := range c.set {
		for ; left != 0; left &= left - 1 {
			rows[n] = uint16(w*64 + bits.TrailingZeros64(left))
			n++
		}
	}
	if c.rows, c.whole = rows[:n], n == c.block.rows; c.whole {
		c.rows = identity[:n]
	}
}

// identity are the rows of a full block.
var identity = func() (all [blockRows]uint16) {
	for i := range all {
		all[i] = uint16(i)
	}
	return all
}()

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

// keep returns rows, to be kept.
func (c *choice) keep() []uint16 {
	if c.whole {
		return c.rows
	}
	return slices.Clone(c.rows)
}

// again chooses what was chosen before.
func (c *choice) again(x *kept) {
	c.block, c.rows, c.from, c.to, c.cut = x.block, x.rows, append(c.from[:0], x.from...), append(c.to[:0], x.to...), x.cut
	c.whole = len(x.rows) == x.block.rows && len(x.from) == 0
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
// valid until the next call, and may be the block's own.
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
	switch b := c.block; {
	case (raw || b.mostRate <= 1) && c.whole:
		return values.u64[:b.rows]
	case raw || b.mostRate <= 1:
		for k, i := range c.rows {
			c.volume[k] = values.u64[i]
		}
	case b.leastRate == b.mostRate && c.whole:
		rate := uint64(b.mostRate)
		for k, v := range values.u64[:len(c.volume)] {
			c.volume[k] = flow.Times(v, rate)
		}
	case b.leastRate == b.mostRate:
		rate := uint64(b.mostRate)
		for k, i := range c.rows {
			c.volume[k] = flow.Times(values.u64[i], rate)
		}
	default:
		rates := b.cols[flow.FieldSamplingRate].u32
		for k, i := range c.rows {
			c.volume[k] = flow.Times(values.u64[i], uint64(max(rates[i], 1)))
		}
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
	flows, unknown, sampled := uint64(len(c.rows)), uint64(0), uint64(0)
	least, most := uint32(math.MaxUint32), uint32(0)
	var ended []uint64
	if c.cut {
		ended = c.parts(c.volumes(query.Records, true))
		flows = sumOf(ended)
	}
	switch b := c.block; {
	case b.mostRate == 0:
		unknown = flows
	case b.leastRate > 1:
		sampled, least, most = flows, b.leastRate, b.mostRate
	case b.leastRate == 1 && b.mostRate == 1:
	default:
		rates := b.cols[flow.FieldSamplingRate].u32
		for k, i := range c.rows {
			n := uint64(1)
			if c.cut {
				n = ended[k]
			}
			switch rate := rates[i]; {
			case rate == 0:
				unknown += n
			case rate > 1:
				sampled += n
				least, most = min(least, rate), max(most, rate)
			}
		}
	}
	a.Flows, a.Unknown, a.Sampled = a.Flows+flows, a.Unknown+unknown, a.Sampled+sampled
	if most > 0 {
		if a.MostRate > 0 {
			least = min(least, a.LeastRate)
		}
		a.LeastRate, a.MostRate = least, max(most, a.MostRate)
	}
}

// sampled returns of each row the packets that count and were sampled, nil if there
// are none. It is valid until the next call.
func (c *choice) sampled() []uint64 {
	packets := c.block.cols[flow.FieldPackets]
	switch b := c.block; {
	case packets == nil || b.mostRate <= 1:
		return nil
	case b.leastRate > 1:
		return c.parts(c.volumes(query.Packets, true))
	}
	rates := c.block.cols[flow.FieldSamplingRate]
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
