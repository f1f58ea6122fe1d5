package ie

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func extend(t *testing.T, e ...Element) {
	t.Helper()
	t.Cleanup(func() { Extend(nil) })
	if err := Extend(e); err != nil {
		t.Fatal(err)
	}
}

func TestExtend(t *testing.T) {
	before := slices.Collect(All())
	mine := []Element{
		{64999, 7, String, Default, "acmeTenant", ""},
		{9, 12235, OctetArray, Default, "acmeHost", ""},            // in place of appHTTPHost
		{0, 20001, Unsigned32, TotalCounter, "acmeDrops", "drops"}, // unassigned
		{0, 33002, Unsigned16, Identifier, "acmeEvent", ""},        // in place of firewallEventExtended
		{64999, 0, Unsigned8, Flags, "octetDeltaCount", ""},        // IANA's name
	}
	extend(t, mine...)
	for _, e := range mine {
		if got, ok := Lookup(e.PEN, e.ID); !ok || got != e {
			t.Errorf("Lookup(%d, %d) = %+v, %v; want %+v", e.PEN, e.ID, got, ok, e)
		}
		if got, ok := ByName(e.Name); !ok || got != e {
			t.Errorf("ByName(%q) = %+v, %v; want %+v", e.Name, got, ok, e)
		}
	}
	rev := Element{ReversePEN, 20001, Unsigned32, TotalCounter, "reverseAcmeDrops", "drops"}
	if got, ok := Lookup(ReversePEN, 20001); !ok || got != rev {
		t.Errorf("Lookup(ReversePEN, 20001) = %+v, %v; want %+v", got, ok, rev)
	}
	if got, ok := ByName(rev.Name); !ok || got != rev {
		t.Errorf("ByName(%q) = %+v, %v; want %+v", rev.Name, got, ok, rev)
	}
	if _, ok := Lookup(ReversePEN, 33002); ok {
		t.Error("a number above 32767 has a reverse")
	}
	for _, name := range []string{"appHTTPHost", "firewallEventExtended"} {
		if e, ok := ByName(name); ok {
			t.Errorf("ByName(%q) = %+v, which Lookup does not find", name, e)
		}
	}
	if e, ok := Lookup(0, 1); !ok || e.Name != "octetDeltaCount" {
		t.Errorf("Lookup(0, 1) = %+v, %v; want what is built in", e, ok)
	}
	if got := string(AppendName(nil, 64999, 7)); got != "acmeTenant" {
		t.Errorf("AppendName(64999, 7) = %q", got)
	}

	all := slices.Collect(All())
	if want := len(before) + 3; len(all) != want { // two took a place
		t.Errorf("All ranges over %d elements; want %d", len(all), want)
	}
	if !slices.IsSortedFunc(all, byNumber) {
		t.Error("All is not in order")
	}
	for _, e := range all {
		if got, _ := Lookup(e.PEN, e.ID); got != e {
			t.Errorf("All has %+v, Lookup %+v", e, got)
		}
	}
	n := 0
	for range All() {
		if n++; n == 600 {
			break
		}
	}

	extend(t, Element{64999, 8, String, Default, "acmeUser", ""})
	if e, ok := Lookup(64999, 7); ok {
		t.Errorf("after another Extend Lookup(64999, 7) = %+v; want none", e)
	}
	extend(t)
	if !slices.Equal(slices.Collect(All()), before) {
		t.Error("Extend(nil) does not restore what is built in")
	}
}

// A hidden element's name is free, and another enterprise's comes forth.
func TestExtendNames(t *testing.T) {
	name := "tcpWindowSizeMin" // of enterprise 0, 37083, and of Cisco's 4315
	if e, _ := ByName(name); e.PEN != 0 || e.ID != 37083 {
		t.Fatalf("ByName(%q) = %+v; want 37083 of enterprise 0", name, e)
	}
	extend(t, Element{0, 37083, Unsigned8, Default, "other", ""})
	if e, _ := ByName(name); e.PEN != 9 || e.ID != 4315 {
		t.Errorf("ByName(%q) = %+v; want 4315 of enterprise 9", name, e)
	}
	extend(t, Element{0, 1, Unsigned8, Default, "packetDeltaCount", ""}, Element{0, 2, Unsigned8, Default, "octetDeltaCount", ""})
	for id, want := range []string{1: "packetDeltaCount", 2: "octetDeltaCount"} {
		if e, _ := ByName(want); id > 0 && int(e.ID) != id {
			t.Errorf("ByName(%q) = %+v; want %d", want, e, id)
		}
	}
}

