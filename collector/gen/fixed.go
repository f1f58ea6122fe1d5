package gen

import (
	"encoding/binary"
	"time"
)

// A shape is a NetFlow version whose records are all alike, of IPv4 only.
type shape struct {
	version uint16
	records int // in a datagram
	record  func(d []byte, e *Exporter, f *sampled) []byte
}

var shapes = map[string]*shape{
	"netflow1": {1, 24, func(d []byte, e *Exporter, f *sampled) []byte {
		d = e.fixedStart(d, f)
		d = append(d, 0, 0, f.Proto, f.TOS, f.Flags)
		return append(d, make([]byte, 7)...)
	}},
	"netflow5": {5, 30, func(d []byte, e *Exporter, f *sampled) []byte { return append(e.fixedRecord(d, f), 0, 0) }},
	"netflow6": {6, 27, func(d []byte, e *Exporter, f *sampled) []byte { return append(e.fixedRecord(d, f), make([]byte, 6)...) }},
	"netflow7": {7, 27, func(d []byte, e *Exporter, f *sampled) []byte {
		router := e.Addr.As4()
		return append(append(e.fixedRecord(d, f), 0, 0), router[:]...)
	}},
	"netflow8": {8, 48, func(d []byte, e *Exporter, f *sampled) []byte { return e.systems(d, f) }},
}

// fixed tells of IPv4 in NetFlow v1 and v5 to v8.
func (e *Exporter) fixed(now time.Time, seen []sampled) {
	s := shapes[e.Protocol]
	var d []byte
	n := 0
	end := func() {
		if n > 0 {
			binary.BigEndian.PutUint16(d[2:], uint16(n))
			if s.version != 1 {
				binary.BigEndian.PutUint32(d[16:], e.sequence)
			}
			e.sequence += uint32(n)
			e.dst = append(e.dst, d)
		}
		d, n = nil, 0
	}
	for i := range seen {
		if !seen[i].Src.Is4() {
			continue
		}
		if d == nil {
			d = e.fixedHeader(s.version, now)
		}
		d = s.record(d, e, &seen[i])
		if n++; n == s.records {
			end()
		}
	}
	end()
}

// fixedHeader begins a datagram; its count and sequence number are still to
// come.
func (e *Exporter) fixedHeader(version uint16, now time.Time) []byte {
	be := binary.BigEndian
	d := be.AppendUint32(be.AppendUint32(make([]byte, 0, mtu), uint32(version)<<16), e.uptime(now))
	d = be.AppendUint32(be.AppendUint32(d, uint32(now.Unix())), uint32(now.Nanosecond()))
	if version == 1 {
		return d
	}
	d = be.AppendUint32(d, 0)
	switch version {
	case 5:
		d = be.AppendUint16(d, uint16(e.Domain))
		return be.AppendUint16(d, 1<<14|uint16(e.Sampling&0x3fff))
	case 8: // scheme 1, autonomous systems, of version 2
		d = be.AppendUint16(d, uint16(e.Domain))
		d = append(d, 1, 2)
		return be.AppendUint32(d, 1<<30|e.Sampling&0x3fff<<16)
	}
	return be.AppendUint32(d, 0)
}

// fixedStart appends what v1, v5, v6 and v7 begin with: 36 octets.
func (e *Exporter) fixedStart(d []byte, f *sampled) []byte {
	be := binary.BigEndian
	src, dst := f.Src.As4(), f.Dst.As4()
	d = append(append(d, src[:]...), dst[:]...)
	d = be.AppendUint32(d, 0) // next hop
	d = be.AppendUint16(be.AppendUint16(d, uint16(f.in)), uint16(f.out))
	d = be.AppendUint32(be.AppendUint32(d, uint32(f.packets)), uint32(f.bytes))
	d = be.AppendUint32(be.AppendUint32(d, e.uptime(f.Start)), e.uptime(f.End))
	return be.AppendUint16(be.AppendUint16(d, f.SrcPort), f.DstPort)
}

// fixedRecord appends what v5, v6 and v7 have alike: 46 octets.
func (e *Exporter) fixedRecord(d []byte, f *sampled) []byte {
	be := binary.BigEndian
	d = append(e.fixedStart(d, f), 0, f.Flags, f.Proto, f.TOS)
	d = be.AppendUint16(be.AppendUint16(d, as16(f.SrcAS)), as16(f.DstAS))
	return append(d, 24, 24)
}

// systems appends a record of v8's scheme 1: what one autonomous system sent to
// another.
func (e *Exporter) systems(d []byte, f *sampled) []byte {
	be := binary.BigEndian
	d = be.AppendUint32(be.AppendUint32(be.AppendUint32(d, 1), uint32(f.packets)), uint32(f.bytes))
	d = be.AppendUint32(be.AppendUint32(d, e.uptime(f.Start)), e.uptime(f.End))
	d = be.AppendUint16(be.AppendUint16(d, as16(f.SrcAS)), as16(f.DstAS))
	return be.AppendUint16(be.AppendUint16(d, uint16(f.in)), uint16(f.out))
}

// as16 is an AS number where there are 16 bits for it: AS_TRANS (RFC 6793) for
// one that has more.
func as16(as uint32) uint16 {
	if as > 0xffff {
		return 23456
	}
	return uint16(as)
}
