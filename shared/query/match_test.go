package query

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// sample is a batch of four flows: a handshake over TCP, a ping whose type is in
// the port, one of IPv6 with a type, and one of which nothing is known.
func sample() *flow.Batch {
	b := new(flow.Batch)
	addr := func(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC).UnixNano()
	fl := b.Grow(4)
	fl[0] = flow.Flow{
		SrcAddr: addr("10.0.0.1"), DstAddr: addr("192.0.2.7"), SrcPort: 40000, DstPort: 443, Proto: 6, TCPFlags: 0x12,
		Bytes: 2500, Packets: 10, Start: at, End: at + 2e9, InIf: 3, OutIf: 4, SrcAS: 64500, TOS: 0xb8, SrcVLAN: 7,
		SrcMAC: 0x00005e005301, Exporter: addr("198.51.100.1"), AppID: 3<<56 | 53, AppName: b.Strings.Intern([]byte("dns-over-tls")),
		FwdStatus: 130, EndReason: 1, Direction: 1, Version: 10, MPLSLabel: 16<<4 | 5<<1,
		Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto,
			flow.FieldTCPFlags, flow.FieldBytes, flow.FieldPackets, flow.FieldStart, flow.FieldEnd, flow.FieldInIf, flow.FieldOutIf,
			flow.FieldSrcAS, flow.FieldTOS, flow.FieldSrcVLAN, flow.FieldSrcMAC, flow.FieldExporter, flow.FieldAppID,
			flow.FieldAppName, flow.FieldFwdStatus, flow.FieldEndReason, flow.FieldDirection, flow.FieldVersion, flow.FieldMPLSLabel),
	}
	addExtras(b, &fl[0], []octets{
		{flow.Element{ID: 230}, "\x04"}, {flow.Element{ID: 230}, "\x05"}, {flow.Element{PEN: 4242, ID: 7}, "\x01\x02"},
		{flow.Element{ID: 147}, "lab\x00\x00"}, {flow.Element{ID: 434}, "\xff\xff\xff\xfb"}, {flow.Element{ID: 311}, "\x3f\x00\x00\x00"},
	})
	fl[1] = flow.Flow{
		SrcAddr: addr("10.0.0.1"), DstPort: 0x0800, Proto: 1, Bytes: 84, Packets: 0, Start: at, End: at,
		Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldBytes, flow.FieldPackets, flow.FieldStart, flow.FieldEnd),
	}
	fl[2] = flow.Flow{
		DstAddr: addr("2001:db8::1"), ICMPType: 128<<8 | 1, Proto: 58, TCPFlags: 2,
		Set: flow.SetOf(flow.FieldDstAddr, flow.FieldICMPType, flow.FieldProto, flow.FieldTCPFlags),
	}
	addExtras(b, &fl[2], []octets{{flow.Element{ID: 311}, "\x7f\xc0\x00\x00"}}) // not a number
	fl[3] = flow.Flow{}
	return b
}

// octets are those of an element without a column.
type octets struct {
	e flow.Element
	v string
}

func addExtras(b *flow.Batch, f *flow.Flow, all []octets) {
	var d []byte
	for _, x := range all {
		h := make([]byte, flow.ExtraHeader)
		flow.PutExtraHeader(h, x.e, uint16(len(x.v)))
		d = append(append(d, h...), x.v...)
	}
	off, buf := b.Arena(len(d))
	copy(buf, d)
	f.SetExtra(off, uint32(len(d)))
}

