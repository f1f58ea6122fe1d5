package template

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// A table against a map: keys that meet, entries that are replaced, removed and
// put again.
func TestTable(t *testing.T) {
	var x table[int]
	want := map[uint64]int{}
	rnd := rand.New(rand.NewPCG(1, 2))
	check := func() {
		t.Helper()
		if x.n != len(want) {
			t.Fatalf("%d entries, want %d", x.n, len(want))
		}
		got := map[uint64]int{}
		x.all(func(key uint64, v *int) { got[key] = *v })
		for key, v := range want {
			if p := x.get(key); p == nil || *p != v || got[key] != v {
				t.Fatalf("key %d is %v, %d; want %d", key, p, got[key], v)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d entries, want %d", len(got), len(want))
		}
	}
	for i := range 20_000 {
		key := uint64(rnd.IntN(1500)) << 16
		if most := 1 + i%3000; rnd.IntN(3000) < most {
			x.put(&entry[int]{key: key, value: i})
			want[key] = i
		} else {
			x.remove(key)
			delete(want, key)
		}
		if i < 300 || i%500 == 0 {
			check()
		}
	}
	for key := range want {
		x.remove(key)
	}
	clear(want)
	check()
	if slots := len(*x.slots.Load()); slots > 16384 {
		t.Errorf("%d slots for 1,500 keys", slots)
	}
	if x.get(1) != nil || x.get(0) != nil { // a dead entry's own key
		t.Error("a key that was never put")
	}
}

// Readers find what stays, whatever else comes and goes. Run it with -race.
func TestTableReaders(t *testing.T) {
	var x table[uint64]
	x.put(&entry[uint64]{key: 7, value: 7})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if v := x.get(7); v == nil || *v != 7 {
					t.Error("an entry that stays is not found")
					return
				}
				x.all(func(key uint64, v *uint64) {
					if key != *v {
						t.Error("an entry has another's value")
					}
				})
			}
		})
	}
	for i := range uint64(20_000) {
		x.put(&entry[uint64]{key: 100 + i%300, value: 100 + i%300})
		x.remove(100 + (i*7)%300)
	}
	close(stop)
	wg.Wait()
}
