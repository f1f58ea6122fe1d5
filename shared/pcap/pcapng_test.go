package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// An ng is a pcapng file made by hand.
type ng struct {
	order binary.AppendByteOrder
	b     []byte
}

func (f *ng) block(kind uint32, parts ...any) {
	if f.order == nil {
		f.order = binary.LittleEndian
	}
	var body []byte
	for _, p := range parts {
		switch p := p.(type) {
		case uint16:
			body = f.order.AppendUint16(body, p)
		case uint32:
			body = f.order.AppendUint32(body, p)
		case uint64:
			body = f.order.AppendUint64(body, p)
		case []byte:
			body = append(body, p...)
		default:
			panic("what is that?")
		}
	}
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	f.b = f.order.AppendUint32(f.b, kind)
	f.b = f.order.AppendUint32(f.b, uint32(12+len(body)))
	f.b = append(f.b, body...)
	f.b = f.order.AppendUint32(f.b, uint32(12+len(body)))
}

func (f *ng) section() {
	f.block(blockSection, uint32(orderMagic), uint16(1), uint16(0), ^uint64(0))
}

func (f *ng) iface(link uint16, snap uint32, options ...any) {
	f.block(blockInterface, append([]any{link, uint16(0), snap}, options...)...)
}

func (f *ng) packet(number uint32, ts uint64, frame []byte, options ...any) {
	f.block(blockEnhanced, append([]any{number, uint32(ts >> 32), uint32(ts), uint32(len(frame)), uint32(len(frame)), pad4(frame)}, options...)...)
}

func pad4(b []byte) []byte { return append(bytes.Clone(b), make([]byte, -len(b)&3)...) }

// anyNG has a block of each kind.
func anyNG(order binary.AppendByteOrder) []byte {
	f := ng{order: order}
	v4, v6 := ip(a4, b4, "hello"), ip(a6, b6, "hello")
	f.section()
	f.iface(linkRaw, 0, uint16(optTSResol), uint16(1), []byte{9, 0, 0, 0}, uint16(optEnd), uint16(0))
	f.packet(0, 1_700_000_000_123_456_789, v4, uint16(1), uint16(3), []byte("why\x00"), uint32(optEnd))
	f.block(5, uint32(0), uint64(0)) // statistics
	f.block(blockSimple, uint32(len(v6)), v6)
	f.block(blockOldPacket, uint16(0), uint16(7), uint32(0), uint32(5), uint32(len(v4)), uint32(len(v4)), v4)
	f.section()
	f.iface(linkRaw, 0)
	f.packet(0, 1_700_000_000_123_456, v6)
	return f.b
}

func TestBlocks(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		lines, s, err := drain(t, anyNG(order))
		want := []string{
			fmt.Sprintf("1 1700000000123456789 %s > %s hello", a4, b4),
			fmt.Sprintf("2 0 %s > %s hello", a6, b6),
			fmt.Sprintf("3 5 %s > %s hello", a4, b4),
			fmt.Sprintf("4 1700000000123456000 %s > %s hello", a6, b6),
		}
		if err != nil || s != (Skipped{}) || !slices.Equal(lines, want) {
			t.Errorf("%v: %q, %+v, %v; want %q", order, lines, s, err, want)
		}
	}
	// Each section has a byte order of its own.
	both := append(anyNG(binary.BigEndian), anyNG(binary.LittleEndian)...)
	if lines, _, err := drain(t, both); err != nil || len(lines) != 8 {
		t.Errorf("two orders: %q, %v", lines, err)
	}
}

func TestInterfaceTime(t *testing.T) {
	f := func(resol byte, offset, ts uint64, want int64) {
		t.Helper()
		x := ng{}
		x.section()
		x.iface(linkRaw, 0, uint16(optTSResol), uint16(1), []byte{resol, 0, 0, 0}, uint16(optTSOffset), uint16(8), offset)
		x.packet(0, ts, ip(a4, b4, "x"))
		lines, _, err := drain(t, x.b)
		if err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0], fmt.Sprintf("1 %d ", want)) {
			t.Errorf("resolution %#x, offset %d, stamp %d: %q, %v; want %d", resol, offset, ts, lines, err, want)
		}
	}
	f(0, 0, 3, 3_000_000_000)
	f(3, 0, 3001, 3_001_000_000)
	f(6, 1_700_000_000, 5, 1_700_000_000_000_005_000)
	f(9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789)
	f(9, ^uint64(0), 2_000_000_001, 1_000_000_001) // an offset of -1 s
	f(12, 0, 1_500_000_000_999, 1_500_000_000)
	f(19, 0, 15_000_000_000_000_000_000, 1_500_000_000)
	f(0x80, 0, 3, 3_000_000_000)
	f(0x81, 0, 3, 1_500_000_000)
	f(0x80|32, 0, 3<<32|1<<31, 3_500_000_000)
	f(0x80|63, 0, 3<<62, 1_500_000_000)
	f(20, 0, 3, 0) // 10^20 doesn't fit
	f(0xc0, 0, 3, 0)
	f(0, 0, 1<<63, 0)
	f(0, 1<<62, 3, 0)
	f(0, 1<<63, 3, 0)
}

