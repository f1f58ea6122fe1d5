package sink

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An unpacker reads what a server says: msgpack. It trusts no length: a message
// has maxReply octets at most.
type unpacker struct {
	r    *bufio.Reader
	left int // octets that the message may still have
}

// maxReply is the longest message of a server that is read; those of the
// protocol have a few hundred octets.
const maxReply = 16 << 10

// maxDepth is how deep maps and arrays may nest.
const maxDepth = 8

var errReply = errors.New("the server says what the Forward protocol doesn't know")

// A kind is a kind of msgpack value.
type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindNumber
	kindText // str and bin
	kindArray
	kindMap
	kindExt
)

// begin says that a message starts.
func (u *unpacker) begin() { u.left = maxReply }

func (u *unpacker) octets(n int) ([]byte, error) {
	if n > u.left {
		return nil, fmt.Errorf("%w: a message of more than %d octets", errReply, maxReply)
	}
	u.left -= n
	b := make([]byte, n)
	_, err := io.ReadFull(u.r, b)
	return b, err
}

func (u *unpacker) number(n int) (int, error) {
	b, err := u.octets(n)
	if err != nil {
		return 0, err
	}
	var x [8]byte
	copy(x[8-n:], b)
	return int(min(binary.BigEndian.Uint64(x[:]), maxReply+1)), nil // longer than all that is read
}

// head reads what kind a value is, and its length: octets that follow, elements,
// or pairs; of a bool it is 1 for true.
func (u *unpacker) head() (kind, int, error) {
	b, err := u.octets(1)
	if err != nil {
		return 0, 0, err
	}
	sized := func(k kind, width, more int) (kind, int, error) {
		n, err := u.number(width)
		return k, n + more, err
	}
	switch c := b[0]; {
	case c < 0x80 || c >= 0xe0:
		return kindNumber, 0, nil
	case c < 0x90:
		return kindMap, int(c & 0x0f), nil
	case c < 0xa0:
		return kindArray, int(c & 0x0f), nil
	case c < 0xc0:
		return kindText, int(c & 0x1f), nil
	case c == 0xc0:
		return kindNil, 0, nil
	case c == 0xc2 || c == 0xc3:
		return kindBool, int(c & 1), nil
	case c >= 0xc4 && c <= 0xc6:
		return sized(kindText, 1<<(c-0xc4), 0)
	case c >= 0xc7 && c <= 0xc9:
		return sized(kindExt, 1<<(c-0xc7), 1)
	case c == 0xca || c == 0xcb:
		return kindNumber, 4 << (c - 0xca), nil
	case c >= 0xcc && c <= 0xcf:
		return kindNumber, 1 << (c - 0xcc), nil
	case c >= 0xd0 && c <= 0xd3:
		return kindNumber, 1 << (c - 0xd0), nil
	case c >= 0xd4 && c <= 0xd8:
		return kindExt, 1 + 1<<(c-0xd4), nil
	case c >= 0xd9 && c <= 0xdb:
		return sized(kindText, 1<<(c-0xd9), 0)
	case c == 0xdc || c == 0xdd:
		return sized(kindArray, 2<<(c-0xdc), 0)
	case c == 0xde || c == 0xdf:
		return sized(kindMap, 2<<(c-0xde), 0)
	}
	return 0, 0, errReply // 0xc1 is never used
}

// text reads a text.
func (u *unpacker) text() (string, error) {
	k, n, err := u.head()
	if err != nil {
		return "", err
	}
	if k != kindText {
		return "", errReply
	}
	b, err := u.octets(n)
	return string(b), err
}

// flag reads a bool.
func (u *unpacker) flag() (bool, error) {
	k, n, err := u.head()
	if err == nil && k != kindBool {
		err = errReply
	}
	return n == 1, err
}

// skip reads over a value.
func (u *unpacker) skip(depth int) error {
	k, n, err := u.head()
	if err != nil {
		return err
	}
	switch k {
	case kindNumber, kindText, kindExt:
		_, err = u.octets(n)
	case kindMap:
		n *= 2
		fallthrough
	case kindArray:
		if depth == maxDepth {
			return errReply
		}
		for ; n > 0 && err == nil; n-- { // each takes an octet at least: left ends this
			err = u.skip(depth + 1)
		}
	}
	return err
}

// pairs calls f with each key of a map of n; f reads the value.
func (u *unpacker) pairs(n int, f func(key string) error) error {
	for range n {
		key, err := u.text()
		if err != nil {
			return err
		}
		if err := f(key); err != nil {
			return err
		}
	}
	return nil
}
