package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/weirflow/weir/shared/encode"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document has all routes and no others.
func TestDocumentIsComplete(t *testing.T) {
	doc := document(t)
	var want, got []string
	for _, r := range routes {
		want = append(want, r.method+" "+r.path)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("documented are %q, there are %q", got, want)
	}
	p := doc.Paths.Find("/api/v1/flows/tail").Get.Parameters.GetByInAndName("query", "profile")
	var names []string
	for _, v := range p.Schema.Value.Enum {
		names = append(names, fmt.Sprint(v))
	}
	if all := encode.Profiles(); !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(all))) {
		t.Errorf("documented profiles are %q, there are %q", names, all)
	}
}

// Every answer is as the document says.
func TestContract(t *testing.T) {
	doc := document(t)
	for _, kind := range []string{typeLines, typeCSV, typeArrow, "text/html", "text/javascript", "text/css"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder) // as text
	}
	var unready error
	reload := errors.New("no")
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Ready = func() error { return unready }
		deps.Reload = func(context.Context) error { return reload }
		deps.Store = &fakeStore{}
		deps.Findings = findingsStore(t)
		deps.Erase = func(context.Context, netip.Addr, func(int64, int64)) (Erased, error) { return Erased{}, nil }
	})
	for _, path := range []string{"pcap/v1/softflowd", "pcap/v5/fprobe", "pcap/v7/fprobe", "made/v6/flow-tools", "made/v8/schemes", "pcap/v9/softflowd", "pcap/v9/pmacctd-sampled", "pcap/ipfix/softflowd-biflow", "pcap/sflow/pmacctd", "made/ipfix/rfc5610"} {
		d.play(t, path+".pcap")
	}
	doc.Servers = openapi3.Servers{{URL: d.URL()}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	f := func(method, path, token string, code int, send ...string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, d.URL()+path, strings.NewReader(strings.Join(send, "")))
		if err != nil {
			t.Fatal(err)
		}
		if len(send) > 0 {
			r.Header.Set("Content-Type", typeJSON)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		var body []byte
		if w.Header.Get("Content-Type") == typeLines && strings.Contains(path, "flows") { // it goes on: its lines are looked at below
			body = []byte("line")
		} else if body, err = io.ReadAll(w.Body); err != nil {
			t.Fatal(err)
		}
		if w.StatusCode != code {
			t.Errorf("%s %s: %s, want %d: %s", method, path, w.Status, code, body)
		}
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		seen[route.Method+" "+route.Path] = true
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.StatusCode, Header: w.Header, Options: &openapi3filter.Options{MultiError: true}}
		out.SetBodyBytes(body)
		if err := openapi3filter.ValidateResponse(ctx, out); err != nil {
			t.Errorf("%s %s: %v", method, path, err)
		}
	}
	for _, path := range []string{"/", "/page.js", "/page.css"} {
		f("GET", path, "", 200)
	}
	f("GET", "/api/v1/exporters", "", 200)
	all := d.exporterList(t).Exporters
	if len(all) < 2 {
		t.Fatalf("%d exporters", len(all))
	}
	for _, e := range all {
		f("GET", "/api/v1/exporters/"+e.Address.String(), "", 200)
	}
	f("GET", "/api/v1/exporters/192.0.2.99", "", 404)
	f("GET", "/api/v1/exporters/x", "", 400)
	f("GET", "/api/v1/status", "", 200)
	f("GET", "/api/v1/status", "wrong", 401)
	f("GET", "/api/v1/flows/tail", "", 200)
	f("GET", "/api/v1/flows/tail?filter=(", "", 400)
	f("GET", "/api/v1/flows/top", "", 200)
	for _, q := range []string{
		"top if, proto by bits, packets both previous", "series in_if by bits p95, bytes max last 1h", "matrix src as x dst as",
		"flows", "conversations", "count src", "top",
	} {
		for _, format := range []string{"json", "csv", "ndjson", "arrow"} {
			f("GET", "/api/v1/query?format="+format+"&q="+url.QueryEscape(q), "", 200)
		}
	}
	f("GET", "/api/v1/query", "", 400)
	f("GET", "/api/v1/query?q=topp", "", 400)
	f("GET", "/api/v1/query?q=top&timeout=301", "", 400)
	f("POST", "/api/v1/query", "", 200, `{"by": ["src"]}`)
	f("POST", "/api/v1/query", "", 400, `{"by": ["sorc"]}`)
	f("POST", "/api/v1/query", "", 400, `{"bye": ["src"]}`)
	f("GET", "/api/v1/fields", "", 200)
	f("GET", "/api/v1/values?field=app_name&prefix=d", "", 200)
	f("GET", "/api/v1/values?field=bps", "", 400)
	f("POST", "/api/v1/findings", "", 401, scanJSON)
	f("POST", "/api/v1/findings", d.token, 200, scanJSON)
	f("POST", "/api/v1/findings", d.token, 200, "["+scanJSON+","+scanJSON+"]")
	f("POST", "/api/v1/findings", d.token, 400, `{"class": "scan"}`)
	f("GET", "/api/v1/findings", "", 200)
	f("GET", "/api/v1/findings?severity=high&from=2026-11-26&to=1795694460000&class=scan&detector=scan&limit=1", "", 200)
	f("GET", "/api/v1/findings?severity=awful", "", 400)
	f("POST", "/api/v1/reload", "", 401)
	f("POST", "/api/v1/reload", d.token, 422)
	reload = nil
	f("POST", "/api/v1/reload", d.token, 200)
	f("POST", "/api/v1/erase?address=192.0.2.1", "", 401)
	f("POST", "/api/v1/erase?address=192.0.2.1", d.token, 200)
	f("POST", "/api/v1/erase?address=router", d.token, 400)
	f("GET", "/metrics", "", 200)
	f("GET", "/health", "", 200)
	unready = errors.New("not yet")
	f("GET", "/health", "", 503)
	f("GET", "/health/live", "", 200)
	f("GET", "/openapi.yaml", "", 200)
	for _, r := range routes {
		if !seen[r.method+" "+r.path] {
			t.Errorf("%s %s was not looked at", r.method, r.path)
		}
	}
	line := d.open(t, "/api/v1/flows/top?interval=1")
	if !line.Scan() {
		t.Fatal(line.Err())
	}
	var v any
	if err := json.Unmarshal(line.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if err := doc.Components.Schemas["Top"].Value.VisitJSON(v); err != nil {
		t.Error(err)
	}
}

