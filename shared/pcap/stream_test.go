package pcap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// message makes an IPFIX message with a data set of n octets.
func message(seq uint32, n int) []byte {
	b := binary.BigEndian.AppendUint16(nil, ipfixVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(20+n))
	b = binary.BigEndian.AppendUint32(b, 1_700_000_000)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, 7)
	b = binary.BigEndian.AppendUint16(b, 256)
	b = binary.BigEndian.AppendUint16(b, uint16(4+n))
	return append(b, bytes.Repeat([]byte{byte(seq)}, n)...)
}

// tcp makes an IP packet with a TCP segment.
func tcp(src, dst netip.AddrPort, seq uint32, flags byte, payload []byte) []byte {
	b := ip(src, dst, "")
	n := len(b) - 8
	if n == 20 {
		b[9] = protoTCP
		binary.BigEndian.PutUint16(b[2:], uint16(20+20+len(payload)))
	} else {
		b[6] = protoTCP
		binary.BigEndian.PutUint16(b[4:], uint16(20+len(payload)))
	}
	b = binary.BigEndian.AppendUint32(b[:n+4], seq)
	b = append(b, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0)
	return append(b, payload...)
}

func TestStreams(t *testing.T) {
	const isn = 0xffff_fff0 // sequence numbers wrap
	ipfix4, ipfix6 := netip.MustParseAddrPort("198.51.100.7:4739"), netip.MustParseAddrPort("[2001:db8::7]:4739")
	all := []byte{}
	for i := range uint32(4) {
		all = append(all, message(i, 100)...) // 120 octets each
	}
	f := func(name, want string, s Skipped, dst netip.AddrPort, packets ...[]byte) {
		t.Helper()
		r, err := NewReader(bytes.NewReader(rawFile(packets...)))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for {
			p, err := r.Next()
			if err != nil {
				break
			}
			if len(p.Payload) < 20 || len(p.Payload) != int(binary.BigEndian.Uint16(p.Payload[2:])) || p.Dst != dst || p.Time == 0 {
				t.Errorf("%s: %+v", name, p)
			}
			got = append(got, fmt.Sprintf("%d@%d", p.Payload[11], p.Index))
		}
		if g := strings.Join(got, " "); g != want || r.Skipped() != s {
			t.Errorf("%s: %s, %+v; want %s, %+v", name, g, r.Skipped(), want, s)
		}
		if len(r.streams.open) != 0 || r.streams.late != 0 {
			t.Errorf("%s: something is still under way", name)
		}
	}
	for _, x := range []struct{ src, dst netip.AddrPort }{{a4, b4}, {a4, ipfix4}, {a6, b6}, {a6, ipfix6}} {
		seg := func(from, to int, flags byte) []byte {
			return tcp(x.src, x.dst, isn+uint32(from), flags, all[from:to])
		}
		syn := tcp(x.src, x.dst, isn-1, flagSYN, nil)
		ack := tcp(x.dst, x.src, 5, 16, nil)
		fin := tcp(x.src, x.dst, (isn+480)&0xffffffff, flagFIN, nil)
		one := Skipped{Other: 1}

		f("in one", "0@2 1@2 2@2 3@2", one, x.dst, syn, seg(0, 480, 0))
		f("with all around", "0@3 1@3 2@5 3@5", Skipped{Other: 4}, x.dst, syn, ack, seg(0, 300, 16), ack, seg(300, 480, 24), fin)
		f("fin with octets", "0@1 1@1 2@2 3@2", Skipped{}, x.dst, seg(0, 240, 0), seg(240, 480, flagFIN))
		f("no syn", "0@1 1@2 2@2 3@2", Skipped{}, x.dst, seg(0, 121, 0), seg(121, 480, 0))
		f("header in pieces", "0@4 1@4 2@4 3@4", one, x.dst, syn, seg(0, 1, 0), seg(1, 17, 0), seg(17, 480, 0))
		f("out of order", "0@4 1@4 2@4 3@4", one, x.dst, syn, seg(200, 480, 0), seg(100, 200, 0), seg(0, 100, 0))
		f("again", "0@2 1@4 2@6 3@6", one, x.dst, syn, seg(0, 130, 0), seg(0, 130, 0), seg(0, 240, 0), seg(300, 480, 0), seg(100, 350, 0), seg(0, 480, 0))
		f("syn again", "0@3 1@4 2@4 3@4", Skipped{Other: 2}, x.dst, syn, syn, seg(0, 120, 0), seg(120, 480, 0))
		f("octets missing", "0@2 2@3 3@3", Skipped{Other: 1, Gaps: 1}, x.dst, syn, seg(0, 150, 0), seg(200, 480, 0))
		f("octets missing before fin", "0@2 2@3 3@3", Skipped{Other: 2, Gaps: 1}, x.dst, syn, seg(0, 150, 0), seg(200, 480, 0), fin)
		f("reset", "0@1 2@2 3@2", Skipped{Other: 1, Gaps: 1}, x.dst, seg(0, 150, 0), seg(200, 480, 0), tcp(x.src, x.dst, 1, flagRST, nil))
		f("message cut by the end", "0@1 1@1", Skipped{Gaps: 1}, x.dst, seg(0, 300, 0))
		f("next stream with the same ports", "0@1 0@3 1@3", Skipped{Other: 1, Gaps: 1}, x.dst, seg(0, 121, 0), syn, seg(0, 240, 0))

		bad := bytes.Clone(all)
		bad[121] = 9
		f("a version is wrong", "0@1 2@1 3@1", Skipped{Gaps: 1}, x.dst, tcp(x.src, x.dst, 1, 0, bad))
		bad[121], bad[122], bad[123] = 10, 0, 15
		f("a length is wrong", "0@1 2@1 3@1", Skipped{Gaps: 1}, x.dst, tcp(x.src, x.dst, 1, 0, bad))
		f("far away", "0@1 1@2", Skipped{Gaps: 1}, x.dst, seg(0, 120, 0), tcp(x.src, x.dst, isn/2, 0, all[120:240]))

		if x.dst.Port() == 4739 {
			f("from the middle", "1@1 2@1 3@2", Skipped{}, x.dst, seg(50, 400, 0), seg(400, 480, 0))
		} else {
			f("from the middle", "3@3", Skipped{Other: 2}, x.dst, seg(50, 110, 0), seg(110, 360, 0), seg(360, 480, 0))
		}
	}
	// A message that goes on in the next segment, without a beginning: only its
	// time tells it from other octets.
	m := message(1, 100)
	f("in time", "1@2", Skipped{}, b4, tcp(a4, b4, 0, 0, m[:50]), tcp(a4, b4, 50, 0, m[50:]))
	m[4] = 0
	f("not in time", "", Skipped{Other: 2}, b4, tcp(a4, b4, 0, 0, m[:50]), tcp(a4, b4, 50, 0, m[50:]))
	f("not in time, whole", "1@1", Skipped{}, b4, tcp(a4, b4, 0, 0, m))

	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x0a", "\x03\x00\x00\x20\x04 BMP", "\x00\x0a\x00\x18 too short a set"} {
		f(text, "", Skipped{Other: 2}, b4, tcp(a4, b4, 0, flagSYN, nil), tcp(a4, b4, 1, 0, append([]byte(text), make([]byte, 16)...)))
	}

	r, err := NewReader(bytes.NewReader(rawFile(tcp(a4, b4, 50, 0, all[50:400]))))
	if err != nil {
		t.Fatal(err)
	}
	r.IPFIXPorts(1, b4.Port())
	if p, err := r.Next(); err != nil || p.Payload[11] != 1 {
		t.Errorf("a port that was asked for: %+v, %v", p, err)
	}
}

