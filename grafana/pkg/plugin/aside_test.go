package plugin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"
)

// What is asked beside flows is checked, and asked in the panel's range.
func TestParseAside(t *testing.T) {
	f := func(json, want string) {
		t.Helper()
		a, _, err := parse(testQuery(json), noon)
		if err != nil {
			t.Errorf("%s: %v", json, err)
		} else if a.String() != want {
			t.Errorf("%s is %q, want %q", json, a, want)
		}
	}
	const over = "from 2026-11-24T12:00:00Z to 2026-11-24T12:01:00Z"
	f(`{"show":"findings"}`, "findings 100 "+over)
	f(`{"show":"findings","severity":"medium","class":"scan","detector":"d","limit":7,"format":"annotations"}`, "findings 7 "+over+" severity medium class scan detector d")
	f(`{"show":"exporters","format":"table"}`, "exporters")
	f(`{"show":"findings","question":"top 3 src"}`, "top 3 src ip by bytes "+over)
	bad := func(json, want string) {
		t.Helper()
		if _, _, err := parse(testQuery(json), noon); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", json, err)
		}
	}
	bad(`{"show":"findings","severity":"awful"}`, `severity is "awful": write info, low`)
	bad(`{"show":"findings","severity":"unknown"}`, `severity is "unknown"`)
	bad(`{"show":"findings","severity":7}`, "query: ")
	bad(`{"show":"findings","limit":-1}`, "limit is -1: write a number from 1 to 10000")
	bad(`{"show":"findings","limit":10001}`, "limit is 10001")
	bad(`{"show":"findings","format":"sankey"}`, `findings are not shown as "sankey"`)
	bad(`{"show":"exporters","format":"annotations"}`, "only findings are shown as annotations")
	bad(`{"show":"top","format":"annotations"}`, "only findings are shown as annotations")
}

// A collector's findings are a table and marks in graphs. Recorded are two (collector/api).
func TestFindings(t *testing.T) {
	d := asks(t, recorded(t).URL, "secret")
	f := func(name, json string) *data.Frame {
		t.Helper()
		r := respond(t, t.Context(), d, json)
		if r.Error != nil || len(r.Frames) != 1 {
			t.Fatalf("%s: %d frames, %v", json, len(r.Frames), r.Error)
		}
		experimental.CheckGoldenJSONFrame(t, "testdata", name, r.Frames[0], *update)
		return r.Frames[0]
	}
	x := f("findings", `{"show":"findings"}`)
	const want = "time, timeEnd, severity, class, key, confidence [percentunit], detector, explanation, technique, actions, id"
	if got := shown(x); !strings.HasPrefix(got, want+", flows\n12:00:30, 12:01:00, info, ddos.flood, 10.0.0.1 tcp 445, 0.9, scan, 10.0.0.1 <b>is</b> &amp; stays, , look, 3bed94a1a88d542765c32590d6bc29e3, /explore?") {
		t.Errorf("is %s", got)
	}
	// The address is escaped already: without :raw, Grafana escapes its percent signs.
	if links := x.Fields[11].Config.Links; len(links) != 1 || links[0].URL != "${__value.raw:raw}" {
		t.Errorf("links are %v", links)
	}
	// The flows of a finding are those of its hosts in its window.
	at, err := url.Parse(x.Fields[11].At(1).(string))
	if err != nil {
		t.Fatal(err)
	}
	var panes map[string]struct {
		Queries []struct{ Where string }
		Range   struct{ From, To string }
	}
	if err := json.Unmarshal([]byte(at.Query().Get("panes")), &panes); err != nil {
		t.Fatal(err)
	}
	if p := panes["weir"]; p.Queries[0].Where != "ip 10.0.0.1" || p.Range.From != "1795694400000" || p.Range.To != "1795694460000" {
		t.Errorf("%+v", p)
	}
	x = f("findings-annotations", `{"show":"findings","format":"annotations"}`)
	if got := shown(x); got != "time, timeEnd, title, text, tags, id\n"+
		"12:00:30, 12:01:00, info ddos.flood: 10.0.0.1 tcp 445, 10.0.0.1 &lt;b&gt;is&lt;/b&gt; &amp;amp; stays, info,ddos.flood,scan, 3bed94a1a88d542765c32590d6bc29e3\n"+
		"12:00:00, 12:01:00, high scan.horizontal: 10.0.0.1 tcp 445, 10.0.0.1 tries 300 hosts, high,scan.horizontal,scan, f8830c8ac99409981853c195bcc3cf7d" {
		t.Errorf("is %s", got)
	}
}

