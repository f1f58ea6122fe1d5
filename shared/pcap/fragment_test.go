package pcap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// cutPacket cuts an IP packet that the Writer made at the given octets of what it
// carries, as a router does (an IPv6 host, rather).
func cutPacket(packet []byte, id uint32, cuts ...int) (pieces [][]byte) {
	header := 20
	if packet[0]>>4 == 6 {
		header = 40
	}
	body := packet[header:]
	for i, start := range append([]int{0}, cuts...) {
		end := len(body)
		if i < len(cuts) {
			end = cuts[i]
		}
		h := bytes.Clone(packet[:header])
		place := uint16(start)
		if header == 20 {
			if place >>= 3; i < len(cuts) {
				place |= 0x2000
			}
			binary.BigEndian.PutUint16(h[2:], uint16(20+end-start))
			binary.BigEndian.PutUint16(h[4:], uint16(id))
			binary.BigEndian.PutUint16(h[6:], place)
		} else {
			if i < len(cuts) {
				place |= 1
			}
			h = append(h, h[6], 0)
			h[6] = 44
			h = binary.BigEndian.AppendUint16(h, place)
			h = binary.BigEndian.AppendUint32(h, id)
			binary.BigEndian.PutUint16(h[4:], uint16(8+end-start))
		}
		pieces = append(pieces, append(h, body[start:end]...))
	}
	return pieces
}

func rawFile(packets ...[]byte) []byte {
	c := file{link: linkRaw}
	c.header()
	for _, p := range packets {
		c.add(p, 0)
	}
	return c.b
}

func TestPieces(t *testing.T) {
	text := strings.Repeat("0123456789", 10)
	p4, p6 := ip(a4, b4, text), ip(a6, b6, text)
	f := func(name string, want Skipped, datagrams int, packets ...[]byte) {
		t.Helper()
		lines, s, err := drain(t, rawFile(packets...))
		if err != nil || s != want || len(lines) != datagrams {
			t.Errorf("%s: %q, %+v, %v; want %d, %+v", name, lines, s, err, datagrams, want)
		}
		for _, l := range lines {
			if !strings.HasSuffix(l, fmt.Sprintf("%s > %s %s", a4, b4, text)) && !strings.HasSuffix(l, fmt.Sprintf("%s > %s %s", a6, b6, text)) {
				t.Errorf("%s: %q", name, l)
			}
		}
	}
	for _, p := range [][]byte{p4, p6} {
		x := cutPacket(p, 7, 16, 64)
		y := cutPacket(p, 8, 48)
		n := len(x[0]) - 16 // where a piece's octets begin
		f("in order", Skipped{}, 1, x...)
		f("last first", Skipped{}, 1, x[2], x[1], x[0])
		f("two at once", Skipped{}, 2, y[1], x[0], y[0], x[2], x[1])
		f("the same id again", Skipped{}, 2, slices.Concat(x, x)...)
		f("one missing", Skipped{Fragments: 2}, 0, x[0], x[2])
		f("one twice", Skipped{Fragments: 1}, 1, x[0], x[0], x[1], x[2])
		f("the last twice", Skipped{Fragments: 1}, 1, x[2], x[2], x[1], x[0])
		f("one changed", Skipped{Fragments: 4}, 0, x[0], set(x[0], n, 'X'), x[1], x[2])
		z := cutPacket(p, 7, 48)
		f("overlap", Skipped{Fragments: 5}, 0, x[0], z[0], x[1], x[2], z[0])
		long := ip(a4, b4, text+text)
		if p[0]>>4 == 6 {
			long = ip(a6, b6, text+text)
		}
		f("behind the end", Skipped{Fragments: 3}, 0, y[1], cutPacket(long, 8, 120)[1], y[0])
		f("cut", Skipped{Fragments: 2, Malformed: 1}, 0, x[0], x[1], x[2][:len(x[2])-1])
	}
	f("of no octets", Skipped{Fragments: 2}, 0, cutPacket(p4, 1, 16, 16)[:2]...)
	f("not by 8", Skipped{Fragments: 2}, 0, cutPacket(p4, 1, 15)...)
	over := set(cutPacket(p4, 1, 16)[1], 6, 0x1f, 0xff)
	f("over 65,535", Skipped{Fragments: 1}, 0, over)
	wrong := bytes.Clone(p4)
	wrong[24] = 1 // the UDP length
	f("not whole after all", Skipped{Fragments: 2}, 0, cutPacket(wrong, 1, 16)...)
	nested := cutPacket(p6, 1, 16)
	nested[0][40] = 44
	f("pieces in pieces", Skipped{Other: 1, Fragments: 1}, 0, nested...)
}