// What is held is bounded.
// The first message of a connection is marked, if its beginning was seen.
func TestFirstOfConnection(t *testing.T) {
	m := message(1, 10)
	n := uint32(len(m))
	syn := func(seq uint32) []byte { return tcp(a4, b4, seq-1, flagSYN, nil) }
	for want, packets := range map[string][][]byte{
		"first later":             {syn(0), tcp(a4, b4, 0, 0, m), tcp(a4, b4, n, 0, m)},
		"later later":             {tcp(a4, b4, 0, 0, m), tcp(a4, b4, n, 0, m)},
		"first first later":       {syn(0), tcp(a4, b4, 0, flagFIN, m), syn(5000), tcp(a4, b4, 5000, 0, m), tcp(a4, b4, 5000+n, 0, m)},
		"first first":             {syn(0), tcp(a4, b4, 0, 0, m), syn(5000), tcp(a4, b4, 5000, 0, m)}, // its end was not seen
		"later first":             {tcp(a4, b4, 0, 0, m), syn(5000), tcp(a4, b4, 5000, 0, m)},
		"first later later":       {syn(0), syn(0), tcp(a4, b4, 0, 0, m), tcp(a4, b4, n, 0, m), tcp(a4, b4, 2*n, 0, m)},
		"datagram first datagram": {ip(a4, b4, "x"), syn(0), tcp(a4, b4, 0, 0, m), ip(a4, b4, "x")},
	} {
		r, err := NewReader(bytes.NewReader(rawFile(packets...)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			p, err := r.Next()
			if err != nil {
				break
			}
			switch {
			case p.First && p.TCP:
				got = append(got, "first")
			case p.TCP:
				got = append(got, "later")
			case !p.First:
				got = append(got, "datagram")
			}
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s, want %s", g, want)
		}
	}
}

func TestStreamsBounds(t *testing.T) {
	x := streams{}
	add := func(dst netip.AddrPort, seq uint32, b []byte) {
		x.add(&datagram{src: a4, dst: dst, seq: seq, payload: b}, Packet{})
		for _, ok := x.message(); ok; _, ok = x.message() {
		}
	}
	m := message(0, 30_000)
	for i := range 3 * maxStreams {
		dst := netip.AddrPortFrom(b4.Addr(), uint16(i))
		add(dst, 0, m)
		for k := range uint32(12) { // the octets in between are missing
			add(dst, 1<<20+k*40_000, m)
		}
		held := 0
		for _, s := range x.open {
			held += s.late
			if s.late > maxLate || len(s.behind) > maxLatePieces || cap(s.buf) > 4*maxLate {
				t.Fatalf("%d octets in %d segments are late, %d in order", s.late, len(s.behind), cap(s.buf))
			}
		}
		if held != x.late || held > maxLateOctets || len(x.open) > maxStreams {
			t.Fatalf("%d octets are late, by count %d, of %d streams", held, x.late, len(x.open))
		}
	}
	full := x
	// Streams that only begin make way for messages, not for one another.
	x = streams{}
	for i := range 3 * maxStreams {
		x.add(&datagram{src: a4, dst: netip.AddrPortFrom(b4.Addr(), uint16(i)), flags: flagSYN}, Packet{})
	}
	if len(x.open) != maxStreams || x.begun != maxStreams {
		t.Errorf("%d streams, %d begun", len(x.open), x.begun)
	}
	add(netip.AddrPortFrom(b4.Addr(), 0xffff), 9, message(0, 10))
	if s := x.open[streamKey{a4, netip.AddrPortFrom(b4.Addr(), 0xffff)}]; s == nil || !s.proven {
		t.Error("a message found no room")
	}
	x = full
	for x.end() {
		for _, ok := x.message(); ok; _, ok = x.message() {
		}
	}
	if x.late != 0 || x.gaps < 3*maxStreams {
		t.Errorf("%d octets are late, %d gaps", x.late, x.gaps)
	}
}

func TestIsIPFIX(t *testing.T) {
	f := func(head []byte, want bool) {
		t.Helper()
		if got := IsIPFIX(head); got != want {
			t.Errorf("IsIPFIX(% x) = %v", head[:min(len(head), 24)], got)
		}
	}
	m := message(1, 100)
	f(m, true)
	f(m[:20], true)
	f(m[:19], false)
	f(set(m[:16], 2, 0, 16), true)
	f(append(set(m[:16], 2, 0, 16), m...), true)
	f(set(m, 2, 0, 15), false)
	f(set(m, 2, 0, 18), false)
	f(set(m, 1, 9), false)
	f(set(m, 16, 0, 4), false)  // a set's id that is reserved
	f(set(m, 18, 0, 3), false)  // a set shorter than its header
	f(set(m, 18, 0, 60), false) // a set that ends in other octets than a set's
	f(set(m, 18, 1, 0), false)  // a set longer than the message
	f(nil, false)
}

// Messages come out of any segments of them as they went in, whatever the order
// of segments near one another, and whatever is sent twice.
func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200}, []byte{100, 3, 50, 1}, []byte{1, 2, 0, 9}, uint32(0xffffff00))
	f.Add([]byte{0}, []byte{}, []byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, sizes, cuts, order []byte, isn uint32) {
		var all []byte
		sizes = sizes[:min(len(sizes), 50)]
		for i, n := range sizes {
			all = append(all, message(uint32(i), int(n)*4)...)
		}
		packets := [][]byte{}
		for i, at := 0, 0; at < len(all); i++ {
			n := len(all) - at
			if i < min(len(cuts), 100) {
				n = min(n, int(cuts[i])+1)
			}
			packets = append(packets, tcp(a4, b4, isn+1+uint32(at), 0, all[at:at+n]))
			at += n
		}
		for i, o := range order[:min(len(order), len(packets))] {
			if o&1 != 0 {
				packets = append(packets, packets[i])
			}
			k := int(o>>1) % len(packets)
			packets[i], packets[k] = packets[k], packets[i]
		}
		packets = append([][]byte{tcp(a4, b4, isn, flagSYN, nil)}, packets...)
		r, err := NewReader(bytes.NewReader(rawFile(packets...)))
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for p, err := r.Next(); err == nil; p, err = r.Next() {
			if !bytes.HasPrefix(p.Payload, []byte{0, 10}) || p.Src != a4 || p.Dst != b4 {
				t.Fatalf("%+v", p)
			}
			got = append(got, p.Payload...)
		}
		if !bytes.Equal(got, all) || r.Skipped() != (Skipped{Other: 1}) {
			t.Fatalf("%d octets of %d, %+v", len(got), len(all), r.Skipped())
		}
	})
}

