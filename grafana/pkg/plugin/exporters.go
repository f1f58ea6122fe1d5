package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/collector/pipeline"
)

// A report is what there is to tell of an exporter: the part of the API's exporters
// that a table shows.
type report struct {
	Address  string         `json:"address"`
	Name     string         `json:"name"`
	State    doctor.State   `json:"state"`
	LastSeen time.Time      `json:"last_seen"`
	Domains  []reportDomain `json:"domains"`
}

// A reportDomain is one of its observation domains.
type reportDomain struct {
	Protocol  string       `json:"protocol"`
	State     doctor.State `json:"state"`
	ClockSkew float64      `json:"clock_skew_seconds"` // above 0: its clock is behind
	Traffic   struct {
		Datagrams uint64 `json:"datagrams"`
		Flows     uint64 `json:"flows"`
	} `json:"traffic"`
	Transit struct {
		Unit string `json:"unit"`
		pipeline.Transit
	} `json:"transit"`
	Inside struct {
		Records   uint64 `json:"records"`
		Waiting   uint64 `json:"waiting_octets"`
		Undecoded uint64 `json:"undecoded_octets"`
	} `json:"inside"`
	LastSeen time.Time        `json:"last_seen"`
	Advice   []doctor.Finding `json:"advice"`
}

// report implements origin.
func (c *collector) report(ctx context.Context) ([]report, []data.Notice, error) {
	var x struct {
		Exporters []report `json:"exporters"`
		Others    *struct {
			Traffic struct {
				Datagrams uint64 `json:"datagrams"`
			} `json:"traffic"`
		} `json:"others"`
	}
	if err := c.get(ctx, "/api/v1/exporters", nil, &x); err != nil {
		return nil, nil, err
	}
	others := uint64(0)
	if x.Others != nil {
		others = x.Others.Traffic.Datagrams
	}
	return x.Exporters, crowd(others), nil
}

// crowd tells of exporters that are counted together.
func crowd(datagrams uint64) []data.Notice {
	if datagrams == 0 {
		return nil
	}
	return []data.Notice{{
		Severity: data.NoticeSeverityWarning,
		Text:     fmt.Sprintf("%d datagrams are of exporters that are not listed: there are more than weir follows", datagrams),
	}}
}

// report implements origin.
func (e *ear) report(context.Context) (all []report, notices []data.Notice, err error) {
	r := e.now()
	now := time.Now().UnixNano()
	ledgers := r.Pipeline().Ledgers()
	newest, sessions := doctor.NewestOf(ledgers), doctor.SessionsOf(r.Store().Sessions())
	var dropped, others uint64
	for _, l := range r.Listeners() {
		dropped += l.Stats().Dropped
	}
	for i := range ledgers { // by exporter
		l := &ledgers[i]
		a := l.Exporter.Unmap()
		if !a.IsValid() {
			others += l.Datagrams
			continue
		}
		known := r.Enrich().Exporter(a)
		if n := len(all); n == 0 || all[n-1].Address != a.String() {
			all = append(all, report{Address: a.String(), Name: known.Name, State: doctor.Quiet})
		}
		x := &all[len(all)-1]
		p := doctor.Patient{Ledger: *l, Now: now, RateSet: known.Sampling != 0, Dropped: dropped, Moved: newest.Moved(l, now)}
		p.Learn(sessions.Of(&l.Key))
		d := domainOf(l, now)
		d.Advice = doctor.Examine(&p)
		if d.State.Better(x.State) {
			x.State = d.State
		}
		if d.LastSeen.After(x.LastSeen) {
			x.LastSeen = d.LastSeen
		}
		x.Domains = append(x.Domains, d)
	}
	return all, crowd(others), nil
}

// domainOf shows a ledger.
func domainOf(l *pipeline.Ledger, now int64) (d reportDomain) {
	d.Protocol, d.State, d.ClockSkew, d.LastSeen = doctor.Protocol(l.Version), doctor.StateOf(l, now), time.Duration(l.Skew).Seconds(), time.Unix(0, l.Last).UTC()
	d.Traffic.Datagrams, d.Traffic.Flows = l.Datagrams, l.Flows
	d.Transit.Unit, d.Transit.Transit = cmp.Or(l.Unit(), "none"), l.Transit
	d.Inside.Records, d.Inside.Undecoded = l.Records, l.Undecoded
	d.Inside.Waiting = l.Early - min(l.Early, l.Recovered+l.Undecoded)
	return d
}

