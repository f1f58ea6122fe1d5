package decode

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// Random templates over all elements, odd lengths included, against the slow
// decoder.
func TestRandomTemplates(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		version := []uint16{9, 10}[rnd.IntN(2)]
		fields := make([]flowtest.Field, 1+rnd.IntN(24))
		for i := range fields {
			f := &fields[i]
			f.ID = uint16(1 + rnd.IntN(400))
			switch f.ID {
			case 34, 50, 305, 306, 309, 310, 311: // rates: 0 is unknown, and derived ones
				f.ID = 4
			case 149, 130, 131, 232, 299: // the last two make a second flow
				f.ID = 7
			case 291, 292, 293, 85, 86: // TestRandomLists, TestTotals
				f.ID = 1
			case 27, 28, 29, 30, 62, 63, 139, 281, 282: // may stand in for IPv4's
				f.ID = 1
			}
			f.Len = []uint16{1, 1, 2, 2, 4, 4, 4, 8, 8, 16, 3, 5, 6, 0}[rnd.IntN(14)]
			if version == 10 {
				if rnd.IntN(8) == 0 {
					f.Len = 0xffff
				}
				if rnd.IntN(6) == 0 {
					f.PEN = 9
				}
			}
		}
		size := 0
		for _, f := range fields {
			size += int(f.Len)
		}
		if size == 0 {
			continue
		}
		set := flowtest.New(seed).Data(256, 1+rnd.IntN(5), fields)
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, flowtest.Packet(version, 1, flowtest.Template(version, 256, fields), set))
		sameAsSlow(t, &b, uint8(version), fields, set[4:])
		if t.Failed() {
			t.Fatalf("seed %d, version %d, fields %v", seed, version, fields)
		}
	}
}

func FuzzDecode(f *testing.F) {
	m := flowtest.New(1)
	f.Add(m.V5(3), []byte{})
	f.Add(packetV1(2), packetV6(2))
	f.Add(packetV7(2), packetV8(6, 2))
	for i := range schemes[1:] {
		f.Add(packetV8(byte(1+i), 3), []byte{})
	}
	f.Add(flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty)), flowtest.Packet(9, 1, m.Data(260, 2, flowtest.Twenty)))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.Named)), flowtest.Packet(10, 1, m.Data(260, 2, flowtest.Named)))
	f.Add(flowtest.Packet(9, 1, flowtest.OptionsTemplate(9, 261, 1, flowtest.Twenty[:4])), flowtest.Packet(9, 1, m.Data(261, 2, flowtest.Twenty[:4])))
	f.Add(flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 261, 1, flowtest.Named)), flowtest.Packet(10, 1, m.Data(261, 2, flowtest.Named)))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 300, listFields), flowtest.Template(10, 301, innerFields)),
		flowtest.Packet(10, 1, flowtest.Set(300, listRecord(rand.New(rand.NewPCG(1, 1)), nil))))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 300, totalFields)), flowtest.Packet(10, 1, flowtest.Set(300, join(total(1, 100, 1, 60, 2), total(1, 250, 3, 60, 2)))))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, 315, 0xffff), flowtest.F(0, 410, 1)}),
		flowtest.OptionsTemplate(10, 301, 1, []flowtest.Field{flowtest.F(0, 137, 4), flowtest.F(0, 96, 0xffff)}), flowtest.Template(10, 302, []flowtest.Field{flowtest.F(0, 137, 4)})),
		flowtest.Packet(10, 1, flowtest.Set(300, join(sized(sectionFrame), []byte{60})), flowtest.Set(301, join(be(1, 4), sized([]byte("web")))), flowtest.Set(302, be(1, 4))))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		run := func() (*flow.Batch, Stats) {
			d := newDecoder()
			var b flow.Batch
			for _, data := range [][]byte{first, second, first} {
				d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
			}
			return &b, d.Stats
		}
		b, stats := run()
		again, statsAgain := run()
		if stats != statsAgain || !reflect.DeepEqual(b.Flows, again.Flows) || !reflect.DeepEqual(b.Options, again.Options) {
			t.Fatal("decoding twice gives two results")
		}
		if uint64(len(b.Flows)) != stats.Flows || uint64(len(b.Options)) != stats.Options {
			t.Fatalf("%d flows and %d options, counted %d and %d", len(b.Flows), len(b.Options), stats.Flows, stats.Options)
		}
		for i := range b.Flows {
			fl := &b.Flows[i]
			for x := range flow.Field(flow.NumFields) {
				if a := fl.Addr(x); !fl.Set.Has(x) && (a != nil && *a != (flow.Addr{}) || a == nil && fl.Uint(x) != 0) {
					t.Fatalf("%s is absent but not zero", flow.Fields[x].Name)
				}
			}
			for range b.Extra(fl) {
			}
		}
		for i := range b.Options {
			for range b.Fields(&b.Options[i]) {
			}
		}
	})
}
