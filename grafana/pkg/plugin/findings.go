package plugin

import (
	"context"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/plugins/detect"
)

// findings implements origin.
func (c *collector) findings(ctx context.Context, x *aside) (all []detect.Finding, more int, notices []data.Notice, err error) {
	params := url.Values{"from": {moment(x.from)}, "to": {moment(x.to)}, "limit": {strconv.Itoa(x.Limit)}}
	if x.Severity > 0 {
		params.Set("severity", x.Severity.String())
	}
	for name, text := range map[string]string{"class": x.Class, "detector": x.Detector} {
		if text != "" {
			params.Set(name, text)
		}
	}
	var answer struct {
		Findings []detect.Finding `json:"findings"`
		More     int              `json:"more"`
	}
	err = c.get(ctx, "/api/v1/findings", params, &answer)
	return answer.Findings[:min(len(answer.Findings), x.Limit)], answer.More, nil, err
}

// findings implements origin: who listens himself is told of none.
func (e *ear) findings(context.Context, *aside) (all []detect.Finding, more int, notices []data.Notice, err error) {
	return nil, 0, []data.Notice{{
		Severity: data.NoticeSeverityInfo, Text: "findings are kept by a collector: let the datasource ask one (mode collector)",
	}}, nil
}

// severityColours are how bad a finding is.
var severityColours = colours(map[string]string{
	"info": "blue", "low": "green", "medium": "yellow", "high": "orange", "critical": "red",
})

// findingsFrame is a row for each finding. The last column leads to its flows.
func findingsFrame(all []detect.Finding, uid string) *dataFrame {
	f := tableFrame(data.FrameTypeTable)
	f.Meta.PreferredVisualization = data.VisTypeTable
	column := func(name string, values any) *data.Field {
		x := data.NewField(name, nil, values)
		f.Fields = append(f.Fields, x)
		return x
	}
	text := func(name string, of func(x *detect.Finding) string) *data.Field {
		values := make([]string, len(all))
		for i := range all {
			values[i] = of(&all[i])
		}
		return column(name, values)
	}
	starts, ends := moments(all)
	column("time", starts)
	column("timeEnd", ends)
	text("severity", func(x *detect.Finding) string { return x.Severity.String() }).SetConfig(&data.FieldConfig{Mappings: severityColours})
	text("class", func(x *detect.Finding) string { return x.Class })
	text("key", func(x *detect.Finding) string { return x.Key })
	confidence := make([]float64, len(all))
	for i := range all {
		confidence[i] = all[i].Confidence
	}
	column("confidence", confidence).SetConfig(&data.FieldConfig{Unit: "percentunit"})
	text("detector", func(x *detect.Finding) string { return x.Detector })
	text("explanation", func(x *detect.Finding) string { return x.Explanation })
	text("technique", func(x *detect.Finding) string { return x.Technique })
	text("actions", func(x *detect.Finding) string { return joined(x.Actions, "; ") })
	text("id", func(x *detect.Finding) string { return x.ID })
	if uid != "" {
		text("flows", func(x *detect.Finding) string { return exploreURL(uid, flowsOf(x), x.Start, x.End) }).SetConfig(&data.FieldConfig{
			// Grafana would escape an address again that it isn't told to take as it is.
			Links:  []data.DataLink{{Title: "Its flows", URL: "${__value.raw:raw}"}},
			Custom: map[string]any{"cellOptions": map[string]string{"type": "data-links"}},
		})
	}
	return f
}

func moments(all []detect.Finding) (starts, ends []time.Time) {
	starts, ends = make([]time.Time, len(all)), make([]time.Time, len(all))
	for i := range all {
		starts[i], ends[i] = time.Unix(0, all[i].Start).UTC(), time.Unix(0, all[i].End).UTC()
	}
	return starts, ends
}

// flowsOf asks for the flows of who takes part in a finding.
func flowsOf(x *detect.Finding) map[string]any {
	var hosts []string
	for _, e := range x.Entities {
		if e.Kind == "ip" && !slices.Contains(hosts, e.Value) {
			hosts = append(hosts, e.Value)
		}
	}
	q := map[string]any{"show": "flows"}
	if len(hosts) > 0 {
		if term, err := (&term{Key: "ip", Operator: "=|", Values: hosts}).filter(); err == nil {
			q["where"] = term.String()
		}
	}
	return q
}

// exploreURL is where Explore asks uid from one moment to another: its panes, as
// Grafana 10 and later have them.
func exploreURL(uid string, query map[string]any, from, to int64) string {
	source := map[string]string{"type": ID, "uid": uid}
	query["refId"], query["datasource"] = "A", source
	ms := func(ns int64) string { return strconv.FormatInt(ns/int64(time.Millisecond), 10) }
	panes, err := json.Marshal(map[string]any{"weir": map[string]any{
		"datasource": uid, "queries": []any{query},
		"range": map[string]string{"from": ms(from), "to": ms(to + int64(time.Millisecond) - 1)},
	}})
	if err != nil {
		panic("texts make no JSON: " + err.Error())
	}
	return "/explore?" + url.Values{"schemaVersion": {"1"}, "panes": {string(panes)}}.Encode()
}

// marksFrame is findings as annotations. Their texts are HTML there.
func marksFrame(all []detect.Finding) *dataFrame {
	f := tableFrame(data.FrameTypeTable)
	titles, texts, tags, ids := make([]string, len(all)), make([]string, len(all)), make([]string, len(all)), make([]string, len(all))
	for i := range all {
		x := &all[i]
		titles[i] = html.EscapeString(x.Severity.String() + " " + x.Class + ": " + x.Key)
		texts[i] = html.EscapeString(x.Explanation)
		ids[i] = x.ID
		tags[i] = joined([]string{x.Severity.String(), x.Class, strings.ReplaceAll(x.Detector, ",", " ")}, ",")
	}
	starts, ends := moments(all)
	f.Fields = []*data.Field{
		data.NewField("time", nil, starts), data.NewField("timeEnd", nil, ends), data.NewField("title", nil, titles),
		data.NewField("text", nil, texts), data.NewField("tags", nil, tags), data.NewField("id", nil, ids),
	}
	return f
}
