package enrich

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

func stage(t testing.TB, c Config, names Namer) *Stage {
	t.Helper()
	s, err := New(c, Deps{Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// add appends a flow with the columns of set to b.
func add(b *flow.Batch, f flow.Flow, set ...flow.Field) *flow.Flow {
	f.Set = flow.SetOf(append(set, flow.FieldExporter)...)
	n := &b.Grow(1)[0]
	*n = f
	return n
}

// columnsOf writes the columns of f that this package fills.
func columnsOf(b *flow.Batch, f *flow.Flow) string {
	var out []string
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		switch c := &flow.Fields[x]; {
		case c.Kind == flow.KindStr:
			out = append(out, fmt.Sprintf("%s=%s", c.Name, b.Strings.Get(flow.Str(f.Uint(x)))))
		case slices.Contains([]string{"InIfSpeed", "OutIfSpeed", "SamplingRate", "SrcAS", "DstAS"}, c.Name):
			out = append(out, fmt.Sprintf("%s=%d", c.Name, f.Uint(x)))
		}
	}
	return strings.Join(out, " ")
}

func expect(t *testing.T, what string, b *flow.Batch, f *flow.Flow, want string) {
	t.Helper()
	if got := columnsOf(b, f); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// text is a string of variable length.
func text(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// announce decodes IPFIX options into b: a name and a description of interface
// 3, names of application 13:421 and VRF 5.
func announce(t *testing.T, d *decode.Decoder, b *flow.Batch, interfaceName string) {
	t.Helper()
	f := flowtest.F
	var sets [][]byte
	for i, x := range []struct {
		fields []flowtest.Field
		record []byte
	}{
		{[]flowtest.Field{f(0, 10, 4), f(0, 82, 0xffff), f(0, 83, 0xffff)}, slices.Concat([]byte{0, 0, 0, 3}, text(interfaceName), text("to the core"))},
		{[]flowtest.Field{f(0, 95, 4), f(0, 96, 0xffff)}, slices.Concat([]byte{13, 0, 1, 165}, text("webex"))},
		{[]flowtest.Field{f(0, 234, 4), f(0, 236, 0xffff)}, slices.Concat([]byte{0, 0, 0, 5}, text("red"))},
	} {
		id := uint16(400 + i)
		sets = append(sets, flowtest.OptionsTemplate(10, id, 1, x.fields), flowtest.Set(id, x.record))
	}
	if err := d.Decode(b, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: flowtest.Packet(10, 7, sets...)}); err != nil {
		t.Fatal(err)
	}
}

var exporter = addr("192.0.2.1") // flowtest.From

// The operator's word comes before that of options, and that before counters.
func TestPrecedence(t *testing.T) {
	store := template.NewStore(template.Limits{})
	d := decode.New(store)
	var b flow.Batch
	record := func(b *flow.Batch) *flow.Flow {
		return add(b, flow.Flow{Exporter: exporter, Domain: 7, Version: 10, InIf: 3, OutIf: 4, InVRF: 5, OutVRF: 6, AppID: 13<<56 | 421},
			flow.FieldInIf, flow.FieldOutIf, flow.FieldInVRF, flow.FieldOutVRF, flow.FieldAppID)
	}
	plain := stage(t, Default(), store)
	f := record(&b)
	plain.Apply(&b)
	expect(t, "before anything is known", &b, f, "")

	b.Reset()
	f = record(&b) // before the options in the same batch
	announce(t, d, &b, "Gi0/3")
	plain.Apply(&b)
	const options = "InIfName=Gi0/3 InIfDesc=to the core InVRFName=red"
	expect(t, "options", &b, f, "AppName=webex "+options)

	b.Reset()
	announce(t, d, &b, "Gi0/3/0")
	f = record(&b)
	plain.Apply(&b)
	expect(t, "another name", &b, f, "AppName=webex "+strings.Replace(options, "Gi0/3", "Gi0/3/0", 1))

	b.Reset()
	f = record(&b)
	f.Domain = 8
	plain.Apply(&b)
	expect(t, "another domain", &b, f, "")

	b.Reset()
	f = record(&b)
	f.Exporter, f.Sender = addr("198.51.100.1"), exporter
	plain.Apply(&b)
	expect(t, "behind a mediator", &b, f, "AppName=webex "+strings.Replace(options, "Gi0/3", "Gi0/3/0", 1))

	b.Reset()
	f = record(&b)
	for _, index := range []uint32{3, 4} {
		b.Counters = append(b.Counters, flow.Counter{Exporter: exporter, HasInterface: true, Interface: flow.Interface{Index: index, Speed: 1e9}})
	}
	b.Counters = append(b.Counters, flow.Counter{Exporter: exporter, HasInterface: true, Interface: flow.Interface{Index: 4, Speed: ^uint64(0)}}) // unknown
	operator := stage(t, parse(t, `
exporters:
- {address: 192.0.2.1, name: edge, site: Berlin}
interfaces:
- {exporter: 192.0.2.1, index: 3, name: up, speed: 10G, role: external}
`), store)
	operator.Apply(&b)
	expect(t, "operator, options, counters", &b, f, "AppName=webex InIfSpeed=10000000 OutIfSpeed=1000000 "+
		"ExporterName=edge ExporterSite=Berlin InIfName=up InIfDesc=to the core InIfRole=external InVRFName=red")

	b.Reset()
	f = record(&b)
	f.AppName = b.Strings.Intern([]byte("from the record"))
	f.Set.Add(flow.FieldAppName)
	c := Default()
	c.Options, c.Counters = false, false
	stage(t, c, store).Apply(&b)
	expect(t, "nothing wanted", &b, f, "AppName=from the record")
}

func TestSampling(t *testing.T) {
	s := stage(t, parse(t, `
exporters:
- {address: 192.0.2.0/24, sampling: 100}
- {address: 192.0.2.1, sampling: scaled, interfaces: [{index: 3, sampling: 2000}]}
- {address: 192.0.2.2, name: other}
`), nil)
	f := func(want string, e string, in, out uint32, direction uint8) {
		t.Helper()
		var b flow.Batch
		f := add(&b, flow.Flow{Exporter: addr(e), InIf: in, OutIf: out, Direction: direction, SamplingRate: 512}, flow.FieldSamplingRate)
		s.Apply(&b)
		if got := columnsOf(&b, f); !strings.HasPrefix(got, want) {
			t.Errorf("%s in %d out %d direction %d: %s, want %s", e, in, out, direction, got, want)
		}
	}
	f("SamplingRate=512", "198.51.100.1", 3, 3, 0)
	f("SamplingRate=1", "192.0.2.1", 1, 2, 0)
	f("SamplingRate=2000", "192.0.2.1", 3, 2, 0)
	f("SamplingRate=1", "192.0.2.1", 1, 3, 0) // seen at interface 1
	f("SamplingRate=2000", "192.0.2.1", 1, 3, 1)
	f("SamplingRate=1", "192.0.2.1", 3, 1, 1)
	f("SamplingRate=100", "192.0.2.2", 1, 2, 0)
	f("SamplingRate=100", "192.0.2.3", 1, 2, 0)
}

func TestClockShift(t *testing.T) {
	s := stage(t, parse(t, "exporters: [{address: 192.0.2.1, clock_shift: -2s}]"), nil)
	const sec = int64(time.Second)
	f := func(in, want flow.Flow, set ...flow.Field) {
		t.Helper()
		var b flow.Batch
		in.Exporter = exporter
		f := add(&b, in, set...)
		s.Apply(&b)
		if f.Start != want.Start || f.End != want.End || f.Received != in.Received {
			t.Errorf("start %d, end %d; want %d, %d", f.Start, f.End, want.Start, want.End)
		}
	}
	f(flow.Flow{Start: 10 * sec, End: 20 * sec, Received: 30 * sec}, flow.Flow{Start: 8 * sec, End: 18 * sec}, flow.FieldStart, flow.FieldEnd, flow.FieldReceived)
	f(flow.Flow{End: 20 * sec}, flow.Flow{End: 18 * sec}, flow.FieldEnd)
	f(flow.Flow{}, flow.Flow{})
	f(flow.Flow{Start: 30 * sec, End: 20 * sec, Received: 30 * sec, Marks: flow.TimeReplaced}, flow.Flow{Start: 30 * sec, End: 18 * sec},
		flow.FieldStart, flow.FieldEnd, flow.FieldReceived) // that start is ours
}

func TestApplications(t *testing.T) {
	s := stage(t, parse(t, `
ports: true
applications:
- {port: 8443, proto: tcp, name: intranet}
- {port: 22, name: jump}
`), nil)
	f := func(proto uint8, src, dst uint16, want string) {
		t.Helper()
		var b flow.Batch
		f := add(&b, flow.Flow{Exporter: exporter, Proto: proto, SrcPort: src, DstPort: dst}, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort)
		s.Apply(&b)
		if got := string(b.Strings.Get(f.AppName)); got != want || (f.Marks == flow.AppGuessed) != (want != "") || f.Set.Has(flow.FieldAppName) != (want != "") {
			t.Errorf("protocol %d, %d to %d: %q, marks %d, want %q", proto, src, dst, got, f.Marks, want)
		}
	}
	f(6, 50000, 443, "https")
	f(6, 443, 50000, "https")
	f(17, 443, 50000, "https")
	f(6, 8080, 443, "https") // both are known: the lower
	f(6, 443, 8080, "https")
	f(6, 1, 50000, "tcpmux")
	f(6, 500, 8443, "intranet") // the lower is none of TCP's
	f(17, 40000, 8443, "")      // of TCP only
	f(17, 22, 40000, "jump")    // either
	f(6, 22, 40000, "jump")
	f(132, 40000, 38412, "ng-control")
	f(33, 443, 443, "")
	f(1, 0, 443, "")
	f(6, 0, 0, "")
	f(6, 0, 443, "https")

	s = stage(t, Default(), nil)
	f(6, 50000, 443, "")
	s = stage(t, parse(t, "applications: [{port: 443, name: web}]"), nil) // the operator's alone
	f(6, 50000, 443, "web")
	f(6, 50000, 22, "")
}

func TestAddresses(t *testing.T) {
	dir := t.TempDir()
	country, as := filepath.Join(dir, "country.mmdb"), filepath.Join(dir, "as.mmdb")
	writeMMDB(t, country, map[string]map[string]any{
		"198.51.100.0/24":  {"country": map[string]any{"iso_code": "DE"}}, // MaxMind
		"203.0.113.0/25":   {"country_code": "fr"},                        // ip-location-db
		"203.0.113.128/25": {"country": "JP", "asn": "AS64499"},           // IPinfo
		"2001:db8::/32":    {"country": map[string]any{"iso_code": "US"}, "traits": map[string]any{"is_anycast": true}},
	})
	writeMMDB(t, as, map[string]map[string]any{
		"198.51.100.0/25":  {"autonomous_system_number": uint32(64500)},
		"203.0.113.128/25": {"autonomous_system_number": uint32(64501)},
		"2001:db8::/48":    {"autonomous_system_number": uint32(4200000000)},
	})
	s := stage(t, parse(t, fmt.Sprintf(`
home: [10.0.0.0/8, "2001:db8:aaaa::/48"]
maxmind: [%s, %s]
networks:
- {prefix: 10.0.0.0/8, name: inside, role: users}
- {prefix: 10.1.0.0/16, site: Berlin}
- {prefix: "2001:db8::/32", name: six}
`, country, as)), nil)
	f := func(src, dst string, srcAS uint32, want string) {
		t.Helper()
		var b flow.Batch
		f := add(&b, flow.Flow{Exporter: exporter, SrcAddr: addr(src), DstAddr: addr(dst), SrcAS: srcAS}, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcAS)
		for range 2 { // found, and remembered
			s.Apply(&b)
		}
		expect(t, src+" to "+dst, &b, f, want)
	}
	f("10.1.2.3", "198.51.100.1", 0, "SrcAS=0 DstAS=64500 SrcNet=inside SrcSite=Berlin SrcRole=users DstCountry=DE Perimeter=outbound")
	f("198.51.100.200", "10.2.0.1", 0, "SrcAS=0 DstNet=inside DstRole=users SrcCountry=DE Perimeter=inbound")
	f("198.51.100.1", "203.0.113.1", 65000, "SrcAS=65000 SrcCountry=DE DstCountry=FR Perimeter=external")
	f("203.0.113.200", "203.0.113.201", 0, "SrcAS=64499 DstAS=64499 SrcCountry=JP DstCountry=JP Perimeter=external")
	f("2001:db8::1", "2001:db8:aaaa::1", 0, "SrcAS=4200000000 SrcNet=six DstNet=six Perimeter=inbound")
	f("2001:db8:aaaa::1", "10.0.0.1", 0, "SrcAS=0 SrcNet=six DstNet=inside DstRole=users Perimeter=internal")

	var b flow.Batch
	only := add(&b, flow.Flow{Exporter: exporter, DstAddr: addr("10.0.0.1")}, flow.FieldDstAddr)
	s.Apply(&b)
	expect(t, "no source", &b, only, "DstNet=inside DstRole=users")
}

// A batch that is full of strings has no room for names; that is counted.
func TestNoRoom(t *testing.T) {
	s := stage(t, parse(t, "ports: true\nexporters: [{address: 192.0.2.1, name: edge}]"), nil)
	var b flow.Batch
	for i := range 1 << 16 {
		b.Strings.Intern(fmt.Append(nil, i))
	}
	f := add(&b, flow.Flow{Exporter: exporter, Proto: 6, DstPort: 443})
	s.Apply(&b)
	if f.ExporterName != 0 || f.Set.Has(flow.FieldExporterName) || f.AppName != 0 || s.Stats().NoRoom != 2 {
		t.Errorf("name %d, application %d, %+v", f.ExporterName, f.AppName, s.Stats())
	}
}

func TestStats(t *testing.T) {
	s := stage(t, parse(t, `
ports: true
exporters: [{address: 192.0.2.1, name: edge}]
networks: [{prefix: 10.0.0.0/8, name: inside}]
`), nil)
	var b flow.Batch
	for i := range 4 {
		e := exporter
		e[15] += byte(i % 2)
		add(&b, flow.Flow{Exporter: e, SrcAddr: addr("10.0.0.1"), DstAddr: addr("192.0.2.1"), Proto: 6, DstPort: []uint16{443, 60000}[i/2]},
			flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldDstPort)
	}
	s.Apply(&b)
	st := s.Stats()
	if st.Flows != 4 || st.Exporters != (Found{2, 2}) || st.Networks != (Found{4, 4}) || st.Countries != (Found{0, 8}) ||
		st.Applications != (Found{2, 2}) || st.Guessed != 2 || st.Rows != 2 {
		t.Errorf("%+v", st)
	}
}

// An exporter of which nothing is known costs no look at its flows; what is
// learned of it later counts from then on.
func TestSilentExporters(t *testing.T) {
	s := stage(t, Default(), template.NewStore(template.Limits{}))
	apply := func() (*flow.Batch, *flow.Flow) {
		b := &flow.Batch{}
		add(b, flow.Flow{Exporter: addr("192.0.2.1"), InIf: 3, OutIf: 4}, flow.FieldInIf, flow.FieldOutIf)
		s.Apply(b)
		return b, &b.Flows[0]
	}
	b, f := apply()
	expect(t, "nothing is known", b, f, "")
	if got := s.Stats(); got.Flows != 1 || got.Exporters.Misses != 1 || got.Interfaces.Misses != 2 || got.Applications.Misses != 1 {
		t.Errorf("%+v", got)
	}
	s.Apply(&flow.Batch{Counters: []flow.Counter{{Exporter: addr("192.0.2.1"), HasInterface: true, Interface: flow.Interface{Index: 3, Speed: 1e9}}}})
	b, f = apply()
	expect(t, "an interface's speed is known", b, f, "InIfSpeed=1000000")
}
