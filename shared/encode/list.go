package encode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

const mpArray32 = 0xdd

// appendList appends structured data (RFC 6313) as JSON has it: a map of the
// semantic and the elements, each a map by IANA's names. v is in the form of
// ie.ReadList, depth lists deep in others.
func (e *Encoder) appendList(dst, v []byte, depth int) []byte {
	l, ok := ie.ReadList(v)
	if !ok || depth == ie.MaxListDepth {
		return e.appendText(dst, ie.BasicList, v)
	}
	dst = append(dst, mpFixMap|2)
	dst = appendStr(dst, []byte("semantic"))
	dst = appendStr(dst, []byte(ie.SemanticName(l.Semantic)))
	dst = appendStr(dst, []byte("elements"))
	count, n := len(dst)+1, uint32(0)
	dst = append(dst, mpArray32, 0, 0, 0, 0)
	for {
		g, ok := l.Next()
		if !ok {
			binary.BigEndian.PutUint32(dst[count:], n)
			return dst
		}
		if octets, unknown := g.Unknown(); unknown {
			dst = append(dst, mpFixMap|2)
			dst = appendStr(dst, []byte("template"))
			dst = binary.BigEndian.AppendUint16(append(dst, mpUint16), g.Template)
			dst = appendStr(dst, []byte("octets"))
			dst = e.appendText(dst, ie.OctetArray, octets)
			n++
			continue
		}
		for g.Record() {
			dst = e.appendElement(dst, &g, depth)
			n++
		}
	}
}

// appendElement appends a record of a list.
func (e *Encoder) appendElement(dst []byte, g *ie.Group, depth int) []byte {
	count, n := len(dst)+1, uint16(0)
	dst = append(dst, mpMap16, 0, 0)
	for {
		pen, id, ord, v, ok := g.Field()
		if !ok {
			binary.BigEndian.PutUint16(dst[count:], n)
			return dst
		}
		x := flow.Element{PEN: pen, ID: id, Ord: ord}
		e.name = x.AppendOrd(ie.AppendName(e.name[:0], pen, id))
		dst = appendStr(dst, e.name)
		if el, _ := ie.Lookup(pen, id); el.Type.IsList() {
			dst = e.appendList(dst, v, depth+1)
		} else {
			dst = e.appendValue(dst, el.Type, v)
		}
		n++
	}
}
