package flowtest

import "encoding/binary"

// V5 returns a NetFlow v5 export packet of n records.
func (m *Maker) V5(n int) []byte { return m.Fixed(5, n) }

// Fixed returns an export packet of NetFlow v1, v5, v6 or v7 with n records. They
// differ in the length of the header and in what stands behind the first 36
// octets of a record.
func (m *Maker) Fixed(version uint16, n int) []byte {
	header, record := 24, 48
	switch version {
	case 1:
		header = 16
	case 6, 7:
		record = 52
	}
	d := m.fixedHeader(version, header, n)
	if version == 5 {
		binary.BigEndian.PutUint16(d[22:], 1<<14|100)
	}
	for range n {
		r := make([]byte, record)
		for i := range r {
			r[i] = byte(m.rnd.Uint32())
		}
		copy(r, m.addr(10))
		copy(r[4:], m.addr(172))
		start := uint32(Uptime - 60_000 - m.rnd.IntN(240_000))
		binary.BigEndian.PutUint32(r[24:], start)
		binary.BigEndian.PutUint32(r[28:], start+uint32(m.rnd.IntN(60_000)))
		r[38] = m.proto()
		d = append(d, r...)
	}
	return d
}

// fixedHeader returns the header of NetFlow v1 to v8, of n octets.
func (m *Maker) fixedHeader(version uint16, n, records int) []byte {
	d := make([]byte, n)
	binary.BigEndian.PutUint16(d, version)
	binary.BigEndian.PutUint16(d[2:], uint16(records))
	binary.BigEndian.PutUint32(d[4:], Uptime)
	binary.BigEndian.PutUint32(d[8:], Export)
	return d
}

// prefixPortTOS are the fields of NetFlow v8's scheme 14: flows, packets,
// octets, first, last, prefixes and their lengths, class of service, protocol,
// ports, interfaces.
var prefixPortTOS = []Field{
	{0, 3, 4}, {0, 2, 4}, {0, 1, 4}, {0, 22, 4}, {0, 21, 4}, {0, 8, 4}, {0, 12, 4}, {0, 13, 1}, {0, 9, 1},
	{0, 5, 1}, {0, 4, 1}, {0, 7, 2}, {0, 11, 2}, {0, 10, 2}, {0, 14, 2},
}

// V8 returns a NetFlow v8 export packet of n records, aggregated by prefixes,
// ports and class of service.
func (m *Maker) V8(n int) []byte {
	d := m.fixedHeader(8, 28, n)
	d[22], d[23] = 14, 2
	return append(d, m.Data(0, n, prefixPortTOS)[4:]...)
}
