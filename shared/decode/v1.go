package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// NetFlow v1: a header of 16 octets, without a sequence number, an engine or
// sampling, and up to 24 records of 48 octets each (softflowd 1.1.0 sends 29).
const (
	v1Header = 16
	v1Record = 48
)

// v1Set holds the columns that each v1 record fills.
var v1Set = flow.SetOf(
	flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets,
	flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldNextHop, flow.FieldExporter,
	flow.FieldInIf, flow.FieldOutIf, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldTCPFlags,
	flow.FieldProto, flow.FieldTOS, flow.FieldVersion,
)

func (d *Decoder) v1(b *flow.Batch, data []byte) {
	if len(data) < v1Header {
		d.failAt(ErrShort, len(data))
		return
	}
	data, n := d.fixed(1, data, v1Header, v1Record)
	if n == 0 {
		return
	}
	fl := d.rows(b, n, v1Set, 0)
	m := &d.msg
	export, uptime := m.Export, m.Uptime
	for i := range fl {
		f, r := &fl[i], (*[v1Record]byte)(data)
		data = data[v1Record:]
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
		f.Proto = r[38]
		f.TOS = r[39]
		f.TCPFlags = uint16(r[40])
	}
	m.CheckTimes(fl)
	d.Stats.Flows += uint64(n)
}
