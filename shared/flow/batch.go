package flow

import (
	"encoding/binary"
	"iter"
	"strconv"
)

// A Batch is a run of records with the strings and extras that they refer to.
// The zero Batch is empty and ready. One goroutine uses it at a time; whoever
// receives a Batch may read it until it hands it back, and copies what it wants
// to keep.
type Batch struct {
	Flows    []Flow
	Options  []Option
	Counters []Counter
	Strings  Strings

	arena []byte
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	b.Flows = b.Flows[:0]
	b.Options = b.Options[:0]
	b.Counters = b.Counters[:0]
	b.Strings.Reset()
	b.arena = b.arena[:0]
}

// Grow appends n flows and returns them. They hold old values: the caller
// overwrites each as a whole.
func (b *Batch) Grow(n int) []Flow {
	l := len(b.Flows)
	if l+n > cap(b.Flows) {
		b.Flows = append(b.Flows, make([]Flow, n)...)
	} else {
		b.Flows = b.Flows[:l+n]
	}
	return b.Flows[l : l+n : l+n]
}

// Fill makes each of fl a copy of the first. It doubles what is done: few long
// copies are cheaper than many of a row.
func Fill(fl []Flow) {
	for n := 1; n < len(fl); n *= 2 {
		copy(fl[n:], fl[:n])
	}
}

// Octets of memory that a record takes, without its strings and extras.
const (
	flowSize    = 352
	optionSize  = 56
	counterSize = 160
)

// Size is how many octets of memory that which b holds takes.
func (b *Batch) Size() int {
	return flowSize*len(b.Flows) + optionSize*len(b.Options) + counterSize*len(b.Counters) + len(b.Strings.text) + len(b.arena)
}

// Full tells whether the batch holds so much that the records of one more
// datagram might not find room: offsets have 32 bits.
func (b *Batch) Full() bool { return len(b.arena) > 1<<31 || len(b.Flows) > 1<<28 }

// Arena appends n bytes to the arena and returns them with their offset. They
// hold old values.
func (b *Batch) Arena(n int) (off uint32, buf []byte) {
	l := len(b.arena)
	if n > cap(b.arena)-l {
		b.growArena(n)
	}
	all := b.arena[:l+n]
	b.arena = all
	return uint32(l), all[l:len(all):len(all)]
}

//go:noinline
func (b *Batch) growArena(n int) {
	b.arena = append(b.arena, make([]byte, n)...)
}

// An Element names an information element of a record: its enterprise number (0
// is IANA) and its id there. A record may hold an element more than once; Ord
// tells them apart, and counts those that have the name before it.
type Element struct {
	PEN uint32
	ID  uint16
	Ord uint16
}

// AppendOrd appends "_2" to a name for the second element of that name in its
// record, "_3" for the third, and nothing for the first.
func (e Element) AppendOrd(name []byte) []byte {
	if e.Ord == 0 {
		return name
	}
	return strconv.AppendUint(append(name, '_'), uint64(e.Ord)+1, 10)
}

// padding is IANA's paddingOctets, which hold nothing.
const padding = 210

// ExtraHeader is the length of what stands before an extra's octets in the
// arena.
const ExtraHeader = 10

// PutExtraHeader writes the header of an extra of n octets to dst.
func PutExtraHeader(dst []byte, e Element, n uint16) {
	_ = dst[ExtraHeader-1]
	binary.BigEndian.PutUint64(dst, uint64(e.PEN)<<32|uint64(e.ID)<<16|uint64(e.Ord))
	binary.BigEndian.PutUint16(dst[8:], n)
}

// ReadExtraHeader returns the element and the octets of the extra whose header
// is at the start of d.
func ReadExtraHeader(d []byte) (e Element, v []byte) {
	e = Element{binary.BigEndian.Uint32(d), binary.BigEndian.Uint16(d[4:]), binary.BigEndian.Uint16(d[6:])}
	n := ExtraHeader + int(binary.BigEndian.Uint16(d[8:]))
	return e, d[ExtraHeader:n:n]
}

// DropExtra removes from the extras of f the one whose header is at octets
// behind the first.
func (b *Batch) DropExtra(f *Flow, at int) { b.drop(f.extra, at) }

