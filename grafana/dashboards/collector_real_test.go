//go:build real

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/testdata"
)

// A weir is one that runs, with its store.
type weir struct {
	url, token string
	udp        netip.AddrPort
}

// settings tell weir what the exporters of its office don't.
const settings = `
enrich:
  exporters:
    - {address: 127.0.0.11, name: core, interfaces: [{index: 1, name: wan0, speed: 1G}, {index: 2, name: lan0, speed: 1G}]}
    - {address: 127.0.0.12, name: edge, interfaces: [{index: 1, name: ge-0/0/1, speed: 20M}]}
  maxmind: [%s]
`

var told = regexp.MustCompile(`listening on UDP (\S+); look at (http://\S+)/,`)

// start runs bin/weir until the test ends.
func start(t *testing.T) *weir {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	countries := write("countries.mmdb", testdata.MMDB(map[string]map[string]any{
		"198.51.100.0/24": {"country_code": "DE"}, "203.0.113.0/24": {"country_code": "FR"}, "192.0.2.0/24": {"country_code": "JP"},
	}))
	config := write("weir.yaml", fmt.Appendf(nil, settings, countries))
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("../../bin/weir", "run", "--config", config, "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0", "--listen", "udp://127.0.0.1:0")
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: make build makes it", err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		said.Close()
	})
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		if m := told.FindSubmatch(text); m != nil {
			token, err := os.ReadFile(filepath.Join(dir, "data", "token"))
			if err != nil {
				t.Fatal(err)
			}
			return &weir{url: string(m[2]), udp: netip.MustParseAddrPort(string(m[1])), token: strings.TrimSpace(string(token))}
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("weir says %s", text)
		}
	}
}

// feed lets an office of six exporters, and captures of real ones, send to w, and
// gives it findings. It returns a moment at which the office was sending.
func (w *weir) feed(t *testing.T) (fed time.Time) {
	t.Helper()
	gen := exec.Command("../../bin/weir", "gen", "--to", w.udp.String(), "--scene", "office", "--rate", "300", "--duration", "6s")
	if out, err := gen.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fed = time.Now().Add(-time.Second)
	for _, name := range []string{"v5/pmacctd.pcap", "v9/pmacctd.pcap", "ipfix/softflowd.pcap", "sflow/pmacctd.pcap"} {
		capture, err := fs.ReadFile(testdata.FS, "pcap/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Replay(t.Context(), func(uint16) netip.AddrPort { return w.udp }, source.ReplayOptions{Now: true}, bytes.NewReader(capture)); err != nil {
			t.Fatal(err)
		}
	}
	var all []map[string]any
	for n, f := range [][3]string{
		{"scan.horizontal", "high", "203.0.113.66 has asked 250 hosts on port 445"}, {"ddos.amplification", "critical", "10.20.3.13 gets answers of DNS that it didn't ask for"},
		{"scan.vertical", "low", "203.0.113.66 has asked 10.20.0.10 on 90 ports"},
	} {
		all = append(all, map[string]any{
			"detector": "hand", "version": "1", "class": f[0], "severity": f[1], "confidence": 0.9, "key": fmt.Sprintf("203.0.113.66 tcp %d", n), "explanation": f[2],
			"start": time.Now().Add(-time.Duration(5+n) * time.Minute).UTC().Format(time.RFC3339Nano), "end": time.Now().Add(-time.Duration(1+n) * time.Minute).UTC().Format(time.RFC3339Nano),
			"technique": "T1046", "actions": []string{"block 203.0.113.66"},
		})
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/api/v1/findings", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var ids struct{ IDs []string }
	if err := json.NewDecoder(answer.Body).Decode(&ids); err != nil || answer.StatusCode != 200 || len(ids.IDs) != len(all) {
		t.Fatalf("findings: %s, %v, %v", answer.Status, ids, err)
	}
	return fed
}

// From a collector each panel of each dashboard shows something, with variables that
// stand at All, at one value and at several; and alert rules have their numbers.
func TestRealCollector(t *testing.T) {
	w := start(t)
	fed := w.feed(t)
	v := view(t, map[string]any{"mode": "collector", "url": w.url}, w.token)
	h, message := v.health()
	if h.Flows == 0 || h.Exporters < 6 {
		t.Fatal(message)
	}
	t.Log(message)
	v.from, v.to = time.Now().Add(-15*time.Minute), time.Now().Add(time.Minute)
	all := pages(t)
	var exporters, ports []string
	for _, x := range all[0].Templating.List {
		if x.Type != "query" {
			continue
		}
		switch x.Name {
		case "exporter":
			exporters = v.options(&all[0], x, nil)
		default:
			ports = v.options(&all[0], x, nil)
			of := v.options(&all[0], x, choice{"exporter": {"127.0.0.12"}})
			if slices.Sort(of); !slices.Equal(of, []string{"1", "2"}) {
				t.Errorf("exporter 127.0.0.12 has interfaces %v", of)
			}
		}
	}
	if !slices.Contains(exporters, "127.0.0.11") || !slices.Contains(exporters, "127.0.0.12") || !slices.Contains(ports, "1") || !slices.Contains(ports, "2") {
		t.Fatalf("variables offer %v and %v", exporters, ports)
	}
	for _, chosen := range []choice{
		nil,
		{"exporter": {"127.0.0.12"}, "interface": {"1"}},
		{"exporter": {"127.0.0.11", "127.0.0.12"}, "interface": {"1", "2"}, "direction": {"in if"}},
		{"exporter": exporters, "interface": ports, "direction": {"out if"}},
	} {
		for _, p := range all {
			v.open(&p, chosen, nil)
		}
	}
	v.filters = []map[string]any{
		{"key": "proto", "operator": "=|", "value": "tcp", "values": []string{"tcp", "udp"}}, {"key": "src_addr", "operator": "!=", "value": "192.0.2.255"},
	}
	for _, p := range all {
		v.open(&p, nil, nil)
	}
	v.checkRules(fed)
}
