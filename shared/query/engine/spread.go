package engine

import (
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// until returns ⌊volume·(t−start)/(end−start)⌋, t clipped to [start, end]: what
// a flow had carried by t. start is before end.
func until(volume uint64, start, end, t int64) uint64 {
	switch {
	case t <= start:
		return 0
	case t >= end:
		return volume
	}
	hi, lo := bits.Mul64(volume, uint64(t)-uint64(start))
	if hi == 0 {
		return lo / (uint64(end) - uint64(start))
	}
	q, _ := bits.Div64(hi, lo, uint64(end)-uint64(start)) // q < volume, so hi is less than the divisor
	return q
}

// within returns the part of a flow's volume that lies in [from, to): SEMANTICS,
// Rates over time. The parts of adjoining intervals add up to the volume. A
// volume of 1 lies where the flow ended.
func within(volume uint64, start, end, from, to int64) uint64 {
	if start >= end {
		if from <= start && start < to {
			return volume
		}
		return 0
	}
	return until(volume, start, end, to) - until(volume, start, end, from)
}

// overlaps tells whether a flow was seen in [from, to).
func overlaps(start, end, from, to int64) bool {
	if start >= end {
		return from <= start && start < to
	}
	return start < to && end > from
}

// inside tells whether all of a flow lies in [from, to).
func inside(start, end, from, to int64) bool {
	return start >= from && (end < to || end == to && start < end)
}

// Bins follow each other from a time on, each of the same width.
type bins struct {
	from, width int64
	n           int
	inverse     float64 // of width
}

func binsOf(r *query.Request) bins {
	return bins{r.From, r.Bin, r.Bins(), 1 / float64(r.Bin)}
}

// at returns the bin that t lies in, from b.from on. A division is slow: this is a
// multiplication, and what sets it right where it is beside a bin's border.
func (b *bins) at(t int64) int {
	k := int64(float64(t-b.from) * b.inverse)
	rest := t - b.from - k*b.width
	return int(k + rest>>63 - (b.width-1-rest)>>63) // one less below 0, one more from the width on
}

// touched returns the first bin and the last that a flow was seen in, of what it
// has in [from, to), which lies in the bins.
func (b *bins) touched(start, end, from, to int64) (first, last int) {
	first = b.at(max(start, from))
	if start >= end {
		return first, first
	}
	return first, b.at(min(end, to) - 1)
}

// spread adds to each bin of to what a flow's volume has in it and in [from, before).
func (b *bins) spread(to []uint64, volume uint64, start, end, from, before int64) {
	if inside(start, end, from, before) && uint64(end)-uint64(start) < shortFlow && volume < smallVolume {
		b.spreadWhole(to, volume, start, end)
		return
	}
	k := b.at(max(start, from))
	t, limit := b.from+int64(k)*b.width, min(end, before) // limit-t is at most the interval's length
	if start >= end {
		to[k] = flow.Plus(to[k], volume)
		return
	}
	had := until(volume, start, end, from)
	for ; limit-t > b.width; k++ {
		t += b.width
		has := until(volume, start, end, t)
		to[k] = flow.Plus(to[k], has-had)
		had = has
	}
	to[k] = flow.Plus(to[k], until(volume, start, end, before)-had)
}

// Below these, a product of doubles is less than 1 away from what until returns.
const (
	shortFlow   = 1 << 60 // nanoseconds
	smallVolume = 1 << 50
)

// spreadWhole does what spread does for a short flow of a small volume that lies in
// the bins, with until's divisions replaced by multiplications that are then set
// right.
func (b *bins) spreadWhole(to []uint64, volume uint64, start, end int64) {
	k := b.at(start)
	d := b.from + int64(k+1)*b.width - start // to the end of the bin
	length := end - start
	if d >= length {
		to[k] = flow.Plus(to[k], volume)
		return
	}
	had, share := int64(0), float64(int64(volume))/float64(length)
	for ; d < length; k++ {
		has := int64(float64(d) * share)
		// The remainder is small, so that it is right although the products may wrap.
		rest := int64(volume)*d - has*length
		has += rest>>63 - (length-1-rest)>>63 // one less below 0, one more from length on
		to[k] = flow.Plus(to[k], uint64(has-had))
		had, d = has, d+b.width
	}
	to[k] = flow.Plus(to[k], volume-uint64(had))
}
