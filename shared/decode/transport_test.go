package decode

import (
	"net/netip"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// A talk sends to a decoder and counts flows.
type talk struct {
	t *testing.T
	d *Decoder
	b flow.Batch
}

func (x *talk) say(dg Datagram, flows int, want Fault) {
	x.t.Helper()
	x.b.Reset()
	err := x.d.Decode(&x.b, dg)
	if len(x.b.Flows) != flows || want == none && err != nil || want != none && err != want {
		x.t.Errorf("%d flows, %v; want %d, %v", len(x.b.Flows), err, flows, want)
	}
}

var (
	addrField = []flowtest.Field{flowtest.F(0, 8, 4)}
	portField = []flowtest.Field{flowtest.F(0, 7, 2)}
	four      = []byte{10, 0, 0, 1} // one address, or two ports
)

// Over UDP a template lives as long after its last announcement as the setting
// says, by the datagrams' own times (RFC 7011 §8.4).
func TestTemplatesExpire(t *testing.T) {
	d := New(template.NewStore(template.Limits{Timeout: 10 * time.Minute}))
	x := &talk{t: t, d: d}
	tmpl := flowtest.Packet(9, 1, flowtest.Template(9, 256, addrField))
	data := flowtest.Packet(9, 1, flowtest.Set(256, four))
	say := func(port uint16, after time.Duration, data []byte, flows int, want Fault) {
		t.Helper()
		x.say(Datagram{From: netip.AddrPortFrom(flowtest.From.Addr(), port), Time: at + int64(after), Data: data}, flows, want)
	}
	say(1, 0, tmpl, 0, none)
	say(1, 10*time.Minute, data, 1, none)
	say(2, 10*time.Minute, data, 1, none) // another port
	say(2, 10*time.Minute+2*time.Second, data, 0, ErrNoTemplate)
	say(1, 10*time.Minute+2*time.Second, data, 0, ErrNoTemplate)
	if n := d.store.Expired(); n != 1 {
		t.Errorf("%d templates expired, want 1", n)
	}
	say(1, 11*time.Minute, tmpl, 2, none) // data waited, of both ports
	say(1, 20*time.Minute, tmpl, 0, none)
	say(1, 29*time.Minute, data, 1, none) // announced again, it lived on
	say(1, 5*time.Minute, data, 1, none)  // a clock that was set back
	say(1, 5*time.Minute, tmpl, 0, none)
	say(1, 15*time.Minute, data, 1, none)
	if d.Stats.Templates != 2 || d.store.Expired() != 1 {
		t.Errorf("%+v, %d expired", d.Stats, d.store.Expired())
	}

	// A refresh writes nothing but the time, and allocates nothing.
	var b flow.Batch
	i := int64(0)
	if n := testing.AllocsPerRun(100, func() {
		i++
		d.Decode(&b, Datagram{From: flowtest.From, Time: at + i*1e9, Data: tmpl})
	}); n != 0 {
		t.Errorf("%v allocations for a refresh", n)
	}
}

// The default loses nothing of an exporter that announces twice an hour, and of
// which an announcement is lost now and then.
func TestDefaultTimeout(t *testing.T) {
	x := &talk{t: t, d: newDecoder()}
	x.say(Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(9, 1, flowtest.Template(9, 256, addrField))}, 0, none)
	for hours := range int64(13) {
		x.say(Datagram{From: flowtest.From, Time: at + hours*3600e9, Data: flowtest.Packet(9, 1, flowtest.Set(256, four))}, 1, none)
	}
}

// What has expired makes room for what is announced.
func TestExpiredMakeRoom(t *testing.T) {
	d := New(template.NewStore(template.Limits{Templates: 10, Timeout: time.Hour}))
	x := &talk{t: t, d: d}
	for i := range 30 {
		want := none
		if i >= 10 && i < 20 {
			want = ErrTemplate
		}
		dg := Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(9, 1, flowtest.Template(9, uint16(256+i), addrField))}
		if i >= 20 {
			dg.Time += 2 * 3600e9
		}
		x.say(dg, 0, want)
	}
	if n := d.store.Expired(); n != 10 || d.Stats.Templates != 20 {
		t.Errorf("%d expired, %+v", n, d.Stats)
	}
}

