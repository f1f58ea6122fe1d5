package decode

import (
	"fmt"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// SEMANTICS Volume: totals become deltas per flow key while the flow lives;
// without state they count once, when the flow has ended.

var totalFields = []flowtest.Field{
	flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 7, 2), flowtest.F(0, 11, 2), flowtest.F(0, 4, 1),
	flowtest.F(0, 85, 8), flowtest.F(0, 86, 8), flowtest.F(0, 152, 8), flowtest.F(0, 136, 1),
}

// total is a record of totalFields: of the flow from this port that began so
// many seconds before the export.
func total(port, octets, packets, began uint64, reason byte) []byte {
	return join([]byte{10, 0, 0, 1, 10, 0, 0, 2}, be(port, 2), be(443, 2), []byte{6}, be(octets, 8), be(packets, 8), be((flowtest.Export-began)*1000, 8), []byte{reason})
}

func volumes(b *flow.Batch) (all string) {
	for i := range b.Flows {
		all += fmt.Sprintf("%d/%d ", b.Flows[i].Bytes, b.Flows[i].Packets)
	}
	return all
}

// Flows that only layer 2, an interface or a VRF tells apart have totals of
// their own.
func TestTotalsKey(t *testing.T) {
	for _, key := range []flowtest.Field{
		flowtest.F(0, 56, 6), flowtest.F(0, 80, 6), flowtest.F(0, 14, 4), flowtest.F(0, 10, 4), flowtest.F(0, 234, 4), flowtest.F(0, 235, 4),
		flowtest.F(0, 58, 2), flowtest.F(0, 32, 2), flowtest.F(0, 256, 2), flowtest.F(0, 8, 4), flowtest.F(0, 28, 16), flowtest.F(0, 61, 1), flowtest.F(0, 148, 8),
	} {
		record := func(k, octets uint64) []byte { return join(make([]byte, key.Len-1), be(k, 1), be(octets, 8)) }
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{key, flowtest.F(0, 85, 8)}),
			flowtest.Set(300, join(record(1, 1000), record(2, 5000), record(1, 1100), record(2, 5500)))))
		if got := volumes(&b); got != "1000/0 5000/0 100/0 500/0 " {
			t.Errorf("by element %d: %s", key.ID, got)
		}
	}
}

func TestTotals(t *testing.T) {
	f := func(name string, flows int, want string, records ...[]byte) {
		t.Helper()
		d := New(template.NewStore(template.Limits{Totals: flows}))
		var b flow.Batch
		packets := [][]byte{flowtest.Packet(10, 1, flowtest.Template(10, 300, totalFields))}
		for _, r := range records {
			packets = append(packets, flowtest.Packet(10, 1, flowtest.Set(300, r)))
		}
		decodeAll(t, d, &b, packets...)
		if got := volumes(&b); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("while it lives", 0, "100/1 150/2 50/1 ", total(1, 100, 1, 60, 2), total(1, 250, 3, 60, 2), total(1, 300, 4, 60, 3))
	f("once", 0, "100/1 ", total(1, 100, 1, 60, 3))
	f("two flows", 0, "100/1 70/1 10/1 ", total(1, 100, 1, 60, 2), total(2, 70, 1, 60, 2), total(1, 110, 2, 60, 2))
	f("in one set", 0, "100/1 5/1 ", join(total(1, 100, 1, 60, 2), total(1, 105, 2, 60, 2)))
	f("the next flow with this key", 0, "100/1 300/4 ", total(1, 100, 1, 60, 2), total(1, 300, 4, 30, 2))
	f("after its end", 0, "100/1 100/1 ", total(1, 100, 1, 60, 3), total(1, 100, 1, 60, 3))
	f("overtaken", 0, "250/3 0/0 50/1 ", total(1, 250, 3, 60, 2), total(1, 100, 1, 60, 2), total(1, 300, 4, 60, 3))
	f("overtaken by its end", 0, "100/1 200/3 0/0 ", total(1, 100, 1, 60, 2), total(1, 300, 4, 60, 3), total(1, 250, 3, 60, 2))
	// 16 places, and 200 flows: most find none, and count when they end.
	var records [][]byte
	for _, reason := range []byte{2, 2, 1} {
		for port := range uint64(200) {
			records = append(records, total(port, 100*uint64(reason)+50*uint64(len(records)/200), 1, 60, reason))
		}
	}
	d := New(template.NewStore(template.Limits{Totals: 16}))
	var b flow.Batch
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, totalFields)))
	sum, last := uint64(0), uint64(0)
	for i, r := range records {
		decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Set(300, r)))
		sum += b.Flows[i].Bytes
		if i >= 400 {
			last += 200
		}
	}
	// Each flow's last total is 200, less than one before for those that were
	// remembered: 250.
	if sum < last || sum > last+16*50 {
		t.Errorf("%d octets of 200 flows, want %d and a little", sum, last)
	}

	// What the exporter sent is there too.
	b.Reset()
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, totalFields), flowtest.Set(300, join(total(1, 100, 1, 60, 2), total(1, 250, 3, 60, 2)))))
	var extras string
	for e, v := range b.Extra(&b.Flows[1]) {
		extras += fmt.Sprintf("%d=%x ", e.ID, v)
	}
	if extras != "85=00000000000000fa 86=0000000000000003 " {
		t.Errorf("extras %s", extras)
	}
}

