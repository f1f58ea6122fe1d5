package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/packet"
	"github.com/weirflow/weir/shared/sflow"
)

// SFlow says how sFlow is read. The zero value is the usual way.
type SFlow struct {
	Packet packet.Options // of sampled headers
	// KeepHeaders keeps all sampled headers as extras (id 1), not only those
	// that weir can't read.
	KeepHeaders bool
	// Samples keeps the heads of a datagram's samples, for Decoder.Samples.
	Samples bool
}

// Samples (sFlow Version 5, sample_data of enterprise 0).
const (
	flowSample            = 1
	counterSample         = 2
	flowSampleExpanded    = 3
	counterSampleExpanded = 4
	discardedPacket       = 5
)

const (
	sflowTag = 8 // a data format and a length
	// sflowSample is the least that a flow sample takes.
	sflowSample = sflowTag + 32
	// sflowCounters and sflowArena bound the counters in a batch, so that a
	// consumer that waits for flows alone is not swamped.
	sflowCounters = 1 << 14
	sflowArena    = 16 << 20
)

// sflowSet holds the columns of each flow sample.
var (
	sflowSet = flow.SetOf(
		flow.FieldBytes, flow.FieldPackets, flow.FieldL2Bytes,
		flow.FieldExporter, flow.FieldDomain, flow.FieldVersion,
	)
	sflowTimes = flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived)
)

// sflow decodes an sFlow datagram of version 5. A sample has no time of its
// own, nor has the header: it is of the moment when it arrived, and of no time
// where that is not known.
func (d *Decoder) sflow(b *flow.Batch, data []byte) {
	data = data[:min(len(data), 1<<16-1)] // UDP has no more
	if len(data) < 4 {
		d.failAt(ErrShort, len(data))
		return
	}
	if binary.BigEndian.Uint32(data) != 5 {
		d.fail(ErrVersion)
		return
	}
	n := d.agent.read(data[4:])
	if n == 0 || len(data) < 4+n+16 {
		d.failAt(ErrShort, 4)
		return
	}
	whole := len(data)
	m := &d.msg
	if d.agent.known {
		m.Exporter = d.agent.addr
	}
	data = data[4+n : whole : whole]
	d.header(flow.SFlow5, m.Received, binary.BigEndian.Uint32(data)) // the sub-agent's id
	d.sequence(binary.BigEndian.Uint32(data[4:]), 1)
	count := binary.BigEndian.Uint32(data[12:])
	data = data[16:]

	row := &d.row[0]
	row.Set, row.Packets, row.Version = sflowSet, 1, flow.SFlow5
	row.Exporter, row.Sender, row.Domain = m.Exporter, flow.Addr{}, m.Domain
	row.Start, row.End, row.Received = m.Received, m.Received, m.Received
	if m.Received != 0 {
		row.Set.AddAll(&sflowTimes)
	}
	if m.Exporter != m.Sender {
		row.Sender = m.Sender
		row.Set.Add(flow.FieldSender)
	}
	from, flows := len(b.Flows), 0
	rows := b.Grow(int(min(uint64(count), uint64(len(data)/sflowSample))))
	clear(rows)
	for ; count > 0; count-- {
		d.at.Octet = whole - len(data)
		d.at.Record++
		if len(data) < sflowTag {
			if len(data) == 0 {
				d.fail(ErrCount)
			} else {
				d.fail(ErrShort)
			}
			break
		}
		format, n := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
		end := uint64(n) + sflowTag
		if end > uint64(len(data)) {
			d.fail(ErrShort)
			break
		}
		sample := data[sflowTag:end:end]
		data = data[end:]
		if d.SFlow.Samples {
			d.sampleHead(sample, format)
		}
		ok := true
		switch format {
		case flowSample, flowSampleExpanded, discardedPacket:
			// Samples that are as short as to outnumber the rows fail.
			if ok = flows < len(rows); ok {
				f := &rows[flows]
				if ok = d.usual(b, f, sample, format) || d.sample(b, f, sample, format); ok {
					flows++
				} else {
					*f = flow.Flow{}
				}
			}
		case counterSample, counterSampleExpanded:
			ok = d.counters(b, sample, format)
		}
		// Other samples are vendors' own; their length says how to pass over.
		if !ok {
			d.fail(ErrShort)
		}
	}
	b.Flows = b.Flows[:from+flows]
	d.Stats.Flows += uint64(flows)
	d.Stats.Records += uint64(flows)
}

