package store

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// A dictionary numbers distinct values in the order in which they come first. The
// zero value is ready.
type dictionary struct {
	values []uint64
	table  []uint32 // open addressing: a number and one, or 0 for a free place
	small  []uint32 // by value, where values have 16 bits
}

// seed keeps whoever chooses addresses from choosing collisions.
var seed = rand.Uint64()

func (d *dictionary) reset() {
	d.values = d.values[:0]
	clear(d.table)
}

// number appends the number of each of v to dst. It gives up, and returns false,
// when there are more than limit.
func (d *dictionary) number(dst []uint32, v []uint64, limit int) ([]uint32, bool) {
	d.reset()
	if len(d.table) == 0 {
		d.table = make([]uint32, 1<<10)
	}
	dst = slices.Grow(dst, len(v))
	mask := uint64(len(d.table) - 1)
	last, n := uint64(0), uint32(0) // n: number of last and one
	for _, x := range v {
		if n != 0 && x == last {
			dst = append(dst, n-1)
			continue
		}
		h := hash(x)
		for {
			n = d.table[h&mask]
			if n == 0 || d.values[n-1] == x {
				break
			}
			h++
		}
		if n == 0 {
			if len(d.values) == limit {
				return dst, false
			}
			d.values = append(d.values, x)
			n = uint32(len(d.values))
			d.table[h&mask] = n
			if 2*len(d.values) > len(d.table) {
				d.grow()
				mask = uint64(len(d.table) - 1)
			}
		}
		last = x
		dst = append(dst, n-1)
	}
	return dst, true
}

func (d *dictionary) grow() {
	d.table = make([]uint32, 4*len(d.table))
	mask := uint64(len(d.table) - 1)
	for i, x := range d.values {
		h := hash(x)
		for d.table[h&mask] != 0 {
			h++
		}
		d.table[h&mask] = uint32(i) + 1
	}
}

func hash(x uint64) uint64 {
	high, low := bits.Mul64(x^seed, 0x9e3779b97f4a7c15)
	return high ^ low
}

// numberSmall does it for values of at most 16 bits. Numbers are in the order of
// the values.
func (d *dictionary) numberSmall(dst []uint32, v []uint64) []uint32 {
	d.values = d.values[:0]
	if d.small == nil {
		d.small = make([]uint32, 1<<16)
	}
	clear(d.small)
	for _, x := range v {
		d.small[x&0xffff] = 1
	}
	for x, there := range d.small {
		if there != 0 {
			d.small[x] = uint32(len(d.values))
			d.values = append(d.values, uint64(x))
		}
	}
	dst = slices.Grow(dst, len(v))
	for _, x := range v {
		dst = append(dst, d.small[x&0xffff])
	}
	return dst
}
