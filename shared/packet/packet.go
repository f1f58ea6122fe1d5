package packet

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// Options say how a packet is read. The zero value is the usual way.
type Options struct {
	// Inner enters the innermost IP packet of a tunnel, and the Ethernet frame
	// around it if there is one, instead of the outermost. Where the sample
	// doesn't reach far enough the outer one stays.
	Inner bool
}

// Info is what a packet says beyond the columns of a Flow. It has four fields so
// that it travels in registers.
type Info struct {
	// Bytes is the layer-3 length that the entered IP header states, header
	// and payload; 0: the packet is not IP, or its header doesn't say.
	Bytes uint32
	// VNI is the network identifier of the outermost tunnel, for GRE the key.
	VNI uint32
	// CustomerVLAN is the inner VLAN of a frame with two tags.
	CustomerVLAN uint16

	flags flags
}

type flags uint8

const (
	isIP flags = 1 << iota
	isShort
	isFragment
	tunnelShift = iota // a Tunnel is above
)

// IP tells whether the columns hold an IP packet.
func (in Info) IP() bool { return in.flags&isIP != 0 }

// Short tells whether the sample ends within a header.
func (in Info) Short() bool { return in.flags&isShort != 0 }

// Fragment tells whether the packet is not the first piece of a fragmented one,
// so that it has no ports.
func (in Info) Fragment() bool { return in.flags&isFragment != 0 }

// Tunnel returns the outermost tunnel that the packet is in.
func (in Info) Tunnel() Tunnel { return Tunnel(in.flags >> tunnelShift) }

// A Tunnel is a way to carry packets in packets.
type Tunnel uint8

const (
	NoTunnel Tunnel = iota
	IPinIP          // RFC 2003, RFC 2473
	GRE             // RFC 2784, RFC 2890
	VXLAN           // RFC 7348
	Geneve          // RFC 8926
)

// EtherTypes. MPLS and PPP have packets without a frame: their functions start
// the walk with the EtherType that they would have.
const (
	typeIPv4     = 0x0800
	typeVLAN     = 0x8100
	typeIPv6     = 0x86dd
	typeEthernet = 0x6558 // transparent Ethernet bridging, in GRE and Geneve
	typeMPLS     = 0x8847
	typeMPLSUp   = 0x8848 // upstream-assigned labels
	typePPPoE    = 0x8864
	typeQinQ     = 0x88a8
	typeQOld     = 0x9100 // QinQ before 802.1ad
)

// maxDepth is how many tunnels within one another are opened.
const maxDepth = 4

func walkFrame(f *flow.Flow, d []byte, o Options) (in Info) {
	typ, d := ethernet(f, d, &in)
	walk(f, typ, d, o, &in)
	return in
}

// IP enters the IPv4 or IPv6 packet that d begins with into f.
func IP(f *flow.Flow, d []byte, o Options) (in Info) {
	walk(f, version(d), d, o, &in)
	return in
}

// MPLS enters the label stack that d begins with into f, and the IP packet
// behind it.
func MPLS(f *flow.Flow, d []byte, o Options) (in Info) {
	walk(f, typeMPLS, d, o, &in)
	return in
}

// PPP enters the PPP frame that d begins with into f, with HDLC's address and
// control octets before it or without.
func PPP(f *flow.Flow, d []byte, o Options) (in Info) {
	if len(d) >= 2 && d[0] == 0xff && d[1] == 3 {
		d = d[2:]
	}
	typ, d := ppp(d, &in)
	walk(f, typ, d, o, &in)
	return in
}

// Payload enters what is behind the headers of an IP packet of protocol f.Proto
// into f: a transport header, or a tunnel.
func Payload(f *flow.Flow, d []byte, o Options) (in Info) {
	tunnel, typ, d := transport(f, f.Proto, d, &in)
	if tunnel == NoTunnel || !o.Inner || !opens(typ, d) {
		return in
	}
	clearInner(f, &in)
	if typ == typeEthernet {
		typ, d = ethernet(f, d, &in)
	}
	walk(f, typ, d, o, &in)
	return in
}

// walk enters what is behind a link's header. Each turn consumes input.
func walk(f *flow.Flow, typ uint16, d []byte, o Options, in *Info) {
	for depth := 0; ; {
		var tunnel Tunnel
		switch typ {
		case typeIPv4:
			tunnel, typ, d = ipv4(f, d, in)
		case typeIPv6:
			tunnel, typ, d = ipv6(f, d, in)
		case typeMPLS, typeMPLSUp:
			typ, d = mpls(f, d, in)
			continue
		case typePPPoE:
			typ, d = pppoe(d, in)
			continue
		default:
			return
		}
		if tunnel == NoTunnel || !o.Inner || depth == maxDepth || !opens(typ, d) {
			return
		}
		depth++
		clearInner(f, in)
		if typ == typeEthernet {
			typ, d = ethernet(f, d, in)
		}
	}
}

// opens tells whether d holds the whole of an IP header, perhaps in a frame, so
// that it can stand in the place of the outer one.
func opens(typ uint16, d []byte) bool {
	if typ == typeEthernet {
		if len(d) < 14 {
			return false
		}
		typ, d = binary.BigEndian.Uint16(d[12:]), d[14:]
		for isVLAN(typ) && len(d) >= 4 {
			typ, d = binary.BigEndian.Uint16(d[2:]), d[4:]
		}
		if typ < minType {
			typ, d = snap(d)
		}
	}
	switch typ {
	case typeIPv4:
		return len(d) >= 20 && d[0]>>4 == 4
	case typeIPv6:
		return len(d) >= 40 && d[0]>>4 == 6
	}
	return false
}

// version returns the EtherType of the IP packet that d begins with, or 0.
func version(d []byte) uint16 {
	if len(d) > 0 {
		switch d[0] >> 4 {
		case 4:
			return typeIPv4
		case 6:
			return typeIPv6
		}
	}
	return 0
}

// innerSet holds the columns of an IP packet.
var innerSet = ip4Set.Union(ip6Set).Union(portSet).Union(tcpSet).Union(icmpSet)

// clearInner makes room for an inner packet.
func clearInner(f *flow.Flow, in *Info) {
	f.Set[0] &^= innerSet[0]
	f.Set[1] &^= innerSet[1]
	f.SrcAddr, f.DstAddr = flow.Addr{}, flow.Addr{}
	f.SrcPort, f.DstPort, f.TCPFlags, f.ICMPType = 0, 0, 0, 0
	f.FlowLabel, f.Proto, f.TOS, f.TTL, f.IPVersion = 0, 0, 0, 0, 0
	in.Bytes = 0
	in.flags &^= isIP | isFragment
}
