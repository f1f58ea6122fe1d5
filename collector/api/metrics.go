package api

import (
	"net/http"
	"net/netip"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/decode"
)

// A metric is one that we have; README.md has the table.
type metric struct {
	name, help string
	labels     []string
	desc       *prometheus.Desc
}

func newMetric(name, help string, labels ...string) *metric {
	name = "weir_" + name
	return &metric{name, help, labels, prometheus.NewDesc(name, help, labels, nil)}
}

// The metrics. Those of exporters are of all domains of the same number and
// protocol at an address.
var (
	mInfo      = newMetric("build_info", "1, by the version of weir.", "version")
	mDatagrams = newMetric("datagrams_total", "Datagrams that were decoded.")
	mOctets    = newMetric("datagram_octets_total", "Octets of these datagrams.")
	mRecords   = newMetric("records_total", "Data records, of flows and options, and counter samples.")
	mFlows     = newMetric("flows_total", "Flows; a record that tells of both directions makes two.")
	mOptions   = newMetric("options_total", "Records of options.")
	mCounters  = newMetric("counter_samples_total", "Counter samples of sFlow.")
	mTemplates = newMetric("templates_total", "Templates that were new or changed.")
	mReplaced  = newMetric("replaced_times_total", "Records whose time was impossible or unknown.")
	mFaults    = newMetric("faults_total", "Faults in datagrams, by kind.", "fault")
	mEarly     = newMetric("early_octets_total", "Octets of data that came before its template, by what became of them: recovered, undecoded (given up).", "fate")
	mWaiting   = newMetric("waiting_octets", "Octets of data that wait for their template.")
	mFiltered  = newMetric("filtered_flows_total", "Flows that stages took out.")
	mFates     = newMetric("output_flows_total", "Flows at an output, by what became of them: written, dropped (from the queue), failed, filtered (by its own filter), skipped (came before the output was there).", "output", "fate")
	mQueued    = newMetric("output_queued_flows", "Flows that wait for an output.", "output")
	mErrors    = newMetric("errors_total", "Reads of sources and writes of sinks that failed, and panics, all contained.", "kind")
	mChanges   = newMetric("exporter_changes_total", "What changed of exporters that had delivered: a new port, a new domain, a template.", "change")
	mMissed    = newMetric("tail_missed_flows_total", "Flows that those who watch were too slow for.")
	mListener  = newMetric("listener_datagrams_total", "Datagrams at a listener, by what became of them: taken, denied, refused, over_budget, truncated, kernel_dropped.", "listener", "fate")
	mExporters = newMetric("exporters", "Exporters' domains, by state.", "state")
	mHeard     = newMetric("exporter_datagrams_total", "Datagrams of an exporter.", "exporter", "domain", "protocol")
	mData      = newMetric("exporter_records_total", "Data records of an exporter that were decoded.", "exporter", "domain", "protocol")
	mTransit   = newMetric("exporter_transit_total", "What an exporter sent, in the unit of its sequence numbers, by what became of it: received, missing, duplicate.", "exporter", "domain", "protocol", "fate")
	mSkew      = newMetric("exporter_clock_skew_seconds", "How far an exporter's clock is behind ours.", "exporter", "domain", "protocol")
	mSeen      = newMetric("exporter_last_seen_timestamp_seconds", "When an exporter last sent anything.", "exporter", "domain", "protocol")
	mFindings  = newMetric("exporter_findings", "What the doctor finds about an exporter, by severity.", "exporter", "severity")
	mFound     = newMetric("findings_total", "Findings of detectors that were taken in, by severity.", "severity")
	mUnread    = newMetric("findings_unread_total", "Lines of findings that a kill had torn, or that are no findings.")

	allMetrics = append([]*metric{mInfo, mDatagrams, mOctets, mRecords, mFlows, mOptions, mCounters, mTemplates, mReplaced, mFaults, mEarly, mWaiting, mFiltered, mFates, mQueued, mErrors, mChanges, mMissed, mListener, mExporters, mHeard, mData, mTransit, mSkew, mSeen, mFindings, mFound, mUnread}, storeMetrics...)
)

// newMetrics makes the handler of /metrics: it asks when it is asked.
func newMetrics(s *Server) http.Handler {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), gatherer{s})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: 4})
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) { s.prometheus.ServeHTTP(w, r) }

// A gatherer turns what is known into metrics.
type gatherer struct{ s *Server }

func (g gatherer) Describe(out chan<- *prometheus.Desc) {
	for _, m := range allMetrics {
		out <- m.desc
	}
}

