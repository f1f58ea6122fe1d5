package encode

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// elementName returns the key for an element, in scratch space: its name as
// the profile spells it, "_2" behind it for the second of that name in a record.
func (e *Encoder) elementName(x flow.Element) []byte {
	e.name = ie.AppendName(e.name[:0], x.PEN, x.ID)
	if e.profile != IPFIX {
		e.name = snake(e.name)
	}
	e.name = x.AppendOrd(e.name)
	return e.name
}

// snake turns a name into snake case in place of it: mplsTopLabelIPv4Address
// into mpls_top_label_ipv4_address.
func snake(name []byte) []byte {
	var buf [128]byte
	out := buf[:0]
	for i, c := range name {
		up := c >= 'A' && c <= 'Z'
		if up {
			c += 'a' - 'A'
			prev := i > 0 && name[i-1] != '_' && (!isUpper(name[i-1]) || i+1 < len(name) && isLower(name[i+1]) && name[i+1] != 'v')
			if prev && i > 0 {
				out = append(out, '_')
			}
		}
		out = append(out, c)
	}
	return append(name[:0], out...)
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func (e *Encoder) appendExtrasJSON(dst []byte, b *flow.Batch, f *flow.Flow, first bool) []byte {
	var c flow.Cursor
	for {
		x, v, ok := b.NextExtra(f, &c)
		if !ok {
			return dst
		}
		dst = appendFieldJSON(dst, e.elementName(x), x, v, first)
		first = false
	}
}

// appendFieldJSON appends an element with a key in front and a comma before it.
func appendFieldJSON(dst, name []byte, x flow.Element, v []byte, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	el, _ := ie.Lookup(x.PEN, x.ID)
	return ie.AppendJSON(dst, el.Type, v)
}

// AppendOptionJSON appends the fields of o as one JSON object, under their IANA
// names; NetFlow v9's scopes as scopeSystem, scopeInterface, scopeLineCard,
// scopeCache and scopeTemplate.
func (e *Encoder) AppendOptionJSON(dst []byte, b *flow.Batch, o *flow.Option) []byte {
	dst = append(dst, '{')
	var c flow.Cursor
	for i := 0; ; i++ {
		x, v, ok := b.NextField(o, &c)
		if !ok {
			return append(dst, '}')
		}
		if i < int(o.Scopes) && o.Version == 9 && int(x.ID) < len(scopes) && x.ID > 0 {
			e.name = x.AppendOrd(append(e.name[:0], scopes[x.ID]...))
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '"')
			dst = append(dst, e.name...)
			dst = append(dst, '"', ':')
			dst = ie.AppendJSON(dst, ie.Unsigned64, v)
			continue
		}
		dst = appendFieldJSON(dst, e.elementName(x), x, v, i == 0)
	}
}

// scopes names the scope types of RFC 3954 §6.1.
var scopes = [...]string{"", "scopeSystem", "scopeInterface", "scopeLineCard", "scopeCache", "scopeTemplate"}

func (e *Encoder) appendExtrasMsgpack(dst []byte, b *flow.Batch, f *flow.Flow) ([]byte, int) {
	var c flow.Cursor
	for n := 0; ; n++ {
		x, v, ok := b.NextExtra(f, &c)
		if !ok {
			return dst, n
		}
		dst = appendStr(dst, e.elementName(x))
		dst = e.appendValue(dst, x, v)
	}
}

// appendValue appends the value of an element as JSON has it: its numbers and
// booleans as such, all else as text.
func (e *Encoder) appendValue(dst []byte, x flow.Element, v []byte) []byte {
	el, _ := ie.Lookup(x.PEN, x.ID)
	if el.Type == ie.String { // JSON's escapes are not ours
		for len(v) > 0 && v[len(v)-1] == 0 {
			v = v[:len(v)-1]
		}
		return appendStr(dst, v)
	}
	if el.Type.IsList() {
		return e.appendList(dst, v, 0)
	}
	return e.appendText(dst, el.Type, v)
}

// appendText appends a value by its JSON.
func (e *Encoder) appendText(dst []byte, t ie.Type, v []byte) []byte {
	e.text = ie.AppendJSON(e.text[:0], t, v)
	switch t := e.text; t[0] {
	case '"':
		return appendStr(dst, t[1:len(t)-1])
	case 't':
		return append(dst, 0xc3)
	case 'f':
		return append(dst, 0xc2)
	default:
		if n, err := strconv.ParseUint(string(t), 10, 64); err == nil {
			return binary.BigEndian.AppendUint64(append(dst, mpUint64), n)
		}
		if n, err := strconv.ParseInt(string(t), 10, 64); err == nil {
			return binary.BigEndian.AppendUint64(append(dst, mpInt64), uint64(n))
		}
		n, _ := strconv.ParseFloat(string(t), 64)
		return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(n))
	}
}

// appendStr appends a msgpack string; octets that are not UTF-8 become U+FFFD.
func appendStr(dst, s []byte) []byte {
	n := len(s)
	valid := utf8.Valid(s)
	if !valid {
		n = 0
		for i := 0; i < len(s); {
			r, size := utf8.DecodeRune(s[i:])
			n += utf8.RuneLen(r)
			i += size
		}
	}
	switch {
	case n < 32:
		dst = append(dst, mpStr|byte(n))
	case n < 1<<8:
		dst = append(dst, mpStr8, byte(n))
	case n < 1<<16:
		dst = append(dst, mpStr16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	if valid {
		return append(dst, s...)
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError {
			r = unicode.ReplacementChar
		}
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}
