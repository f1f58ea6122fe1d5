// Package flowtest makes export packets for tests and benchmarks: seeded, with
// the fields that routers send, and with values whose meaning the caller can
// check.
package flowtest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/weirflow/weir/shared/ie"
)

// From is where the packets claim to come from.
var From = netip.MustParseAddrPort("192.0.2.1:40000")

// Export is the export time in the packets' headers, Unix seconds, and Uptime
// the exporter's uptime then, in milliseconds.
const (
	Export = 1_795_305_600
	Uptime = 86_400_000
)

// A Field is a field specifier: an element and its octets (0xffff: variable).
type Field struct {
	PEN     uint32
	ID, Len uint16
}

// F is the Field of an element and its octets.
func F(pen uint32, id, n uint16) Field { return Field{pen, id, n} }

// Twenty are the 20 fields of a usual router's template in NetFlow v9: 32-bit
// counters, times in uptime.
var Twenty = []Field{
	{0, 8, 4}, {0, 12, 4}, {0, 15, 4}, {0, 10, 4}, {0, 14, 4}, {0, 2, 4}, {0, 1, 4}, {0, 22, 4}, {0, 21, 4},
	{0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 4, 1}, {0, 5, 1}, {0, 16, 4}, {0, 17, 4}, {0, 9, 1}, {0, 13, 1},
	{0, 61, 1}, {0, 48, 1},
}

// TwentyIPFIX are the same in IPFIX: 64-bit counters, times in milliseconds.
var TwentyIPFIX = []Field{
	{0, 8, 4}, {0, 12, 4}, {0, 15, 4}, {0, 10, 4}, {0, 14, 4}, {0, 2, 8}, {0, 1, 8}, {0, 152, 8}, {0, 153, 8},
	{0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 4, 1}, {0, 5, 1}, {0, 16, 4}, {0, 17, 4}, {0, 9, 1}, {0, 13, 1},
	{0, 61, 1}, {0, 48, 1},
}

// Named are TwentyIPFIX with an application's name of variable length.
var Named = append(append([]Field{}, TwentyIPFIX...), Field{0, 96, 0xffff})

// Biflow are TwentyIPFIX with octets, packets and TCP flags of the other
// direction (RFC 5103): each record makes two flows.
var Biflow = append(append([]Field{}, TwentyIPFIX...), Field{ie.ReversePEN, 2, 8}, Field{ie.ReversePEN, 1, 8}, Field{ie.ReversePEN, 6, 1})

var names = []string{"https", "dns", "ssh", "bittorrent", "microsoft-teams", "google-services", "ntp", "smtp"}

// A Maker writes packets. The zero value is not ready: use New.
type Maker struct{ rnd *rand.Rand }

// New makes a Maker whose values follow from seed.
func New(seed uint64) *Maker { return &Maker{rand.New(rand.NewPCG(seed, 1))} }

func (m *Maker) addr(first byte) []byte {
	return []byte{first, byte(m.rnd.IntN(4)), byte(m.rnd.Uint32()), byte(m.rnd.Uint32())}
}

func (m *Maker) proto() byte { return []byte{6, 6, 6, 17, 17, 1}[m.rnd.IntN(6)] }

// Header returns the header of a v9 or IPFIX packet for a content of n octets.
func Header(version uint16, domain uint32, n int) []byte {
	if version == 9 {
		d := make([]byte, 20)
		binary.BigEndian.PutUint16(d, 9)
		binary.BigEndian.PutUint32(d[4:], Uptime)
		binary.BigEndian.PutUint32(d[8:], Export)
		binary.BigEndian.PutUint32(d[16:], domain)
		return d
	}
	d := make([]byte, 16)
	binary.BigEndian.PutUint16(d, 10)
	binary.BigEndian.PutUint16(d[2:], uint16(16+n))
	binary.BigEndian.PutUint32(d[4:], Export)
	binary.BigEndian.PutUint32(d[12:], domain)
	return d
}

