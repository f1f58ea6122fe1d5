package encode

import (
	"github.com/weirflow/weir/shared/flow"
)

// A msgpackPlan is what an Encoder needs to know to write the records of one
// shape as msgpack. A record is pieces, one behind the other; the values of
// fixed width are patched into them.
type msgpackPlan struct {
	shape   shape
	pieces  []piece
	windows []window
	stamps  int // columns of times
	block   int // how many records can be written at once

	time uint32 // where the event's time stands; 0: it has none

	count   spot   // the number of entries of the map that takes the extras
	entries uint16 // how many it has without them

	exporters []spot // the texts of the exporter's address
	baked     addrMemo
}

// A spot is a place among the octets that all records share. Behind is how often
// the exporter's text stands before it in the same piece; it is not counted in at.
type spot struct {
	piece, at int
	behind    int
}

// in returns where the spot is behind the start of its piece, for an exporter
// whose text has n octets.
func (s spot) in(n int) int { return s.at + s.behind*n }

// A piece is a stretch of octets that all records share, but for what is
// patched into it, and a value of no fixed width behind it.
type piece struct {
	plain []byte    // without the exporter
	texts int       // how often the exporter belongs there
	fixed []byte    // with the one that is in place
	short [128]byte // fixed, if it is short
	last  bool      // nothing stands behind it that may be overwritten
	value
	blob *[256]blob // value, by the column's
	part string     // what blob was made of
}

// A window is a stretch of a piece that values are patched into. Places in it
// have 8 bits, so that no bounds need to be checked.
type window struct {
	spot
	places []place
	stamps []stampPlace
	macs   []macPlace
	spans  []uint8 // where a duration stands
}

// view is what a window shows of a record.
type view [256 + 32]byte

// A place is where the value of a column stands in a window, or the values of
// a pair of columns.
type place struct {
	code      uint8 // a flow.Field, or a pair's
	off, off2 uint8
}

// A stampPlace is where the text of a time stands, 24, 27 or 30 octets.
type stampPlace struct {
	field     flow.Field
	column    int // of the plan's times
	off, size uint8
}

// A macPlace is where the text of a MAC stands.
type macPlace struct {
	field flow.Field
	off   uint8
	sep   byte
	hex   string
}

// Octets that msgpack values of our kinds begin with.
const (
	mpFixMap   = 0x80
	mpFixArray = 0x90
	mpArray2   = 0x92
	mpStr      = 0xa0 // with the length, below 32
	mpUint8    = 0xcc
	mpUint16   = 0xcd
	mpUint32   = 0xce
	mpUint64   = 0xcf
	mpInt64    = 0xd3
	mpExt8     = 0xd7 // of 8 octets
	mpStr8     = 0xd9
	mpStr16    = 0xda
	mpStr32    = 0xdb
	mpMap16    = 0xde
)

func appendKey(dst []byte, s string) []byte {
	if len(s) < 32 {
		dst = append(dst, mpStr|byte(len(s)))
	} else {
		dst = append(dst, mpStr8, byte(len(s)))
	}
	return append(dst, s...)
}

// planMsgpack returns the plan for records of the shape s.
func (e *Encoder) planMsgpack(s shape) *msgpackPlan {
	if p := e.lastMap; p != nil && p.shape == s {
		return p
	}
	p := e.msgpack[s]
	if p == nil {
		p = keep(e.msgpack, s, e.compileMsgpack(s))
	}
	e.lastMap = p
	return p
}

// Traits of a msgpack record, behind those of its columns.
const (
	hasExtras = 1 << (lastTrait + iota)
	isEvent   // with what Fluent Bit wants before it
	isEntry   // with what the Forward protocol wants
	namedIPv6 // columns go by the names for IPv6
	hasDomain // for metadata
	hasRate
	lastMsgpackTrait
)

// The protocol's version is in a shape above its traits, for metadata.
const versionAt = 32

const _ = uint(1<<versionAt - lastMsgpackTrait) // they do not meet

// shape returns the shape of f with head before it: isEvent, isEntry or 0.
func (e *Encoder) shape(f *flow.Flow, head uint64) shape {
	only := &e.opts.Fields
	s := shape{f.Set[0] & only[0], f.Set[1] & only[1], traits(f, !e.profile.numericTimes()) | head}
	if f.HasExtra() && !e.opts.NoExtras {
		s.traits |= hasExtras
	}
	if f.IsIPv6() {
		s.traits |= namedIPv6
	}
	if e.opts.Meta {
		s.traits |= uint64(f.Version) << versionAt
		if f.Set.Has(flow.FieldDomain) {
			s.traits |= hasDomain
		}
		if f.Set.Has(flow.FieldSamplingRate) {
			s.traits |= hasRate
		}
	}
	return s
}

func (s shape) has(trait uint64) bool { return s.traits&trait != 0 }

// bake puts the text of an exporter in place, if it isn't there.
func (p *msgpackPlan) bake(m *addrMemo) {
	if p.baked.n > 0 && p.baked.addr == m.addr {
		return
	}
	p.baked = *m
	for i := 0; i < len(p.exporters); {
		q := &p.pieces[p.exporters[i].piece]
		q.fixed = q.fixed[:0]
		from := 0
		for n := i + q.texts; i < n; i++ {
			at := p.exporters[i].at
			q.fixed = append(append(q.fixed, q.plain[from:at]...), m.text[:m.n]...)
			from = at
		}
		q.fixed = append(q.fixed, q.plain[from:]...)
		copy(q.short[:], q.fixed)
	}
}