// Each filter and what it says of the four flows: true, false or unknown.
func TestEval(t *testing.T) {
	b := sample()
	f := func(filter, want string) {
		t.Helper()
		x, err := Parse(filter)
		if err != nil {
			t.Error(err)
			return
		}
		var got []byte
		for i := range b.Flows {
			got = append(got, x.Eval(b, &b.Flows[i]).String()[0])
		}
		if string(got) != want {
			t.Errorf("%s is %s, want %s", filter, got, want)
		}
	}
	f("any", "tttt")
	f("not any", "ffff")
	f("src ip 10.0.0.1", "ttuu")
	f("not src ip 10.0.0.1", "ffuu")
	f("ip 192.0.2.7", "tuuu")
	f("ip 2001:db8::/32", "futu")
	f("net ::/0", "futu")
	f("src net 0.0.0.0/0", "ttuu")
	f("src ip in [10.0.0.0/31 192.0.2.7 ::1]", "ttuu")
	f("src ip != 10.0.0.2", "ttuu")
	f("port 443", "tfuu")
	f("port > 1023", "ttuu")
	f("src and dst port > 400", "tfuu")
	f("src or dst port > 40000", "ffuu")
	f("port in [442 443-450]", "tfuu")
	f("not port 443", "ftuu")
	f("port != 443", "ftuu")
	f("proto tcp", "tffu")
	f("proto in [icmp ipv6-icmp]", "fttu")
	f("flags S", "tffu")
	f("flags SA", "tffu")
	f("flags SAR", "fffu")
	f("flags = SA", "tffu")
	f("flags = S", "fffu")
	f("flags > 17", "tffu")
	f("tcp_flags = S", "futu")
	f("flags SA and not flags R", "tffu")
	f("not flags SR", "fttu")
	f("not (flags SR)", "tttu")
	f("icmp-type 8", "ftfu")
	f("icmp-code 0", "ftfu")
	f("icmp-type 128 and icmp-code 1", "fftu")
	f("icmp_type = 0x8001", "uutu")
	f("tos 184 and dscp ef", "tuuu")
	f("bytes > 1k", "tfuu")
	f("bytes 2500", "tfuu")
	f("bytes in [5-18446744073709551615 7 9]", "ttuu")
	f("bytes <= 0xffffffffffffffff and not bytes > 0xffffffffffffffff and not bytes < 0", "ttuu")
	f("bpp 250", "tfuu")
	f("bpp < 1", "ftuu")
	f("duration > 1999 and duration <= 2s and duration = 2000", "tfuu")
	f("duration 0 and bps 0 and pps < 1", "ftuu")
	f("bps 10k and pps 5", "tfuu")
	f("in if 3 and out if 4 and if 4 and not if 5", "tuuu")
	f("as 64500", "tuuu")
	f("not as 64500", "fuuu")
	f("as 1", "uuuu")
	f("vlan 7 and vlan exists", "tfff")
	f("mac 00:00:5e:00:53:01", "tuuu")
	f("exporter ip 198.51.100.1", "tuuu")
	f("app_id 3:53", "tuuu")
	f(`app_name = "dns-over-tls"`, "tuuu")
	f(`app_name = dns`, "fuuu")
	f(`app_name ~ "^dns-.*s$"`, "tuuu")
	f(`app_name !~ dns`, "fuuu")
	f("fwdstat dropped and fwdstat 130", "tuuu")
	f("flowEndReason idle and flowdir egress and nfversion ipfix", "tuuu")
	f("mpls label1 16 and mpls exp1 5", "tuuu")
	f("start >= 2026-11-26T12:00:00Z and end < 2026-11-26T13:00:00+01:00", "ffuu")
	f("start < 2026-11-26T12:00:00.000000001Z and end > 2026-11-26T13:00:01+01:00", "tfuu")
	f("start > 1969-12-31T23:59:59Z", "ttuu")
	f("ipv4", "ttfu")
	f("ipv6", "fftu")
	f("natEvent = 5", "tuuu")
	f("natEvent = 6", "fuuu")
	f("natEvent != 5", "fuuu")
	f("natEvent exists", "tfff")
	f("4242_7 = 0x102 and 4242_7 > 257", "tuuu")
	f("4242_8 = 1", "uuuu")
	f("wlanSSID = lab", "tuuu")
	f("mibObjectValueInteger = -5 and mibObjectValueInteger < 0", "tuuu")
	f("samplingProbability = 0.5", "tuuu")
	f("samplingProbability > 0", "tuuu")
	f("samplingProbability exists", "tftf")
	f("user exists", "ffff")
	f("not user exists", "tttt")
	// Kleene's tables: bytes of the third flow are unknown, its protocol is not.
	f("bytes > 1 and proto tcp", "tffu")
	f("bytes > 1 or proto ipv6-icmp", "tttu")
	f("not (bytes > 1 and proto tcp)", "fttu")
	f("not (bytes > 1 or proto ipv6-icmp)", "fffu")
}

// What costs most is tested last.
func TestOrder(t *testing.T) {
	x, err := Parse(`app_name ~ "^d" and natEvent = 4 and src ip in [::1 ::2] and proto tcp`)
	if err != nil {
		t.Fatal(err)
	}
	var got []code
	for at := x.holds.start; at >= 0; at = x.holds.tests[at].yes {
		got = append(got, x.holds.tests[at].code)
	}
	if want := []code{ofProto, ofSrcAddr, ofExtra, ofText}; !slices.Equal(got, want) {
		t.Errorf("tests %v, want %v", got, want)
	}
}

func TestSelect(t *testing.T) {
	b := sample()
	x, err := Parse("ipv4")
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Select([]uint32{9}, b); !slices.Equal(got, []uint32{9, 0, 1}) {
		t.Errorf("selects %v", got)
	}
}

func TestColumns(t *testing.T) {
	f := func(filter string, want ...flow.Field) {
		t.Helper()
		x, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Columns(); got != flow.SetOf(want...) {
			t.Errorf("%s reads %v, want %v", filter, got, flow.SetOf(want...))
		}
	}
	f("any")
	f("natEvent = 4")
	f("port 5 and not bytes > 4", flow.FieldSrcPort, flow.FieldDstPort, flow.FieldBytes)
	f("flags S", flow.FieldProto, flow.FieldTCPFlags)
	f("icmp-type 8", flow.FieldProto, flow.FieldICMPType, flow.FieldDstPort)
	f("bps > 4", flow.FieldBytes, flow.FieldStart, flow.FieldEnd)
	f("ipv4", flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldIPVersion)
}

// Patterns are left out: package regexp keeps its memory in a pool, which the
// race detector empties.
func TestNoAllocations(t *testing.T) {
	b := sample()
	dst := make([]uint32, 0, len(b.Flows))
	for _, text := range []string{
		"src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 1k",
		"not (bps > 10m or icmp-type 8 or ipv6 or start > 2026-11-26T12:00:00Z)",
		`app_name in [dns http] or wlanSSID = x or natEvent = 7 or samplingProbability > 1`,
	} {
		x, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			dst = x.Select(dst[:0], b)
			for i := range b.Flows {
				x.Eval(b, &b.Flows[i])
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