// A collector is asked for what the panel wants, and what it has more is told.
func TestFindingsAsked(t *testing.T) {
	var asked url.Values
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		one := `{"id":"a","class":"c","severity":"low","start":"2026-11-26T12:00:00Z","end":"2026-11-26T12:01:00Z"}`
		w.Write([]byte(`{"findings":[` + one + "," + one + "," + one + `],"more":40}`))
	}))
	defer s.Close()
	d := asks(t, s.URL, "")
	r := respond(t, t.Context(), d, `{"show":"findings","severity":"low","class":"scan.h","detector":"x y","limit":2}`)
	if r.Error != nil || r.Frames[0].Rows() != 2 || !strings.Contains(notices(r.Frames[0]), "cut: the newest 2 of 42 findings are shown") {
		t.Errorf("%v, %s", r.Error, notices(r.Frames[0]))
	}
	for name, want := range map[string]string{
		"from": "2026-11-26T12:20:00Z", "to": "2026-11-26T12:21:00Z", "severity": "low", "class": "scan.h", "detector": "x y", "limit": "2",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Who listens himself has no findings, and says who has.
func TestFindingsDirect(t *testing.T) {
	d := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	for _, q := range []string{`{"show":"findings"}`, `{"show":"findings","format":"annotations"}`} {
		r := respond(t, t.Context(), d, q)
		if r.Error != nil || r.Frames[0].Rows() != 0 || len(r.Frames[0].Fields) < 6 || !strings.Contains(notices(r.Frames[0]), "findings are kept by a collector") {
			t.Errorf("%s: %v, %s", q, r.Error, notices(r.Frames[0]))
		}
	}
}

// Exporters of a collector, as recorded: by hand from exporters.json.
func TestExporters(t *testing.T) {
	d := asks(t, recorded(t).URL, "secret")
	r := respond(t, t.Context(), d, `{"show":"exporters"}`)
	if r.Error != nil || len(r.Frames) != 1 {
		t.Fatal(r.Error)
	}
	x := r.Frames[0]
	experimental.CheckGoldenJSONFrame(t, "testdata", "exporters", x, *update)
	var names []string
	for _, f := range x.Fields {
		names = append(names, f.Name)
	}
	const want = "address name state protocol flows received missing missing_share unit duplicates waiting undecoded clock_skew last_seen errors warnings advice"
	if got := strings.Join(names, " "); got != want || x.Rows() != 3 {
		t.Errorf("%d rows of %s", x.Rows(), got)
	}
	if a := follow(t, x.Fields[0].Config.Links[0], "127.0.0.5", nil); a.Filter.String() != "exporter ip 127.0.0.5" {
		t.Errorf("an exporter's flows are %s", a)
	}
	if x.Meta.ExecutedQueryString != "exporters" {
		t.Errorf("%+v", x.Meta)
	}
}

// What an exporter's domains have is added up, and the worst comes first.
func TestExporterRow(t *testing.T) {
	text := `{"address":"192.0.2.1","name":"edge","state":"up","last_seen":"2026-11-26T12:00:00Z","domains":[
		{"protocol":"netflow9","state":"silent","clock_skew_seconds":7,"last_seen":"2026-11-26T11:00:00Z","traffic":{"flows":10},
		 "transit":{"unit":"export packets","received":90,"missing":5,"duplicates":1},"inside":{"waiting_octets":100,"undecoded_octets":1},
		 "advice":[{"id":"a","severity":"note","text":"n"},{"id":"b","severity":"warning","text":"w","advice":"do"}]},
		{"protocol":"sflow5","state":"up","clock_skew_seconds":-3,"last_seen":"2026-11-26T12:00:00Z","traffic":{"flows":20},
		 "transit":{"unit":"datagrams","received":100,"missing":5,"duplicates":2},"inside":{"waiting_octets":0,"undecoded_octets":2},
		 "advice":[{"id":"c","severity":"error","text":"e","advice":"now"},{"id":"b","severity":"warning","text":"w","advice":"do"}]},
		{"protocol":"netflow1","state":"up","clock_skew_seconds":1,"last_seen":"2026-11-26T10:00:00Z","traffic":{"flows":1},"transit":{"unit":"none"},"inside":{},"advice":[]}]}`
	var x report
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	got := shown(exportersFrame([]report{x}, ""))
	_, row, _ := strings.Cut(got, "\n")
	const want = "192.0.2.1, edge, up, netflow9, sflow5, netflow1, 31, 190, 10, 5, export packets, datagrams, 3, 100, 3, -3, 12:00:00, 1, 2, error: e → now\nwarning: w → do"
	if row != want {
		t.Errorf("is\n%s\nwant\n%s", row, want)
	}
	if n := crowd(7); len(n) != 1 || n[0].Text != "7 datagrams are of exporters that are not listed: there are more than weir follows" || crowd(0) != nil {
		t.Errorf("%+v", n)
	}
}

// Who listens himself tells of its exporters what a collector does.
func TestExportersDirect(t *testing.T) {
	d := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	if r := respond(t, t.Context(), d, `{"show":"exporters"}`); r.Error != nil || r.Frames[0].Rows() != 0 || len(r.Frames[0].Fields) != 17 {
		t.Fatalf("%v, %s", r.Error, shown(r.Frames[0]))
	}
	_, at := checkHealth(t, d)
	sendV5(t, at.Listening[0])
	waitFlows(t, d, 1)
	r := respond(t, t.Context(), d, `{"show":"exporters"}`)
	if r.Error != nil || r.Frames[0].Rows() != 1 {
		t.Fatalf("%v, %s", r.Error, shown(r.Frames[0]))
	}
	x := r.Frames[0]
	row := rowOf(x, 0)
	if row["address"] != "127.0.0.1" || row["state"] != "up" || row["protocol"] != "netflow5" || row["unit"] != "flows" ||
		!strings.Contains(row["advice"], "warning: the sampling rate of 100 % of its flows is not known") || strings.Contains(row["advice"], "NetFlow v5 can't tell") {
		t.Errorf("%+v", row)
	}
	for name, want := range map[string]any{"flows": 1.0, "received": 1.0, "missing": 0.0, "missing_share": 0.0, "duplicates": 0.0, "waiting": 0.0, "undecoded": 0.0, "errors": 0.0} {
		f, _ := x.FieldByName(name)
		if got, _ := f.ConcreteAt(0); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if f, _ := x.FieldByName("last_seen"); time.Since(f.At(0).(time.Time)) > time.Minute {
		t.Errorf("last seen %v", f.At(0))
	}
}

// What is asked beside flows goes on live as other answers do.
func TestAsideLive(t *testing.T) {
	d := asks(t, recorded(t).URL, "secret")
	r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{officeQuery(`{"show":"exporters","live":true}`)}})
	if err != nil || r.Responses["A"].Error != nil {
		t.Fatal(err, r.Responses["A"].Error)
	}
	if f := r.Responses["A"].Frames[0]; f.Rows() != 3 || !strings.HasPrefix(f.Meta.Channel, "ds/c/tail/") || f.Meta.Custom != (liveCustom{liveReplace}) {
		t.Errorf("%+v", f.Meta)
	}
}
