package packet

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// The slow, obvious reader: it takes a packet apart into what its layers say,
// each field where it is if the sample reaches that far, and then enters the
// columns of the link and of one IP packet.

// A said is what a layer says: numbers and addresses by column.
type said struct {
	numbers map[flow.Field]uint64
	addrs   map[flow.Field]flow.Addr
}

func newSaid() said { return said{map[flow.Field]uint64{}, map[flow.Field]flow.Addr{}} }

// A slowIP is an IP packet with what it carries.
type slowIP struct {
	said
	is, short, fragment bool
	bytes               uint64
	tunnel              Tunnel
	vni                 uint32
	typ                 int // of what the tunnel carries
	rest                []byte
}

// A slowLink is what is around an IP packet.
type slowLink struct {
	said
	short    bool
	customer uint16
}

func num(d []byte) (v uint64) {
	for _, c := range d {
		v = v<<8 | uint64(c)
	}
	return v
}

// at returns n octets of d at i, if they are there.
func octets(d []byte, i, n int) ([]byte, bool) {
	if len(d) < i+n {
		return nil, false
	}
	return d[i : i+n], true
}

// frame reads an Ethernet header. typ is -1 if nothing that is known follows.
func (l *slowLink) frame(d []byte) (typ int, rest []byte) {
	if v, ok := octets(d, 0, 12); ok {
		l.numbers[flow.FieldDstMAC], l.numbers[flow.FieldSrcMAC] = num(v[:6]), num(v[6:])
	}
	v, ok := octets(d, 12, 2)
	if !ok {
		l.short = true
		return -1, nil
	}
	typ, d = int(num(v)), d[14:]
	for tag := 1; slices.Contains([]int{0x8100, 0x88a8, 0x9100}, typ); tag++ {
		v, ok := octets(d, 0, 4)
		if !ok {
			l.short = true
			return -1, nil
		}
		if tag == 1 && l.numbers[flow.FieldSrcVLAN] == 0 {
			l.numbers[flow.FieldSrcVLAN] = num(v[:2]) & 0xfff
		}
		if tag == 2 {
			l.customer = uint16(num(v[:2]) & 0xfff)
		}
		typ, d = int(num(v[2:])), d[4:]
	}
	if typ < 1536 {
		v, ok := octets(d, 0, 8)
		if !ok || num(v[:6]) != 0xaaaa03000000 {
			return -1, nil
		}
		typ, d = int(num(v[6:])), d[8:]
	}
	l.numbers[flow.FieldEtherType] = uint64(typ)
	return typ, d
}

// open takes off what is between a link's header and IP. typ is then 4 or 6; or
// -1.
func (l *slowLink) open(typ int, d []byte) (int, []byte) {
	bare := func(d []byte) int { // by its first four bits
		if len(d) > 0 && (d[0]>>4 == 4 || d[0]>>4 == 6) {
			return int(d[0] >> 4)
		}
		return -1
	}
	switch typ {
	case 0x0800:
		return 4, d
	case 0x86dd:
		return 6, d
	case 0x8847, 0x8848:
		for i := 0; ; i += 4 {
			v, ok := octets(d, i, 4)
			if !ok {
				l.short = true
				return -1, nil
			}
			if _, known := l.numbers[flow.FieldMPLSLabel]; !known {
				l.numbers[flow.FieldMPLSLabel] = num(v[:3])
			}
			if v[2]&1 == 1 {
				return bare(d[i+4:]), d[i+4:]
			}
		}
	case 0x8864:
		v, ok := octets(d, 0, 6)
		if !ok {
			l.short = true
			return -1, nil
		}
		if v[0] != 0x11 || v[1] != 0 {
			return -1, nil
		}
		return l.ppp(d[6:])
	}
	return -1, nil
}

func (l *slowLink) ppp(d []byte) (int, []byte) {
	v, ok := octets(d, 0, 2)
	if !ok {
		l.short = true
		return -1, nil
	}
	typ, known := map[uint64]int{0x21: 0x0800, 0x57: 0x86dd, 0x281: 0x8847}[num(v)]
	if !known {
		return -1, nil
	}
	return l.open(typ, d[2:])
}

func readIP(version int, d []byte) (p slowIP) {
	p.said, p.typ = newSaid(), -1
	if version == 4 {
		p.four(d)
	} else {
		p.six(d)
	}
	return p
}

