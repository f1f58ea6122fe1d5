package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// A fed source has the datagrams that a test plays.
type fed chan decode.Datagram

func (f fed) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	select {
	case dst[0] = <-f:
		return 1, nil
	case <-time.After(time.Millisecond):
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (f fed) Close() error { return nil }

// A running is a pipeline with the API, in the test's process.
type running struct {
	url, data string
	pipe      *pipeline.Pipeline
	in        fed
}

func runDaemon(t *testing.T, change func(*api.Config)) *running {
	t.Helper()
	d := &running{data: t.TempDir(), in: fed(make(chan decode.Datagram))}
	store, tail := template.NewStore(template.Limits{}), api.NewTail()
	cfg := pipeline.Default()
	cfg.Flush = time.Millisecond
	var err error
	d.pipe, err = pipeline.New(cfg, pipeline.Deps{Store: store, Sources: []pipeline.Source{d.in}, Outputs: []pipeline.Output{tail.Output()}, Stay: true})
	if err != nil {
		t.Fatal(err)
	}
	c := api.Default()
	c.Listen = "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	s, err := api.New(c, api.Deps{
		Pipeline: d.pipe, Sessions: store.Sessions, Tail: tail, Token: filepath.Join(d.data, "token"),
		Listeners: func() []api.Listener {
			return []api.Listener{{Address: "udp://127.0.0.1:2055", Stats: source.Stats{Denied: 3}}}
		},
		Known: func(netip.Addr) api.Known { return api.Known{Name: "edge-1"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	d.url = strings.Replace(s.URL(), "[::]", "127.0.0.1", 1)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { d.pipe.Run(ctx) })
	all.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	return d
}

// play feeds the datagrams of a capture, as they would come now.
func (d *running) play(t *testing.T, path string) {
	t.Helper()
	c, err := source.NewCapture(bytes.NewReader(capture(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	want := d.pipe.Stats().Datagrams
	for {
		m, err := c.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		m.Time, m.Data = time.Now().UnixNano(), bytes.Clone(m.Data)
		d.in <- m.Datagram
		want++
	}
	until(t, "the datagrams of "+path, func() bool { return d.pipe.Stats().Datagrams == want })
}

// follow runs a command that goes on until it is cancelled.
func follow(t *testing.T, args ...string) *session {
	t.Helper()
	s := &session{done: make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	go func() { s.done <- run(ctx, args, nil, &s.stdout, &s.stderr) }()
	t.Cleanup(cancel)
	return s
}

func TestExportersCommand(t *testing.T) {
	d := runDaemon(t, nil)
	out, errs, code := weir(t, nil, "exporters", "--api", d.url)
	if code != exitOK || out != "no exporter has sent anything yet\n" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	d.play(t, "pcap/v9/softflowd.pcap")
	out, errs, code = weir(t, nil, "exporters", "--api", d.url)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("output is %s", out)
	}
	for _, w := range []string{"127.0.0.1", "edge-1", "netflow9", " up ", "48", "4+1"} { // 47 flows and one of options
		if !strings.Contains(lines[1], w) {
			t.Errorf("%q lacks %q", lines[1], w)
		}
	}
	var all api.Exporters
	out, _, _ = weir(t, nil, "exporters", "--api", d.url, "--format", "json")
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all.Exporters) != 1 {
		t.Errorf("%v: %s", err, out)
	}
	var one api.Exporter
	out, _, _ = weir(t, nil, "exporters", "--api", d.url, "--format", "json", "127.0.0.1")
	if err := json.Unmarshal([]byte(out), &one); err != nil || len(one.Domains[0].Templates.Announced) != 5 {
		t.Errorf("%v: %s", err, out)
	}
	_, errs, code = weir(t, nil, "exporters", "--api", d.url, "192.0.2.1")
	if code != exitError || !strings.Contains(errs, "nothing has come from exporter 192.0.2.1") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	out, _, _ = weir(t, nil, "__complete", "doctor", "--api", d.url, "")
	if !strings.HasPrefix(out, "127.0.0.1\tedge-1\n") {
		t.Errorf("completion is %s", out)
	}
}

func TestDoctorCommand(t *testing.T) {
	d := runDaemon(t, nil)
	out, _, code := weir(t, nil, "doctor", "--api", d.url)
	if code != exitError || !strings.Contains(out, "no exporter has sent anything") || !strings.Contains(out, "udp://127.0.0.1:2055 has lost 3 datagrams") {
		t.Errorf("exit code %d: %s", code, out)
	}
	d.play(t, "pcap/v9/pmacctd.pcap") // recorded long ago, and without sampling rates
	out, errs, code := weir(t, nil, "doctor", "--api", d.url, "127.0.0.1", "--platform", "iosxe")
	if code != exitError || errs != "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, w := range []string{
		"127.0.0.1 (edge-1), netflow9 domain ", "  warning  its clock is ", "\n               ntp server 192.0.2.123\n",
		"  warning  the sampling rate of 100 % of its flows is not known", " option sampler-table timeout 60\n",
	} {
		if !strings.Contains(out, w) {
			t.Errorf("output lacks %q:\n%s", w, out)
		}
	}
	if out, _, _ := weir(t, nil, "doctor", "--api", d.url); !strings.Contains(out, "the lines, by platform: --platform ") {
		t.Errorf("output is %s", out)
	}
	var found []struct {
		Exporter, Protocol string
		Findings           []doctor.Finding
	}
	out, _, code = weir(t, nil, "doctor", "--api", d.url, "--format", "json")
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitError {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	if len(found) != 1 || found[0].Exporter != "127.0.0.1" || len(found[0].Findings) < 2 || found[0].Findings[0].Severity != doctor.Warning {
		t.Errorf("found %+v", found)
	}
	if _, errs, code := weir(t, nil, "doctor", "--platform", "vms"); code != exitUsage || !strings.Contains(errs, "iosxe") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// An exporter that does all right is well.
func TestDoctorWell(t *testing.T) {
	v := visit{exporters: []api.Exporter{{Domains: []api.Domain{{Protocol: "ipfix", Advice: []doctor.Finding{}}}}}}
	var out strings.Builder
	if err := v.text(&out); err != nil || v.ill() || !strings.HasSuffix(out.String(), ": well\n") {
		t.Errorf("ill: %v, %v: %s", v.ill(), err, out.String())
	}
	v.exporters[0].Domains[0].Advice = []doctor.Finding{{Severity: doctor.Note}}
	if v.ill() {
		t.Error("a note makes ill")
	}
}

// Tail prints what listen would.
func TestTailCommand(t *testing.T) {
	d := runDaemon(t, nil)
	s := follow(t, "tail", "--api", d.url, "--format", "json", "--profile", "flat", "proto", "tcp")
	table := follow(t, "tail", "--api", d.url, "--count", "3")
	watched := func() bool {
		d.play(t, "pcap/v5/softflowd.pcap") // again, until both are there
		return s.stdout.String() != "" && table.stdout.String() != ""
	}
	until(t, "flows", watched)
	want := 0
	for _, m := range objects(t, string(capture(t, "pcap/v5/softflowd.jsonl"))) {
		if m["protocolIdentifier"] == json.Number("6") {
			want++
		}
	}
	until(t, "all flows of TCP", func() bool { return strings.Count(s.stdout.String(), "\n") >= want })
	for _, m := range objects(t, s.stdout.String()) {
		if m["proto"] != json.Number("6") {
			t.Errorf("flow is %v", m)
		}
	}
	s.cancel()
	if code := s.wait(t); code != exitOK || s.stderr.String() != "" {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
	if code := table.wait(t); code != exitOK || strings.Count(table.stdout.String(), "\n") != 4 || !strings.HasPrefix(table.stdout.String(), "TIME") {
		t.Errorf("exit code %d: %s", code, table.stdout.String())
	}
}

func TestTopCommand(t *testing.T) {
	d := runDaemon(t, nil)
	s := follow(t, "top", "--api", d.url, "--interval", "1s", "--limit", "2")
	until(t, "the end", func() bool {
		d.play(t, "pcap/v5/softflowd.pcap")
		select {
		case code := <-s.done:
			s.done <- code
			return true
		default:
			return false
		}
	})
	out := s.stdout.String()
	if code := s.wait(t); code != exitOK {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
	for _, w := range []string{" bit/s", "SOURCE", "DESTINATION", "PORT", "EXPORTER", "\n127.0.0.1 ", "(sampling rate of "} {
		if !strings.Contains(out, w) {
			t.Errorf("output lacks %q:\n%s", w, out)
		}
	}
}

// The picture fits the terminal, and says rates by the second.
func TestTopPicture(t *testing.T) {
	from := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	x := &api.Top{From: from, To: from.Add(2 * time.Second), Total: api.Volume{Octets: 3e6, Packets: 2000, Flows: 50}, Tables: map[string]api.Table{}}
	for _, tab := range tops {
		x.Tables[tab.name] = api.Table{Rows: make([]api.Row, 100)}
	}
	x.Tables["source"].Rows[0] = api.Row{Key: "192.0.2.1", Volume: api.Volume{Octets: 250000, Packets: 10, Flows: 4}}
	for _, height := range []int{1, 10, 24, 50, 200} {
		n := strings.Count(string(appendTop(nil, x, height, "\r\n")), "\r\n")
		if n >= max(height, 14) {
			t.Errorf("%d lines on a terminal of %d", n, height)
		}
	}
	got := string(appendTop(nil, x, 24, "\n"))
	for _, w := range []string{"03:04:07Z  2 s  12.0 Mbit/s  1.0 kpackets/s  25 flows/s\n", fmt.Sprintf("%-39s %12s %12s %10d\n", "192.0.2.1", "1.0 M", "5", 4)} {
		if !strings.Contains(got, w) {
			t.Errorf("picture lacks %q:\n%s", w, got)
		}
	}
}

func TestQuitOn(t *testing.T) {
	f := func(keys string, want bool) {
		t.Helper()
		quit := false
		quitOn(strings.NewReader(keys), func() { quit = true })
		if quit != want {
			t.Errorf("%q quits: %v", keys, quit)
		}
	}
	f("q", true)
	f("xQ", true)
	f("\x03", true)
	f("abc", false)
}

// What is wrong is said with what to do about it.
func TestDaemonErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	absent := "http://" + l.Addr().String()
	f := func(want string, code int, args ...string) {
		t.Helper()
		if _, errs, got := weir(t, nil, args...); got != code || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d: %s", args, got, errs)
		}
	}
	for _, c := range []string{"exporters", "doctor", "tail", "top"} {
		f("start it with: weir run", exitError, c, "--api", absent)
		f("is no URL", exitUsage, c, "--api", "localhost:8085")
		f("--data: ", exitError, c, "--api", absent, "--data", t.TempDir())
		f("--ca: ", exitError, c, "--ca", "/no/such/file")
	}
	f("column 1", exitUsage, "tail", "prot", "tcp")
	f("^", exitUsage, "top", "prot", "tcp")
	f("--format", exitUsage, "tail", "--format", "xml")
	f("--interval", exitUsage, "top", "--interval", "1ms")
	f("--limit", exitUsage, "top", "--limit", "0")
}

// Beyond loopback the token of DATA opens the API to the machine's own commands.
func TestDaemonToken(t *testing.T) {
	d := runDaemon(t, func(c *api.Config) { c.Listen = ":0" })
	_, errs, code := weir(t, nil, "exporters", "--api", d.url)
	if code != exitError || !strings.Contains(errs, "needs a token of role viewer") || !strings.Contains(errs, "--data DIR") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, errs, code := weir(t, nil, "exporters", "--api", d.url, "--data", d.data); code != exitOK {
		t.Errorf("exit code %d: %s", code, errs)
	}
	token, err := os.ReadFile(filepath.Join(d.data, "token"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_TOKEN", strings.TrimSpace(string(token)))
	if _, errs, code := weir(t, nil, "exporters", "--api", d.url); code != exitOK {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "192.0.2.1": false, "weir.example": false} {
		if onThisMachine(host) != want {
			t.Errorf("%s is on this machine: %v", host, !want)
		}
	}
}
