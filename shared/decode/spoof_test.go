package decode

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// spoofed returns an address and port that no other i has.
func spoofed(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(i>>4|1))
}

// heap returns the octets in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Whatever spoofed exporters announce, the memory of it stays within the limit,
// and who delivered before still decodes.
func TestSpoofedTemplates(t *testing.T) {
	wide := make([]flowtest.Field, 1000)
	for i := range wide {
		wide[i] = flowtest.F(0, uint16(20000+i), 1)
	}
	both := append(append([]flowtest.Field{}, flowtest.TwentyIPFIX...), flowtest.F(29305, 1, 8), flowtest.F(29305, 2, 8))
	m := flowtest.New(1)
	v9, ipfix := flowtest.Template(9, 300, flowtest.Twenty), flowtest.Template(10, 300, flowtest.TwentyIPFIX)
	many := make([][]byte, 30)
	for i := range many {
		many[i] = flowtest.Template(10, uint16(256+i), flowtest.TwentyIPFIX)
	}
	rates := []flowtest.Field{flowtest.F(0, 302, 4), flowtest.F(0, 34, 4)}
	said := make([]byte, 8*100)
	for i := range 100 {
		binary.BigEndian.PutUint32(said[8*i:], uint32(i))
		binary.BigEndian.PutUint32(said[8*i+4:], 1000)
	}
	named := []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 82, 4)}
	common := []flowtest.Field{flowtest.F(0, 137, 8), flowtest.F(0, 8, 4)}
	var ids []byte
	for i := range uint64(60) {
		ids = append(ids, join(be(i+1, 8), be(i, 4))...)
	}
	list := []flowtest.Field{flowtest.F(0, 292, 0xffff)} // subTemplateList
	lists := flowtest.Set(301, join([]byte{4, 3, 1, 44, 0}, []byte{4, 3, 1, 44, 0}))
	for _, shape := range []struct {
		name     string
		n        int
		datagram []byte
	}{
		{"v9", 100_000, flowtest.Packet(9, 1, v9)},
		{"one field", 40_000, flowtest.Packet(9, 1, flowtest.Template(9, 300, flowtest.Twenty[:1]))},
		{"many templates", 4000, flowtest.Packet(10, 1, many...)},
		{"1,000 fields", 2000, flowtest.Packet(10, 1, flowtest.Template(10, 300, wide))},
		{"1,000 fields with data", 1000, flowtest.Packet(10, 1, flowtest.Template(10, 300, wide), m.Data(300, 1, wide))},
		{"with data", 20_000, flowtest.Packet(9, 1, v9, m.Data(300, 1, flowtest.Twenty))},
		{"both directions with data", 20_000, flowtest.Packet(10, 1, flowtest.Template(10, 300, both), m.Data(300, 1, both))},
		{"withdrawn", 20_000, flowtest.Packet(10, 1, ipfix, flowtest.Set(2, []byte{1, 44, 0, 0}))},
		{"sampling rates", 10_000, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 400, 1, rates), flowtest.Set(400, said))},
		{"names", 10_000, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 400, 1, named), flowtest.Set(400, said))},
		{"common properties", 2000, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 400, 1, common), flowtest.Set(400, ids))},
		{"lists", 20_000, flowtest.Packet(10, 1, ipfix, flowtest.Template(10, 301, list), lists)},
	} {
		t.Run(shape.name, func(t *testing.T) {
			const limit = 8 << 20
			d := New(template.NewStore(template.Limits{Octets: limit - limit/8, Waiting: limit / 8}))
			var b flow.Batch
			data := flowtest.Packet(9, 1, m.Data(260, 2, flowtest.Twenty))
			honest := func(i int) netip.AddrPort {
				return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 2055)
			}
			for i := range 20 {
				d.Decode(&b, Datagram{From: honest(i), Time: at, Data: flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty))})
				d.Decode(&b, Datagram{From: honest(i), Time: at, Data: data})
			}
			d.Decode(&b, Datagram{From: spoofed(0), Time: at, Data: shape.datagram}) // the batch grows
			before := heap()
			for i := range shape.n {
				b.Reset()
				d.Decode(&b, Datagram{From: spoofed(i), Time: at + int64(i)*1e3, Data: shape.datagram})
			}
			if grown := heap() - before; grown > limit {
				t.Errorf("%d octets more, the limit is %d", grown, limit)
			} else {
				t.Logf("%d octets more, %d sessions", grown, d.store.Len())
			}
			for i := range 20 {
				b.Reset()
				if err := d.Decode(&b, Datagram{From: honest(i), Time: at + 300e9, Data: data}); err != nil || len(b.Flows) != 2 {
					t.Fatalf("honest exporter %d: %d flows, %v", i, len(b.Flows), err)
				}
			}
		})
	}
}

// Sessions are bounded too, and who is let go of is one that never delivered.
func TestSpoofedSessions(t *testing.T) {
	d := New(template.NewStore(template.Limits{Sessions: 100}))
	var b flow.Batch
	tmpl := flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty))
	decodeAll(t, d, &b, tmpl, flowtest.Packet(9, 1, flowtest.New(1).Data(260, 2, flowtest.Twenty)))
	for i := range 5000 {
		if err := d.Decode(&b, Datagram{From: spoofed(i), Time: at, Data: tmpl}); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.store.Len(); n != 100 {
		t.Errorf("%d sessions, want 100", n)
	}
	if d.store.Lookup(template.Key{From: flowtest.From, Version: 9}) == nil {
		t.Error("who delivered is gone")
	}
}

// 28 octets cost no more than 4 KiB, what is garbage at once included: on the
// average over as many exporters, since tables grow by leaps.
func TestCostOf28Octets(t *testing.T) {
	var all [][]byte
	for _, n := range []uint16{1, 4, 255, 256, 60000, 0xffff} {
		for _, id := range []uint16{1, 8, 27, 82, 232, 291, 20000} {
			all = append(all, flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, id, n)})))
		}
	}
	all = append(all,
		flowtest.Packet(10, 1, flowtest.Set(300, make([]byte, 8))),
		flowtest.Packet(10, 1, flowtest.Set(300, []byte{7, 1, 2, 3, 4, 5, 6, 7})),
		flowtest.Packet(10, 1, flowtest.Set(2, []byte{1, 44, 0xff, 0xff, 0, 1, 0, 4})),
		flowtest.Packet(9, 1, flowtest.Set(0, []byte{1, 44, 0xff, 0xff})),
		flowtest.Packet(9, 1, flowtest.Set(300, make([]byte, 4))),
		append([]byte{0, 5, 0xff, 0xff}, make([]byte, 24)...),
		append([]byte{0, 8, 0xff, 0xff}, make([]byte, 24)...),
		append([]byte{0, 0, 0, 5, 0, 0, 0, 1}, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff))
	for _, first := range all {
		for _, second := range all {
			if len(first) > 28 || len(second) > 28 {
				t.Fatalf("%d and %d octets", len(first), len(second))
			}
			d := newDecoder()
			var b flow.Batch
			var before, after runtime.MemStats
			const n = 20
			runtime.ReadMemStats(&before)
			for i := range n {
				for _, data := range [][]byte{first, second} {
					b.Reset()
					d.Decode(&b, Datagram{From: spoofed(i), Time: at, Data: data})
				}
			}
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) / (2 * n); got > 4096 {
				t.Errorf("%x and %x cost %d octets each", first, second, got)
			}
		}
	}
}
