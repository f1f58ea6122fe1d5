package pcap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

func TestLinkTypes(t *testing.T) {
	v4, v6 := ip(a4, b4, "four"), ip(a6, b6, "six")
	mac := make([]byte, 12)
	f := func(link uint32, frame []byte) {
		t.Helper()
		c := file{link: link}
		c.add(frame, 0)
		lines, s, err := drain(t, c.b)
		want := fmt.Sprintf("1 1700000000123456000 %s > %s four", a4, b4)
		if bytes.HasSuffix(frame, []byte("six")) {
			want = fmt.Sprintf("1 1700000000123456000 %s > %s six", a6, b6)
		}
		if err != nil || len(lines) != 1 || lines[0] != want {
			t.Errorf("link %d % x: %q, %+v, %v; want %q", link, frame, lines, s, err, want)
		}
	}
	f(linkEthernet, octets(mac, 8, 0, v4))
	f(linkEthernet, octets(mac, 0x86, 0xdd, v6))
	f(linkEthernet, octets(mac, 0x81, 0, 0, 5, 8, 0, v4))
	f(linkEthernet, octets(mac, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd, v6))
	f(linkEthernet, octets(mac, 0x91, 0, 0, 5, 0x81, 0, 0, 6, 8, 0, v4))
	f(0x4000_0000|linkEthernet, octets(mac, 8, 0, v4)) // frames end in a checksum
	for _, link := range []uint32{linkRaw, linkRawBSD, linkRawOBSD} {
		f(link, v4)
		f(link, v6)
	}
	f(linkIPv4, v4)
	f(linkIPv6, v6)
	f(linkNull, octets(2, 0, 0, 0, v4))
	f(linkNull, octets(0, 0, 0, 2, v4)) // captured on a big-endian machine
	for _, af := range []int{10, 24, 28, 30} {
		f(linkNull, octets(af, 0, 0, 0, v6))
		f(linkLoop, octets(0, 0, 0, af, v6))
	}
	f(linkLoop, octets(0, 0, 0, 2, v4))
	f(linkSLL, octets(make([]byte, 14), 8, 0, v4))
	f(linkSLL, octets(make([]byte, 14), 0x81, 0, 0, 5, 0x86, 0xdd, v6))
	f(linkSLL2, octets(8, 0, make([]byte, 18), v4))
	f(linkSLL2, octets(0x86, 0xdd, make([]byte, 18), v6))

	c := file{link: 105} // 802.11
	c.add(v4, 0)
	if _, _, err := drain(t, c.b); err == nil || !strings.Contains(err.Error(), "link type 105") {
		t.Errorf("link type 105: error %v; want one that names it", err)
	}
}

