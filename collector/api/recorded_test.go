package api

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/query"
)

var record = flag.Bool("record", false, "record anew what Grafana's datasource is tested with")

// A lossyStore lacks some of the flows of who asks for different values.
type lossyStore struct{ windowStore }

func (s *lossyStore) Query(ctx context.Context, r *query.Request) (*query.Answer, error) {
	a, err := s.windowStore.Query(ctx, r)
	if err == nil && len(r.Metrics) > 0 && r.Metrics[0].Of == query.Distinct {
		a.Coverage = query.Coverage{Known: true, Records: 15, Missing: 1, Lost: 1}
		a.Notes = []string{"weir did not run from 12:00 to 12:10"}
	}
	return a, err
}

// Grafana's datasource, which may not import this package, is tested with what was
// recorded here: it is what the API answers.
func TestRecorded(t *testing.T) {
	const dir = "../../grafana/pkg/plugin/testdata/collector"
	text, err := os.ReadFile(filepath.Join(dir, "questions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var questions map[string]string // by the file of the answer
	if err := json.Unmarshal(text, &questions); err != nil {
		t.Fatal(err)
	}
	s := lossyStore{windowStore{Window: office(t)}}
	found := findingsStore(t)
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Findings = found
		deps.Store = &s
		deps.Now = func() time.Time { return time.Date(2026, 11, 26, 12, 21, 0, 0, time.UTC) }
	})
	for file, question := range questions {
		body, err := json.Marshal(map[string]string{"question": question})
		if err != nil {
			t.Fatal(err)
		}
		w, answer := d.ask(t, "POST", "/api/v1/query?format=arrow", string(body), "Content-Type", "application/json")
		if (w.StatusCode == http.StatusOK) != (filepath.Ext(file) == ".arrow") {
			t.Errorf("%s: %s", file, w.Status)
		}
		name := filepath.Join(dir, file)
		if *record {
			if err := os.WriteFile(name, []byte(answer), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(name); err != nil || string(want) != answer {
			t.Errorf("%s is not what the API answers to %s (%v): go test ./collector/api -run Recorded -record", file, question, err)
		}
	}
	d.play(t, "same/same.pcap")
	for _, text := range []string{scanJSON, strings.NewReplacer("scan.horizontal", "ddos.flood", "high", "info", "12:00:00Z", "12:00:30Z", `"T1046"`, `""`, "tries 300 hosts", "<b>is</b> &amp; stays").Replace(scanJSON)} {
		if _, err := (&Client{URL: d.URL(), Token: d.token}).AddFindings(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for file, x := range map[string]struct {
		path string
		as   any
	}{
		"status.json": {"/api/v1/status", &Status{}}, "exporters.json": {"/api/v1/exporters", &Exporters{}},
		"values.json":   {"/api/v1/values?field=proto&prefix=ud", &Values{}},
		"findings.json": {"/api/v1/findings", &Found{}},
	} {
		name := filepath.Join(dir, file)
		if *record {
			_, answer := d.ask(t, "GET", x.path, "")
			if err := os.WriteFile(name, []byte(answer), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := json.NewDecoder(bytes.NewReader(text))
		r.DisallowUnknownFields()
		if err := r.Decode(x.as); err != nil {
			t.Errorf("%s is not what the API answers: %v", file, err)
		}
	}
}
