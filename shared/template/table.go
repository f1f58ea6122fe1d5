package template

import "sync/atomic"

// A table maps numbers to values. Readers take no lock; a writer holds one of
// its owner's and copies nothing but when the table grows, so that neither
// suffers from an exporter that announces thousands of things. The zero table
// is empty. Nothing is ever removed.
type table[V any] struct {
	slots atomic.Pointer[[]atomic.Pointer[entry[V]]] // open addressing; the length is a power of two
	n     int                                        // entries; the writer's
}

// An entry is immutable.
type entry[V any] struct {
	key   uint64
	value V
}

func (t *table[V]) get(key uint64) (v V, ok bool) {
	slots := t.slots.Load()
	if slots == nil {
		return v, false
	}
	mask := uint64(len(*slots) - 1)
	for i := mix(key); ; i++ {
		e := (*slots)[i&mask].Load()
		if e == nil {
			return v, false
		}
		if e.key == key {
			return e.value, true
		}
	}
}

// put sets the value of key. The caller holds the writers' lock.
func (t *table[V]) put(key uint64, v V) {
	slots := t.slots.Load()
	if slots == nil || 2*(t.n+1) > len(*slots) {
		slots = t.grow(slots)
	}
	e := &entry[V]{key, v}
	if old := place(*slots, e); old == nil {
		t.n++
	}
}

// place stores e and returns the entry in whose place it is.
func place[V any](slots []atomic.Pointer[entry[V]], e *entry[V]) *entry[V] {
	mask := uint64(len(slots) - 1)
	for i := mix(e.key); ; i++ {
		old := slots[i&mask].Load()
		if old == nil || old.key == e.key {
			slots[i&mask].Store(e)
			return old
		}
	}
}

func (t *table[V]) grow(old *[]atomic.Pointer[entry[V]]) *[]atomic.Pointer[entry[V]] {
	n := 4
	if old != nil {
		n = 2 * len(*old)
	}
	slots := make([]atomic.Pointer[entry[V]], n)
	if old != nil {
		for i := range *old {
			if e := (*old)[i].Load(); e != nil {
				place(slots, e)
			}
		}
	}
	t.slots.Store(&slots)
	return &slots
}

// all calls f with each entry, in no order.
func (t *table[V]) all(f func(key uint64, v V)) {
	slots := t.slots.Load()
	if slots == nil {
		return
	}
	for i := range *slots {
		if e := (*slots)[i].Load(); e != nil {
			f(e.key, e.value)
		}
	}
}

// mix spreads the bits of a key: ids are small and close together.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
