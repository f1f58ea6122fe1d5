package decode

import (
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// What other decoders get wrong, where no other test here shows it.

// 28 octets that claim a template of 65,535 fields: goflow2 makes room for them
// all, 787 KB, before it looks at what is there.
func TestClaimedFields(t *testing.T) {
	for _, data := range [][]byte{
		flowtest.Packet(9, 1, flowtest.Set(0, []byte{1, 0, 0xff, 0xff})),
		flowtest.Packet(10, 1, flowtest.Set(2, []byte{1, 0, 0xff, 0xff, 0, 8, 0, 4})),
		flowtest.Packet(10, 1, flowtest.Set(3, []byte{1, 0, 0xff, 0xff, 0xff, 0xff})),
	} {
		d := newDecoder()
		var b flow.Batch
		dg := Datagram{From: flowtest.From, Time: at, Data: data}
		allocs := testing.AllocsPerRun(10, func() { _ = d.Decode(&b, dg) })
		if n := d.Stats.Faults[ErrTemplate]; n != 11 || allocs != 0 || cap(d.tmpl.Fields) > 0 || d.store.Len() != 0 {
			t.Errorf("%x: refused %d times of 11, %v allocations, room for %d fields, %d sessions", data, n, allocs, cap(d.tmpl.Fields), d.store.Len())
		}
	}
}

// A template whose records have no octets would make them without an end
// (goflow2; netflow_parser 56). Its data waits, and ends with the datagram.
func TestRecordsOfNoOctets(t *testing.T) {
	for _, version := range []uint16{9, 10} {
		for _, fields := range [][]flowtest.Field{{flowtest.F(0, 8, 0)}, {flowtest.F(0, 8, 0), flowtest.F(0, 12, 0)}} {
			wants(t, "", map[Fault]uint64{ErrTemplate: 2, ErrNoTemplate: 1}, flowtest.Packet(version, 1,
				flowtest.Template(version, 256, fields), flowtest.OptionsTemplate(version, 256, 1, fields), flowtest.Set(256, host1)))
		}
	}
}

// Times of no octets, in a record that has others (telegraf 14370 crashed).
func TestTimesOfNoOctets(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4)}
	for _, id := range []uint16{21, 22, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162} {
		fields = append(fields, flowtest.F(0, id, 0))
	}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 256, fields), flowtest.Set(256, host1)))
	if f := &b.Flows[0]; f.Set.Has(flow.FieldStart) || f.Set.Has(flow.FieldEnd) || f.HasExtra() || f.SrcAddr.String() != "192.0.2.1" {
		t.Errorf("%+v", f)
	}
}

// A scope of an enterprise: its bit is none of the element's number (RFC 7011
// §3.2; goflow2 leaves it there, in options alone).
func TestEnterpriseScope(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(9, 4242, 2), flowtest.F(0, 34, 4)}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 256, 1, fields), flowtest.Set(256, join(be(7, 2), be(100, 4)))))
	if len(b.Options) != 1 || b.Options[0].Scopes != 1 {
		t.Fatalf("%+v", b.Options)
	}
	for e, v := range b.Fields(&b.Options[0]) {
		if e != (flow.Element{PEN: 9, ID: 4242}) || string(v) != "\x00\x07" {
			t.Errorf("scope %+v is %x", e, v)
		}
		break
	}
}

// A flow of no duration stays one: it is not given a millisecond, by which its
// rate would be wrong (nfdump 166).
func TestNoDuration(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 152, 8), flowtest.F(0, 153, 8)}
	now := be(flowtest.Export*1000, 8)
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 256, fields), flowtest.Set(256, join(now, now))))
	if f := &b.Flows[0]; f.Start != at || f.End != at || f.Marks != 0 {
		t.Errorf("%d to %d, marks %b", f.Start, f.End, f.Marks)
	}
}
