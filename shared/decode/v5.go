package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// NetFlow v5: a header of 24 octets, up to 30 records of 48 octets each.
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
		d.failAt(ErrShort, len(data))
		return
	}
	domain, rate := uint32(binary.BigEndian.Uint16(data[20:])), interval(data[22:]) // engine type and id
	data, n := d.fixed(5, data, v5Header, v5Record)
	d.msg.Domain = domain
	if n == 0 {
		return
	}
	fl := d.rows(b, n, v5Set, rate)
	columns(fl, data, v5Record, &d.msg)
	d.msg.CheckTimes(fl)
	d.Stats.Flows += uint64(n)
}
