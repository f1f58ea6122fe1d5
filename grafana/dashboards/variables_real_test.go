//go:build real

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// resource asks for a list of the plugin's.
func (v *viewer) resource(path string, params url.Values, into any) {
	v.Helper()
	params.Set("from", strconv.FormatInt(v.from.UnixMilli(), 10))
	params.Set("to", strconv.FormatInt(v.to.UnixMilli(), 10))
	err := v.source.CallResource(v.Context(), &backend.CallResourceRequest{
		PluginContext: v.context, Path: path, Method: "GET", URL: path + "?" + params.Encode(),
	}, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if r.Status != 200 {
			return fmt.Errorf("status %d: %s", r.Status, r.Body)
		}
		return json.Unmarshal(r.Body, into)
	}))
	if err != nil {
		v.Fatalf("%s?%s: %v", path, params.Encode(), err)
	}
}

// options are what a variable of p offers, as the frontend finds it.
func (v *viewer) options(p *page, x variable, chosen choice) (all []string) {
	v.Helper()
	var q struct{ Kind, Field, Where string }
	if err := json.Unmarshal(x.Query, &q); err != nil {
		v.Fatalf("variable %s: %v", x.Name, err)
	}
	switch q.Kind {
	case "exporters":
		var r struct {
			Exporters []struct{ Exporter, Address string }
		}
		v.resource("exporters", url.Values{}, &r)
		for _, e := range r.Exporters {
			all = append(all, e.Address)
		}
	case "values":
		query, err := json.Marshal(map[string]any{"refId": "values", "show": "top", "by": []string{q.Field}, "metrics": []string{"flows"}, "limit": 1000, "where": p.fill(q.Where, chosen)})
		if err != nil {
			v.Fatal(err)
		}
		frames, err := v.ask(query)
		if err != nil {
			v.Fatalf("variable %s: %v", x.Name, err)
		}
		for i := range frames[0].Rows() {
			all = append(all, frames[0].Fields[0].At(i).(string))
		}
	default:
		v.Fatalf("variable %s is of kind %q", x.Name, q.Kind)
	}
	return all
}
