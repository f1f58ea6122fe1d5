package modinput

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
)

// figures are an event of source type weir:stats.
type figures struct {
	host  netip.Addr // the exporter, not valid for the stanza
	value any
}

// about says what figures are of: a domain of an exporter, or the whole stanza.
// All counts are since Since.
type about struct {
	Scope  string  `json:"scope"` // exporter or stanza
	Stanza string  `json:"stanza"`
	Since  float64 `json:"since"` // Unix seconds
}

// ledgerFigures is what is known of a domain of an exporter. Sent = Received + Missing
// + Reordering, in the unit of the protocol's sequence numbers; Records = Held +
// Filtered + Queued + Written + Dropped + Failed.
type ledgerFigures struct {
	about
	Exporter   string  `json:"dvc_ip,omitempty"` // "" of all that have no account of their own
	From       string  `json:"from,omitempty"`   // where its datagrams come from
	Domain     uint32  `json:"domain"`
	Version    uint8   `json:"version"`
	Protocol   string  `json:"export_protocol"`
	Unit       string  `json:"unit,omitempty"`
	Datagrams  uint64  `json:"datagrams"`
	Octets     uint64  `json:"octets"`
	Sent       uint64  `json:"sent"`
	Received   uint64  `json:"received"`
	Missing    uint64  `json:"missing"`
	Reordering uint64  `json:"reordering"`
	Late       uint64  `json:"late"`
	Duplicates uint64  `json:"duplicates"`
	Restarts   uint64  `json:"restarts"`
	Records    uint64  `json:"records"`
	Held       uint64  `json:"held"`
	Filtered   uint64  `json:"filtered"`
	Queued     uint64  `json:"queued"`
	Written    uint64  `json:"written"`
	Dropped    uint64  `json:"dropped"`
	Failed     uint64  `json:"failed"`
	Undecoded  uint64  `json:"undecoded_octets"` // of data whose template never came
	Waiting    uint64  `json:"waiting_octets"`   // of data whose template may still come
	Faults     uint64  `json:"faults"`
	LastFault  string  `json:"last_fault,omitempty"`
	ClockSkew  float64 `json:"clock_skew"` // seconds that the exporter is behind
	LastSeen   float64 `json:"last_seen"`  // Unix seconds
	Templates  uint64  `json:"templates"`  // announcements that were new or changed
	LastTold   float64 `json:"last_announced,omitempty"`
}

// totalFigures is what is known of the whole stanza.
type totalFigures struct {
	about
	Exporters     int    `json:"exporters"`
	Datagrams     uint64 `json:"datagrams"`
	Records       uint64 `json:"records"`
	Flows         uint64 `json:"flows"`
	Written       uint64 `json:"written"` // flows
	Dropped       uint64 `json:"dropped"`
	Failed        uint64 `json:"failed"`
	Queued        uint64 `json:"queued"`
	Filtered      uint64 `json:"filtered"`
	Events        uint64 `json:"events_written"`
	EventsDropped uint64 `json:"events_dropped"`
	Buffered      int    `json:"buffered_octets"`
	KernelDropped uint64 `json:"kernel_dropped"`
	Faults        uint64 `json:"faults"`
}

// A reporter tells of the ledger, and of what was lost since it told last.
type reporter struct {
	cfg     *Config
	running *config.Running
	stream  *Stream
	log     *slog.Logger
	since   time.Time
	told    pipeline.Stats
}

// report logs what was lost since the last report, and nothing if nothing was;
// and makes events of the ledger.
func (r *reporter) report(now time.Time) {
	s := r.running.Stats()
	if n := s.Dropped - r.told.Dropped; n > 0 {
		r.log.Warn("flows were dropped because Splunk reads too slowly", "dropped", n, "dropped_total", s.Dropped, "queued", s.Queued)
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
	r.told = s
	r.stream.stats(now.UnixNano(), r.figures(&s))
}

// maxFigures bounds how many exporters a report tells of, those that were there
// first; the stanza's figures have all.
const maxFigures = 10000

func (r *reporter) figures(s *pipeline.Stats) (all []figures) {
	of := about{Scope: "exporter", Stanza: r.cfg.Stanza, Since: seconds(r.since.UnixNano())}
	ledgers := r.running.Pipeline().Ledgers()
	for i := range ledgers[:min(len(ledgers), maxFigures)] {
		all = append(all, figures{ledgers[i].Exporter, ledger(of, &ledgers[i])})
	}
	c, octets := r.stream.ring.stats()
	of.Scope = "stanza"
	t := totalFigures{
		about:     of,
		Exporters: len(ledgers), Datagrams: s.Datagrams, Records: s.Records, Flows: s.Flows, Written: s.Written, Dropped: s.Dropped, Failed: s.Failed,
		Queued: s.Queued, Filtered: s.Filtered, Events: c.out, EventsDropped: c.dropped, Buffered: octets,
	}
	for _, l := range r.running.Listeners() {
		t.KernelDropped += l.Stats().Dropped
	}
	for _, n := range s.Faults {
		t.Faults += n
	}
	return append(all, figures{value: t})
}

func ledger(of about, l *pipeline.Ledger) ledgerFigures {
	x := ledgerFigures{
		about:  of,
		Domain: l.Domain, Version: l.Version, Protocol: l.Protocol(), Unit: l.Unit(), Datagrams: l.Datagrams, Octets: l.Octets,
		Sent: l.Sent, Received: l.Received, Missing: l.Missing, Reordering: l.Transit.Waiting, Late: l.Late, Duplicates: l.Duplicates, Restarts: l.Restarts,
		Records: l.Records, Held: l.Held, Filtered: l.Filtered, Undecoded: l.Undecoded, Waiting: l.Early - min(l.Early, l.Recovered+l.Undecoded),
		ClockSkew: float64(l.Skew) / 1e9, LastSeen: seconds(l.Last), Templates: l.Templates, LastTold: seconds(l.Announced),
	}
	if l.Exporter.IsValid() {
		x.Exporter, x.From = l.Exporter.Unmap().WithZone("").String(), l.From.String()
	}
	if len(l.Outputs) > 0 {
		o := l.Outputs[0]
		x.Queued, x.Written, x.Dropped, x.Failed = o.Queued, o.Written, o.Dropped, o.Failed
	}
	for _, n := range l.Faults {
		x.Faults += n
	}
	if x.Faults > 0 {
		x.LastFault = l.LastFault.Label()
	}
	return x
}

func seconds(ns int64) float64 { return float64(ns/1e6) / 1e3 }
