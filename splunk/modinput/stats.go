package modinput

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/splunk/hec"
)

// figures are an event of source type weir:stats: of a domain of an exporter
// (kind exporter), of an event collector (kind indexer), or of the whole stanza
// (kind input). Counts are of the time
// since the report before, so that a sum over events is one over time. A count
// may be below zero: what was missing may come late.
type figures struct {
	host netip.Addr // the exporter, not valid for the stanza
	data []byte     // a JSON object
}

// tallies are counts of an exporter's domain, as ledgerCounts names them.
type tallies [27]int64

// ledgerCounts are what is counted for a domain of an exporter. In the unit of
// the protocol's sequence numbers, sent = received + missing, and what may still
// come late; records = filtered + written + dropped + failed, and what is held
// and queued.
var ledgerCounts = [len(tallies{})]struct {
	name string
	of   func(l *pipeline.Ledger, o *pipeline.OutputLedger) uint64
}{
	{"datagrams", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Datagrams }},
	{"octets", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Octets }},
	{"flows", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Flows }},
	{"options", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Options }},
	{"counters", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Counters }},
	{"sent", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Sent }},
	{"received", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Received }},
	{"missing", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Missing }},
	{"reordering", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Transit.Waiting }},
	{"late", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Late }},
	{"duplicates", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Duplicates }},
	{"restarts", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Restarts }},
	{"records", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Records }},
	{"held", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Held }},
	{"filtered", func(l *pipeline.Ledger, o *pipeline.OutputLedger) uint64 { return l.Filtered + o.Filtered }},
	{"queued", func(_ *pipeline.Ledger, o *pipeline.OutputLedger) uint64 { return o.Queued }},
	{"written", func(_ *pipeline.Ledger, o *pipeline.OutputLedger) uint64 { return o.Written }},
	{"dropped", func(_ *pipeline.Ledger, o *pipeline.OutputLedger) uint64 { return o.Dropped }},
	{"failed", func(_ *pipeline.Ledger, o *pipeline.OutputLedger) uint64 { return o.Failed }},
	{"undecoded_octets", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Undecoded }},
	{"waiting_octets", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 {
		return l.Early - min(l.Early, l.Recovered+l.Undecoded)
	}},
	{"recovered_octets", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Recovered }},
	{"templates", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Templates }},
	{"templates_changed", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Redefined }},
	{"times_replaced", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Replaced }},
	{"stray", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) uint64 { return l.Stray }},
	{"faults", func(l *pipeline.Ledger, _ *pipeline.OutputLedger) (n uint64) {
		for _, f := range l.Faults {
			n += f
		}
		return n
	}},
}

// gauges are counts that say how much there is at the moment, not how much came.
var gauges = map[string]bool{"reordering": true, "held": true, "queued": true, "waiting_octets": true}

// A reporter tells of the ledger, and of what was lost since it told last.
type reporter struct {
	cfg     *Config
	running *config.Running
	stream  *Stream
	hec     *hecSink // nil: flows don't go to event collectors
	log     *slog.Logger

	limit   int                      // maxKBps of a universal forwarder; 0: none
	last    time.Time                // of the report before
	told    pipeline.Stats           // then
	in      uint64                   // events until then
	ledgers map[pipeline.Key]tallies // then
	total   map[string]uint64        // then, of the stanza, by name
}

// report logs what was lost since the last report, and nothing if nothing was;
// and makes events of the ledger.
func (r *reporter) report(now time.Time) {
	s := r.running.Stats()
	if n := s.Dropped - r.told.Dropped; n > 0 {
		why := "flows were dropped because Splunk reads too slowly"
		if r.hec != nil {
			why = "flows were dropped because the event collectors take them too slowly"
		}
		r.log.Warn(why, "dropped", n, "dropped_total", s.Dropped, "queued", s.Queued)
	}
	var faults []any
	for i, n := range s.Faults {
		if n -= r.told.Faults[i]; n > 0 {
			faults = append(faults, slog.Uint64(decode.Fault(i).Label(), n))
		}
	}
	if faults != nil {
		r.log.Warn("datagrams could not be decoded as a whole", faults...)
	}
	c, _ := r.stream.ring.stats()
	r.tooFast(c.in-r.in, now.Sub(r.last))
	r.told, r.in = s, c.in
	r.stream.stats(now.UnixNano(), r.figures(now, &s))
	r.last = now
}

// figures returns those of exporters that something has come of, of event
// collectors, and of the stanza.
func (r *reporter) figures(now time.Time, s *pipeline.Stats) (all []figures) {
	ledgers := r.running.Pipeline().Ledgers()
	then := r.ledgers
	r.ledgers = make(map[pipeline.Key]tallies, len(ledgers))
	for i := range ledgers {
		l := &ledgers[i]
		r.ledgers[l.Key] = tally(l)
	}
	// What was told of an exporter that has no account any more is told: its
	// counts are now among those of all others.
	others := then[pipeline.Key{}]
	for k, t := range then {
		if _, ok := r.ledgers[k]; !ok && k != (pipeline.Key{}) {
			for i := range t {
				others[i] += t[i]
			}
		}
	}
	for i := range ledgers {
		l := &ledgers[i]
		was, n := then[l.Key], r.ledgers[l.Key]
		if l.Key == (pipeline.Key{}) {
			was = others
		}
		if n != was {
			all = append(all, figures{l.Exporter, r.appendLedger(nil, now, l, &n, &was)})
		}
	}
	var h *hec.Stats
	if r.hec != nil {
		stats := r.hec.Stats()
		h = &stats
		for i := range h.Indexers {
			all = append(all, figures{data: r.appendIndexer(nil, now, &h.Indexers[i])})
		}
	}
	return append(all, figures{data: r.appendTotal(nil, now, s, h, len(ledgers))})
}

