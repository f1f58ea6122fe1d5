package gen

import (
	"encoding/binary"
	"time"
)

// most is how many packets of one flow an agent tells of at once.
const most = 8

// sflow tells of packets: a sample each, of the beginning of an Ethernet frame,
// and now and then counters of an interface.
func (e *Exporter) sflow(now time.Time, seen []sampled) {
	be := binary.BigEndian
	var d []byte
	n := uint32(0)
	end := func() {
		if n > 0 {
			be.PutUint32(d[24:], n)
			e.dst = append(e.dst, d)
		}
		d, n = nil, 0
	}
	for i := range seen {
		f := &seen[i]
		for range min(f.packets, most) {
			if d != nil && len(d)+220 > mtu {
				end()
			}
			if d == nil {
				agent := e.Addr.As4()
				d = be.AppendUint32(be.AppendUint32(make([]byte, 0, mtu), 5), 1)
				d = append(d, agent[:]...)
				d = be.AppendUint32(be.AppendUint32(d, e.Domain), e.sequence)
				d = be.AppendUint32(be.AppendUint32(d, e.uptime(now)), 0)
				e.sequence++
			}
			d = e.sampleOf(d, f)
			n++
		}
	}
	end()
}

func (e *Exporter) sampleOf(d []byte, f *sampled) []byte {
	be := binary.BigEndian
	size := int(min(max(f.Bytes/f.Packets, 40), 1500))
	header := frame(f, size)
	record := be.AppendUint32(be.AppendUint32(nil, 1), uint32(16+(len(header)+3)&^3))
	record = be.AppendUint32(be.AppendUint32(record, 1), uint32(size+18))
	record = be.AppendUint32(be.AppendUint32(record, 4), uint32(len(header)))
	record = append(record, header...)
	for len(record)%4 != 0 {
		record = append(record, 0)
	}
	if e.samples == nil {
		e.samples = map[uint32]uint32{}
	}
	e.samples[f.in]++
	n := e.samples[f.in]
	s := be.AppendUint32(be.AppendUint32(nil, n), f.in)
	s = be.AppendUint32(be.AppendUint32(s, e.Sampling), n*e.Sampling) // the pool
	s = be.AppendUint32(be.AppendUint32(s, 0), f.in)
	s = be.AppendUint32(be.AppendUint32(s, f.out), 1)
	s = append(s, record...)
	d = be.AppendUint32(be.AppendUint32(d, 1), uint32(len(s)))
	return append(d, s...)
}

// frame returns the first octets of a frame of f, whose packet has so many.
func frame(f *sampled, size int) []byte {
	be := binary.BigEndian
	d := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	if f.Src.Is4() {
		src, dst := f.Src.As4(), f.Dst.As4()
		d = append(d, 8, 0, 0x45, f.TOS)
		d = be.AppendUint16(d, uint16(size))
		d = append(d, 0, 0, 0x40, 0, 63, f.Proto, 0, 0)
		d = append(append(d, src[:]...), dst[:]...)
	} else {
		src, dst := f.Src.As16(), f.Dst.As16()
		d = append(d, 0x86, 0xdd, 0x60, 0, 0, 0)
		d = be.AppendUint16(d, uint16(max(size, 40)-40))
		d = append(d, f.Proto, 63)
		d = append(append(d, src[:]...), dst[:]...)
	}
	d = be.AppendUint16(be.AppendUint16(d, f.SrcPort), f.DstPort)
	if f.Proto == 6 {
		d = append(d, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, f.Flags&0x1a, 1, 0, 0, 0, 0, 0)
	} else {
		d = be.AppendUint16(d, uint16(max(size-20, 8)))
		d = append(d, 0, 0)
	}
	return d
}