// Each packet is read, or counted once for the right reason.
func TestVerdicts(t *testing.T) {
	v4, v6 := ip(a4, b4, "hello"), ip(a6, b6, "hello")
	var got, fragments, truncated, malformed, none = "got", Skipped{Fragments: 1},
		Skipped{Truncated: 1}, Skipped{Malformed: 1}, Skipped{Other: 1}
	f := func(name string, packet []byte, more int, want any) {
		t.Helper()
		c := file{link: linkRaw}
		c.add(packet, more)
		lines, s, err := drain(t, c.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want == got {
			if len(lines) != 1 || !strings.HasSuffix(lines[0], " hello") || s != (Skipped{}) {
				t.Errorf("%s: %q, %+v; want the datagram", name, lines, s)
			}
		} else if len(lines) != 0 || s != want {
			t.Errorf("%s: %q, %+v; want %+v", name, lines, s, want)
		}
	}
	ext := func(next byte, headers ...[]byte) []byte { // headers between v6's own and its UDP header
		b := set(v6[:40:40], 6, next)
		b = append(b, bytes.Join(headers, nil)...)
		b = append(b, v6[40:]...)
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return b
	}
	header := func(next byte, units int) []byte { return set(make([]byte, 8+8*units), 0, next, byte(units)) }

	f("IPv4", v4, 0, got)
	f("IPv4, padded", octets(v4, make([]byte, 20)), 0, got)
	f("IPv4, padding cut", octets(v4, 0), 9, got)
	f("IPv4 with options", set(octets(v4[:20], 1, 1, 1, 1, v4[20:]), 0, 0x46, 0, 0, byte(len(v4)+4)), 0, got)
	f("IPv4, octets behind the datagram", set(octets(v4, "more"), 2, 0, byte(len(v4)+4)), 0, got)
	f("IPv4, don't fragment", set(v4, 6, 0x40, 0), 0, got)
	f("IPv4, first fragment", set(v4, 6, 0x20, 0), 0, fragments)
	f("IPv4, last fragment", set(v4, 6, 0, 1), 0, fragments)
	f("IPv4, TCP", set(v4, 9, 6), 0, none)
	f("IPv4, TCP, cut", set(v4, 9, 6)[:20], 9, none)
	f("IPv4, TCP fragment", set(set(v4, 9, 6), 6, 0x20, 0), 0, none)
	f("IPv4, payload cut", v4[:len(v4)-1], 1, truncated)
	f("IPv4, UDP header cut", v4[:27], 6, truncated)
	f("IPv4, header cut", v4[:19], 14, truncated)
	f("IPv4, total length over the packet", set(v4, 2, 1, 0)[:len(v4)-1], 0, malformed)
	f("IPv4, total length under the header", set(v4, 2, 0, 19), 0, malformed)
	f("IPv4, total length 0", set(v4, 2, 0, 0), 0, malformed)
	f("IPv4, header of 16 octets", set(v4, 0, 0x44), 0, malformed)
	f("IPv4, header over the packet", set(v4, 0, 0x4f), 0, malformed)
	f("UDP length over the packet", set(v4, 24, 0, 14), 0, malformed)
	f("UDP length over IPv4's, over a padded packet", octets(set(v4, 24, 0, 14), make([]byte, 20)), 0, malformed)
	f("UDP length under its header", set(v4, 24, 0, 7), 0, malformed)
	f("UDP length 0", set(v4, 24, 0, 0), 0, malformed)
	f("no octets", nil, 0, malformed)
	f("no octets kept", nil, 60, truncated)
	f("IP version 5", set(v4, 0, 0x55), 0, none)

	f("IPv6", v6, 0, got)
	f("IPv6, padded", octets(v6, make([]byte, 20)), 0, got)
	f("IPv6, hop-by-hop", ext(0, header(17, 0)), 0, got)
	f("IPv6, three headers", ext(0, header(60, 1), header(43, 0), header(17, 2)), 0, got)
	f("IPv6, atomic fragment", ext(44, set(make([]byte, 8), 0, 17)), 0, got)
	f("IPv6, first fragment", ext(44, set(make([]byte, 8), 0, 17, 0, 0, 1)), 0, fragments)
	f("IPv6, last fragment", ext(44, set(make([]byte, 8), 0, 17, 0, 0, 8)), 0, fragments)
	f("IPv6, no next header", ext(59), 0, none)
	f("IPv6, TCP behind options", ext(60, header(6, 0)), 0, none)
	f("IPv6, header over the packet", ext(0, set(make([]byte, 8), 0, 17, 255)), 0, malformed)
	f("IPv6, headers without end", ext(0, bytes.Repeat(header(0, 0), 200)), 0, malformed)
	f("IPv6, payload length 0", set(v6, 4, 0, 0), 0, malformed)
	f("IPv6, payload length over the packet", set(v6, 4, 1, 0)[:len(v6)-1], 0, malformed)
	f("IPv6, payload cut", v6[:len(v6)-1], 1, truncated)
	f("IPv6, extension header cut", ext(0, header(17, 4))[:60], 60, truncated)
	f("IPv6, header cut", v6[:39], 14, truncated)

	c := file{link: linkEthernet}
	mac := make([]byte, 12)
	c.add(octets(mac, 8, 6, make([]byte, 28)), 0)                                // ARP
	c.add(octets(mac, 0, 38, make([]byte, 38)), 0)                               // 802.3
	c.add(octets(mac, 8, 0, v6), 0)                                              // the type contradicts the packet
	c.add(octets(mac, bytes.Repeat([]byte{0x81, 0, 0, 1}, 100)), 0)              // tags without end
	c.add(octets(mac, bytes.Repeat([]byte{0x81, 0, 0, 1}, 100), 0x81, 0, 0), 10) // the same, cut
	c.add(mac, 0)
	if lines, s, err := drain(t, c.b); lines != nil || s != (Skipped{Other: 3, Malformed: 2, Truncated: 1}) || err != nil {
		t.Errorf("Ethernet: %q, %+v, %v", lines, s, err)
	}
}
