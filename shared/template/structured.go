package template

import (
	"encoding/binary"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// Structured data (RFC 6313): lists in records. What a record keeps of one must
// be read when the templates that it names are long replaced, so it is brought
// into the form that ie.ReadList reads. A list that is not what RFC 6313 says is
// kept as it came, and counted.

// A layout is a template as lists have it.
type layout struct {
	octets   []byte // ie.GroupField for each field that has octets
	fields   []item
	stride   int      // octets of a record, of its fixed fields if it has others
	minimum  int      // the fewest octets of a record
	flat     bool     // all records have stride octets, and no lists in them
	start    [64]byte // how a list of this layout begins, as far as there is room
	variable bool
}

// An item is a field of a layout.
type item struct {
	n    int // ie.VariableLength where the record states it
	list ie.Type
}

// A basicLayout is that of the records in a basicList.
type basicLayout struct {
	of Field
	layout
}

// listType returns the type of e if it is that of a list, else 0.
func listType(e flow.Element) ie.Type {
	if x, ok := ie.Lookup(e.PEN, e.ID); ok && x.Type.IsList() {
		return x.Type
	}
	return 0
}

// add appends a field.
func (l *layout) add(f Field, version uint8) {
	variable := f.Len == Variable && version != 9
	if f.Len == 0 {
		return
	}
	x := item{n: int(f.Len), list: listType(f.Element)}
	n := f.Len
	switch {
	case variable:
		l.minimum++
	default:
		l.minimum += int(f.Len)
		l.stride += int(f.Len)
	}
	if x.list != 0 {
		n = ie.VariableLength // its form here has another length
	}
	l.variable = l.variable || variable
	l.flat = !l.variable && x.list == 0 && (l.flat || len(l.fields) == 0)
	l.fields = append(l.fields, x)
	l.octets = binary.BigEndian.AppendUint32(l.octets, f.PEN)
	l.octets = binary.BigEndian.AppendUint16(l.octets, f.ID)
	l.octets = binary.BigEndian.AppendUint16(l.octets, n)
	l.start[0] = ie.ListForm
	copy(l.start[2+ie.GroupHeader:], l.octets)
}

// newLayout returns the layout of t.
func newLayout(t *Template) *layout {
	l := &layout{}
	for _, f := range t.Fields {
		l.add(f, t.Version)
	}
	return l
}

// appendListExtra appends the extra of a list.
func (m *Message) appendListExtra(row []byte, e flow.Element, typ ie.Type, v []byte) []byte {
	at := len(row)
	if l, id, records := m.usual(typ, v); l != nil {
		n := 2 + ie.GroupHeader + len(l.octets) + len(records)
		row = slices.Grow(row, flow.ExtraHeader+n+len(l.start))
		d := row[at : at+flow.ExtraHeader+n+len(l.start)]
		flow.PutExtraHeader(d, e, uint16(n))
		d = d[flow.ExtraHeader:]
		*(*[len(l.start)]byte)(d) = l.start // one copy of a known size is cheaper than two
		d[1] = v[0]
		putGroup(d[2:], id, len(l.fields), len(records))
		copy(d[2+ie.GroupHeader+len(l.octets):], records)
		return row[:at+flow.ExtraHeader+n]
	}
	row = appendExtra(row, e, nil)
	row, _ = m.appendList(row, typ, v, 0)
	flow.PutExtraHeader(row[at:], e, uint16(len(row)-at-flow.ExtraHeader))
	return row
}

// usual returns what appendListExtra writes of a list like the one before it:
// of one layout, in which there are no lists. A nil layout means that v must be
// read with care.
func (m *Message) usual(typ ie.Type, v []byte) (l *layout, id uint16, records []byte) {
	switch {
	case typ == ie.BasicList && len(v) > 5:
		x := &m.basics[0]
		if x.of != (Field{flow.Element{ID: binary.BigEndian.Uint16(v[1:])}, binary.BigEndian.Uint16(v[3:])}) {
			return nil, 0, nil
		}
		l, records = &x.layout, v[5:]
	case typ == ie.SubTemplateList && len(v) > 3:
		if id = binary.BigEndian.Uint16(v[1:]); m.sub.layout == nil || m.sub.id != id {
			if m.Session != nil {
				m.sub.id, m.sub.layout = id, m.Session.layout(m.Domain, id)
			}
		}
		l, records = m.sub.layout, v[3:]
	}
	if l == nil || !l.flat || 2+ie.GroupHeader+len(l.octets) > len(l.start) || len(records)%l.stride != 0 || len(records) > 0xf000 {
		return nil, 0, nil
	}
	return l, id, records
}

// putGroup writes the header of a group.
func putGroup(d []byte, id uint16, fields, records int) {
	_ = d[ie.GroupHeader-1]
	binary.BigEndian.PutUint16(d, id)
	binary.BigEndian.PutUint16(d[2:], uint16(fields))
	binary.BigEndian.PutUint32(d[4:], uint32(records))
}

// appendList appends the self-contained form of a value of type typ, which
// another list holds at depth of them. A value that can't be read follows
// ie.RawForm; ok is then false.
func (m *Message) appendList(dst []byte, typ ie.Type, v []byte, depth int) (out []byte, ok bool) {
	start := len(dst)
	if depth < ie.MaxListDepth && len(v) > 0 {
		out, ok = m.appendGroups(append(dst, ie.ListForm, v[0]), typ, v[1:], depth)
		if ok && len(out)-start <= 0xffff {
			return out, true
		}
		dst = out[:start]
	}
	m.BadLists++
	return append(append(dst, ie.RawForm), v...), false
}

func (m *Message) appendGroups(dst []byte, typ ie.Type, v []byte, depth int) ([]byte, bool) {
	switch typ {
	case ie.BasicList:
		return m.appendBasic(dst, v, depth)
	case ie.SubTemplateList: // RFC 6313 §4.5.2
		if len(v) < 2 {
			return dst, false
		}
		return m.appendGroup(dst, binary.BigEndian.Uint16(v), v[2:], depth)
	}
	for len(v) > 0 { // RFC 6313 §4.5.3
		if len(v) < 4 {
			return dst, false
		}
		n := int(binary.BigEndian.Uint16(v[2:])) // with these 4 octets
		if n < 4 || n > len(v) {
			return dst, false
		}
		var ok bool
		if dst, ok = m.appendGroup(dst, binary.BigEndian.Uint16(v), v[4:n], depth); !ok {
			return dst, false
		}
		v = v[n:]
	}
	return dst, true
}

// appendBasic appends the elements of a basicList behind its semantic (RFC 6313
// §4.5.1).
func (m *Message) appendBasic(dst, v []byte, depth int) ([]byte, bool) {
	if len(v) < 4 {
		return dst, false
	}
	f := Field{Element: flow.Element{ID: binary.BigEndian.Uint16(v)}, Len: binary.BigEndian.Uint16(v[2:])}
	v = v[4:]
	if f.ID&0x8000 != 0 {
		if len(v) < 4 {
			return dst, false
		}
		f.ID &= 0x7fff
		f.PEN = binary.BigEndian.Uint32(v)
		v = v[4:]
	}
	if len(v) == 0 {
		return dst, true
	}
	if f.Len == 0 {
		return dst, false
	}
	l := &m.basics[depth]
	if l.of != f { // lists of one element follow one another
		l.of, l.layout = f, layout{fields: l.fields[:0], octets: l.octets[:0]}
		l.add(f, 10)
	}
	return m.appendRecords(dst, 0, &l.layout, v, depth)
}

// appendGroup appends records of the template id.
func (m *Message) appendGroup(dst []byte, id uint16, v []byte, depth int) ([]byte, bool) {
	if len(v) == 0 {
		return dst, true
	}
	var l *layout
	if m.Session != nil {
		l = m.Session.layout(m.Domain, id)
	}
	if l == nil {
		m.UnknownLists++
		dst = binary.BigEndian.AppendUint16(dst, id)
		dst = binary.BigEndian.AppendUint16(dst, 0)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
		return append(dst, v...), true
	}
	return m.appendRecords(dst, id, l, v, depth)
}

// appendRecords appends a group: records of layout l, of which v holds at least
// one octet.
func (m *Message) appendRecords(dst []byte, id uint16, l *layout, v []byte, depth int) ([]byte, bool) {
	if l.flat && len(v)%l.stride != 0 {
		return dst, false
	}
	start := len(dst)
	records := start + ie.GroupHeader + len(l.octets)
	dst = slices.Grow(dst, records-start+len(v))[:records]
	copy(dst[start+ie.GroupHeader:], l.octets)
	if l.flat {
		dst = append(dst, v...)
	} else {
		for len(v) > 0 {
			var ok bool
			if dst, v, ok = m.appendRecord(dst, l, v, depth); !ok || len(dst)-records > 0xffff {
				return dst, false
			}
		}
	}
	putGroup(dst[start:], id, len(l.fields), len(dst)-records)
	return dst, true
}

// appendRecord appends the record of layout l that v begins with, and returns
// what is behind it.
func (m *Message) appendRecord(dst []byte, l *layout, v []byte, depth int) (out, rest []byte, ok bool) {
	for i := range l.fields {
		f := &l.fields[i]
		n, head := f.n, 0
		if n == ie.VariableLength {
			if n, head = ie.VariableSize(v); head == 0 {
				return dst, v, false
			}
		}
		if len(v)-head < n {
			return dst, v, false
		}
		if f.list == 0 {
			dst = append(dst, v[:head+n]...)
		} else {
			at := len(dst)
			dst, _ = m.appendList(append(dst, 255, 0, 0), f.list, v[head:head+n], depth+1)
			size := len(dst) - at - 3
			if size > 0xffff {
				return dst, v, false
			}
			binary.BigEndian.PutUint16(dst[at+1:], uint16(size))
		}
		v = v[head+n:]
	}
	return dst, v, true
}

// layout returns the layout of a template, nil if it is not known.
func (s *Session) layout(domain uint32, id uint16) *layout {
	d := s.plans.get(planKey(domain, id))
	if d == nil || d.expired(s.seen.Load(), s.lifetime) {
		return nil
	}
	if l := d.layout.Load(); l != nil {
		return l
	}
	l := newLayout(&d.template)
	d.layout.Store(l)
	return l
}