// An agent is the address of the last datagram's agent: the next one is mostly
// of the same.
type agent struct {
	addr  flow.Addr
	known bool   // it is not all zeros
	ipv4  uint64 // type and address as they came, if it is of IPv4
}

// read makes a the address that d begins with, and returns how many octets it
// took: 0 if there is none.
func (a *agent) read(d []byte) int {
	if len(d) >= 8 && a.ipv4 != 0 && binary.BigEndian.Uint64(d) == a.ipv4 {
		return 8
	}
	*a = agent{}
	n := address(&a.addr, d)
	if n == 8 {
		a.ipv4 = binary.BigEndian.Uint64(d)
	}
	a.known = a.addr != (flow.Addr{}) && a.addr != flow.AddrFrom4([4]byte{})
	return n
}

// address reads an address with its type before it into a, and returns how many
// octets both took: 0 if they are not there or of no known type. An unknown
// address leaves a as it is.
func address(a *flow.Addr, d []byte) int {
	n := addressLength(d)
	switch n {
	case 8:
		a.SetIPv4(d[4:8])
	case 20:
		copy(a[:], d[4:20])
	}
	return n
}

// addressLength returns what address would.
func addressLength(d []byte) int {
	if len(d) >= 4 {
		switch t := binary.BigEndian.Uint32(d); {
		case t == 0:
			return 4
		case t == 1 && len(d) >= 8:
			return 8
		case t == 2 && len(d) >= 20:
			return 20
		}
	}
	return 0
}

// kept is where the extras of a sample are in the arena.
type kept struct{ off, n uint32 }

// keep appends an extra of sFlow's enterprise whose octets are word and v.
func (d *Decoder) keep(b *flow.Batch, k kept, id uint16, word, v []byte) kept {
	return d.put(b, k, flow.Element{PEN: sflow.PEN, ID: id, Ord: d.ord(id)}, word, v)
}

func (d *Decoder) put(b *flow.Batch, k kept, e flow.Element, word, v []byte) kept {
	n := len(word) + len(v)
	off, buf := b.Arena(flow.ExtraHeader + n)
	flow.PutExtraHeader(buf, e, uint16(n))
	copy(buf[flow.ExtraHeader:], word)
	copy(buf[flow.ExtraHeader+len(word):], v)
	return k.and(off, len(buf))
}

// and returns k with n octets more, which are at off: behind those of k, if it
// has any.
func (k kept) and(off uint32, n int) kept {
	if k.n == 0 {
		k.off = off
	}
	k.n += uint32(n)
	return k
}

// keepRecord keeps a record of a sample as it came; r begins with its format.
func (d *Decoder) keepRecord(b *flow.Batch, k kept, r []byte) kept {
	format := binary.BigEndian.Uint32(r)
	if format < sflow.Vendor {
		return d.keep(b, k, uint16(format), nil, r[sflowTag:])
	}
	return d.keep(b, k, sflow.Vendor, r[:4], r[sflowTag:])
}

// ordinals counts the extras of each id in a sample: the low 16 bits of an
// entry, good if the others are the sample's number.
type ordinals struct {
	sample uint64
	seen   [sflow.IDs]uint64
}

func (d *Decoder) ord(id uint16) uint16 {
	x := &d.ordinals.seen[id]
	if *x>>16 != d.ordinals.sample {
		*x = d.ordinals.sample << 16
	}
	n := uint16(*x)
	*x++
	return n
}

// record cuts the next record off a sample: r with its tag, and rest.
func record(d []byte) (r, rest []byte, ok bool) {
	if len(d) < sflowTag {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(d[4:])
	if uint64(n) > uint64(len(d)-sflowTag) {
		return nil, nil, false
	}
	return d[: sflowTag+int(n) : sflowTag+int(n)], d[sflowTag+int(n):], true
}
