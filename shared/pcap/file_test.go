package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestOrderAndMagic(t *testing.T) {
	f := func(order binary.AppendByteOrder, magic uint32, ns int64) {
		t.Helper()
		c := file{order: order, magic: magic, link: linkRaw}
		c.add(ip(a4, b4, "hi"), 0)
		if !IsPcap(c.b) {
			t.Errorf("IsPcap(% x) = false", c.b[:4])
		}
		lines, _, err := drain(t, c.b)
		want := fmt.Sprintf("1 %d %s > %s hi", 1_700_000_000_000_000_000+ns, a4, b4)
		if err != nil || len(lines) != 1 || lines[0] != want {
			t.Errorf("%v %#x: %q, %v; want %q", order, magic, lines, err, want)
		}
	}
	f(binary.LittleEndian, magicMicro, 123_456_000)
	f(binary.BigEndian, magicMicro, 123_456_000)
	f(binary.LittleEndian, magicNano, 123_456)
	f(binary.BigEndian, magicNano, 123_456)
}

// Cut at any place, a file gives the packets before it and an error that says
// where.
func TestFileCut(t *testing.T) {
	c := file{link: linkRaw}
	ends := []int{}
	for range 3 {
		c.add(ip(a4, b4, "hello"), 0)
		ends = append(ends, len(c.b))
	}
	for n := range len(c.b) {
		lines, _, err := drain(t, c.b[:n])
		if n < 4 {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%d octets: %v; want %v", n, err, ErrFormat)
			}
			continue
		}
		if n < fileHeader {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%d octets: %v; want %v", n, err, io.ErrUnexpectedEOF)
			}
			continue
		}
		packets, at := 0, fileHeader
		for _, e := range ends {
			if e <= n {
				packets, at = packets+1, e
			}
		}
		if len(lines) != packets {
			t.Fatalf("%d octets: %d packets; want %d", n, len(lines), packets)
		}
		if n == at {
			if err != nil {
				t.Fatalf("%d octets: %v; want io.EOF", n, err)
			}
			continue
		}
		want := fmt.Sprintf("packet %d at offset %d", packets+1, at)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), want) {
			t.Fatalf("%d octets: %v; want one with %q", n, err, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	c := file{link: linkRaw}
	c.add(ip(a4, b4, "hello"), 0)
	at := len(c.b)
	c.add(make([]byte, maxPacket), 0)
	if _, s, err := drain(t, c.b); err != nil || s.Other != 1 {
		t.Errorf("a packet of %d octets: %+v, %v; want it read", maxPacket, s, err)
	}
	binary.LittleEndian.PutUint32(c.b[at+8:], 1<<32-1)
	want := fmt.Sprintf("pcap packet 2 at offset %d: length 4294967295 is over 262144", at)
	if lines, _, err := drain(t, c.b); len(lines) != 1 || err == nil || err.Error() != want {
		t.Errorf("%d packets, error %v; want 1, %s", len(lines), err, want)
	}

	for _, head := range []string{"", "\n\r\r", "\xd4\xc3\xb2", "\x34\xcd\xb2\xa1", "GET / HTTP/1.1"} {
		if IsPcap([]byte(head)) {
			t.Errorf("IsPcap(%q) = true", head)
		}
		if _, err := NewReader(strings.NewReader(head)); !errors.Is(err, ErrFormat) {
			t.Errorf("NewReader(%q): %v; want %v", head, err, ErrFormat)
		}
	}

	broken := errors.New("broken disk")
	if _, err := NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("NewReader: %v; want %v", err, broken)
	}
	r, err := NewReader(io.MultiReader(bytes.NewReader(c.b[:at+10]), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	r.Next()
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("Next: %v; want %v", err, broken)
	}
}
