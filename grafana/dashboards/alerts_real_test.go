//go:build real

package main

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// evaluate returns what a rule's query comes to at a time, by the value of a label, as
// Grafana's alerting reads and reduces it, and which of them fire.
func (v *viewer) evaluate(r rule, at time.Time, label string) (values map[string]float64, firing map[string]bool) {
	v.Helper()
	q := r.Data[0]
	text, err := json.Marshal(q.Model)
	if err != nil {
		v.Fatal(err)
	}
	answer, err := v.source.QueryData(v.Context(), &backend.QueryDataRequest{PluginContext: v.context, Queries: []backend.DataQuery{{
		RefID: q.RefID, JSON: text, Interval: time.Duration(q.Model["intervalMs"].(int)) * time.Millisecond, MaxDataPoints: int64(q.Model["maxDataPoints"].(int)),
		TimeRange: backend.TimeRange{From: at.Add(-time.Duration(q.RelativeTimeRange.From) * time.Second), To: at.Add(-time.Duration(q.RelativeTimeRange.To) * time.Second)},
	}}})
	if err != nil {
		v.Fatal(err)
	}
	if err := answer.Responses["A"].Error; err != nil {
		v.Fatalf("%s: %v", r.UID, err)
	}
	reader, err := timeseries.CollectionReaderFromFrames(answer.Responses["A"].Frames)
	if err != nil {
		v.Fatalf("%s: %v", r.UID, err)
	}
	all, err := reader.GetCollection(true)
	if err != nil || all.Warning != nil {
		v.Fatalf("%s: %v, %v", r.UID, err, all.Warning)
	}
	condition := r.Data[2].Model["conditions"].([]any)[0].(map[string]any)["evaluator"].(map[string]any)
	values, firing = map[string]float64{}, map[string]bool{}
	for _, m := range all.Refs {
		sum, last, n := 0.0, 0.0, 0
		points, err := m.Len()
		if err != nil {
			v.Fatal(err)
		}
		for i := range points {
			x, err := m.NullableFloat64Value(i)
			if err != nil {
				v.Fatal(err)
			}
			if x != nil {
				sum, last, n = sum+*x, *x, n+1
			}
		}
		name := m.GetLabels()[label]
		if _, twice := values[name]; name == "" || twice || n == 0 {
			v.Fatalf("%s: %v", r.UID, m.GetLabels())
		}
		switch r.Data[1].Model["reducer"] {
		case "mean":
			values[name] = sum / float64(n)
		case "last":
			values[name] = last
		default:
			v.Fatalf("%s: %v", r.UID, r.Data[1].Model)
		}
		threshold := condition["params"].([]any)[0]
		limit, ok := threshold.(float64)
		if whole, is := threshold.(int); is {
			limit, ok = float64(whole), true
		}
		switch {
		case ok && condition["type"] == "gt":
			firing[name] = values[name] > limit
		case ok && condition["type"] == "lt":
			firing[name] = values[name] < limit
		default:
			v.Fatalf("%s: %v", r.UID, condition)
		}
	}
	return values, firing
}

// checkRules evaluates the rules while exporters send, fed being when they did, and
// when they have been silent.
func (v *viewer) checkRules(fed time.Time) {
	v.Helper()
	const bin = 5 * time.Minute
	soon := fed.Truncate(bin).Add(bin + time.Minute) // the last bin is that of fed
	for _, r := range rules(v.T) {
		label := map[string]string{"weir-link-full-in": "in_if", "weir-link-full-out": "out_if", "weir-exporter-silent": "exporter"}[r.UID]
		values, firing := v.evaluate(r, soon, label)
		if label != "exporter" {
			if maxOf(values) == 0 {
				v.Errorf("%s has %v", r.UID, values)
			}
			continue
		}
		if values["127.0.0.11"] == 0 || firing["127.0.0.11"] {
			v.Errorf("%s has %v", r.UID, values)
		}
		if later, silent := v.evaluate(r, soon.Add(2*bin), label); later["127.0.0.11"] != 0 || !silent["127.0.0.11"] {
			v.Errorf("%s has %v of who is silent", r.UID, later)
		}
	}
}

func maxOf(values map[string]float64) (most float64) {
	for x := range maps.Values(values) {
		most = max(most, x)
	}
	return most
}