func (g gatherer) Collect(out chan<- prometheus.Metric) {
	count := func(m *metric, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(m.desc, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(m *metric, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, v, labels...)
	}
	x := g.s.deps.Pipeline.Stats()
	gauge(mInfo, 1, g.s.deps.Version)
	count(mDatagrams, x.Datagrams)
	count(mOctets, x.Octets)
	count(mRecords, x.Records)
	count(mFlows, x.Flows)
	count(mOptions, x.Options)
	count(mCounters, x.Counters)
	count(mTemplates, x.Templates)
	count(mReplaced, x.Replaced)
	for f := decode.Fault(1); f < decode.NumFaults; f++ {
		count(mFaults, x.Faults[f], f.Label())
	}
	count(mEarly, x.Recovered, "recovered")
	count(mEarly, x.Undecoded, "undecoded")
	gauge(mWaiting, float64(x.Waiting-min(x.Waiting, x.Recovered+x.Undecoded)))
	count(mFiltered, x.Filtered)
	for _, o := range x.Outputs {
		if o.Name == TailOutput {
			count(mMissed, o.Dropped+g.s.deps.Tail.missed.Load())
			continue
		}
		count(mFates, o.Written, o.Name, "written")
		count(mFates, o.Dropped, o.Name, "dropped")
		count(mFates, o.Failed, o.Name, "failed")
		count(mFates, o.Skipped, o.Name, "skipped")
		count(mFates, o.Filtered, o.Name, "filtered")
		gauge(mQueued, float64(o.Queued), o.Name)
	}
	count(mChanges, x.NewPorts, "port")
	count(mChanges, x.NewDomains, "domain")
	count(mChanges, x.Redefined, "template")
	count(mErrors, x.SourceErrors, "source")
	count(mErrors, x.SinkErrors, "sink")
	count(mErrors, x.Panics, "panic")
	for _, l := range g.s.deps.Listeners() {
		count(mListener, l.Datagrams, l.Address, "taken")
		count(mListener, l.Denied, l.Address, "denied")
		count(mListener, l.Refused, l.Address, "refused")
		count(mListener, l.OverBudget, l.Address, "over_budget")
		count(mListener, l.Truncated, l.Address, "truncated")
		count(mListener, l.Dropped, l.Address, "kernel_dropped")
	}
	if g.s.deps.Stored != nil {
		stored := g.s.deps.Stored()
		stored.tell(count, gauge)
	}
	if g.s.deps.Findings != nil {
		found := g.s.deps.Findings.Stats()
		for severity := detect.Info; severity <= detect.Critical; severity++ {
			count(mFound, found.Taken[severity], severity.String())
		}
		count(mUnread, found.Torn+found.Unread)
	}
	g.exporters(count, gauge)
}

// exporters gives the metrics of exporters, those of several ports together.
func (g gatherer) exporters(count func(*metric, uint64, ...string), gauge func(*metric, float64, ...string)) {
	type id struct{ domain, protocol string }
	states := map[State]int{Up: 0, Unreadable: 0, Silent: 0}
	for _, e := range g.s.look(netip.Addr{}).Exporters {
		address := e.Address.String()
		sums := map[id]*Domain{}
		found := map[doctor.Severity]int{doctor.Warning: 0, doctor.Error: 0}
		for _, d := range e.Domains {
			states[d.State]++
			for _, f := range d.Advice {
				if f.Severity > doctor.Note {
					found[f.Severity]++
				}
			}
			k := id{strconv.FormatUint(uint64(d.Domain), 10), d.Protocol}
			sum := sums[k]
			if sum == nil {
				sums[k] = &d
				continue
			}
			sum.Traffic.Datagrams += d.Traffic.Datagrams
			sum.Inside.Records += d.Inside.Records
			sum.Transit.Received += d.Transit.Received
			sum.Transit.Missing += d.Transit.Missing
			sum.Transit.Duplicates += d.Transit.Duplicates
			if d.LastSeen.After(sum.LastSeen) {
				sum.LastSeen, sum.ClockSkew = d.LastSeen, d.ClockSkew
			}
		}
		for k, d := range sums {
			count(mHeard, d.Traffic.Datagrams, address, k.domain, k.protocol)
			count(mData, d.Inside.Records, address, k.domain, k.protocol)
			if d.Transit.Unit != noUnit {
				count(mTransit, d.Transit.Received, address, k.domain, k.protocol, "received")
				count(mTransit, d.Transit.Missing, address, k.domain, k.protocol, "missing")
				count(mTransit, d.Transit.Duplicates, address, k.domain, k.protocol, "duplicate")
			}
			gauge(mSkew, d.ClockSkew, address, k.domain, k.protocol)
			gauge(mSeen, float64(d.LastSeen.UnixNano())/1e9, address, k.domain, k.protocol)
		}
		for severity, n := range found {
			gauge(mFindings, float64(n), address, severity.String())
		}
	}
	for state, n := range states {
		gauge(mExporters, float64(n), string(state))
	}
}
