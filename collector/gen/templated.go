package gen

import (
	"encoding/binary"
	"time"
)

// Template ids: of IPv4, of IPv6, of options.
const (
	template4 = 256 + iota
	template6
	options
)

// A field is an element of a template, and how a record gets it.
type field struct {
	id, n uint16
	put   func(d []byte, e *Exporter, f *sampled) []byte
}

func number(n int, get func(f *sampled) uint64) func([]byte, *Exporter, *sampled) []byte {
	return func(d []byte, _ *Exporter, f *sampled) []byte {
		var v [8]byte
		binary.BigEndian.PutUint64(v[:], get(f))
		return append(d, v[8-n:]...)
	}
}

func f16(id uint16, get func(f *sampled) uint64) field { return field{id, 2, number(2, get)} }
func f8(id uint16, get func(f *sampled) uint64) field  { return field{id, 1, number(1, get)} }
func f32(id uint16, get func(f *sampled) uint64) field { return field{id, 4, number(4, get)} }
func f64(id uint16, get func(f *sampled) uint64) field { return field{id, 8, number(8, get)} }

// common are the fields behind the addresses.
var common = []field{
	f16(7, func(f *sampled) uint64 { return uint64(f.SrcPort) }),
	f16(11, func(f *sampled) uint64 { return uint64(f.DstPort) }),
	f8(4, func(f *sampled) uint64 { return uint64(f.Proto) }),
	f8(5, func(f *sampled) uint64 { return uint64(f.TOS) }),
	f8(6, func(f *sampled) uint64 { return uint64(f.Flags) }),
	f32(10, func(f *sampled) uint64 { return uint64(f.in) }),
	f32(14, func(f *sampled) uint64 { return uint64(f.out) }),
	f64(1, func(f *sampled) uint64 { return f.bytes }),
	f64(2, func(f *sampled) uint64 { return f.packets }),
	f32(16, func(f *sampled) uint64 { return uint64(f.SrcAS) }),
	f32(17, func(f *sampled) uint64 { return uint64(f.DstAS) }),
	f8(61, func(*sampled) uint64 { return 0 }),
	{48, 1, func(d []byte, e *Exporter, _ *sampled) []byte { return append(d, 1) }},
	f32(95, func(f *sampled) uint64 { return 3<<24 | uint64(f.App) }), // RFC 6759: engine 3, an IANA port
}

func source4(d []byte, _ *Exporter, f *sampled) []byte { a := f.Src.As4(); return append(d, a[:]...) }
func dest4(d []byte, _ *Exporter, f *sampled) []byte   { a := f.Dst.As4(); return append(d, a[:]...) }
func source6(d []byte, _ *Exporter, f *sampled) []byte { a := f.Src.As16(); return append(d, a[:]...) }
func dest6(d []byte, _ *Exporter, f *sampled) []byte   { a := f.Dst.As16(); return append(d, a[:]...) }

// Times: by uptime in NetFlow v9, in milliseconds in IPFIX.
var (
	times9 = []field{
		{22, 4, func(d []byte, e *Exporter, f *sampled) []byte {
			return binary.BigEndian.AppendUint32(d, e.uptime(f.Start))
		}},
		{21, 4, func(d []byte, e *Exporter, f *sampled) []byte {
			return binary.BigEndian.AppendUint32(d, e.uptime(f.End))
		}},
	}
	times10 = []field{
		f64(152, func(f *sampled) uint64 { return uint64(f.Start.UnixMilli()) }),
		f64(153, func(f *sampled) uint64 { return uint64(f.End.UnixMilli()) }),
	}
)

func layout(addresses, times []field) []field {
	return append(append(append([]field{}, addresses...), times...), common...)
}

var (
	four = []field{{8, 4, source4}, {12, 4, dest4}}
	six  = []field{{27, 16, source6}, {28, 16, dest6}}

	layouts = map[string][2][]field{
		"netflow9": {layout(four, times9), layout(six, times9)},
		"ipfix":    {layout(four, times10), layout(six, times10)},
	}
)

// A message is a datagram that grows.
type message struct {
	e       *Exporter
	now     time.Time
	d       []byte
	set     int // where the open set begins, 0: none is open
	id      uint16
	records int // data records
}

func (e *Exporter) version() uint16 {
	if e.Protocol == "ipfix" {
		return 10
	}
	return 9
}

