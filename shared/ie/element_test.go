package ie

import (
	"cmp"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Facts of IANA's registry, written down apart from its CSV.
var known = []Element{
	{0, 1, Unsigned64, DeltaCounter, "octetDeltaCount", "octets"},
	{0, 2, Unsigned64, DeltaCounter, "packetDeltaCount", "packets"},
	{0, 4, Unsigned8, Identifier, "protocolIdentifier", ""},
	{0, 6, Unsigned16, Flags, "tcpControlBits", ""},
	{0, 8, IPv4Address, Default, "sourceIPv4Address", ""},
	{0, 9, Unsigned8, Default, "sourceIPv4PrefixLength", "bits"},
	{0, 27, IPv6Address, Default, "sourceIPv6Address", ""},
	{0, 34, Unsigned32, Quantity, "samplingInterval", "packets"}, // deprecated
	{0, 56, MACAddress, Default, "sourceMacAddress", ""},
	{0, 82, String, Default, "interfaceName", ""},
	{0, 85, Unsigned64, TotalCounter, "octetTotalCount", "octets"},
	{0, 95, OctetArray, Default, "applicationId", ""},
	{0, 136, Unsigned8, Identifier, "flowEndReason", ""},
	{0, 150, DateTimeSeconds, Default, "flowStartSeconds", "seconds"},
	{0, 152, DateTimeMilliseconds, Default, "flowStartMilliseconds", "milliseconds"},
	{0, 154, DateTimeMicroseconds, Default, "flowStartMicroseconds", "microseconds"},
	{0, 156, DateTimeNanoseconds, Default, "flowStartNanoseconds", "nanoseconds"},
	{0, 236, String, Default, "VRFname", ""},
	{0, 276, Boolean, Default, "dataRecordsReliability", ""},
	{0, 288, String, Default, "p2pTechnology", ""}, // a newline follows it in the XML
	{0, 291, BasicList, List, "basicList", ""},
	{0, 293, SubTemplateMultiList, List, "subTemplateMultiList", ""},
	{0, 311, Float64, Quantity, "samplingProbability", ""},
	{0, 434, Signed32, Quantity, "mibObjectValueInteger", ""},
	{ReversePEN, 1, Unsigned64, DeltaCounter, "reverseOctetDeltaCount", "octets"},
	{ReversePEN, 152, DateTimeMilliseconds, Default, "reverseFlowStartMilliseconds", "milliseconds"},
	{ReversePEN, 236, String, Default, "reverseVRFname", ""},
}

func TestKnown(t *testing.T) {
	for _, want := range known {
		if got, ok := Lookup(want.PEN, want.ID); !ok || got != want {
			t.Errorf("Lookup(%d, %d) = %+v, %v; want %+v", want.PEN, want.ID, got, ok, want)
		}
		if got, ok := ByName(want.Name); !ok || got != want {
			t.Errorf("ByName(%q) = %+v, %v; want %+v", want.Name, got, ok, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, id := range []uint16{0, 65, 69, 97, 105, 127, 416, 419, 32767, 32768, 65535} {
		for _, pen := range []uint32{0, ReversePEN, 1 << 31} {
			if e, ok := Lookup(pen, id); ok {
				t.Errorf("Lookup(%d, %d) = %+v; want none", pen, id, e)
			}
		}
	}
	for _, name := range []string{"", "reverse", "octetdeltacount", "reverseoctetDeltaCount",
		"reverseReverseOctetDeltaCount", "reversevRFname", "0_4242", "octetDeltaCount\n"} {
		if e, ok := ByName(name); ok {
			t.Errorf("ByName(%q) = %+v; want none", name, e)
		}
	}
}

// Every line of every registry comes back from the tables, by number and by
// name, and nothing else does.
func TestRegistries(t *testing.T) {
	type key struct {
		pen uint32
		id  uint16
	}
	listed := map[key][]string{}
	paths, _ := filepath.Glob("registry/*.csv")
	for _, p := range paths {
		pen, _, _ := strings.Cut(filepath.Base(p), "-")
		n, err := strconv.ParseUint(pen, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		in := csv.NewReader(f)
		in.Comment = '#'
		lines, err := in.ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines[1:] {
			id, _ := strconv.Atoi(l[0])
			listed[key{uint32(n), uint16(id)}] = l
		}
	}
	if len(listed) < 3000 {
		t.Fatalf("%d elements in registry/; want 3000 and more", len(listed))
	}
	for k, l := range listed {
		e, ok := Lookup(k.pen, k.id)
		sem := cmp.Or(l[3], "default")
		if !ok || e.Name != l[1] || e.Type.String() != l[2] || e.Semantics.String() != sem || e.Units != l[4] {
			t.Errorf("Lookup(%d, %d) = %+v, %v; want %q", k.pen, k.id, e, ok, l)
		}
	}
	for id := range 1 << 16 {
		for _, e := range enterprises {
			if _, ok := Lookup(e.pen, uint16(id)); ok != (listed[key{e.pen, uint16(id)}] != nil) {
				t.Errorf("Lookup(%d, %d) finds an element: %v", e.pen, id, ok)
			}
		}
	}

	var all []Element
	for e := range All() {
		all = append(all, e)
	}
	if len(all) != len(listed) {
		t.Errorf("All ranges over %d elements; want %d", len(all), len(listed))
	}
	order := func(a, b Element) int { return cmp.Or(cmp.Compare(a.PEN, b.PEN), cmp.Compare(a.ID, b.ID)) }
	for i := 1; i < len(all); i++ {
		if order(all[i-1], all[i]) >= 0 {
			t.Errorf("All: %+v does not follow %+v", all[i], all[i-1])
		}
	}
	if !slices.IsSortedFunc(byName[:], func(i, j uint16) int {
		return cmp.Compare(at(int(i), 0).Name, at(int(j), 0).Name)
	}) {
		t.Error("byName is not sorted")
	}
	for _, e := range all {
		if got, ok := ByName(e.Name); !ok || got != e && got.PEN >= e.PEN {
			t.Errorf("ByName(%q) = %+v, %v; want %+v", e.Name, got, ok, e)
		}
		if e.PEN != 0 || e.ID > maxID {
			continue
		}
		want := e
		want.PEN, want.Name = ReversePEN, "reverse"+strings.ToUpper(e.Name[:1])+e.Name[1:]
		if got, ok := Lookup(ReversePEN, e.ID); !ok || got != want {
			t.Errorf("Lookup(%d, %d) = %+v, %v; want %+v", want.PEN, e.ID, got, ok, want)
		}
		if got, ok := ByName(want.Name); !ok || got != want {
			t.Errorf("ByName(%q) = %+v, %v; want %+v", want.Name, got, ok, want)
		}
	}
}

func TestAllStops(t *testing.T) {
	n := 0
	for range All() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("All went on to %d after a break at 3", n)
	}
}

func TestAppendName(t *testing.T) {
	f := func(pen uint32, id uint16, want string) {
		t.Helper()
		if got := string(AppendName([]byte("x "), pen, id)); got != "x "+want {
			t.Errorf("AppendName(%d, %d) = %q; want %q", pen, id, got, "x "+want)
		}
	}
	f(0, 7, "sourceTransportPort")
	f(ReversePEN, 7, "reverseSourceTransportPort")
	f(0, 4242, "0_4242")
	f(ReversePEN, 4242, "29305_4242")
	f(1<<32-1, 1<<16-1, "4294967295_65535")
}

func TestTypeNames(t *testing.T) {
	if got := Unsigned256.String(); got != "unsigned256" || int(Unsigned256) != 23 {
		t.Errorf("the last type is %d %q; want 23 unsigned256", Unsigned256, got)
	}
	if got := SNMPGauge.String(); got != "snmpGauge" || int(SNMPGauge) != 8 {
		t.Errorf("the last semantics is %d %q; want 8 snmpGauge", SNMPGauge, got)
	}
	if Type(24).String() != "unknown" || Semantics(9).String() != "unknown" {
		t.Error("a number without a name is not unknown")
	}
}

func TestLookupAllocs(t *testing.T) {
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		for id := range uint16(600) {
			Lookup(0, id)
			Lookup(ReversePEN, id)
			Lookup(9, id)
			Lookup(9, 12000+id)
			Lookup(47269, id)
			AppendName(dst, 9, id)
			AppendName(dst, ReversePEN, id)
		}
	}); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		Lookup(0, uint16(i%512))
	}
}

func BenchmarkLookupVendor(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		Lookup(9, uint16(12232+i%64))
	}
}
