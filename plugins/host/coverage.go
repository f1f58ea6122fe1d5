package host

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// step is how finely coverage is kept, in nanoseconds of event time, and steps
// how many of them are remembered: about two days.
const (
	step  = 60e9
	steps = 3000
)

// A share is a number of rows that end in one step.
type share struct {
	step int64
	rows uint32
}

// shares counts the rows of fl by step. Rows mostly come in order, so this is
// short.
func shares(dst []share, fl []flow.Flow) []share {
	for i := range fl {
		s := fl[i].End / step
		if n := len(dst); n > 0 && dst[n-1].step == s {
			dst[n-1].rows++
		} else {
			dst = append(dst, share{s, 1})
		}
	}
	return dst
}

// coverage remembers for each step how many rows were fed and how many of them
// reached the detector.
type coverage map[int64]struct{ fed, seen uint64 }

func (c coverage) add(of []share, seen bool) {
	for _, s := range of {
		x := c[s.step]
		x.fed += uint64(s.rows)
		if seen {
			x.seen += uint64(s.rows)
		}
		c[s.step] = x
	}
	if len(c) <= steps {
		return
	}
	keys := make([]int64, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys[:len(keys)-steps*9/10] {
		delete(c, k)
	}
}

// of returns the share of the rows in the window that were seen; 1 if none were
// fed.
func (c coverage) of(start, end int64) float64 {
	var fed, seen uint64
	add := func(k int64) {
		fed += c[k].fed
		seen += c[k].seen
	}
	first, last := start/step, (end-1)/step
	if uint64(last-first) < uint64(len(c)) {
		for k := first; k <= last; k++ {
			add(k)
		}
	} else {
		for k := range c {
			if k >= first && k <= last {
				add(k)
			}
		}
	}
	if fed == 0 {
		return 1
	}
	return float64(seen) / float64(fed)
}