func (p *slowIP) four(d []byte) {
	p.short = len(d) < 20
	if len(d) == 0 || d[0]>>4 != 4 {
		return
	}
	p.is = true
	p.numbers[flow.FieldIPVersion] = 4
	for _, x := range []struct {
		at, n int
		f     flow.Field
	}{{1, 1, flow.FieldTOS}, {8, 1, flow.FieldTTL}, {9, 1, flow.FieldProto}} {
		if v, ok := octets(d, x.at, x.n); ok && (x.at != 8 || len(d) >= 10) {
			p.numbers[x.f] = num(v)
		}
	}
	if v, ok := octets(d, 2, 2); ok {
		p.bytes = num(v)
	}
	if v, ok := octets(d, 12, 4); ok {
		p.addrs[flow.FieldSrcAddr] = flow.AddrFrom4([4]byte(v))
	}
	if v, ok := octets(d, 16, 4); ok {
		p.addrs[flow.FieldDstAddr] = flow.AddrFrom4([4]byte(v))
	}
	if p.short {
		return
	}
	header := int(d[0]&15) * 4
	if total := int(p.bytes); total >= header {
		d = d[:min(total, len(d))]
	}
	if header < 20 || header > len(d) {
		p.short = true
		return
	}
	if num(d[6:8])&0x1fff != 0 {
		p.fragment = true
		return
	}
	p.transport(d[9], d[header:])
}

func (p *slowIP) six(d []byte) {
	p.short = len(d) < 40
	if len(d) == 0 || d[0]>>4 != 6 {
		return
	}
	p.is = true
	p.numbers[flow.FieldIPVersion] = 6
	if v, ok := octets(d, 0, 4); ok {
		p.numbers[flow.FieldTOS], p.numbers[flow.FieldFlowLabel] = num(v)>>20&0xff, num(v)&0xfffff
	}
	payload := 0
	if v, ok := octets(d, 4, 4); ok {
		payload = int(num(v[:2]))
		p.numbers[flow.FieldProto], p.numbers[flow.FieldTTL] = uint64(v[2]), uint64(v[3])
		if payload > 0 || v[2] == 59 && !p.short {
			p.bytes = uint64(payload) + 40
		}
	}
	if v, ok := octets(d, 8, 16); ok {
		p.addrs[flow.FieldSrcAddr] = flow.Addr(v)
	}
	v, ok := octets(d, 24, 16)
	if !ok {
		return
	}
	p.addrs[flow.FieldDstAddr] = flow.Addr(v)
	next, d := d[6], d[40:]
	if payload > 0 {
		d = d[:min(payload, len(d))]
	}
	for slices.Contains([]uint8{0, 43, 44, 51, 60, 135, 139, 140}, next) {
		v, ok := octets(d, 0, 8)
		if !ok {
			p.short = true
			p.numbers[flow.FieldProto] = uint64(next)
			return
		}
		n := 8 + 8*int(v[1])
		switch next {
		case 0:
			if v[2] == 0xc2 && v[3] == 4 && p.bytes == 0 {
				p.bytes = min(num(v[4:])+40, 1<<32-1)
			}
		case 44:
			n = 8
			if num(v[2:4])>>3 != 0 {
				p.fragment = true
				p.numbers[flow.FieldProto] = uint64(v[0])
				return
			}
		case 51:
			n = 8 + 4*int(v[1])
		}
		next = v[0]
		if len(d) < n {
			p.short = true
			p.numbers[flow.FieldProto] = uint64(next)
			return
		}
		d = d[n:]
	}
	p.numbers[flow.FieldProto] = uint64(next)
	p.transport(next, d)
}

