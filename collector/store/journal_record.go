package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// A record of the journal is rows of a block of the tail, column by column: what
// the tail holds, names and all, so that reading it back needs no template and
// counts nothing twice. Before its payload stand recordMagic, its length and its
// CRC-32C. Numbers are little-endian.
//
// The payload: the number of rows and of sets; the sets; the rows' numbers of sets;
// the columns that a set has, in their order; marks and extras, if the flags say
// so; the texts, last, so that they are found first: their octets, the length of
// each, and how many there are.
const (
	recordMagic = 0x314a5257 // "WRJ1"
	recordHead  = 12
	maxRecord   = 64 << 20
	recordRows  = readRows
	flagMarks   = 1
	flagExtras  = 2

	// How a column of addresses begins. Others begin with the octets of a value: 0,
	// 1, 2, 4 or 8.
	addrSame   = 16 // one address for all rows
	addrMapped = 17 // four octets each
	addrAny    = 18 // sixteen octets each
	addrMixed  = 19 // a bit for each row, eight in an octet: it has sixteen; then the addresses
)

var errRecord = errors.New("not a record of the journal")

// A recorder writes records. It keeps scratch space.
type recorder struct {
	sets   []flow.Set
	ids    []uint16
	words  []uint64
	number []uint32 // of the block's texts in the record; 0: not in it
	texts  []uint32 // the block's, by their number in the record
}

// append appends rows from to to of b, recordRows at most, as a record to dst.
func (r *recorder) append(dst []byte, b *engine.Block, from, to int) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, recordHead)...)
	le := binary.LittleEndian
	r.sets, r.ids = r.sets[:0], r.ids[:0]
	var union, last flow.Set
	id := -1
	for i := from; i < to; i++ {
		if s := b.Set(i); id < 0 || s != last {
			last, id = s, r.setID(s)
			union = union.Union(s)
		}
		r.ids = append(r.ids, uint16(id))
	}
	flags := byte(0)
	marks := b.Marks()
	if marks != nil {
		flags |= flagMarks
	}
	extras := b.HasExtras()
	if extras {
		flags |= flagExtras
	}
	dst = le.AppendUint16(dst, uint16(to-from))
	dst = le.AppendUint32(dst, uint32(len(r.sets)))
	dst = append(dst, flags)
	for _, s := range r.sets {
		dst = le.AppendUint64(le.AppendUint64(dst, s[0]), s[1])
	}
	dst = appendOffsets(dst, r.ids)
	r.number = append(r.number[:0], make([]uint32, b.Texts()+1)...)
	r.texts = r.texts[:0]
	for x, ok := union.Next(0); ok && int(x) < flow.NumFields; x, ok = union.Next(x + 1) {
		dst = r.appendColumn(dst, b.Column(x), x, from, to)
	}
	if marks != nil {
		r.words = r.words[:0]
		for _, m := range marks[from:to] {
			r.words = append(r.words, uint64(m))
		}
		dst = appendOffsets(dst, r.words)
	}
	if extras {
		r.words = r.words[:0]
		for i := from; i < to; i++ {
			r.words = append(r.words, uint64(len(b.Extras(i))))
		}
		dst = appendOffsets(dst, r.words)
		for i := from; i < to; i++ {
			dst = append(dst, b.Extras(i)...)
		}
	}
	r.words = r.words[:0]
	at := len(dst)
	for _, t := range r.texts {
		text := b.Text(uint64(t))
		dst = append(dst, text...)
		r.words = append(r.words, uint64(len(text)))
	}
	octets := len(dst) - at
	for _, n := range r.words {
		dst = le.AppendUint32(dst, uint32(n))
	}
	dst = le.AppendUint32(le.AppendUint32(dst, uint32(octets)), uint32(len(r.texts)))
	payload := dst[start+recordHead:]
	le.PutUint32(dst[start:], recordMagic)
	le.PutUint32(dst[start+4:], uint32(len(payload)))
	le.PutUint32(dst[start+8:], crc32.Checksum(payload, castagnoli))
	return dst
}

func (r *recorder) setID(s flow.Set) int {
	for i := len(r.sets) - 1; i >= 0; i-- {
		if r.sets[i] == s {
			return i
		}
	}
	r.sets = append(r.sets, s)
	return len(r.sets) - 1
}

