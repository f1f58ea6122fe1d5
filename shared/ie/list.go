package ie

import (
	"encoding/binary"
	"strconv"
)

// Structured data (RFC 6313) refers to templates, which a record leaves behind
// when it is decoded. So a record holds a value of type basicList,
// subTemplateList or subTemplateMultiList in a form that needs none: [ListForm],
// the semantic, then groups of records, each with its layout:
//
//	template  2 octets, 0 for a basicList
//	fields    2 octets: how many; 0: the template is not known
//	octets    4 octets: of the records
//	layout    for each field enterprise (4 octets), id (2), length (2; 65535:
//	          the record states it, RFC 7011 §7)
//	records   as they came, but for fields that are lists themselves: these
//	          have this form, and a length of their own
//
// Fields of no octets are left out. A value that RFC 6313 doesn't allow follows
// [RawForm] as it came.
const (
	RawForm  = 0
	ListForm = 1
)

// The octets before a group's layout, and those of a field in it.
const (
	GroupHeader = 8
	GroupField  = 8
)

// VariableLength as a field's length in a layout means that each record states
// it.
const VariableLength = 0xffff

// MaxListDepth is how many lists within one another are read.
const MaxListDepth = 8

// IsList tells whether values of type t are structured data.
func (t Type) IsList() bool { return t >= BasicList && t <= SubTemplateMultiList }

// A ListValue reads a structured value, group by group.
type ListValue struct {
	Semantic uint8 // RFC 6313 §4.4; see SemanticName
	rest     []byte
}

// ReadList begins to read v, in the form above. It returns false for one that
// is RawForm, or no such form at all.
func ReadList(v []byte) (ListValue, bool) {
	if len(v) < 2 || v[0] != ListForm {
		return ListValue{}, false
	}
	return ListValue{Semantic: v[1], rest: v[2:]}, true
}

// Next returns the next group; false if there is none, or only octets that are
// no group.
func (l *ListValue) Next() (g Group, ok bool) {
	d := l.rest
	if len(d) < GroupHeader {
		return g, false
	}
	g.Template = binary.BigEndian.Uint16(d)
	layout := int(binary.BigEndian.Uint16(d[2:])) * GroupField
	records := uint64(binary.BigEndian.Uint32(d[4:]))
	if layout > len(d)-GroupHeader || records > uint64(len(d)-GroupHeader-layout) {
		return Group{}, false
	}
	end := GroupHeader + layout + int(records)
	g.layout, g.rest, l.rest = d[GroupHeader:GroupHeader+layout], d[GroupHeader+layout:end], d[end:]
	g.at = layout
	return g, true
}

// A Group is a run of records of one layout.
type Group struct {
	Template     uint16 // id of the records' template, 0 in a basicList
	layout, rest []byte
	at           int // in layout: the next field of the record
}

// Unknown tells that the records' template was not known, and returns their
// octets.
func (g *Group) Unknown() ([]byte, bool) { return g.rest, len(g.layout) == 0 }

// Record begins the next record, behind all fields of the one before; false if
// there is none.
func (g *Group) Record() bool {
	g.at = 0
	return len(g.layout) > 0 && len(g.rest) > 0
}

// Field returns the next field of the record: enterprise number, id, how many
// fields of that name come before it, and value. It returns false behind the
// last, and where octets are missing.
func (g *Group) Field() (pen uint32, id, ord uint16, v []byte, ok bool) {
	if g.at >= len(g.layout) {
		return 0, 0, 0, nil, false
	}
	f := g.layout[g.at:]
	pen, id = binary.BigEndian.Uint32(f), binary.BigEndian.Uint16(f[4:])
	n, head := int(binary.BigEndian.Uint16(f[6:])), 0
	if n == VariableLength {
		if n, head = VariableSize(g.rest); head == 0 {
			return g.cut()
		}
	}
	if len(g.rest)-head < n || head+n == 0 {
		return g.cut()
	}
	for i := 0; i < g.at; i += GroupField {
		if [6]byte(g.layout[i:]) == [6]byte(f) {
			ord++
		}
	}
	g.at += GroupField
	v, g.rest = g.rest[head:head+n], g.rest[head+n:]
	return pen, id, ord, v, true
}

func (g *Group) cut() (pen uint32, id, ord uint16, v []byte, ok bool) {
	g.rest, g.at = nil, len(g.layout)
	return 0, 0, 0, nil, false
}

// VariableSize reads the length before a value of variable length (RFC 7011
// §7): n octets behind a head of 1 or 3. head is 0 if d is too short for it.
func VariableSize(d []byte) (n, head int) {
	switch {
	case len(d) >= 1 && d[0] < 255:
		return int(d[0]), 1
	case len(d) >= 3:
		return int(binary.BigEndian.Uint16(d[1:])), 3
	}
	return 0, 0
}

// SemanticName returns IANA's name of what a list says of its elements (RFC
// 6313 §4.4); a number for one without name.
func SemanticName(s uint8) string {
	switch {
	case int(s) < len(semantics):
		return semantics[s]
	case s == 255:
		return "undefined"
	}
	return strconv.Itoa(int(s))
}

var semantics = [...]string{"noneOf", "exactlyOneOf", "oneOrMoreOf", "allOf", "ordered"}

// appendList writes a structured value, depth lists deep in others. RFC 7373
// §4.11 leaves its form to the protocol.
func appendList(dst, v []byte, depth int) []byte {
	l, ok := ReadList(v)
	if !ok || depth == MaxListDepth {
		if len(v) > 0 && v[0] == RawForm {
			v = v[1:]
		}
		return appendHex(dst, v)
	}
	dst = append(dst, `{"semantic":"`...)
	dst = append(dst, SemanticName(l.Semantic)...)
	dst = append(dst, `","elements":[`...)
	for first := true; ; {
		g, ok := l.Next()
		if !ok {
			return append(dst, `]}`...)
		}
		if octets, unknown := g.Unknown(); unknown {
			dst = append(comma(dst, &first), `{"template":`...)
			dst = strconv.AppendUint(dst, uint64(g.Template), 10)
			dst = append(appendHex(append(dst, `,"octets":`...), octets), '}')
			continue
		}
		for g.Record() {
			dst = append(comma(dst, &first), '{')
			for field := true; ; {
				pen, id, ord, v, ok := g.Field()
				if !ok {
					break
				}
				dst = append(comma(dst, &field), '"')
				dst = AppendName(dst, pen, id)
				if ord > 0 {
					dst = strconv.AppendUint(append(dst, '_'), uint64(ord)+1, 10)
				}
				dst = append(dst, `":`...)
				if e, _ := Lookup(pen, id); e.Type.IsList() {
					dst = appendList(dst, v, depth+1)
				} else {
					dst = AppendJSON(dst, e.Type, v)
				}
			}
			dst = append(dst, '}')
		}
	}
}

// comma appends a comma, unless this is the first time.
func comma(dst []byte, first *bool) []byte {
	if *first {
		*first = false
		return dst
	}
	return append(dst, ',')
}
