package modinput

import (
	"encoding/xml"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

func TestMetrics(t *testing.T) {
	b, _ := sample("my app|<x>", "")
	f := &b.Flows[0]
	f.Bytes, f.Packets, f.SamplingRate = 1000, 2, 10
	f.Set.Add(flow.FieldSamplingRate)
	g := *f
	g.Set.Del(flow.FieldSamplingRate)
	b.Flows = append(b.Flows, g)
	var out spy
	s := NewStream(&out, parsed(t, Param{"types", "stats"}, Param{"metrics_index", "net_metrics"}), nil)
	if err := errors.Join(s.Open(), s.Write(t.Context(), b)); err != nil {
		t.Fatal(err)
	}
	s.rollup(time.Unix(1e9, 0))
	s.rollup(time.Unix(1e9+60, 0)) // nothing came since
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	var x struct {
		Events []struct {
			xmlEvent
			Index string `xml:"index"`
		} `xml:"event"`
	}
	if err := xml.Unmarshal(out.text.Bytes(), &x); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range x.Events {
		if e.Sourcetype != "weir:metric" || e.Index != "net_metrics" || e.Host != "192.0.2.1" || e.Time != "1000000000.000" {
			t.Errorf("%+v", e)
		}
		got = append(got, e.Data)
	}
	slices.Sort(got)
	const sums = " flow_bytes=11000 flow_packets=22 flow_count=2"
	want := []string{
		"kind=app exporter=192.0.2.1 app=my%20app%7C%3Cx%3E" + sums,
		"kind=dst_as exporter=192.0.2.1 as=13335" + sums,
		"kind=interface_in exporter=192.0.2.1 interface=7" + sums,
		"kind=interface_out exporter=192.0.2.1 interface=4294967295" + sums,
		"kind=src_as exporter=192.0.2.1 as=64512" + sums,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Volumes that 64 bits don't hold are the most that they do, not little ones.
func TestMetricsStayAtTheMost(t *testing.T) {
	f := flow.Flow{Bytes: 1 << 62, Packets: 1 << 40, SamplingRate: 1 << 20}
	f.Set = flow.SetOf(flow.FieldBytes, flow.FieldPackets, flow.FieldSamplingRate, flow.FieldSrcAS)
	g := f
	g.SamplingRate, g.Bytes = 1, 1<<64-1
	m := newMetrics("x")
	m.add(&flow.Batch{Flows: []flow.Flow{f, g, g}})
	for k, s := range m.all {
		if *s != (sums{bytes: 1<<64 - 1, packets: 1<<60 + 2<<40, flows: 3}) {
			t.Errorf("%+v: %+v", k, *s)
		}
	}
	if len(m.all) != 1 {
		t.Errorf("%d keys", len(m.all))
	}
}

// However many keys there are, the sums are bounded and nothing is lost.
func TestMetricsAreBounded(t *testing.T) {
	m := newMetrics("x")
	m.most = 100
	for i := range 10000 {
		m.count(metricKey{kind: bySrcAS, exporter: flow.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), id: uint64(i)}, sums{bytes: 1, flows: 1})
	}
	var all uint64
	for _, s := range m.all {
		all += s.bytes
	}
	if len(m.all) > 2*m.most+int(metricKinds) || all != 10000 {
		t.Errorf("%d keys, %d", len(m.all), all)
	}
}
