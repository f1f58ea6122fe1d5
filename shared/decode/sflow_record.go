package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/sflow"
)

// A verdict says what became of a record.
type verdict uint8

const (
	entered verdict = iota // the columns hold all of it
	partly                 // it says more than the columns hold
	broken                 // it is not what its format says
)

var (
	ethernetSet = flow.SetOf(flow.FieldSrcMAC, flow.FieldDstMAC, flow.FieldEtherType)
	sampledSet  = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldTOS)
	portsSet    = flow.SetOf(flow.FieldSrcPort, flow.FieldDstPort)
	vlansSet    = flow.SetOf(flow.FieldSrcVLAN, flow.FieldDstVLAN)
	masksSet    = flow.SetOf(flow.FieldSrcMask, flow.FieldDstMask)
	asSet       = flow.SetOf(flow.FieldSrcAS, flow.FieldDstAS)
)

// enter enters a flow record, v without its tag, into f.
func (d *Decoder) enter(b *flow.Batch, f *flow.Flow, s *sampled, format uint32, v []byte) verdict {
	switch format {
	case sflow.SampledHeader:
		return s.takeHeader(v)
	case sflow.SampledEthernet:
		return enterEthernet(f, s, v)
	case sflow.SampledIPv4:
		return enterIPv4(f, s, v)
	case sflow.SampledIPv6:
		return enterIPv6(f, s, v)
	case sflow.ExtendedSwitch:
		return enterSwitch(f, v)
	case sflow.ExtendedRouter:
		return enterRouter(f, v)
	case sflow.ExtendedGateway:
		return enterGateway(f, v)
	case sflow.ExtendedUser:
		return enterUser(b, f, v)
	case sflow.ExtendedMPLS:
		return enterMPLS(f, v)
	case sflow.ExtendedNAT:
		return enterNAT(f, v)
	case sflow.ExtendedNATPort:
		return enterNATPorts(f, v)
	case sflow.SocketIPv4, sflow.SocketIPv6:
		if s.socket == nil {
			s.socket, s.six = v, format == sflow.SocketIPv6
			return entered
		}
	}
	return partly
}

// takeHeader puts a sampled header aside: what other records say of the packet
// is entered first.
func (s *sampled) takeHeader(v []byte) verdict {
	if len(v) < 16 {
		return broken
	}
	if s.record != nil {
		return partly
	}
	n := binary.BigEndian.Uint32(v[12:])
	s.record = v
	s.protocol = binary.BigEndian.Uint32(v)
	s.frame = binary.BigEndian.Uint32(v[4:])
	s.stripped = binary.BigEndian.Uint32(v[8:])
	s.header = v[16:]
	if uint64(n) < uint64(len(s.header)) {
		s.header = s.header[:n]
	}
	return entered
}

func enterEthernet(f *flow.Flow, s *sampled, v []byte) verdict {
	if len(v) < 24 {
		return broken
	}
	s.ether = binary.BigEndian.Uint32(v)
	f.SrcMAC = flow.MAC(binary.BigEndian.Uint64(v[4:]) >> 16) // padded to 8 octets
	f.DstMAC = flow.MAC(binary.BigEndian.Uint64(v[12:]) >> 16)
	f.EtherType = uint16(min(binary.BigEndian.Uint32(v[20:]), 0xffff))
	f.Set.AddAll(&ethernetSet)
	return entered
}

func enterIPv4(f *flow.Flow, s *sampled, v []byte) verdict {
	if len(v) < 32 {
		return broken
	}
	s.ip = binary.BigEndian.Uint32(v)
	f.SrcAddr.SetIPv4(v[8:])
	f.DstAddr.SetIPv4(v[12:])
	f.Proto = v[7]
	f.TOS = v[31]
	f.Set.AddAll(&sampledSet)
	enterPorts(f, v[16:])
	return entered
}

func enterIPv6(f *flow.Flow, s *sampled, v []byte) verdict {
	if len(v) < 56 {
		return broken
	}
	s.ip = binary.BigEndian.Uint32(v)
	f.SrcAddr = flow.Addr(v[8:])
	f.DstAddr = flow.Addr(v[24:])
	f.Proto = v[7]
	f.TOS = v[55]
	f.Set.AddAll(&sampledSet)
	enterPorts(f, v[40:])
	return entered
}

// enterPorts enters source port, destination port and TCP flags, 32 bits each,
// where the protocol has them.
func enterPorts(f *flow.Flow, v []byte) {
	switch f.Proto {
	case 6:
		f.TCPFlags = uint16(v[11])
		f.Set.Add(flow.FieldTCPFlags)
	case 17, 33, 132, 136:
	default:
		return
	}
	f.SrcPort, f.DstPort = binary.BigEndian.Uint16(v[2:]), binary.BigEndian.Uint16(v[6:])
	f.Set.AddAll(&portsSet)
}

// enterSwitch enters the VLANs in and out. Some agents write all bits where they
// don't know one.
func enterSwitch(f *flow.Flow, v []byte) verdict {
	if len(v) < 16 {
		return broken
	}
	in, out := binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[8:])
	if in < 4096 && out < 4096 {
		f.SrcVLAN, f.DstVLAN = uint16(in), uint16(out)
		f.Set.AddAll(&vlansSet)
	} else if in < 4096 {
		f.SrcVLAN = uint16(in)
		f.Set.Add(flow.FieldSrcVLAN)
	} else if out < 4096 {
		f.DstVLAN = uint16(out)
		f.Set.Add(flow.FieldDstVLAN)
	}
	if binary.BigEndian.Uint32(v[4:])|binary.BigEndian.Uint32(v[12:]) != 0 {
		return partly // priorities
	}
	return entered
}

