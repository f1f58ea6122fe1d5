package decode

import (
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

func TestHead(t *testing.T) {
	m := flowtest.New(3)
	seq := func(d []byte, octet int) []byte { copy(d[octet:], be(0xfffffff0, 4)); return d }
	fields := []flowtest.Field{flowtest.F(0, 8, 4)}
	option := flowtest.OptionsTemplate(10, 301, 1, []flowtest.Field{flowtest.F(0, 149, 4), flowtest.F(0, 34, 4)})
	f := func(name string, data []byte, version uint8, units uint32, sequence, uncounted bool, records uint64) {
		t.Helper()
		d := newDecoder()
		var b flow.Batch
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
		h, ok := d.Head()
		want := Head{Header: h.Header, HasSequence: sequence, Units: units, Uncounted: uncounted}
		if name == "IPFIX" {
			want.Options = 1
		}
		if sequence {
			want.Sequence = 0xfffffff0
		}
		if !ok || h.Version != version || h != want || d.Stats.Records != records {
			t.Errorf("%s: %+v, %v, %d records; want %+v, %d", name, h, ok, d.Stats.Records, want, records)
		}
	}
	f("v1", packetV1(2), 1, 0, false, false, 2)
	f("v5", seq(m.V5(3), 16), 5, 3, true, false, 3)
	f("v7", seq(packetV7(2), 16), 7, 2, true, false, 2)
	f("v8", seq(packetV8(6, 4), 16), 8, 4, true, false, 4)
	f("v9", seq(flowtest.Packet(9, 1, flowtest.Template(9, 260, fields), m.Data(260, 5, fields)), 12), 9, 1, true, false, 5)
	f("IPFIX", seq(flowtest.Packet(10, 1, flowtest.Template(10, 260, fields), option, m.Data(260, 5, fields), flowtest.Set(301, join(be(1, 4), be(10, 4)))), 8),
		10, 6, true, false, 6)
	f("IPFIX without template", seq(flowtest.Packet(10, 1, flowtest.Template(10, 260, fields), m.Data(260, 5, fields), m.Data(261, 2, fields)), 8), 10, 5, true, true, 5)
	// What waited belongs to the message that it came in.
	f("IPFIX that waited", seq(flowtest.Packet(10, 1, m.Data(260, 2, fields), flowtest.Template(10, 260, fields), m.Data(260, 5, fields)), 8), 10, 5, true, true, 7)
	both := append(fields[:1:1], flowtest.F(0, 1, 4), flowtest.F(29305, 1, 4))
	f("a biflow", seq(flowtest.Packet(10, 1, flowtest.Template(10, 260, both), m.Data(260, 2, both)), 8), 10, 2, true, false, 2)
	f("sFlow", seq(m.SFlow(3), 16), 105, 1, true, false, 3)

	d := newDecoder()
	var b flow.Batch
	for _, data := range [][]byte{m.V5(1), {0, 9, 0, 0}, {0, 77, 0, 0}} {
		d.Decode(&b, Datagram{From: flowtest.From, Data: data})
		if _, ok := d.Head(); ok != (data[1] == 5) {
			t.Errorf("%x: head %v", data, ok)
		}
	}
}
