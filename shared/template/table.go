package template

import (
	"math/rand/v2"
	"sync/atomic"
)

// A table maps numbers to values. Readers take no lock; a writer holds one of
// its owner's and copies nothing but when the table grows, so that neither
// suffers from an exporter that announces thousands of things. The zero table
// is empty; one entry alone costs no more than itself.
type table[V any] struct {
	slots atomic.Pointer[[]atomic.Pointer[entry[V]]] // open addressing; the length is a power of two
	only  atomic.Pointer[entry[V]]                   // the one entry, as long as there are no slots
	dead  *entry[V]                                  // stands where an entry was removed; the writer's, as the rest
	n     int                                        // entries
	taken int                                        // slots that are not free: entries and dead
}

// An entry's key and dead never change; what may be in its value is up to V.
type entry[V any] struct {
	key   uint64
	dead  bool
	value V
}

// get returns the value of key, nil if there is none.
func (t *table[V]) get(key uint64) *V {
	slots := t.slots.Load()
	if slots == nil {
		if e := t.only.Load(); e != nil && e.key == key {
			return &e.value
		}
		return nil
	}
	mask := uint64(len(*slots) - 1)
	for i := mix(key); ; i++ {
		e := (*slots)[i&mask].Load()
		if e == nil {
			return nil
		}
		if e.key == key && !e.dead {
			return &e.value
		}
	}
}

// put makes e the entry of its key. The caller holds the writers' lock.
func (t *table[V]) put(e *entry[V]) {
	slots := t.slots.Load()
	if slots == nil {
		if old := t.only.Load(); old == nil || old.key == e.key {
			t.only.Store(e)
			t.n = 1
			return
		}
		slots = t.rebuild() // only stays: who saw no slots reads it yet
	} else if 2*(t.taken+1) > len(*slots) {
		slots = t.rebuild()
	}
	t.place(*slots, e)
}

func (t *table[V]) place(slots []atomic.Pointer[entry[V]], e *entry[V]) {
	mask := uint64(len(slots) - 1)
	var free *atomic.Pointer[entry[V]]
	for i := mix(e.key); ; i++ {
		slot := &slots[i&mask]
		switch old := slot.Load(); {
		case old == nil:
			if free == nil {
				free = slot
				t.taken++
			}
			free.Store(e)
			t.n++
			return
		case old.dead:
			if free == nil {
				free = slot
			}
		case old.key == e.key:
			slot.Store(e)
			return
		}
	}
}

// rebuild makes slots for the entries and as many again, without what is dead.
func (t *table[V]) rebuild() *[]atomic.Pointer[entry[V]] {
	size := 4
	for size < 3*(t.n+1) {
		size *= 2
	}
	slots := make([]atomic.Pointer[entry[V]], size)
	t.n, t.taken = 0, 0
	t.each(func(e *entry[V]) { t.place(slots, e) })
	t.slots.Store(&slots)
	return &slots
}

// remove takes key out. The caller holds the writers' lock.
func (t *table[V]) remove(key uint64) {
	slots := t.slots.Load()
	if slots == nil {
		if e := t.only.Load(); e != nil && e.key == key {
			t.only.Store(nil)
			t.n = 0
		}
		return
	}
	mask := uint64(len(*slots) - 1)
	for i := mix(key); ; i++ {
		slot := &(*slots)[i&mask]
		e := slot.Load()
		if e == nil {
			return
		}
		if e.key == key && !e.dead {
			if t.dead == nil {
				t.dead = &entry[V]{dead: true}
			}
			slot.Store(t.dead)
			t.n--
			return
		}
	}
}

// each calls f with each entry, in no order. The writer may remove entries
// meanwhile.
func (t *table[V]) each(f func(*entry[V])) {
	slots := t.slots.Load()
	if slots == nil {
		if e := t.only.Load(); e != nil {
			f(e)
		}
		return
	}
	for i := range *slots {
		if e := (*slots)[i].Load(); e != nil && !e.dead {
			f(e)
		}
	}
}

// all is each for keys and values.
func (t *table[V]) all(f func(key uint64, v *V)) {
	t.each(func(e *entry[V]) { f(e.key, &e.value) })
}

// empty tells whether nothing was ever put.
func (t *table[V]) empty() bool { return t.slots.Load() == nil && t.only.Load() == nil }

// seed keeps exporters from choosing keys that meet in one place.
var seed = rand.Uint64()

// mix spreads the bits of a key: ids are small and close together.
func mix(x uint64) uint64 {
	x ^= seed
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
