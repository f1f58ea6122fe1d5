//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A collector stands in for splunkd's credential storage and for an event
// collector, under one address.
type collector struct {
	*httptest.Server
	ca string // file

	mu     sync.Mutex
	down   bool // it takes no events
	events []collected
	wrong  []string // requests that ought not to be
}

type collected struct {
	Time       json.Number `json:"time"`
	Host       string      `json:"host"`
	Source     string      `json:"source"`
	Sourcetype string      `json:"sourcetype"`
	Index      string      `json:"index"`
	Event      string      `json:"event"`
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := new(collector)
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.StartTLS()
	t.Cleanup(c.Close)
	c.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(c.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ask := r.Header.Get("Authorization") + " " + r.URL.Path; ask {
	case "Splunk session /servicesNS/nobody/TA-weir/storage/passwords/weir:hec:":
		fmt.Fprint(w, `{"entry":[{"content":{"realm":"weir","username":"hec","clear_password":"secret-token"}}]}`)
	case "Splunk secret-token /services/collector/event":
		if c.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"text":"Server is busy","code":9}`)
			return
		}
		for d := json.NewDecoder(r.Body); ; {
			var e collected
			if err := d.Decode(&e); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				c.wrong = append(c.wrong, err.Error())
				break
			}
			c.events = append(c.events, e)
		}
		fmt.Fprint(w, `{"text":"Success","code":0}`)
	default:
		c.wrong = append(c.wrong, ask)
		http.NotFound(w, r)
	}
}

func (c *collector) got() []collected {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events
}

// stanza is the document of weir://core, whose flows go to c.
func (c *collector) stanza(t *testing.T, params ...string) string {
	doc := stanza(t, append([]string{"types=flows,stats", "output=hec", "hec_url=" + c.URL, "hec_ca=" + c.ca, "splunkd_ca=" + c.ca, "format=json"}, params...)...)
	return strings.NewReplacer("https://127.0.0.1:8089", c.URL, "<session_key>k<", "<session_key>session<").Replace(doc)
}

// A telling is what events of weir:stats say: sums of numbers by kind, and the
// last trouble of an event collector.
type telling struct {
	sums    map[string]map[string]float64
	trouble string
}

// expect compares what was told.
func (x telling) expect(t *testing.T, kind string, want map[string]float64) {
	t.Helper()
	for k, n := range want {
		if v, ok := x.sums[kind][k]; !ok || v != n {
			t.Errorf("%s: %s is %v, want %v", kind, k, v, n)
		}
	}
}

// end ends weir in order and returns what it told, and how many events there
// were of other source types.
func (s *splunkd) end() (told telling, others int) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(s.stdout)
	if err != nil {
		s.t.Fatal(err)
	}
	var stream struct {
		Events []struct {
			Sourcetype string `xml:"sourcetype"`
			Data       string `xml:"data"`
		} `xml:"event"`
	}
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&stream); err != nil {
		s.t.Fatal(err)
	}
	told.sums = map[string]map[string]float64{}
	for _, e := range stream.Events {
		if e.Sourcetype != "weir:stats" {
			others++
			continue
		}
		var f map[string]any
		if err := json.Unmarshal([]byte(e.Data), &f); err != nil {
			s.t.Fatal(err)
		}
		kind := f["kind"].(string)
		if told.sums[kind] == nil {
			told.sums[kind] = map[string]float64{}
		}
		for k, v := range f {
			if n, ok := v.(float64); ok {
				told.sums[kind][k] += n
			}
		}
		if kind == "indexer" {
			told.trouble, _ = f["trouble"].(string)
		}
	}
	return told, others
}

// Flows go to the event collector, with the token of the credential storage and
// stitched; the ledger goes to splunkd.
func TestEventCollector(t *testing.T) {
	c := collect(t)
	s := launch(t, c.stanza(t, "stitch=true", "stitch_timeout=1h"), nil)
	exporter := s.connect()
	exporter.Write(oneWay(0, 1, 500, false))
	exporter.Write(oneWay(1, 1, 70000, true))
	for end := time.Now().Add(10 * time.Second); len(c.got()) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no event: %s", s.stderr)
		}
	}
	exporter.Write(oneWay(2, 2, 900, false))
	time.Sleep(500 * time.Millisecond)
	told, others := s.end()
	if code := s.exit(5 * time.Second); code != 0 || others != 0 {
		t.Errorf("exit code %d, %d events of other kinds: %s", code, others, s.stderr)
	}
	events := c.got()
	if len(events) != 2 || len(c.wrong) > 0 {
		t.Fatalf("%+v, %q", events, c.wrong)
	}
	for i, want := range []string{`"bytes_out":500,`, `"bytes_out":900,`} {
		e := events[i]
		if e.Host != "127.0.0.1" || e.Source != "weir://core" || e.Sourcetype != "weir:flow:json" || e.Index != "net" || e.Time == "" || !strings.Contains(e.Event, want) {
			t.Errorf("%+v", e)
		}
		if i == 0 != strings.Contains(e.Event, `"bytes_in":70000,`) {
			t.Errorf("%s", e.Event)
		}
	}
	told.expect(t, "exporter", map[string]float64{"records": 3, "written": 3, "dropped": 0, "failed": 0, "queued": 0})
	told.expect(t, "input", map[string]float64{
		"written": 3, "spilled": 0, "stitch_pairs": 1, "stitch_alone": 1, "stitch_pushed": 0, "stitch_waiting": 0,
		"hec_requests": 2, "hec_sent": 2, "hec_written": 2, "hec_dropped": 0, "hec_failed": 0, "hec_resent": 0, "hec_unacknowledged": 0, "hec_held_octets": 0,
	})
	told.expect(t, "indexer", map[string]float64{"events": 2})
	if told.trouble != "" || told.sums["input"]["hec_octets"] == 0 {
		t.Errorf("%+v", told)
	}
}

// While the event collector takes nothing, an end in order takes its time at most,
// and each flow is accounted for.
func TestEventCollectorIsDown(t *testing.T) {
	c := collect(t)
	c.down = true
	s := launch(t, c.stanza(t, "stitch=true", "hec_token=secret-token"), nil)
	exporter := s.connect()
	for i := range uint32(10) {
		exporter.Write(oneWay(i, i, 500, false))
	}
	time.Sleep(500 * time.Millisecond)
	begun := time.Now()
	told, _ := s.end()
	s.exit(5 * time.Second)
	if d := time.Since(begun); d > 4500*time.Millisecond {
		t.Errorf("it ended after %s", d)
	}
	told.expect(t, "exporter", map[string]float64{"records": 10, "dropped": 10, "written": 0})
	told.expect(t, "input", map[string]float64{"hec_sent": 0, "hec_written": 0, "hec_dropped": 10})
	told.expect(t, "indexer", map[string]float64{"events": 0})
	if told.sums["input"]["hec_resent"] == 0 || !strings.Contains(told.trouble, "busy") {
		t.Errorf("%+v: %s", told, s.stderr)
	}
}

// Without its token weir doesn't run.
func TestEventCollectorWithoutToken(t *testing.T) {
	c := collect(t)
	s := launch(t, c.stanza(t, "hec_secret=weir:other"), nil)
	if code := s.exit(15 * time.Second); code != 1 {
		t.Errorf("exit code %d: %s", code, s.stderr)
	}
	s.find(`(?m)^ERROR .*(read weir:other from Splunk's credential storage)`)
}