func enterRouter(f *flow.Flow, v []byte) verdict {
	n := addressLength(v)
	if n == 0 || len(v) < n+8 {
		return broken
	}
	if n > 4 {
		address(&f.NextHop, v)
		f.Set.Add(flow.FieldNextHop)
	}
	f.SrcMask = uint8(min(binary.BigEndian.Uint32(v[n:]), 255))
	f.DstMask = uint8(min(binary.BigEndian.Uint32(v[n+4:]), 255))
	f.Set.AddAll(&masksSet)
	return entered
}

// enterGateway enters the next hop of BGP, the source's AS, and the last AS on
// the way to the destination: the router's own where the way is empty. The way
// itself, communities and local preference have no columns.
func enterGateway(f *flow.Flow, v []byte) verdict {
	hop, n := v, addressLength(v)
	if n == 0 || len(v) < n+16 {
		return broken
	}
	own, src := binary.BigEndian.Uint32(v[n:]), binary.BigEndian.Uint32(v[n+4:])
	segments := binary.BigEndian.Uint32(v[n+12:])
	v = v[n+16:]
	dst := own
	for ; segments > 0; segments-- {
		if len(v) < 8 {
			return broken
		}
		n := int(binary.BigEndian.Uint32(v[4:]))
		v = v[8:]
		if n > len(v)/4 {
			return broken
		}
		if n > 0 {
			dst = binary.BigEndian.Uint32(v[n*4-4:])
		}
		v = v[n*4:]
	}
	if n > 4 {
		address(&f.BGPNextHop, hop)
		f.Set.Add(flow.FieldBGPNextHop)
	}
	f.SrcAS, f.DstAS = src, dst
	f.Set.AddAll(&asSet)
	return partly
}

// enterUser enters the name of the source's user.
func enterUser(b *flow.Batch, f *flow.Flow, v []byte) verdict {
	if len(v) < 8 {
		return broken
	}
	n := uint64(binary.BigEndian.Uint32(v[4:]))
	padded := (n + 3) &^ 3
	if uint64(len(v)) < 8+padded+8 {
		return broken
	}
	if n > 0 {
		f.User = b.Strings.Intern(v[8 : 8+n])
		f.Set.Add(flow.FieldUser)
	}
	return partly // character sets, the destination's user
}

// enterMPLS enters the next hop, unless a router record has given one, and the
// top of the incoming label stack.
func enterMPLS(f *flow.Flow, v []byte) verdict {
	n := addressLength(v)
	if n == 0 || len(v) < n+4 {
		return broken
	}
	labels := binary.BigEndian.Uint32(v[n:])
	if uint64(labels)*4 > uint64(len(v)-n-4) {
		return broken
	}
	if n > 4 && !f.Set.Has(flow.FieldNextHop) {
		address(&f.NextHop, v)
		f.Set.Add(flow.FieldNextHop)
	}
	if labels > 0 {
		f.MPLSLabel = binary.BigEndian.Uint32(v[n+4:]) >> 8
		f.Set.Add(flow.FieldMPLSLabel)
	}
	return partly
}

func enterNAT(f *flow.Flow, v []byte) verdict {
	n := addressLength(v)
	if n == 0 {
		return broken
	}
	n2 := addressLength(v[n:])
	if n2 == 0 {
		return broken
	}
	if n > 4 {
		address(&f.NATSrcAddr, v)
		f.Set.Add(flow.FieldNATSrcAddr)
	}
	if n2 > 4 {
		address(&f.NATDstAddr, v[n:])
		f.Set.Add(flow.FieldNATDstAddr)
	}
	return entered
}

func enterNATPorts(f *flow.Flow, v []byte) verdict {
	if len(v) < 8 {
		return broken
	}
	f.NATSrcPort, f.NATDstPort = binary.BigEndian.Uint16(v[2:]), binary.BigEndian.Uint16(v[6:])
	f.Set.Add(flow.FieldNATSrcPort)
	f.Set.Add(flow.FieldNATDstPort)
	return entered
}

// enterSocket enters a socket's record, its local end as the source, where no
// other record has described a packet. It returns false if it has not.
func (d *Decoder) enterSocket(f *flow.Flow, v []byte, six bool) bool {
	if f.Set.Has(flow.FieldSrcAddr) || f.Set.Has(flow.FieldEtherType) {
		return false
	}
	switch {
	case !six && len(v) >= 20:
		f.SrcAddr.SetIPv4(v[4:])
		f.DstAddr.SetIPv4(v[8:])
		f.SrcPort, f.DstPort = binary.BigEndian.Uint16(v[14:]), binary.BigEndian.Uint16(v[18:])
	case six && len(v) >= 44:
		f.SrcAddr, f.DstAddr = flow.Addr(v[4:]), flow.Addr(v[20:])
		f.SrcPort, f.DstPort = binary.BigEndian.Uint16(v[38:]), binary.BigEndian.Uint16(v[42:])
	default:
		d.fail(ErrRecord)
		return false
	}
	f.Proto = v[3]
	for _, x := range [...]flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto} {
		f.Set.Add(x)
	}
	return true
}
