package engine

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// A table numbers distinct keys in the order of their coming. A key is some words.
type table struct {
	n     int
	width int      // words of a key
	keys  []uint64 // of number i: width words from i·width on
	tab   []uint64 // open addressing; the upper half of a hash and a number + 1, or 0 for a free place
	seed  uint64

	hashes []uint64 // scratch
}

func newTable(width int) *table {
	return &table{width: width, tab: make([]uint64, 256), seed: rand.Uint64() | 1}
}

// hash mixes all bits of key: an IPv4 address has its entropy in the last four
// octets. The seed keeps an exporter from choosing keys that collide.
func (t *table) hash(key []uint64) uint64 {
	h := t.seed
	for _, w := range key {
		hi, lo := bits.Mul64(w^h, 0x9e3779b97f4a7c15)
		h = hi ^ lo ^ t.seed
	}
	return h ^ h>>32
}

// id returns the number of key, and whether it is a new one.
func (t *table) id(key []uint64) (id uint32, isNew bool) { return t.idOf(key, t.hash(key)) }

func (t *table) idOf(key []uint64, h uint64) (id uint32, isNew bool) {
	mask := uint64(len(t.tab) - 1)
	for at := h; ; at++ {
		switch x := t.tab[at&mask]; {
		case x == 0:
			t.keys = append(t.keys, key...)
			t.n++
			t.tab[at&mask] = h&^(1<<32-1) | uint64(t.n)
			if t.n*2 > len(t.tab) {
				t.rehash()
			}
			return uint32(t.n - 1), true
		case x>>32 == h>>32 && slices.Equal(t.key(uint32(x)-1), key):
			return uint32(x) - 1, false
		}
	}
}

// idsOf sets ids to the numbers of keys, which stand one behind the other. All are
// hashed first, then looked up, then compared: so that the processor waits for many
// places at a time.
func (t *table) idsOf(keys []uint64, ids []uint32) {
	t.hashes = slices.Grow(t.hashes[:0], len(ids))[:len(ids)]
	w, hashes := t.width, t.hashes
	for k := range hashes {
		hashes[k] = t.hash(keys[k*w : (k+1)*w])
	}
	tab, mask := t.tab, uint64(len(t.tab)-1)
	for k, h := range hashes {
		// What is 0 here is none, or to be looked for.
		x := tab[h&mask]
		if x>>32 != h>>32 {
			x = 0
		}
		ids[k] = uint32(x)
	}
	for k, n := range ids {
		key := keys[k*w : (k+1)*w]
		differ := uint64(1)
		if n != 0 {
			differ = 0
			for i, v := range t.key(n - 1) {
				differ |= v ^ key[i]
			}
		}
		if ids[k] = n - 1; differ != 0 {
			ids[k], _ = t.idOf(key, hashes[k])
		}
	}
}

// find returns the number of key, and whether there is one.
func (t *table) find(key []uint64) (id uint32, ok bool) {
	mask := uint64(len(t.tab) - 1)
	h := t.hash(key)
	for at := h; ; at++ {
		switch x := t.tab[at&mask]; {
		case x == 0:
			return 0, false
		case x>>32 == h>>32 && slices.Equal(t.key(uint32(x)-1), key):
			return uint32(x) - 1, true
		}
	}
}

func (t *table) key(id uint32) []uint64 {
	return t.keys[int(id)*t.width : (int(id)+1)*t.width]
}

func (t *table) rehash() {
	t.tab = make([]uint64, 4*len(t.tab))
	mask := uint64(len(t.tab) - 1)
	for id := range t.n {
		h := t.hash(t.key(uint32(id)))
		at := h
		for t.tab[at&mask] != 0 {
			at++
		}
		t.tab[at&mask] = h&^(1<<32-1) | uint64(id+1)
	}
}
