package encode

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/sflow"
)

// An element is what an Encoder remembers of one that it met: a look-up costs
// more than a value.
type element struct {
	flow.Element
	typ  ie.Type
	name []byte // none: nothing is remembered here
}

// element returns what is known of x: its type, and its key, which is its name
// as the profile spells it, "_2" behind it for the second of that name in a
// record. It is valid until the next call.
func (e *Encoder) element(x flow.Element) *element {
	k := &e.elements[(x.PEN*31+uint32(x.ID)*7+uint32(x.Ord))%uint32(len(e.elements))]
	if k.Element != x || len(k.name) == 0 {
		el, _ := ie.Lookup(x.PEN, x.ID)
		k.Element, k.typ = x, el.Type
		k.name = append(k.name[:0], e.prefix()...)
		k.name = ie.AppendName(k.name, x.PEN, x.ID)
		if e.profile != IPFIX {
			k.name = snake(k.name)
		}
		k.name = x.AppendOrd(k.name)
	}
	return k
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
		if l, rest := flowLayout(x, v); l != nil {
			if !first {
				dst = append(dst, ',')
			}
			dst = appendRecordJSON(jsonKey(dst, e.sflowName(x, l)), l, rest, false)
		} else {
			dst = e.appendFieldJSON(dst, x, v, first)
		}
		first = false
	}
}

// flowLayout returns the layout of an extra that is a record of sFlow, if it is
// known, and its octets.
func flowLayout(x flow.Element, v []byte) (*sflow.Layout, []byte) {
	if x.PEN != sflow.PEN {
		return nil, nil
	}
	return sflow.OfFlow(x.ID, v)
}

// appendFieldJSON appends an element with its key in front and a comma before
// it.
func (e *Encoder) appendFieldJSON(dst []byte, x flow.Element, v []byte, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	k := e.element(x)
	return ie.AppendJSON(jsonKey(dst, k.name), k.typ, v)
}

func jsonKey(dst, name []byte) []byte {
	return append(append(append(dst, '"'), name...), `":`...)
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
		dst = e.appendFieldJSON(dst, x, v, i == 0)
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
		if l, rest := flowLayout(x, v); l != nil {
			dst = e.appendRecord(appendStr(dst, e.sflowName(x, l)), l, rest, false)
			continue
		}
		k := e.element(x)
		dst = appendStr(dst, k.name)
		dst = e.appendValue(dst, k.typ, v)
	}
}

// appendValue appends the value of an element as JSON has it: its numbers and
// booleans as such, all else as text.
func (e *Encoder) appendValue(dst []byte, t ie.Type, v []byte) []byte {
	switch {
	case t == ie.String: // JSON's escapes are not ours
		for len(v) > 0 && v[len(v)-1] == 0 {
			v = v[:len(v)-1]
		}
		return appendStr(dst, v)
	case t.IsList():
		return e.appendList(dst, v, 0)
	case t >= ie.Unsigned8 && t <= ie.Unsigned64 && len(v) > 0 && len(v) <= 8: // as JSON would, at less cost
		n := uint64(0)
		for _, c := range v {
			n = n<<8 | uint64(c)
		}
		return binary.BigEndian.AppendUint64(append(dst, mpUint64), n)
	}
	return e.appendText(dst, t, v)
}

// appendText appends a value by its JSON.
func (e *Encoder) appendText(dst []byte, t ie.Type, v []byte) []byte {
	e.value = ie.AppendJSON(e.value[:0], t, v)
	switch t := e.value; t[0] {
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
	n := len(dst)
	size := strLen(s)
	dst = slices.Grow(dst, size)[:n+size]
	putStr(dst[n:], s)
	return dst
}

// strLen returns how long s is as a msgpack string.
func strLen(s []byte) int {
	n := utf8Len(s)
	switch {
	case n < 32:
		return 1 + n
	case n < 1<<8:
		return 2 + n
	case n < 1<<16:
		return 3 + n
	}
	return 5 + n
}

// putStr writes s to dst, which is as long as strLen says.
func putStr(dst, s []byte) {
	switch n := len(dst); {
	case n < 1+32:
		dst[0] = mpStr | byte(n-1)
		dst = dst[1:]
	case n < 2+1<<8:
		dst[0], dst[1] = mpStr8, byte(n-2)
		dst = dst[2:]
	case n < 3+1<<16:
		dst[0] = mpStr16
		binary.BigEndian.PutUint16(dst[1:], uint16(n-3))
		dst = dst[3:]
	default:
		dst[0] = mpStr32
		binary.BigEndian.PutUint32(dst[1:], uint32(n-5))
		dst = dst[5:]
	}
	putUTF8(dst, s)
}

// utf8Len returns how long s is with U+FFFD for what isn't UTF-8.
func utf8Len(s []byte) int {
	if utf8.Valid(s) {
		return len(s)
	}
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		n += utf8.RuneLen(r)
		i += size
	}
	return n
}

// putUTF8 writes s to dst, which is as long as utf8Len says.
func putUTF8(dst, s []byte) {
	if len(dst) == len(s) { // else s isn't UTF-8: U+FFFD is longer than what it stands for
		copy(dst, s)
		return
	}
	n := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		n += utf8.EncodeRune(dst[n:], r)
		s = s[size:]
	}
}
