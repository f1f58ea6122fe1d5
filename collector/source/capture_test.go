package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/pcap"
)

func be(v ...uint16) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

func v5(n int) []byte { return append(be(5, uint16(n)), make([]byte, 20+48*n)...) }

// fixed makes a datagram of a version whose records have a fixed size.
func fixed(version uint16, header, record, n int) []byte {
	return append(be(version, uint16(n)), make([]byte, header-4+record*n)...)
}

// v8 makes a datagram with n records of an aggregation scheme.
func v8(scheme byte, n int) []byte {
	b := fixed(8, 28, []int{0, 28, 28, 32, 32, 40, 32, 40, 44, 32, 32, 32, 32, 40, 40}[scheme], n)
	b[22], b[23] = scheme, 2
	return b
}

// v9 makes a packet with a data set of n octets for each number.
func v9(sets ...uint16) []byte {
	b := append(be(9, uint16(len(sets))), make([]byte, 16)...)
	for _, n := range sets {
		b = append(append(b, be(256, 4+n)...), make([]byte, n)...)
	}
	return b
}

func ipfix(octets uint16) []byte { return append(be(10, octets), make([]byte, octets-4)...) }

func all(t *testing.T, in io.Reader) (got []Message) {
	t.Helper()
	c, err := NewCapture(in)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := c.Next()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Data = bytes.Clone(m.Data)
		got = append(got, m)
	}
}

func TestRawCapture(t *testing.T) {
	f := func(name string, messages ...[]byte) {
		t.Helper()
		got := all(t, bytes.NewReader(bytes.Join(messages, nil)))
		if len(got) != len(messages) {
			t.Errorf("%s: got %d messages, want %d", name, len(got), len(messages))
			return
		}
		for i, m := range got {
			if !bytes.Equal(m.Data, messages[i]) || m.Index != i+1 || m.Time != 0 || !m.From.Addr().IsLoopback() {
				t.Errorf("%s: message %d is %d octets, index %d, from %s, time %d", name, i+1, len(m.Data), m.Index, m.From, m.Time)
			}
		}
	}
	f("one v5", v5(30))
	f("v5 behind v5", v5(30), v5(1), v5(2))
	f("v1, v6 and v7", fixed(1, 16, 48, 24), fixed(1, 16, 48, 1), fixed(6, 24, 52, 3), fixed(7, 24, 52, 27), fixed(6, 24, 52, 1), v5(1))
	for scheme := byte(1); scheme <= 14; scheme++ {
		f(fmt.Sprintf("v8 scheme %d", scheme), v8(scheme, 30), v8(scheme, 1), v8(scheme, 2), v5(1))
	}
	f("v6 and v8 behind v9", v9(8), fixed(6, 24, 52, 1), v9(8), v8(9, 1))
	f("v8 cut short", v8(1, 3)[:27])
	f("v8 of a scheme that nobody knows", append(append(fixed(8, 22, 0, 1), 15, 2, 0, 0, 0, 0), v5(1)...))
	f("v9 behind v9", v9(40, 12), v9(4), v9(100))
	f("ipfix behind ipfix", ipfix(16), ipfix(1400), ipfix(65535), ipfix(20))
	f("mixed", v5(1), v9(8), ipfix(40), v9(8), v5(2))
	f("v5 cut short", v5(30)[:100])
	f("v9 with a set too long", append(v9(8), be(256, 1000, 1)...))
	f("v9 with one octet behind", append(v9(8), 0))
	f("ipfix with octets behind", append(ipfix(40), 0, 0, 0, 0, 0))
	f("ipfix with length 0", be(10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
	f("more than fits one datagram", ipfix(65535), ipfix(65535), ipfix(65535))
}

func TestPcapCapture(t *testing.T) {
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	src, dst := netip.MustParseAddrPort("192.0.2.1:9000"), netip.MustParseAddrPort("192.0.2.2:2055")
	for i := range 3 {
		if err := w.WriteUDP(int64(i)*1e9, src, dst, v5(i)); err != nil {
			t.Fatal(err)
		}
	}
	got := all(t, &file)
	if len(got) != 3 {
		t.Fatalf("got %d messages, want 3", len(got))
	}
	for i, m := range got {
		if m.From != src || m.To != dst || m.Time != int64(i)*1e9 || m.Index != i+1 || !bytes.Equal(m.Data, v5(i)) {
			t.Errorf("message %d is %+v", i+1, m)
		}
	}
}

func TestNotACapture(t *testing.T) {
	f := func(head, want string) {
		t.Helper()
		_, err := NewCapture(strings.NewReader(head))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", head, err, want)
		}
	}
	f("", "empty")
	f("\x00", "neither a pcap file nor")
	f("hello, world", "neither a pcap file nor")
	f("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", "pcapng header")
	f("\x1f\x8b\x08\x00\x00", "gzip data is cut short")
	f("\x28\xb5\x2f\xfd\x00", "zstd data is cut short")
	f("\xd4\xc3\xb2\xa1\x02\x00", "pcap header")
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.dat")
	if err := os.WriteFile(path, append(v5(1), v5(2)...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path, ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var dst [8]decode.Datagram
	for i := range 2 {
		if n, err := f.Read(t.Context(), dst[:]); n != 1 || err != nil || !bytes.Equal(dst[0].Data, v5(i+1)) {
			t.Fatalf("read %d: got %d, %v, %d octets", i+1, n, err, len(dst[0].Data))
		}
	}
	for range 2 {
		if n, err := f.Read(t.Context(), dst[:]); n != 0 || err != io.EOF {
			t.Errorf("at the end: got %d, %v", n, err)
		}
	}
	if _, err := OpenFile(filepath.Join(t.TempDir(), "none"), ReplayOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

// A broken pcap file gives one error, which names it, and then ends.
func TestFileBroken(t *testing.T) {
	var b bytes.Buffer
	w, err := pcap.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	a := loopback(1)
	if err := w.WriteUDP(0, a, a, v5(1)); err != nil {
		t.Fatal(err)
	}
	b.WriteString("rubbish")
	path := filepath.Join(t.TempDir(), "broken.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path, ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var dst [1]decode.Datagram
	if n, err := f.Read(t.Context(), dst[:]); n != 1 || err != nil {
		t.Fatalf("the whole packet: got %d, %v", n, err)
	}
	if _, err := f.Read(t.Context(), dst[:]); err == nil || err == io.EOF || !strings.Contains(err.Error(), "broken.pcap: pcap packet 2") {
		t.Errorf("the cut one: got %v", err)
	}
	if _, err := f.Read(t.Context(), dst[:]); err != io.EOF {
		t.Errorf("behind it: got %v", err)
	}
}

// Whatever a file holds, each octet of it is handed out once.
func FuzzRawCapture(f *testing.F) {
	f.Add(v5(2))
	f.Add(append(v9(8, 4), v9(3)...))
	f.Add(append(ipfix(20), ipfix(16)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := NewCapture(bytes.NewReader(data))
		if err != nil || c.pcap != nil {
			return
		}
		var joined []byte
		for {
			m, err := c.Next()
			if err == io.EOF {
				break
			}
			if err != nil || len(m.Data) == 0 {
				t.Fatalf("message of %d octets, error %v", len(m.Data), err)
			}
			joined = append(joined, m.Data...)
		}
		if !bytes.Equal(joined, data) {
			t.Fatalf("handed out %d octets of %d", len(joined), len(data))
		}
	})
}
