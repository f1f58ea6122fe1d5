package flow

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IP address in 16 octets: IPv6, or IPv4 in its mapped form
// (::ffff:a.b.c.d, RFC 4291 §2.5.5.2). The zero Addr is "::".
type Addr [16]byte

// AddrFrom4 returns the Addr of four octets in network order.
func AddrFrom4(a [4]byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}

// SetIPv4 makes a the Addr of the first four octets of d, in two words: what is
// written in pieces is slow to be read as a whole. Little-endian, because the
// compiler takes a big-endian word with a constant half apart into octets.
func (a *Addr) SetIPv4(d []byte) {
	binary.LittleEndian.PutUint64(a[:8], 0)
	binary.LittleEndian.PutUint64(a[8:], 0xffff0000|uint64(binary.LittleEndian.Uint32(d))<<32)
}

// AddrFrom returns the Addr of a; an invalid a gives the zero Addr. The zone
// is lost.
func AddrFrom(a netip.Addr) Addr {
	if !a.IsValid() {
		return Addr{}
	}
	return a.As16()
}

// Is4 tells whether a holds an IPv4 address.
func (a *Addr) Is4() bool {
	return binary.LittleEndian.Uint64(a[:8]) == 0 && binary.LittleEndian.Uint32(a[8:12]) == 0xffff0000
}

// Netip returns a as a netip.Addr, IPv4 unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// String returns the text form (RFC 5952).
func (a Addr) String() string { return a.Netip().String() }

// IsIPv6 tells whether f is a flow of IPv6, by its source address or, without
// one, its destination.
func (f *Flow) IsIPv6() bool {
	if f.Set.Has(FieldSrcAddr) {
		return !f.SrcAddr.Is4()
	}
	return f.Set.Has(FieldDstAddr) && !f.DstAddr.Is4()
}
