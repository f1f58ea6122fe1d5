// Package erase finds an address in texts, for those who take out all that names it.
package erase

import (
	"bytes"
	"net/netip"
)

// A Text is an address as texts have it. Any number of goroutines may use it at once.
type Text struct {
	text []byte // of lower case
	six  bool
}

// NewText returns that of an address. An IPv4 address in an IPv6 one is itself, and a
// zone is none of it.
func NewText(a netip.Addr) Text {
	a = a.Unmap().WithZone("")
	return Text{[]byte(a.String()), a.Is6()}
}

// String returns the text.
func (x Text) String() string { return string(x.text) }

// In tells whether a text has the address in it, in either case of letters, and not
// only as a part of another: a port or the end of a sentence may follow.
func (x Text) In(t []byte) bool {
	for at := 0; ; {
		i := indexFold(t[at:], x.text)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(x.text)
		if !x.continues(t[:from], -1) && !x.continues(t[to:], 1) {
			return true
		}
		at = from + 1
	}
}

// indexFold is bytes.Index for a text of lower case.
func indexFold(t, lower []byte) int {
	for i := 0; i+len(lower) <= len(t); i++ {
		if bytes.EqualFold(t[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

// continues tells whether an address goes on in rest: behind its text, 1, or before
// it, -1.
func (x Text) continues(rest []byte, way int) bool {
	next := func(n int) byte {
		if way < 0 {
			n = len(rest) - 1 - n
		}
		if n < 0 || n >= len(rest) {
			return ' '
		}
		return rest[n]
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	c := next(0)
	if digit(c) || c == '.' && digit(next(1)) {
		return true
	}
	return x.six && (c == ':' || c|0x20 >= 'a' && c|0x20 <= 'f')
}
