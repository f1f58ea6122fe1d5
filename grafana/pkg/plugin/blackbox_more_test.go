package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirflow/weir/grafana/drive"
	"github.com/weirflow/weir/shared/flowtest"
)

// goOn asks live, and begins the stream.
func (g *grafana) goOn(t *testing.T, q backend.DataQuery) (first *data.Frame, s *drive.Stream, end context.CancelFunc) {
	t.Helper()
	r := g.ask(t, q)[q.RefID]
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	path, ok := strings.CutPrefix(r.Frames[0].Meta.Channel, "ds/"+g.context.DataSourceInstanceSettings.UID+"/")
	if !ok {
		t.Fatalf("channel is %q", r.Frames[0].Meta.Channel)
	}
	may, err := g.Subscribe(t.Context(), &backend.SubscribeStreamRequest{PluginContext: g.context, Path: path})
	if err != nil || may.Status != backend.SubscribeStreamStatusOK {
		t.Fatal(may, err)
	}
	ctx, end := context.WithCancel(t.Context())
	if s, err = g.Run(ctx, &backend.RunStreamRequest{PluginContext: g.context, Path: path}); err != nil {
		t.Fatal(err)
	}
	return r.Frames[0], s, end
}

// await returns the next frame for which ok holds.
func await(t *testing.T, s *drive.Stream, ok func(*data.Frame) bool) *data.Frame {
	t.Helper()
	for range 100 {
		f, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok(f) {
			return f
		}
	}
	t.Fatal("no such frame comes")
	return nil
}

