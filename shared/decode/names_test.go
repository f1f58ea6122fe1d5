package decode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// fixedText is a text in a field of n octets.
func fixedText(s string, n int) []byte { return append([]byte(s), make([]byte, n-len(s))...) }

func text(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// What options name, as Cisco's option tables send it in v9 and IPFIX.
func TestNames(t *testing.T) {
	f := func(version uint16, scopes int, fields []flowtest.Field, record []byte, want string) {
		t.Helper()
		d := newDecoder()
		var b flow.Batch
		set := flowtest.Set(400, record)
		// twice, and before its template: it waits
		for _, sets := range [][]byte{set, flowtest.OptionsTemplate(version, 400, scopes, fields), set} {
			d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(version, 7, sets)})
		}
		s := d.store.Lookup(template.Key{From: flowtest.From, Version: uint8(version)})
		for i, n := range []template.Names{s.Names(7), d.store.Names(flowtest.From.Addr(), uint8(version), 7)} {
			got := fmt.Sprint(n.Interface(3), n.Application(13<<56|421), n.VRF(5), n.Sampler(2), n.Class(9), n.Policy(9))
			if got != want {
				t.Errorf("version %d, way %d: %s, want %s", version, i, got, want)
			}
		}
		if n := s.Names(8); n != (template.Names{}) {
			t.Error("another domain has names")
		}
		if len(b.Options) != 2 {
			t.Errorf("%d options records, want 2", len(b.Options))
		}
	}
	const none = "{  0}"
	line := func(i int, name string) string {
		all := []string{none, none, none, none, none, none}
		all[i] = "{" + name + "}"
		return strings.Join(all, " ")
	}
	const v9Name, v9Description = "Gi0/1", "to the core"
	f(9, 1, []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 10, 4), flowtest.F(0, 82, 32), flowtest.F(0, 83, 64)},
		join(be(0, 4), be(3, 4), fixedText(v9Name, 32), fixedText(v9Description, 64)), line(0, "Gi0/1 to the core 0"))
	f(9, 1, []flowtest.Field{flowtest.F(0, 2, 2), flowtest.F(0, 82, 8)}, // the scope is the interface
		join(be(3, 2), fixedText(v9Name, 8)), line(0, "Gi0/1  0"))
	f(10, 1, []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 82, 0xffff), flowtest.F(0, 83, 0xffff)},
		join(be(3, 4), text(v9Name), text(v9Description)), line(0, "Gi0/1 to the core 0"))
	for _, id := range []uint16{14, 252, 253} {
		f(10, 1, []flowtest.Field{flowtest.F(0, 144, 4), flowtest.F(0, id, 4), flowtest.F(0, 83, 0xffff)},
			join(be(1, 4), be(3, 4), text(v9Description)), line(0, " to the core 0"))
	}
	// RFC 6759: an engine, and a selector of 3 octets or of 1 and more.
	f(9, 1, []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 95, 4), flowtest.F(0, 96, 24), flowtest.F(0, 94, 55)},
		join(be(0, 4), []byte{13, 0, 1, 165}, fixedText("webex", 24), fixedText("WebEx meeting", 55)), line(1, "webex WebEx meeting 0"))
	f(10, 1, []flowtest.Field{flowtest.F(0, 95, 0xffff), flowtest.F(0, 96, 0xffff)},
		join([]byte{3, 13, 1, 165}, text("webex")), line(1, "webex  0"))
	f(9, 1, []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 234, 4), flowtest.F(0, 236, 32)},
		join(be(0, 4), be(5, 4), fixedText("customer-a", 32)), line(2, "customer-a  0"))
	f(10, 1, []flowtest.Field{flowtest.F(0, 235, 4), flowtest.F(0, 236, 0xffff)}, join(be(5, 4), text("customer-a")), line(2, "customer-a  0"))
	f(9, 1, []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 48, 1), flowtest.F(0, 84, 8), flowtest.F(0, 49, 1), flowtest.F(0, 50, 4)},
		join(be(0, 4), be(2, 1), fixedText("half", 8), be(2, 1), be(100, 4)), line(3, "half  2"))
	f(10, 1, []flowtest.Field{flowtest.F(0, 302, 8), flowtest.F(0, 335, 0xffff)}, join(be(2, 8), text("half")), line(3, "half  0"))
	f(10, 1, []flowtest.Field{flowtest.F(0, 51, 1), flowtest.F(0, 100, 0xffff)}, join(be(9, 1), text("gold")), line(4, "gold  0"))
	f(9, 1, []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 41001, 4), flowtest.F(0, 41002, 40), flowtest.F(0, 41003, 40)},
		join(be(0, 4), be(9, 4), fixedText("gold", 40), fixedText("qos", 40)), line(4, "gold  0"))
	f(10, 1, []flowtest.Field{flowtest.F(9, 8236, 4), flowtest.F(9, 8237, 40)}, join(be(9, 4), fixedText("wan", 40)), line(5, "wan  0"))
	// A number that names nothing, and a name of nothing.
	f(10, 1, []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 82, 0xffff)}, join(be(3, 4), text("")), line(0, "  0"))
	f(10, 1, []flowtest.Field{flowtest.F(0, 144, 4), flowtest.F(0, 82, 0xffff)}, join(be(3, 4), text("x")), line(0, "  0"))
	f(10, 1, []flowtest.Field{flowtest.F(9, 10, 4), flowtest.F(0, 82, 0xffff)}, join(be(3, 4), text("x")), line(0, "  0"))
}

