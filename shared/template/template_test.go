package template

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

func Example() {
	s := NewStore(DefaultLimits()).Session(netip.MustParseAddrPort("192.0.2.1:40000"), 10)
	_, _, err := s.Put(0, &Template{ID: 256, Version: 10, Fields: []Field{
		{Element: flow.Element{ID: 8}, Len: 4},
		{Element: flow.Element{ID: 1}, Len: 8},
	}})
	if err != nil {
		fmt.Println(err)
	}
	var b flow.Batch
	s.Plan(0, 256).Append(&b, []byte{192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 5, 220}, &Message{Header: Header{Version: 10}})
	fmt.Println(b.Flows[0].SrcAddr, b.Flows[0].Bytes)
	// Output: 192.0.2.7 1500
}

func field(id, n uint16) Field { return Field{Element: flow.Element{ID: id}, Len: n} }

func TestCompileRefuses(t *testing.T) {
	f := func(want error, version uint8, fields ...Field) {
		t.Helper()
		if _, err := Compile(&Template{ID: 256, Version: version, Fields: fields}); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", fields, err, want)
		}
	}
	f(ErrEmpty, 9)
	f(ErrEmpty, 10, field(8, 0), field(12, 0))
	f(ErrLong, 9, field(8, 40000), field(12, 40000))
	f(ErrLong, 9, field(8, 0xffff), field(12, 1)) // 65,535 octets: in v9 no variable length
	f(ErrFields, 10, make([]Field, MaxFields+1)...)
	f(nil, 10, field(96, Variable))
	f(nil, 9, field(8, 0xffff))
}

func TestParse(t *testing.T) {
	f := func(d []byte, version uint8, options bool, used int, want error) {
		t.Helper()
		var x Template
		if n, err := Parse(&x, d, version, options); n != used || !errors.Is(err, want) {
			t.Errorf("%x: %d octets, %v; want %d, %v", d, n, err, used, want)
		}
	}
	f(nil, 9, false, 0, ErrShort)
	f([]byte{1, 0, 0xff, 0xff}, 9, false, 0, ErrShort)
	f([]byte{1, 0, 0, 1, 0, 8, 0, 4}, 9, false, 8, nil)
	f([]byte{0, 5, 0, 1, 0, 8, 0, 4}, 9, false, 8, ErrID)
	f([]byte{1, 0, 0, 1, 0x80, 8, 0, 4}, 10, false, 0, ErrShort) // no room for the enterprise number
	f([]byte{1, 0, 0, 1, 0x80, 8, 0, 4, 0, 0, 0, 9}, 10, false, 12, nil)
	f([]byte{1, 0, 0, 0}, 10, false, 4, nil)                                   // withdrawal
	f([]byte{1, 0, 0, 4, 0, 4, 0, 1, 0, 4, 0, 48, 0, 1}, 9, true, 14, nil)     // lengths in octets
	f([]byte{1, 0, 0, 2, 0, 1, 0, 149, 0, 4, 0, 160, 0, 8}, 10, true, 14, nil) // counts
	f([]byte{1, 0, 0, 1, 0, 2, 0, 149, 0, 4}, 10, true, 10, ErrScopes)
	f([]byte{1, 0, 0, 1, 0, 0, 0, 149, 0, 4}, 10, true, 10, nil)
}

func TestPutKeepsWhatIsTheSame(t *testing.T) {
	s := NewStore(Limits{}).Session(netip.AddrPort{}, 9)
	a := Template{ID: 256, Version: 9, Fields: []Field{field(8, 4)}}
	put := func(want Change) *Plan {
		t.Helper()
		if _, change, err := s.Put(1, &a); change != want || err != nil {
			t.Errorf("change %d, %v; want %d", change, err, want)
		}
		return s.Plan(1, 256)
	}
	first := put(New)
	if put(Same) != first {
		t.Error("a refresh made a new plan")
	}
	a.Fields[0].Len = 2 // the session keeps no part of what it was given
	if put(Redefined) == first || first.Template.Fields[0].Len != 4 {
		t.Error("a changed definition changed the old plan")
	}
	if s.Plan(2, 256) != nil {
		t.Error("another domain has it")
	}
	if n := testing.AllocsPerRun(100, func() { s.Put(1, &a) }); n != 0 {
		t.Errorf("%v allocations for a refresh", n)
	}
}

func TestRates(t *testing.T) {
	s := NewStore(Limits{Templates: 2}).Session(netip.AddrPort{}, 9)
	u := func(n uint32) *uint32 { return &n }
	s.SetRate(1, u(7), nil, 100)
	s.SetRate(1, u(8), u(3), 200) // a sampler's, though an interface is named
	s.SetRate(1, u(9), nil, 300)  // one more than the limit
	s.SetRate(1, nil, u(3), 400)
	s.SetRate(1, nil, nil, 500)
	f := func(sampler, iface *uint32, want uint32) {
		t.Helper()
		var x flow.Flow
		if sampler != nil {
			x.SamplerID = *sampler
			x.Set.Add(flow.FieldSamplerID)
		}
		if iface != nil {
			x.InIf = *iface
			x.Set.Add(flow.FieldInIf)
		}
		if got := s.Rates(1).Rate(&x); got != want {
			t.Errorf("rate %d, want %d", got, want)
		}
	}
	f(u(7), nil, 100)
	f(u(8), u(3), 200)
	f(u(9), nil, 500)
	f(u(9), u(3), 400)
	f(nil, u(3), 400)
	f(nil, u(4), 500)
	f(nil, nil, 500)
	if n := testing.AllocsPerRun(100, func() { s.SetRate(1, u(7), nil, 100) }); n > 1 { // u's
		t.Errorf("%v allocations for an unchanged rate", n)
	}
	s.SetRate(1, u(7), nil, 700)
	f(u(7), nil, 700)
	if s.Rates(2) != nil {
		t.Error("another domain has rates")
	}
}