func (p *slowIP) transport(proto uint8, d []byte) {
	ports, dst := false, uint64(0)
	if v, ok := octets(d, 0, 4); slices.Contains([]uint8{6, 17, 33, 132, 136}, proto) {
		if p.short = p.short || !ok; ok {
			ports, dst = true, num(v[2:])
			p.numbers[flow.FieldSrcPort], p.numbers[flow.FieldDstPort] = num(v[:2]), dst
		}
	}
	switch proto {
	case 1, 58:
		v, ok := octets(d, 0, 2)
		if p.short = p.short || !ok; ok {
			p.numbers[flow.FieldICMPType] = num(v)
		}
	case 4:
		p.tunnel, p.typ, p.rest = IPinIP, 0x0800, d
	case 41:
		p.tunnel, p.typ, p.rest = IPinIP, 0x86dd, d
	case 6:
		v, ok := octets(d, 12, 2)
		if p.short = p.short || !ok; ok {
			p.numbers[flow.FieldTCPFlags] = num(v) & 0xfff
		}
	case 17:
		v, ok := octets(d, 8, 8)
		switch {
		case !ports || !ok:
		case (dst == 4789 || dst == 8472) && v[0]&8 != 0:
			p.tunnel, p.vni, p.typ, p.rest = VXLAN, uint32(num(v[4:7])), 0x6558, d[16:]
		case dst == 6081 && v[0]>>6 == 0:
			p.tunnel, p.vni = Geneve, uint32(num(v[4:7]))
			if n := 16 + 4*int(v[0]&0x3f); len(d) >= n {
				p.typ, p.rest = int(num(v[2:4])), d[n:]
			}
		}
	case 47:
		v, ok := octets(d, 0, 4)
		if !ok {
			p.short = true
			return
		}
		p.tunnel = GRE
		if num(v[:2])&0x4007 != 0 {
			return
		}
		n := 4
		for _, flag := range []byte{0x80, 0x20, 0x10} {
			if v[0]&flag == 0 {
				continue
			}
			w, ok := octets(d, n, 4)
			if !ok {
				p.short = true
				return
			}
			if flag == 0x20 {
				p.vni = uint32(num(w))
			}
			n += 4
		}
		p.typ, p.rest = int(num(v[2:])), d[n:]
	}
}

// whole tells whether the header of IP is whole.
func whole(version int, d []byte) bool {
	return len(d) >= map[int]int{4: 20, 6: 40}[version] && int(d[0]>>4) == version
}

// slowly reads what d begins with: "ethernet", "ip", "mpls" or "ppp".
func slowly(kind string, d []byte, o Options) (f flow.Flow, in Info) {
	l := slowLink{said: newSaid()}
	version := -1
	switch kind {
	case "ethernet":
		var typ int
		typ, d = l.frame(d)
		version, d = l.open(typ, d)
	case "ip":
		if len(d) > 0 && (d[0]>>4 == 4 || d[0]>>4 == 6) {
			version = int(d[0] >> 4)
		}
	case "mpls":
		version, d = l.open(0x8847, d)
	case "ppp":
		if len(d) >= 2 && d[0] == 0xff && d[1] == 3 {
			d = d[2:]
		}
		version, d = l.ppp(d)
	}
	var p slowIP
	if version > 0 {
		p = readIP(version, d)
	}
	short := p.short
	in.VNI = p.vni
	in.flags = flags(p.tunnel) << tunnelShift
	for depth := 1; o.Inner && depth <= 4 && p.tunnel != NoTunnel; depth++ {
		inner := slowLink{said: newSaid()} // looked at, before anything counts
		for x, v := range l.numbers {
			inner.numbers[x] = v
		}
		inner.customer = l.customer
		typ, d := p.typ, p.rest
		if typ == 0x6558 {
			typ, d = inner.frame(d)
		}
		version := map[int]int{0x0800: 4, 0x86dd: 6}[typ]
		if inner.short || version == 0 || !whole(version, d) {
			break
		}
		l, p = inner, readIP(version, d)
		short = short || p.short
	}
	for _, s := range []said{l.said, p.said} {
		for x, v := range s.numbers {
			f.SetUint(x, v)
			f.Set.Add(x)
		}
		for x, a := range s.addrs {
			*f.Addr(x) = a
			f.Set.Add(x)
		}
	}
	in.Bytes, in.CustomerVLAN = uint32(p.bytes), l.customer
	if p.is {
		in.flags |= isIP
	}
	if short || l.short {
		in.flags |= isShort
	}
	if p.fragment {
		in.flags |= isFragment
	}
	return f, in
}

var readers = map[string]func(*flow.Flow, []byte, Options) Info{"ethernet": Ethernet, "ip": IP, "mpls": MPLS, "ppp": PPP}

// sameAsSlow holds what the package says of d against the slow reader.
func sameAsSlow(t *testing.T, d []byte, o Options) {
	t.Helper()
	for kind, read := range readers {
		var f flow.Flow
		in := read(&f, d[:len(d):len(d)], o)
		want, wantIn := slowly(kind, d, o)
		if f != want || in != wantIn {
			t.Errorf("%s %x, %+v:\n got %+v %+v\nwant %+v %+v", kind, d, o, in, f, wantIn, want)
		}
	}
}

