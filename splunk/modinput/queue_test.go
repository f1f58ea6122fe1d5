package modinput

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/query"
)

// input runs cfg in this process, which reports all the time, and returns a
// connection to it. The function that it returns ends it, and returns what weir:stats
// has told of the input, summed.
func input(t *testing.T, cfg Config) (conn net.Conn, out, logs *console, end func() map[string]float64) {
	t.Helper()
	cfg.Stanza, cfg.Stitch.On, cfg.Collector.Listen = "weir://core", false, source.Listens{{Address: "127.0.0.1:0"}}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, logs = new(console), new(console)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, cfg, out, NewLogger(logs, slog.LevelInfo), os.Getppid(), 20*time.Millisecond)
	}()
	conn, err := net.Dial("udp4", logs.wait(t, "address="))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, out, logs, func() map[string]float64 {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Fatalf("%v: %s", err, logs)
		}
		var s xmlStream
		if err := xml.Unmarshal([]byte(out.String()), &s); err != nil {
			t.Fatal(err)
		}
		sums := map[string]float64{}
		for _, e := range s.Events {
			var f map[string]any
			if e.Sourcetype != "weir:stats" {
				continue
			}
			if err := json.Unmarshal([]byte(e.Data), &f); err != nil {
				t.Fatal(err)
			}
			for k, v := range f {
				if n, ok := v.(float64); ok {
					sums[fmt.Sprint(f["kind"], " ", k)] += n
				}
			}
		}
		return sums
	}
}

// What the filter refuses is in no event, and counted.
func TestFilter(t *testing.T) {
	cfg := Default()
	var err error
	if cfg.Filter, err = query.Parse("src ip 10.0.0.2 or src ip 10.0.0.6"); err != nil {
		t.Fatal(err)
	}
	conn, out, _, end := input(t, cfg)
	conn.Write(v5(7)) // from 10.0.0.0 to 10.0.0.6
	out.wait(t, `<data>10.0.0.6|`)
	told := end()
	for k, want := range map[string]float64{"records": 7, "written": 2, "filtered": 5, "dropped": 0, "failed": 0} {
		if got := told["input "+k]; got != want {
			t.Errorf("input: %s is %v, want %v", k, got, want)
		}
		if got := told["exporter "+k]; got != want {
			t.Errorf("exporter: %s is %v, want %v", k, got, want)
		}
	}
	if n := strings.Count(out.String(), "<sourcetype>weir:flow<"); n != 2 {
		t.Errorf("%d events", n)
	}
}

// What event collectors don't take while memory and queue are full waits on disk,
// and is lost only beyond that; what a run that was killed has left is removed.
func TestSpill(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	splunk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"text":"Success","code":0}`)
	}))
	defer splunk.Close()
	cfg := Default()
	cfg.Output, cfg.HEC.Token, cfg.HEC.URLs = HEC, "token", []string{splunk.URL}
	cfg.HEC.Octets, cfg.HEC.Memory, cfg.HEC.Backoff, cfg.HEC.Longest = 100_000, 1<<20, 10*time.Millisecond, 20*time.Millisecond
	cfg.Collector.Pipeline.Queue, cfg.Collector.Data = 1, t.TempDir()
	old := filepath.Join(cfg.Collector.Data, "spill-old")
	if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	conn, out, logs, end := input(t, cfg)
	logs.wait(t, "spilled to disk are lost octets=")
	if _, err := os.Stat(old); err == nil {
		t.Error("what a run has left is still there")
	}
	spilled := func() bool {
		for s := out.String(); ; {
			_, rest, ok := strings.Cut(s, `"spilled":`)
			if !ok {
				return false
			}
			if rest[0] != '0' {
				return true
			}
			s = rest
		}
	}
	const flows = 30
	sent := 0
	for ; !spilled() && sent < 10_000*flows; sent += flows {
		conn.Write(v5(flows))
		time.Sleep(time.Millisecond) // loopback loses what isn't read
	}
	if !spilled() {
		t.Fatalf("%d flows, and nothing is on disk: %s", sent, logs)
	}
	down.Store(false)
	sums := map[string]float64{}
	for end := time.Now().Add(20 * time.Second); sums["hec_written"] < float64(sent) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		sums["hec_written"] = 0
		for s := range strings.SplitSeq(out.String(), `"hec_written":`) {
			var n float64
			if _, err := fmt.Sscanf(s, "%g", &n); err == nil {
				sums["hec_written"] += n
			}
		}
	}
	told := end()
	if got := told["input written"]; got != float64(sent) || told["input dropped"] != 0 {
		t.Errorf("%v of %d flows are written, %v dropped: %s", got, sent, told["input dropped"], logs)
	}
	if all, _ := filepath.Glob(filepath.Join(cfg.Collector.Data, "spill-*")); len(all) > 0 {
		t.Errorf("there is still %v", all)
	}
}
