package plugin

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/query/engine"
)

// A meter tells Grafana's metrics of the plugin what a Hub hears.
type meter struct{ *Hub }

// measures are what there is to tell of where the plugin listens.
var measures = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*engine.View, *pipeline.Stats) float64
}{
	{measure("window_flows", "flows in the window"), prometheus.GaugeValue, func(v *engine.View, _ *pipeline.Stats) float64 { return float64(v.Rows) }},
	{measure("window_bytes", "octets that the window takes"), prometheus.GaugeValue, func(v *engine.View, _ *pipeline.Stats) float64 { return float64(v.Size) }},
	{measure("window_complete_since_seconds", "since when the window is complete"), prometheus.GaugeValue, func(v *engine.View, _ *pipeline.Stats) float64 { return float64(v.Since.UnixMilli()) / 1e3 }},
	{measure("datagrams_total", "datagrams that have come"), prometheus.CounterValue, func(_ *engine.View, s *pipeline.Stats) float64 { return float64(s.Datagrams) }},
	{measure("flows_total", "flows that were decoded"), prometheus.CounterValue, func(_ *engine.View, s *pipeline.Stats) float64 { return float64(s.Flows) }},
	{measure("flows_lost_total", "flows that the queue before the window had no room for"), prometheus.CounterValue, func(_ *engine.View, s *pipeline.Stats) float64 { return float64(s.Dropped) }},
	{measure("waiting_bytes", "octets of data that wait for their template"), prometheus.GaugeValue, func(_ *engine.View, s *pipeline.Stats) float64 { return float64(waiting(s)) }},
}

var streamsRun = prometheus.NewDesc("weir_streams", "streams that run", nil, nil)

func measure(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("weir_"+name, help, []string{"listen"}, nil)
}

// Describe implements prometheus.Collector.
func (m meter) Describe(to chan<- *prometheus.Desc) {
	for _, x := range measures {
		to <- x.desc
	}
	to <- streamsRun
}

// Collect implements prometheus.Collector.
func (m meter) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	ears := slices.Clone(m.ears)
	m.mu.Unlock()
	for _, e := range ears {
		v, s := e.window.View(), e.now().Stats()
		for _, x := range measures {
			to <- prometheus.MustNewConstMetric(x.desc, x.kind, x.value(&v, &s), strings.Join(e.listens(), ","))
		}
	}
	to <- prometheus.MustNewConstMetric(streamsRun, prometheus.GaugeValue, float64(m.live.running()))
}

// waiting is how many octets of data wait for their template still.
func waiting(s *pipeline.Stats) uint64 {
	return s.Waiting - min(s.Waiting, s.Recovered+s.Undecoded)
}