func (r *recorder) appendColumn(dst []byte, c engine.Column, x flow.Field, from, to int) []byte {
	switch {
	case flow.Fields[x].Kind == flow.KindStr:
		r.words = r.words[:0]
		for _, t := range c.U32[from:to] {
			if t != 0 && r.number[t] == 0 {
				r.texts = append(r.texts, t)
				r.number[t] = uint32(len(r.texts))
			}
			r.words = append(r.words, uint64(r.number[t]))
		}
		return appendOffsets(dst, r.words)
	case flow.Fields[x].Kind == flow.KindTime:
		r.words = r.words[:0]
		for _, t := range c.U64[from:to] {
			r.words = append(r.words, uint64(int64(t)/1e6)) // whole milliseconds
		}
		return appendOffsets(dst, r.words)
	case c.U8 != nil:
		return appendOffsets(dst, c.U8[from:to])
	case c.U16 != nil:
		return appendOffsets(dst, c.U16[from:to])
	case c.U32 != nil:
		return appendOffsets(dst, c.U32[from:to])
	case c.U64 != nil:
		return appendOffsets(dst, c.U64[from:to])
	}
	return appendAddrs(dst, c.Addr[from:to])
}

// appendOffsets appends the least of v, and how far each is above it in as many
// octets as the largest takes.
func appendOffsets[T uint8 | uint16 | uint32 | uint64](dst []byte, v []T) []byte {
	least, most := v[0], v[0]
	for _, x := range v {
		least, most = min(least, x), max(most, x)
	}
	width := (bits.Len64(uint64(most-least)) + 7) / 8
	if width == 3 {
		width = 4
	} else if width > 4 {
		width = 8
	}
	dst = binary.AppendUvarint(append(dst, byte(width)), uint64(least))
	at := len(dst)
	dst = append(dst, make([]byte, width*len(v))...)
	switch d := dst[at:]; width {
	case 1:
		for i, x := range v {
			d[i] = byte(x - least)
		}
	case 2:
		for i, x := range v {
			binary.LittleEndian.PutUint16(d[2*i:], uint16(x-least))
		}
	case 4:
		for i, x := range v {
			binary.LittleEndian.PutUint32(d[4*i:], uint32(x-least))
		}
	case 8:
		for i, x := range v {
			binary.LittleEndian.PutUint64(d[8*i:], uint64(x-least))
		}
	}
	return dst
}

func appendAddrs(dst []byte, v []flow.Addr) []byte {
	mapped, same := 0, true
	for i := range v {
		if v[i].Is4() {
			mapped++
		}
		same = same && v[i] == v[0]
	}
	switch {
	case same:
		return append(append(dst, addrSame), v[0][:]...)
	case mapped == len(v):
		dst = append(dst, addrMapped)
		for i := range v {
			dst = append(dst, v[i][12:]...)
		}
	case mapped == 0:
		dst = append(dst, addrAny)
		for i := range v {
			dst = append(dst, v[i][:]...)
		}
	default:
		dst = append(dst, addrMixed)
		at := len(dst)
		dst = append(dst, make([]byte, (len(v)+7)/8)...)
		for i := range v {
			if v[i].Is4() {
				dst = append(dst, v[i][12:]...)
			} else {
				dst[at+i/8] |= 1 << (i % 8)
				dst = append(dst, v[i][:]...)
			}
		}
	}
	return dst
}

// A recordReader reads payloads of a journal whose numbers of columns it knows.
type recordReader struct {
	fields []int // by the journal's number: the column; -1: this weir has no such
	words  []uint64
}

// read puts the rows of a payload into b, in place of what it holds.
func (r *recordReader) read(b *flow.Batch, d []byte) error {
	b.Reset()
	p := octets{d: d}
	rows, sets, flags := int(p.uint16()), int(p.uint32()), p.octet()
	if p.bad || rows == 0 || rows > recordRows || sets == 0 || sets > rows || len(p.d) < 16*sets {
		return errRecord
	}
	texts, ok := r.texts(&p, b)
	if !ok {
		return errRecord
	}
	all := make([]flow.Set, sets)
	var union flow.Set
	for i := range all {
		all[i] = flow.Set{p.uint64(), p.uint64()}
		union = union.Union(all[i])
	}
	ids := append([]uint64(nil), r.offsets(&p, rows)...)
	flows := b.Grow(rows)
	clear(flows)
	for x, ok := union.Next(0); ok && !p.bad; x, ok = union.Next(x + 1) {
		if int(x) >= len(r.fields) {
			return errRecord
		}
		r.column(&p, b, r.fields[x], texts)
	}
	for i := range flows {
		if p.bad || ids[i] >= uint64(sets) {
			return errRecord
		}
		s := &all[ids[i]]
		for x, ok := s.Next(0); ok; x, ok = s.Next(x + 1) {
			if int(x) < len(r.fields) && r.fields[x] >= 0 {
				flows[i].Set.Add(flow.Field(r.fields[x]))
			}
		}
	}
	if flags&flagMarks != 0 {
		for i, v := range r.offsets(&p, rows) {
			flows[i].Marks = flow.Mark(v)
		}
	}
	if flags&flagExtras != 0 {
		for i, n := range r.offsets(&p, rows) {
			if n == 0 {
				continue
			}
			e := p.take(n)
			if p.bad || !validExtras(e) {
				return errRecord
			}
			off, arena := b.Arena(len(e))
			copy(arena, e)
			flows[i].SetExtra(off, uint32(len(e)))
		}
	}
	if p.bad || len(p.d) != 0 {
		return errRecord
	}
	return nil
}

