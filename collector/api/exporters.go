package api

import (
	"cmp"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

func (s *Server) exporters(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.look(netip.Addr{}))
}

func (s *Server) exporter(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue("address")
	a, err := netip.ParseAddr(text)
	if err != nil {
		problem(w, http.StatusBadRequest, "%q is no address", text)
		return
	}
	all := s.look(a.Unmap()).Exporters
	switch len(all) {
	case 0:
		problem(w, http.StatusNotFound, "nothing has come from exporter %s: see /api/v1/exporters", a)
		return
	case 1:
	default: // a link-local address, on several links
		var with []string
		for _, e := range all {
			with = append(with, e.Address.String())
		}
		problem(w, http.StatusBadRequest, "there are several exporters %s: write one of %s", a, strings.Join(with, ", "))
		return
	}
	answer(w, http.StatusOK, all[0])
}

// look returns all exporters, or only those of an address, with their templates: one,
// unless the address is of a link and does not say of which.
func (s *Server) look(only netip.Addr) Exporters {
	out := Exporters{Exporters: []Exporter{}}
	sessions := doctor.SessionsOf(s.deps.Sessions())
	now := s.deps.Now().UnixNano()
	dropped := s.kernelDropped()
	ledgers := s.deps.Pipeline.Ledgers()
	newest := doctor.NewestOf(ledgers)
	for _, l := range ledgers {
		a := l.Exporter.Unmap()
		switch {
		case !a.IsValid():
			if others := ledgerView(&l); !only.IsValid() {
				out.Others = &others
			}
			continue
		case only.IsValid() && a != only && a.WithZone("") != only:
			continue
		}
		n := len(out.Exporters)
		if n == 0 || out.Exporters[n-1].Address != a { // ledgers come by exporter
			out.Exporters = append(out.Exporters, Exporter{Address: a, Name: s.deps.Known(a).Name, State: Silent})
			n++
		}
		e := &out.Exporters[n-1]
		p := doctor.Patient{
			Ledger: l, Now: now, RateSet: s.deps.Known(a).RateSet, Dropped: dropped,
			Before: s.history.Before(&l),
			Moved:  newest.Moved(&l, now),
		}
		d := s.domain(&p, sessions.Of(&l.Key), only.IsValid())
		if d.State.Better(e.State) {
			e.State = d.State
		}
		if d.LastSeen.After(e.LastSeen) {
			e.LastSeen = d.LastSeen
		}
		e.Domains = append(e.Domains, d)
	}
	return out
}

// kernelDropped is how many datagrams the kernel has dropped at all listeners.
func (s *Server) kernelDropped() (n uint64) {
	for _, l := range s.deps.Listeners() {
		n += l.Dropped
	}
	return n
}

// domain shows a ledger, with what its sessions have announced, which it enters
// into p.
func (s *Server) domain(p *doctor.Patient, sessions []*template.Session, whole bool) Domain {
	l := &p.Ledger
	d := Domain{
		Source: l.From, Domain: l.Domain, Protocol: doctor.Protocol(l.Version), Transport: l.Over.String(),
		State: doctor.StateOf(l, p.Now), FirstSeen: at(l.First), LastSeen: at(l.Last), LastDecoded: maybe(l.Decoded),
		ClockSkew: seconds(l.Skew), Ledger: ledgerView(l),
		Templates: Templates{Changes: l.Traits.Templates, Redefined: l.Redefined, LastAnnounced: maybe(l.Announced), Refresh: seconds(l.Refresh)},
		Samplers:  []Sampler{},
	}
	p.Learn(sessions)
	d.Templates.Known, d.Templates.Options, d.Platform = p.Templates, p.Options, p.Platform
	for _, x := range sessions {
		x.Announced(func(domain uint32, t *template.Template, last int64) {
			if whole && domain == l.Domain {
				d.Templates.Announced = append(d.Templates.Announced, templateView(t, last))
			}
		})
		names := x.Names(l.Domain)
		x.EachRate(func(domain uint32, of template.RateOf, id uint64, rate uint32) {
			if domain == l.Domain {
				d.Samplers = append(d.Samplers, sampler(names, of, id, rate))
			}
		})
	}
	slices.SortFunc(d.Templates.Announced, func(a, b Template) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Samplers, func(a, b Sampler) int { return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.ID, b.ID)) })
	if l.Version == flow.SFlow5 {
		d.Samples = s.samples(l, whole)
	}
	p.Outputs = slices.DeleteFunc(slices.Clone(p.Outputs), func(o pipeline.OutputLedger) bool { return o.Name == TailOutput })
	if d.Advice = doctor.Examine(p); d.Advice == nil {
		d.Advice = []doctor.Finding{}
	}
	return d
}

