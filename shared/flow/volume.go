package flow

import (
	"math"
	"math/bits"
)

// Plus adds two volumes. What 64 bits don't hold is the most that they do: exporters
// can send any counter.
func Plus(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	return sum | -carry
}

// Times multiplies a volume by a sampling rate, likewise.
func Times(volume, rate uint64) uint64 {
	if hi, lo := bits.Mul64(volume, rate); hi == 0 {
		return lo
	}
	return math.MaxUint64
}
