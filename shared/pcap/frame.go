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

	protoTCP = 6
	protoUDP = 17
)

// A verdict says what became of a frame.
type verdict uint8

const (
	whole    verdict = iota // a UDP datagram
	other                   // neither UDP nor TCP
	fragment                // a piece of an IP packet
	segment                 // of a TCP stream
	short                   // shorter than its headers say
)

// A datagram is what a frame carries: by its verdict, a UDP datagram, a TCP
// segment, or a piece of an IP packet.
type datagram struct {
	src, dst netip.AddrPort // a piece has no ports
	payload  []byte

	seq uint32 // segment: of payload's first octet, or of SYN
	id  uint32 // piece: of the packet

	offset uint16 // piece: in octets
	more   bool   // piece: not the last one
	proto  uint8  // piece: what the packet holds, if this is its beginning
	flags  uint8  // segment
}

func knownLink(link uint32) bool {
	_, v := parseFrame(link, nil) // of no octets all known ones want more
	return v == short
}

// parseFrame finds the UDP datagram or the TCP segment in the frame b.
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
	header, total, proto := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:])), b[9]
	place := binary.BigEndian.Uint16(b[6:]) & 0x3fff // more fragments, and an offset
	switch {
	case b[0]>>4 != 4 || proto != protoUDP && (proto != protoTCP || place != 0):
		return datagram{}, other
	case header < 20 || header > total || header > len(b):
		return datagram{}, short
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	if place == 0 {
		return parsePayload(src, dst, proto, b[header:min(total, len(b))]) // behind total: padding
	}
	if total > len(b) {
		return datagram{}, short
	}
	return datagram{
		src:     netip.AddrPortFrom(src, 0),
		dst:     netip.AddrPortFrom(dst, 0),
		payload: b[header:total],
		id:      uint32(binary.BigEndian.Uint16(b[4:])),
		offset:  place << 3,
		more:    place&0x2000 != 0,
		proto:   proto,
	}, fragment
}

func parseIPv6(b []byte) (datagram, verdict) {
	if len(b) < 40 {
		return datagram{}, short
	}
	if b[0]>>4 != 6 {
		return datagram{}, other
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	end := 40 + int(binary.BigEndian.Uint16(b[4:]))
	d, v := parsePayload(src, dst, b[6], b[40:min(end, len(b))])
	if v == fragment && end > len(b) {
		return datagram{}, short
	}
	return d, v
}

// parsePayload goes through the headers of b, the first of which is of the kind
// next, to the datagram or segment. Only IPv6 has headers before it.
func parsePayload(src, dst netip.Addr, next uint8, b []byte) (datagram, verdict) {
	for {
		n := 8
		switch next {
		case protoUDP:
			return parseUDP(src, dst, b)
		case protoTCP:
			return parseTCP(src, dst, b)
		case 0, 43, 60: // hop-by-hop options, routing, destination options
			if len(b) < 8 {
				return datagram{}, short
			}
			n += int(b[1]) * 8
		case 44:
			if len(b) < 8 {
				return datagram{}, short
			}
			if place := binary.BigEndian.Uint16(b[2:]) & 0xfff9; place != 0 { // more fragments, or an offset
				switch b[0] {
				case protoUDP, 0, 43, 60:
				default:
					return datagram{}, other
				}
				return datagram{
					src:     netip.AddrPortFrom(src, 0),
					dst:     netip.AddrPortFrom(dst, 0),
					payload: b[8:],
					id:      binary.BigEndian.Uint32(b[4:]),
					offset:  place &^ 7,
					more:    place&1 != 0,
					proto:   b[0],
				}, fragment
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

// parseTCP takes what is there: the octets that a capture has cut off are
// missing in the stream.
func parseTCP(src, dst netip.Addr, b []byte) (datagram, verdict) {
	if len(b) < 20 {
		return datagram{}, other
	}
	n := int(b[12]>>4) * 4
	if n < 20 || n > len(b) {
		return datagram{}, other
	}
	return datagram{
		src:     netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)),
		dst:     netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:])),
		payload: b[n:],
		seq:     binary.BigEndian.Uint32(b[4:]),
		flags:   b[13],
	}, segment
}
