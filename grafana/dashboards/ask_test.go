package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/grafana/pkg/plugin"
)

// A viewer asks a datasource what Grafana asks it for who opens dashboards.
type viewer struct {
	*testing.T
	source interface {
		backend.QueryDataHandler
		backend.CallResourceHandler
		backend.CheckHealthHandler
	}
	context  backend.PluginContext
	from, to time.Time
	filters  []map[string]any // that a dashboard has on its page
}

// view makes a viewer of a datasource with such settings.
func view(t *testing.T, jsonData map[string]any, token string) *viewer {
	t.Helper()
	text, err := json.Marshal(jsonData)
	if err != nil {
		t.Fatal(err)
	}
	settings := backend.DataSourceInstanceSettings{
		ID: 1, UID: "weir", Name: "weir", Type: plugin.ID, Updated: time.Now(), JSONData: text, DecryptedSecureJSONData: map[string]string{"token": token},
	}
	log.DefaultLogger = log.NewNullLogger() // the SDK tells of each query
	made, err := plugin.NewHub(slog.New(slog.DiscardHandler)).NewDatasource(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := made.(interface{ Dispose() }); ok {
		t.Cleanup(d.Dispose)
	}
	v := &viewer{T: t, context: backend.PluginContext{PluginID: plugin.ID, DataSourceInstanceSettings: &settings}}
	v.source = made.(interface {
		backend.QueryDataHandler
		backend.CallResourceHandler
		backend.CheckHealthHandler
	})
	return v
}

// health is what "Save & test" says.
func (v *viewer) health() (details struct {
	Flows, Exporters, Datagrams int
	Listening                   []string
}, message string) {
	v.Helper()
	r, err := v.source.CheckHealth(v.Context(), &backend.CheckHealthRequest{PluginContext: v.context})
	if err != nil {
		v.Fatal(err)
	}
	if err := json.Unmarshal(r.JSONDetails, &details); err != nil {
		v.Fatal(err)
	}
	return details, r.Message
}

// A choice is what variables are set to. What is not there has the value of All.
type choice map[string][]string

var reference = regexp.MustCompile(`\$\{(\w+):(\w+)\}`)

// fill replaces variables in a query as the frontend does. Of what is chosen here
// nothing needs quotes.
func (p *page) fill(text string, chosen choice) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		m := reference.FindStringSubmatch(found)
		i := slices.IndexFunc(p.Templating.List, func(v variable) bool { return v.Name == m[1] })
		switch values := chosen[m[1]]; {
		case len(values) == 1:
			return values[0]
		case len(values) > 1:
			return "[" + strings.Join(values, " ") + "]"
		case i < 0:
			return found
		case p.Templating.List[i].Type == "custom":
			return p.Templating.List[i].Options[0].Value
		default:
			return p.Templating.List[i].AllValue
		}
	})
}

// ask runs a query, and returns its frames.
func (v *viewer) ask(query json.RawMessage) (data.Frames, error) {
	var of struct{ RefID string }
	if err := json.Unmarshal(query, &of); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(v.Context(), time.Minute)
	defer cancel()
	r, err := v.source.QueryData(ctx, &backend.QueryDataRequest{PluginContext: v.context, Queries: []backend.DataQuery{{
		RefID: of.RefID, JSON: query, Interval: 15 * time.Second, MaxDataPoints: 400, TimeRange: backend.TimeRange{From: v.from, To: v.to},
	}}})
	if err != nil {
		return nil, err
	}
	return r.Responses[of.RefID].Frames, r.Responses[of.RefID].Error
}

// filtered adds the page's filters to a query.
func (v *viewer) filtered(query string) json.RawMessage {
	v.Helper()
	if v.filters == nil {
		return json.RawMessage(query)
	}
	q := map[string]any{}
	err := json.Unmarshal([]byte(query), &q)
	q["adhoc"] = v.filters
	text, encoding := json.Marshal(q)
	if err != nil || encoding != nil {
		v.Fatalf("%s: %v, %v", query, err, encoding)
	}
	return text
}

// open asks what a dashboard asks, with variables set to chosen, and tells of each
// panel that has nothing to show. What skip says yes to isn't asked.
func (v *viewer) open(p *page, chosen choice, skip func(shown) bool) {
	v.Helper()
	for _, x := range p.Panels {
		if skip != nil && skip(x) {
			continue
		}
		where := fmt.Sprintf("%s, %q, %v", p.Title, x.Title, chosen)
		var all data.Frames
		for _, target := range x.Targets {
			query := v.filtered(p.fill(string(target), chosen))
			frames, err := v.ask(query)
			if err != nil {
				v.Errorf("%s: %v\n%s", where, err, query)
				continue
			}
			if err := showable(x, frames); err != nil {
				v.Errorf("%s: %v\n%s", where, err, query)
			}
			all = append(all, frames...)
		}
		for _, name := range x.names() {
			if !has(all, name) && (name != "error" || chosen == nil) { // error is of sampled flows
				v.Errorf("%s: nothing is called %q", where, name)
			}
		}
	}
	for _, a := range p.Annotations.List {
		if a.Datasource.Type != plugin.ID || skip != nil {
			continue
		}
		frames, err := v.ask(a.Target)
		if err == nil && (len(frames) == 0 || frames[0].Rows() == 0) {
			err = fmt.Errorf("no rows")
		}
		if err != nil {
			v.Errorf("%s, annotation %s: %v", p.Title, a.Name, err)
			continue
		}
		for _, name := range []string{"time", "timeEnd", "title", "text", "tags", "id"} {
			if !has(frames, name) {
				v.Errorf("%s, annotation %s: no %s", p.Title, a.Name, name)
			}
		}
	}
}

