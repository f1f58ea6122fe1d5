package packet

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

var (
	ip4Set = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldTOS, flow.FieldTTL, flow.FieldIPVersion)
	ip6Set = ip4Set.Union(flow.SetOf(flow.FieldFlowLabel))
)

// ipv4 enters an IPv4 packet and returns the tunnel that it is, if it is one,
// with the EtherType and the octets of what it carries.
func ipv4(f *flow.Flow, d []byte, in *Info) (t Tunnel, typ uint16, rest []byte) {
	if len(d) < 20 {
		shortIPv4(f, d, in)
		return
	}
	h := (*[20]byte)(d)
	if h[0]>>4 != 4 {
		return
	}
	header, total := int(h[0]&15)*4, int(binary.BigEndian.Uint16(h[2:]))
	in.flags |= isIP
	in.Bytes = uint32(total)
	f.SrcAddr.SetIPv4(h[12:16])
	f.DstAddr.SetIPv4(h[16:20])
	f.IPVersion, f.TOS, f.TTL, f.Proto = 4, h[1], h[8], h[9]
	f.Set.AddAll(&ip4Set)

	if total >= header && total < len(d) { // behind it: the padding of a short frame
		d = d[:total]
	}
	if header < 20 || header > len(d) {
		in.flags |= isShort
		return
	}
	if binary.BigEndian.Uint16(h[6:])&0x1fff != 0 {
		in.flags |= isFragment
		return
	}
	return transport(f, h[9], d[header:], in)
}

// shortIPv4 enters what is there of a header that is cut off.
func shortIPv4(f *flow.Flow, d []byte, in *Info) {
	in.flags |= isShort
	if len(d) == 0 || d[0]>>4 != 4 {
		return
	}
	in.flags |= isIP
	f.IPVersion = 4
	f.Set.Add(flow.FieldIPVersion)
	if len(d) >= 2 {
		f.TOS = d[1]
		f.Set.Add(flow.FieldTOS)
	}
	if len(d) >= 4 {
		in.Bytes = uint32(binary.BigEndian.Uint16(d[2:]))
	}
	if len(d) >= 10 {
		f.TTL, f.Proto = d[8], d[9]
		f.Set.Add(flow.FieldTTL)
		f.Set.Add(flow.FieldProto)
	}
	if len(d) >= 16 {
		f.SrcAddr.SetIPv4(d[12:16])
		f.Set.Add(flow.FieldSrcAddr)
	}
}

// ipv6 is ipv4 for IPv6. Proto is that of the last extension header at hand.
func ipv6(f *flow.Flow, d []byte, in *Info) (t Tunnel, typ uint16, rest []byte) {
	if len(d) < 40 {
		shortIPv6(f, d, in)
		return
	}
	h := (*[40]byte)(d)
	first := binary.BigEndian.Uint32(h[:])
	if first>>28 != 6 {
		return
	}
	payload := int(binary.BigEndian.Uint16(h[4:]))
	next := h[6]
	in.flags |= isIP
	if payload > 0 || next == noNext {
		in.Bytes = uint32(payload) + 40
	}
	f.SrcAddr, f.DstAddr = flow.Addr(h[8:24]), flow.Addr(h[24:40])
	f.IPVersion, f.TOS, f.TTL = 6, uint8(first>>20), h[7]
	f.FlowLabel = first & 0xfffff
	f.Set.AddAll(&ip6Set)

	d = d[40:]
	if payload > 0 && payload < len(d) {
		d = d[:payload]
	}
	next, d, fragment, ok := extensions(next, d, in)
	f.Proto = next
	if fragment {
		in.flags |= isFragment
	}
	if !ok || fragment {
		return
	}
	return transport(f, next, d, in)
}

const noNext = 59 // IPv6's "no next header"

// extensions passes over the extension headers that d begins with. It returns
// the first header behind them; ok is false if the sample ends among them.
func extensions(next uint8, d []byte, in *Info) (last uint8, rest []byte, fragment, ok bool) {
	for {
		n := 8
		switch next {
		case 0, 43, 60, 135, 139, 140: // hop by hop, routing, destination, mobility, HIP, shim6
			if len(d) < 8 {
				in.flags |= isShort
				return next, nil, fragment, false
			}
			if next == 0 && d[2] == 0xc2 && d[3] == 4 && in.Bytes == 0 { // RFC 2675: a jumbogram
				in.Bytes = saturate(uint64(binary.BigEndian.Uint32(d[4:])) + 40)
			}
			n += int(d[1]) * 8
		case 44:
			if len(d) < 8 {
				in.flags |= isShort
				return next, nil, fragment, false
			}
			if binary.BigEndian.Uint16(d[2:])&0xfff8 != 0 { // what follows is the middle of something
				return d[0], nil, true, true
			}
		case 51: // authentication
			if len(d) < 8 {
				in.flags |= isShort
				return next, nil, fragment, false
			}
			n = (int(d[1]) + 2) * 4
		default:
			return next, d, fragment, true
		}
		if len(d) < n {
			in.flags |= isShort
			return d[0], nil, fragment, false
		}
		next, d = d[0], d[n:]
	}
}

func saturate(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }

// shortIPv6 enters what is there of a header that is cut off.
func shortIPv6(f *flow.Flow, d []byte, in *Info) {
	in.flags |= isShort
	if len(d) == 0 || d[0]>>4 != 6 {
		return
	}
	in.flags |= isIP
	f.IPVersion = 6
	f.Set.Add(flow.FieldIPVersion)
	if len(d) >= 4 {
		first := binary.BigEndian.Uint32(d)
		f.TOS, f.FlowLabel = uint8(first>>20), first&0xfffff
		f.Set.Add(flow.FieldTOS)
		f.Set.Add(flow.FieldFlowLabel)
	}
	if len(d) >= 8 {
		if payload := binary.BigEndian.Uint16(d[4:]); payload > 0 {
			in.Bytes = uint32(payload) + 40
		}
		f.Proto, f.TTL = d[6], d[7]
		f.Set.Add(flow.FieldProto)
		f.Set.Add(flow.FieldTTL)
	}
	if len(d) >= 24 {
		f.SrcAddr = flow.Addr(d[8:])
		f.Set.Add(flow.FieldSrcAddr)
	}
}
