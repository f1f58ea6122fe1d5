package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// configured writes a file and returns how it is loaded.
func configured(t *testing.T, path, text string) func() (Config, error) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() (Config, error) { return Read(path) }
}

func get(t *testing.T, url string, into any) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, r.Status)
	}
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// From a socket to the API and to another collector, with a reload between.
func TestDaemon(t *testing.T) {
	old, err := net.ListenPacket("udp4", "127.0.0.1:0") // the other collector
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "weir.yaml")
	text := `
data: ` + dir + `
listen: ["127.0.0.1:0"]
pipeline: {flush: 5ms}
api: {listen: "127.0.0.1:0"}
relay:
- {to: "` + old.LocalAddr().String() + `", keep_source: false, filter: "proto tcp or proto udp or proto icmp"}
enrich:
  exporters:
  - {address: 127.0.0.1, name: here}
sinks:
- {type: file, path: ` + dir + `/flows.jsonl, filter: "exporter ip 127.0.0.1"}
`
	load := configured(t, path, text)
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(c, Options{Load: load, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp4", d.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	datagram := flowtest.New(1).V5(7)
	if _, err := conn.Write(datagram); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	old.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, _, err := old.ReadFrom(buf); err != nil || string(buf[:n]) != string(datagram) {
		t.Errorf("the relay passed on %d octets, %v", n, err)
	}
	var exporters map[string]any
	for start := time.Now(); d.Stats().Flows < 7 || d.Stats().Held > 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%+v", d.Stats())
		}
	}
	get(t, d.URL()+"/api/v1/exporters", &exporters)
	if s, _ := json.Marshal(exporters); !strings.Contains(string(s), `"here"`) || !strings.Contains(string(s), "127.0.0.1") {
		t.Errorf("exporters: %s", s)
	}
	if i, err := os.Stat(filepath.Join(dir, "token")); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("token: %v, %v", i, err)
	}

	changed := strings.Replace(text, `["127.0.0.1:0"]`, `["127.0.0.1:0", "tcp://127.0.0.1:0"]`, 1)
	configured(t, path, strings.Replace(changed, "flows.jsonl", "more.jsonl", 1))
	changes, err := d.Reload()
	if told := strings.Join(changes, "; "); err != nil || len(d.Addrs()) != 2 || !strings.Contains(told, "sink file is closed; sink file is open") || !strings.Contains(told, "tcp://127.0.0.1:0 is open") {
		t.Errorf("reload: %v, %v; %v", changes, err, d.Addrs())
	}
	if got, err := os.ReadFile(filepath.Join(dir, "flows.jsonl")); err != nil || strings.Count(string(got), "\n") != 7 {
		t.Errorf("the first file: %s, %v", got, err)
	}
	if _, err := conn.Write(datagram); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); d.Stats().Flows < 14; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%+v", d.Stats())
		}
	}
	configured(t, path, "lissen: []")
	if _, err := d.Reload(); err == nil || !strings.Contains(err.Error(), `did you mean "listen"?`) {
		t.Errorf("a bad file: %v", err)
	}
	reload := func() string {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, d.URL()+"/api/v1/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := os.ReadFile(filepath.Join(dir, "token"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Status + string(body)
	}
	wrong := strings.Replace(text, "enrich:", "enrich:\n  files: {networks: [/no/such/file.csv]}", 1)
	configured(t, path, wrong) // one listener less, and the first file
	if got := reload(); !strings.Contains(got, "422") || !strings.Contains(got, "the configuration before still holds") || len(d.Addrs()) != 2 {
		t.Errorf("tables that can't be read: %s; %v", got, d.Addrs())
	}
	configured(t, path, strings.Replace(changed, "flows.jsonl", "more.jsonl", 1)+"- {type: file, name: nowhere, path: /dev/null/x}\n")
	if got := reload(); !strings.Contains(got, "422") || !strings.Contains(got, "the rest is as the file says: sink nowhere is not open") {
		t.Errorf("a sink that can't be opened: %s", got)
	}
	for range 2 {
		if err := d.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := http.Get(d.URL() + "/health"); err == nil {
		t.Error("the API answers after the end")
	}
	if got, err := os.ReadFile(filepath.Join(dir, "more.jsonl")); err != nil || strings.Count(string(got), "\n") != 7 {
		t.Errorf("the second file: %s, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "templates")); err != nil {
		t.Errorf("templates: %v", err)
	}
}

// A fickle sink refuses while it is told to.
type fickle struct{ refuse atomic.Bool }

func (f *fickle) Write(context.Context, *flow.Batch) error {
	if f.refuse.Load() {
		return errors.New("no room")
	}
	return nil
}
func (f *fickle) Close() error { return nil }

// While an output refuses, the collector is not ready, and says why.
func TestReady(t *testing.T) {
	c := Default()
	c.Data, c.API.Listen = t.TempDir(), "127.0.0.1:0"
	c.Pipeline.Flush = time.Millisecond
	file, err := configured(t, c.Data+"/weir.yaml", "listen: ['127.0.0.1:0']")()
	if err != nil {
		t.Fatal(err)
	}
	c.Listen = file.Listen
	sink := &fickle{}
	d, err := Start(c, Options{Outputs: []pipeline.Output{{Name: "files", Sink: sink, Queue: pipeline.Queue{Size: 4, Overflow: pipeline.Block}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop(t.Context())
	conn, err := net.Dial("udp4", d.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	is := func(status int, word string) {
		t.Helper()
		sink.refuse.Store(status != http.StatusOK)
		for start := time.Now(); ; time.Sleep(time.Millisecond) {
			if _, err := conn.Write(flowtest.New(1).V5(7)); err != nil {
				t.Fatal(err)
			}
			w, err := http.Get(d.URL() + "/health")
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(w.Body)
			w.Body.Close()
			if w.StatusCode == status && strings.Contains(string(text), word) {
				return
			}
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%d %s, want %d and %q", w.StatusCode, text, status, word)
			}
		}
	}
	is(200, "ready")
	is(503, "output files: no room")
	is(200, "ready")
}

func TestConfigErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		c, err := configured(t, filepath.Join(t.TempDir(), "weir.yaml"), text)()
		if err == nil {
			err = c.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("relay: [{to: nowhere}]", "relay 1: to is")
	f("data: x\nrelay: [{to: '127.0.0.1:9', filter: 'prot tcp'}]", "relay 1: filter: column 1")
	f("data: x\nrelay: [{to: 'localhost:2055'}]", "relay 1: to is localhost:2055, where this weir listens itself")
	f("data: x\nrelay: [{to: ':6343'}]", "relay 1: to is :6343, where this weir listens itself")
	f("data: x\nsinks: [{type: filee}]", "line 2: type of a sink is \"filee\"")
	const file = "data: x\nsinks:\n- type: file\n  path: x\n"
	f(file+"  pth: x", `line 5: unknown key "pth": did you mean "path"?`)
	f(file+"  servers: [a]", `line 5: unknown key "servers": the keys are name, type, filter, queue, path, `)
	f(file+"  queue:\n    length: 5", `line 6: unknown key "length": the keys are size, overflow, disk`)
	f(file+"- type: forward\n  servers: [a]\n  tls: {cat: x}", `line 7: unknown key "cat": did you mean "ca"?`)
	f(file+"  every: soon", `line 5: "soon" stands where a duration, as 500ms, belongs`)
	f("data: x\nsinks: file", `line 2: sinks is a list: write each behind a dash`)
	f("data: x\nrelay: [{too: x}]", `line 2: unknown key "too": did you mean "to"?`)
	f("just text", "line 1: the file is a map: write its keys, as listen: …")
	f("api: {listn: x}", `line 1: unknown key "listn": did you mean "listen"?`)
	f("listen: [':2055']", "api has no token: write one under api.tokens, or a directory as data")
	f("data: x\napi: {listen: nowhere}", "api: listen is")
	f("data: x\napi: {listen: ':x'}", "api: listen is")
	f("data: x\napi: {listen: '127.0.0.1:99999'}", "api: listen is")
	f("data: x\n---\ndata: y", "line 2: another document: write all into one, without --- between")
	f("data: x\nsinks: [{type: file, path: x/y}, {type: file, path: ./x//y}]", "sinks: sinks file and file-2 have one path")
	c := Default()
	c.Data = t.TempDir()
	if err := c.Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
}

// What can't be opened leaves nothing open.
func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	load := configured(t, filepath.Join(t.TempDir(), "weir.yaml"), "data: "+t.TempDir()+"\nlisten: ['127.0.0.1:0']\napi: {listen: '"+taken.Addr().String()+"'}")
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(c, Options{}); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("%v", err)
	}
}

// What a run that was killed has left on disk goes: spilled flows of any sink,
// and a snapshot that was being written.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	left := []string{filepath.Join(dir, "spill", "old", "spill-123"), filepath.Join(dir, "templates-123")}
	mine := filepath.Join(dir, "spill", "note")
	for _, path := range append(left, mine) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("flows"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := configured(t, filepath.Join(t.TempDir(), "weir.yaml"), "data: "+dir+"\nlisten: ['127.0.0.1:0']\napi: {listen: '127.0.0.1:0'}")
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, path := range left {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
}
