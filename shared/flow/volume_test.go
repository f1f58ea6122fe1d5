package flow

import (
	"math"
	"testing"
)

func TestVolume(t *testing.T) {
	const most = math.MaxUint64
	for _, x := range []struct{ a, b, sum, product uint64 }{
		{0, 0, 0, 0},
		{2, 3, 5, 6},
		{most, 0, most, 0},
		{most, 1, most, most},
		{most - 1, 1, most, most - 1},
		{1 << 32, 1 << 32, 1 << 33, most},
		{1<<32 - 1, 1<<32 + 1, 1 << 33, most},
		{most, most, most, most},
	} {
		if sum, product := Plus(x.a, x.b), Times(x.a, x.b); sum != x.sum || product != x.product {
			t.Errorf("%d and %d: sum %d, product %d; want %d, %d", x.a, x.b, sum, product, x.sum, x.product)
		}
	}
}