func TestExtendRefuses(t *testing.T) {
	ok := Element{64999, 1, String, Default, "a", ""}
	extend(t, ok)
	f := func(want string, e ...Element) {
		t.Helper()
		if err := Extend(e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Extend(%+v): error %v; want one with %q", e, err, want)
		}
		if got, _ := Lookup(64999, 1); got != ok {
			t.Errorf("after an error Lookup = %+v; want what was there before", got)
		}
	}
	f("there twice", ok, ok)
	f("both named b", Element{64999, 3, String, Default, "b", ""}, Element{64999, 2, String, Default, "b", ""})
	f("both named octetDeltaCount", Element{0, 20000, String, Default, "octetDeltaCount", ""})
	f("both named reverseOctetDeltaCount", Element{0, 20000, String, Default, "OctetDeltaCount", ""})
	f("element 1 of enterprise 29305", Element{ReversePEN, 1, String, Default, "b", ""})
	f("not in 0 to 32767", Element{9, 32768, String, Default, "b", ""})
	f("reserved", Element{0, 0, String, Default, "b", ""})
	f("name", Element{9, 1, String, Default, `b"`, ""})
	f("name", Element{9, 1, String, Default, "", ""})
	f("name", Element{9, 1, String, Default, strings.Repeat("b", 201), ""})
	f("unknown type 24", Element{9, 1, Unsigned256 + 1, Default, "b", ""})
	f("unknown semantics 9", Element{9, 1, String, SNMPGauge + 1, "b", ""})
	f("units", Element{9, 1, String, Default, "b", "\x1b[2J"})
	f("more than", make([]Element, maxExtension+1)...)
}

// Readers see the one set or the other, whole, while both keep coming.
func TestExtendRace(t *testing.T) {
	sets := [2][]Element{
		{{64999, 1, String, Default, "old", ""}, {0, 20000, Unsigned8, Default, "oldCount", ""}},
		{{64999, 1, Unsigned8, Default, "new", ""}, {0, 20000, Unsigned16, Default, "newCount", ""}},
	}
	extend(t, sets[0]...)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			dst := make([]byte, 0, 64)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if e, ok := Lookup(64999, 1); !ok || e != sets[0][0] && e != sets[1][0] {
					t.Errorf("Lookup = %+v, %v", e, ok)
				}
				if e, ok := Lookup(ReversePEN, 20000); !ok || e.Name != "reverseOldCount" && e.Name != "reverseNewCount" {
					t.Errorf("Lookup = %+v, %v", e, ok)
				}
				if n := string(AppendName(dst, 64999, 1)); n != "old" && n != "new" {
					t.Errorf("AppendName = %q", n)
				}
				ByName("old")
				for e := range All() {
					if e.PEN > 0 {
						break
					}
				}
			}
		})
	}
	for i := range 500 {
		if err := Extend(sets[i%2]); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}

func TestExtendedLookupAllocs(t *testing.T) {
	extend(t, Element{64999, 1, String, Default, "a", ""}, Element{0, 20000, String, Default, "b", ""})
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		Lookup(64999, 1)
		Lookup(ReversePEN, 20000)
		Lookup(0, 152)
		Lookup(9, 4315)
		AppendName(dst, 64999, 1)
	}); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

func BenchmarkExtendedLookup(b *testing.B) {
	if err := Extend([]Element{{64999, 1, String, Default, "a", ""}}); err != nil {
		b.Fatal(err)
	}
	defer Extend(nil)
	for i := 0; b.Loop(); i++ {
		Lookup(0, uint16(i%512))
	}
}
