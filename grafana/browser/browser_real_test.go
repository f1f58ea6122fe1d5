//go:build real && linux

package browser

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/testdata"
)

// The built frontend in Chromium does what tests/ has, against the built backend,
// with a collector and without.
func TestRealBrowser(t *testing.T) {
	grafana := absolute(t, "..")
	binary := filepath.Join(grafana, "dist", fmt.Sprintf("gpx_weir_flows_%s_%s", runtime.GOOS, runtime.GOARCH))
	needs(t, binary, "make grafana")
	needs(t, filepath.Join(grafana, "dist/module.js"), "make grafana")
	needs(t, "chromium", "testdata/make/chromium.sh")
	needs(t, filepath.Join(grafana, "node_modules"), "make grafana")
	node, err := exec.Command(filepath.Join(grafana, "package/node.sh")).Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.TrimSpace(string(node))+":"+os.Getenv("PATH"))

	page := t.TempDir()
	bundle := exec.Command("node", "browser/bundle.mjs", page)
	bundle.Dir = grafana
	if out, err := bundle.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	weir := startCollector(t, absolute(t, "../../bin/weir"))
	direct := freeUDP(t)
	p := startPlugin(t, binary)
	sources := &datasources{}
	sources.add(1, "flows", "flows", fmt.Sprintf(`{"mode":"collector","url":"%s"}`, weir.url))
	sources.add(1, "direct", "direct", fmt.Sprintf(`{"mode":"direct","listen":"udp://127.0.0.1:%s","window_mb":8}`, direct))
	sources.add(1, "new", "new", `{}`)
	sources.add(2, "flows", "flows", fmt.Sprintf(`{"mode":"collector","url":"%s"}`, weir.url)) // of others, with the same uid
	h := &host{
		plugin: p, sources: sources, grafana: grafana, page: page,
		live: &live{plugin: p, sources: sources, runs: map[channel]*run{}},
	}
	server := httptest.NewServer(h.handler())
	defer server.Close()
	defer server.CloseClientConnections() // those of Live

	shots := absolute(t, "../../build/grafana/screenshots")
	if err := os.MkdirAll(shots, 0o777); err != nil {
		t.Fatal(err)
	}
	tests := exec.Command("node", "browser/tests/all.mjs")
	tests.Dir = grafana
	tests.Env = append(os.Environ(), "HOST="+server.URL, "WEIR="+weir.url, "WEIR_PORT="+weir.port, "WEIR_TOKEN="+weir.token,
		"DIRECT_PORT="+direct, "FREE_PORT="+freeUDP(t), "SHOTS="+shots)
	tests.Stdout, tests.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	if err := tests.Run(); err != nil {
		t.Errorf("tests in the browser: %v", err)
	}
	t.Logf("in the browser: %s", time.Since(start).Round(time.Second))
	if os.Getenv("WEIR_BROWSER_STAY") != "" {
		t.Logf("look at %s/explore", server.URL)
		select {}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// needs skips the test without a program, and fails it where it has to be.
func needs(t *testing.T, program, remedy string) {
	t.Helper()
	_, err := exec.LookPath(program)
	if strings.HasPrefix(program, "/") {
		_, err = os.Stat(program)
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: run %s", program, remedy)
	default:
		t.Skipf("%s is missing: run %s", program, remedy)
	}
}

func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
}

// A collector is weir run with a store.
type collector struct{ url, port, token string }

// names are what the collector's operator calls the exporters' interfaces: one of
// the names is HTML.
const names = `
enrich:
  interfaces:
    - {exporter: 127.0.0.0/8, index: 1, name: ge-0/0/1, description: '<img src=x onerror="window.hacked=1">', speed: 1G, role: external}
    - {exporter: 127.0.0.0/8, index: 2, name: '<b onmouseover="window.hacked=1">lan</b>', speed: 10G}
  networks:
    - {prefix: 10.0.0.0/8, name: office, site: north}
  maxmind: ['%s']
pipeline: {flush: 20ms}
`

func startCollector(t *testing.T, binary string) collector {
	t.Helper()
	needs(t, binary, "make build")
	c := collector{port: freeUDP(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c.url = "http://" + address
	dir := t.TempDir()
	file := filepath.Join(dir, "weir.yaml")
	countries := filepath.Join(dir, "countries.mmdb")
	for name, text := range map[string][]byte{
		file: fmt.Appendf(nil, names, countries),
		countries: testdata.MMDB(map[string]map[string]any{
			"10.0.0.0/8": {"country": map[string]any{"iso_code": "CH"}}, "192.0.2.0/24": {"country": map[string]any{"iso_code": "DE"}},
			"198.51.100.0/24": {"country": map[string]any{"iso_code": "NL"}}, "203.0.113.0/24": {"country": map[string]any{"iso_code": "JP"}},
		}),
	} {
		if err := os.WriteFile(name, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var log screen
	cmd := exec.Command(binary, "run", "--config", file, "--data", filepath.Join(dir, "data"), "--http", address, "--listen", "udp://127.0.0.1:"+c.port)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the collector's log:\n%s", log.String())
		}
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get(c.url + "/health"); err == nil {
			r.Body.Close()
			token, err := os.ReadFile(filepath.Join(dir, "data/token"))
			if err != nil {
				t.Fatal(err)
			}
			c.token = strings.TrimSpace(string(token))
			return c
		}
		if time.Now().After(end) {
			t.Fatalf("the collector doesn't answer\n%s", log.String())
		}
	}
}
