package sink

import (
	"encoding/binary"
	"net/netip"
)

// A packer makes IP packets of datagrams, in fragments where they are too large.
type packer struct {
	from, to netip.AddrPort
	mtu      int
	id       uint32 // of the datagram, the same in its fragments

	data    []byte
	packets []span
}

type span struct{ at, size int }

const (
	headerV4       = 20
	headerV6       = 40
	headerFragment = 8
	headerUDP      = 8
	protocolUDP    = 17
	protocolPieces = 44 // of IPv6: a fragment
	hops           = 64
)

// pack appends the packets of a datagram with this payload.
func (k *packer) pack(payload []byte) {
	whole := headerUDP + len(payload)
	start := len(k.data)
	// The datagram is put where the first packet's payload is, and its pieces are
	// copied behind it: mostly there is one.
	header := headerV4
	if k.to.Addr().Is6() {
		header = headerV6
	}
	if header+whole <= k.mtu {
		k.data = k.header(k.data, whole, 0, false, false)
		k.data = k.udp(k.data, payload)
		k.packets = append(k.packets, span{start, len(k.data) - start})
		return
	}
	datagram := k.udp(nil, payload) // rare: exporters keep to the path's MTU
	overhead := header
	if header == headerV6 {
		overhead += headerFragment
	}
	piece := (k.mtu - overhead) &^ 7
	for at := 0; at < whole; at += piece {
		n := min(piece, whole-at)
		start := len(k.data)
		k.data = k.header(k.data, n, at, true, at+n < whole)
		k.data = append(k.data, datagram[at:at+n]...)
		k.packets = append(k.packets, span{start, len(k.data) - start})
	}
}

// header appends an IP header for n octets that stand at this offset of the
// datagram.
func (k *packer) header(dst []byte, n, offset int, fragment, more bool) []byte {
	src, to := k.from.Addr(), k.to.Addr()
	bits := uint16(offset) // in octets of 8; the lower bits are flags
	if to.Is4() {
		bits >>= 3
		if more {
			bits |= 0x2000
		}
		dst = append(dst, 0x45, 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(headerV4+n))
		dst = binary.BigEndian.AppendUint16(dst, uint16(k.id))
		dst = binary.BigEndian.AppendUint16(dst, bits)
		dst = append(dst, hops, protocolUDP, 0, 0) // the kernel fills in the checksum
		a, b := src.As4(), to.As4()
		return append(append(dst, a[:]...), b[:]...)
	}
	dst = append(dst, 0x60, 0, 0, 0)
	next := byte(protocolUDP)
	if fragment {
		n += headerFragment
		next = protocolPieces
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	dst = append(dst, next, hops)
	a, b := src.As16(), to.As16()
	dst = append(append(dst, a[:]...), b[:]...)
	if fragment {
		if more {
			bits |= 1
		}
		dst = append(dst, protocolUDP, 0)
		dst = binary.BigEndian.AppendUint16(dst, bits)
		dst = binary.BigEndian.AppendUint32(dst, k.id)
	}
	return dst
}

// udp appends the UDP datagram.
func (k *packer) udp(dst []byte, payload []byte) []byte {
	n := headerUDP + len(payload)
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, k.from.Port())
	dst = binary.BigEndian.AppendUint16(dst, k.to.Port())
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	dst = append(dst, 0, 0)
	dst = append(dst, payload...)
	a, b := k.from.Addr().As16(), k.to.Addr().As16() // what IPv4 has in front adds up to nothing or twice 0xffff
	sum := add(0, a[:])
	sum = add(sum, b[:])
	sum += uint64(n) + protocolUDP
	sum = add(sum, dst[start:])
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	check := ^uint16(sum)
	if check == 0 {
		check = 0xffff // 0 is none (RFC 768)
	}
	binary.BigEndian.PutUint16(dst[start+6:], check)
	return dst
}

// add adds b to a ones' complement sum of 16-bit words.
func add(sum uint64, b []byte) uint64 {
	for ; len(b) >= 4; b = b[4:] {
		sum += uint64(binary.BigEndian.Uint32(b)) // folded later: 2^16 is 1
	}
	if len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}
