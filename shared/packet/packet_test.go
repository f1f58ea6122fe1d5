package packet

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/testdata"
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
func u16(v ...uint16) (d []byte) {
	for _, x := range v {
		d = binary.BigEndian.AppendUint16(d, x)
	}
	return d
}

// frame puts MAC addresses and types (and tags) before d.
func frame(d []byte, types ...uint16) []byte {
	return join([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, u16(types...), d)
}

// ip4 puts an IPv4 header before d: 10.0.0.n to 10.0.1.n.
func ip4(proto, n byte, d []byte) []byte {
	return join([]byte{0x45, 8}, u16(uint16(20+len(d)), 7, 0), []byte{64, proto, 0, 0, 10, 0, 0, n, 10, 0, 1, n}, d)
}

// ip6 puts an IPv6 header before d: 2001:db8::n to 2001:db8:1::n.
func ip6(next, n byte, d []byte) []byte {
	return join([]byte{0x60, 0x8a, 0xbc, 0xde}, u16(uint16(len(d))), []byte{next, 63},
		[]byte{0x20, 1, 0xd, 0xb8, 15: n}, []byte{0x20, 1, 0xd, 0xb8, 0, 1, 15: n}, d)
}

func udp(src, dst uint16, d []byte) []byte { return join(u16(src, dst, uint16(8+len(d)), 0), d) }

var (
	tcp    = join(u16(443, 50000), make([]byte, 8), []byte{0x51, 0x12}, make([]byte, 6))
	icmp   = []byte{3, 1, 0, 0, 0, 0, 0, 0}
	greKey = []byte{0x20, 0, 8, 0, 0, 0, 0, 9}
	vxlan  = []byte{8, 0, 0, 0, 0, 1, 2, 0}
	gen    = []byte{0x01, 0, 0x65, 0x58, 0, 1, 2, 0, 1, 2, 3, 4}
)

// A want is what a packet should fill, and what its Info should say.
type want struct {
	src, dst     string
	proto        uint8
	sport, dport uint16
	flags, icmp  uint16
	ipVersion    uint8
	tos, ttl     uint8
	label        uint32
	etherType    uint16
	vlan         uint16
	mpls         uint32
	mac          bool
	bytes        uint32
	short, frag  bool
	tunnel       Tunnel
	vni          uint32
	customer     uint16
}

func got(f *flow.Flow, in Info) (w want) {
	if f.Set.Has(flow.FieldSrcAddr) {
		w.src = f.SrcAddr.String()
	}
	if f.Set.Has(flow.FieldDstAddr) {
		w.dst = f.DstAddr.String()
	}
	w.proto, w.sport, w.dport, w.flags, w.icmp = f.Proto, f.SrcPort, f.DstPort, f.TCPFlags, f.ICMPType
	w.ipVersion, w.tos, w.ttl, w.label = f.IPVersion, f.TOS, f.TTL, f.FlowLabel
	w.etherType, w.vlan, w.mpls, w.mac = f.EtherType, f.SrcVLAN, f.MPLSLabel, f.SrcMAC == 0x020000000001 && f.DstMAC == 0x020000000002
	w.bytes, w.short, w.frag, w.tunnel, w.vni, w.customer = in.Bytes, in.Short(), in.Fragment(), in.Tunnel(), in.VNI, in.CustomerVLAN
	return w
}

func TestPackets(t *testing.T) {
	v4 := want{src: "10.0.0.1", dst: "10.0.1.1", ipVersion: 4, tos: 8, ttl: 64, etherType: 0x800, mac: true}
	v6 := want{src: "2001:db8::1", dst: "2001:db8:1::1", ipVersion: 6, tos: 8, ttl: 63, label: 0xabcde, etherType: 0x86dd, mac: true}
	with := func(w want, change func(*want)) want { change(&w); return w }
	tcp4 := with(v4, func(w *want) { w.proto, w.sport, w.dport, w.flags, w.bytes = 6, 443, 50000, 0x112, 40 })
	tcp6 := with(v6, func(w *want) { w.proto, w.sport, w.dport, w.flags, w.bytes = 6, 443, 50000, 0x112, 60 })
	frame4 := frame(ip4(6, 1, tcp), 0x800)
	inner := ip4(6, 1, tcp)
	for _, c := range []struct {
		name string
		data []byte
		o    Options
		want want
	}{
		{"tcp over ipv4", frame4, Options{}, tcp4},
		{"tcp over ipv6", frame(ip6(6, 1, tcp), 0x86dd), Options{}, tcp6},
		{"padded frame", join(frame4, make([]byte, 6)), Options{}, tcp4},
		{"802.1Q", frame(ip4(6, 1, tcp), 0x8100, 0xe005, 0x800), Options{}, with(tcp4, func(w *want) { w.vlan = 5 })},
		{"QinQ", frame(ip4(6, 1, tcp), 0x88a8, 5, 0x8100, 6, 0x800), Options{}, with(tcp4, func(w *want) { w.vlan, w.customer = 5, 6 })},
		{"802.3 and SNAP", frame(ip4(6, 1, tcp), 48, 0xaaaa, 0x0300, 0, 0x800), Options{}, tcp4},
		{"802.3 alone", frame([]byte{0x42, 0x42, 3}, 38), Options{}, want{mac: true}},
		{"arp", frame(make([]byte, 28), 0x806), Options{}, want{mac: true, etherType: 0x806}},
		{"mpls", frame(join([]byte{0, 1, 0x20, 64, 0, 2, 0x21, 64}, ip4(6, 1, tcp)), 0x8847), Options{}, with(tcp4, func(w *want) { w.etherType, w.mpls = 0x8847, 0x120 })},
		{"mpls, then ipv6", frame(join([]byte{0, 2, 0x21, 64}, ip6(6, 1, tcp)), 0x8847), Options{}, with(tcp6, func(w *want) { w.etherType, w.mpls = 0x8847, 0x221 })},
		{"mpls, then others", frame([]byte{0, 2, 0x21, 64, 0, 0, 0, 0}, 0x8847), Options{}, want{mac: true, etherType: 0x8847, mpls: 0x221}},
		{"mpls without bottom", frame([]byte{0, 2, 0x20, 64}, 0x8847), Options{}, want{mac: true, etherType: 0x8847, mpls: 0x220, short: true}},
		{"pppoe", frame(join([]byte{0x11, 0, 0, 1, 0, 42, 0, 0x21}, ip4(6, 1, tcp)), 0x8864), Options{}, with(tcp4, func(w *want) { w.etherType = 0x8864 })},
		{"pppoe, ipv6", frame(join([]byte{0x11, 0, 0, 1, 0, 42, 0, 0x57}, ip6(6, 1, tcp)), 0x8864), Options{}, with(tcp6, func(w *want) { w.etherType = 0x8864 })},
		{"pppoe, control", frame([]byte{0x11, 0, 0, 1, 0, 42, 0xc0, 0x21, 1}, 0x8864), Options{}, want{mac: true, etherType: 0x8864}},
		{"ipv4 options", frame(join([]byte{0x46, 8}, u16(44, 7, 0), []byte{64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 1, 1, 1, 1, 1, 0}, tcp), 0x800), Options{}, with(tcp4, func(w *want) { w.bytes = 44 })},
		{"first fragment", frame(join([]byte{0x45, 8}, u16(40, 7, 0x2000), []byte{64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 1, 1}, tcp), 0x800), Options{}, tcp4},
		{"later fragment", frame(join([]byte{0x45, 8}, u16(40, 7, 1), []byte{64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 1, 1}, tcp), 0x800), Options{},
			with(v4, func(w *want) { w.proto, w.bytes, w.frag = 6, 40, true })},
		{"total length of 0", frame(join([]byte{0x45, 8}, u16(0, 7, 0), []byte{64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 1, 1}, tcp), 0x800), Options{}, with(tcp4, func(w *want) { w.bytes = 0 })},
		{"udp", frame(ip4(17, 1, udp(53, 999, nil)), 0x800), Options{}, with(v4, func(w *want) { w.proto, w.sport, w.dport, w.bytes = 17, 53, 999, 28 })},
		{"sctp", frame(ip4(132, 1, u16(1, 2)), 0x800), Options{}, with(v4, func(w *want) { w.proto, w.sport, w.dport, w.bytes = 132, 1, 2, 24 })},
		{"icmp", frame(ip4(1, 1, icmp), 0x800), Options{}, with(v4, func(w *want) { w.proto, w.icmp, w.bytes = 1, 0x301, 28 })},
		{"icmpv6", frame(ip6(58, 1, icmp), 0x86dd), Options{}, with(v6, func(w *want) { w.proto, w.icmp, w.bytes = 58, 0x301, 48 })},
		{"extension headers", frame(ip6(0, 1, join([]byte{43, 0, 1, 4, 0, 0, 0, 0}, []byte{60, 1, 15: 0}, []byte{51, 0, 7: 0}, []byte{6, 1, 11: 0}, tcp)), 0x86dd), Options{},
			with(tcp6, func(w *want) { w.bytes = 104 })},
		{"ipv6, first fragment", frame(ip6(44, 1, join([]byte{6, 0, 0, 1, 0, 0, 0, 9}, tcp)), 0x86dd), Options{}, with(tcp6, func(w *want) { w.bytes = 68 })},
		{"ipv6, later fragment", frame(ip6(44, 1, join([]byte{6, 0, 0, 9, 0, 0, 0, 9}, tcp)), 0x86dd), Options{},
			with(v6, func(w *want) { w.proto, w.bytes, w.frag = 6, 68, true })},
		{"no next header", frame(ip6(59, 1, nil), 0x86dd), Options{}, with(v6, func(w *want) { w.proto, w.bytes = 59, 40 })},
		{"jumbogram", frame(func() []byte {
			d := ip6(0, 1, join([]byte{6, 0, 0xc2, 4, 0, 2, 0, 0}, tcp))
			d[4], d[5] = 0, 0
			return d
		}(), 0x86dd), Options{}, with(tcp6, func(w *want) { w.bytes = 0x20000 + 40 })},
		{"not what its type says", frame(ip6(6, 1, tcp), 0x800), Options{}, want{mac: true, etherType: 0x800}},

		{"gre", frame(ip4(47, 9, join(greKey, inner)), 0x800), Options{}, want{src: "10.0.0.9", dst: "10.0.1.9", proto: 47, ipVersion: 4, tos: 8, ttl: 64,
			etherType: 0x800, mac: true, bytes: 68, tunnel: GRE, vni: 9}},
		{"gre, inner", frame(ip4(47, 9, join(greKey, inner)), 0x800), Options{Inner: true}, with(tcp4, func(w *want) { w.tunnel, w.vni = GRE, 9 })},
		{"gre with all", frame(ip4(47, 9, join([]byte{0xb0, 0, 8, 0}, make([]byte, 4), []byte{0, 0, 0, 9}, make([]byte, 4), inner)), 0x800), Options{Inner: true},
			with(tcp4, func(w *want) { w.tunnel, w.vni = GRE, 9 })},
		{"gre with routes", frame(ip4(47, 9, join([]byte{0x40, 0, 8, 0}, inner)), 0x800), Options{Inner: true}, want{src: "10.0.0.9", dst: "10.0.1.9", proto: 47,
			ipVersion: 4, tos: 8, ttl: 64, etherType: 0x800, mac: true, bytes: 64, tunnel: GRE}},
		{"ip in ip", frame(ip4(4, 9, inner), 0x800), Options{Inner: true}, with(tcp4, func(w *want) { w.tunnel = IPinIP })},
		{"ipv6 in ipv4", frame(ip4(41, 9, ip6(6, 1, tcp)), 0x800), Options{Inner: true}, with(tcp6, func(w *want) { w.tunnel, w.etherType = IPinIP, 0x800 })},
		{"ipv4 in ipv6", frame(ip6(4, 9, inner), 0x86dd), Options{Inner: true}, with(tcp4, func(w *want) { w.tunnel, w.etherType = IPinIP, 0x86dd })},
		{"vxlan", frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame4))), 0x800), Options{}, want{src: "10.0.0.9", dst: "10.0.1.9", proto: 17, sport: 7, dport: 4789,
			ipVersion: 4, tos: 8, ttl: 64, etherType: 0x800, mac: true, bytes: 90, tunnel: VXLAN, vni: 0x102}},
		{"vxlan, inner", frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame4))), 0x800), Options{Inner: true}, with(tcp4, func(w *want) { w.tunnel, w.vni = VXLAN, 0x102 })},
		{"vxlan, inner 802.3 and SNAP", frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame(ip4(6, 1, tcp), 48, 0xaaaa, 0x0300, 0, 0x800)))), 0x800), Options{Inner: true},
			with(tcp4, func(w *want) { w.tunnel, w.vni = VXLAN, 0x102 })},
		{"vxlan, inner icmp", frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame(ip4(1, 1, icmp), 0x800)))), 0x800), Options{Inner: true},
			with(v4, func(w *want) { w.tunnel, w.vni, w.proto, w.icmp, w.bytes = VXLAN, 0x102, 1, 0x301, 28 })},
		{"vxlan, inner arp", frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame(make([]byte, 28), 0x806)))), 0x800), Options{Inner: true},
			want{src: "10.0.0.9", dst: "10.0.1.9", proto: 17, sport: 7, dport: 4789, ipVersion: 4, tos: 8, ttl: 64, etherType: 0x800, mac: true, bytes: 78, tunnel: VXLAN, vni: 0x102}},
		{"geneve, inner", frame(ip4(17, 9, udp(7, 6081, join(gen, frame4))), 0x800), Options{Inner: true}, with(tcp4, func(w *want) { w.tunnel, w.vni = Geneve, 0x102 })},
		{"tunnel in tunnel", frame(ip4(4, 9, ip4(47, 8, join(greKey, inner))), 0x800), Options{Inner: true}, with(tcp4, func(w *want) { w.tunnel = IPinIP })},
	} {
		var f flow.Flow
		in := Ethernet(&f, c.data, c.o)
		if g := got(&f, in); g != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, g, c.want)
		}
		consistent(t, c.name, &f, in)
	}
}

