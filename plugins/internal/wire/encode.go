package wire

import (
	"bytes"
	"math"

	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/shared/flow"
)

// An Encoder turns rows into columns. One goroutine uses it at a time.
type Encoder struct {
	fields []flow.Field
	text   bool     // a string column is among them
	remap  []uint32 // Str of the batch at hand to its number on the wire, 0: none yet
}

// NewEncoder makes an Encoder of the columns given, which it numbers from 0.
func NewEncoder(fields []flow.Field) *Encoder {
	e := &Encoder{fields: fields}
	for _, x := range fields {
		e.text = e.text || flow.Fields[x].Kind == flow.KindStr
	}
	return e
}

// Open returns the message that tells the other side which columns there are.
func (e *Encoder) Open() *detectpb.Open {
	o := &detectpb.Open{}
	for _, x := range e.fields {
		c := &flow.Fields[x]
		o.Columns = append(o.Columns, &detectpb.ColumnType{Name: c.Name, Width: uint32(c.Size), Text: c.Kind == flow.KindStr})
	}
	return o
}

// Encode fills m with the rows fl of b. Nothing in m refers to b afterwards; the
// memory of an older content of m is used again. It returns the octets of data
// in m.
func (e *Encoder) Encode(m *detectpb.Batch, b *flow.Batch, fl []flow.Flow) int {
	some, every := flow.Set{}, flow.Set{^uint64(0), ^uint64(0)}
	for i := range fl {
		s := &fl[i].Set
		some[0] |= s[0]
		some[1] |= s[1]
		every[0] &= s[0]
		every[1] &= s[1]
	}
	m.Rows = uint32(len(fl))
	old := m.Columns[:cap(m.Columns)]
	m.Columns = m.Columns[:0]
	for i, x := range e.fields {
		if !some.Has(x) {
			continue
		}
		c := next(old, len(m.Columns))
		c.Index = uint32(i)
		c.Encoding = detectpb.Column_PLAIN
		w := width(x)
		if flow.Fields[x].Kind == flow.KindAddr && all4(fl, x) {
			c.Encoding, w = detectpb.Column_IPV4, 4
		}
		c.Data = grow(c.Data, w*len(fl))
		c.Present = c.Present[:0]
		if !every.Has(x) {
			c.Present = present(c.Present, fl, x)
		}
		m.Columns = append(m.Columns, c)
	}
	for lo := 0; lo < len(fl); lo += block {
		rows := fl[lo:min(lo+block, len(fl))]
		for _, c := range m.Columns {
			x := e.fields[c.Index]
			if c.Encoding == detectpb.Column_IPV4 {
				load4(c.Data[4*lo:], rows, x)
			} else {
				load(c.Data[width(x)*lo:], rows, x)
			}
		}
	}
	m.Strings = m.Strings[:0]
	if e.text {
		e.strings(m, b)
	}
	n := 0
	for _, c := range m.Columns {
		n += len(c.Data) + len(c.Present)
	}
	for _, s := range m.Strings {
		n += len(s)
	}
	return n
}

// strings numbers the texts that the columns of m use, from 1, and puts them
// into m. A column that is too narrow for a text's number has none there.
func (e *Encoder) strings(m *detectpb.Batch, b *flow.Batch) {
	e.remap = append(e.remap[:0], make([]uint32, b.Strings.Len()+1)...)
	for _, c := range m.Columns {
		x := e.fields[c.Index]
		if flow.Fields[x].Kind != flow.KindStr {
			continue
		}
		if width(x) == 4 {
			for i := range int(m.Rows) {
				putLE32(c.Data[4*i:], e.number(m, b, le32(c.Data[4*i:])))
			}
			continue
		}
		for i := range int(m.Rows) {
			n := e.number(m, b, uint32(le16(c.Data[2*i:])))
			if n > math.MaxUint16 {
				n = 0
			}
			putLE16(c.Data[2*i:], uint16(n))
		}
	}
}

// number returns the number in m of the text v of b, 0 if it has none.
func (e *Encoder) number(m *detectpb.Batch, b *flow.Batch, v uint32) uint32 {
	if v == 0 || int(v) >= len(e.remap) { // of another batch
		return 0
	}
	if e.remap[v] == 0 {
		m.Strings = append(m.Strings, bytes.Clone(b.Strings.Get(flow.Str(v))))
		e.remap[v] = uint32(len(m.Strings))
	}
	return e.remap[v]
}

// present appends a bit for each row of fl: whether it has column x.
func present(dst []byte, fl []flow.Flow, x flow.Field) []byte {
	for lo := 0; lo < len(fl); lo += 8 {
		var bits byte
		for i := range fl[lo:min(lo+8, len(fl))] {
			if fl[lo+i].Set.Has(x) {
				bits |= 1 << i
			}
		}
		dst = append(dst, bits)
	}
	return dst
}

// next returns the column to use as number n, an old one if there is one.
func next(old []*detectpb.Column, n int) *detectpb.Column {
	if n < len(old) && old[n] != nil {
		return old[n]
	}
	return new(detectpb.Column)
}

// grow returns d with the length n; its content may be anything.
func grow(d []byte, n int) []byte {
	if cap(d) < n {
		return make([]byte, n)
	}
	return d[:n]
}