// random makes a packet of layers within layers, perhaps cut, perhaps with a
// flipped bit.
func random(rnd *rand.Rand) []byte {
	var ip func(depth int) []byte
	n := func(k int) int { return rnd.IntN(k) }
	framed := func(d []byte) []byte {
		typ := uint16(0x800)
		if len(d) > 0 && d[0]>>4 == 6 {
			typ = 0x86dd
		}
		switch n(8) {
		case 0:
			return frame(d, 0x8100, uint16(n(5000)), typ)
		case 1:
			return frame(d, 0x88a8, uint16(n(3)), 0x8100, 6, typ)
		case 2:
			return frame(join([]byte{0, byte(n(9)), byte(n(2)), 9, 0, 2, 0x21, 64}, d), 0x8847)
		case 3:
			return frame(join([]byte{0x11, byte(n(5) / 4), 0, 1, 0, 42}, u16([]uint16{0x21, 0x57, 0x281}[n(3)]), d), 0x8864)
		case 4:
			return frame(d, 48, 0xaaaa, 0x0300, 0, typ)
		}
		return frame(d, typ)
	}
	payload := func(depth int) (proto byte, d []byte) {
		inner := func() []byte { return framed(ip(depth + 1)) }
		if depth > 5 || n(3) > 0 {
			i := n(6)
			return []byte{6, 6, 17, 1, 132, 58}[i], [][]byte{tcp, tcp, udp(53, uint16(n(3)), nil), icmp, u16(1, 2), icmp}[i]
		}
		switch n(6) {
		case 0:
			return 4, ip(depth + 1)
		case 1:
			return 41, ip(depth + 1)
		case 2:
			return 47, join([]byte{byte(n(16)) << 4, byte(n(9) / 8)}, u16([]uint16{0x800, 0x86dd, 0x6558, 0x8847}[n(4)]), make([]byte, 4*n(4)), ip(depth+1))
		case 3:
			return 47, join(greKey[:2], u16(0x6558), greKey[4:], inner())
		case 4:
			return 17, udp(9, []uint16{4789, 8472}[n(2)], join([]byte{8}, vxlan[1:], inner()))
		}
		return 17, udp(9, 6081, join(gen, inner()))
	}
	ip = func(depth int) []byte {
		proto, d := payload(depth)
		if n(2) == 0 {
			p := ip4(proto, byte(n(9)), d)
			switch n(8) {
			case 0:
				p = join([]byte{0x46}, p[1:20], []byte{1, 1, 1, 0}, p[20:])
			case 1:
				p[7] = byte(n(2))
			case 2:
				p[6] = 0x20
			case 3:
				p = join(p, make([]byte, n(9)))
			}
			return p
		}
		for range n(3) {
			next := []byte{0, 43, 44, 51, 60}[n(5)]
			d = join([]byte{proto, byte(n(8) / 7), byte(n(8) / 7 * 0xc2), byte(n(8) / 4 * 4), 0, 1, 0, 0}, d)
			proto = next
		}
		p := ip6(proto, byte(n(9)), d)
		if n(6) == 0 {
			p[4], p[5] = 0, 0
		}
		return p
	}
	d := ip(0)
	switch n(4) {
	case 0, 1:
		d = framed(d)
	case 2:
		d = join([]byte{0xff, 3}[:2*n(2)], u16([]uint16{0x21, 0x57, 0x281}[n(3)]), d)
	}
	switch n(4) {
	case 0:
		d = d[:n(len(d)+1)]
	case 1:
		if len(d) > 0 {
			d[n(len(d))] ^= 1 << n(8)
		}
	}
	return d
}

func TestAgainstSlow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 6))
	for i := range 40_000 {
		if sameAsSlow(t, random(rnd), Options{Inner: i%2 == 1}); t.Failed() {
			t.Fatalf("packet %d", i)
		}
	}
}

// A plain frame, whose length and ports are all that may make it something else.
func TestPlainAgainstSlow(t *testing.T) {
	for _, proto := range []byte{1, 4, 6, 17, 47} {
		for _, length := range []uint16{0, 19, 20, 23, 24, 27, 28, 33, 34, 35, 1500} {
			for _, dst := range []uint16{53, 4789, 8472, 6081} {
				for _, size := range []int{33, 34, 35, 37, 38, 47, 48, 49, 128} {
					d := join(frame(ip4(proto, 1, udp(7, dst, make([]byte, 8))), 0x800), make([]byte, 128))[:size]
					binary.BigEndian.PutUint16(d[16:], length)
					sameAsSlow(t, d, Options{})
				}
			}
		}
	}
}