// Names change, one record adds to another, domain 0 speaks for all, and what
// is too long or too much is cut.
func TestNamesOverTime(t *testing.T) {
	d := New(template.NewStore(template.Limits{Names: 4}))
	var b flow.Batch
	say := func(domain uint32, set []byte) {
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, domain, set)})
	}
	for _, domain := range []uint32{0, 7} {
		say(domain, flowtest.OptionsTemplate(10, 400, 1, []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 82, 0xffff)}))
		say(domain, flowtest.OptionsTemplate(10, 401, 1, []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 83, 0xffff)}))
	}
	s := d.store.Lookup(template.Key{From: flowtest.From, Version: 10})
	f := func(domain uint32, index uint32, want string) {
		t.Helper()
		if n := s.Names(domain).Interface(index); n.Name+"|"+n.Description != want {
			t.Errorf("interface %d of domain %d is %q, want %q", index, domain, n, want)
		}
	}
	say(0, flowtest.Set(400, join(be(1, 4), text("one"))))
	say(0, flowtest.Set(400, join(be(2, 4), text("two"))))
	f(7, 1, "one|")
	say(7, flowtest.Set(401, join(be(1, 4), text("uplink"))))
	f(7, 1, "|uplink")
	say(7, flowtest.Set(400, join(be(1, 4), text("eins"))))
	f(7, 1, "eins|uplink")
	f(0, 1, "one|")
	f(7, 2, "two|")
	again := flowtest.Set(400, join(be(1, 4), text("eins")))
	say(7, again)
	b.Reset()
	packet := Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, 7, again)}
	if n := testing.AllocsPerRun(100, func() { b.Reset(); d.Decode(&b, packet) }); n != 0 {
		t.Errorf("%v allocations for a name that is known", n)
	}

	long := strings.Repeat("ä", 200) // 400 octets
	say(7, flowtest.Set(400, join(be(3, 4), []byte{255, 1, 144}, []byte(long))))
	f(7, 3, strings.Repeat("ä", 127)+"|")
	say(7, flowtest.Set(400, join(be(4, 4), text("one too many"))))
	f(7, 4, "|")
	say(7, flowtest.Set(400, join(be(3, 4), text("three"))))
	f(7, 3, "three|")
}