// What is announced over a connection holds for that alone, and goes with it
// (RFC 7011 §8).
func TestConnections(t *testing.T) {
	for _, over := range []template.Transport{template.TCP, template.TLS, template.DTLS} {
		d := newDecoder()
		x := &talk{t: t, d: d}
		to := netip.MustParseAddrPort("192.0.2.200:4739")
		conn := func(port uint16) Datagram {
			return Datagram{From: netip.AddrPortFrom(flowtest.From.Addr(), port), To: to, Time: at, Over: over}
		}
		send := func(dg Datagram, data []byte, flows int, want Fault) {
			t.Helper()
			dg.Data = data
			x.say(dg, flows, want)
		}
		data := flowtest.Packet(10, 1, flowtest.Set(256, four))
		send(conn(1), flowtest.Packet(10, 1, flowtest.Template(10, 256, addrField)), 0, none)
		send(conn(2), data, 0, ErrNoTemplate) // nothing of another connection
		send(Datagram{From: conn(1).From, Time: at}, data, 0, ErrNoTemplate)
		send(conn(2), flowtest.Packet(10, 1, flowtest.Template(10, 256, portField)), 2, none)
		send(conn(1), data, 1, none)
		send(conn(2), data, 2, none)
		other := conn(1)
		other.To = netip.MustParseAddrPort("192.0.2.200:4740")
		send(other, data, 0, ErrNoTemplate)

		for i := range 3 { // again, and one that announced nothing
			end := conn(uint16(1 + 2*(i/2)))
			end.Closed = true
			x.say(end, 0, none)
		}
		if n := d.store.Len(); n != 1 {
			t.Errorf("%v: %d sessions, want 1", over, n)
		}
		send(conn(1), data, 0, ErrNoTemplate)
		send(conn(2), data, 2, none)
		if d.Stats.Datagrams != 9 {
			t.Errorf("%v: %d datagrams", over, d.Stats.Datagrams)
		}
		// Time doesn't matter where messages don't get lost.
		late := conn(2)
		late.Time += 1000 * 3600e9
		if over == template.DTLS {
			send(late, data, 0, ErrNoTemplate)
		} else {
			send(late, data, 2, none)
		}
	}
}

// Withdrawals (RFC 7011 §8.1): of one template, of all, of all options
// templates. Over UDP and DTLS they change nothing.
func TestWithdrawals(t *testing.T) {
	withdraw := func(set, id uint16) []byte { return flowtest.Packet(10, 1, flowtest.Set(set, be(uint64(id)<<16, 4))) }
	for over := template.UDP; over <= template.File; over++ {
		d := newDecoder()
		x := &talk{t: t, d: d}
		say := func(data []byte, flows int, want Fault) {
			t.Helper()
			x.say(Datagram{From: flowtest.From, Time: at, Over: over, Data: data}, flows, want)
		}
		announce := func() {
			for _, domain := range []uint32{1, 2} {
				say(flowtest.Packet(10, domain, flowtest.Template(10, 256, addrField), flowtest.Template(10, 257, addrField),
					flowtest.OptionsTemplate(10, 258, 1, addrField)), 0, none)
			}
		}
		known := func(want string) {
			t.Helper()
			got := ""
			s := d.store.Lookup(template.Key{From: flowtest.From, Over: over, Version: 10})
			for _, domain := range []uint32{1, 2} {
				for id := range uint16(3) {
					if s.Plan(domain, 256+id) != nil {
						got += string(rune('0' + id))
					}
				}
				got += " "
			}
			if got != want+" " {
				t.Errorf("%v: templates %s, want %s", over, got, want)
			}
		}
		announce()
		fault, steps := none, []string{"12 012", "2 012", "01 012", "0 012", "0 012"}
		withdrawn := uint64(1 + 2 + 1 + 1)
		if !over.Reliable() {
			fault, steps, withdrawn = ErrWithdrawal, []string{"012 012", "012 012", "012 012", "012 012", "012 012"}, 0
		}
		say(withdraw(2, 256), 0, fault)
		known(steps[0])
		announce()
		say(withdraw(2, 2), 0, fault)
		known(steps[1])
		announce()
		say(withdraw(3, 3), 0, fault)
		known(steps[2])
		say(withdraw(2, 257), 0, fault)
		say(withdraw(2, 300), 0, fault) // not known
		known(steps[3])
		say(withdraw(2, 3), 0, ErrTemplate) // RFC 7011 has no such
		say(withdraw(3, 2), 0, ErrTemplate)
		known(steps[4])
		if d.Stats.Withdrawn != withdrawn || d.Stats.Redefined != 0 {
			t.Errorf("%v: %+v", over, d.Stats)
		}
		if fault == none {
			say(flowtest.Packet(10, 1, flowtest.Set(257, four)), 0, ErrNoTemplate)
			say(flowtest.Packet(10, 1, flowtest.Template(10, 257, portField)), 2, none)
		}
	}
}

// An id may get another definition without a withdrawal, over TCP too, where RFC
// 7011 §8 doesn't want it. It is counted.
func TestRedefinitionIsCounted(t *testing.T) {
	for over := template.UDP; over <= template.File; over++ {
		x := &talk{t: t, d: newDecoder()}
		for i, fields := range [][]flowtest.Field{addrField, portField, portField, addrField} {
			x.say(Datagram{From: flowtest.From, Time: at, Over: over, Data: flowtest.Packet(10, 1, flowtest.Template(10, 256, fields), flowtest.Set(256, four))},
				[]int{1, 2, 2, 1}[i], none)
		}
		s := x.d.store.Lookup(template.Key{From: flowtest.From, Over: over, Version: 10})
		if x.d.Stats.Templates != 3 || x.d.Stats.Redefined != 2 || s.Redefined(1, 256) != 2 || s.Redefined(1, 257) != 0 {
			t.Errorf("%v: %+v", over, x.d.Stats)
		}
	}
}