// Packet puts sets behind a header. The v9 header counts them as one record
// each.
func Packet(version uint16, domain uint32, sets ...[]byte) []byte {
	n := 0
	for _, s := range sets {
		n += len(s)
	}
	d := Header(version, domain, n)
	if version == 9 {
		binary.BigEndian.PutUint16(d[2:], uint16(len(sets)))
	}
	for _, s := range sets {
		d = append(d, s...)
	}
	return d
}

// Set puts content behind a set header.
func Set(id uint16, content []byte) []byte {
	d := binary.BigEndian.AppendUint16(nil, id)
	d = binary.BigEndian.AppendUint16(d, uint16(4+len(content)))
	return append(d, content...)
}

// Template returns a template set with one template.
func Template(version, id uint16, fields []Field) []byte {
	d := binary.BigEndian.AppendUint16(nil, id)
	d = binary.BigEndian.AppendUint16(d, uint16(len(fields)))
	d = append(d, specifiers(fields)...)
	if version == 9 {
		return Set(0, d)
	}
	return Set(2, d)
}

// OptionsTemplate returns an options template set with one template whose first
// fields are scopes.
func OptionsTemplate(version, id uint16, scopes int, fields []Field) []byte {
	d := binary.BigEndian.AppendUint16(nil, id)
	if version == 9 {
		d = binary.BigEndian.AppendUint16(d, uint16(4*scopes))
		d = binary.BigEndian.AppendUint16(d, uint16(4*(len(fields)-scopes)))
		return Set(1, append(d, specifiers(fields)...))
	}
	d = binary.BigEndian.AppendUint16(d, uint16(len(fields)))
	d = binary.BigEndian.AppendUint16(d, uint16(scopes))
	return Set(3, append(d, specifiers(fields)...))
}

func specifiers(fields []Field) (d []byte) {
	for _, f := range fields {
		id := f.ID
		if f.PEN != 0 {
			id |= 0x8000
		}
		d = binary.BigEndian.AppendUint16(d, id)
		d = binary.BigEndian.AppendUint16(d, f.Len)
		if f.PEN != 0 {
			d = binary.BigEndian.AppendUint32(d, f.PEN)
		}
	}
	return d
}

// Data returns a data set of n records with random values of the fields.
func (m *Maker) Data(id uint16, n int, fields []Field) []byte {
	var d []byte
	for range n {
		start := uint32(60_000 + m.rnd.IntN(240_000)) // before the export, ms
		end := start - uint32(m.rnd.IntN(60_000))
		for _, f := range fields {
			d = m.value(d, f, start, end)
		}
	}
	return Set(id, d)
}

func (m *Maker) value(d []byte, f Field, start, end uint32) []byte {
	if f.Len == 0xffff && f.PEN == 0 && (f.ID == 291 || f.ID == 292) {
		return m.list(d, f.ID)
	}
	if f.Len == 0xffff {
		s := names[m.rnd.IntN(len(names))]
		return append(append(d, byte(len(s))), s...)
	}
	v := make([]byte, f.Len)
	put := func(x uint64) {
		for i := len(v) - 1; i >= 0; i-- {
			v[i] = byte(x)
			x >>= 8
		}
	}
	switch {
	case f.PEN != 0:
		put(m.rnd.Uint64())
	case f.ID == 8 || f.ID == 12:
		copy(v, m.addr(byte(2+f.ID)))
	case f.ID == 22:
		put(uint64(Uptime - start))
	case f.ID == 21:
		put(uint64(Uptime - end))
	case f.ID == 152:
		put(Export*1000 - uint64(start))
	case f.ID == 153:
		put(Export*1000 - uint64(end))
	case f.ID == 1 || f.ID == 2:
		put(uint64(m.rnd.Uint32N(1 << 20)))
	case f.ID == 10 || f.ID == 14:
		put(uint64(m.rnd.IntN(48)))
	case f.ID == 16 || f.ID == 17:
		put(64496 + uint64(m.rnd.Uint32N(100)))
	case f.ID == 9 || f.ID == 13:
		put(24)
	case f.ID == 61:
		put(uint64(m.rnd.IntN(2)))
	case f.ID == 48:
		put(1)
	case f.ID == 4:
		put(uint64(m.proto()))
	default:
		for i := range v {
			v[i] = byte(m.rnd.Uint32())
		}
	}
	return append(d, v...)
}
