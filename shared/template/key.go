package template

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
)

// A Transport is how messages come. It decides what an exporter may do to its
// templates, and how long they live.
type Transport uint8

const (
	UDP  Transport = iota // anyone may send in an exporter's name
	DTLS                  // a connection, whose messages may be lost
	TCP                   // a connection
	TLS                   // a connection
	File                  // messages one behind the other (RFC 5655)
	numTransports
)

// Connected tells whether what is announced belongs to a connection, and goes
// with it.
func (t Transport) Connected() bool { return t == DTLS || t == TCP || t == TLS }

// Reliable tells whether messages come whole and in order. Only then an exporter
// may withdraw templates. Elsewhere it announces them again and again, and those
// that it doesn't expire (RFC 7011 §8.1, §8.4).
func (t Transport) Reliable() bool { return t == TCP || t == TLS || t == File }

// String returns the transport's name.
func (t Transport) String() string {
	return [...]string{UDP: "UDP", DTLS: "DTLS", TCP: "TCP", TLS: "TLS", File: "file"}[t]
}

// A Key names a transport session: who sends, how, and what.
type Key struct {
	From    netip.AddrPort
	To      netip.AddrPort // our end of a connection; else empty
	Over    Transport
	Version uint8 // 9 or 10 (IPFIX)
}

// hashes returns numbers by which a Key, and what all ports of its address have
// in common, are found in small tables. Exporters can't foresee them.
func (k *Key) hashes() (session, port uint64) {
	var b [38]byte
	from := k.From.Addr().As16()
	copy(b[:], from[:])
	b[16], b[17] = byte(k.Over), k.Version
	n := 18
	if zone := k.From.Addr().Zone(); zone != "" {
		binary.BigEndian.PutUint64(b[n:], maphash.String(hashSeed, zone))
	}
	n += 8
	port = maphash.Bytes(hashSeed, b[:n])
	binary.BigEndian.PutUint16(b[n:], k.From.Port())
	n += 2
	if k.Over.Connected() {
		binary.BigEndian.PutUint64(b[n:], maphash.Comparable(hashSeed, k.To))
		n += 8
	}
	return maphash.Bytes(hashSeed, b[:n]), port
}

var hashSeed = maphash.MakeSeed()