func tally(l *pipeline.Ledger) (t tallies) {
	var o pipeline.OutputLedger
	if len(l.Outputs) > 0 {
		o = l.Outputs[0]
	}
	for i := range ledgerCounts {
		t[i] = int64(ledgerCounts[i].of(l, &o))
	}
	return t
}

// begin begins the object of figures.
func (r *reporter) begin(dst []byte, kind string, now time.Time) []byte {
	dst = append(dst, `{"kind":"`+kind+`","stanza":`...)
	dst = appendQuoted(dst, r.cfg.Stanza)
	return fmt.Appendf(dst, `,"interval":%.3f`, now.Sub(r.last).Seconds())
}

func (r *reporter) appendLedger(dst []byte, now time.Time, l *pipeline.Ledger, n, was *tallies) []byte {
	dst = r.begin(dst, "exporter", now)
	if l.Exporter.IsValid() {
		dst = fmt.Appendf(dst, `,"exporter":"%s","from":"%s","domain":%d,"version":%d,"export_protocol":"%s"`,
			l.Exporter.Unmap().WithZone(""), netip.AddrPortFrom(l.From.Addr().Unmap().WithZone(""), l.From.Port()), l.Domain, l.Version, l.Protocol())
		if u := l.Unit(); u != "" {
			dst = append(dst, `,"unit":"`+u+`"`...)
		}
	} else {
		dst = append(dst, `,"exporter":"others"`...)
	}
	for i, c := range ledgerCounts {
		v := n[i] - was[i]
		if gauges[c.name] {
			v = n[i]
		}
		dst = appendNumber(dst, c.name, v)
	}
	if l.LastFault != 0 {
		dst = append(dst, `,"last_fault":"`+l.LastFault.Label()+`"`...)
	}
	return fmt.Appendf(dst, `,"clock_skew":%.3f}`, float64(l.Skew)/1e9)
}

// A number is a count or a gauge with its name.
type number struct {
	name string
	v    uint64
}

// totals returns what is counted for the whole stanza, and what there is of
// something at the moment. There are numbers of stitching and of event collectors
// only where these are.
func (r *reporter) totals(s *pipeline.Stats, h *hec.Stats) (counts, moment []number) {
	c, octets := r.stream.ring.stats()
	var kernel, faults uint64
	for _, l := range r.running.Listeners() {
		kernel += l.Stats().Dropped
	}
	for _, f := range s.Faults {
		faults += f
	}
	filtered := s.Filtered
	for _, o := range s.Outputs {
		filtered += o.Filtered
	}
	counts = []number{
		{"datagrams", s.Datagrams}, {"records", s.Records}, {"flows", s.Flows}, {"filtered", filtered},
		{"written", s.Written}, {"dropped", s.Dropped}, {"failed", s.Failed},
		{"events", c.out}, {"events_dropped", c.dropped}, {"kernel_dropped", kernel}, {"faults", faults},
	}
	moment = []number{{"queued", s.Queued}, {"buffered_octets", uint64(octets)}}
	if len(s.Outputs) > 0 {
		moment = append(moment, number{"spilled", s.Outputs[0].Spilled})
	}
	if st, ok := r.stream.stitching(); ok {
		counts = append(counts, number{"stitch_pairs", st.Pairs}, number{"stitch_alone", st.Alone}, number{"stitch_pushed", st.Pushed})
		moment = append(moment, number{"stitch_waiting", st.Waiting})
	}
	if h != nil {
		var sent uint64
		for i := range h.Indexers {
			sent += h.Indexers[i].Events
		}
		counts = append(counts,
			number{"hec_requests", h.Requests}, number{"hec_octets", h.Octets}, number{"hec_resent", h.Resent}, number{"hec_unacknowledged", h.Unacked},
			number{"hec_sent", sent}, number{"hec_written", h.Events}, number{"hec_dropped", h.Dropped}, number{"hec_failed", h.Failed})
		moment = append(moment, number{"hec_held_octets", uint64(h.Held)})
	}
	return counts, moment
}

func (r *reporter) appendTotal(dst []byte, now time.Time, s *pipeline.Stats, h *hec.Stats, exporters int) []byte {
	dst = r.begin(dst, "input", now)
	counts, moment := r.totals(s, h)
	for _, c := range counts {
		dst = appendNumber(dst, c.name, int64(c.v-r.total[c.name]))
		r.total[c.name] = c.v
	}
	for _, m := range moment {
		dst = appendNumber(dst, m.name, int64(m.v))
	}
	return append(appendNumber(dst, "exporters", int64(exporters)), '}')
}

// appendIndexer is of an event collector: what it took, and why it isn't well.
func (r *reporter) appendIndexer(dst []byte, now time.Time, x *hec.Indexer) []byte {
	dst = r.begin(dst, "indexer", now)
	dst = appendQuoted(append(dst, `,"indexer":`...), x.URL)
	key := "events of " + x.URL
	dst = appendNumber(dst, "events", int64(x.Events-r.total[key]))
	r.total[key] = x.Events
	if x.Trouble != "" {
		dst = appendQuoted(append(dst, `,"trouble":`...), x.Trouble)
	}
	return append(dst, '}')
}

func appendNumber(dst []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(dst, `,"`+name+`":`...), v, 10)
}
