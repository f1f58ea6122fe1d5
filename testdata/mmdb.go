package testdata

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// MMDB returns a database in MaxMind's format (MaxMind DB File Format
// Specification 2.0) of IPv6 with records of 32 bits, IPv4 in its first 96 zero
// bits. A record is a map of values by prefix: string, uint32, bool or such a map.
func MMDB(records map[string]map[string]any) []byte {
	const none = math.MaxUint32
	type node [2]uint32
	nodes := []node{{none, none}}
	data := map[int]uint32{} // where a leaf's record is, by leaf number
	var section []byte
	leaves := uint32(0)
	for text, record := range records {
		p := netip.MustParsePrefix(text)
		a, bits := p.Addr().As16(), p.Bits()
		if p.Addr().Is4() {
			a = [16]byte{}
			four := p.Addr().As4()
			copy(a[12:], four[:])
			bits += 96
		}
		data[int(leaves)] = uint32(len(section))
		section = appendMap(section, record)
		at := uint32(0)
		for i := range bits {
			bit := a[i/8] >> (7 - i%8) & 1
			if i == bits-1 {
				nodes[at][bit] = none - 1 - leaves
				break
			}
			if nodes[at][bit] == none {
				nodes[at][bit] = uint32(len(nodes))
				nodes = append(nodes, node{none, none})
			}
			at = nodes[at][bit]
		}
		leaves++
	}
	var out []byte
	for _, n := range nodes {
		for _, x := range n {
			switch {
			case x == none:
				x = uint32(len(nodes))
			case x >= none-leaves:
				x = uint32(len(nodes)) + 16 + data[int(none-1-x)]
			}
			out = binary.BigEndian.AppendUint32(out, x)
		}
	}
	out = append(append(out, make([]byte, 16)...), section...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	return appendMap(out, map[string]any{
		"node_count": uint32(len(nodes)), "record_size": uint16(32), "ip_version": uint16(6), "database_type": "test",
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1),
	})
}

func appendMap(dst []byte, m map[string]any) []byte {
	dst = append(dst, 7<<5|byte(len(m)))
	for k, v := range m {
		dst = appendValue(appendValue(dst, k), v)
	}
	return dst
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string: // below 29 octets
		return append(append(dst, 2<<5|byte(len(v))), v...)
	case uint16:
		return binary.BigEndian.AppendUint16(append(dst, 5<<5|2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(append(dst, 6<<5|4), v)
	case uint64: // extended: type 9
		return binary.BigEndian.AppendUint64(append(dst, 8, 9-7), v)
	case bool: // extended: type 14, its size is the value
		if v {
			return append(dst, 1, 14-7)
		}
		return append(dst, 0, 14-7)
	}
	return appendMap(dst, v.(map[string]any))
}