func TestWithoutFrame(t *testing.T) {
	for name, run := range map[string]func(*flow.Flow) Info{
		"IP":              func(f *flow.Flow) Info { return IP(f, ip6(6, 1, tcp), Options{}) },
		"MPLS":            func(f *flow.Flow) Info { return MPLS(f, join([]byte{0, 0, 1, 9}, ip6(6, 1, tcp)), Options{}) },
		"PPP":             func(f *flow.Flow) Info { return PPP(f, join([]byte{0, 0x57}, ip6(6, 1, tcp)), Options{}) },
		"PPP behind HDLC": func(f *flow.Flow) Info { return PPP(f, join([]byte{0xff, 3, 0, 0x57}, ip6(6, 1, tcp)), Options{}) },
		"MPLS behind HDLC": func(f *flow.Flow) Info {
			return PPP(f, join([]byte{0xff, 3, 2, 0x81, 0, 0, 1, 9}, ip6(6, 1, tcp)), Options{})
		},
	} {
		var f flow.Flow
		in := run(&f)
		if !in.IP() || in.Bytes != 60 || f.DstPort != 50000 || f.Set.Has(flow.FieldEtherType) {
			t.Errorf("%s: %+v %+v", name, in, f)
		}
	}
}

// What a switch said of a packet's VLAN stays.
func TestVLANStays(t *testing.T) {
	f := flow.Flow{SrcVLAN: 9}
	f.Set.Add(flow.FieldSrcVLAN)
	Ethernet(&f, frame(nil, 0x8100, 5, 0x800), Options{})
	if f.SrcVLAN != 9 {
		t.Errorf("VLAN %d", f.SrcVLAN)
	}
}

