package decode

import (
	"fmt"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/ie"
)

func told(b *flow.Batch) (all []string) {
	for i := range b.Flows {
		f := &b.Flows[i]
		extras := 0
		for range b.Extra(f) {
			extras++
		}
		all = append(all, fmt.Sprint(f.SrcAddr, ":", f.SrcPort, ">", f.DstAddr, ":", f.DstPort, " ", f.Proto, " ", f.Bytes, "/", f.Packets,
			" flags ", f.TCPFlags, f.Set.Has(flow.FieldTCPFlags), " if ", f.InIf, ">", f.OutIf, " ", f.Marks, " extras ", extras))
	}
	return all
}

func TestBiflow(t *testing.T) {
	r := uint32(ie.ReversePEN)
	fields := []flowtest.Field{
		flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 7, 2), flowtest.F(0, 11, 2), flowtest.F(0, 4, 1), flowtest.F(0, 10, 2), flowtest.F(0, 14, 2),
		flowtest.F(0, 1, 8), flowtest.F(0, 2, 4), flowtest.F(0, 6, 1),
		flowtest.F(r, 1, 8), flowtest.F(r, 2, 4), flowtest.F(r, 6, 1), flowtest.F(r, 20000, 2), flowtest.F(9, 77, 2),
	}
	rec := func(back uint64) []byte {
		return join([]byte{10, 0, 0, 1, 10, 0, 0, 2}, be(1000, 2), be(443, 2), []byte{6}, be(3, 2), be(4, 2),
			be(500, 8), be(5, 4), []byte{2}, be(100*back, 8), be(back, 4), []byte{18}, be(7, 2), be(8, 2))
	}
	for _, variable := range []bool{false, true} {
		f, data := fields, join(rec(9), rec(0))
		if variable {
			f = append(f[:len(f):len(f)], flowtest.F(0, 96, 0xffff))
			data = join(rec(9), []byte("\x03web"), rec(0), []byte{0})
		}
		var b flow.Batch
		d := newDecoder()
		decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, f), flowtest.Set(300, data)))
		want := []string{
			"10.0.0.1:1000>10.0.0.2:443 6 500/5 flags 2 true if 3>4 0 extras 1",
			"10.0.0.1:1000>10.0.0.2:443 6 500/5 flags 2 true if 3>4 0 extras 1",
			"10.0.0.2:443>10.0.0.1:1000 6 900/9 flags 18 true if 4>3 1 extras 1",
		}
		if got := told(&b); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if d.Stats.Flows != 3 {
			t.Errorf("counted %d flows", d.Stats.Flows)
		}
		if variable && (string(b.Strings.Get(b.Flows[2].AppName)) != "web" || string(b.Strings.Get(b.Flows[0].AppName)) != "web") {
			t.Errorf("the application belongs to both")
		}
	}
}

// Cisco's and others' connections: initiator and responder.
func TestInitiatorAndResponder(t *testing.T) {
	fields := []flowtest.Field{
		flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 7, 2), flowtest.F(0, 11, 2), flowtest.F(0, 4, 1),
		flowtest.F(0, 231, 4), flowtest.F(0, 232, 4), flowtest.F(0, 298, 4), flowtest.F(0, 299, 4),
	}
	data := join([]byte{10, 0, 0, 1, 10, 0, 0, 2}, be(1000, 2), be(443, 2), []byte{6}, be(500, 4), be(900, 4), be(5, 4), be(9, 4))
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields), flowtest.Set(300, data)))
	want := []string{
		"10.0.0.1:1000>10.0.0.2:443 6 500/5 flags 0 false if 0>0 0 extras 0",
		"10.0.0.2:443>10.0.0.1:1000 6 900/9 flags 0 false if 0>0 1 extras 0",
	}
	if got := told(&b); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// Where the record counts by itself, they are elements like others.
	b.Reset()
	fields = append(fields, flowtest.F(0, 1, 4))
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields), flowtest.Set(300, append(data, be(1400, 4)...))))
	if got := told(&b); len(got) != 1 || got[0] != "10.0.0.1:1000>10.0.0.2:443 6 1400/0 flags 0 false if 0>0 0 extras 4" {
		t.Errorf("%v", got)
	}
}