// Flows and whole answers go on until nobody watches.
func binaryStreams(t *testing.T, bin string) {
	g := startBinary(t, bin)
	_, h := checkHealth(t, g)
	to := h.Listening[1]
	_, tail, end := g.goOn(t, liveQueryOf(`{"show":"flows","live":true,"where":"bytes = 100"}`))
	_, log, _ := g.goOn(t, liveQueryOf(`{"question":"flows 10 where not bytes 101","format":"logs","live":true}`))
	_, top, _ := g.goOn(t, liveQueryOf(`{"show":"top","by":["src"],"metrics":["flows"],"live":true}`))
	_, none, _ := g.goOn(t, liveQueryOf(`{"show":"flows","live":true,"where":"bytes = 99"}`))
	await(t, tail, func(f *data.Frame) bool { return f.Rows() == 0 && f.Meta.Custom != nil })
	await(t, log, func(f *data.Frame) bool { return f.Rows() == 0 })
	await(t, none, func(f *data.Frame) bool { return f.Rows() == 0 })

	sendV5(t, to)
	f := await(t, tail, func(f *data.Frame) bool { return f.Rows() > 0 })
	if f.Rows() != 1 {
		t.Errorf("the flow is %s", shown(f))
	}
	if f = await(t, log, func(f *data.Frame) bool { return f.Rows() > 0 }); f.Meta.Type != data.FrameTypeLogLines {
		t.Errorf("the line is %s", shown(f))
	}
	await(t, top, func(f *data.Frame) bool {
		n, _ := f.FieldByName("flows")
		return n != nil && n.Len() == 1 && *n.At(0).(*float64) == 1
	})
	metrics, err := g.Metrics(t.Context())
	if err != nil || !strings.Contains(metrics, "weir_streams 4") || !strings.Contains(metrics, "weir_window_flows{") || !strings.Contains(metrics, "grafana_plugin_request_total") {
		t.Errorf("%v\n%s", err, metrics)
	}
	end()
	for err = nil; err == nil; {
		_, err = tail.Next()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("ended with %v", err)
	}
	for range 200 {
		if metrics, _ = g.Metrics(t.Context()); strings.Contains(metrics, "weir_streams 3") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(metrics, "weir_streams 3") {
		t.Error("the stream goes on")
	}
}

// An organisation sees its own streams only.
func binaryOrganisations(t *testing.T, bin string) {
	g := startBinary(t, bin)
	first, _, _ := g.goOn(t, liveQueryOf(`{"show":"flows","live":true}`))
	path := strings.TrimPrefix(first.Meta.Channel, "ds/flows/")
	other := *g
	other.context = ofOrg(8)
	other.context.PluginID, other.context.DataSourceInstanceSettings = ID, g.context.DataSourceInstanceSettings
	may, err := other.Subscribe(t.Context(), &backend.SubscribeStreamRequest{PluginContext: other.context, Path: path})
	if err != nil || may.Status != backend.SubscribeStreamStatusPermissionDenied {
		t.Error(may, err)
	}
	if may, err = g.Subscribe(t.Context(), &backend.SubscribeStreamRequest{PluginContext: g.context, Path: path + "0"}); err != nil || may.Status != backend.SubscribeStreamStatusNotFound {
		t.Error(may, err)
	}
	wrote, err := g.Publish(t.Context(), &backend.PublishStreamRequest{PluginContext: g.context, Path: path, Data: []byte("{}")})
	if err != nil || wrote.Status != backend.PublishStreamStatusPermissionDenied {
		t.Error(wrote, err)
	}
	s, err := other.Run(t.Context(), &backend.RunStreamRequest{PluginContext: other.context, Path: path})
	if err == nil {
		_, err = s.Next()
	}
	if status.Code(err) != codes.PermissionDenied {
		t.Error(err)
	}
}

// Settings that are saved leave port and window, and what runs goes on.
func binarySaved(t *testing.T, bin string) {
	at := free(t).String()
	g := startBinary(t, bin).saved(`{"listen":"` + at + `","window_mb":8}`)
	_, before := checkHealth(t, g)
	to := netip.MustParseAddrPort(at)
	sendV5(t, to)
	waitFlows(t, g, 1)
	g = g.saved(`{"listen":"` + at + `","window_mb":16}`)
	s, after := checkHealth(t, g)
	if s != backend.HealthStatusOk || after.Flows != 1 || after.WindowLimit != 16<<20 || !after.Since.Equal(before.Since) {
		t.Errorf("%v: %+v", s, after)
	}
	time.Sleep(6 * time.Second) // the SDK disposes of the last instance
	sendV5(t, to)
	waitFlows(t, g, 2)
	if s, h := checkHealth(t, g.saved(`{"window_mb":1}`)); s != backend.HealthStatusError || !strings.Contains(h.Message, "window_mb is 1") {
		t.Errorf("%v: %s", s, h.Message)
	}
	if s, h := checkHealth(t, g.saved(`{"listen":7}`)); s != backend.HealthStatusError || !strings.Contains(h.Message, "settings: ") {
		t.Errorf("%v: %s", s, h.Message)
	}
	waitFlows(t, g.saved(`{"listen":"`+at+`"}`), 2)
}

// A process that is started again has the port; data waits for its templates then,
// and none of it is lost when they come.
func binaryRestarted(t *testing.T, bin string) {
	at := free(t).String()
	jsonData := `{"listen":"` + at + `"}`
	c, err := net.Dial("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	set := flowtest.New(1).Data(260, 3, flowtest.Twenty)
	send := func(set []byte) {
		t.Helper()
		if _, err := c.Write(flowtest.Packet(10, 5, set)); err != nil {
			t.Fatal(err)
		}
	}
	template := flowtest.Template(10, 260, flowtest.Twenty)
	g := startBinary(t, bin).saved(jsonData)
	checkHealth(t, g)
	send(template)
	send(set)
	waitFlows(t, g, 3)
	g.Kill()
	g = startBinary(t, bin).saved(jsonData)
	if s, h := checkHealth(t, g); s != backend.HealthStatusOk || h.Flows != 0 {
		t.Fatalf("%v: %+v", s, h)
	}
	send(set)
	var h health
	for range 500 {
		if _, h = checkHealth(t, g); len(h.Templates) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(h.Templates) != 1 || h.Templates[0].Domain != 5 || !strings.Contains(h.Message, "data waits for its template, of 127.0.0.1 (IPFIX, domain 5)") {
		t.Errorf("%+v", h)
	}
	send(template)
	waitFlows(t, g, 3)
	if _, h := checkHealth(t, g); len(h.Templates) != 0 || h.WaitingOctets != 0 {
		t.Errorf("%+v", h)
	}
}

// What Grafana's administrator has set is listened on before anybody asks.
func binaryAdministered(t *testing.T, bin string) {
	at := free(t)
	g := startBinary(t, bin, "GF_PLUGIN_LISTEN=udp://"+at.String(), "GF_PLUGIN_WINDOW_MB=8")
	heard := `weir_datagrams_total{listen="` + at.String() + `"} `
	for range 200 {
		sendV5(t, at)
		metrics, err := g.Metrics(t.Context())
		if err != nil || !strings.Contains(metrics, heard) {
			t.Fatalf("%v\n%s", err, metrics)
		}
		if !strings.Contains(metrics, heard+"0\n") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s, h := checkHealth(t, g.saved(`{"listen":""}`)); s != backend.HealthStatusOk || h.Datagrams == 0 || h.WindowLimit != 8<<20 {
		t.Errorf("%v: %+v", s, h)
	}
}

// A query that nobody waits for ends in the collector, too; others go on meanwhile.
func binaryCancelled(t *testing.T, bin string) {
	g := startBinary(t, bin)
	began, ended := make(chan bool, 9), make(chan bool, 9)
	answers := recorded(t)
	m := http.NewServeMux()
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "query") {
			body := make([]byte, r.ContentLength)
			if n, _ := r.Body.Read(body); strings.Contains(string(body[:n]), "bytes 8") {
				began <- true
				<-r.Context().Done()
				ended <- true
				return
			}
		}
		answers.Config.Handler.ServeHTTP(w, r)
	})
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	weir := g.with(t, map[string]string{"mode": "collector", "url": s.URL})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		r, err := weir.QueryData(ctx, &backend.QueryDataRequest{PluginContext: weir.context, Queries: []backend.DataQuery{officeQuery(`{"show":"top","where":"bytes 8"}`)}})
		if err == nil {
			err = errors.Join(r.Responses["A"].Error, errors.New("answered"))
		}
		failed <- err
	}()
	<-began
	if _, h := checkHealth(t, g); len(h.Listening) != 2 {
		t.Errorf("%+v", h)
	}
	cancel()
	if err := <-failed; status.Code(err) != codes.Canceled {
		t.Errorf("ended with %v", err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the collector goes on")
	}
}

// A panel's questions are answered side by side, each by its own fault; none is the
// plugin's.
func binaryErrors(t *testing.T, bin string) {
	g := startBinary(t, bin)
	checkHealth(t, g)
	var queries []backend.DataQuery
	for i, text := range []string{
		`{"show":"series","every":"1min"}`, `{"show":"top","by":["src"]}`, `{"question":"matrix src x dst by bytes"}`, `{"question":"count src"}`,
		`{"show":"flows"}`, `{"show":"conversations"}`, `{"show":"flows","format":"logs"}`, `{"show":"top","by":["pair"],"format":"nodegraph"}`,
		`{"show":"top","by":["src","dst"],"format":"sankey"}`, `{"show":"series","every":"1min","format":"table"}`,
		`{"show":"series","by":["proto"],"every":"1min","format":"heatmap"}`, `{"show":"top","by":["src country"],"format":"geo"}`,
		`{"show":"findings"}`, `{"show":"findings","format":"annotations"}`, `{"show":"exporters"}`,
	} {
		q := liveQueryOf(text)
		q.RefID = fmt.Sprint("good ", i)
		queries = append(queries, q)
	}
	for i, text := range []string{`{"question":"top 3 scr"}`, `{"show":"top","where":"src net"}`, `{"show":"nothing"}`, `{"show":"flows","format":"nonsense"}`, `7`} {
		q := liveQueryOf(text)
		q.RefID = fmt.Sprint("bad ", i)
		queries = append(queries, q)
	}
	all := g.ask(t, queries...)
	if len(all) != len(queries) {
		t.Errorf("%d answers to %d questions", len(all), len(queries))
	}
	for ref, r := range all {
		switch bad := strings.HasPrefix(ref, "bad"); {
		case bad && (r.Error == nil || r.Status != backend.StatusBadRequest || r.ErrorSource != backend.ErrorSourceDownstream):
			t.Errorf("%s: %v, status %d of %s", ref, r.Error, r.Status, r.ErrorSource)
		case !bad && (r.Error != nil || len(r.Frames) == 0):
			t.Errorf("%s: %v", ref, r.Error)
		}
	}
	gone := g.with(t, map[string]string{"mode": "collector", "url": "http://127.0.0.1:1"})
	r := gone.ask(t, officeQuery(`{"show":"top"}`))["A"]
	if r.Error == nil || r.Status != backend.StatusBadGateway || r.ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("%v, status %d of %s", r.Error, r.Status, r.ErrorSource)
	}
}
