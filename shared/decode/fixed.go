package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// NetFlow v1, v5, v6, v7 and v8 have records of a fixed shape behind a header
// that begins alike. There is no RFC; the layouts are Cisco's, "NetFlow Export
// Datagram Format".

// fixed reads what their headers have in common, and returns the records: as
// many as the header promises and the datagram holds. Where it promises more
// than there are, those that are there count; what stands behind the promised
// ones is none. data holds the header.
func (d *Decoder) fixed(version uint8, data []byte, header, record int) (records []byte, n int) {
	export := int64(binary.BigEndian.Uint32(data[8:]))*1e9 + int64(binary.BigEndian.Uint32(data[12:]))
	d.header(version, export, 0)
	d.msg.Uptime, d.msg.HasUptime = binary.BigEndian.Uint32(data[4:]), true
	n = int(binary.BigEndian.Uint16(data[2:]))
	if version != 1 {
		d.sequence(binary.BigEndian.Uint32(data[16:]), uint32(n))
	}
	have := (len(data) - header) / record
	if n != have {
		d.failAt(ErrCount, 2)
		n = min(n, have)
	}
	d.Stats.Records += uint64(n)
	return data[header : header+n*record], n
}

// rows appends n flows that hold what is the same for all: what the message
// says, and its sampling rate unless that is 0. Addresses are IPv4's, without
// value.
func (d *Decoder) rows(b *flow.Batch, n int, set flow.Set, rate uint32) []flow.Flow {
	m := &d.msg
	fl := b.Grow(n)
	proto := &fl[0]
	*proto = flow.Flow{Set: set, Received: m.Received, Exporter: m.Exporter, Domain: m.Domain, Version: m.Version}
	proto.SrcAddr[10], proto.SrcAddr[11] = 0xff, 0xff
	proto.DstAddr, proto.NextHop = proto.SrcAddr, proto.SrcAddr
	if set.Has(flow.FieldBGPNextHop) {
		proto.BGPNextHop = proto.SrcAddr
	}
	if rate != 0 {
		proto.SamplingRate = rate
		proto.Set.Add(flow.FieldSamplingRate)
	}
	flow.Fill(fl)
	return fl
}

// columns fills fl from the records of v5, v6 or v7, whose first 46 octets are
// alike.
func columns(fl []flow.Flow, data []byte, record int, m *template.Message) {
	export, uptime := m.Export, m.Uptime // kept out of the loop: rows might alias m
	for i := range fl {
		f, r := &fl[i], (*[46]byte)(data)
		data = data[record:]
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
}

// interval reads a header's sampling interval: a mode in the two high bits, 1
// packet in N in the others; 0 means unknown.
func interval(data []byte) uint32 { return uint32(binary.BigEndian.Uint16(data) & 0x3fff) }

// Elements of ours: fields of v6, v7 and v8 that IANA has none for. They are
// extras under the enterprise number that IANA keeps from everybody.
const (
	reserved = 1<<32 - 1

	inEncapsulation  = 1 // v6: octets of the input encapsulation
	outEncapsulation = 2 // v6: octets of the output encapsulation
	invalidFields    = 3 // v7: flags, "what flow fields are invalid"
	invalidFlows     = 4 // v7: flags, "what flows are invalid"
	markedTOS        = 5 // v8: class of service of the packets beyond the contract
	extraPackets     = 6 // v8: packets beyond the contract
)

// An extraField is a field that becomes an extra of n octets.
type extraField struct {
	flow.Element
	n uint16
}

// extraRow returns the extras of a record: headers, and room for the values.
func extraRow(fields ...extraField) (row []byte) {
	for _, f := range fields {
		at := len(row)
		row = append(row, make([]byte, flow.ExtraHeader+int(f.n))...)
		flow.PutExtraHeader(row[at:], f.Element, f.n)
	}
	return row
}

// fixedExtras gives each of fl a copy of row, and returns the copies, one behind
// the other, for the values.
func fixedExtras(b *flow.Batch, fl []flow.Flow, row []byte) []byte {
	size := len(row)
	off, buf := b.Arena(len(fl) * size)
	for n := copy(buf, row); n < len(buf); n *= 2 {
		copy(buf[n:], buf[:n])
	}
	for i := range fl {
		fl[i].SetExtra(off+uint32(i*size), uint32(size))
	}
	return buf
}
