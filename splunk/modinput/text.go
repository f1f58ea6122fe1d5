package modinput

import (
	"encoding/binary"
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

// escapes has the class of each octet.
type escapes [256]class

// escapesOf has the escapes by format, in XML and without.
var escapesOf = func() (all [len(formats)][2]escapes) {
	for f := range all {
		for raw := range all[f] {
			t := &all[f][raw]
			entities := `&<>"'`
			if Format(f) == JSON { // there, quotes stand for themselves
				entities = `&<>`
			}
			if raw == 0 {
				for _, c := range entities {
					t[c] = entity
				}
			}
			for i := range t {
				switch {
				case i >= utf8.RuneSelf:
					t[i] = wide
				case Format(f) == JSON: // has escapes of its own
				case i < ' ' || i == 0x7f || i == '|' || i == '%' || i == ';' || i == '"' && Format(f) == KV:
					t[i] = percent
				}
			}
			t['*'] = star
		}
	}
	return all
}()

// appendText appends v, as an exporter sent it, as the text of a column or of
// an extra's value in the formats psv and kv, escaped as t says.
func appendText(dst, v []byte, t *escapes) []byte {
	from := 0
	for i := 0; i < len(v); {
		k := t[v[i]]
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

// appendLine appends a line of JSON to dst, escaped as t says. Control characters
// and invalid UTF-8 are not in it.
func appendLine(dst, v []byte, t *escapes) []byte {
	from := 0
	for i := 0; i < len(v); {
		c, n := v[i], 1
		switch t[c] {
		case entity:
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

// appendXML appends a line of JSON to dst, escaped for XML.
func appendXML(dst, v []byte) []byte { return appendLine(dst, v, &escapesOf[JSON][0]) }

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

// The put functions write to buf at n, where there is room for overshoot octets
// more than the value has, and return the n behind what they wrote.
const overshoot = 16

// A short is the text of a number below 1000, little-endian, and its length.
type short struct {
	text uint32
	n    uint32
}

// shorts holds "0" to "999", padded "000" to "999", octets "0." to "255.".
var shorts, padded, octets = func() (n [1000]short, p [1000]uint32, o [256]short) {
	word := func(s string) (w uint32) {
		for i := range len(s) {
			w |= uint32(s[i]) << (8 * i)
		}
		return w
	}
	for i := range n {
		s := strconv.Itoa(i)
		n[i] = short{word(s), uint32(len(s))}
		p[i] = word(strconv.Itoa(i + 1000)[1:])
		if i < len(o) {
			o[i] = short{word(s + "."), uint32(len(s)) + 1}
		}
	}
	return n, p, o
}()

func putShort(buf []byte, n int, v uint64) int {
	s := &shorts[v]
	binary.LittleEndian.PutUint32(buf[n:], s.text)
	return n + int(s.n)
}

func put3(buf []byte, n int, v uint64) int {
	binary.LittleEndian.PutUint32(buf[n:], padded[v])
	return n + 3
}

func putUint(buf []byte, n int, v uint64) int {
	if v < 1000 {
		return putShort(buf, n, v)
	}
	high := v / 1000
	if high < 1000 {
		n = putShort(buf, n, high)
	} else {
		n = putUint(buf, n, high)
	}
	return put3(buf, n, v-high*1000)
}

// putTime writes t, Unix nanoseconds, as seconds with three decimals, or six or
// nine if t has them.
func putTime(buf []byte, n int, t int64) int {
	u := uint64(t)
	if t < 0 {
		buf[n] = '-'
		n++
		u = -u
	}
	sec := u / 1e9
	n = putUint(buf, n, sec)
	buf[n] = '.'
	ns := u - sec*1e9
	ms := ns / 1e6
	n = put3(buf, n+1, ms)
	if ns -= ms * 1e6; ns != 0 {
		n = put3(buf, n, ns/1e3)
		if ns %= 1e3; ns != 0 {
			n = put3(buf, n, ns)
		}
	}
	return n
}

// putMillis writes t as seconds with three decimals, the rest cut: what stands in
// an event's element time.
func putMillis(buf []byte, n int, t int64) int { return putTime(buf, n, t-t%1e6) }

// appendMillis appends what putMillis writes.
func appendMillis(dst []byte, t int64) []byte {
	var buf [32 + overshoot]byte
	return append(dst, buf[:putMillis(buf[:], 0, t)]...)
}

// putDuration writes milliseconds as seconds, with as many decimals as they need.
func putDuration(buf []byte, n int, ms uint64) int {
	sec := ms / 1e3
	n = putUint(buf, n, sec)
	if ms -= sec * 1e3; ms != 0 {
		buf[n] = '.'
		n = put3(buf, n+1, ms)
		for buf[n-1] == '0' {
			n--
		}
	}
	return n
}

func putAddr(buf []byte, n int, a *flow.Addr) int {
	if !a.Is4() {
		return len(a.Netip().AppendTo(buf[:n]))
	}
	for _, x := range a[12:] {
		o := &octets[x]
		binary.LittleEndian.PutUint32(buf[n:], o.text)
		n += int(o.n)
	}
	return n - 1 // without the last dot
}

func appendAddr(dst []byte, a *flow.Addr) []byte { return a.Netip().AppendTo(dst) }

func putMAC(buf []byte, n int, m uint64) int {
	b := buf[n : n+17]
	for i, shift := 0, 40; shift >= 0; i, shift = i+3, shift-8 {
		x := byte(m >> shift)
		b[i], b[i+1] = hexLower[x>>4], hexLower[x&15]
		if shift > 0 {
			b[i+2] = ':'
		}
	}
	return n + 17
}
