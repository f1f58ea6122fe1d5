package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// recorded stands in for a collector: it answers with what the API's own test has
// recorded of it (collector/api, TestRecorded), and only to who has the token.
func recorded(t *testing.T) *httptest.Server {
	dir := filepath.Join("testdata", "collector")
	text, err := os.ReadFile(filepath.Join(dir, "questions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var questions map[string]string
	if err := json.Unmarshal(text, &questions); err != nil {
		t.Fatal(err)
	}
	file := func(w http.ResponseWriter, status int, name string) {
		answer, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		w.Write(answer)
	}
	m := http.NewServeMux()
	m.HandleFunc("POST /api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Question string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Query().Get("format") != "arrow" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %v", r.URL, r.Header, err)
		}
		for name, question := range questions {
			if q.Question == question {
				file(w, http.StatusOK, name)
				return
			}
		}
		if strings.HasPrefix(q.Question, "top 10 by flows ") { // that of health, of now
			file(w, http.StatusOK, "total.arrow")
			return
		}
		if strings.Contains(q.Question, "bytes 7") {
			file(w, http.StatusBadRequest, "mistake.json")
			return
		}
		if strings.Contains(q.Question, "bytes 8") { // until nobody waits
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
				t.Error("the client does not go")
			}
			return
		}
		t.Errorf("asked %s", q.Question)
		w.WriteHeader(http.StatusTeapot)
	})
	for path, name := range map[string]string{"/api/v1/status": "status.json", "/api/v1/exporters": "exporters.json", "/api/v1/values": "values.json", "/api/v1/findings": "findings.json"} {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { file(w, http.StatusOK, name) })
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"error": "a token is needed"}`))
			return
		}
		m.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// asks makes a datasource that asks a collector.
func asks(t *testing.T, url, token string) *Datasource {
	t.Helper()
	jsonData, err := json.Marshal(map[string]string{"mode": "collector", "url": url})
	if err != nil {
		t.Fatal(err)
	}
	d, err := newTestHub(t).NewDatasource(t.Context(), backend.DataSourceInstanceSettings{
		UID: "c", JSONData: jsonData, DecryptedSecureJSONData: map[string]string{"token": token},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Datasource)
}

// officeQuery is about the minute of the collector's test: 12:20 to 12:21.
func officeQuery(json string) backend.DataQuery {
	q := testQuery(json)
	q.TimeRange.From = time.Date(2026, 11, 26, 12, 20, 0, 0, time.UTC)
	q.TimeRange.To = q.TimeRange.From.Add(time.Minute)
	return q
}

func respond(t *testing.T, ctx context.Context, d *Datasource, json string) backend.DataResponse {
	t.Helper()
	r, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{officeQuery(json)}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Responses["A"]
}

// A collector's answers are the frames that they would be without one. What was
// recorded is computed by hand where it is made (collector/api, TestQueryEngine).
func TestCollector(t *testing.T) {
	d := asks(t, recorded(t).URL+"/", "secret")
	f := func(json string, want ...string) (frames []*data.Frame) {
		t.Helper()
		r := respond(t, t.Context(), d, json)
		if r.Error != nil || len(r.Frames) != len(want) {
			t.Fatalf("%s: %d frames, %v", json, len(r.Frames), r.Error)
		}
		for i, x := range r.Frames {
			if got := shown(x); got != want[i] {
				t.Errorf("%s is\n%s\nwant\n%s", json, got, want[i])
			}
		}
		return r.Frames
	}
	x := f(`{"show":"top","limit":1,"by":["src"],"metrics":["bytes","packets"],"format":"sankey"}`,
		"src_addr, bytes [decbytes]\n192.0.2.80, 6000\nother, 660")[0]
	if x.Meta.Type != data.FrameTypeNumericLong || !strings.HasPrefix(x.Meta.ExecutedQueryString, "top 1 src ip by bytes") ||
		!strings.Contains(notices(x), "scaled ×10: 1 of 3 flow records are sampled; 1 have an unknown rate") {
		t.Errorf("meta is %+v, notices %s", x.Meta, notices(x))
	}
	// 3,000 of the server's octets in each half, 600 of the client's in the first: 960
	// and 800 bit/s; the resolver's 60 are 16 bit/s. A flow that ends where two
	// bins meet is of the first.
	f(`{"show":"series","limit":1,"by":["proto"],"metrics":["bits","flows"],"every":"30s"}`,
		"time, bits [bps] proto=tcp, flows [si:flows/s] proto=tcp, bits [bps] proto=other, flows [si:flows/s] proto=other\n"+
			"12:20:00, 960, 0.03333333333333333, 16, 0.03333333333333333\n12:20:30, 800, 0.03333333333333333, 0, 0")
	// Bins of 20 s: 2,000 octets of the server; 400, 200 and 0 of the client.
	f(`{"metric":"bits","groupBy":["SrcAddr"],"limit":1,"filter":"proto tcp"}`,
		"time, bits [bps] SrcAddr=192.0.2.80, bits [bps] SrcAddr=other\n12:20:00, 800, 160\n12:20:20, 800, 80\n12:20:40, 800, 0")
	f(`{"show":"series","metrics":["bits"],"every":"30s","where":"proto icmp"}`, "time, bits\n12:20:00, 0\n12:20:30, 0")
	f(`{"show":"conversations","limit":1,"idle":"30s"}`,
		"start, end, proto, a, a_port, b, b_port, bytes_a [decbytes], bytes_b [decbytes], packets_a [short], packets_b [short], flows_a [short], flows_b [short]\n"+
			"12:20:00, 12:21:00, tcp, 10.0.0.1, 40000, 192.0.2.80, 443, 600, 6000, 6, 600, 1, 1")
	if x := respond(t, t.Context(), d, `{"type":"flows","limit":2}`).Frames[0]; x.Rows() != 2 || !strings.Contains(notices(x), "cut: 2 of 3 rows are shown") {
		t.Errorf("flows are %s, %s", shown(x), notices(x))
	}
	graph := f(`{"show":"top","by":["pair"],"format":"nodegraph"}`,
		"id, title, mainstat [decbytes]\n10.0.0.1, 10.0.0.1, 6660\n192.0.2.80, 192.0.2.80, 6600\n192.0.2.53, 192.0.2.53, 60",
		"id, source, target, mainstat [decbytes], thickness\n0, 10.0.0.1, 192.0.2.80, 6600, 10\n1, 10.0.0.1, 192.0.2.53, 60, 1.0818181818181818")
	if graph[0].Name != "nodes" || graph[1].Name != "edges" || graph[1].Meta.PreferredVisualization != data.VisTypeNodeGraph {
		t.Errorf("frames are %s and %s", graph[0].Name, graph[1].Name)
	}
	graph = f(`{"show":"matrix","limit":1,"by":["in if","out if"],"metrics":["packets"],"format":"nodegraph"}`,
		"id, title, mainstat [short]\n2, 2, 600\n1, 1, 600", "id, source, target, mainstat [short], thickness\n0, 2, 1, 600, 10")
	if !strings.Contains(notices(graph[0]), "the 1 largest of 2 edges are shown") {
		t.Errorf("notices are %s", notices(graph[0]))
	}
}

// What a collector has against a question is shown, and nothing that goes wrong
// there is the plugin's fault.
func TestCollectorErrors(t *testing.T) {
	s := recorded(t)
	f := func(d *Datasource, json string, status backend.Status, want string) {
		t.Helper()
		r := respond(t, t.Context(), d, json)
		if r.Error == nil || !strings.Contains(r.Error.Error(), want) || r.Status != status || r.ErrorSource != backend.ErrorSourceDownstream {
			t.Errorf("%s: %v, status %d, source %s", json, r.Error, r.Status, r.ErrorSource)
		}
	}
	f(asks(t, s.URL, "secret"), `{"show":"top","where":"bytes 7"}`, 400, "column 8: \"scr\" is no field\ntop 10 scr\n       ^^^")
	f(asks(t, s.URL, ""), `{"show":"top"}`, 401, "a token is needed")
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	f(asks(t, other.URL, ""), `{"show":"top"}`, 404, other.URL+" answers 404 Not Found: it is no weir")
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer garbage.Close()
	f(asks(t, garbage.URL, ""), `{"show":"top"}`, backend.StatusBadGateway, "/api/v1/query: ")
	gone := httptest.NewServer(nil)
	gone.Close()
	f(asks(t, gone.URL, ""), `{"show":"top"}`, backend.StatusBadGateway, "connection refused")
	for d, want := range map[*Datasource][2]string{
		asks(t, gone.URL, ""):  {"connection refused", "let weir run there"},
		asks(t, s.URL, "old"):  {"a token is needed", "make a token of role viewer"},
		asks(t, other.URL, ""): {"it is no weir", "write the URL of a weir's API"},
	} {
		if s, h := checkHealth(t, d); s != backend.HealthStatusError || !strings.Contains(h.Message, want[0]) || !strings.Contains(h.VerboseMessage, want[1]) {
			t.Errorf("%v: %s: %s", s, h.Message, h.VerboseMessage)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := respond(t, ctx, asks(t, s.URL, "secret"), `{"show":"top","where":"bytes 8"}`)
	if r.Error == nil || r.Status != backend.StatusTimeout {
		t.Errorf("%v, status %d", r.Error, r.Status)
	}
	if got := statusOf(errors.Join(context.Canceled)); got != 499 {
		t.Errorf("status of a question that nobody waits for is %d", got)
	}
}

func TestCollectorHealth(t *testing.T) {
	s, h := checkHealth(t, asks(t, recorded(t).URL, "secret"))
	if s != backend.HealthStatusOk || h.Exporters != 3 || h.Decoded != 125 || h.Datagrams != 24 || h.Flows != 3 || h.Newest == nil || h.Listening != nil ||
		!strings.Contains(h.Message, "flows of the last hour: 3; exporters: 3, the newest flow came") {
		t.Errorf("%v: %+v", s, h)
	}
}
