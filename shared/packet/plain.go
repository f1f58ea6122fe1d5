package packet

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// Most frames are plain: no tag, IPv4 without options, a whole packet or its
// first piece, TCP, UDP outside the tunnels' ports, or ICMP. They are read in a
// straight line; the walk would say the same.

// plainLength is how much of a plain frame is read: as far as TCP's flags.
const plainLength = 14 + 20 + 14

// The columns of a plain frame.
const (
	plainICMP = 1<<flow.FieldSrcMAC | 1<<flow.FieldDstMAC | 1<<flow.FieldEtherType |
		1<<flow.FieldSrcAddr | 1<<flow.FieldDstAddr | 1<<flow.FieldProto | 1<<flow.FieldTOS | 1<<flow.FieldTTL |
		1<<flow.FieldIPVersion | 1<<flow.FieldICMPType
	plainUDP = plainICMP&^(1<<flow.FieldICMPType) | 1<<flow.FieldSrcPort | 1<<flow.FieldDstPort
	plainTCP = plainUDP | 1<<flow.FieldTCPFlags
)

// Ethernet enters the Ethernet frame that d begins with into f: columns of the
// frame, of IP and of transport. SrcVLAN is entered only where it is zero: what
// a switch said of a packet counts more than the tag that it wore.
func Ethernet(f *flow.Flow, d []byte, o Options) Info {
	if len(d) < plainLength {
		return walkFrame(f, d, o)
	}
	h := (*[plainLength]byte)(d)
	total := uint32(binary.BigEndian.Uint16(h[16:]))
	// Type 0x0800, version 4, a header of 5 words, no later fragment; and a
	// packet that reaches as far as we read.
	if binary.BigEndian.Uint32(h[12:])>>8 != 0x080045 || binary.BigEndian.Uint16(h[20:])&0x1fff != 0 || total < plainLength-14 {
		return walkFrame(f, d, o)
	}
	var lo, hi uint64
	src, dst := binary.BigEndian.Uint16(h[34:]), binary.BigEndian.Uint16(h[36:])
	switch h[23] {
	case 6:
		f.TCPFlags = binary.BigEndian.Uint16(h[46:]) & 0xfff
		f.SrcPort, f.DstPort = src, dst
		lo, hi = plainTCP&(1<<64-1), plainTCP>>64
	case 17:
		switch dst {
		case portVXLAN, portVXLANOld, portGeneve:
			return walkFrame(f, d, o)
		}
		f.SrcPort, f.DstPort = src, dst
		lo, hi = plainUDP&(1<<64-1), plainUDP>>64
	case 1:
		f.ICMPType = src
		lo, hi = plainICMP&(1<<64-1), plainICMP>>64
	default:
		return walkFrame(f, d, o)
	}
	f.DstMAC = flow.MAC(binary.BigEndian.Uint64(h[:]) >> 16)
	f.SrcMAC = flow.MAC(binary.BigEndian.Uint64(h[4:]) & (1<<48 - 1))
	f.EtherType = typeIPv4
	f.IPVersion, f.TOS, f.TTL, f.Proto = 4, h[15], h[22], h[23]
	f.SrcAddr.SetIPv4(h[26:])
	f.DstAddr.SetIPv4(h[30:])
	f.Set[0] |= lo
	f.Set[1] |= hi
	return Info{Bytes: total, flags: isIP}
}
