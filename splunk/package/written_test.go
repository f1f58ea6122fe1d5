package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/splunk/internal/spl"
	"github.com/weirflow/weir/splunk/modinput"
)

// A console collects what is written to it.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// await waits for a text of the pattern, and returns its groups.
func (c *console) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(c.String()); m != nil {
			return m
		}
	}
	t.Fatalf("no %s in %s", pattern, c)
	return nil
}

// ofStream returns the events of a stream, as a search head sees them.
func ofStream(t *testing.T, a *spl.Addon, text string) (all []spl.Event) {
	t.Helper()
	var s struct {
		Events []indexed `xml:"event"`
	}
	if err := xml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		if e.Host == "" {
			e.Host = "forwarder"
		}
		ev, err := a.Event(e.Sourcetype, e.Host, e.Time, e.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ev)
	}
	return all
}

// ranInput returns what a running input writes of an exporter that sends a broken
// datagram, a flow, and another after two that were lost, and of one that is none.
func ranInput(t *testing.T, a *spl.Addon) []spl.Event {
	t.Helper()
	reached := make(chan bool, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached <- true
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer collector.Close()
	all := ran(t, a, "<param name=\"output\">hec</param><param name=\"hec_token\">x</param><param name=\"hec_url\">"+collector.URL+"</param>",
		func(*console) { <-reached })
	return append(all, ran(t, a, "", func(out *console) { out.await(t, `10\.0\.0\.5\|`) })...)
}

// ran is ranInput for params of a stanza; it waits until the flows have come.
func ran(t *testing.T, a *spl.Addon, params string, wait func(out *console)) []spl.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, logs console
	stdin, splunkd := io.Pipe()
	defer splunkd.Close()
	done := make(chan error, 1)
	go func() { done <- modinput.Run(ctx, stdin, &out, modinput.NewLogger(&logs, slog.LevelInfo)) }()
	io.WriteString(splunkd, `<input><configuration><stanza name="weir://core">
		<param name="listeners">127.0.0.1:0</param><param name="stitch">false</param>`+params+`</stanza></configuration></input>`)
	conn, err := net.Dial("udp4", logs.await(t, `address=(\S+)`)[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte{0, 77})
	for _, sequence := range []byte{1, 2, 5} {
		d := make([]byte, 24+48) // NetFlow v5
		d[1], d[3], d[19] = 5, 1, sequence
		copy(d[24:], []byte{10, 0, 0, sequence, 192, 0, 2, 1})
		if sequence == 1 {
			d = d[:24] // its record isn't there
		}
		conn.Write(d)
	}
	wait(&out)
	cancel()
	if err := <-done; err != nil && params == "" { // those that no collector took are dropped at the end
		t.Fatalf("%v: %s", err, &logs)
	}
	return ofStream(t, a, out.String())
}

// wrote returns the events that w lets a Stream of types write.
func wrote(t *testing.T, a *spl.Addon, types modinput.Types, w func(s *modinput.Stream)) []spl.Event {
	t.Helper()
	var out console
	cfg := modinput.Default()
	cfg.Stanza, cfg.Types = "weir://core", types
	s := modinput.NewStream(&out, cfg, func(err error) { t.Error(err) })
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	w(s)
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	return ofStream(t, a, out.String())
}

// found returns the events of findings.
func found(t *testing.T, a *spl.Addon, all ...detect.Finding) []spl.Event {
	t.Helper()
	return wrote(t, a, modinput.Findings, func(s *modinput.Stream) { s.Findings(all) })
}

// announced returns what the exporters of all captures say of themselves, and
// their counters.
func announced(t *testing.T, a *spl.Addon) []spl.Event {
	t.Helper()
	return wrote(t, a, modinput.Options|modinput.Counters, func(s *modinput.Stream) {
		captures(t, func(name string, b *flow.Batch) {
			if err := s.Write(t.Context(), b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	})
}

// scan is a finding that has all there is.
func scan() detect.Finding {
	key := detect.FlowKey{
		SrcAddr: flow.AddrFrom4([4]byte{10, 1, 2, 3}), DstAddr: flow.AddrFrom4([4]byte{203, 0, 113, 7}), SrcPort: 50123, DstPort: 445, Proto: 6,
		Start: 1795305600e9, End: 1795305601e9, Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 1}),
	}
	return detect.Finding{
		ID: "0123", Detector: "scan", Version: "1", Coverage: 0.5, Key: "10.1.2.3 tcp 445", Class: "scan.horizontal", Severity: detect.Medium, Confidence: 0.9,
		Start: 1795305600e9, End: 1795305660e9, Explanation: "a scan", Technique: "T1046", Actions: []string{"block 10.1.2.3"}, Metrics: map[string]float64{"targets": 2},
		Entities: []detect.Entity{{Role: "source", Kind: "ip", Value: "10.1.2.3"}}, Evidence: []detect.FlowKey{key, key},
	}
}

// samples are what written returned first.
var samples map[string][]spl.Event

// written returns events of weir's source types beside flows, as weir itself
// writes them, by source type.
func written(t *testing.T, a *spl.Addon) map[string][]spl.Event {
	t.Helper()
	if samples != nil {
		return samples
	}
	several := scan() // of each, where there may be lists
	several.Evidence[1].DstPort, several.Evidence[1].Proto, several.Evidence[1].SrcPort = 53, 17, 50124
	several.Evidence[1].Exporter, several.Evidence[1].DstAddr = flow.AddrFrom4([4]byte{192, 0, 2, 2}), flow.AddrFrom4([4]byte{203, 0, 113, 8})
	several.Entities = nil
	several.Evidence[1].SrcAddr = flow.AddrFrom4([4]byte{10, 1, 2, 4})
	all := map[string][]spl.Event{}
	for _, ev := range slices.Concat(ranInput(t, a), found(t, a, scan(), several), announced(t, a)) {
		name, _ := spl.Text(ev["sourcetype"])
		all[name] = append(all[name], ev)
	}
	samples = all
	return all
}

// fields are the names of the fields that any of events has.
func fields(events []spl.Event) []string {
	names := map[string]bool{}
	for _, ev := range events {
		for f := range ev {
			names[f] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// A search of weir's own events finds some: what it compares fields with, they
// may have.
func TestSearchesFind(t *testing.T) {
	files, a := built(t)
	events := written(t, a)
	literal := regexp.MustCompile(`\b(\w+)="([\w:]+)"`)
	n := 0
	f := func(where, search string) {
		t.Helper()
		text, err := a.Expand(search)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(text, "|")
		var of []spl.Event
		for name, some := range events {
			if strings.Contains(first, `sourcetype="`+name+`"`) {
				of = some
			}
		}
		if of == nil {
			return // flows, whose searches are checked field by field
		}
		n++
		for _, m := range literal.FindAllStringSubmatch(first, -1) {
			if !slices.ContainsFunc(of, func(ev spl.Event) bool { return slices.Contains(spl.Values(ev[m[1]]), m[2]) }) {
				t.Errorf("%s: nothing has %s: %s", where, m[0], first)
			}
		}
	}
	for name, file := range files {
		for _, m := range query.FindAllSubmatch(file.Data, -1) {
			f(name, strings.ReplaceAll(string(m[3]), `$exporter|s$`, `"127.0.0.1"`))
		}
	}
	saved, err := spl.ParseConf(string(files["default/savedsearches.conf"].Data))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range saved {
		f(s.Name, s.Of["search"])
	}
	if n < 20 {
		t.Errorf("%d searches", n)
	}
}

// Counts of an exporter, and of the whole input.
func TestStatsAreRead(t *testing.T) {
	_, a := built(t)
	f := func(kind string, want map[string]string) {
		t.Helper()
		for _, ev := range written(t, a)["weir:stats"] {
			if ev["kind"] != kind || ev["written"] == "0" {
				continue
			}
			for k, v := range want {
				if ev[k] != v {
					t.Errorf("%s: %s is %v, want %s", kind, k, ev[k], v)
				}
			}
			return
		}
		t.Errorf("no event of kind %s", kind)
	}
	f("exporter", map[string]string{"dvc": "127.0.0.1", "sent": "5", "received": "3", "reordering": "2", "written": "2", "faults": "1", "unit": "flows", "version": "5"})
	f("indexer", map[string]string{"events": "0", "trouble": "it answers 503", "stanza": "weir://core"})
	f("input", map[string]string{"dvc": "forwarder", "faults": "2", "written": "2", "stanza": "weir://core"})
}
