package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// A model is a query of the first kind that a panel stores; see asked for the other.
type model struct {
	Type    string   `json:"type"`    // timeseries (default), top, flows
	Metric  string   `json:"metric"`  // bits (default), bytes, packets, flows
	GroupBy []string `json:"groupBy"` // columns by Go, IANA or flat name
	Limit   int      `json:"limit"`   // groups, or rows of flows; 0: the type's default
	Filter  string   `json:"filter"`  // in the language of package query
}

// A panel is a checked model with the range that it is for.
type panel struct {
	query.Request
	model
}

const (
	typeSeries = "timeseries"
	typeTop    = "top"
	typeFlows  = "flows"
)

// limits of what a query may ask for: default and most.
var limits = map[string][2]int{
	typeSeries: {10, 100},
	typeTop:    {10, 1000},
	typeFlows:  {1000, maxRows},
}

// What a query may add up, and how a rate of it and a total of it are shown.
var metrics = map[string]struct {
	query.Volume
	factor      float64
	rate, total string // Grafana's units
}{
	"bits":    {query.Bytes, 8, "bps", "decbits"},
	"bytes":   {query.Bytes, 1, "Bps", "decbytes"},
	"packets": {query.Packets, 1, "pps", "short"},
	"flows":   {query.Records, 1, "si:flows/s", "short"},
}

const (
	maxGroupBy = 8
	maxBins    = 5000
	minBin     = time.Second
)

// parse checks a panel's query of either kind. p is nil of the second.
func parse(q backend.DataQuery, now time.Time) (a *asked, p *panel, err error) {
	if len(q.JSON) > mostQuery {
		return nil, nil, fmt.Errorf("a query has %d octets at most, this one has %d", mostQuery, len(q.JSON))
	}
	if !q.TimeRange.From.Before(q.TimeRange.To) {
		return nil, nil, fmt.Errorf("the time range ends before it begins")
	}
	if a, ok, err := parseAsked(q, now); ok || err != nil {
		return a, nil, err
	}
	first, err := parseQuery(q)
	if err != nil {
		return nil, nil, err
	}
	return first.asked(), &first, nil
}

// parseQuery checks a query of the first kind. Its errors are for who wrote it.
func parseQuery(q backend.DataQuery) (panel, error) {
	m := model{Type: typeSeries, Metric: "bits"}
	if err := json.Unmarshal(q.JSON, &m); err != nil {
		return panel{}, fmt.Errorf("query: %w", err)
	}
	limit, ok := limits[m.Type]
	if !ok {
		return panel{}, fmt.Errorf("type %.40q is not known: write timeseries, top or flows", m.Type)
	}
	metric, ok := metrics[m.Metric]
	if !ok {
		return panel{}, fmt.Errorf("metric %.40q is not known: write bits, bytes, packets or flows", m.Metric)
	}
	switch {
	case m.Limit < 0 || m.Limit > limit[1]:
		return panel{}, fmt.Errorf("limit is %d: write a number from 1 to %d", m.Limit, limit[1])
	case m.Limit == 0:
		m.Limit = limit[0]
	}
	r := panel{model: m, Request: query.Request{
		From: q.TimeRange.From.UnixNano(), To: q.TimeRange.To.UnixNano(), Limit: m.Limit,
	}}
	if r.From >= r.To {
		return panel{}, fmt.Errorf("the time range ends before it begins")
	}
	filter, err := scopeOf(q).expand(m.Filter, "any")
	if err != nil {
		return panel{}, err
	}
	if strings.TrimSpace(filter) != "" {
		if r.Request.Filter, err = query.Parse(filter); err != nil {
			return panel{}, pointed(&query.FieldError{Field: "filter", Err: err})
		}
	}
	adhoc, err := adhocOf(q)
	if err != nil {
		return panel{}, err
	}
	r.Request.Filter = query.Both(r.Request.Filter, adhoc)
	if len(m.GroupBy) > maxGroupBy {
		return panel{}, fmt.Errorf("groupBy has %d columns: write %d at most", len(m.GroupBy), maxGroupBy)
	}
	for _, name := range m.GroupBy {
		x, ok := flow.FieldByName(name)
		if !ok {
			return panel{}, fmt.Errorf("groupBy: no column %.40q: did you mean %s?", name, strings.Join(nearest(name), ", "))
		}
		if slices.ContainsFunc(r.By, func(d query.Dim) bool { return d.Of == query.ColumnOf(x) }) {
			return panel{}, fmt.Errorf("groupBy: %s is there twice: remove one", name)
		}
		r.By = append(r.By, query.Dim{Of: query.ColumnOf(x)})
	}
	switch r.Metrics = []query.Metric{{Of: metric.Volume}}; m.Type {
	case typeSeries:
		r.Series = true
		r.align(q.Interval, q.MaxDataPoints)
	case typeFlows: // as they are, newest first
		r.Shape, r.By, r.Metrics = query.Flows, nil, nil
	}
	return r, nil
}

// align sets bins of about the interval asked for, no more than asked for, and
// widens the range to whole bins. They begin at multiples of their width in
// UTC, so that they stay where they are when the range moves on.
func (q *panel) align(interval time.Duration, points int64) {
	if points <= 0 || points > maxBins {
		points = maxBins
	}
	bin := max(interval, minBin)
	if least := time.Duration(q.To-q.From) / time.Duration(points); bin < least {
		bin = even(least)
	}
	bin = (bin + minBin - 1) / minBin * minBin
	q.Bin = int64(bin)
	q.From -= ((q.From % q.Bin) + q.Bin) % q.Bin
	q.To = q.From + int64(q.Bins())*q.Bin
}

// String says what the query does, for Grafana's inspector.
func (q panel) String() string {
	var s strings.Builder
	s.WriteString(q.Type)
	if q.Type != typeFlows {
		fmt.Fprintf(&s, " of %s", q.Metric())
		if len(q.model.GroupBy) > 0 {
			fmt.Fprintf(&s, " by %s", strings.Join(q.model.GroupBy, ", "))
		}
	}
	if q.Bin > 0 {
		fmt.Fprintf(&s, " in bins of %s", time.Duration(q.Bin))
	}
	fmt.Fprintf(&s, " from %s to %s, limit %d", moment(q.From), moment(q.To), q.model.Limit)
	if q.Request.Filter != nil {
		fmt.Fprintf(&s, " where %s", q.Request.Filter)
	}
	return s.String()
}

// Metric returns the metric's name.
func (q panel) Metric() string { return q.model.Metric }

// answer runs q.
func (q panel) answer(ctx context.Context, v engine.View) (*dataFrame, error) {
	a, err := runIn(ctx, v, &q.Request)
	if err != nil {
		return nil, err
	}
	switch q.Type {
	case typeFlows:
		return flowsFrame(a, q), nil
	case typeTop:
		return topFrame(a, q), nil
	}
	return seriesFrame(a, v, q), nil
}

// nearest returns the names of the three columns that are most like name, or like how
// it begins.
func nearest(name string) []string {
	name = name[:min(len(name), mostName)]
	type candidate struct {
		name     string
		distance int
	}
	var all []candidate
	for _, c := range flow.Fields {
		best := candidate{}
		for _, n := range []string{c.Name, c.IPFIX, c.IPFIX6, c.Flat} {
			if d := distance(strings.ToLower(name), strings.ToLower(n)); n != "" && (best.name == "" || d < best.distance) {
				best = candidate{n, d}
			}
		}
		all = append(all, best)
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range all[:3] {
		names = append(names, c.name)
	}
	return names
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
