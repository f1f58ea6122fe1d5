package pcap

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// Link types of https://www.tcpdump.org/linktypes.html. Captures also hold the
// number of the system where they were taken: 12 and 14 are raw IP on BSDs.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawOBSD  = 14
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

const (
	typeIPv4 = 0x0800
	typeVLAN = 0x8100
	typeIPv6 = 0x86dd
	typeQinQ = 0x88a8
	typeQOld = 0x9100 // QinQ before 802.1ad

	protoUDP = 17
)

// A verdict says what became of a frame.
type verdict uint8

const (
	whole    verdict = iota // a UDP datagram
	other                   // not UDP
	fragment                // a piece of an IP packet
	short                   // shorter than its headers say
)

type datagram struct {
	src, dst netip.AddrPort
	payload  []byte
}

// parseFrame finds the UDP datagram in the frame b.
func parseFrame(link uint32, b []byte) (datagram, verdict) {
	var proto uint16
	switch link {
	case linkEthernet:
		if len(b) < 14 {
			return datagram{}, short
		}
		proto, b = binary.BigEndian.Uint16(b[12:]), b[14:]
	case linkSLL:
		if len(b) < 16 {
			return datagram{}, short
		}
		proto, b = binary.BigEndian.Uint16(b[14:]), b[16:]
	case linkSLL2:
		if len(b) < 20 {
			return datagram{}, short
		}
		proto, b = binary.BigEndian.Uint16(b), b[20:]
	case linkNull, linkLoop:
		if len(b) < 4 {
			return datagram{}, short
		}
		proto, b = family(b), b[4:]
	case linkRaw, linkRawBSD, linkRawOBSD, linkIPv4, linkIPv6:
		if len(b) < 1 {
			return datagram{}, short
		}
		switch b[0] >> 4 {
		case 4:
			proto = typeIPv4
		case 6:
			proto = typeIPv6
		}
	}
	for proto == typeVLAN || proto == typeQinQ || proto == typeQOld {
		if len(b) < 4 {
			return datagram{}, short
		}
		proto, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	switch proto {
	case typeIPv4:
		return parseIPv4(b)
	case typeIPv6:
		return parseIPv6(b)
	}
	return datagram{}, other
}

// family turns the address family before a loopback packet into an EtherType, 0
// for others. It is in the byte order of the machine that captured (not of the
// one that wrote the file); families are small, which tells the two apart.
func family(b []byte) uint16 {
	af := binary.BigEndian.Uint32(b)
	if af > math.MaxUint16 {
		af = binary.LittleEndian.Uint32(b)
	}
	switch af {
	case 2:
		return typeIPv4
	case 10, 24, 28, 30: // Linux, NetBSD and OpenBSD, FreeBSD, Darwin
		return typeIPv6
	}
	return 0
}

func parseIPv4(b []byte) (datagram, verdict) {
	if len(b) < 20 {
		return datagram{}, short
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[0]>>4 != 4 || b[9] != protoUDP:
		return datagram{}, other
	case binary.BigEndian.Uint16(b[6:])&0x3fff != 0: // more fragments, or an offset
		return datagram{}, fragment
	case header < 20 || header > total || header > len(b):
		return datagram{}, short
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	return parseUDP(src, dst, b[header:min(total, len(b))]) // behind total: padding
}

func parseIPv6(b []byte) (datagram, verdict) {
	if len(b) < 40 {
		return datagram{}, short
	}
	if b[0]>>4 != 6 {
		return datagram{}, other
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	next := b[6]
	b = b[40:min(40+int(binary.BigEndian.Uint16(b[4:])), len(b))]
	for {
		n := 8
		switch next {
		case protoUDP:
			return parseUDP(src, dst, b)
		case 0, 43, 60: // hop-by-hop options, routing, destination options
			if len(b) < 8 {
				return datagram{}, short
			}
			n += int(b[1]) * 8
		case 44:
			if len(b) < 8 {
				return datagram{}, short
			}
			if binary.BigEndian.Uint16(b[2:])&0xfff9 != 0 { // more fragments, or an offset
				return datagram{}, fragment
			}
			// RFC 6946: a fragment that is the whole packet
		default:
			return datagram{}, other
		}
		if len(b) < n {
			return datagram{}, short
		}
		next, b = b[0], b[n:]
	}
}

func parseUDP(src, dst netip.Addr, b []byte) (datagram, verdict) {
	if len(b) < 8 {
		return datagram{}, short
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < 8 || n > len(b) {
		return datagram{}, short
	}
	return datagram{
		src:     netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)),
		dst:     netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:])),
		payload: b[8:n:n],
	}, whole
}