// Elements of the other direction without a counter make no flow of it, and are
// not lost with it.
func TestReverseWithoutCounters(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 1, 4), flowtest.F(ie.ReversePEN, 6, 1), flowtest.F(ie.ReversePEN, 56, 6)}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields),
		flowtest.Set(300, join([]byte{10, 0, 0, 1, 10, 0, 0, 2}, be(500, 4), []byte{18, 0, 0, 0x5e, 0, 0x53, 1}))))
	var extras []string
	for e, v := range b.Extra(&b.Flows[0]) {
		extras = append(extras, fmt.Sprintf("%d/%d=%x", e.PEN, e.ID, v))
	}
	if got := fmt.Sprint(len(b.Flows), b.Flows[0].Marks, extras); got != "1 0 [29305/6=12 29305/56=00005e005301]" {
		t.Error(got)
	}
}

// The other direction's own times and interfaces count for it, before those that
// the record has for both.
func TestReverseHasItsOwn(t *testing.T) {
	const r = ie.ReversePEN
	fields := []flowtest.Field{
		flowtest.F(0, 152, 8), flowtest.F(0, 153, 8), flowtest.F(0, 10, 4), flowtest.F(0, 14, 4), flowtest.F(0, 148, 1), flowtest.F(0, 1, 4),
		flowtest.F(r, 1, 4), flowtest.F(r, 150, 4), flowtest.F(r, 10, 4), flowtest.F(r, 148, 1),
	}
	const ms = flowtest.Export * 1000
	record := join(be(ms-5000, 8), be(ms-1000, 8), be(3, 4), be(4, 4), be(1, 1), be(500, 4), be(600, 4), be(flowtest.Export-3, 4), be(9, 4), be(2, 1))
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, record)))
	var got []string
	for i := range b.Flows {
		f := &b.Flows[i]
		text := fmt.Sprint(f.Start/1e6-ms, " ", f.End/1e6-ms, " ", f.InIf, ">", f.OutIf, " ", f.Bytes)
		for e, v := range b.Extra(f) {
			text += fmt.Sprintf(" %d#%d=%x", e.ID, e.Ord, v)
		}
		got = append(got, text)
	}
	if want := "[-5000 -1000 3>4 500 148#0=01 -3000 -1000 9>3 600 148#0=02]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// What a reverse flow has of elements that the record has once: source and
// destination change places, also the translated ones, and the way there is not
// the way back.
func TestReverseTakesPlaces(t *testing.T) {
	fields := []flowtest.Field{
		flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 40001, 4), flowtest.F(0, 40002, 4), flowtest.F(0, 40003, 2), flowtest.F(0, 40004, 2),
		flowtest.F(0, 243, 2), flowtest.F(0, 254, 2), flowtest.F(0, 15, 4), flowtest.F(0, 18, 4), flowtest.F(0, 70, 3), flowtest.F(0, 231, 4), flowtest.F(0, 232, 4),
	}
	record := join([]byte{10, 0, 0, 1, 192, 0, 2, 1, 198, 51, 100, 1, 203, 0, 113, 1}, be(4001, 2), be(4002, 2), be(7, 2), be(8, 2),
		[]byte{10, 0, 0, 254, 10, 0, 0, 253}, be(1600, 3), be(5, 4), be(6, 4))
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields), flowtest.Set(300, record)))
	var got []string
	for i := range b.Flows {
		f := &b.Flows[i]
		got = append(got, fmt.Sprint(f.SrcAddr, ">", f.DstAddr, " as ", f.NATSrcAddr, ":", f.NATSrcPort, ">", f.NATDstAddr, ":", f.NATDstPort,
			" vlan ", f.SrcVLAN, ">", f.DstVLAN, " via ", f.Set.Has(flow.FieldNextHop), f.Set.Has(flow.FieldBGPNextHop), f.Set.Has(flow.FieldMPLSLabel)))
	}
	want := []string{
		"10.0.0.1>192.0.2.1 as 198.51.100.1:4001>203.0.113.1:4002 vlan 7>8 via true true true",
		"192.0.2.1>10.0.0.1 as 203.0.113.1:4002>198.51.100.1:4001 vlan 8>7 via false false false",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A record whose times are impossible counts once, though it makes two flows.
func TestBiflowReplacedOnce(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 152, 8), flowtest.F(0, 231, 4), flowtest.F(0, 232, 4)}
	var b flow.Batch
	d := newDecoder()
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, join(be(0, 8), be(1, 4), be(1, 4)))))
	if d.Stats.Replaced != 1 || len(b.Flows) != 2 || b.Flows[1].Marks != flow.Reverse|flow.TimeReplaced {
		t.Errorf("%d replaced, %+v", d.Stats.Replaced, b.Flows)
	}
}