func has(frames data.Frames, name string) bool {
	return slices.ContainsFunc(frames, func(f *data.Frame) bool {
		x, _ := f.FieldByName(name)
		return x != nil
	})
}

// names are of the fields that a panel is about to change or to leave out, but for
// those that it makes itself.
func (x shown) names() (all []string) {
	made := []string{}
	for _, tr := range x.Transformations {
		var o struct {
			Alias  string
			Binary struct {
				Left, Right struct{ Matcher struct{ Options string } }
			}
			Conversions   []struct{ TargetField string }
			ExcludeByName map[string]bool
			Mappings      []struct{ FieldName string }
			Fields        map[string]any
		}
		if err := json.Unmarshal(tr.Options, &o); err != nil {
			panic(err)
		}
		for _, c := range o.Conversions {
			all = append(all, c.TargetField)
		}
		for _, m := range o.Mappings {
			all = append(all, m.FieldName)
		}
		for name := range o.ExcludeByName {
			all = append(all, name)
		}
		for name := range o.Fields {
			all = append(all, name)
		}
		all = append(all, o.Binary.Left.Matcher.Options, o.Binary.Right.Matcher.Options)
		made = append(made, o.Alias)
	}
	for _, o := range x.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" {
			all = append(all, o.Matcher.Options)
		}
	}
	var o struct {
		XField        string
		ReduceOptions struct{ Fields string }
	}
	if err := json.Unmarshal(x.Options, &o); err != nil {
		panic(err)
	}
	all = append(all, o.XField)
	if name, ok := strings.CutPrefix(o.ReduceOptions.Fields, "/^"); ok {
		all = append(all, strings.TrimSuffix(name, "$/"))
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" || slices.Contains(made, name) })
}

// showable tells what a panel of this kind lacks in frames.
func showable(x shown, frames data.Frames) error {
	rows := 0
	for _, f := range frames {
		rows += f.Rows()
	}
	if rows == 0 {
		return fmt.Errorf("no rows")
	}
	first := frames[0]
	var kinds []data.FieldType
	positive := false
	for _, f := range frames {
		for _, field := range f.Fields {
			kinds = append(kinds, field.Type().NonNullableType())
			for i := range field.Len() {
				if n, err := field.FloatAt(i); err == nil && field.Type().Numeric() && n > 0 {
					positive = true
				}
			}
		}
	}
	if !positive && x.Type != "logs" && first.Fields[0].Type().NonNullableType() != data.FieldTypeTime {
		return fmt.Errorf("no number above 0")
	}
	texts := func(f *data.Frame) (n int) {
		for _, x := range f.Fields {
			if x.Type().NonNullableType() == data.FieldTypeString {
				n++
			}
		}
		return n
	}
	switch x.Type {
	case "timeseries":
		if first.TimeSeriesSchema().Type != data.TimeSeriesTypeWide && !first.Fields[len(first.Fields)-1].Type().Numeric() {
			return fmt.Errorf("no time series: %v", kinds)
		}
	case "heatmap":
		if first.Meta == nil || first.Meta.Type != "heatmap-rows" || kinds[0] != data.FieldTypeTime || len(first.Fields) < 2 {
			return fmt.Errorf("no heatmap: %v", kinds)
		}
	case "nodeGraph":
		if len(frames) != 2 || frames[0].Name != "nodes" || frames[1].Name != "edges" || frames[0].Rows() < 2 || frames[1].Rows() == 0 {
			return fmt.Errorf("no graph")
		}
	case "logs":
		if first.Meta == nil || first.Meta.Type != data.FrameTypeLogLines {
			return fmt.Errorf("no log lines")
		}
	case "geomap":
		if first.Fields[0].Name != "lookup" || kinds[0] != data.FieldTypeString || !slices.ContainsFunc(kinds, data.FieldType.Numeric) {
			return fmt.Errorf("no places: %v", kinds)
		}
	case sankey:
		if n := len(first.Fields); texts(first) != n-1 || !first.Fields[n-1].Type().Numeric() || n < 3 {
			return fmt.Errorf("no streams: %v", kinds)
		}
	case "piechart", "barchart", "bargauge":
		if texts(first) == 0 || len(frames) != 1 {
			return fmt.Errorf("nothing to name a value by: %v", kinds)
		}
	}
	return nil
}
