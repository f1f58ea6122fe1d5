package flow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"unsafe"
)

func Example() {
	var b Batch
	f := &b.Grow(1)[0]
	*f = Flow{SrcAddr: AddrFrom(netip.MustParseAddr("192.0.2.7")), Bytes: 1500, AppName: b.Strings.Intern([]byte("dns"))}
	f.Set = SetOf(FieldSrcAddr, FieldBytes, FieldAppName)

	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		switch c := &Fields[x]; c.Kind {
		case KindAddr:
			fmt.Println(c.IPFIX, f.Addr(x))
		case KindStr:
			fmt.Printf("%s %s\n", c.IPFIX, b.Strings.Get(Str(f.Uint(x))))
		default:
			fmt.Println(c.IPFIX, f.Uint(x))
		}
	}
	// Output:
	// octetDeltaCount 1500
	// sourceIPv4Address 192.0.2.7
	// applicationName dns
}

// Copying the row is a quarter of the decoding: 40 octets, which the columns of
// weir's own take, are 3 % of it.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(Flow{}); n > 352 {
		t.Errorf("a Flow has %d octets: more than five and a half cache lines", n)
	}
	f := func(what string, got, want uintptr) {
		if got != want {
			t.Errorf("%s has %d octets, %d is said", what, got, want)
		}
	}
	f("a Flow", unsafe.Sizeof(Flow{}), flowSize)
	f("an Option", unsafe.Sizeof(Option{}), optionSize)
	f("a Counter", unsafe.Sizeof(Counter{}), counterSize)
}

// What a batch holds is told, whatever kind it is of.
func TestBatchSize(t *testing.T) {
	var b Batch
	if n := b.Size(); n != 0 {
		t.Errorf("an empty batch has %d octets", n)
	}
	b.Grow(3)
	b.Options = make([]Option, 2)
	b.Counters = make([]Counter, 5)
	b.Strings.Intern([]byte("uplink"))
	b.Arena(1000)
	want := int(3*unsafe.Sizeof(Flow{}) + 2*unsafe.Sizeof(Option{}) + 5*unsafe.Sizeof(Counter{}) + 6 + 1000)
	if n := b.Size(); n != want {
		t.Errorf("it has %d octets, want %d", n, want)
	}
	b.Reset()
	if n := b.Size(); n != 0 {
		t.Errorf("an empty batch has %d octets", n)
	}
}

func TestFieldsAreTold(t *testing.T) {
	names := map[string]string{}
	for i := range Fields {
		c := &Fields[i]
		for _, n := range []string{"Go " + c.Name, "IPFIX " + c.IPFIX, "flat " + c.Flat, "CIM " + c.CIM} {
			if other, ok := names[n]; ok {
				t.Errorf("%s and %s are both called %s", other, c.Name, n)
			}
			names[n] = c.Name
		}
		for _, p := range c.ECS {
			other, ok := names["ECS "+p.Name]
			if c.Name == "Direction" && other == "Perimeter" { // gives way to it
				continue
			}
			if ok {
				t.Errorf("%s and %s are both called %s", other, c.Name, p.Name)
			}
			names["ECS "+p.Name] = c.Name
		}
		for _, n := range []string{c.Name, c.IPFIX, c.Flat} {
			if x, ok := FieldByName(n); !ok || x != Field(i) {
				t.Errorf("%s finds %d, want %d", n, x, i)
			}
		}
	}
	if _, ok := FieldByName(""); ok {
		t.Error("the empty name finds a column")
	}
}

func TestAccessors(t *testing.T) {
	for x := range Field(NumFields) {
		var f Flow
		f.SetUint(x, 0x7f)
		a := f.Addr(x)
		if isAddr := Fields[x].Kind == KindAddr; isAddr != (a != nil) || !isAddr && f.Uint(x) != 0x7f || isAddr && f.Uint(x) != 0 {
			t.Errorf("%s: %v, %d", Fields[x].Name, a, f.Uint(x))
		}
	}
}

func TestSet(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var s Set
		var want []Field
		for x := range Field(128) {
			if rnd.IntN(4) == 0 {
				s.Add(x)
				want = append(want, x)
			}
		}
		var got []Field
		for x, ok := s.Next(0); ok; x, ok = s.Next(x + 1) {
			got = append(got, x)
		}
		if !slices.Equal(got, want) || s.Len() != len(want) {
			t.Fatalf("%v, want %v", got, want)
		}
		for _, x := range want {
			if !s.Has(x) {
				t.Fatalf("no %d", x)
			}
			s.Del(x)
		}
		if s != (Set{}) {
			t.Fatalf("left: %v", s)
		}
	}
}

func TestAddr(t *testing.T) {
	for _, text := range []string{"0.0.0.0", "192.0.2.7", "255.255.255.255", "2001:db8::1", "::", "::1", "::fffe:1.2.3.4"} {
		a := AddrFrom(netip.MustParseAddr(text))
		if a.Is4() != netip.MustParseAddr(text).Is4() || a.Netip() != netip.MustParseAddr(text) {
			t.Errorf("%s became %s, IPv4: %v", text, a, a.Is4())
		}
	}
}

func TestStrings(t *testing.T) {
	var s Strings
	for range 3 {
		want := map[Str]string{}
		for i := range 1000 {
			v := fmt.Sprint("name", i%300)
			x := s.Intern([]byte(v))
			if old, ok := want[x]; ok && old != v {
				t.Fatalf("%q and %q have one number", old, v)
			}
			want[x] = v
		}
		if s.Len() != 300 {
			t.Fatalf("%d distinct strings, want 300", s.Len())
		}
		for x, v := range want {
			if string(s.Get(x)) != v {
				t.Fatalf("%d is %q, want %q", x, s.Get(x), v)
			}
		}
		if s.Intern(nil) != 0 || s.Get(0) != nil || s.Get(5000) != nil {
			t.Fatal("the empty string is 0")
		}
		s.Reset()
		if s.Len() != 0 || s.Get(1) != nil {
			t.Fatal("not empty after Reset")
		}
	}
}

func TestExtras(t *testing.T) {
	var b Batch
	fl := b.Grow(2)
	for i := range fl {
		fl[i] = Flow{}
		off, d := b.Arena(2*ExtraHeader + 3)
		PutExtraHeader(d, Element{PEN: 9, ID: uint16(i)}, 3)
		copy(d[ExtraHeader:], "abc")
		PutExtraHeader(d[ExtraHeader+3:], Element{ID: 5}, 0)
		fl[i].SetExtra(off, uint32(len(d)))
	}
	for i := range b.Flows {
		var got []string
		for e, v := range b.Extra(&b.Flows[i]) {
			got = append(got, fmt.Sprintf("%d/%d=%s", e.PEN, e.ID, v))
		}
		if want := []string{fmt.Sprintf("9/%d=abc", i), "0/5="}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	var bare Flow
	for range b.Extra(&bare) {
		t.Error("an extra from nowhere")
	}
}

func TestFill(t *testing.T) {
	for n := range 20 {
		fl := make([]Flow, n)
		if n > 0 {
			fl[0].Bytes = 7
		}
		Fill(fl)
		for i := range fl {
			if fl[i].Bytes != 7 {
				t.Errorf("row %d of %d is not a copy", i, n)
			}
		}
	}
}