// texts takes the texts from the end of p.
func (r *recordReader) texts(p *octets, b *flow.Batch) (of []flow.Str, ok bool) {
	le := binary.LittleEndian
	if len(p.d) < 8 {
		return nil, false
	}
	size, n := uint64(le.Uint32(p.d[len(p.d)-8:])), uint64(le.Uint32(p.d[len(p.d)-4:]))
	if 8+4*n+size > uint64(len(p.d)) {
		return nil, false
	}
	at := uint64(len(p.d)) - 8 - 4*n - size
	text, lengths := p.d[at:at+size], p.d[at+size:]
	p.d = p.d[:at]
	of = make([]flow.Str, n+1)
	for i := range n {
		l := uint64(le.Uint32(lengths[4*i:]))
		if l > uint64(len(text)) {
			return nil, false
		}
		of[i+1] = b.Strings.Intern(text[:l])
		text = text[l:]
	}
	return of, len(text) == 0
}

// offsets reads what appendOffsets has written. They are valid until the next.
func (r *recordReader) offsets(p *octets, rows int) []uint64 {
	width := int(p.octet())
	least := p.uvarint()
	d := p.take(uint64(width) * uint64(rows))
	r.words = append(r.words[:0], make([]uint64, rows)...)
	if p.bad {
		return r.words
	}
	for i := range r.words {
		v := uint64(0)
		switch width {
		case 0:
		case 1:
			v = uint64(d[i])
		case 2:
			v = uint64(binary.LittleEndian.Uint16(d[2*i:]))
		case 4:
			v = uint64(binary.LittleEndian.Uint32(d[4*i:]))
		case 8:
			v = binary.LittleEndian.Uint64(d[8*i:])
		default:
			p.bad = true
			return r.words
		}
		r.words[i] = least + v
	}
	return r.words
}

// column reads a column into the flows of b: column x of this weir, or none.
func (r *recordReader) column(p *octets, b *flow.Batch, x int, texts []flow.Str) {
	if len(p.d) > 0 && p.d[0] >= addrSame {
		addrs(p, b, x)
		return
	}
	v := r.offsets(p, len(b.Flows))
	if p.bad || x < 0 || flow.Fields[x].Kind == flow.KindAddr {
		return
	}
	for i, n := range v {
		switch flow.Fields[x].Kind {
		case flow.KindTime:
			n = uint64(int64(n) * 1e6)
		case flow.KindStr:
			if n >= uint64(len(texts)) {
				p.bad = true
				return
			}
			n = uint64(texts[n])
		}
		b.Flows[i].SetUint(flow.Field(x), n)
	}
}

func addrs(p *octets, b *flow.Batch, x int) {
	rows := len(b.Flows)
	set := func(i int, a flow.Addr) {
		if x >= 0 && flow.Fields[x].Kind == flow.KindAddr {
			*b.Flows[i].Addr(flow.Field(x)) = a
		}
	}
	switch p.octet() {
	case addrSame:
		a := p.addr()
		for i := range rows {
			set(i, a)
		}
	case addrMapped:
		for i := range rows {
			set(i, p.mapped())
		}
	case addrAny:
		for i := range rows {
			set(i, p.addr())
		}
	case addrMixed:
		wide := p.take(uint64(rows+7) / 8)
		for i := range rows {
			if !p.bad && wide[i/8]>>(i%8)&1 != 0 {
				set(i, p.addr())
			} else {
				set(i, p.mapped())
			}
		}
	default:
		p.bad = true
	}
}

// octets are taken apart from the front. Where there are too few they are bad, and
// read as zeros.
type octets struct {
	d   []byte
	bad bool
}

func (p *octets) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.d)) {
		p.bad = true
		return nil
	}
	v := p.d[:n]
	p.d = p.d[n:]
	return v
}

func (p *octets) few(n int) []byte {
	if v := p.take(uint64(n)); v != nil {
		return v
	}
	return make([]byte, n)
}

func (p *octets) octet() byte     { return p.few(1)[0] }
func (p *octets) uint16() uint16  { return binary.LittleEndian.Uint16(p.few(2)) }
func (p *octets) uint32() uint32  { return binary.LittleEndian.Uint32(p.few(4)) }
func (p *octets) uint64() uint64  { return binary.LittleEndian.Uint64(p.few(8)) }
func (p *octets) addr() flow.Addr { return flow.Addr(p.few(16)) }

func (p *octets) mapped() (a flow.Addr) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], p.few(4))
	return a
}

func (p *octets) uvarint() uint64 {
	v, n := binary.Uvarint(p.d)
	if n <= 0 {
		p.bad = true
		return 0
	}
	p.d = p.d[n:]
	return v
}