// Whatever segments say, a message is as long as it says, and nothing stays.
func FuzzHostileStreams(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 60, 1, 60, 0, 60}, message(1, 100))
	f.Add([]byte{2, 0, 0, 200, 4, 9, 64, 9}, append(message(1, 7), message(2, 20)...))
	f.Fuzz(func(t *testing.T, moves, data []byte) {
		x := streams{ports: []uint16{1}}
		given := 0
		take := func() {
			for p, ok := x.message(); ok; p, ok = x.message() {
				if n := len(p.Payload); n < ipfixHeader || n != int(binary.BigEndian.Uint16(p.Payload[2:])) || p.Payload[1] != ipfixVersion {
					t.Fatalf("message % x", p.Payload)
				}
				given += len(p.Payload)
			}
		}
		taken := 0
		for ; len(moves) >= 2; moves = moves[2:] {
			m := moves[0]
			d := datagram{src: a4, dst: netip.AddrPortFrom(b4.Addr(), uint16(m>>7)), flags: m & 7, seq: uint32(m>>3&15) * 16}
			d.payload = data[min(int(d.seq), len(data)):]
			d.payload = d.payload[:min(int(moves[1]), len(d.payload))]
			taken += len(d.payload)
			x.add(&d, Packet{})
			take()
		}
		for x.end() {
			take()
		}
		if len(x.open) != 0 || x.late != 0 || given > taken {
			t.Fatalf("%d streams, %d octets are late, %d given of %d", len(x.open), x.late, given, taken)
		}
	})
}