// consistent checks that an absent column is zero.
func consistent(t *testing.T, name string, f *flow.Flow, in Info) {
	t.Helper()
	for x := range flow.Field(flow.NumFields) {
		if a := f.Addr(x); !f.Set.Has(x) && (a != nil && *a != (flow.Addr{}) || a == nil && f.Uint(x) != 0) {
			t.Errorf("%s: %s is absent but not zero", name, flow.Fields[x].Name)
		}
	}
	if in.IP() != f.Set.Has(flow.FieldIPVersion) {
		t.Errorf("%s: IP is %v, and its version in the columns %v", name, in.IP(), !in.IP())
	}
}

// A sample cut anywhere says nothing that the whole doesn't say, and nothing is
// read beyond it.
func TestCut(t *testing.T) {
	for _, whole := range [][]byte{
		frame(ip4(6, 1, tcp), 0x8100, 5, 0x800),
		frame(ip6(0, 1, join([]byte{6, 0, 0, 0, 0, 0, 0, 0}, tcp)), 0x86dd),
		frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame(ip6(58, 1, icmp), 0x86dd)))), 0x800),
	} {
		for _, o := range []Options{{}, {Inner: true}} {
			for n := range whole {
				var f, again flow.Flow
				d := append([]byte{}, whole[:n]...)
				in := Ethernet(&f, d[:n:n], o)
				consistent(t, "cut", &f, in)
				other := append(append([]byte{}, whole[:n]...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
				if in2 := Ethernet(&again, other[:n], o); in2 != in || again != f {
					t.Fatalf("cut at %d: what follows the sample counts", n)
				}
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	d := frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame(ip6(6, 1, tcp), 0x86dd)))), 0x800)
	var f flow.Flow
	if n := testing.AllocsPerRun(100, func() { Ethernet(&f, d, Options{Inner: true}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// frames calls add with some of the frames of testdata's captures.
func frames(f *testing.F, add func(d []byte)) {
	captures, err := fs.Glob(testdata.FS, "pcap/*/*.pcap")
	if err != nil || len(captures) == 0 {
		f.Fatalf("%d captures, %v", len(captures), err)
	}
	for _, name := range captures {
		b, err := testdata.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		b = b[24:] // the file's header; each frame has one of 16 octets
		for i := 0; i < 3 && len(b) > 16; i++ {
			n := 16 + int(binary.LittleEndian.Uint32(b[8:]))
			add(b[16:min(n, 16+200)])
			b = b[n:]
		}
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(frame(ip4(6, 1, tcp), 0x8100, 5, 0x800), true)
	f.Add(frame(ip6(0, 1, join([]byte{44, 0, 0, 0, 0, 0, 0, 0}, []byte{6, 0, 0, 1, 0, 0, 0, 9}, tcp)), 0x86dd), false)
	f.Add(frame(ip4(17, 9, udp(7, 6081, join(gen, frame(ip4(47, 1, join(greKey, ip4(4, 1, ip4(1, 1, icmp)))), 0x800)))), 0x800), true)
	f.Add(frame(join([]byte{0, 2, 0x21, 64}, ip6(6, 1, tcp)), 0x8847), false)
	frames(f, func(d []byte) { f.Add(d, true) })
	f.Fuzz(func(t *testing.T, d []byte, inner bool) {
		o := Options{Inner: inner}
		sameAsSlow(t, d, o)
		for _, run := range []func(*flow.Flow, []byte, Options) Info{Ethernet, IP, MPLS, PPP} {
			var a, b flow.Flow
			x := run(&a, d[:len(d):len(d)], o)
			y := run(&b, append(append([]byte{}, d...), 0xff, 0xff)[:len(d)], o)
			if a != b || x != y {
				t.Fatal("the same packet twice gives two results")
			}
			consistent(t, "fuzz", &a, x)
		}
	})
}

func BenchmarkEthernet(b *testing.B) {
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"ipv4+tcp", frame(ip4(6, 1, tcp), 0x800)},
		{"vlan+ipv6+tcp", frame(ip6(6, 1, tcp), 0x8100, 5, 0x86dd)},
		{"vxlan", frame(ip4(17, 9, udp(7, 4789, join(vxlan, frame(ip4(6, 1, tcp), 0x800)))), 0x800)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var f flow.Flow
			for b.Loop() {
				Ethernet(&f, c.data, Options{})
			}
		})
	}
}
