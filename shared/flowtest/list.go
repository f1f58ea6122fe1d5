package flowtest

import "encoding/binary"

// Listed are TwentyIPFIX with structured data (RFC 6313): a basicList of three
// interfaces and a subTemplateList of two records of Inner, whose template has
// the id InnerID.
var Listed = append(append([]Field{}, TwentyIPFIX...), Field{0, 291, 0xffff}, Field{0, 292, 0xffff})

// Inner are the fields of the records in a subTemplateList.
var Inner = []Field{{0, 12, 4}, {0, 11, 2}, {0, 4, 1}}

// InnerID is the id of the template of Inner.
const InnerID = 261

// list appends a list, with its length before it.
func (m *Maker) list(d []byte, id uint16) []byte {
	v := []byte{3} // all of
	if id == 291 {
		v = append(v, 0, 14, 0, 4)
		for range 3 {
			v = binary.BigEndian.AppendUint32(v, m.rnd.Uint32())
		}
	} else {
		v = binary.BigEndian.AppendUint16(v, InnerID)
		for range 2 {
			v = append(v, m.addr(10)...)
			v = append(v, byte(m.rnd.Uint32()), byte(m.rnd.Uint32()), m.proto())
		}
	}
	return append(append(d, byte(len(v))), v...)
}
