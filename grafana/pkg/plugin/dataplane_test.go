package plugin

import (
	"testing"

	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// Grafana's own readers, which alert rules go through, find as many numbers and
// series in frames as there are groups times metrics.
func TestDataPlane(t *testing.T) {
	v := goldenWindow(t)
	series := func(json string, want int) {
		t.Helper()
		r, err := timeseries.CollectionReaderFromFrames(answerOf(t, v, json))
		if err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		if c, err := r.GetCollection(true); err != nil || c.Warning != nil || len(c.Refs) != want {
			t.Errorf("%s: %d series, %v, %v", json, len(c.Refs), err, c.Warning)
		}
	}
	series(`{"show":"series"}`, 1)
	series(`{"show":"series","by":["proto"],"metrics":["bits","flows"]}`, 6)
	series(`{"show":"series","by":["proto"],"limit":1}`, 2)
	series(`{"show":"series","by":["proto"],"where":"proto gre"}`, 0)
	numbers := func(json string, want int) {
		t.Helper()
		r, err := numeric.CollectionReaderFromFrames(answerOf(t, v, json))
		if err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		if c, err := r.GetCollection(false); err != nil || c.Warning != nil || len(c.Refs) != want {
			t.Errorf("%s: %d numbers, %v, %v", json, len(c.Refs), err, c.Warning)
		}
	}
	numbers(`{"show":"top","by":["src"],"metrics":["bytes"],"format":"sankey"}`, 4)
	numbers(`{"show":"top","by":["src"],"metrics":["bits p95"],"every":"20s"}`, 8) // and how far each may be off
	numbers(`{"show":"top","by":["src"],"metrics":["distinct proto"],"limit":1}`, 1)
	numbers(`{"show":"top"}`, 4) // bytes, their rate, share and error
	numbers(`{"show":"top","by":["src"],"where":"proto gre"}`, 0)
	numbers(`{"show":"top","where":"proto gre","metrics":["flows"]}`, 3) // silence is 0, and a share of nothing none
}

// For a rule, a group has one number, which its labels name.
func TestRule(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, d)
	sendV5(t, at.Listening[0])
	waitFlows(t, d, 1)
	ask := func(headers map[string]string) int {
		t.Helper()
		q := liveQueryOf(`{"show":"top","by":["src"],"metrics":["bits","flows"]}`)
		r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: aPlugin, Queries: []backend.DataQuery{q}, Headers: headers})
		if err != nil || r.Responses["A"].Error != nil {
			t.Fatal(err, r.Responses["A"].Error)
		}
		c, err := numeric.CollectionReaderFromFrames(r.Responses["A"].Frames)
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.GetCollection(false)
		if err != nil || len(all.Refs) == 0 {
			t.Fatal(all, err)
		}
		for _, x := range all.Refs {
			if x.GetMetricName() != "bits" && headers != nil {
				t.Errorf("%v has %s", headers, x.GetMetricName())
			}
		}
		return len(all.Refs)
	}
	panel := ask(nil)
	for _, headers := range []map[string]string{{backend.FromAlertHeaderName: "true"}, {"http_X-Grafana-From-Expr": "true"}} {
		if rule := ask(headers); rule != 1 || panel < 4 { // a panel has bits and flows, and their rates
			t.Errorf("%v has %d numbers, a panel %d", headers, rule, panel)
		}
	}
}
