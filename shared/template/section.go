package template

import (
	"cmp"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/packet"
)

// Records may carry the beginning of a packet: PSAMP's packet reports (RFC 5476
// §6.4), Cisco's NetFlow-lite. What it says fills the columns that no element
// of the record does.

// A sampled says where a plan's records have a packet.
type sampled struct {
	sections []section
	offset   *spot // IE 102 or 409: octets of the packet before the section
	octets   *spot // IE 103 or 410: how many of the section are the packet's
	link     *spot // IE 408 dataLinkFrameType
	length   *spot // IE 224 ipTotalLength
}

// A section is a field that holds a packet from one of its headers on.
type section struct {
	spot
	id uint16
}

// sections lists the elements that hold packets, the whole before its parts.
var sections = []uint16{
	315, // dataLinkFrameSection
	104, // layer2packetSectionData
	316, // mplsLabelStackSection
	313, // ipHeaderPacketSection
	317, // mplsPayloadPacketSection
	314, // ipPayloadPacketSection
}

// read enters the packet d into f.
func (x *section) read(f *flow.Flow, d []byte, o packet.Options) packet.Info {
	switch x.id {
	case 315, 104:
		return packet.Ethernet(f, d, o)
	case 316:
		return packet.MPLS(f, d, o)
	case 314:
		return packet.Payload(f, d, o)
	}
	return packet.IP(f, d, o)
}

// newSampled returns where packets are, nil if the records are of none.
func newSampled(at spots) *sampled {
	s := &sampled{
		offset: cmp.Or(at.get(409), at.get(102)), octets: cmp.Or(at.get(410), at.get(103)),
		link: at.get(408), length: at.get(224),
	}
	for _, id := range sections {
		if p, ok := at[id]; ok {
			s.sections = append(s.sections, section{p, id})
		}
	}
	if _, ok := at[301]; !ok && len(s.sections) == 0 { // selectionSequenceId: a packet report
		return nil
	}
	return s
}

// ethernetFrame is Ethernet's dataLinkFrameType (RFC 7133).
const ethernetFrame = 1

// fill enters the packets of r into its flows. A record that doesn't count
// packets is of one. row is scratch space.
func (s *sampled) fill(r *records, o packet.Options, row *flow.Flow) {
	for i := range r.flows {
		f := &r.flows[i]
		var in packet.Info
		for j := range s.sections {
			x := &s.sections[j]
			if d := s.packet(r, i, x.spot); len(d) > 0 {
				if got := x.enter(f, d, o, row); got.IP() && in.Bytes == 0 {
					in = got
				}
			}
		}
		if f.Set.Has(flow.FieldPackets) {
			continue
		}
		f.Packets = 1
		f.Set.Add(flow.FieldPackets)
		if !f.Set.Has(flow.FieldBytes) {
			s.volume(r, i, f, in)
		}
	}
}

// packet returns the octets of a packet, nothing if they are not its first.
func (s *sampled) packet(r *records, i int, x spot) []byte {
	if n, ok := r.number(i, s.offset); ok && n != 0 {
		return nil
	}
	if n, ok := r.number(i, s.link); ok && n != ethernetFrame {
		return nil
	}
	d := r.value(i, x)
	if n, ok := r.number(i, s.octets); ok && n < uint64(len(d)) {
		d = d[:n]
	}
	return d
}

// volume enters the octets of a packet.
func (s *sampled) volume(r *records, i int, f *flow.Flow, in packet.Info) {
	n, ok := r.number(i, s.length)
	switch {
	case in.Bytes != 0:
		f.Bytes = uint64(in.Bytes)
	case ok:
		f.Bytes = n
	case f.L2Bytes != 0:
		f.Bytes = f.L2Bytes
		f.Marks |= flow.LinkBytes
	default:
		return
	}
	f.Set.Add(flow.FieldBytes)
}

// enter reads the packet d into the columns of f that hold nothing yet.
func (x *section) enter(f *flow.Flow, d []byte, o packet.Options, row *flow.Flow) packet.Info {
	*row = flow.Flow{Proto: f.Proto}
	in := x.read(row, d, o)
	for i := range row.Set {
		row.Set[i] &^= f.Set[i]
	}
	f.Take(row, row.Set)
	return in
}
