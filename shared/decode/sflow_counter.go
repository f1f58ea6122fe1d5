package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// genericInterface is the counter record that is read (sFlow Version 5,
// counter_data of enterprise 0); all are kept as they came.
const (
	genericInterface       = 1
	genericInterfaceLength = 88
)

// counters appends a counter sample to b, and returns false if it is cut short.
func (d *Decoder) counters(b *flow.Batch, r []byte, format uint32) bool {
	m := &d.msg
	c := flow.Counter{Received: m.Received, Exporter: m.Exporter, Domain: m.Domain, Version: flow.SFlow5}
	if m.Sender != m.Exporter {
		c.Sender = m.Sender
	}
	head := 12
	if format == counterSampleExpanded {
		head = 16
	}
	if len(r) < head {
		return false
	}
	c.Sequence = binary.BigEndian.Uint32(r)
	if format == counterSampleExpanded {
		c.Class, c.Index = binary.BigEndian.Uint32(r[4:]), binary.BigEndian.Uint32(r[8:])
	} else {
		c.Class, c.Index = uint32(r[4]), binary.BigEndian.Uint32(r[4:])&0xffffff
	}
	if arena, _ := b.Arena(0); len(b.Counters) >= sflowCounters || arena >= sflowArena {
		d.fail(ErrFull)
		return true
	}
	n := binary.BigEndian.Uint32(r[head-4:])
	r = r[head:]
	var k kept
	d.ordinals.sample++
	for ; n > 0; n-- {
		rec, rest, ok := record(r)
		if !ok {
			return false
		}
		r = rest
		if binary.BigEndian.Uint32(rec) == genericInterface {
			if v := rec[sflowTag:]; len(v) < genericInterfaceLength {
				d.fail(ErrRecord)
			} else if !c.HasInterface {
				c.Interface, c.HasInterface = generic((*[genericInterfaceLength]byte)(v)), true
			}
		}
		k = d.keepRecord(b, k, rec)
	}
	c.SetRecords(k.off, k.n)
	b.Counters = append(b.Counters, c)
	d.Stats.Counters++
	d.Stats.Records++
	return true
}

func generic(v *[genericInterfaceLength]byte) flow.Interface {
	return flow.Interface{
		Index:           binary.BigEndian.Uint32(v[0:]),
		Type:            binary.BigEndian.Uint32(v[4:]),
		Speed:           binary.BigEndian.Uint64(v[8:]),
		Direction:       binary.BigEndian.Uint32(v[16:]),
		Status:          binary.BigEndian.Uint32(v[20:]),
		InOctets:        binary.BigEndian.Uint64(v[24:]),
		InUnicast:       binary.BigEndian.Uint32(v[32:]),
		InMulticast:     binary.BigEndian.Uint32(v[36:]),
		InBroadcast:     binary.BigEndian.Uint32(v[40:]),
		InDiscards:      binary.BigEndian.Uint32(v[44:]),
		InErrors:        binary.BigEndian.Uint32(v[48:]),
		InUnknownProtos: binary.BigEndian.Uint32(v[52:]),
		OutOctets:       binary.BigEndian.Uint64(v[56:]),
		OutUnicast:      binary.BigEndian.Uint32(v[64:]),
		OutMulticast:    binary.BigEndian.Uint32(v[68:]),
		OutBroadcast:    binary.BigEndian.Uint32(v[72:]),
		OutDiscards:     binary.BigEndian.Uint32(v[76:]),
		OutErrors:       binary.BigEndian.Uint32(v[80:]),
		Promiscuous:     binary.BigEndian.Uint32(v[84:]),
	}
}
