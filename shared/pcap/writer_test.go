package pcap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"net/netip"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	mapped := netip.AddrPortFrom(netip.AddrFrom16(a4.Addr().As16()), a4.Port())
	want := []Packet{
		{Time: 0, Src: a4, Dst: b4},
		{Time: 1_795_000_000_123_456_789, Src: b4, Dst: a4, Payload: []byte("odd")},
		{Time: math.MaxUint32*1e9 + 999_999_999, Src: a6, Dst: b6, Payload: []byte{0xff, 0xff}},
		{Time: 1, Src: a4, Dst: b4, Payload: bytes.Repeat([]byte{0xab}, 65507)},
		{Time: 1, Src: b6, Dst: a6, Payload: bytes.Repeat([]byte{0xff}, 65527)},
		{Time: 1, Src: mapped, Dst: b4, Payload: []byte("mapped")},
	}
	for _, p := range want {
		if err := w.WriteUDP(p.Time, p.Src, p.Dst, p.Payload); err != nil {
			t.Fatal(err)
		}
	}
	want[5].Src = a4
	r, err := NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range want {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got.Time != x.Time || got.Src != x.Src || got.Dst != x.Dst || got.Index != i+1 || !bytes.Equal(got.Payload, x.Payload) {
			t.Errorf("packet %d: %.80v; want %.80v", i+1, got, x)
		}
	}
	if _, err := r.Next(); err != io.EOF || r.Skipped() != (Skipped{}) {
		t.Errorf("at the end: %v, %+v", err, r.Skipped())
	}
}

// The octets, as tshark finds them right, checksums included.
func TestWireForm(t *testing.T) {
	f := func(src, dst netip.AddrPort, payload, want string) {
		t.Helper()
		if got := hex.EncodeToString(ip(src, dst, payload)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(a4, b4, "abc", "4500001f0000400040114e92c0000201c63364070807c000000b8731616263")
	f(a6, b6, "abc", "60000000000b114020010db800000000000000000000000120010db8ffff000000000000000000021283ffff000bcd7d616263")
}

// Summed with its checksum, everything that a checksum covers gives 0.
func TestChecksum(t *testing.T) {
	for n := range 50 {
		payload := string(bytes.Repeat([]byte{0xff, 0x13}, n)[n:])
		b := ip(a4, b4, payload)
		if c := checksum(b[:20], 0); c != 0 {
			t.Errorf("IPv4 header: %#x", c)
		}
		if c := checksum(b[12:], protoUDP+uint32(len(b)-20)); c != 0 {
			t.Errorf("UDP over IPv4, %d octets: %#x", n, c)
		}
		b = ip(a6, b6, payload)
		if c := checksum(b[8:], protoUDP+uint32(len(b)-40)); c != 0 {
			t.Errorf("UDP over IPv6, %d octets: %#x", n, c)
		}
	}
	if c := checksum(nil, 0); c != 0xffff {
		t.Errorf("of nothing: %#x; want 0xffff", c)
	}
}

func TestWriterRefuses(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	before := b.Len()
	f := func(what string, ns int64, src, dst netip.AddrPort, n int) {
		t.Helper()
		if err := w.WriteUDP(ns, src, dst, make([]byte, n)); err == nil || b.Len() != before {
			t.Errorf("%s: error %v, %d octets written", what, err, b.Len()-before)
		}
	}
	f("no source", 0, netip.AddrPort{}, b4, 0)
	f("no destination", 0, a4, netip.AddrPort{}, 0)
	f("no address at all", 0, netip.AddrPort{}, netip.AddrPort{}, 0)
	f("two families", 0, a4, b6, 0)
	f("payload over IPv4's", 0, a4, b4, 65508)
	f("payload over IPv6's", 0, a6, b6, 65528)
	f("before 1970", -1, a4, b4, 0)
	f("after 2106", (math.MaxUint32+1)*1e9, a4, b4, 0)

	full := errors.New("disk full")
	if _, err := NewWriter(failing{full}); !errors.Is(err, full) {
		t.Errorf("NewWriter: %v; want %v", err, full)
	}
	w.w = failing{full}
	if err := w.WriteUDP(0, a4, b4, nil); !errors.Is(err, full) {
		t.Errorf("WriteUDP: %v; want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriteAllocs(t *testing.T) {
	w, err := NewWriter(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 1400)
	if n := testing.AllocsPerRun(100, func() {
		w.WriteUDP(1, a4, b4, payload)
		w.WriteUDP(1, a6, b6, payload)
	}); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}
