package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// A feed is a source that tests put datagrams into.
type feed struct{ in chan decode.Datagram }

func (f *feed) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	select {
	case dg := <-f.in:
		dst[0] = dg
		return 1, nil
	case <-time.After(time.Millisecond):
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (f *feed) Close() error { return nil }

type nowhere struct{}

func (nowhere) Write(context.Context, *flow.Batch) error { return nil }
func (nowhere) Close() error                             { return nil }

// A daemon is a collector with its API.
type daemon struct {
	*Server
	feed  *feed
	pipe  *pipeline.Pipeline
	store *template.Store
	token string
}

// start runs one; change may change how.
func start(t *testing.T, change func(*Config, *Deps), tune ...func(*Server)) *daemon {
	t.Helper()
	d := &daemon{feed: &feed{make(chan decode.Datagram)}, store: template.NewStore(template.Limits{})}
	tail := NewTail()
	cfg := pipeline.Default()
	cfg.Flush = time.Millisecond
	var err error
	d.pipe, err = pipeline.New(cfg, pipeline.Deps{
		Store: d.store, Sources: []pipeline.Source{d.feed}, Stay: true,
		Outputs: []pipeline.Output{{Name: "file", Sink: nowhere{}, Queue: pipeline.Queue{Size: 16, Overflow: pipeline.Block}}, tail.Output()},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Listen = "127.0.0.1:0"
	deps := Deps{
		Pipeline: d.pipe, Sessions: d.store.Sessions, Tail: tail, Version: "test", Token: t.TempDir() + "/data/token",
		Listeners: func() []Listener { return []Listener{{"udp://127.0.0.1:2055", source.Stats{Datagrams: 7, Dropped: 2}}} },
	}
	if change != nil {
		change(&c, &deps)
	}
	if d.Server, err = New(c, deps); err != nil {
		t.Fatal(err)
	}
	d.readTimeout, d.second = 400*time.Millisecond, time.Millisecond
	for _, f := range tune {
		f(d.Server)
	}
	if err := d.Open(); err != nil {
		t.Fatal(err)
	}
	if deps.Token != "" {
		if d.token, err = ReadToken(deps.Token); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.pipe.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return d
}

// play feeds a capture, and waits until all its records are where they go.
func (d *daemon) play(t *testing.T, path string) {
	t.Helper()
	data, err := testdata.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := source.NewCapture(bytes.NewReader(data))
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
		m.Data = bytes.Clone(m.Data)
		d.feed.in <- m.Datagram
		want++
	}
	until(t, "all of "+path, func() bool {
		s := d.pipe.Stats()
		return s.Datagrams == want && s.Held == 0 && s.Outputs[0].Queued == 0 && s.Outputs[1].Queued == 0
	})
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

// ask sends a request with headers, "Host" among them.
func (d *daemon) ask(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	at := strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1").Replace(d.URL())
	r, err := http.NewRequestWithContext(t.Context(), method, at+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w, string(b)
}

func (d *daemon) exporterList(t *testing.T) (x Exporters) {
	t.Helper()
	w, body := d.ask(t, "GET", "/api/v1/exporters", "")
	if w.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", w.Status, body)
	}
	if err := json.Unmarshal([]byte(body), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// What is shown of exporters is what the capture holds: softflowd's v9 with its
// options.
func TestExporters(t *testing.T) {
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Known = func(a netip.Addr) Known { return Known{Name: "edge " + a.String()} }
	})
	d.play(t, "pcap/v9/softflowd.pcap")
	all := d.exporterList(t).Exporters
	if len(all) != 1 || len(all[0].Domains) != 1 {
		t.Fatalf("exporters are %+v", all)
	}
	var counts map[string]struct {
		Datagrams, Options uint64
	}
	raw, err := testdata.FS.ReadFile("counts.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &counts); err != nil {
		t.Fatal(err)
	}
	want, ok := counts["pcap/v9/softflowd"]
	if !ok {
		t.Fatal("counts.json knows no pcap/v9/softflowd")
	}
	flows := uint64(len(expected(t, "pcap/v9/softflowd.jsonl")))
	e, x := all[0], all[0].Domains[0]
	if got := x.Traffic; got.Datagrams != want.Datagrams || got.Flows != flows || got.Options != want.Options {
		t.Errorf("traffic is %+v, want %+v", got, want)
	}
	if e.Address.String() != "127.0.0.1" || e.Name != "edge 127.0.0.1" || x.Protocol != "netflow9" || x.Transport != "UDP" || x.Transit.Unit != "export packets" {
		t.Errorf("exporter is %+v", e)
	}
	if x.Inside.Records != flows+want.Options || len(x.Inside.Outputs) != 1 || x.Inside.Outputs[0].Written != x.Inside.Records {
		t.Errorf("inside is %+v", x.Inside)
	}
	if x.Templates.Known == 0 || x.Templates.Options == 0 || len(x.Templates.Announced) > 0 {
		t.Errorf("templates are %+v", x.Templates)
	}
	if s := e.State; s != Silent { // by our clock, it has long ended
		t.Errorf("state is %s", s)
	}

	var one Exporter
	w, body := d.ask(t, "GET", "/api/v1/exporters/127.0.0.1", "")
	if err := json.Unmarshal([]byte(body), &one); err != nil || w.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v: %s", w.Status, err, body)
	}
	names := map[string]bool{}
	for _, a := range one.Domains[0].Templates.Announced {
		for _, f := range a.Fields {
			names[f.Name] = true
		}
	}
	if n := one.Domains[0].Templates; len(n.Announced) != n.Known+n.Options || !names["sourceIPv4Address"] || !names["octetDeltaCount"] {
		t.Errorf("templates are %+v", n)
	}
	for path, code := range map[string]int{"/api/v1/exporters/192.0.2.77": 404, "/api/v1/exporters/router": 400, "/nothing": 404} {
		if w, body := d.ask(t, "GET", path, ""); w.StatusCode != code || !strings.Contains(body, `"error"`) {
			t.Errorf("%s: %s: %s", path, w.Status, body)
		}
	}
	if w, body := d.ask(t, "DELETE", "/api/v1/exporters", ""); w.StatusCode != http.StatusMethodNotAllowed || w.Header.Get("Allow") != "GET" {
		t.Errorf("%s: %s", w.Status, body)
	}
}

// A sampling rate that options announced is shown.
func TestSamplers(t *testing.T) {
	d := start(t, nil)
	d.play(t, "pcap/v9/pmacctd-sampled.pcap")
	all := d.exporterList(t).Exporters
	if len(all) != 1 || len(all[0].Domains[0].Samplers) == 0 {
		t.Fatalf("exporters are %+v", all)
	}
	s := all[0].Domains[0].Samplers[0]
	if s.Of != "sampler" || s.Rate != 100 {
		t.Errorf("sampler is %+v", s)
	}
}

// sFlow's samples are accounted for by data source.
func TestDataSources(t *testing.T) {
	d := start(t, nil)
	d.play(t, "pcap/sflow/openvswitch.pcap")
	all := d.exporterList(t).Exporters
	if len(all) != 1 {
		t.Fatalf("exporters are %+v", all)
	}
	if s := all[0].Domains[0].Samples; s == nil || s.Received == 0 || s.DataSources == 0 || s.Each != nil {
		t.Errorf("samples are %+v", s)
	}
	c := Client{URL: d.URL()}
	one, err := c.Exporter(t.Context(), all[0].Address.String())
	if err != nil {
		t.Fatal(err)
	}
	s := one.Domains[0].Samples
	var sum pipeline.SampleCount
	for _, x := range s.Each {
		sum.Add(x.SampleCount)
	}
	if len(s.Each) != s.DataSources || sum != s.SampleCount || sum.Received != one.Domains[0].Inside.Records {
		t.Errorf("data sources are %+v", s)
	}
}

// An exporter that sends from another port since is not called silent for the
// old one.
func TestMoved(t *testing.T) {
	now := time.Now()
	l := func(port uint16, last time.Duration) (l pipeline.Ledger) {
		l.From = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)
		l.Exporter, l.Version = l.From.Addr(), 10
		l.First, l.Last, l.Decoded = now.Add(-time.Hour).UnixNano(), now.Add(-last).UnixNano(), now.Add(-last).UnixNano()
		l.Announced = l.Last
		return l
	}
	s, err := New(Default(), Deps{Pipeline: ledgers{l(1, 30*time.Minute), l(2, time.Second)}, Sessions: template.NewStore(template.Limits{}).Sessions, Tail: NewTail()})
	if err != nil {
		t.Fatal(err)
	}
	x := s.look(netip.Addr{}).Exporters
	if len(x) != 1 || x[0].State != Up || len(x[0].Domains) != 2 {
		t.Fatalf("exporters are %+v", x)
	}
	if a := x[0].Domains[0].Advice; len(a) != 1 || a[0].ID != "moved" {
		t.Errorf("advice for the old port is %+v", a)
	}
	if a := x[0].Domains[1].Advice; len(a) != 0 {
		t.Errorf("advice for the new port is %+v", a)
	}
}

// What comes from whom there is no room for is in others.
func TestOthers(t *testing.T) {
	s, err := New(Default(), Deps{Pipeline: ledgers{{Records: 5}}, Sessions: template.NewStore(template.Limits{}).Sessions, Tail: NewTail()})
	if err != nil {
		t.Fatal(err)
	}
	x := s.look(netip.Addr{})
	if x.Others == nil || x.Others.Inside.Records != 5 || len(x.Exporters) != 0 {
		t.Errorf("exporters are %+v", x)
	}
}

// A link-local exporter is found without its link, where there is but one.
func TestLinkLocalExporter(t *testing.T) {
	ledger := func(a string) (l pipeline.Ledger) {
		l.Exporter = netip.MustParseAddr(a)
		l.From = netip.AddrPortFrom(l.Exporter, 9)
		return l
	}
	s, err := New(Default(), Deps{
		Pipeline: ledgers{ledger("192.0.2.1"), ledger("fe80::1%eth0"), ledger("fe80::2%eth0"), ledger("fe80::2%eth1")},
		Sessions: template.NewStore(template.Limits{}).Sessions, Tail: NewTail(),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(address string, code int, want string) {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil)
		r.SetPathValue("address", address)
		w := httptest.NewRecorder()
		s.exporter(w, r)
		if w.Code != code || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, %s", address, w.Code, w.Body)
		}
	}
	f("fe80::1", 200, `"address": "fe80::1%eth0"`)
	f("fe80::1%eth0", 200, `"address": "fe80::1%eth0"`)
	f("fe80::1%eth1", 404, "nothing has come")
	f("fe80::2", 400, "there are several exporters fe80::2: write one of fe80::2%eth0, fe80::2%eth1")
	f("fe80::2%eth1", 200, `"address": "fe80::2%eth1"`)
	f("192.0.2.1", 200, `"address": "192.0.2.1"`)
	f("192.0.2.2", 404, "nothing has come")
}

// ledgers is a pipeline that has only those.
type ledgers []pipeline.Ledger

func (l ledgers) Ledgers() []pipeline.Ledger { return l }
func (l ledgers) Stats() pipeline.Stats      { return pipeline.Stats{} }
func (l ledgers) Turn()                      {}

func (l ledgers) DataSources(pipeline.Key) []pipeline.DataSourceLedger { return nil }

// What an exporter has repaired is a note once the doctor's periods have passed.
func TestRepaired(t *testing.T) {
	var l pipeline.Ledger
	l.From = netip.MustParseAddrPort("192.0.2.1:9")
	l.Exporter, l.Version = l.From.Addr(), 5
	l.First, l.Decoded, l.Last = 1, time.Now().UnixNano(), time.Now().UnixNano()
	l.Sent, l.Received, l.Missing = 200, 100, 100
	cfg := Default()
	cfg.Listen = "127.0.0.1:0"
	s, err := New(cfg, Deps{Pipeline: ledgers{l}, Sessions: template.NewStore(template.Limits{}).Sessions, Tail: NewTail(), Token: filepath.Join(t.TempDir(), "token")})
	if err != nil {
		t.Fatal(err)
	}
	s.period = time.Millisecond
	loss := func() doctor.Severity {
		for _, f := range s.look(netip.Addr{}).Exporters[0].Domains[0].Advice {
			if f.ID == "loss" {
				return f.Severity
			}
		}
		t.Fatal("the loss is forgotten")
		return 0
	}
	if loss() != doctor.Error {
		t.Errorf("loss is %v", loss())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for deadline := time.Now().Add(10 * time.Second); loss() != doctor.Note; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a loss of old is still an error")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Hosts and origins that no honest client sends are refused, whoever asks and
// with whatever token.
func TestHostileHostsAndOrigins(t *testing.T) {
	d := start(t, func(c *Config, _ *Deps) { c.Hosts = []string{"weir.example", "2001:db8::5"} })
	port := d.URL()[strings.LastIndexByte(d.URL(), ':'):]
	f := func(code int, headers ...string) {
		t.Helper()
		headers = append(headers, "Authorization", "Bearer "+d.token)
		for _, path := range []string{"/api/v1/exporters", "/metrics", "/health", "/nothing", "/openapi.yaml"} {
			w, body := d.ask(t, "GET", path, "", headers...)
			want := code
			if path == "/nothing" && code == 200 {
				want = 404
			}
			if w.StatusCode != want {
				t.Errorf("%s %q: %s: %s", path, headers[:2], w.Status, body)
			}
			if code == 403 && !strings.Contains(body, `"error"`) {
				t.Errorf("%s %q: %s", path, headers[:2], body)
			}
			if w.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s has CORS", path)
			}
		}
	}
	for _, host := range []string{"127.0.0.1", "127.0.0.1" + port, "localhost" + port, "LOCALHOST:1", "[::1]" + port, "::1", "127.1.2.3", "weir.example", "Weir.Example.:443", "[2001:db8::5]:443"} {
		f(200, "Host", host)
	}
	for _, host := range []string{"evil.example", "evil.example" + port, "localhost.evil.example", "127.0.0.1.evil.example", "weir.example.evil.example", "192.0.2.1", "0.0.0.0", "[2001:db8::6]:80", "localhost@evil.example", "2130706433", "x:y:z"} {
		f(403, "Host", host)
	}
	f(200, "Origin", d.URL())
	for _, origin := range []string{"http://evil.example", "null", "https://127.0.0.1:1", "http://localhost" + port, "file://", "chrome-extension://abc", "http://127.0.0.1" + port + ".evil.example", "", "%"} {
		f(403, "Origin", origin)
	}
	f(200, "Sec-Fetch-Site", "same-origin")
	f(200, "Sec-Fetch-Site", "none")
	f(403, "Sec-Fetch-Site", "cross-site")
	f(403, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image")
	f(403, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe")
	f(200, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	if _, body := d.ask(t, "GET", "/health", "", "Host", "collector.lan"); !strings.Contains(body, "api.hosts: [collector.lan]") {
		t.Errorf("error does not say what to set: %s", body)
	}
}

// The address that a request came to is a host of ours, another is not.
func TestHostIsTheAddressReached(t *testing.T) {
	d := start(t, nil)
	f := func(local, host string, want int) {
		t.Helper()
		r := httptest.NewRequest("GET", "http://"+host+"/health", nil)
		a, err := net.ResolveTCPAddr("tcp", local)
		if err != nil {
			t.Fatal(err)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(a)))
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s at %s: %d", host, local, w.Code)
		}
	}
	f("192.0.2.1:8085", "192.0.2.1:8085", 200)
	f("192.0.2.1:8085", "192.0.2.2:8085", 403)
	f("[2001:db8::1]:8085", "[2001:db8::1]", 200)
	f("[::ffff:192.0.2.1]:8085", "192.0.2.1", 200)
}

// On loopback everyone may look, and nobody without a token change anything;
// beyond, nobody without one may do either.
func TestRoles(t *testing.T) {
	tokens := map[string]string{"viewer": "viewer-0123456789", "operator": "operator-0123456789", "admin": ""}
	reloads := 0
	with := func(listen string) func(c *Config, deps *Deps) {
		return func(c *Config, deps *Deps) {
			c.Listen = listen
			c.Tokens = []Token{
				{Name: "v", Role: Viewer, SHA256: "7b7e6ad5ab1a0ecd8fb2f7c4ae5e1ba1c0fd1b5a1ed4b5fbcdcd4f0b5f4b6c50"}, // nobody's
				{Name: "watcher", Role: Viewer, File: write(t, tokens["viewer"])},
				{Name: "night shift", Role: Operator, File: write(t, tokens["operator"])},
			}
			deps.Reload = func(context.Context) error { reloads++; return nil }
		}
	}
	f := func(d *daemon, method, path, token string, want int) {
		t.Helper()
		var headers []string
		if token != "" {
			headers = []string{"Authorization", "Bearer " + token}
		}
		w, body := d.ask(t, method, path, "", headers...)
		if w.StatusCode != want {
			t.Errorf("%s %s with %q: %s: %s", method, path, token, w.Status, body)
		}
		if want == 401 && !strings.HasPrefix(w.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no WWW-Authenticate", path)
		}
	}
	local := start(t, with("127.0.0.1:0"))
	for _, path := range []string{"/api/v1/exporters", "/api/v1/status", "/metrics", "/health", "/openapi.yaml"} {
		f(local, "GET", path, "", 200)
		f(local, "GET", path, "wrong", 401)
		f(local, "GET", path, tokens["viewer"], 200)
	}
	f(local, "POST", "/api/v1/reload", "", 401)
	f(local, "POST", "/api/v1/reload", "wrong", 401)
	f(local, "POST", "/api/v1/reload", tokens["viewer"], 403)
	if reloads != 0 {
		t.Errorf("%d reloads without a right to", reloads)
	}
	f(local, "POST", "/api/v1/reload", tokens["operator"], 200)
	f(local, "POST", "/api/v1/reload", local.token, 200)
	if reloads != 2 {
		t.Errorf("%d reloads, want 2", reloads)
	}
	f(local, "GET", "/api/v1/reload", local.token, 405)

	wide := start(t, with("0.0.0.0:0"))
	for _, r := range routes {
		path := strings.Replace(r.path, "{address}", "192.0.2.1", 1)
		if slices.Contains([]string{"/", "/page.js", "/page.css"}, path) { // the page asks for the token
			f(wide, r.method, path, "", 200)
			continue
		}
		f(wide, r.method, path, "", 401)
		f(wide, r.method, path, "wrong", 401)
	}
	f(wide, "GET", "/api/v1/exporters", tokens["viewer"], 200)
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := t.TempDir() + "/token"
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Bodies are JSON, and short; reload tells what was wrong.
func TestReload(t *testing.T) {
	var failure error
	d := start(t, func(_ *Config, deps *Deps) { deps.Reload = func(context.Context) error { return failure } })
	f := func(body, kind string, want int, words string) {
		t.Helper()
		w, got := d.ask(t, "POST", "/api/v1/reload", body, "Authorization", "Bearer "+d.token, "Content-Type", kind)
		if w.StatusCode != want || !strings.Contains(got, words) {
			t.Errorf("%q of %q: %s: %s", body, kind, w.Status, got)
		}
	}
	f("", "", 200, "true")
	f("{}", "application/json; charset=utf-8", 200, "true")
	f("{}", "text/plain", 415, "Content-Type: application/json")
	f("a=b", "application/x-www-form-urlencoded", 415, "")
	f("{}", "", 415, "")
	failure = errors.New("listen: port is 99999")
	f("", "", 422, "port is 99999; the configuration before still holds")
	none := start(t, nil)
	if w, _ := none.ask(t, "POST", "/api/v1/reload", "", "Authorization", "Bearer "+none.token); w.StatusCode != 501 {
		t.Error(w.Status)
	}
}

func TestHealth(t *testing.T) {
	var reason error
	d := start(t, func(_ *Config, deps *Deps) { deps.Ready = func() error { return reason } })
	f := func(path string, code int, words string) {
		t.Helper()
		if w, body := d.ask(t, "GET", path, ""); w.StatusCode != code || !strings.Contains(body, words) {
			t.Errorf("%s: %s: %s", path, w.Status, body)
		}
	}
	f("/health", 200, `"ready"`)
	reason = errors.New("disk is full")
	f("/health", 503, "disk is full")
	f("/health/live", 200, `"live"`)
}

// What listens beyond loopback and lacks TLS or tokens is warned of.
func TestWarnings(t *testing.T) {
	f := func(listen string, tokens []Token, words ...string) {
		t.Helper()
		var out bytes.Buffer
		start(t, func(c *Config, deps *Deps) {
			c.Listen, c.Tokens = listen, tokens
			deps.Log = slog.New(slog.NewTextHandler(&out, nil))
		})
		if len(words) == 0 && out.Len() > 0 {
			t.Errorf("%s: %s", listen, out.String())
		}
		for _, w := range words {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: %s lacks %q", listen, out.String(), w)
			}
		}
	}
	f("127.0.0.1:0", nil)
	f("localhost:0", nil)
	f("0.0.0.0:0", nil, "api.cert", "api.tokens")
	f(":0", []Token{{Name: "x", Role: Viewer, SHA256: strings.Repeat("00", 32)}}, "api.cert")
}

// A header without end, and one that takes too long, end the connection.
func TestSlowLoris(t *testing.T) {
	d := start(t, func(_ *Config, deps *Deps) { deps.Log = nil })
	f := func(send, want string) {
		t.Helper()
		c, err := net.Dial("tcp", d.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n"+send); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		b, err := io.ReadAll(c) // it may end in a reset
		if !strings.Contains(string(b), want) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v: %s", err, b)
		}
	}
	f(strings.Repeat("X: "+strings.Repeat("y", 4000)+"\r\n", 8)+"\r\n", " 431 ")
	f("X: ", "")
}
