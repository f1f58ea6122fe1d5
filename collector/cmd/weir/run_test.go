package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// A screen is what a command prints, while it runs.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// shows waits until the screen shows a text.
func (s *screen) shows(t *testing.T, pattern string) []string {
	t.Helper()
	r := regexp.MustCompile(pattern)
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if m := r.FindStringSubmatch(s.String()); m != nil {
			return m
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%q is not shown:\n%s", pattern, s.String())
		}
	}
}

// The demo plays until a real exporter shows up, whose flows are printed.
func TestRunCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs screen
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"run", "--demo", "--print", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0"}, strings.NewReader(""), &out, &errs)
	}()
	addr := errs.shows(t, `listening on UDP (127\.0\.0\.1:\d+); look at http://127\.0\.0\.1:\d+/, `)[1]
	out.shows(t, `127\.0\.0\.1[1-6] .* (tcp|udp) `)
	real, err := net.Dial("udp4", addr) // from 127.0.0.1
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close()
	if _, err := real.Write(flowtest.New(1).V5(2)); err != nil {
		t.Fatal(err)
	}
	errs.shows(t, `the demo ends" exporter=127\.0\.0\.1`)
	api := errs.shows(t, `look at (http://127\.0\.0\.1:\d+)/,`)[1]
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) { // the demo's exporters are gone
		r, err := http.Get(api + "/api/v1/exporters")
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err == nil && !bytes.Contains(all, []byte("demo-")) && bytes.Contains(all, []byte(`"127.0.0.1"`)) {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%s, %v", all, err)
		}
	}
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d: %s", c, errs.String())
	}
	errs.shows(t, `msg=stopped datagrams=\d+ flows=\d+ faults="no faults"`)
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for args, want := range map[string]string{
		"run --listen sctp://:9":                                   "sctp",
		"run --listen " + taken.LocalAddr().String() + " --http -": "is taken by another program",
		"run --config " + filepath.Join(t.TempDir(), "none.yaml"):  "none.yaml",
		"run --http nowhere":                                       "api: listen is",
	} {
		if _, errs, code := weir(t, nil, append(strings.Fields(args), "--data", t.TempDir())...); code == exitOK || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s", args, code, errs)
		}
	}
}
