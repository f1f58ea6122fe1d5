package plugin

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

type dataFrame = data.Frame

// other names what is in none of the largest groups.
const other = "other"

// custom is what an answer says of itself to programs.
type custom struct {
	Flows       int  `json:"flows"`       // flow records that ended in the range; of a table, those seen in it
	Scaled      bool `json:"scaled"`      // volume is multiplied by the sampling rate
	UnknownRate int  `json:"unknownRate"` // records whose sampling rate is not known
	OtherGroups int  `json:"otherGroups"`
}

// seriesFrame is a time series for each group, as rates.
func seriesFrame(a *query.Answer, v engine.View, q panel) *dataFrame {
	f := newFrame(data.FrameTypeTimeSeriesWide, q)
	describe(f, a, q)
	groups := a.Groups
	if a.Others > 0 {
		groups = append(groups, a.Other)
	}
	if len(groups) == 0 && len(q.By) == 0 {
		groups = []query.Group{{Bins: [][]uint64{make([]uint64, q.Bins())}}} // silence is a value
	}
	if len(groups) == 0 {
		return f
	}
	times := make([]time.Time, q.Bins())
	for n := range times {
		times[n] = time.Unix(0, q.From+int64(n)*q.Bin).UTC()
	}
	interval := float64(time.Duration(q.Bin).Milliseconds())
	f.Fields = append(f.Fields, data.NewField("time", nil, times).SetConfig(&data.FieldConfig{Interval: interval}))
	unit := metrics[q.Metric()]
	seconds := time.Duration(q.Bin).Seconds()
	for _, g := range groups {
		values := make([]*float64, q.Bins())
		for n, volume := range g.Bins[0] {
			if volume == 0 && !times[n].Add(time.Duration(q.Bin)).After(v.Since) {
				continue // before the window: not known, not zero
			}
			rate := float64(volume) * unit.factor / seconds
			values[n] = &rate
		}
		labels, name := q.labels(g)
		f.Fields = append(f.Fields, data.NewField(q.Metric(), labels, values).SetConfig(&data.FieldConfig{Unit: unit.rate, DisplayNameFromDS: name}))
	}
	return f
}

// labels returns the labels of a group, named as the query names the columns.
func (q panel) labels(g query.Group) (data.Labels, string) {
	if len(q.model.GroupBy) == 0 {
		return nil, q.Metric()
	}
	labels := data.Labels{}
	var texts []string
	for n, name := range q.model.GroupBy {
		labels[name] = other
		if g.Key != nil {
			labels[name] = keyText(&q.By[n], &g.Key[n])
			texts = append(texts, labels[name])
		}
	}
	if g.Key == nil {
		return labels, other
	}
	return labels, strings.Join(texts, ", ")
}

// topFrame is a row for each group, with totals over the range.
func topFrame(a *query.Answer, q panel) *dataFrame {
	f := newFrame(data.FrameTypeNumericLong, q)
	describe(f, a, q)
	groups := a.Groups
	if a.Others > 0 {
		groups = append(groups, a.Other)
	}
	if len(groups) == 0 && len(q.By) > 0 {
		return f
	}
	if len(groups) == 0 {
		groups = []query.Group{{Values: []uint64{0}}}
	}
	for n, name := range q.model.GroupBy {
		texts := make([]string, len(groups))
		for i, g := range groups {
			texts[i] = other
			if g.Key != nil {
				texts[i] = keyText(&q.By[n], &g.Key[n])
			}
		}
		f.Fields = append(f.Fields, data.NewField(name, nil, texts))
	}
	unit := metrics[q.Metric()]
	totals := make([]float64, len(groups))
	for i, g := range groups {
		totals[i] = float64(g.Values[0]) * unit.factor
	}
	f.Fields = append(f.Fields, data.NewField(q.Metric(), nil, totals).SetConfig(&data.FieldConfig{Unit: unit.total}))
	return f
}

func newFrame(t data.FrameType, q panel) *dataFrame {
	f := data.NewFrame("")
	f.Meta = &data.FrameMeta{Type: t, TypeVersion: data.FrameTypeVersion{0, 1}, ExecutedQueryString: q.String()}
	return f
}

// describe says how the volume came about: SEMANTICS, Sampling.
func describe(f *dataFrame, a *query.Answer, q panel) {
	c := custom{Flows: int(a.Flows), OtherGroups: a.Others, Scaled: q.Metrics[0].Of != query.Records}
	if c.Scaled {
		c.UnknownRate = int(a.Unknown)
	}
	f.Meta.Custom = c
	if c.Scaled && (a.Sampled > 0 || a.Unknown > 0) {
		f.AppendNotices(scaled(a.Flows, a.Sampled, a.Unknown, a.LeastRate, a.MostRate))
	}
}