// The metrics are in Prometheus' form, say what the pipeline says, and each that
// is described has a value.
func TestMetrics(t *testing.T) {
	d := start(t, func(_ *Config, deps *Deps) { deps.Findings = findingsStore(t) })
	if _, err := (&Client{URL: d.URL(), Token: d.token}).AddFindings(t.Context(), []byte(scanJSON)); err != nil {
		t.Fatal(err)
	}
	d.deps.Stored = func() StoreStats { return StoreStats{Flows: 7, Tail: 3, UnwrittenFor: 0.25} }
	d.play(t, "pcap/v9/softflowd.pcap")
	w, body := d.ask(t, "GET", "/metrics", "")
	if w.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", w.Status, body)
	}
	for _, want := range []string{
		`weir_build_info{version="test"} 1`,
		"weir_datagrams_total 3",
		fmt.Sprintf("weir_flows_total %d", len(expected(t, "pcap/v9/softflowd.jsonl"))),
		`weir_faults_total{fault="short"} 0`,
		`weir_output_flows_total{fate="dropped",output="file"} 0`,
		`weir_listener_datagrams_total{fate="kernel_dropped",listener="udp://127.0.0.1:2055"} 2`,
		`weir_exporters{state="silent"} 1`,
		`weir_exporter_datagrams_total{domain="0",exporter="127.0.0.1",protocol="netflow9"} 3`,
		`weir_exporter_transit_total{domain="0",exporter="127.0.0.1",fate="missing",protocol="netflow9"} 0`,
		`weir_store_flows{where="segments"} 7`,
		`weir_store_flows{where="memory"} 3`,
		"weir_store_unacknowledged_seconds 0.25",
		`weir_findings_total{severity="high"} 1`,
		`weir_findings_total{severity="critical"} 0`,
		"weir_findings_unread_total 0",
		"go_goroutines ",
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	for _, m := range allMetrics {
		if !strings.Contains(body, "\n# HELP "+m.name+" ") {
			t.Errorf("%s has no value", m.name)
		}
	}
	if bytes.Contains([]byte(body), []byte(TailOutput+`"`)) {
		t.Error("the tail counts as an output")
	}
}

// README.md has the table of metrics; -update writes it.
func TestMetricsTable(t *testing.T) {
	const from, to = "<!-- metrics -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), from)
	have, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatal("README.md has no place for the table")
	}
	want := "| metric | labels | |\n|---|---|---|\n"
	for _, m := range allMetrics {
		want += fmt.Sprintf("| `%s` | %s | %s |\n", m.name, strings.Join(m.labels, ", "), m.help)
	}
	if have == want {
		return
	}
	if !*update {
		t.Fatal("README.md has another table of metrics: go test ./collector/api -update")
	}
	if err := os.WriteFile("README.md", []byte(head+from+want+to+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

var update = flag.Bool("update", false, "write the table of metrics")