// stateColours are how exporters are.
var stateColours = colours(map[string]string{"up": "green", "unreadable": "orange", "silent": "red"})

// exporterRow is what a table says of one.
type exporterRow struct {
	protocols, units, advice        string
	flows, received, missing, twice float64
	share                           *float64 // of what was sent, percent
	waiting, undecoded              float64
	skew                            float64 // of the domain that was heard last
	errors, warnings                float64
}

func (x *report) row() (r exporterRow) {
	var protocols, units, advice []string
	add := func(all *[]string, text string) {
		if !slices.Contains(*all, text) {
			*all = append(*all, text)
		}
	}
	var last time.Time
	var found []doctor.Finding
	for _, d := range x.Domains {
		add(&protocols, d.Protocol)
		r.flows += float64(d.Traffic.Flows)
		r.waiting += float64(d.Inside.Waiting)
		r.undecoded += float64(d.Inside.Undecoded)
		if d.Transit.Unit != "none" {
			add(&units, d.Transit.Unit)
			r.received += float64(d.Transit.Received)
			r.missing += float64(d.Transit.Missing)
			r.twice += float64(d.Transit.Duplicates)
		}
		if !d.LastSeen.Before(last) {
			last, r.skew = d.LastSeen, d.ClockSkew
		}
		found = append(found, d.Advice...)
	}
	if sent := r.received + r.missing; sent > 0 {
		share := 100 * r.missing / sent
		r.share = &share
	}
	slices.SortStableFunc(found, func(a, b doctor.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	for _, f := range found {
		switch f.Severity {
		case doctor.Error:
			r.errors++
		case doctor.Warning:
			r.warnings++
		default: // nothing to do
			continue
		}
		add(&advice, f.Severity.String()+": "+joined([]string{f.Text, f.Advice}, " → "))
	}
	r.protocols, r.units, r.advice = strings.Join(protocols, ", "), strings.Join(units, ", "), strings.Join(advice, "\n")
	return r
}

// exportersFrame is a row for each exporter.
func exportersFrame(all []report, uid string) *dataFrame {
	f := tableFrame(data.FrameTypeTable)
	f.Meta.PreferredVisualization = data.VisTypeTable
	rows := make([]exporterRow, len(all))
	for i := range all {
		rows[i] = all[i].row()
	}
	column := func(name string, values any, c data.FieldConfig) {
		f.Fields = append(f.Fields, data.NewField(name, nil, values).SetConfig(&c))
	}
	text := func(name string, c data.FieldConfig, of func(i int) string) {
		values := make([]string, len(all))
		for i := range values {
			values[i] = of(i)
		}
		column(name, values, c)
	}
	number := func(name, unit string, of func(r *exporterRow) float64) {
		values := make([]float64, len(all))
		for i := range values {
			values[i] = of(&rows[i])
		}
		column(name, values, data.FieldConfig{Unit: unit})
	}
	text("address", data.FieldConfig{Links: linkOf("exporter ip", uid)}, func(i int) string { return all[i].Address })
	text("name", data.FieldConfig{}, func(i int) string { return all[i].Name })
	text("state", data.FieldConfig{Mappings: stateColours}, func(i int) string { return string(all[i].State) })
	text("protocol", data.FieldConfig{}, func(i int) string { return rows[i].protocols })
	number("flows", "short", func(r *exporterRow) float64 { return r.flows })
	number("received", "short", func(r *exporterRow) float64 { return r.received })
	number("missing", "short", func(r *exporterRow) float64 { return r.missing })
	shares := make([]*float64, len(all))
	for i := range shares {
		shares[i] = rows[i].share
	}
	column("missing_share", shares, data.FieldConfig{Unit: "percent"})
	text("unit", data.FieldConfig{}, func(i int) string { return rows[i].units })
	number("duplicates", "short", func(r *exporterRow) float64 { return r.twice })
	number("waiting", "decbytes", func(r *exporterRow) float64 { return r.waiting })
	number("undecoded", "decbytes", func(r *exporterRow) float64 { return r.undecoded })
	number("clock_skew", "s", func(r *exporterRow) float64 { return r.skew })
	seen := make([]time.Time, len(all))
	for i := range seen {
		seen[i] = all[i].LastSeen.UTC()
	}
	column("last_seen", seen, data.FieldConfig{})
	number("errors", "short", func(r *exporterRow) float64 { return r.errors })
	number("warnings", "short", func(r *exporterRow) float64 { return r.warnings })
	text("advice", data.FieldConfig{}, func(i int) string { return rows[i].advice })
	return f
}