func (s *Server) samples(l *pipeline.Ledger, whole bool) *Samples {
	x := &Samples{DataSources: l.Samples.DataSources, Untold: l.Samples.Untold, SampleCount: l.Samples.SampleCount}
	if whole {
		for _, d := range s.deps.Pipeline.DataSources(l.Key) {
			x.Each = append(x.Each, DataSource{d.Kind.String(), d.Class, d.Index, d.SampleCount})
		}
	}
	return x
}

func templateView(t *template.Template, last int64) Template {
	out := Template{ID: t.ID, Options: t.Options, Scopes: t.Scopes, Announced: at(last), Fields: []Field{}}
	for _, f := range t.Fields {
		out.Fields = append(out.Fields, Field{string(ie.AppendName(nil, f.PEN, f.ID)), f.PEN, f.ID, f.Len})
	}
	return out
}

func sampler(names template.Names, of template.RateOf, id uint64, rate uint32) Sampler {
	switch of {
	case template.OfSampler:
		return Sampler{"sampler", id, names.Sampler(id).Name, rate}
	case template.OfInterface:
		name := ""
		if id <= math.MaxUint32 {
			name = names.Interface(uint32(id)).Name
		}
		return Sampler{"interface", id, name, rate}
	}
	return Sampler{Of: "domain", Rate: rate}
}

func ledgerView(l *pipeline.Ledger) Ledger {
	v := Ledger{
		Traffic: Traffic{l.Datagrams, l.Octets, l.Flows, l.Options, l.Counters},
		Transit: Transit{cmp.Or(l.Unit(), noUnit), l.Inclusive, l.Transit},
		Inside: Inside{
			Records: l.Records, Held: l.Held, Filtered: l.Filtered,
			Waiting: l.Early - min(l.Early, l.Recovered+l.Undecoded), Undecoded: l.Undecoded, Outputs: []Output{},
		},
		Faults: faults(&l.Faults),
	}
	for _, o := range l.Outputs {
		if o.Name != TailOutput {
			v.Inside.Outputs = append(v.Inside.Outputs, Output{o.Name, o.Skipped, o.Queued, o.Filtered, o.Written, o.Dropped, o.Failed})
		}
	}
	return v
}

func faults(counts *[decode.NumFaults]uint64) map[string]uint64 {
	all := map[string]uint64{}
	for f, n := range counts {
		if n > 0 {
			all[decode.Fault(f).Label()] = n
		}
	}
	return all
}

// noUnit is that of NetFlow v1, which has no sequence numbers.
const noUnit = "none"

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

func maybe(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	t := at(ns)
	return &t
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	x := s.deps.Pipeline.Stats()
	out := Status{
		Version: s.deps.Version, Started: s.started.UTC(), Listeners: []ListenerStatus{},
		Traffic: Traffic{x.Datagrams, x.Octets, x.Flows, x.Options, x.Counters}, Filtered: x.Filtered,
		Outputs: []pipeline.OutputStats{}, Faults: faults(&x.Faults), Errors: Errors{x.SourceErrors, x.SinkErrors, x.Panics},
	}
	for _, l := range s.deps.Listeners() {
		out.Listeners = append(out.Listeners, listenerStatus(l.Address, &l.Stats))
	}
	for _, o := range x.Outputs {
		if o.Name != TailOutput {
			out.Outputs = append(out.Outputs, o)
		}
	}
	answer(w, http.StatusOK, out)
}