// What is held is bounded, and what is given up is counted.
func TestPiecesBounds(t *testing.T) {
	packet := ip(a4, b4, strings.Repeat("x", 1400))
	var first [][]byte
	for id := range 3 * maxAssemblies {
		first = append(first, cutPacket(packet, uint32(id), 1000)[0])
	}
	last := cutPacket(packet, uint32(3*maxAssemblies-1), 1000)[1]
	lines, s, err := drain(t, rawFile(append(first, last)...))
	if err != nil || len(lines) != 1 || s.Fragments != len(first)-1 {
		t.Errorf("many packets: %d datagrams, %+v, %v", len(lines), s, err)
	}

	var x assemblies
	big := make([]byte, 60_000)
	for id := range uint32(200) {
		x.add(&datagram{id: id, payload: big, more: true, proto: protoUDP}, int(id))
		if x.octets > maxAssemblyOctets {
			t.Fatalf("%d octets are held", x.octets)
		}
	}
	if held := len(x.under); held != maxAssemblyOctets/len(big) || x.lost != 200-held {
		t.Errorf("big pieces: %d held, %d lost", held, x.lost)
	}

	x = assemblies{}
	d := datagram{payload: make([]byte, 8), more: true, proto: protoUDP}
	for i := range maxPieces + 1 {
		d.offset = uint16(16 * i)
		x.add(&d, i)
	}
	if x.lost != maxPieces+1 {
		t.Errorf("many pieces: %d lost", x.lost)
	}

	x = assemblies{}
	halves := []datagram{{payload: make([]byte, 8), more: true, proto: protoUDP}, {payload: make([]byte, 8), offset: 8}}
	x.add(&halves[0], 1)
	if a := x.add(&halves[1], maxAssemblyAge+2); a != nil || x.lost != 1 {
		t.Errorf("an old piece: %v, %d lost", a, x.lost)
	}
}

func TestPiecesAllocs(t *testing.T) {
	const runs = 500
	pieces := cutPacket(ip(a4, b4, strings.Repeat("x", 1400)), 1, 800)
	c := file{link: linkRaw}
	for range runs + 2 {
		c.add(pieces[1], 0)
		c.add(pieces[0], 0)
	}
	r, err := NewReader(bytes.NewReader(c.b))
	if err != nil {
		t.Fatal(err)
	}
	next := func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	next()
	if n := testing.AllocsPerRun(runs, next); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

// Any datagram comes out of any pieces of it, in any order, as it went in.
func FuzzPieces(f *testing.F) {
	f.Add(bytes.Repeat([]byte("hello, world"), 20), []byte{3, 1, 9, 200}, []byte{1, 0, 2}, false)
	f.Add([]byte("x"), []byte{}, []byte{}, true)
	f.Add(make([]byte, 3000), []byte{255, 255, 0, 7}, []byte{4, 3, 2, 1}, true)
	f.Fuzz(func(t *testing.T, payload, sizes, order []byte, six bool) {
		payload = payload[:min(len(payload), 60_000)]
		sizes = sizes[:min(len(sizes), maxPieces-1)]
		src, dst := a4, b4
		if six {
			src, dst = a6, b6
		}
		var cuts []int
		at := 0
		for _, n := range sizes {
			if at += 8 * (int(n) + 1); at >= 8+len(payload) {
				break
			}
			cuts = append(cuts, at)
		}
		pieces := cutPacket(ip(src, dst, string(payload)), 99, cuts...)
		if len(cuts) == 0 {
			return
		}
		for i, o := range order {
			i, o := i%len(pieces), int(o)%len(pieces)
			pieces[i], pieces[o] = pieces[o], pieces[i]
		}
		r, err := NewReader(bytes.NewReader(rawFile(pieces...)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.Next()
		if err != nil || !bytes.Equal(p.Payload, payload) || p.Src != src || p.Dst != dst || p.Index != len(pieces) || r.Skipped() != (Skipped{}) {
			t.Fatalf("%+v, %+v, %v", p, r.Skipped(), err)
		}
		if len(r.fragments.under) != 0 || r.fragments.octets != 0 {
			t.Fatal("something is still under way")
		}
	})
}

// Whatever pieces say, no octet comes out twice, and each is accounted for.
func FuzzHostilePieces(f *testing.F) {
	f.Add([]byte{0, 2, 1, 2, 2, 1, 4, 1, 0})
	f.Add([]byte{2, 1, 0, 0, 2, 1, 1, 1, 1, 0, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var x assemblies
		n, out := 0, 0
		for ; len(b) >= 3; b = b[3:] {
			n++
			d := datagram{offset: uint16(b[0]) << 3, payload: make([]byte, int(b[1]&31)*4), more: b[2]&1 != 0, proto: protoUDP, id: uint32(b[2] >> 6)}
			d.src = netip.AddrPortFrom(a4.Addr(), 0)
			if a := x.add(&d, n); a != nil {
				out += a.packets
				end := 0
				for _, p := range a.pieces {
					if p.start != end {
						t.Fatalf("pieces %v of %d", a.pieces, a.total)
					}
					end = p.end
				}
				if end != a.total || len(a.buf) < end {
					t.Fatalf("pieces %v of %d", a.pieces, a.total)
				}
			}
		}
		x.end()
		if out+x.lost != n || x.octets != 0 {
			t.Fatalf("%d pieces in packets and %d lost of %d; %d octets held", out, x.lost, n, x.octets)
		}
	})
}
