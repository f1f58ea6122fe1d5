package enrich

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/weirflow/weir/shared/flow"
)

// memory is how many things of a kind a worker remembers what it found for. Each
// has one slot where it can be, and takes it from the one before: what exporters
// send makes nothing grow.
const (
	memoryBits = 12
	memory     = 1 << memoryBits
)

// seed keeps an exporter from choosing things that share a slot.
var seed = maphash.Comparable(maphash.MakeSeed(), 0) | 1

// slot returns that of a number.
func slot(x uint64) int {
	x *= seed
	return int((x ^ x>>32) * 0x9e3779b97f4a7c15 >> (64 - memoryBits))
}

// addrSlot returns that of an address.
func addrSlot(a *flow.Addr) int {
	return slot(binary.LittleEndian.Uint64(a[:8])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(a[8:]))
}

// A store remembers values of an exporter's things, by its number and theirs.
type store[V any] struct {
	slots []remembered[V]
	era   uint32 // what is of another is forgotten
}

type remembered[V any] struct {
	id       uint64
	exporter uint32
	era      uint32
	value    V
}

// reset forgets everything.
func (s *store[V]) reset() {
	if s.era++; s.slots == nil || s.era == 0 {
		s.slots, s.era = make([]remembered[V], memory), 1
	}
}

// find returns where the value of a thing is, and whether it is there already;
// else the caller puts it there.
func (s *store[V]) find(exporter uint32, id uint64) (*V, bool) {
	r := &s.slots[slot(id^uint64(exporter)<<40)]
	if r.id == id && r.exporter == exporter && r.era == s.era {
		return &r.value, true
	}
	r.id, r.exporter, r.era = id, exporter, s.era
	return &r.value, false
}