// Without a start a smaller total is another flow; without a reason each record
// may be the last.
func TestTotalsOfPoorRecords(t *testing.T) {
	fields := totalFields[:7]
	var b flow.Batch
	d := newDecoder()
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields)))
	for _, n := range []uint64{100, 160, 40, 45} {
		r := total(1, n, n/10, 0, 0)
		decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Set(300, r[:len(r)-9])))
	}
	if got := volumes(&b); got != "100/10 60/6 40/4 5/0 " {
		t.Errorf("%s", got)
	}
}

// Both directions of a biflow have totals of their own.
func TestTotalsOfBiflows(t *testing.T) {
	fields := append(append([]flowtest.Field{}, totalFields...), flowtest.F(29305, 85, 8), flowtest.F(29305, 86, 8))
	var b flow.Batch
	d := newDecoder()
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields),
		flowtest.Set(300, join(total(1, 100, 1, 60, 2), be(1000, 8), be(10, 8)))),
		flowtest.Packet(10, 1, flowtest.Set(300, join(total(1, 150, 2, 60, 2), be(1700, 8), be(17, 8)))))
	if got := volumes(&b); got != "100/1 1000/10 50/1 700/7 " {
		t.Errorf("%s", got)
	}
}

// Flows that fell silent make room; a clock that jumps back does no harm.
func TestTotalsAreForgotten(t *testing.T) {
	d := New(template.NewStore(template.Limits{Totals: 16}))
	var b flow.Batch
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, totalFields)))
	later := func(seconds int, r []byte) {
		p := flowtest.Packet(10, 1, flowtest.Set(300, r))
		copy(p[4:], be(uint64(flowtest.Export+seconds), 4))
		decodeAll(t, d, &b, p)
	}
	for port := range uint64(100) {
		later(0, total(port, 10, 1, 60, 2))
	}
	later(-86400*20, total(1, 10, 1, 86400*20+60, 2))
	b.Reset()
	for _, hours := range []int{2, 4, 6} { // each hour forgets half of what there was
		for port := range uint64(16) {
			later(hours*3600, total(1000+port, 10*uint64(hours), 1, 60, 2))
		}
	}
	got := uint64(0)
	for i := range b.Flows {
		got += b.Flows[i].Bytes
	}
	if got == 0 {
		t.Error("no flow found room again")
	}
}

// SEMANTICS Volume: Cisco ASA's events. A connection counts once, by what tears
// it down.
func TestNSEL(t *testing.T) {
	fields := []flowtest.Field{
		flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 7, 2), flowtest.F(0, 11, 2), flowtest.F(0, 4, 1),
		flowtest.F(0, 233, 1), flowtest.F(0, 33002, 2), flowtest.F(0, 85, 4),
	}
	record := func(event byte, octets uint64) []byte {
		return join([]byte{10, 0, 0, 1, 10, 0, 0, 2}, be(1000, 2), be(443, 2), []byte{6, event}, be(2000, 2), be(octets, 4))
	}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields),
		flowtest.Set(300, join(record(1, 700), record(2, 900), record(3, 70)))))
	if got := volumes(&b); got != "0/0 900/0 0/0 " {
		t.Errorf("created, torn down, denied: %s", got)
	}
	if !b.Flows[0].Set.Has(flow.FieldBytes) || !b.Flows[2].Set.Has(flow.FieldPackets) {
		t.Error("an event of no volume has 0 octets, not unknown ones")
	}

	// The older numbers, and both directions.
	fields = []flowtest.Field{
		flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 40001, 4), flowtest.F(0, 40003, 2), flowtest.F(0, 40005, 1), flowtest.F(0, 40000, 20),
		flowtest.F(0, 231, 4), flowtest.F(0, 232, 4),
	}
	old := func(event byte) []byte {
		return join([]byte{10, 0, 0, 1, 10, 0, 0, 2, 192, 0, 2, 9}, be(4000, 2), []byte{event}, []byte("jane\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), be(500, 4), be(900, 4))
	}
	b.Reset()
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields), flowtest.Set(300, join(old(1), old(5)))))
	if got := volumes(&b); got != "0/0 500/0 900/0 " {
		t.Errorf("created, updated: %s", got)
	}
	if f := &b.Flows[1]; f.NATSrcAddr.String() != "192.0.2.9" || f.NATSrcPort != 4000 || f.FwEvent != 5 || string(b.Strings.Get(f.User)) != "jane" {
		t.Errorf("translated to %v:%d, event %d, user %s", f.NATSrcAddr, f.NATSrcPort, f.FwEvent, b.Strings.Get(f.User))
	}

	// Other firewalls count with each event.
	b.Reset()
	fields = []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 233, 1), flowtest.F(0, 1, 4)}
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields), flowtest.Set(300, join([]byte{10, 0, 0, 1, 1}, be(60, 4)))))
	if got := volumes(&b); got != "60/0 " {
		t.Errorf("another firewall: %s", got)
	}
}
