package flowtest

import "encoding/binary"

// SFlow returns an sFlow v5 datagram of n flow samples as a router sends them:
// the first 128 octets of a frame with IPv4, VLANs (extended_switch), the next
// hop and prefix lengths (extended_router), and the way to the destination in
// BGP (extended_gateway).
func (m *Maker) SFlow(n int) []byte {
	d := words(nil, 5, 1, 0x0a000001, 0, m.rnd.Uint32(), Uptime, uint32(n))
	for range n {
		in, out := 1+m.rnd.Uint32N(48), 1+m.rnd.Uint32N(48)
		s := words(nil, m.rnd.Uint32(), in, 1000, m.rnd.Uint32(), 0, in, out, 4)
		s = record(s, 1, append(words(nil, 1, 1518, 4, 128), m.frame(128)...))
		s = record(s, 1001, words(nil, 1+m.rnd.Uint32N(4000), 0, 1+m.rnd.Uint32N(4000), 0))
		s = record(s, 1002, words(nil, 1, m.word(10), 24, 16))
		s = record(s, 1003, m.gateway())
		d = record(d, 1, s)
	}
	return d
}

// frame returns the first n octets of an Ethernet frame with IPv4.
func (m *Maker) frame(n int) []byte {
	d := make([]byte, n)
	for i := range d {
		d[i] = byte(m.rnd.Uint32())
	}
	copy(d[12:], []byte{0x08, 0x00, 0x45, 0})
	binary.BigEndian.PutUint16(d[16:], 1500)
	binary.BigEndian.PutUint16(d[20:], 1<<14) // don't fragment
	d[22], d[23] = 64, m.proto()
	copy(d[26:], m.addr(10))
	copy(d[30:], m.addr(172))
	return d
}

func (m *Maker) gateway() []byte {
	d := words(nil, 1, m.word(192), 64496, 64497+m.rnd.Uint32N(100), 64497+m.rnd.Uint32N(100))
	path := 1 + m.rnd.Uint32N(5)
	d = words(d, 1, 2, path)
	for range path {
		d = words(d, 64497+m.rnd.Uint32N(1000))
	}
	communities := m.rnd.Uint32N(4)
	d = words(d, communities)
	for range communities {
		d = words(d, 64496<<16|m.rnd.Uint32N(1000))
	}
	return words(d, 100)
}

func (m *Maker) word(first byte) uint32 { return binary.BigEndian.Uint32(m.addr(first)) }

// record appends a record or a sample with its format and length.
func record(d []byte, format uint32, v []byte) []byte {
	return append(words(d, format, uint32(len(v))), v...)
}

func words(d []byte, v ...uint32) []byte {
	for _, x := range v {
		d = binary.BigEndian.AppendUint32(d, x)
	}
	return d
}