// Who never delivered makes room; who delivered a short while ago doesn't.
func TestEvict(t *testing.T) {
	s := NewStore(Limits{Sessions: 6})
	at := func(i int) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, uint16(i)) }
	tmpl := Template{ID: 256, Version: 9, Fields: []Field{field(8, 4)}}
	for i := range 3 {
		x := s.Session(at(i), 9)
		x.Put(0, &tmpl)
		x.Saw(1000e9, true)
	}
	for i := 3; i < 1000; i++ {
		x := s.Session(at(i), 9)
		if x == nil {
			t.Fatalf("session %d was refused", i)
		}
		x.Saw(1000e9, false)
		if _, _, err := x.Put(0, &tmpl); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if s.Lookup(Key{From: at(i), Version: 9}) == nil {
			t.Errorf("exporter %d, which delivered, is gone", i)
		}
	}
	if s.Len() != 6 {
		t.Errorf("%d sessions, want 6", s.Len())
	}
	for i, x := range s.Sessions() {
		x.Saw(int64(2000+i)*1e9, true)
	}
	if s.Session(at(5000), 9) != nil {
		t.Error("an exporter that delivers was let go of")
	}
	old := s.Lookup(Key{From: at(0), Version: 9})
	x := s.Sessions()[0]
	for _, y := range s.Sessions() {
		if y != old {
			x = y
		}
	}
	x.Saw(10_000e9, true)
	if _, _, err := x.Put(1, &tmpl); err != nil {
		t.Fatal(err)
	}
	if s.Session(at(5000), 9) == nil {
		t.Error("a new exporter was refused though others have long been silent")
	}
}

// Who has delivered for ten minutes, or has a name, is never let go of while his
// templates hold, however silent he is and whoever comes.
func TestProven(t *testing.T) {
	s := NewStore(Limits{Sessions: 40})
	named := netip.MustParseAddr("192.0.2.1")
	s.Name(func(a netip.Addr) bool { return a == named })
	at := func(a netip.Addr, i int) netip.AddrPort { return netip.AddrPortFrom(a, uint16(i)) }
	deliver := func(x *Session, from, to int64) {
		x.Saw(from*1e9, true)
		x.Saw(to*1e9, true)
	}
	deliver(s.Session(at(named, 1), 9), 0, 0)
	deliver(s.Session(at(netip.Addr{}, 1), 9), 0, 600)
	deliver(s.Session(at(netip.Addr{}, 2), 9), 0, 599)
	stay := func(want ...bool) {
		t.Helper()
		for i, a := range []netip.AddrPort{at(named, 1), at(netip.Addr{}, 1), at(netip.Addr{}, 2)} {
			if there := s.Lookup(Key{From: a, Version: 9}) != nil; there != want[i] {
				t.Errorf("%s is there: %v", a, there)
			}
		}
	}
	day := int64(24 * time.Hour / time.Second)
	open := func(i int, now int64) *Session {
		x := s.Open(Key{From: at(netip.Addr{}, i), Version: 9}, now*1e9)
		if x != nil {
			x.Saw(now*1e9, true)
		}
		return x
	}
	for i := range 1000 {
		if open(100+i, 2000+int64(i)*60) == nil {
			t.Fatalf("exporter %d is refused", i)
		}
	}
	stay(true, true, false)
	for i, x := range s.Sessions() { // all that are there prove themselves
		if x.From.Port() >= 100 {
			deliver(x, day-10000, day-5000-int64(i))
		}
	}
	for range 100 {
		if open(5000, day-1) != nil {
			t.Fatal("one that is to stay is gone")
		}
	}
	stay(true, true, false)
	for i := range 2 { // a day without a word: their templates have expired
		found := false
		for range 100 { // a few are looked at each time
			found = found || open(6000+i, day+700) != nil
		}
		if !found {
			t.Error("a new exporter is refused, though there are some whose templates have expired")
		}
	}
	stay(false, false, false)
}

func TestOctets(t *testing.T) {
	s := NewStore(Limits{Octets: 100_000})
	tmpl := Template{ID: 256, Version: 9}
	for i := range 500 {
		tmpl.Fields = append(tmpl.Fields, field(uint16(20000+i), 2))
	}
	for i := range 100 {
		x := s.Session(netip.AddrPortFrom(netip.Addr{}, uint16(i)), 9)
		if _, _, err := x.Put(0, &tmpl); err != nil {
			t.Fatal(err)
		}
	}
	if s.used > 100_000 || s.Len() < 2 || s.Len() > 20 {
		t.Errorf("%d octets in %d sessions", s.used, s.Len())
	}
	x := s.Sessions()[0]
	x.Saw(1, true)
	for id := 257; id < 400; id++ {
		tmpl.ID = uint16(id)
		if _, _, err := x.Put(0, &tmpl); err != nil {
			if s.used > 100_000 {
				t.Errorf("%d octets", s.used)
			}
			return
		}
	}
	t.Error("one exporter was given all it wanted")
}
