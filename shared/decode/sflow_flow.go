package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/packet"
	"github.com/weirflow/weir/shared/sflow"
)

// What stands before the records of a flow sample.
const (
	compactHead   = 32
	expandedHead  = 44
	discardedHead = 32
)

// A sampled is what the records of a flow sample say that must wait for the
// last of them.
type sampled struct {
	kept
	record   []byte // the sampled header's
	protocol uint32
	frame    uint32 // octets on the wire
	stripped uint32
	header   []byte
	ip       uint32 // octets by a sampled IPv4 or IPv6 record
	ether    uint32 // octets by a sampled Ethernet record
	socket   []byte // the record of a socket
	six      bool   // of IPv6
}

// sample enters a flow sample into f, which may hold anything, and returns false
// if it is cut short.
func (d *Decoder) sample(b *flow.Batch, f *flow.Flow, r []byte, format uint32) bool {
	*f = d.row[0]
	d.ordinals.sample++
	var s sampled
	var class, index, rate, n uint32
	switch format {
	case flowSample:
		if len(r) < compactHead {
			return false
		}
		class, index = uint32(r[4]), binary.BigEndian.Uint32(r[4:])&0xffffff
		rate = binary.BigEndian.Uint32(r[8:])
		in, out := binary.BigEndian.Uint32(r[20:]), binary.BigEndian.Uint32(r[24:])
		s.kept = d.input(b, f, s.kept, in>>30, in&deviceItself)
		s.kept = d.output(b, f, s.kept, out>>30, out&deviceItself)
		n, r = binary.BigEndian.Uint32(r[28:]), r[compactHead:]
	case flowSampleExpanded:
		if len(r) < expandedHead {
			return false
		}
		class, index = binary.BigEndian.Uint32(r[4:]), binary.BigEndian.Uint32(r[8:])
		rate = binary.BigEndian.Uint32(r[12:])
		s.kept = d.input(b, f, s.kept, binary.BigEndian.Uint32(r[24:]), binary.BigEndian.Uint32(r[28:]))
		s.kept = d.output(b, f, s.kept, binary.BigEndian.Uint32(r[32:]), binary.BigEndian.Uint32(r[36:]))
		n, r = binary.BigEndian.Uint32(r[40:]), r[expandedHead:]
	case discardedPacket:
		if len(r) < discardedHead {
			return false
		}
		class, index = binary.BigEndian.Uint32(r[4:]), binary.BigEndian.Uint32(r[8:])
		s.kept = d.input(b, f, s.kept, 0, binary.BigEndian.Uint32(r[16:]))
		s.kept = d.output(b, f, s.kept, 0, binary.BigEndian.Uint32(r[20:]))
		f.FwdStatus = discarded(binary.BigEndian.Uint32(r[24:]))
		f.Set.Add(flow.FieldFwdStatus)
		s.kept = d.keep(b, s.kept, sflow.Reason, nil, r[24:28])
		n, r = binary.BigEndian.Uint32(r[28:]), r[discardedHead:]
	}
	source(f, class, index, rate)
	for ; n > 0; n-- {
		if len(r) < sflowTag {
			return false
		}
		format, end := binary.BigEndian.Uint32(r), sflowTag+uint64(binary.BigEndian.Uint32(r[4:]))
		if end > uint64(len(r)) {
			return false
		}
		v := d.enter(b, f, &s, format, r[sflowTag:end])
		if v != entered {
			if v == broken {
				d.fail(ErrRecord)
			}
			s.kept = d.keepRecord(b, s.kept, r[:end])
		}
		r = r[end:]
	}
	d.finish(b, f, &s)
	return true
}

// source enters what the source of a sample says: its rate, of which 0 is
// unknown, and, if it is an interface, by its side the direction.
func source(f *flow.Flow, class, index, rate uint32) {
	if rate != 0 {
		f.SamplingRate = rate
		f.Set.Add(flow.FieldSamplingRate)
	}
	if class == 0 && index != 0 && f.InIf != f.OutIf {
		switch index {
		case f.InIf:
			f.Set.Add(flow.FieldDirection)
		case f.OutIf:
			f.Direction = 1
			f.Set.Add(flow.FieldDirection)
		}
	}
}

// deviceItself is the ifIndex of packets from or to the agent's own device.
const deviceItself = 1<<30 - 1

// input enters an input interface in the expanded form. 0 is unknown.
func (d *Decoder) input(b *flow.Batch, f *flow.Flow, k kept, format, value uint32) kept {
	switch {
	case format != 0 || value == deviceItself || value == 1<<32-1:
		return d.keepInterface(b, k, sflow.Input, format, value)
	case value != 0:
		f.InIf = value
		f.Set.Add(flow.FieldInIf)
	}
	return k
}

