package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/findings"
	"github.com/weirflow/weir/plugins/detect"
)

// scanJSON is a finding as a detector sends it.
const scanJSON = `{"detector": "scan", "version": "1", "class": "scan.horizontal", "severity": "high", "confidence": 0.9,
	"start": "2026-11-26T12:00:00Z", "end": "2026-11-26T12:01:00Z", "key": "10.0.0.1 tcp 445",
	"explanation": "10.0.0.1 tries 300 hosts", "entities": [{"role": "source", "kind": "ip", "value": "10.0.0.1"}],
	"metrics": {"targets": 300}, "technique": "T1046", "actions": ["look"], "coverage": 1,
	"evidence": [{"src_addr": "10.0.0.1", "dst_addr": "192.0.2.1", "src_port": 1, "dst_port": 445, "proto": 6,
		"start": "2026-11-26T12:00:00Z", "end": "2026-11-26T12:00:01Z", "exporter": "192.0.2.9"}]}`

// findingsStore is one whose clock stands a moment after scanJSON.
func findingsStore(t *testing.T) *findings.Store {
	t.Helper()
	s, err := findings.Open(t.TempDir(), findings.Default(), findings.Deps{Now: func() time.Time { return time.Date(2026, 11, 26, 12, 2, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is added can be listed, by all that a question says; only operators add.
func TestFindings(t *testing.T) {
	d := start(t, func(c *Config, deps *Deps) {
		deps.Findings = findingsStore(t)
		c.Tokens = []Token{{Name: "v", Role: Viewer, SHA256: "9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de"}}
	})
	c := &Client{URL: d.URL(), Token: d.token}
	later := strings.NewReplacer("10.0.0.1", "10.0.0.2", "high", "low", "12:00:00Z", "12:01:00Z", "12:01:00Z", "12:02:00Z", "scan", "walk").Replace(scanJSON)
	x, err := c.AddFindings(t.Context(), []byte("["+scanJSON+", "+later+"]"))
	if err != nil || len(x.IDs) != 2 {
		t.Fatalf("%+v, %v", x, err)
	}
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	if id := detect.ID("scan", "10.0.0.1 tcp 445", noon.UnixNano(), noon.Add(time.Minute).UnixNano()); x.IDs[0] != id {
		t.Errorf("id is %s, want %s", x.IDs[0], id)
	}
	f := func(path, want string) {
		t.Helper()
		w, body := d.ask(t, "GET", "/api/v1/findings"+path, "")
		var got []string
		for _, line := range strings.Split(body, "\n") {
			if _, key, ok := strings.Cut(line, `"key": `); ok {
				got = append(got, strings.Trim(key, `",`))
			} else if n, ok := strings.CutPrefix(line, `  "more": `); ok {
				got = append(got, "+"+n)
			} else if e, ok := strings.CutPrefix(line, `  "error": `); ok {
				got = append(got, e)
			}
		}
		if s := strings.Join(got, "; "); s != want || (w.StatusCode == http.StatusOK) != strings.Contains(s, "+") {
			t.Errorf("%s: %s, %q, want %q", path, w.Status, s, want)
		}
	}
	f("", "10.0.0.2 tcp 445; 10.0.0.1 tcp 445; +0")
	f("?limit=1", "10.0.0.2 tcp 445; +1")
	f("?severity=medium", "10.0.0.1 tcp 445; +0")
	f("?class=scan.h", "10.0.0.1 tcp 445; +0")
	f("?detector=walk", "10.0.0.2 tcp 445; +0")
	f("?to=2026-11-26T12:01:00Z", "10.0.0.1 tcp 445; +0")
	f("?from=1795694460000", "10.0.0.2 tcp 445; +0") // 12:01
	f("?from=2026-11-26T12:02:00Z", "+0")
	f("?from=soon", `"from is \"soon\": write a moment as 2026-11-26T12:00:00Z, or milliseconds since 1970"`)
	f("?from=99999999999999", `"from is \"99999999999999\": write a moment as 2026-11-26T12:00:00Z, or milliseconds since 1970"`)
	f("?from=2&to=1", `"the time range ends before it begins"`)
	f("?severity=unknown", `"severity is \"unknown\": write info, low, medium, high or critical, of which it is the least"`)
	f("?limit=0", `"limit is \"0\": write a number from 1 to 10000"`)

	refused := func(c *Client, text string, status int, want string) {
		t.Helper()
		_, err := c.AddFindings(t.Context(), []byte(text))
		var p *ProblemError
		if !errors.As(err, &p) || p.Status != status || !strings.Contains(p.Text, want) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	refused(&Client{URL: d.URL()}, scanJSON, 401, "this needs a token of role operator")
	refused(c, "[]", 400, "there is no finding in the list")
	const little = `{"start": "2026-11-26T12:00:00Z", "end": "2026-11-26T12:01:00Z"}`
	refused(c, little, 400, "key is empty")
	refused(c, "["+strings.Repeat(little+",", mostFindings)+little+"]", 400, "there are 10001 findings: send 10000 at most")
	refused(c, `[`, 400, "the body is no finding")
	refused(c, `7`, 400, "the body is no finding")
	refused(c, `null`, 400, "the body is no finding")
	refused(c, strings.Replace(scanJSON, "300 hosts", `\u001b[2J`, 1), 400, "control character")
	refused(c, strings.Replace(scanJSON, "12:01:00Z", "11:01:00Z", 1), 400, "ends after its start")
	refused(c, "["+strings.Repeat(" ", maxBody)+"]", 400, "read the findings")
	if w, _ := d.ask(t, "POST", "/api/v1/findings", scanJSON, "Authorization", "Bearer "+d.token); w.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a body of no kind: %s", w.Status)
	}
	none := start(t, nil)
	refused(&Client{URL: none.URL(), Token: none.token}, scanJSON, 501, "this weir keeps no findings")
	if w, _ := none.ask(t, "GET", "/api/v1/findings", ""); w.StatusCode != http.StatusNotImplemented {
		t.Error(w.Status)
	}
}