// templated tells of flows in NetFlow v9 or IPFIX.
func (e *Exporter) templated(now time.Time, seen []sampled) {
	m := &message{e: e, now: now}
	if now.Sub(e.announced) >= Refresh {
		m.announce()
		e.announced = now
	}
	for i := range seen {
		f := &seen[i]
		id, fields := uint16(template4), layouts[e.Protocol][0]
		if !f.Src.Is4() {
			id, fields = template6, layouts[e.Protocol][1]
		}
		m.open(id, 120)
		for _, x := range fields {
			m.d = x.put(m.d, e, f)
		}
		m.records++
	}
	m.end()
}

// open opens the set id, in a new message where this has no room for so many
// octets more.
func (m *message) open(id uint16, room int) {
	if len(m.d)+room+8 > mtu {
		m.end()
	}
	if m.d == nil {
		m.header()
	}
	if m.set != 0 && m.id == id {
		return
	}
	m.close()
	m.set, m.id = len(m.d), id
	m.d = binary.BigEndian.AppendUint16(m.d, id)
	m.d = append(m.d, 0, 0)
}

func (m *message) header() {
	be := binary.BigEndian
	e := m.e
	m.d = make([]byte, 0, mtu)
	m.d = be.AppendUint16(m.d, e.version())
	m.d = append(m.d, 0, 0) // count, or length
	if e.version() == 9 {
		m.d = be.AppendUint32(m.d, e.uptime(m.now.Truncate(time.Second))) // the header's time has no fraction
	}
	m.d = be.AppendUint32(m.d, uint32(m.now.Unix()))
	m.d = be.AppendUint32(m.d, e.sequence)
	m.d = be.AppendUint32(m.d, e.Domain)
}

// close ends the open set, padded to 4 octets.
func (m *message) close() {
	if m.set == 0 {
		return
	}
	for (len(m.d)-m.set)%4 != 0 {
		m.d = append(m.d, 0)
	}
	binary.BigEndian.PutUint16(m.d[m.set+2:], uint16(len(m.d)-m.set))
	m.set = 0
}

// end sends the message.
func (m *message) end() {
	if m.d == nil {
		return
	}
	m.close()
	if m.e.version() == 10 {
		binary.BigEndian.PutUint16(m.d[2:], uint16(len(m.d)))
		m.e.sequence += uint32(m.records)
	} else {
		binary.BigEndian.PutUint16(m.d[2:], uint16(m.records))
		m.e.sequence++
	}
	m.e.dst = append(m.e.dst, m.d)
	m.d, m.records = nil, 0
}

// announce appends the templates, and the options that give the sampling rate.
func (m *message) announce() {
	be := binary.BigEndian
	e := m.e
	templates, optionsTemplates := uint16(0), uint16(1)
	if e.version() == 10 {
		templates, optionsTemplates = 2, 3
	}
	for i, fields := range layouts[e.Protocol] {
		m.open(templates, 8+4*len(fields))
		m.d = be.AppendUint16(be.AppendUint16(m.d, template4+uint16(i)), uint16(len(fields)))
		for _, f := range fields {
			m.d = be.AppendUint16(be.AppendUint16(m.d, f.id), f.n)
		}
		m.records += 1
	}
	m.open(optionsTemplates, 40)
	m.d = be.AppendUint16(m.d, options)
	if e.version() == 9 { // lengths in octets; scope 1 is the system
		m.d = be.AppendUint16(be.AppendUint16(m.d, 4), 8)
		m.d = be.AppendUint16(be.AppendUint16(m.d, 1), 4)
	} else { // scope 149 is the domain
		m.d = be.AppendUint16(be.AppendUint16(m.d, 3), 1)
		m.d = be.AppendUint16(be.AppendUint16(m.d, 149), 4)
	}
	m.d = be.AppendUint16(be.AppendUint16(m.d, 48), 1)
	m.d = be.AppendUint16(be.AppendUint16(m.d, 34), 4)
	if e.version() == 10 {
		m.records = 0 // templates are none
	}
	m.open(options, 16)
	m.d = be.AppendUint32(m.d, e.Domain)
	m.d = append(m.d, 1)
	m.d = be.AppendUint32(m.d, e.Sampling)
	m.records++
}
