package plugin

import (
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/query/engine"
)

type dataFrame = data.Frame

// other names what is in none of the largest groups.
const other = "other"

// custom is what an answer says of itself to programs.
type custom struct {
	Flows       int  `json:"flows"`       // flow records in the range
	Scaled      bool `json:"scaled"`      // volume is multiplied by the sampling rate
	UnknownRate int  `json:"unknownRate"` // records whose sampling rate is not known
	OtherGroups int  `json:"otherGroups"`
}

// seriesFrame is a time series for each group, as rates.
func seriesFrame(a engine.Answer, v engine.View, q query) *dataFrame {
	f := newFrame(data.FrameTypeTimeSeriesWide, q)
	describe(f, a, q)
	groups := a.Groups
	if a.Others > 0 {
		groups = append(groups, a.Other)
	}
	if len(groups) == 0 && len(q.Query.GroupBy) == 0 {
		groups = []engine.Group{{Bins: make([]uint64, q.Bins())}} // silence is a value
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
		values := make([]*float64, len(g.Bins))
		for n, volume := range g.Bins {
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
func (q query) labels(g engine.Group) (data.Labels, string) {
	if len(q.model.GroupBy) == 0 {
		return nil, q.Metric()
	}
	labels := data.Labels{}
	for n, name := range q.model.GroupBy {
		labels[name] = other
		if g.Key != nil {
			labels[name] = g.Key[n].String()
		}
	}
	if g.Key == nil {
		return labels, other
	}
	return labels, g.Text()
}

// topFrame is a row for each group, with totals over the range.
func topFrame(a engine.Answer, q query) *dataFrame {
	f := newFrame(data.FrameTypeNumericLong, q)
	describe(f, a, q)
	groups := a.Groups
	if a.Others > 0 {
		groups = append(groups, a.Other)
	}
	if len(groups) == 0 && len(q.Query.GroupBy) > 0 {
		return f
	}
	if len(groups) == 0 {
		groups = []engine.Group{{}}
	}
	for n, name := range q.model.GroupBy {
		texts := make([]string, len(groups))
		for i, g := range groups {
			texts[i] = other
			if g.Key != nil {
				texts[i] = g.Key[n].String()
			}
		}
		f.Fields = append(f.Fields, data.NewField(name, nil, texts))
	}
	unit := metrics[q.Metric()]
	totals := make([]float64, len(groups))
	for i, g := range groups {
		totals[i] = float64(g.Total) * unit.factor
	}
	f.Fields = append(f.Fields, data.NewField(q.Metric(), nil, totals).SetConfig(&data.FieldConfig{Unit: unit.total}))
	return f
}

func newFrame(t data.FrameType, q query) *dataFrame {
	f := data.NewFrame("")
	f.Meta = &data.FrameMeta{Type: t, TypeVersion: data.FrameTypeVersion{0, 1}, ExecutedQueryString: q.String()}
	return f
}

// describe says how the volume came about: SEMANTICS, Sampling.
func describe(f *dataFrame, a engine.Answer, q query) {
	c := custom{Flows: a.Flows, OtherGroups: a.Others, Scaled: q.Query.Metric != engine.Flows, UnknownRate: a.Unknown}
	f.Meta.Custom = c
	if !c.Scaled || a.Flows == 0 {
		return
	}
	text := fmt.Sprintf("scaled by the sampling rate: %d of %d flow records are sampled", a.Sampled, a.Flows)
	if a.Unknown > 0 {
		text += fmt.Sprintf("; %d have an unknown rate and count as they are", a.Unknown)
	}
	f.AppendNotices(data.Notice{Severity: data.NoticeSeverityInfo, Text: text})
}

// completeness says what is missing in an answer about [from, …).
func completeness(v engine.View, from int64, s pipeline.Stats) (notices []data.Notice) {
	if since := v.Since; from < since.UnixNano() {
		notices = append(notices, data.Notice{
			Severity: data.NoticeSeverityWarning,
			Text:     "the window is complete since " + since.Format(time.RFC3339) + ": of what was before, flows are missing",
		})
	}
	if s.Dropped > 0 {
		notices = append(notices, data.Notice{
			Severity: data.NoticeSeverityWarning,
			Text:     fmt.Sprintf("%d flows were lost in the queue before the window", s.Dropped),
		})
	}
	return notices
}
