package engine

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// naivePart is SEMANTICS, Rates over time, in big integers: what a flow's volume has
// in [from, to).
func naivePart(volume uint64, start, end, from, to int64) *big.Int {
	if start >= end {
		if from <= start && start < to {
			return new(big.Int).SetUint64(volume)
		}
		return new(big.Int)
	}
	until := func(t int64) *big.Int {
		t = min(max(t, start), end)
		x := new(big.Int).Mul(new(big.Int).SetUint64(volume), big.NewInt(t-start))
		return x.Div(x, big.NewInt(end-start))
	}
	return new(big.Int).Sub(until(to), until(from))
}

func TestSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 20000 {
		volume := r.Uint64() >> r.IntN(64)
		width := 1 + r.Int64N(1<<r.IntN(40))
		from := epoch - r.Int64N(1<<40)
		to := make([]uint64, 1+r.IntN(50))
		before := from + width*int64(len(to)) - r.Int64N(width) // the last bin may be cut
		start := from + r.Int64N(before-from)
		end := start + r.Int64N(before-start+1)
		if r.IntN(3) == 0 { // partly outside
			start, end = start-r.Int64N(width*3), end+r.Int64N(width*3)
		}
		if !overlaps(start, end, from, before) {
			continue
		}
		b := bins{from, width, len(to), 1 / float64(width)}
		b.spread(to, volume, start, end, from, before)
		first, last := b.touched(start, end, from, before)
		sum := uint64(0)
		for k, got := range to {
			a, z := from+int64(k)*width, min(from+int64(k+1)*width, before)
			if want := naivePart(volume, start, end, a, z); want.Cmp(new(big.Int).SetUint64(got)) != 0 {
				t.Fatalf("bin %d of %d over [%d, %d): %d, not %v", k, volume, start, end, got, want)
			}
			if got != within(volume, start, end, a, z) {
				t.Fatalf("within differs in bin %d", k)
			}
			if touched := first <= k && k <= last; touched != overlaps(start, end, a, z) {
				t.Fatalf("bin %d is touched: %v", k, touched)
			}
			sum += got
		}
		if start >= from && end <= before && sum != volume {
			t.Fatalf("bins have %d of %d", sum, volume)
		}
	}
}
