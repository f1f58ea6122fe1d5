package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// NetFlow v5: a header of 24 octets, up to 30 records of 48 octets each. There
// is no RFC; the layout is Cisco's, "NetFlow Export Datagram Format".
const (
	v5Header = 24
	v5Record = 48
)

// v5Set holds the columns that each v5 record fills.
var v5Set = flow.SetOf(
	flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets,
	flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldNextHop, flow.FieldExporter,
	flow.FieldSrcAS, flow.FieldDstAS, flow.FieldInIf, flow.FieldOutIf, flow.FieldDomain,
	flow.FieldSrcPort, flow.FieldDstPort, flow.FieldTCPFlags, flow.FieldProto, flow.FieldTOS,
	flow.FieldSrcMask, flow.FieldDstMask, flow.FieldVersion,
)

func (d *Decoder) v5(b *flow.Batch, data []byte) {
	if len(data) < v5Header {
		d.fail(ErrShort)
		return
	}
	export := int64(binary.BigEndian.Uint32(data[8:]))*1e9 + int64(binary.BigEndian.Uint32(data[12:]))
	d.header(5, export, uint32(binary.BigEndian.Uint16(data[20:]))) // engine type and id
	m := &d.msg
	m.Uptime = binary.BigEndian.Uint32(data[4:])

	// Where the header promises more records than there are, those that are there
	// count; what stands behind the promised ones is none.
	n := int(binary.BigEndian.Uint16(data[2:]))
	have := (len(data) - v5Header) / v5Record
	if n != have {
		d.fail(ErrCount)
		n = min(n, have)
	}
	if n == 0 {
		return
	}
	fl := b.Grow(n)
	proto := &fl[0]
	*proto = flow.Flow{Set: v5Set, Received: m.Received, Exporter: m.Exporter, Domain: m.Domain, Version: 5}
	proto.SrcAddr[10], proto.SrcAddr[11] = 0xff, 0xff
	proto.DstAddr, proto.NextHop = proto.SrcAddr, proto.SrcAddr
	// The low 14 bits are the sampling interval; 0 means unknown.
	if rate := uint32(binary.BigEndian.Uint16(data[22:]) & 0x3fff); rate != 0 {
		proto.SamplingRate = rate
		proto.Set.Add(flow.FieldSamplingRate)
	}
	flow.Fill(fl)
	data = data[v5Header:]
	uptime := m.Uptime
	for i := range fl {
		f, r := &fl[i], (*[v5Record]byte)(data)
		data = data[v5Record:]
		*(*[4]byte)(f.SrcAddr[12:]) = [4]byte(r[0:])
		*(*[4]byte)(f.DstAddr[12:]) = [4]byte(r[4:])
		*(*[4]byte)(f.NextHop[12:]) = [4]byte(r[8:])
		f.InIf = uint32(binary.BigEndian.Uint16(r[12:]))
		f.OutIf = uint32(binary.BigEndian.Uint16(r[14:]))
		f.Packets = uint64(binary.BigEndian.Uint32(r[16:]))
		f.Bytes = uint64(binary.BigEndian.Uint32(r[20:]))
		f.Start = template.Absolute(export, uptime, binary.BigEndian.Uint32(r[24:]))
		f.End = template.Absolute(export, uptime, binary.BigEndian.Uint32(r[28:]))
		f.SrcPort = binary.BigEndian.Uint16(r[32:])
		f.DstPort = binary.BigEndian.Uint16(r[34:])
		f.TCPFlags = uint16(r[37])
		f.Proto = r[38]
		f.TOS = r[39]
		f.SrcAS = uint32(binary.BigEndian.Uint16(r[40:]))
		f.DstAS = uint32(binary.BigEndian.Uint16(r[42:]))
		f.SrcMask = r[44]
		f.DstMask = r[45]
	}
	m.CheckTimes(fl)
	d.Stats.Flows += uint64(n)
}
