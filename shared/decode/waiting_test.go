package decode

import (
	"net/netip"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// Data before its template is decoded when that comes, as if it had been there.
func TestDataBeforeItsTemplate(t *testing.T) {
	m := flowtest.New(4)
	set := m.Data(260, 3, flowtest.Twenty)
	late := flowtest.Packet(9, 5, set)
	tmpl := flowtest.Packet(9, 5, flowtest.Template(9, 260, flowtest.Twenty))
	var want, got flow.Batch
	decodeAll(t, newDecoder(), &want, tmpl, late)

	d := newDecoder()
	if err := d.Decode(&got, Datagram{From: flowtest.From, Time: at, Data: late}); err != ErrNoTemplate {
		t.Errorf("got %v, want %v", err, ErrNoTemplate)
	}
	if err := d.Decode(&got, Datagram{From: flowtest.From, Time: at + 60e9, Data: tmpl}); err != nil {
		t.Error(err)
	}
	if len(got.Flows) != 3 || d.Stats.Flows != 3 || d.Stats.Waiting != uint64(len(set)-4) || d.Stats.Recovered != d.Stats.Waiting {
		t.Fatalf("%d flows, %+v", len(got.Flows), d.Stats)
	}
	for i := range want.Flows {
		if got.Flows[i] != want.Flows[i] {
			t.Errorf("flow %d: %+v, want %+v", i, got.Flows[i], want.Flows[i])
		}
	}
	// It waits no longer, and the template's own datagram keeps its header.
	decodeAll(t, d, &got, flowtest.Packet(9, 5, flowtest.Template(9, 261, flowtest.Twenty)), late)
	if len(got.Flows) != 6 || d.Stats.Recovered != d.Stats.Waiting {
		t.Errorf("%d flows, %+v", len(got.Flows), d.Stats)
	}
}

// In one packet too, and over four decoders.
func TestDataBeforeItsTemplateInOnePacket(t *testing.T) {
	m := flowtest.New(4)
	var b flow.Batch
	d := newDecoder()
	d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, 5,
		m.Data(260, 3, flowtest.Named), flowtest.Template(10, 260, flowtest.Named), m.Data(260, 2, flowtest.Named))})
	if len(b.Flows) != 5 {
		t.Errorf("%d flows, want 5", len(b.Flows))
	}
	store := template.NewStore(template.Limits{})
	New(store).Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(9, 5, m.Data(260, 3, flowtest.Twenty))})
	b.Reset()
	New(store).Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(9, 5, flowtest.Template(9, 260, flowtest.Twenty))})
	if len(b.Flows) != 3 {
		t.Errorf("%d flows through another decoder, want 3", len(b.Flows))
	}
}

// What waits is bounded, for one template and in all, and each octet is counted.
// A set that waited too long is not read with a template that may mean
// something else by then.
func TestWaitingGrowsOld(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 12, 4)}
	for hours, want := range map[int64]int{0: 1, 25: 0, -25: 0} {
		d := newDecoder()
		var b flow.Batch
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, 1, flowtest.Set(300, make([]byte, 8)))})
		d.Decode(&b, Datagram{From: flowtest.From, Time: at + hours*3600e9, Data: flowtest.Packet(10, 1, flowtest.Template(10, 300, fields))})
		if len(b.Flows) != want || d.Stats.Undecoded != uint64(8*(1-want)) || d.Stats.Waiting != d.Stats.Recovered+d.Stats.Undecoded {
			t.Errorf("after %d hours: %d flows, %+v", hours, len(b.Flows), d.Stats)
		}
	}
}

func TestWaitingIsBounded(t *testing.T) {
	d := New(template.NewStore(template.Limits{Waiting: 64 << 10}))
	var b flow.Batch
	set := flowtest.Set(260, make([]byte, 1000))
	for i := range 2000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 7)}), 1)
		d.Decode(&b, Datagram{From: from, Time: at, Data: flowtest.Packet(9, uint32(i%5), set)})
	}
	if d.Stats.Waiting != 2000*1000 || d.Stats.Undecoded < 2000*1000-64<<10 || d.Stats.Undecoded >= d.Stats.Waiting {
		t.Errorf("%+v", d.Stats)
	}
	left := d.Stats.Waiting - d.Stats.Undecoded
	for i := range 7 {
		for domain := range uint32(5) {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)
			d.Decode(&b, Datagram{From: from, Time: at, Data: flowtest.Packet(9, domain, flowtest.Template(9, 260, []flowtest.Field{flowtest.F(0, 8, 4)}))})
		}
	}
	if d.Stats.Recovered != left || d.Stats.Flows != left/4 {
		t.Errorf("recovered %d octets and %d flows, %d octets waited", d.Stats.Recovered, d.Stats.Flows, left)
	}
}

// Templates from one port, data from another (pmacct and others do so): decoded
// where all ports of the address agree, and never guessed where they don't.
func TestPorts(t *testing.T) {
	port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(flowtest.From.Addr(), n) }
	a := []flowtest.Field{flowtest.F(0, 8, 4)}
	z := []flowtest.Field{flowtest.F(0, 12, 4)}
	data := flowtest.Packet(9, 1, flowtest.Set(256, []byte{10, 0, 0, 1}))
	d := newDecoder()
	var b flow.Batch
	decode := func(n uint16, data []byte, flows int) {
		t.Helper()
		b.Reset()
		d.Decode(&b, Datagram{From: port(n), Time: at, Data: data})
		if len(b.Flows) != flows {
			t.Errorf("port %d: %d flows, want %d", n, len(b.Flows), flows)
		}
	}
	decode(2, data, 0)                                                // waits
	decode(1, flowtest.Packet(9, 1, flowtest.Template(9, 256, a)), 1) // is found
	decode(2, data, 1)
	decode(2, flowtest.Packet(9, 2, flowtest.Set(256, []byte{10, 0, 0, 1})), 0) // another domain
	decode(3, flowtest.Packet(9, 1, flowtest.Template(9, 256, a)), 0)
	decode(2, data, 1) // both agree
	decode(3, flowtest.Packet(9, 1, flowtest.Template(9, 256, z)), 0)
	decode(2, data, 0) // now they differ
	decode(1, data, 1) // a port's own template holds
	decode(3, data, 1)
}
