package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
)

// A Writer makes a classic pcap file: Ethernet frames, times in nanoseconds.
// One goroutine uses it at a time.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter writes the file header to w. Each packet is one Write: wrap a file
// in a bufio.Writer.
func NewWriter(w io.Writer) (*Writer, error) {
	h := make([]byte, fileHeader)
	binary.LittleEndian.PutUint32(h, magicNano)
	binary.LittleEndian.PutUint16(h[4:], 2)
	binary.LittleEndian.PutUint16(h[6:], 4)
	binary.LittleEndian.PutUint32(h[16:], maxPacket)
	binary.LittleEndian.PutUint32(h[20:], linkEthernet)
	if _, err := w.Write(h); err != nil {
		return nil, fmt.Errorf("write pcap header: %w", err)
	}
	return &Writer{w: w}, nil
}

// WriteUDP adds a datagram that was sent at t (Unix nanoseconds, 1970 to 2106).
// Both addresses are IPv4, or both are IPv6; an IPv4-mapped one is IPv4. An
// error other than the underlying writer's leaves the file as it was.
func (w *Writer) WriteUDP(t int64, src, dst netip.AddrPort, payload []byte) error {
	from, to := src.Addr().Unmap(), dst.Addr().Unmap()
	udp := 8 + len(payload)
	ip := 40
	if from.Is4() {
		ip = 20
	}
	most := math.MaxUint16 // of an IPv6 payload; IPv4 counts its header as well
	if ip == 20 {
		most -= ip
	}
	switch {
	case !from.IsValid() || !to.IsValid() || from.Is4() != to.Is4():
		return fmt.Errorf("write packet: no way from %s to %s", src, dst)
	case udp > most:
		return fmt.Errorf("write packet: payload of %d octets is over %d", len(payload), most-8)
	case t < 0 || t/1e9 > math.MaxUint32:
		return errors.New("write packet: time is before 1970 or after 2106")
	}

	b := w.buf[:0]
	n := uint32(14 + ip + udp)
	b = binary.LittleEndian.AppendUint32(b, uint32(t/1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(t%1e9))
	b = binary.LittleEndian.AppendUint32(b, n)
	b = binary.LittleEndian.AppendUint32(b, n)

	b = append(b, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1) // to and from: MACs of nobody
	if ip == 20 {
		b = appendIPv4(b, from, to, udp)
	} else {
		b = appendIPv6(b, from, to, udp)
	}

	h := len(b)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(udp))
	b = append(b, 0, 0)
	b = append(b, payload...)
	// The addresses, which both headers end with, are summed with the datagram,
	// and so are protocol and length (RFC 768, RFC 8200 §8.1).
	addrs := 2 * from.BitLen() / 8
	c := checksum(b[h-addrs:], protoUDP+uint32(udp))
	if c == 0 {
		c = math.MaxUint16 // 0 means that there is none
	}
	binary.BigEndian.PutUint16(b[h+6:], c)

	w.buf = b
	if _, err := w.w.Write(b); err != nil {
		return fmt.Errorf("write packet: %w", err)
	}
	return nil
}

func appendIPv4(b []byte, from, to netip.Addr, payload int) []byte {
	b = binary.BigEndian.AppendUint16(b, typeIPv4)
	h := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+payload))
	b = append(b, 0, 0, 0x40, 0, 64, protoUDP, 0, 0) // don't fragment, TTL 64
	src, dst := from.As4(), to.As4()
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[h+10:], checksum(b[h:], 0))
	return b
}

func appendIPv6(b []byte, from, to netip.Addr, payload int) []byte {
	b = binary.BigEndian.AppendUint16(b, typeIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(payload))
	b = append(b, protoUDP, 64)
	src, dst := from.As16(), to.As16()
	return append(append(b, src[:]...), dst[:]...)
}

// checksum is the Internet checksum (RFC 1071) of b and sum.
func checksum(b []byte, sum uint32) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > math.MaxUint16 {
		sum = sum>>16 + sum&math.MaxUint16
	}
	return ^uint16(sum)
}
