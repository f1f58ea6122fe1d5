package plugin

import (
	"testing"

	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
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
