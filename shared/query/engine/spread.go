package engine

import (
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
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
}

// touched returns the first bin and the last that a flow was seen in, of what it
// has in [from, to), which lies in the bins.
func (b *bins) touched(start, end, from, to int64) (first, last int) {
	first = int((max(start, from) - b.from) / b.width)
	if start >= end {
		return first, first
	}
	return first, int((min(end, to) - 1 - b.from) / b.width)
}

// spread adds to each bin of to what a flow's volume has in it and in [from, before).
func (b *bins) spread(to []uint64, volume uint64, start, end, from, before int64) {
	k := int((max(start, from) - b.from) / b.width)
	t, limit := b.from+int64(k)*b.width, min(end, before) // limit-t is at most the interval's length
	if start >= end || limit-t <= b.width && inside(start, end, from, before) {
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
