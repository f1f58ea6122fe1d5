package packet

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

var (
	portSet = flow.SetOf(flow.FieldSrcPort, flow.FieldDstPort)
	tcpSet  = portSet.Union(flow.SetOf(flow.FieldTCPFlags))
	icmpSet = flow.SetOf(flow.FieldICMPType)
)

// Ports of tunnels over UDP.
const (
	portVXLAN    = 4789
	portVXLANOld = 8472 // Linux, before there was a number
	portGeneve   = 6081
)

// transport enters what is behind the headers of IP, d, which is of protocol
// proto.
func transport(f *flow.Flow, proto uint8, d []byte, in *Info) (t Tunnel, typ uint16, rest []byte) {
	switch proto {
	case 6:
		if len(d) < 14 {
			ports(f, d, in)
			in.flags |= isShort
			return
		}
		f.SrcPort, f.DstPort = binary.BigEndian.Uint16(d), binary.BigEndian.Uint16(d[2:])
		f.TCPFlags = binary.BigEndian.Uint16(d[12:]) & 0xfff
		f.Set.AddAll(&tcpSet)
	case 17:
		if ports(f, d, in) {
			t, typ, rest = overUDP(f.DstPort, d, in)
		}
	case 33, 132, 136: // DCCP, SCTP, UDP-Lite
		ports(f, d, in)
	case 1, 58:
		if len(d) < 2 {
			in.flags |= isShort
			return
		}
		f.ICMPType = binary.BigEndian.Uint16(d)
		f.Set.AddAll(&icmpSet)
	case 4:
		t, typ, rest = IPinIP, typeIPv4, d
	case 41:
		t, typ, rest = IPinIP, typeIPv6, d
	case 47:
		t, typ, rest = gre(d, in)
	}
	if t != NoTunnel && in.Tunnel() == NoTunnel {
		in.flags |= flags(t) << tunnelShift
	}
	return
}

func ports(f *flow.Flow, d []byte, in *Info) bool {
	if len(d) < 4 {
		in.flags |= isShort
		return false
	}
	f.SrcPort, f.DstPort = binary.BigEndian.Uint16(d), binary.BigEndian.Uint16(d[2:])
	f.Set.AddAll(&portSet)
	return true
}

// overUDP recognises the tunnels that have a port of their own.
func overUDP(port uint16, d []byte, in *Info) (t Tunnel, typ uint16, rest []byte) {
	switch port {
	case portVXLAN, portVXLANOld:
		if len(d) < 16 || d[8]&8 == 0 { // without the I flag there is no identifier
			return
		}
		in.network(uint32(d[12])<<16 | uint32(d[13])<<8 | uint32(d[14]))
		return VXLAN, typeEthernet, d[16:]
	case portGeneve:
		if len(d) < 16 || d[8]>>6 != 0 {
			return
		}
		in.network(uint32(d[12])<<16 | uint32(d[13])<<8 | uint32(d[14]))
		options := int(d[8]&0x3f) * 4
		if len(d) < 16+options {
			return Geneve, 0, nil
		}
		return Geneve, binary.BigEndian.Uint16(d[10:]), d[16+options:]
	}
	return
}

// gre opens GRE of version 0 without source routes.
func gre(d []byte, in *Info) (t Tunnel, typ uint16, rest []byte) {
	if len(d) < 4 {
		in.flags |= isShort
		return
	}
	flags := binary.BigEndian.Uint16(d)
	if flags&0x4007 != 0 {
		return GRE, 0, nil
	}
	typ, d = binary.BigEndian.Uint16(d[2:]), d[4:]
	for _, flag := range [...]uint16{0x8000, 0x2000, 0x1000} { // checksum, key, sequence
		if flags&flag == 0 {
			continue
		}
		if len(d) < 4 {
			in.flags |= isShort
			return GRE, 0, nil
		}
		if flag == 0x2000 {
			in.network(binary.BigEndian.Uint32(d))
		}
		d = d[4:]
	}
	return GRE, typ, d
}

// network keeps the identifier of the outermost tunnel.
func (in *Info) network(id uint32) {
	if in.Tunnel() == NoTunnel {
		in.VNI = id
	}
}
