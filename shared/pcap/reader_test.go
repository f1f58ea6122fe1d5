package pcap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirflow/weir/testdata"
)

var (
	a4 = netip.MustParseAddrPort("192.0.2.1:2055")
	b4 = netip.MustParseAddrPort("198.51.100.7:49152")
	a6 = netip.MustParseAddrPort("[2001:db8::1]:4739")
	b6 = netip.MustParseAddrPort("[2001:db8:ffff::2]:65535")
)

// A file is a capture made by hand. Its zero value is little-endian, in
// microseconds, and of link type null.
type file struct {
	order binary.AppendByteOrder
	magic uint32
	link  uint32
	b     []byte
}

func (f *file) header() {
	if f.order == nil {
		f.order = binary.LittleEndian
	}
	if f.magic == 0 {
		f.magic = magicMicro
	}
	f.b = f.order.AppendUint32(f.b, f.magic)
	f.b = f.order.AppendUint16(f.b, 2)
	f.b = f.order.AppendUint16(f.b, 4)
	f.b = append(f.b, make([]byte, 12)...)
	f.b = f.order.AppendUint32(f.b, f.link)
}

// add adds a packet that was more octets longer on the wire.
func (f *file) add(frame []byte, more int) {
	if f.b == nil {
		f.header()
	}
	for _, x := range []int{1_700_000_000, 123_456, len(frame), len(frame) + more} {
		f.b = f.order.AppendUint32(f.b, uint32(x))
	}
	f.b = append(f.b, frame...)
}

// ip returns an IP packet with a UDP datagram, as the Writer makes it.
func ip(src, dst netip.AddrPort, payload string) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err == nil {
		err = w.WriteUDP(0, src, dst, []byte(payload))
	}
	if err != nil {
		panic(err)
	}
	return b.Bytes()[fileHeader+packetHeader+14:]
}

func octets(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case []byte:
			b = append(b, p...)
		case string:
			b = append(b, p...)
		}
	}
	return b
}

// set returns a copy of b whose octets at i are v.
func set(b []byte, i int, v ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[i:], v)
	return b
}

// drain reads b to its end. It gives each datagram as a line.
func drain(t *testing.T, b []byte) (lines []string, s Skipped, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, s, err
	}
	for {
		p, err := r.Next()
		if err != nil {
			if _, again := r.Next(); again != err {
				t.Errorf("after %v comes %v", err, again)
			}
			if err == io.EOF {
				err = nil
			}
			return lines, r.Skipped(), err
		}
		lines = append(lines, fmt.Sprintf("%d %d %s > %s %s", p.Index, p.Time, p.Src, p.Dst, p.Payload))
	}
}

func TestSlowReader(t *testing.T) {
	c := file{link: linkRaw}
	for i := range 50 {
		c.add(ip(a4, b4, strings.Repeat("x", i*7)), 0)
	}
	want, _, _ := drain(t, c.b)
	r, err := NewReader(iotest.OneByteReader(bytes.NewReader(c.b)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p, err := r.Next(); err == nil; p, err = r.Next() {
		if !strings.HasSuffix(want[n], " "+string(p.Payload)) {
			t.Errorf("packet %d: %q; want %q", p.Index, p.Payload, want[n])
		}
		n++
	}
	if n != 50 {
		t.Errorf("%d packets; want 50", n)
	}
}

func TestNextAllocs(t *testing.T) {
	const runs = 1000
	c := file{link: linkRaw}
	for range runs + 1 {
		c.add(ip(a4, b4, "hello"), 0)
		c.add(ip(a6, b6, "hello"), 0)
		c.add(set(ip(a4, b4, "hello"), 9, 6), 0)
	}
	r, err := NewReader(bytes.NewReader(c.b))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(runs, func() {
		for range 2 {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

func FuzzReader(f *testing.F) {
	v4, v6 := ip(a4, b4, "hello"), ip(a6, b6, "hello")
	mac := make([]byte, 12)
	for link, frame := range map[uint32][]byte{
		linkEthernet: octets(mac, 0x81, 0, 0, 5, 8, 0, v4),
		linkRaw:      set(octets(v6[:40], 17, make([]byte, 7), v6[40:]), 5, byte(len(v6)-32), 0),
		linkNull:     octets(2, 0, 0, 0, v4),
		linkSLL:      octets(make([]byte, 14), 8, 0, v4),
		linkSLL2:     octets(0x86, 0xdd, make([]byte, 18), v6),
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			c := file{order: order, link: link}
			c.add(frame, 0)
			c.add(frame[:len(frame)-1], 1)
			f.Add(c.b)
			f.Add(c.b[:len(c.b)-3])
		}
	}
	f.Add(anyNG(binary.LittleEndian))
	f.Add(anyNG(binary.BigEndian))
	captures, err := fs.Glob(testdata.FS, "pcap/*/*.pcap")
	if err != nil || len(captures) == 0 {
		f.Fatalf("%d captures, %v", len(captures), err)
	}
	for _, name := range captures {
		b, err := testdata.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 10_000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		if !IsPcap(b) {
			t.Fatal("read, but not recognised")
		}
		got, last, at := 0, 0, 0
		for {
			p, err := r.Next()
			if err != nil {
				if _, again := r.Next(); again != err {
					t.Fatalf("after %v comes %v", err, again)
				}
				break
			}
			if r.fragments.under != nil || r.streams.open != nil {
				got = -1 // FuzzPieces and FuzzStreams look at these
				continue
			}
			if p.Index <= last || !p.Src.IsValid() || p.Src.Addr().Is4() != p.Dst.Addr().Is4() {
				t.Fatalf("after packet %d comes %+v", last, p)
			}
			if cap(p.Payload) != len(p.Payload) {
				t.Fatal("an append to the payload would write to the reader's buffer")
			}
			// The payload stands in the file, behind the payload before it.
			i := bytes.Index(b[at:], p.Payload)
			if i < 0 {
				t.Fatalf("payload %x is not in the file behind %d", p.Payload, at)
			}
			at += i + len(p.Payload)
			last = p.Index
			got++
		}
		s := r.Skipped()
		if r.fragments.under != nil || r.streams.open != nil {
			if len(r.fragments.under)+len(r.streams.open)+r.fragments.octets+r.streams.late != 0 {
				t.Fatal("something is still under way")
			}
			if s.Packets() > r.index {
				t.Fatalf("%+v of %d packets", s, r.index)
			}
			return
		}
		if n := got + s.Packets(); n != r.index || n > len(b)/packetHeader {
			t.Fatalf("%d datagrams and %+v of %d packets", got, s, r.index)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	c := file{link: linkRaw}
	packet := ip(a4, b4, strings.Repeat("x", 1400))
	for range 1000 {
		c.add(packet, 0)
	}
	src := bytes.NewReader(c.b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		src.Reset(c.b)
		r, err := NewReader(src)
		if err != nil {
			b.Fatal(err)
		}
		for _, err = r.Next(); err == nil; _, err = r.Next() {
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/packet")
}
