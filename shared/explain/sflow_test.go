package explain

import (
	"slices"
	"strings"
	"testing"
)

// Records of fixed size have the octets that their definitions (sflow.org) add up
// to.
func TestSFlowSizes(t *testing.T) {
	flows := map[uint32]int{2: 24, 3: 32, 4: 56, 1001: 16, 1011: 4, 1018: 16, 1019: 8, 1020: 8, 1021: 24, 1022: 24, 1023: 32, 1024: 32,
		1025: 56, 1026: 56, 1027: 4, 1028: 4, 1029: 4, 1030: 4, 1031: 40, 1032: 48, 1033: 12, 1036: 4, 1039: 4, 1040: 4, 2100: 20,
		2101: 44, 2102: 20, 2103: 44}
	counters := map[uint32]int{1: 88, 2: 52, 3: 72, 4: 80, 5: 28, 6: 80, 7: 56, 1001: 28, 1002: 12, 1004: 12, 2002: 8, 2003: 68, 2004: 72,
		2005: 52, 2006: 40, 2007: 76, 2008: 100, 2009: 60, 2010: 28, 2100: 28, 2101: 12, 2102: 16, 2103: 52, 2104: 40, 2201: 60, 2203: 40,
		2206: 20, 2207: 24, 5703<<12 | 1: 48}
	for number, size := range flows {
		if lines := texts(explained(sflowOf(sampleOf(tagged(number, make([]byte, size))))), " note "); len(lines) > 0 {
			t.Errorf("flow record %d of %d octets: %q", number, size, lines)
		}
	}
	for number, size := range counters {
		if lines := texts(explained(sflowOf(tagged(2, u32(1, 3, 1), tagged(number, make([]byte, size))))), " note "); len(lines) > 0 {
			t.Errorf("counter record %d of %d octets: %q", number, size, lines)
		}
	}
}

// behind returns what stands behind the octets in the lines of x that hold any of
// these names.
func behind(x *Explanation, names ...string) (all []string) {
	for line := range strings.Lines(string(x.AppendText(nil, "", Style{Records: -1}))) {
		if runes := []rune(line); len(runes) > nameFrom && slices.ContainsFunc(names, func(n string) bool { return strings.Contains(line, n) }) {
			all = append(all, strings.Join(strings.Fields(string(runes[nameFrom:])), " "))
		}
	}
	return all
}

// Values that take more than a number, each as the specification encodes it.
func TestSFlowValues(t *testing.T) {
	text := func(s string) []byte { return cat(u32(uint32(len(s))), []byte(s), make([]byte, -len(s)&3)) }
	f := func(record []byte, names string, want ...string) {
		t.Helper()
		x := explained(sflowOf(sampleOf(record)))
		covered(t, x)
		if got := behind(x, strings.Split(names, ",")...); !slices.Equal(got, want) || x.Odd() {
			t.Errorf("%q, want %q; odd: %v", got, want, x.Odd())
		}
	}
	f(tagged(1002, u32(2), make([]byte, 15), []byte{1}, u32(48, 64)), "nexthop,mask", "nexthop type 2 IPv6", "nexthop ::1", "src_mask_len 48", "dst_mask_len 64")
	f(tagged(1003, u32(1, 0xc0000201, 64500, 64501, 64502, 2, 2, 1, 64510, 1, 2, 64511, 64512, 1, 65000, 100)),
		"as ,path,segment,SE,communities", "as 64500", "src_as 64501", "src_peer_as 64502", "dst_as_path count 2",
		"segment 1", "type 2 AS_SEQUENCE", "as count 1", "as 1 64510",
		"segment 2", "type 1 AS_SET", "as count 2", "as 1 64511", "as 2 64512", "communities count 1", "communities 1 65000")
	f(tagged(1004, u32(106), text("alice"), u32(106), text("")), "user", "record 1 extended_user (0,1004)", "data_format 1004 extended_user (0,1004)", "src_user length 5 octets", `src_user "alice"`, "dst_user length 0 octets")
	f(tagged(1006, u32(1, 0x0a000001, 1, 0x00abc1ff, 0)), "stack", "in_stack count 1", "in_stack 1 11256319 label 2748, TC 0, TTL 255, bottom", "out_stack count 0")
	f(tagged(1012, u32(1, 0x8100e064)), "stack", "stack count 1", "stack 1 2164318308 type 0x8100, VLAN 100, priority 7")
	f(tagged(2206, u32(2, 1001), text("/"), text("h"), text(""), text(""), text(""), text(""), text(""), u32(0, 1, 0, 2, 9, 200)),
		"method,uri,status", "method 2 GET", "uri length 1 octet", `uri "/"`, "status 200")
}

// A sampled frame, down to its transport: 802.1Q, MPLS, IPv4, IPv6, TCP, VXLAN.
func TestSampledPacket(t *testing.T) {
	tcp := []byte{1, 187, 0xc3, 0x50, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0}
	ip6 := cat([]byte{0x60, 0, 0, 1, 0, 20, 6, 64}, []byte{0x20, 1, 0xd, 0xb8, 15: 1}, []byte{0x20, 1, 0xd, 0xb8, 15: 2}, tcp)
	inner := cat([]byte{0, 0, 0x5e, 0, 0x53, 2, 0, 0, 0x5e, 0, 0x53, 1, 0x86, 0xdd}, ip6)
	udp := cat([]byte{0x12, 0x34, 0x12, 0xb5, 0, byte(16 + len(inner)), 0, 0}, []byte{8, 0, 0, 0, 0, 1, 2, 0}, inner)
	ip4 := cat([]byte{0x45, 184, 0, byte(20 + len(udp)), 0, 7, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, udp)
	frame := cat([]byte{0, 0, 0x5e, 0, 0x53, 4, 0, 0, 0x5e, 0, 0x53, 3, 0x81, 0, 0x60, 5, 0x88, 0x47}, []byte{0, 0x10, 0x01, 64}, ip4)
	x := explained(sflowOf(sampleOf(tagged(1, u32(1, 1500, 4, uint32(len(frame))), frame, make([]byte, -len(frame)&3)))))
	covered(t, x)
	if x.Odd() {
		t.Errorf("odd: %q", texts(x, "note"))
	}
	got := behind(x, "VLAN", "label", "destination", "source", "type of", "total", "flags", "VNI", "time to live", "sample 1", "protocol")
	want := []string{
		"sample 1 flow_sample (0,1): 192.0.2.1:4660 → 192.0.2.2:4789 udp, 110 octets sFlow v5 §5",
		"source_id 3 ifIndex",
		"header_protocol 1 Ethernet",
		"destination 00:00:5e:00:53:04", "source 00:00:5e:00:53:03",
		"VLAN tag 24581 VLAN 5, priority 3 IEEE 802.1Q",
		"label 256 label 256, TC 0, TTL 64, bottom",
		"type of service 184 DSCP 46 EF", "total length 110 octets", "flags and offset 16384 don't fragment", "time to live 64", "protocol 17 udp",
		"source 192.0.2.1", "destination 192.0.2.2", "source port 4660", "destination port 4789",
		"flags and reserved", "VNI 258 network identifier",
		"destination 00:00:5e:00:53:02", "source 00:00:5e:00:53:01",
		"version, class, label IPv6, flow label 0x00001",
		"source 2001:db8::1", "destination 2001:db8::2", "source port 443", "destination port 50000", "offset and flags 20 octets, SYN ACK",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