// A packet may be of a link type that weir doesn't know; others are read.
func TestInterfaces(t *testing.T) {
	x := ng{}
	x.section()
	x.iface(105, 0) // 802.11
	x.iface(linkEthernet, 0)
	x.iface(linkRaw, 0)
	v4 := ip(a4, b4, "hello")
	x.packet(0, 0, v4)
	x.packet(1, 0, octets(make([]byte, 12), 8, 0, v4))
	x.packet(2, 0, v4)
	lines, s, err := drain(t, x.b)
	if err != nil || len(lines) != 2 || s != (Skipped{Other: 1}) {
		t.Errorf("%q, %+v, %v", lines, s, err)
	}

	// Interfaces are those of the section.
	x.section()
	x.packet(0, 0, v4)
	if lines, _, err = drain(t, x.b); len(lines) != 2 || err == nil || !strings.Contains(err.Error(), "interface 0 is not described") {
		t.Errorf("next section: %q, %v", lines, err)
	}

	// A simple packet is cut at the first interface's snap length.
	x = ng{}
	x.section()
	x.iface(linkRaw, 30)
	x.block(blockSimple, uint32(len(v4)), pad4(v4[:30]))
	if lines, s, err = drain(t, x.b); err != nil || lines != nil || s != (Skipped{Truncated: 1}) {
		t.Errorf("simple, cut: %q, %+v, %v", lines, s, err)
	}
}

func TestBlocksRefused(t *testing.T) {
	v4 := ip(a4, b4, "hello")
	f := func(want string, build func(x *ng)) {
		t.Helper()
		x := ng{}
		x.section()
		x.iface(linkRaw, 0)
		x.packet(0, 0, v4)
		at := len(x.b)
		build(&x)
		lines, _, err := drain(t, x.b)
		want = fmt.Sprintf("pcapng packet 2 at offset %d: %s", at, want)
		if len(lines) != 1 || err == nil || err.Error() != want {
			t.Errorf("%d packets, error %v; want %s", len(lines), err, want)
		}
	}
	f("interface 1 is not described", func(x *ng) { x.packet(1, 0, v4) })
	f("block of type 6 can't have length 33", func(x *ng) { x.b = append(x.b, 6, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 0) })
	f("block of type 6 can't have length 8", func(x *ng) { x.b = append(x.b, 6, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0) })
	f("block of type 77 can't have length 4294967292", func(x *ng) { x.b = append(x.b, 77, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0) })
	f("unexpected EOF", func(x *ng) { x.b = append(x.b, 77, 0, 0, 0, 0xfc, 0xff, 0xff, 0x7f, 0, 0, 0, 0) })
	f("length 16777216 of a block of type 6 is over 327680", func(x *ng) { x.b = append(x.b, 6, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) })
	f("block of type 6 has length 64 before it and 65 behind it", func(x *ng) { x.packet(0, 0, v4[:32]); x.b[len(x.b)-4] = 65 })
	f("length 4294967295 is over 262144", func(x *ng) {
		x.block(blockEnhanced, uint32(0), uint64(0), ^uint32(0), ^uint32(0))
	})
	f("length 33 is over the block's 32 octets", func(x *ng) {
		x.block(blockEnhanced, uint32(0), uint64(0), uint32(33), uint32(33), v4[:32])
	})
	f("packet block is cut short", func(x *ng) { x.block(blockEnhanced, uint32(0)) })
	f("interface block is cut short", func(x *ng) { x.block(blockInterface, uint32(0)) })
	f("option of an interface block is cut short", func(x *ng) { x.iface(1, 0, uint16(2), uint16(5), uint32(0)) })
	f("section's byte order is unknown: 00 00 00 00", func(x *ng) { x.block(blockSection, uint32(0)) })
	f("section header is cut short", func(x *ng) { x.block(blockSection, uint32(orderMagic)) })
	f("pcapng version 2 is not known", func(x *ng) {
		x.block(blockSection, uint32(orderMagic), uint16(2), uint16(0), uint64(0))
	})
}

// Cut at any place, a file gives the packets before it.
func TestBlocksCut(t *testing.T) {
	b := anyNG(binary.LittleEndian)
	want, _, _ := drain(t, b)
	ends := 0
	for n := 4; n < len(b); n++ {
		lines, _, err := drain(t, b[:n])
		if !slices.Equal(lines, want[:len(lines)]) {
			t.Fatalf("%d octets: %q", n, lines)
		}
		if err == nil {
			ends++
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d octets: %v; want %v", n, err, io.ErrUnexpectedEOF)
		}
	}
	if ends != 8 { // behind each block but the last
		t.Errorf("%d cuts are between blocks; want 8", ends)
	}
}

func TestBlocksAllocs(t *testing.T) {
	const runs = 1000
	x := ng{}
	x.section()
	x.iface(linkRaw, 0)
	for range runs + 1 {
		x.packet(0, 5, ip(a4, b4, "hello"))
	}
	r, err := NewReader(bytes.NewReader(x.b))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(runs, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

// A file gives the same in one piece and octet by octet, and places that are in
// it.
func FuzzBlocks(f *testing.F) {
	f.Add(anyNG(binary.LittleEndian))
	f.Add(anyNG(binary.BigEndian))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isSection(b) {
			return
		}
		read := func(in io.Reader) (all []string, end string) {
			r, err := NewReader(in)
			for err == nil {
				var p Packet
				if p, err = r.Next(); err == nil {
					if p.Offset < 28 || p.Offset >= int64(len(b)) || p.Index < 1 || p.Index > len(b)/16 {
						t.Fatalf("packet %+v of %d octets", p, len(b))
					}
					all = append(all, fmt.Sprintf("%d %d %d %s > %s %x", p.Index, p.Offset, p.Time, p.Src, p.Dst, p.Payload))
				}
			}
			return all, fmt.Sprint(err)
		}
		once, end := read(bytes.NewReader(b))
		again, end2 := read(iotest.OneByteReader(bytes.NewReader(b)))
		if !slices.Equal(once, again) || end != end2 {
			t.Fatalf("%q, %s, and octet by octet %q, %s", once, end, again, end2)
		}
	})
}
