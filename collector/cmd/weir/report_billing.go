package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/shared/query"
)

// SEMANTICS, 95th percentile (burstable billing).
const (
	billingBin     = 300 * time.Second
	billingPercent = 95
	mostBilled     = 500 // interfaces: so many series of a month fit an answer
)

var billingModes = []string{"max", "bins", "sum"}

// percentile returns of n values ascending the (95·n + 99) div 100-th, 0 if there
// are none. It sorts them.
func percentile(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(billingPercent*len(values)+99)/100-1]
}

// A link is an interface and what crossed it, bit/s in each bin.
type link struct {
	exporter, port query.Cell
	in, out        []float64
}

// billed is what a link is billed by.
type billed struct {
	in, out float64 // their percentiles
	billed  float64
	missing int // bins without traffic
}

// bill computes it. The mode is one of billingModes; bins without traffic are left
// out if exclude is set.
func (l *link) bill(mode string, exclude bool) (b billed) {
	var in, out, both []float64
	for i := range l.in {
		if l.in[i] == 0 && l.out[i] == 0 {
			if b.missing++; exclude {
				continue
			}
		}
		in, out = append(in, l.in[i]), append(out, l.out[i])
		switch mode {
		case "bins":
			both = append(both, max(l.in[i], l.out[i]))
		case "sum":
			both = append(both, l.in[i]+l.out[i])
		}
	}
	b.in, b.out = percentile(in), percentile(out)
	if b.billed = percentile(both); mode == "max" {
		b.billed = max(b.in, b.out)
	}
	return b
}

// billing makes the report of a month.
func (f *reportFlags) billing(ctx context.Context, c *api.Client, base query.Asked, zone *time.Location) (*report, error) {
	links := map[string]*link{}
	out := &report{Zone: zone}
	var both [2]*query.Table
	bins := 0
	for side, field := range []string{"in_if", "out_if"} {
		a := base
		a.Show, a.Limit, a.By, a.Metrics, a.Every = "series", mostBilled, []string{"exporter", field}, []string{"bits"}, "300s"
		a.Where = field + " exists"
		if base.Where != "" {
			a.Where += " and (" + base.Where + "\n)" // a comment ends with the line
		}
		t, err := c.Table(ctx, &a, f.timeout)
		if err != nil {
			return nil, err
		}
		both[side], bins = t, int(t.To.Sub(t.From)/billingBin)
		if err := addLinks(links, t, side, bins); err != nil {
			return nil, fmt.Errorf("%s: %w", c.URL, err)
		}
		if t.Others > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%d interfaces of %s with less traffic are not in this direction's part: filter by exporter ip", t.Others, field))
		}
	}
	t := both[0]
	out.From, out.To = t.From, t.To
	out.Title = fmt.Sprintf("Billing: 95th percentile of %s, %s", t.From.In(zone).Format("January 2006"), zone)
	out.Sections = []section{f.billTable(links, t, bins)}
	out.Notes = append(out.Notes, f.rule(bins))
	if end := t.From.In(zone).AddDate(0, 1, 0); t.To.Before(end) {
		out.Notes = append(out.Notes, fmt.Sprintf("the month is not over: it will have %d bins", int(end.Sub(t.From)/billingBin)))
	}
	return out, nil
}

// rule says what was computed.
func (f *reportFlags) rule(bins int) string {
	mode := map[string]string{
		"max": "billed is the larger of both directions' percentiles", "bins": "billed is the percentile of each bin's larger direction",
		"sum": "billed is the percentile of both directions together",
	}[f.mode]
	missing := map[string]string{"zero": "count as zero", "exclude": "are left out"}[f.missing]
	return fmt.Sprintf("%d bins of 300 s; %s; bins without traffic %s", bins, mode, missing)
}

// addLinks adds what crossed links in one direction: 0 is in, 1 out.
func addLinks(links map[string]*link, t *query.Table, side, bins int) error {
	for _, l := range t.Series {
		if l.Row < 0 {
			continue
		}
		row := t.Rows[l.Row]
		if len(l.Values) != bins || len(row) < 2 {
			return fmt.Errorf("%d bins of %d are in the answer", len(l.Values), bins)
		}
		key := row[0].String() + " " + row[1].String()
		x := links[key]
		if x == nil {
			x = &link{row[0], row[1], make([]float64, bins), make([]float64, bins)}
			links[key] = x
		}
		if side == 0 {
			x.in = l.Values
		} else {
			x.out = l.Values
		}
	}
	return nil
}

// mostCharts is how many interfaces are drawn.
const mostCharts = 10

// billTable makes the section, the largest first.
func (f *reportFlags) billTable(links map[string]*link, of *query.Table, bins int) section {
	rate := func(name string) query.TableColumn {
		return query.TableColumn{Name: name, Kind: query.FloatCell, Unit: "bit/s", Role: query.ValueRole}
	}
	t := *of
	t.Rows, t.Series, t.Other, t.Total, t.Others, t.Bound, t.Show = [][]query.Cell{}, nil, nil, nil, 0, 0, "top"
	t.Columns = []query.TableColumn{
		{Name: "exporter", Kind: query.TextCell, Role: query.KeyRole}, {Name: "interface", Kind: query.UintCell, Role: query.KeyRole},
		rate("in_p95"), rate("out_p95"), rate("billed"),
		{Name: "bins", Kind: query.UintCell, Role: query.KeyRole}, {Name: "missing", Kind: query.UintCell, Role: query.KeyRole},
	}
	type billedLink struct {
		*link
		billed
	}
	var all []billedLink
	for _, l := range links {
		all = append(all, billedLink{l, l.bill(f.mode, f.missing == "exclude")})
	}
	slices.SortFunc(all, func(a, b billedLink) int {
		return cmp.Or(cmp.Compare(b.billed.billed, a.billed.billed), cmp.Compare(a.exporter.Text, b.exporter.Text), cmp.Compare(a.port.Uint, b.port.Uint))
	})
	number := func(x float64) query.Cell { return query.Cell{Kind: query.FloatCell, Float: x} }
	whole := func(n int) query.Cell { return query.Cell{Kind: query.UintCell, Uint: uint64(n)} }
	s := section{Title: "Interfaces", Table: &t}
	for i, l := range all {
		t.Rows = append(t.Rows, []query.Cell{l.exporter, l.port, number(l.billed.in), number(l.billed.out), number(l.billed.billed), whole(bins), whole(l.missing)})
		if i < mostCharts {
			s.Charts = append(s.Charts, newChart(l.exporter.String()+" interface "+l.port.String(), "bit/s", of.From, of.To,
				chartLine{Name: "in", values: l.link.in}, chartLine{Name: "out", values: l.link.out},
				chartLine{Name: "billed", values: []float64{l.billed.billed, l.billed.billed}}))
		}
	}
	return s
}
