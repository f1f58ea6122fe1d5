package encode

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/sflow"
)

// Records of sFlow that have no columns are objects under the names that their
// documents give them and their fields. A record that is not what its layout
// says is written as all unknown elements are, octet by octet; what is behind a
// record's last field is its member "octets".

// sflowName returns the key of a record that l describes.
func (e *Encoder) sflowName(x flow.Element, l *sflow.Layout) []byte {
	e.name = append(e.name[:0], e.prefix()...)
	e.name = x.AppendOrd(append(e.name, l.Name...))
	return e.name
}

// appendRecordJSON appends a record's value; unknown says to leave out numbers
// with all bits set, which stand for counters that the agent doesn't know.
func appendRecordJSON(dst []byte, l *sflow.Layout, v []byte, unknown bool) []byte {
	c := sflow.Cursor{Rest: v}
	n := len(dst)
	if dst = appendMembersJSON(dst, l, &c, unknown, true); c.Bad {
		return ie.AppendJSON(dst[:n], ie.OctetArray, v)
	}
	return dst
}

func appendMembersJSON(dst []byte, l *sflow.Layout, c *sflow.Cursor, unknown, last bool) []byte {
	dst = append(dst, '{')
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Optional && len(c.Rest) == 0 {
			break
		}
		switch f.Kind {
		case sflow.Word:
			if v := c.Word(); !unknown || v != math.MaxUint32 {
				dst = jsonMember(dst, f.Name)
				dst = strconv.AppendUint(dst, uint64(v), 10)
			}
		case sflow.Long:
			if v := binary.BigEndian.Uint64(c.Take(8)); !unknown || v != math.MaxUint64 {
				dst = jsonMember(dst, f.Name)
				dst = strconv.AppendUint(dst, v, 10)
			}
		case sflow.Address:
			if t, v := address(c); v != nil {
				dst = jsonMember(dst, f.Name)
				dst = ie.AppendJSON(dst, t, v)
			}
		case sflow.Words:
			dst = jsonMember(dst, f.Name)
			dst = append(dst, '[')
			for i := range c.Count() {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = strconv.AppendUint(dst, uint64(c.Word()), 10)
			}
			dst = append(dst, ']')
		case sflow.Parts:
			dst = jsonMember(dst, f.Name)
			dst = append(dst, '[')
			for i := range c.Count() {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendMembersJSON(dst, f.Of, c, unknown, false)
			}
			dst = append(dst, ']')
		default:
			t, v := scalar(f.Kind, c)
			dst = jsonMember(dst, f.Name)
			dst = ie.AppendJSON(dst, t, v)
		}
		if c.Bad {
			return dst
		}
	}
	if last && len(c.Rest) > 0 {
		dst = jsonMember(dst, "octets")
		dst = ie.AppendJSON(dst, ie.OctetArray, c.Rest)
	}
	return append(dst, '}')
}

// jsonMember appends the name of a member, and a comma before it unless it is the
// first.
func jsonMember(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), name...), `":`...)
}

// scalar reads a field of one value, with a type that writes it.
func scalar(k sflow.Kind, c *sflow.Cursor) (ie.Type, []byte) {
	switch k {
	case sflow.Int:
		return ie.Signed32, c.Take(4)
	case sflow.Float:
		return ie.Float32, c.Take(4)
	case sflow.MAC:
		return ie.MACAddress, c.Take(8)[:6]
	case sflow.IPv4:
		return ie.IPv4Address, c.Take(4)
	case sflow.IPv6:
		return ie.IPv6Address, c.Take(16)
	case sflow.UUID:
		return ie.String, uuid(c.Take(16))
	case sflow.Text:
		return ie.String, c.Text()
	case sflow.Word, sflow.Long:
		return ie.Unsigned64, c.Take(4 << (k - sflow.Word))
	}
	return ie.OctetArray, c.Text()
}

func uuid(v []byte) []byte {
	d := make([]byte, 0, 36)
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			d = append(d, '-')
		}
		d = hex.AppendEncode(d, v[:n])
		v = v[n:]
	}
	return d
}

// address reads an address with its type before it; nil if it is of none.
func address(c *sflow.Cursor) (ie.Type, []byte) {
	switch c.Word() {
	case 0:
	case 1:
		return ie.IPv4Address, c.Take(4)
	case 2:
		return ie.IPv6Address, c.Take(16)
	default:
		c.Bad = true
	}
	return 0, nil
}

// appendRecord appends a record's value in msgpack: a map of what JSON has.
func (e *Encoder) appendRecord(dst []byte, l *sflow.Layout, v []byte, unknown bool) []byte {
	c := sflow.Cursor{Rest: v}
	n := len(dst)
	if dst = e.appendMembers(dst, l, &c, unknown, true); c.Bad {
		return e.appendText(dst[:n], ie.OctetArray, v)
	}
	return dst
}

func (e *Encoder) appendMembers(dst []byte, l *sflow.Layout, c *sflow.Cursor, unknown, last bool) []byte {
	count, n := len(dst)+1, uint16(0)
	dst = append(dst, mpMap16, 0, 0)
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Optional && len(c.Rest) == 0 {
			break
		}
		switch f.Kind {
		case sflow.Address:
			t, v := address(c)
			if v == nil {
				n--
				break
			}
			dst = e.appendText(appendStr(dst, []byte(f.Name)), t, v)
		case sflow.Words, sflow.Parts:
			dst = appendStr(dst, []byte(f.Name))
			k := c.Count()
			dst = binary.BigEndian.AppendUint32(append(dst, mpArray32), uint32(k))
			for range k {
				if f.Kind == sflow.Words {
					dst = binary.BigEndian.AppendUint32(append(dst, mpUint32), c.Word())
				} else if dst = e.appendMembers(dst, f.Of, c, unknown, false); c.Bad {
					return dst
				}
			}
		default:
			t, v := scalar(f.Kind, c)
			if unknown && (f.Kind == sflow.Word || f.Kind == sflow.Long) && allOnes(v) {
				n--
				break
			}
			dst = e.appendValue(appendStr(dst, []byte(f.Name)), t, v)
		}
		if n++; c.Bad {
			return dst
		}
	}
	if last && len(c.Rest) > 0 {
		dst = e.appendText(appendStr(dst, []byte("octets")), ie.OctetArray, c.Rest)
		n++
	}
	binary.BigEndian.PutUint16(dst[count:], n)
	return dst
}

// allOnes tells whether all bits of v are set.
func allOnes(v []byte) bool {
	for _, c := range v {
		if c != 0xff {
			return false
		}
	}
	return true
}
