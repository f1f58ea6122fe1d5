package input

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

func read(props map[string]string) (Config, error) {
	return Read(func(name string) string { return props[name] })
}

// file writes a file of weir's settings.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	c, err := read(map[string]string{
		"listeners": "udp://127.0.0.1:9995, udp://[::1]:4739", "schema": "ipfix", "buffer_limit": "5M", "max_batch": "2500k",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Schema != encode.IPFIX || c.BufferLimit != 5e6 || c.MaxBatch != 2.5e6 {
		t.Errorf("read %+v", c)
	}
	if strings.Join(c.Collector.Listen.Addresses(), " ") != "udp://127.0.0.1:9995 udp://[::1]:4739" {
		t.Errorf("listeners %q", c.Collector.Listen)
	}
}

func TestReadDefaults(t *testing.T) {
	c, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Schema != encode.ECS || c.BufferLimit != 64e6 || c.MaxBatch != 32e6 || len(c.Collector.Listen) == 0 {
		t.Errorf("defaults %+v", c)
	}
}

func TestReadEvents(t *testing.T) {
	c, err := read(map[string]string{
		"fields": "source.ip, bytes,destinationTransportPort , extras", "keys": "Dotted", "types": "flows,stats", "event_time": "received",
		"community_id": "on", "append": "direct", "spill_path": "/tmp/x", "spill_limit": "2m", "state_path": "/tmp/y", "stats_interval": "90",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := encode.Options{
		Fields: flow.SetOf(flow.FieldSrcAddr, flow.FieldBytes, flow.FieldDstPort), Dotted: true, Time: encode.Received, Meta: true, Typed: true, CommunityID: true,
	}
	if c.Options != want || c.Types != Flows|Ledgers || !c.Direct || c.SpillPath != "/tmp/x" || c.SpillLimit != 2e6 || c.Collector.Data != "/tmp/y" || c.StatsEvery != 90*time.Second {
		t.Errorf("read %+v", c)
	}
	c, err = read(map[string]string{"fields": "network.bytes,observer.ip"})
	if err != nil || !c.Options.NoExtras || c.Options.Fields != flow.SetOf(flow.FieldBytes, flow.FieldExporter) {
		t.Errorf("read %+v, %v", c.Options, err)
	}
	c, err = read(map[string]string{"fields": "all", "types": "all", "stats_interval": "0"})
	if err != nil || c.Options != Default().Options || c.Types != allTypes || c.StatsEvery != 0 {
		t.Errorf("read %+v, %v", c, err)
	}
}

// A property wins over the file.
func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte("listen: [\":1\"]\npipeline:\n  batch: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := read(map[string]string{"config_file": path, "listeners": ":9995"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Collector.Pipeline.Batch != 7 || strings.Join(c.Collector.Listen.Addresses(), " ") != ":9995" {
		t.Errorf("read %+v", c.Collector)
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("lissen: [\":1\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(name, value string, want ...string) {
		t.Helper()
		_, err := read(map[string]string{name: value})
		if err == nil {
			t.Errorf("%s %q: no error", name, value)
			return
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %q: more than a line: %v", name, value, err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s %q: %q doesn't have %q", name, value, err, w)
			}
		}
	}
	f("schema", "ces", `"schema"`, "ces", "ecs", "ipfix", "flat")
	f("buffer_limit", "lots", `"buffer_limit"`, "lots")
	f("buffer_limit", "10k", `"buffer_limit"`, "1m")
	f("max_batch", "-1", `"max_batch"`)
	f("max_batch", "99999999999g", `"max_batch"`)
	f("listeners", "sctp://:2055", "sctp")
	f("listeners", "udp://:port", "port")
	f("config_file", filepath.Join(dir, "none.yaml"), `"config_file"`, "none.yaml")
	f("config_file", dir, `"config_file"`, dir)
	f("config_file", "/dev/zero", `"config_file"`, "/dev/zero")
	f("config_file", bad, `"config_file"`, "lissen", "line 1")

	f("fields", "source.ip,bites", `"fields"`, "bites", "source.ip")
	f("fields", "extras", `"fields"`)
	f("keys", "flat", `"keys"`, "dotted, nested")
	f("types", "flow", `"types"`, `"flow"`, "flows, options")
	f("types", ",", `"types"`, "no type", "flows, options")
	f("event_time", "now", `"event_time"`, "end, received, start")
	f("community_id", "maybe", `"community_id"`, "on nor off")
	f("append", "now", `"append"`, "callback, direct")
	f("stats_interval", "-1s", `"stats_interval"`, "60s")
	f("stats_interval", "10ms", `"stats_interval"`, "1s")

	f("listener", ":2055", `"listener"`, `did you mean "listeners"`)
	f("listenres", ":2055", `"listenres"`, `"listeners"`)
	f("buffer-limit", "5m", `"buffer-limit"`, `"buffer_limit"`)
	f("maxbatch", "5m", `"maxbatch"`, `"max_batch"`)
	f("shema", "ecs", `"shema"`, `"schema"`)
	f("format", "ecs", `"format"`, `"schema"`)
}

// What is tried for must not be so much that it delays a start, and must not
// take one of our properties for a mistake.
func TestMistakesTried(t *testing.T) {
	tried := map[string]bool{}
	if err := findMistake(func(name string) string { tried[name] = true; return "" }); err != nil {
		t.Fatal(err)
	}
	if len(tried) > 5000 {
		t.Errorf("%d names tried", len(tried))
	}
	for _, p := range Properties {
		if mistakes[p.Name] != "" || tried[p.Name] {
			t.Errorf("%s is tried for as a mistake", p.Name)
		}
	}
}

func TestParseSize(t *testing.T) {
	f := func(s string, want int) {
		t.Helper()
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", s, got, err, want)
		}
	}
	f("0", 0)
	f("1500", 1500)
	f("32k", 32000)
	f("32KB", 32000)
	f("5M", 5e6)
	f("1 g", 1e9)
	for _, s := range []string{"", "k", "5x", "5mm", "1.5m", "-5"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
}