func (b *Batch) drop(s span, at int) {
	d := b.arena[s.off+uint32(at):]
	binary.BigEndian.PutUint32(d, 0)
	binary.BigEndian.PutUint16(d[4:], padding)
}

// DropLast removes from the extras of f the one that NextExtra has returned last
// with c, whose value has n octets. Other flows that share it lose it too.
func (b *Batch) DropLast(f *Flow, c *Cursor, n int) { b.DropExtra(f, int(c.at)-n-ExtraHeader) }

// JoinExtra adds to the extras of f those of g, which belongs to a batch of its
// own. One whose element f has already is counted behind it.
func (b *Batch) JoinExtra(f *Flow, from *Batch, g *Flow) {
	old := f.extra
	off, buf := b.Arena(int(old.n + g.extra.n))
	copy(buf, b.arena[old.off:old.off+old.n])
	more := buf[old.n:]
	copy(more, from.arena[g.extra.off:g.extra.off+g.extra.n])
	for len(more) > 0 {
		e, v := ReadExtraHeader(more)
		var c Cursor
		for {
			x, _, ok := b.next(old, &c)
			if !ok {
				break
			}
			if x.PEN == e.PEN && x.ID == e.ID {
				e.Ord++
			}
		}
		PutExtraHeader(more, e, uint16(len(v)))
		more = more[ExtraHeader+len(v):]
	}
	f.SetExtra(off, uint32(len(buf)))
}

// A Cursor is a place among the extras of a record; the zero Cursor is before
// the first.
type Cursor struct{ at uint32 }

func (b *Batch) next(s span, c *Cursor) (Element, []byte, bool) {
	for c.at+ExtraHeader <= s.n {
		e, v := ReadExtraHeader(b.arena[s.off+c.at : s.off+s.n])
		c.at += ExtraHeader + uint32(len(v))
		if e.PEN != 0 || e.ID != padding {
			return e, v, true
		}
	}
	return Element{}, nil, false
}

// NextExtra returns the extra of f behind c and moves c on. The bytes are as
// the exporter sent them, structured data (RFC 6313) in the form of ie.ReadList,
// and valid until b is reset.
func (b *Batch) NextExtra(f *Flow, c *Cursor) (Element, []byte, bool) { return b.next(f.extra, c) }

// Extra ranges over the extras of f: the elements that have no column, and
// those whose column another element of the record has taken. Padding is passed
// over.
func (b *Batch) Extra(f *Flow) iter.Seq2[Element, []byte] { return b.seq(f.extra) }

func (b *Batch) seq(s span) iter.Seq2[Element, []byte] {
	return func(yield func(Element, []byte) bool) {
		var c Cursor
		for {
			e, v, ok := b.next(s, &c)
			if !ok || !yield(e, v) {
				return
			}
		}
	}
}

// An Option is a record of an options template (RFC 3954 §6.1, RFC 7011
// §3.4.2.2): what an exporter says of itself, its interfaces, samplers or
// applications. Its fields are kept as they came.
type Option struct {
	Received int64
	Exporter Addr
	Sender   Addr
	Domain   uint32
	Template uint16
	Version  uint8
	// Scopes is the number of leading fields that say what the record is about.
	// In NetFlow v9 their ids are scope types (1 system, 2 interface, 3 line
	// card, 4 cache, 5 template), in IPFIX information elements.
	Scopes uint8
	extra  span
}

// SetFields is for o what SetExtra is for a Flow.
func (o *Option) SetFields(off, n uint32) { o.extra = span{off, n} }

// NextField returns the field of o behind c and moves c on; scopes come first.
func (b *Batch) NextField(o *Option, c *Cursor) (Element, []byte, bool) { return b.next(o.extra, c) }

// DropLastField is for o and NextField what DropLast is for a Flow and NextExtra.
// The caller takes a scope from o.Scopes.
func (b *Batch) DropLastField(o *Option, c *Cursor, n int) { b.drop(o.extra, int(c.at)-n-ExtraHeader) }

// Fields ranges over the fields of o, scopes first.
func (b *Batch) Fields(o *Option) iter.Seq2[Element, []byte] { return b.seq(o.extra) }
