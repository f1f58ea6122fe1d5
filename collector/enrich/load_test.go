package enrich

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// traffic is a batch of decoded flows with a full configuration to apply.
func traffic(t testing.TB) (*Stage, *flow.Batch) {
	t.Helper()
	dir := t.TempDir()
	db := filepath.Join(dir, "geo.mmdb")
	writeMMDB(t, db, geo)
	c := Default()
	c.Ports = true
	c.Exporters = []Exporter{{Address: prefix("192.0.2.0/24"), Name: "edge", Site: "Berlin", Sampling: 100, ClockShift: time.Second}}
	for i := range uint32(64) {
		c.Interfaces = append(c.Interfaces, Interface{Exporter: prefix("192.0.2.1"), Index: i + 1, Name: fmt.Sprint("Gi0/", i), Speed: 1e10, Role: "external"})
	}
	for i := range 200 {
		c.Networks = append(c.Networks, Network{Prefix: prefix(fmt.Sprintf("10.%d.0.0/16", i)), Name: fmt.Sprint("net", i), Site: "Berlin", Role: "users"})
	}
	c.Home = []Prefix{prefix("10.0.0.0/8")}
	c.Maxmind = []string{db}
	store := template.NewStore(template.Limits{})
	d := decode.New(store)
	var b flow.Batch
	m := flowtest.New(1)
	for i := range 10 {
		data := flowtest.Packet(10, 7, m.Data(300, 24, flowtest.TwentyIPFIX))
		if i == 0 {
			data = flowtest.Packet(10, 7, flowtest.Template(10, 300, flowtest.TwentyIPFIX), m.Data(300, 24, flowtest.TwentyIPFIX))
		}
		if err := d.Decode(&b, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	return stage(t, c, store), &b
}

var geo = map[string]map[string]any{
	"10.0.0.0/9":   {"country_code": "DE", "autonomous_system_number": uint32(64500)},
	"10.128.0.0/9": {"country_code": "FR", "autonomous_system_number": uint32(64501)},
	"192.0.0.0/8":  {"country_code": "US"},
}

func prefix(s string) (p Prefix) {
	if err := p.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return p
}

func TestNoAllocations(t *testing.T) {
	s, b := traffic(t)
	for _, mode := range []string{None, Cryptopan, Truncate} {
		c := s.tables.Load().cfg
		c.Anonymise.Mode = mode
		if mode == Cryptopan {
			c.Anonymise.Key = hex.EncodeToString(sampleKey)
		}
		s := stage(t, c, s.names)
		kept := slices.Clone(b.Flows)
		apply := func() {
			copy(b.Flows, kept)
			b.Strings.Reset()
			s.Apply(b)
		}
		apply()
		if n := testing.AllocsPerRun(100, apply); n != 0 {
			t.Errorf("%s: %v allocations a batch", mode, n)
		}
		copy(b.Flows, kept)
	}
}

// Many workers at once, tables and names changing under them, give each flow
// what the tables of some moment say.
func TestConcurrent(t *testing.T) {
	s, first := traffic(t)
	store := s.names.(*template.Store)
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() {
			var b flow.Batch
			for n := range 200 {
				b.Reset()
				copy(b.Grow(len(first.Flows)), first.Flows)
				if n%10 == i {
					announce(t, decode.New(store), &b, fmt.Sprint("Te", n))
				}
				if n%7 == i {
					b.Counters = append(b.Counters, flow.Counter{Exporter: exporter, HasInterface: true, Interface: flow.Interface{Index: uint32(n), Speed: 1e9}})
				}
				s.Apply(&b)
				for k := range b.Flows {
					if got := string(b.Strings.Get(flow.Str(b.Flows[k].ExporterName))); got != "edge" {
						t.Errorf("exporter is %q", got)
						return
					}
				}
			}
		})
	}
	for range 20 {
		if err := s.Configure(s.tables.Load().cfg); err != nil {
			t.Error(err)
		}
		s.Stats()
	}
	workers.Wait()
	if n := s.Stats().Flows; n != uint64(4*200*len(first.Flows)) {
		t.Errorf("%d flows counted, want %d", n, 4*200*len(first.Flows))
	}
	if len(s.idle) > 4 {
		t.Errorf("%d workers for 4 callers", len(s.idle))
	}
}

func BenchmarkApply(b *testing.B) {
	full, batch := traffic(b)
	kept := slices.Clone(batch.Flows)
	hidden := full.tables.Load().cfg
	hidden.Anonymise.Mode, hidden.Anonymise.Key = Cryptopan, hex.EncodeToString(sampleKey)
	for _, x := range []struct {
		name string
		c    Config
	}{{"default", Default()}, {"full", full.tables.Load().cfg}, {"full+cryptopan", hidden}} {
		s := stage(b, x.c, full.names)
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				copy(batch.Flows, kept)
				batch.Strings.Reset()
				s.Apply(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(kept)), "ns/record")
		})
	}
}
