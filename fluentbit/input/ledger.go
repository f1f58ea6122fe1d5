package input

import (
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// mostLines is how many exporters the log tells of at once.
const mostLines = 50

// tellLedger writes the ledger: an event for each domain of an exporter and one for
// all, and the same figures into the log. All counts are since the start.
func (x *Instance) tellLedger(now time.Time) {
	all := x.running.Pipeline().Ledgers()
	s := x.Stats()
	var kernel uint64
	for _, l := range x.running.Listeners() {
		kernel += l.Stats().Dropped
	}
	x.log.Info("ledger", "datagrams", s.Collector.Datagrams, "records", s.Collector.Records, "events", s.Ring.In.Events, "delivered", s.Ring.Out.Events,
		"waiting", s.Ring.Waiting.Events, "dropped", s.Collector.Dropped, "kernel_dropped", kernel, "exporters", len(all))
	for i := range all {
		if i == mostLines {
			x.log.Info("ledger: and more exporters", "more", len(all)-i)
			break
		}
		l := &all[i]
		o := output(l)
		x.log.Info("ledger of "+name(l), "protocol", l.Protocol(), "domain", l.Domain, "unit", l.Unit(), "sent", l.Sent, "received", l.Received, "missing", l.Missing,
			"records", l.Records, "delivered", o.Written, "waiting", o.Queued+l.Held, "dropped", o.Dropped, "filtered", l.Filtered)
	}
	if !x.cfg.Types.Has(Ledgers) {
		return
	}
	var buf []byte
	events := 0
	hand := func() {
		x.ring.add("", events, buf, nil)
		buf, events = buf[:0], 0
	}
	add := func(t tree, meta map[string]any) {
		d, err := t.appendEvent(buf, now, meta)
		if err != nil {
			x.log.Error(err.Error())
			return
		}
		buf = d
		if events++; len(buf) > chunkSize/2 { // there may be thousands of exporters
			hand()
		}
	}
	for i := range all {
		add(x.ledgerRecord(&all[i], now))
	}
	t := x.statsRecord(now)
	t.set("weir.stats.events", map[string]any{
		"encoded": s.Ring.In.Events, "delivered": s.Ring.Out.Events, "dropped": s.Ring.Dropped.Events, "waiting": s.Ring.Waiting.Events,
		"waiting_octets": s.Ring.Waiting.Octets,
	})
	t.set("weir.stats.datagrams", s.Collector.Datagrams)
	t.set("weir.stats.records", s.Collector.Records)
	t.set("weir.stats.kernel_dropped", kernel)
	t.set("weir.stats.exporters", len(all))
	add(t, map[string]any{})
	if events > 0 {
		hand()
	}
}

// statsRecord begins a record of figures.
func (x *Instance) statsRecord(now time.Time) tree {
	t := x.cfg.record("metric", "stats")
	t.time(x.cfg.Schema.Name(flow.FieldReceived), now.UnixNano())
	return t
}

// ledgerRecord returns the ledger of a domain as a record, and its metadata.
func (x *Instance) ledgerRecord(l *pipeline.Ledger, now time.Time) (tree, map[string]any) {
	t := x.statsRecord(now)
	meta := map[string]any{}
	if l.Exporter.IsValid() {
		exporter := l.Exporter.Unmap().String()
		t.column(flow.FieldExporter, exporter)
		t.column(flow.FieldDomain, l.Domain)
		t.column(flow.FieldVersion, l.Version)
		if x.cfg.Schema == encode.ECS {
			t.set("agent.name", exporter)
		}
		if x.cfg.Options.Meta {
			meta = map[string]any{"exporter": exporter, "protocol": encode.Protocol(l.Version), "domain": l.Domain}
		}
	}
	o := output(l)
	faults := map[string]uint64{}
	for f, n := range l.Faults {
		if n > 0 {
			faults[decode.Fault(f).Label()] = n
		}
	}
	t.set("weir.stats.datagrams", l.Datagrams)
	t.set("weir.stats.octets", l.Octets)
	t.set("weir.stats.transit", map[string]any{
		"unit": l.Unit(), "sent": l.Sent, "received": l.Received, "missing": l.Missing, "waiting": l.Waiting, "late": l.Late,
		"duplicates": l.Duplicates, "restarts": l.Restarts,
	})
	t.set("weir.stats.inside", map[string]any{
		"records": l.Records, "held": l.Held, "filtered": l.Filtered, "queued": o.Queued, "written": o.Written, "dropped": o.Dropped, "failed": o.Failed,
		"undecoded_octets": l.Undecoded, "waiting_octets": l.Early - min(l.Early, l.Recovered+l.Undecoded),
	})
	t.set("weir.stats.faults", faults)
	t.set("weir.stats.clock_skew_seconds", float64(l.Skew)/1e9)
	return t, meta
}

// output returns the ledger's line of the way to Fluent Bit.
func output(l *pipeline.Ledger) (o pipeline.OutputLedger) {
	if len(l.Outputs) > 0 {
		o = l.Outputs[0]
	}
	return o
}

// name names who a ledger is of.
func name(l *pipeline.Ledger) string {
	if !l.Exporter.IsValid() {
		return "all others"
	}
	return l.Exporter.Unmap().String()
}
