package plugin

import (
	"context"
	"flag"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

var update = flag.Bool("update", false, "write the golden frames anew")

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func testQuery(json string) backend.DataQuery {
	return backend.DataQuery{
		RefID: "A", JSON: []byte(json), Interval: 20 * time.Second, MaxDataPoints: 100,
		TimeRange: backend.TimeRange{From: noon, To: noon.Add(time.Minute)},
	}
}

// Errors tell who wrote the query what to write instead, and are not counted as
// the plugin's.
func TestQueryErrors(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	bad := func(json, want string) {
		t.Helper()
		req := &backend.QueryDataRequest{Queries: []backend.DataQuery{testQuery(json)}}
		r, err := d.QueryData(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		a := r.Responses["A"]
		if a.Error == nil || !strings.Contains(a.Error.Error(), want) || a.ErrorSource != backend.ErrorSourceDownstream || a.Status != backend.StatusBadRequest {
			t.Errorf("%s: %v, source %s, status %d", json, a.Error, a.ErrorSource, a.Status)
		}
	}
	bad(`{"groupBy":["SourceAddr"]}`, `groupBy: no column "SourceAddr": did you mean SrcAddr, `)
	bad(`{"groupBy":["sourceIPv4Adress"]}`, "did you mean sourceIPv4Address, ")
	bad(`{"groupBy":["proto","Proto"]}`, "groupBy: Proto is there twice")
	bad(`{"groupBy":["SrcAddr","DstAddr","SrcPort","DstPort","Proto","InIf","OutIf","SrcAS","DstAS"]}`, "groupBy has 9 columns: write 8 at most")
	bad(`{"type":"pie"}`, `type "pie" is not known: write timeseries, top or flows`)
	bad(`{"metric":"octets"}`, `metric "octets" is not known: write bits, bytes, packets or flows`)
	bad(`{"limit":-1}`, "limit is -1: write a number from 1 to 100")
	bad(`{"type":"flows","limit":100001}`, "limit is 100001: write a number from 1 to 100000")
	bad(`{"filter":"proto tcpp"}`, "filter: column 7: \"tcpp\"")
	bad(`{"filter":"proto tcpp"}`, "\nproto tcpp\n      ^^^^")
	bad(`{"filter":"start > $__now"}`, "macro $__now is not known here")
	bad(`[]`, "query: ")
	bad(`{"question":"top 3 scr"}`, "column 7: ")
	bad(`{"question":"top 3 scr"}`, "\ntop 3 scr\n      ^^^")
	bad(`{"show":"top","where":"port 80 and"}`, "where: column ")
	bad(`{"show":"pie"}`, "show: no question begins with")
	bad(`{"show":"top","format":"pie"}`, `format "pie" is not known`)
	bad(`{"show":"top","by":["src"],"format":"logs"}`, "only flows are shown as logs")
	bad(`{"show":"top","by":["src"],"format":"nodegraph"}`, "a node graph needs two columns")
	bad(`{"show":"flows","format":"sankey"}`, "a Sankey diagram needs columns")
	bad(`{"show":"flows","limit":100001}`, "limit is 100001: write a number from 1 to 100000")
	bad(`{"show":"series","every":"1s","limit":30000}`, "points: ask for fewer groups or longer bins")
}

// Several queries of a request are answered each under its name.
func TestParallelQueries(t *testing.T) {
	d := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	req := &backend.QueryDataRequest{}
	for _, id := range []string{"A", "B", "C", "D", "E", "F"} {
		q := testQuery(`{"type":"top"}`)
		q.RefID = id
		if id == "C" {
			q.JSON = []byte(`{"type":"pie"}`)
		}
		req.Queries = append(req.Queries, q)
	}
	r, err := d.QueryData(t.Context(), req)
	if err != nil || len(r.Responses) != 6 {
		t.Fatal(err, len(r.Responses))
	}
	for id, a := range r.Responses {
		if (a.Error != nil) != (id == "C") {
			t.Errorf("%s: %v", id, a.Error)
		}
	}
}

func TestAlign(t *testing.T) {
	f := func(interval time.Duration, points int64, from, to, wantBin, wantFrom, wantTo time.Duration) {
		t.Helper()
		q := panel{Request: query.Request{From: int64(from), To: int64(to)}}
		q.align(interval, points)
		if q.Bin != int64(wantBin) || q.From != int64(wantFrom) || q.To != int64(wantTo) {
			t.Errorf("bins of %v from %v to %v", time.Duration(q.Bin), time.Duration(q.From), time.Duration(q.To))
		}
	}
	s := time.Second
	f(15*s, 100, 7*s, 61*s, 15*s, 0, 75*s)
	f(0, 0, 60*s, 120*s, s, 60*s, 120*s)                               // no bin below a second
	f(time.Second, 10, 0, 100*s, 10*s, 0, 100*s)                       // no more points than asked for
	f(1500*time.Millisecond, 100, 0, 10*s, 2*s, 0, 10*s)               // whole seconds
	f(s, 1<<40, 0, maxBins*2*s, 2*s, 0, maxBins*2*s)                   // nor more than we bear
	f(20*s, 100, -5*s, 5*s, 20*s, -20*s, 20*s)                         // before 1970
	f(60*s, 100, 3600*s, 3600*s+time.Nanosecond, 60*s, 3600*s, 3660*s) // a bin at least
}

// goldenWindow holds six flows of the minute after noon.
func goldenWindow(t *testing.T) engine.View {
	b := &flow.Batch{}
	dns := b.Strings.Intern([]byte("dns"))
	add := func(src string, proto uint8, from, to time.Duration, bytes uint64, rate uint32, app flow.Str) {
		f := flow.Flow{
			Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets,
				flow.FieldSrcAddr, flow.FieldProto, flow.FieldSrcMAC, flow.FieldAppID),
			Start: noon.Add(from).UnixNano(), End: noon.Add(to).UnixNano(), Received: noon.Add(66 * time.Second).UnixNano(), // all in one datagram
			Bytes: bytes, Packets: bytes / 100, SrcAddr: flow.AddrFrom(netip.MustParseAddr(src)), Proto: proto, SrcMAC: 0x005e00530001, AppID: 3<<56 | 53,
		}
		if rate > 0 {
			f.SamplingRate = rate
			f.Set.Add(flow.FieldSamplingRate)
		}
		if app != 0 {
			f.AppName = app
			f.Set.Add(flow.FieldAppName)
		}
		b.Flows = append(b.Flows, f)
	}
	add("192.0.2.1", 6, 0, 60*time.Second, 6001, 0, 0)
	add("192.0.2.1", 6, 30*time.Second, 30*time.Second, 500, 1, 0)
	add("192.0.2.2", 6, 10*time.Second, 30*time.Second, 100, 10, 0)
	add("2001:db8::1", 17, 19*time.Second, 21*time.Second, 300, 0, dns)
	add("192.0.2.3", 1, 55*time.Second, 65*time.Second, 100, 0, 0) // half of it later
	add("192.0.2.3", 1, -time.Hour, -time.Minute, 1e6, 0, 0)       // all of it before
	f := &b.Flows[0]
	off, d := b.Arena(2*flow.ExtraHeader + 8 + 3)
	flow.PutExtraHeader(d, flow.Element{PEN: 29305, ID: 1}, 8) // reverseOctetDeltaCount
	d[flow.ExtraHeader+7] = 42
	flow.PutExtraHeader(d[flow.ExtraHeader+8:], flow.Element{PEN: 4242, ID: 7}, 3)
	copy(d[2*flow.ExtraHeader+8:], "\x01\x02\x03")
	f.SetExtra(off, uint32(len(d)))
	w := engine.NewWindow(engine.MinLimit, noon.Add(-2*time.Hour))
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return w.View()
}

func TestGolden(t *testing.T) {
	v := goldenWindow(t)
	for name, json := range map[string]string{
		"timeseries":         `{}`,
		"timeseries-grouped": `{"groupBy":["sourceIPv4Address","proto"],"limit":2,"metric":"bytes"}`,
		"timeseries-flows":   `{"groupBy":["app_name"],"metric":"flows"}`,
		"top":                `{"type":"top","groupBy":["SrcAddr"],"limit":2}`,
		"top-total":          `{"type":"top","metric":"packets"}`,
		"flows":              `{"type":"flows","limit":4}`,
	} {
		t.Run(name, func(t *testing.T) {
			q, err := parseQuery(testQuery(json))
			if err != nil {
				t.Fatal(err)
			}
			f, err := q.answer(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			experimental.CheckGoldenJSONFrame(t, "testdata", name, f, *update)
			if q.Type != typeFlows && f.Meta.Type.IsKnownType() == false {
				t.Errorf("frame type %q", f.Meta.Type)
			}
		})
	}
}

// Wide frames are what Grafana's own reader of time series takes.
func TestSeriesSchema(t *testing.T) {
	q, err := parseQuery(testQuery(`{"groupBy":["Proto"]}`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := q.answer(t.Context(), goldenWindow(t))
	if err != nil {
		t.Fatal(err)
	}
	if s := f.TimeSeriesSchema(); s.Type != data.TimeSeriesTypeWide || len(s.ValueIndices) != 3 {
		t.Errorf("%+v", s)
	}
}

// What lies before the window is unknown, what nobody sent in it is zero.
func TestUnknownIsNotZero(t *testing.T) {
	w := engine.NewWindow(engine.MinLimit, noon.Add(20*time.Second))
	q, err := parseQuery(testQuery(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := q.answer(t.Context(), w.View())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true} {
		if v, there := f.Fields[1].ConcreteAt(i); there != want || there && v != 0.0 {
			t.Errorf("bin %d is %v, %v", i, v, there)
		}
	}
	if n := completeness(w.View(), q.From, pipeline.Stats{Dropped: 7}); len(n) != 2 || !strings.Contains(n[0].Text, "complete since 2026-11-24T12:00:20Z") || !strings.Contains(n[1].Text, "7 flows were lost") {
		t.Errorf("%+v", n)
	}
	if n := completeness(w.View(), noon.Add(time.Minute).UnixNano(), pipeline.Stats{}); n != nil {
		t.Errorf("%+v", n)
	}
}

func TestCanceled(t *testing.T) {
	d := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, d)
	sendV5(t, at.Listening[0])
	waitFlows(t, d, 1)
	q := testQuery(`{"type":"top"}`)
	q.TimeRange = backend.TimeRange{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
	if err != nil || r.Responses["A"].Error == nil || r.Responses["A"].ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("%v %+v", err, r)
	}
}

// Where the panel's interval makes more points than it has, bins are such that sums of
// a minute, five or an hour can be had.
func TestBins(t *testing.T) {
	f := func(interval, span time.Duration, points int64, want time.Duration) {
		t.Helper()
		p := panel{Request: query.Request{From: 0, To: int64(span)}}
		if p.align(interval, points); p.Bin != int64(want) {
			t.Errorf("%s of %s with %d points are bins of %s, not %s", interval, span, points, time.Duration(p.Bin), want)
		}
	}
	f(time.Minute, 24*time.Hour, 1000, 2*time.Minute)
	f(time.Minute, 24*time.Hour, 1440, time.Minute)
	f(7*time.Second, time.Hour, 1000, 7*time.Second)
	f(0, 15*time.Minute, 1000, time.Second)
	f(0, 15*time.Minute, 700, 2*time.Second)
	f(0, 30*24*time.Hour, 100, 12*time.Hour)
	f(0, 365*24*time.Hour, 100, 4*24*time.Hour)
	f(90*time.Second, 24*time.Hour, 5000, 90*time.Second)
}
