package modinput

import (
	"strconv"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
)

// A class says what becomes of an octet on its way into an event.
type class uint8

const (
	plain   class = iota
	entity        // XML wants an entity
	percent       // ends a column, a pair or a line, or is '%' itself
	star          // three of them would begin Splunk's header "***SPLUNK***"
	wide          // part of a character beyond ASCII
)

var classes = func() (t [256]class) {
	for i := range t {
		switch {
		case i < ' ' || i == 0x7f || i == '|' || i == '%' || i == ';':
			t[i] = percent
		case i >= utf8.RuneSelf:
			t[i] = wide
		}
	}
	for _, c := range `&<>"'` {
		t[c] = entity
	}
	t['*'] = star
	return t
}()

// appendText appends v, as an exporter sent it, as the text of a column or of
// an extra's value in the format psv, escaped for XML.
func appendText(dst, v []byte) []byte {
	from := 0
	for i := 0; i < len(v); {
		k := classes[v[i]]
		n := 1
		switch k {
		case plain:
			i++
			continue
		case star:
			if i+2 >= len(v) || v[i+1] != '*' || v[i+2] != '*' {
				i++
				continue
			}
		case wide:
			var r rune
			if r, n = utf8.DecodeRune(v[i:]); allowed(r, n) {
				i += n
				continue
			}
			if r >= 0xa0 {
				dst = append(dst, v[from:i]...)
				dst = append(dst, "\ufffd"...)
				i += n
				from = i
				continue
			}
		}
		dst = append(dst, v[from:i]...)
		if k == entity {
			dst = appendEntity(dst, v[i])
		} else {
			for _, c := range v[i : i+n] {
				dst = append(dst, '%', hexUpper[c>>4], hexUpper[c&15])
			}
		}
		i += n
		from = i
	}
	return append(dst, v[from:]...)
}

// allowed tells whether a character beyond ASCII, of n octets, may stand in an
// event as it is.
func allowed(r rune, n int) bool {
	switch {
	case r == utf8.RuneError:
		return n > 1 // the character itself, not an octet that makes none
	case r < 0xa0: // C1 controls
		return false
	}
	return r != 0xfffe && r != 0xffff // not characters in XML
}

// appendXML appends a line of JSON to dst, escaped for XML. Control characters
// and invalid UTF-8 are not in it.
func appendXML(dst, v []byte) []byte {
	from := 0
	for i := 0; i < len(v); {
		c, n := v[i], 1
		switch classes[c] {
		case entity:
			if c == '"' || c == '\'' { // stand for themselves in an element
				i++
				continue
			}
			dst = appendEntity(append(dst, v[from:i]...), c)
		case star:
			if i+2 >= len(v) || v[i+1] != '*' || v[i+2] != '*' {
				i++
				continue
			}
			dst = append(append(dst, v[from:i]...), `\u002a`...)
		case wide:
			var r rune
			if r, n = utf8.DecodeRune(v[i:]); allowed(r, n) {
				i += n
				continue
			}
			dst = append(append(dst, v[from:i]...), "\ufffd"...)
		default:
			i++
			continue
		}
		i += n
		from = i
	}
	return append(dst, v[from:]...)
}

func appendEntity(dst []byte, c byte) []byte {
	switch c {
	case '&':
		return append(dst, "&amp;"...)
	case '<':
		return append(dst, "&lt;"...)
	case '>':
		return append(dst, "&gt;"...)
	case '"':
		return append(dst, "&quot;"...)
	}
	return append(dst, "&apos;"...)
}

const hexUpper, hexLower = "0123456789ABCDEF", "0123456789abcdef"

// appendTime appends t, Unix nanoseconds, as seconds with three decimals, or
// six or nine if t has them.
func appendTime(dst []byte, t int64) []byte {
	u := uint64(t)
	if t < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/1e9, 10)
	dst = append(dst, '.')
	ns := u % 1e9
	dst = append3(dst, ns/1e6)
	if ns %= 1e6; ns != 0 {
		dst = append3(dst, ns/1e3)
		if ns %= 1e3; ns != 0 {
			dst = append3(dst, ns)
		}
	}
	return dst
}

// appendMillis appends t as seconds with three decimals, the rest cut: what
// stands in an event's element time.
func appendMillis(dst []byte, t int64) []byte { return appendTime(dst, t-t%1e6) }

func append3(dst []byte, v uint64) []byte {
	return append(dst, byte('0'+v/100), byte('0'+v/10%10), byte('0'+v%10))
}

func appendAddr(dst []byte, a *flow.Addr) []byte {
	if !a.Is4() {
		return a.Netip().AppendTo(dst)
	}
	dst = append(dst, octets[a[12]][:lens[a[12]]]...)
	for _, x := range a[13:16] {
		dst = append(dst, '.')
		dst = append(dst, octets[x][:lens[x]]...)
	}
	return dst
}

// octets holds "0" to "255", lens how long they are.
var octets, lens = func() (t [256][3]byte, n [256]uint8) {
	for i := range t {
		n[i] = uint8(copy(t[i][:], strconv.Itoa(i)))
	}
	return t, n
}()

func appendMAC(dst []byte, m uint64) []byte {
	for shift := 40; shift >= 0; shift -= 8 {
		x := byte(m >> shift)
		dst = append(dst, hexLower[x>>4], hexLower[x&15])
		if shift > 0 {
			dst = append(dst, ':')
		}
	}
	return dst
}

// appendApp appends an application as "engine:selector", RFC 6759.
func appendApp(dst []byte, v uint64) []byte {
	dst = strconv.AppendUint(dst, v>>56, 10)
	return strconv.AppendUint(append(dst, ':'), v&(1<<56-1), 10)
}