func (d *Decoder) output(b *flow.Batch, f *flow.Flow, k kept, format, value uint32) kept {
	switch {
	case format != 0 || value == deviceItself || value == 1<<32-1:
		if format == 1 {
			f.FwdStatus = discarded(value)
			f.Set.Add(flow.FieldFwdStatus)
		}
		return d.keepInterface(b, k, sflow.Output, format, value)
	case value != 0:
		f.OutIf = value
		f.Set.Add(flow.FieldOutIf)
	}
	return k
}

func (d *Decoder) keepInterface(b *flow.Batch, k kept, id uint16, format, value uint32) kept {
	var v [8]byte
	binary.BigEndian.PutUint32(v[:], format)
	binary.BigEndian.PutUint32(v[4:], value)
	return d.keep(b, k, id, nil, v[:])
}

// discarded turns sFlow's reason into IANA's forwarding status (element 89).
// Below 256 the reasons are the codes of ICMP's "destination unreachable".
func discarded(reason uint32) uint8 {
	switch reason {
	case 0, 1, 5, 6, 7, 8, 11, 12: // no way there
		return 131
	case 4, 262: // too large
		return 133
	case 9, 10, 13: // prohibited
		return 129
	case 257: // time to live
		return 137
	case 258: // access list
		return 130
	case 260: // random early detection
		return 139
	case 261: // rate limit
		return 138
	}
	return 128
}

// finish reads the sampled header and enters what waited for it.
func (d *Decoder) finish(b *flow.Batch, f *flow.Flow, s *sampled) {
	in := d.packet(b, f, s)
	if in.CustomerVLAN != 0 || in.Tunnel() != packet.NoTunnel {
		s.kept = d.keepInfo(b, s.kept, in)
	}
	volume(f, in.Bytes, s.ip, s.frame, s.stripped, s.ether)
	if s.socket != nil && !d.enterSocket(f, s.socket, s.six) {
		id := uint16(sflow.SocketIPv4)
		if s.six {
			id = sflow.SocketIPv6
		}
		s.kept = d.keep(b, s.kept, id, nil, s.socket)
	}
	if s.n != 0 {
		f.SetExtra(s.off, s.n)
	}
}

// headerEthernet is the header protocol of Ethernet frames (sFlow Version 5,
// header_protocol).
const headerEthernet = 1

// packet reads the sampled header.
func (d *Decoder) packet(b *flow.Batch, f *flow.Flow, s *sampled) packet.Info {
	if s.record == nil {
		return packet.Info{}
	}
	if d.SFlow.KeepHeaders {
		s.kept = d.keep(b, s.kept, sflow.SampledHeader, nil, s.record)
	}
	switch s.protocol {
	case headerEthernet:
		return packet.Ethernet(f, s.header, d.SFlow.Packet)
	case 7, 14: // PPP, packets over SONET
		return packet.PPP(f, s.header, d.SFlow.Packet)
	case 11, 12:
		return packet.IP(f, s.header, d.SFlow.Packet)
	case 13:
		return packet.MPLS(f, s.header, d.SFlow.Packet)
	}
	if !d.SFlow.KeepHeaders {
		s.kept = d.keep(b, s.kept, sflow.SampledHeader, nil, s.record)
	}
	return packet.Info{}
}

// volume enters layer-3 octets, from the first that knows them: the sampled
// packet, a sampled IP record, the frame less what was stripped, a sampled
// Ethernet record; and layer-2 octets.
func volume(f *flow.Flow, packet, ip, frame, stripped, ether uint32) {
	switch {
	case packet != 0:
		f.Bytes = uint64(packet)
	case ip != 0:
		f.Bytes = uint64(ip)
	case frame > stripped:
		f.Bytes = uint64(frame - stripped)
		f.Marks |= flow.LinkBytes
	case ether != 0 && frame == 0:
		f.Bytes = uint64(ether)
		f.Marks |= flow.LinkBytes
	default:
		f.Set.Del(flow.FieldBytes)
	}
	switch {
	case frame != 0:
		f.L2Bytes = uint64(frame)
	case ether != 0:
		f.L2Bytes = uint64(ether)
	default:
		f.Set.Del(flow.FieldL2Bytes)
	}
}

// keepInfo keeps what a packet says that has no column but an element of
// IANA's: 245 dot1qCustomerVlanId, 351 layer2SegmentId.
func (d *Decoder) keepInfo(b *flow.Batch, k kept, in packet.Info) kept {
	if in.CustomerVLAN != 0 {
		k = d.put(b, k, flow.Element{ID: 245}, nil, []byte{byte(in.CustomerVLAN >> 8), byte(in.CustomerVLAN)})
	}
	if in.Tunnel() == packet.VXLAN {
		v := [8]byte{1, 5: byte(in.VNI >> 16), 6: byte(in.VNI >> 8), 7: byte(in.VNI)}
		k = d.put(b, k, flow.Element{ID: 351}, nil, v[:])
	}
	return k
}
