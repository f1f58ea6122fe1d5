package hec

import (
	"encoding/binary"
	"unicode/utf8"
)

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	from := len(dst) + 1
	dst = append(append(dst, '"'), s...)
	dst, _ = escape(dst, from, nil)
	return append(dst, '"')
}

// escape makes what dst has from from on the inside of a JSON string: quotes,
// backslashes and control characters are escaped, and what isn't UTF-8 becomes
// U+FFFD. It uses scratch, and returns it. Nearly all texts stay as they are.
func escape(dst []byte, from int, scratch []byte) (escaped, _ []byte) {
	at := from + harmless(dst[from:])
	if at == len(dst) {
		return dst, scratch
	}
	scratch = append(scratch[:0], dst[at:]...)
	return appendEscaped(dst[:at], scratch), scratch
}

// harmless returns how many octets at the start of v are printable ASCII and
// need no escape: eight at a time, and no more than there are for sure.
func harmless(v []byte) (n int) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(v)-n >= 8 {
		x := binary.LittleEndian.Uint64(v[n:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		// In each octet the top bit is set if it is above 127, below a space, or 0
		// in quote or slash. Borrows may set it in an octet above one that has it.
		if (x|(x-ones*' ')|(quote-ones)&^quote|(slash-ones)&^slash)&tops != 0 {
			break
		}
		n += 8
	}
	for n < len(v) && plain[v[n]] {
		n++
	}
	return n
}

// plain has the octets that stand for themselves.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func appendEscaped(dst, v []byte) []byte {
	for i := 0; i < len(v); {
		c := v[i]
		switch {
		case plain[c]:
			n := 1 + harmless(v[i+1:])
			dst = append(dst, v[i:i+n]...)
			i += n
			continue
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(v[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, v[i:i+n]...)
			}
			i += n
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, digits[c>>4], digits[c&15])
		}
		i++
	}
	return dst
}

const digits = "0123456789abcdef"
