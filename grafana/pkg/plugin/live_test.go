package plugin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirflow/weir/grafana/drive"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// packets gets what a stream sends.
type packets struct {
	drive.Frames
	got chan *data.Frame
}

func (p *packets) Send(x *backend.StreamPacket) error {
	f, err := p.Read(x.Data)
	if err == nil {
		p.got <- f
	}
	return err
}

// next returns the next frame for which ok holds.
func (p *packets) next(t *testing.T, ok func(*data.Frame) bool) *data.Frame {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case f := <-p.got:
			if ok(f) {
				return f
			}
		case <-late:
			t.Fatal("no such frame comes")
		}
	}
}

// rows waits for the next frame with rows.
func (p *packets) rows(t *testing.T) *data.Frame {
	t.Helper()
	return p.next(t, func(f *data.Frame) bool { return f.Rows() > 0 })
}

var aPlugin = ofOrg(7)

func ofOrg(id int64) (c backend.PluginContext) {
	//lint:ignore SA1019 see orgOf
	c.OrgID = id
	return c
}

// goOn asks live, and returns the first frames and the path of the channel.
func goOn(t *testing.T, d *Datasource, q backend.DataQuery) ([]*data.Frame, string) {
	t.Helper()
	r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: aPlugin, Queries: []backend.DataQuery{q}})
	if err != nil || r.Responses["A"].Error != nil {
		t.Fatal(err, r.Responses["A"].Error)
	}
	f := r.Responses["A"].Frames
	path, ok := strings.CutPrefix(f[0].Meta.Channel, "ds/"+d.uid+"/")
	if !ok || !strings.HasPrefix(path, "tail/7/") {
		t.Fatalf("channel is %q", f[0].Meta.Channel)
	}
	return f, path
}

// run lets a stream run until the test ends.
func run(t *testing.T, d *Datasource, path string) *packets {
	t.Helper()
	p := &packets{got: make(chan *data.Frame, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		err := d.RunStream(ctx, &backend.RunStreamRequest{PluginContext: aPlugin, Path: path}, backend.NewStreamSender(p))
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return p
}

func liveQueryOf(json string) backend.DataQuery {
	q := testQuery(json)
	q.TimeRange.To = time.Now()
	q.TimeRange.From = q.TimeRange.To.Add(-time.Hour)
	return q
}

// Who subscribes must be of the organisation that has asked; nobody publishes.
func TestLivePaths(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	_, path := goOn(t, d, liveQueryOf(`{"show":"flows","live":true}`))
	f := func(d *Datasource, org int64, path string, want backend.SubscribeStreamStatus) {
		t.Helper()
		r, err := d.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{PluginContext: ofOrg(org), Path: path})
		if err != nil || r.Status != want {
			t.Errorf("%s for organisation %d: %v %v", path, org, r, err)
		}
	}
	f(d, 7, path, backend.SubscribeStreamStatusOK)
	f(d, 7, path+".1", backend.SubscribeStreamStatusOK)
	f(d, 8, path, backend.SubscribeStreamStatusPermissionDenied)
	f(d, 8, strings.Replace(path, "/7/", "/8/", 1), backend.SubscribeStreamStatusNotFound)
	f(d, 7, path[:len(path)-1], backend.SubscribeStreamStatusNotFound)
	f(d, 7, "tail/7", backend.SubscribeStreamStatusNotFound)
	f(d, 7, "tail/x/y", backend.SubscribeStreamStatusNotFound)
	f(d, 7, path+".x", backend.SubscribeStreamStatusNotFound)
	f(h.test(t, "other", "127.0.0.1:0", 8), 7, path, backend.SubscribeStreamStatusNotFound)

	r, err := d.PublishStream(t.Context(), &backend.PublishStreamRequest{PluginContext: aPlugin, Path: path})
	if err != nil || r.Status != backend.PublishStreamStatusPermissionDenied {
		t.Errorf("%v %v", r, err)
	}
	refused := func(path string, want codes.Code) {
		t.Helper()
		err := d.RunStream(t.Context(), &backend.RunStreamRequest{PluginContext: aPlugin, Path: path}, backend.NewStreamSender(&packets{}))
		if status.Code(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	refused(strings.Replace(path, "/7/", "/8/", 1), codes.PermissionDenied)
	refused("tail/7/00", codes.NotFound)

	// The name doesn't change when the panel refreshes, nor with what is no question.
	again := liveQueryOf(`{"live":true,"refId":"B","hide":false,"editor":"code","show":"flows"}`)
	if _, other := goOn(t, d, again); other != path {
		t.Errorf("the same question has paths %s and %s", path, other)
	}
	if _, other := goOn(t, d, liveQueryOf(`{"show":"flows","live":true,"where":"proto tcp"}`)); other == path {
		t.Error("different questions have the same path")
	}
}

// Questions that nobody watches make room, those of other organisations and of
// streams don't.
func TestLiveKept(t *testing.T) {
	l := &liveQueries{}
	key := func(org int64, n int) liveKey { return liveKey{org, "u", fmt.Sprint(n)} }
	l.keep(key(1, 0), &liveQuery{})
	l.keep(key(1, 1), &liveQuery{})
	l.keep(key(2, 0), &liveQuery{})
	_, done, err := l.run(key(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n < mostKept+2; n++ {
		l.keep(key(1, n), &liveQuery{})
	}
	if len(l.all) != mostKept+2 || !l.known(key(1, 0)) || l.known(key(1, 1)) || !l.known(key(1, 2)) || !l.known(key(2, 0)) {
		t.Errorf("%d are kept", len(l.all))
	}
	done()
	for range mostStreams {
		if _, _, err := l.run(key(2, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := l.run(key(1, 0)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one more stream: %v", err)
	}
}

// Flows are shown as they come, if they match.
func TestTail(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, d)
	sendV5(t, at.Listening[0])
	waitFlows(t, d, 1)

	first, path := goOn(t, d, liveQueryOf(`{"show":"flows","live":true,"where":"bytes = 100"}`))
	if first[0].Rows() != 1 || first[0].Meta.Custom != (liveCustom{liveAppend}) {
		t.Errorf("begins as %s, %v", shown(first[0]), first[0].Meta.Custom)
	}
	_, none := goOn(t, d, liveQueryOf(`{"show":"flows","live":true,"where":"bytes = 101"}`))
	_, log := goOn(t, d, liveQueryOf(`{"show":"flows","live":true,"format":"logs"}`))
	all, nothing, lines := run(t, d, path), run(t, d, none), run(t, d, log)
	names := func(f *data.Frame) (all []string) {
		for _, x := range f.Fields {
			all = append(all, x.Name+" "+x.Type().String())
		}
		return all
	}
	for _, p := range []*packets{all, nothing, lines} {
		f := p.next(t, func(*data.Frame) bool { return true })
		if f.Rows() != 0 {
			t.Errorf("begins with %s", shown(f))
		}
		if p != lines && !slices.Equal(names(f), names(first[0])) {
			t.Errorf("fields are %v, of the first frame %v", names(f), names(first[0]))
		}
	}
	sendV5(t, at.Listening[0])
	f := all.rows(t)
	if b, _ := f.FieldByName("bytes"); f.Rows() != 1 || b == nil || *b.At(0).(*float64) != 100 {
		t.Errorf("the flow is %s", shown(f))
	}
	if f := lines.rows(t); f.Rows() != 1 || f.Meta.Type != data.FrameTypeLogLines || !strings.Contains(shown(f), "bytes=100") {
		t.Errorf("the line is %s", shown(f))
	}
	sendV5(t, at.Listening[0])
	all.rows(t)
	select {
	case f := <-nothing.got:
		t.Errorf("shown is %s", shown(f))
	default:
	}
}

// A stream that is not read as fast as flows come is told how many it misses, and
// holds nothing up.
func TestTailMisses(t *testing.T) {
	x := newCatch(nil)
	b := &flow.Batch{}
	for i := range b.Grow(mostCaught + 50) {
		b.Flows[i] = flow.Flow{Bytes: uint64(i), AppName: b.Strings.Intern(fmt.Appendf(nil, "app %d", i))}
		b.Flows[i].Set.Add(flow.FieldBytes)
		b.Flows[i].Set.Add(flow.FieldAppName)
	}
	x.take(b)
	x.take(b)
	if err := x.line([]byte(`{"bytes":1}`)); err != nil {
		t.Error(err)
	}
	if err := x.line([]byte(`{"weir":{"missed":9}}`)); err != nil {
		t.Error(err)
	}
	want := uint64(50 + mostCaught + 50 + 1 + 9)
	got, told := x.swap(&flow.Batch{})
	if len(got.Flows) != mostCaught || told.missed != want || string(got.Strings.Get(got.Flows[7].AppName)) != "app 7" {
		t.Errorf("%d flows, %+v", len(got.Flows), told)
	}
	x.overlook(5)
	if _, told := x.swap(&flow.Batch{}); told.missed != want+5 {
		t.Errorf("%+v", told)
	}
	filter, err := query.Parse("bytes < 3")
	if err != nil {
		t.Fatal(err)
	}
	x = newCatch(filter)
	x.take(b)
	x.overlook(5)
	got, told = x.swap(&flow.Batch{})
	if len(got.Flows) != 3 || told.missed != 0 || told.unseen != 5 || len(told.notices()) != 1 {
		t.Errorf("%d flows, %+v", len(got.Flows), told)
	}
}

// A whole answer comes again each second.
func TestRenew(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, d)
	_, path := goOn(t, d, liveQueryOf(`{"show":"top","live":true,"metrics":["flows"],"where":"bytes = 100","previous":true}`))
	p := run(t, d, path)
	flows := func(n float64) func(f *data.Frame) bool {
		return func(f *data.Frame) bool {
			x, _ := f.FieldByName("flows")
			if x == nil {
				t.Fatalf("shown is %s", shown(f))
			}
			return *x.At(0).(*float64) == n
		}
	}
	p.next(t, flows(0))
	sendV5(t, at.Listening[0])
	p.next(t, flows(1))
	sendV5(t, at.Listening[0])
	p.next(t, flows(2))
}

// What a collector streams is shown as what the plugin itself hears; when it goes away
// the stream says so, and goes on once it is back.
func TestCollectorTail(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	lines := make(chan string)
	m := http.NewServeMux()
	answers := recorded(t)
	m.HandleFunc("GET /api/v1/flows/tail", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("Authorization"))
		mu.Unlock()
		w.(http.Flusher).Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case line := <-lines:
				if line == "" {
					return
				}
				fmt.Fprintln(w, line)
				w.(http.Flusher).Flush()
			}
		}
	})
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { answers.Config.Handler.ServeHTTP(w, r) })
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	d := asks(t, s.URL, "secret")
	q := officeQuery(`{"show":"flows","limit":2,"live":true}`)
	first, path := goOn(t, d, q)
	if first[0].Rows() != 2 {
		t.Errorf("begins as %s", shown(first[0]))
	}
	p := run(t, d, path)
	lines <- `{"start":1700000000123456789,"proto":6,"src_addr":"192.0.2.1","src_port":80,"tcp_flags":18,"app_name":"a \"b\"","src_mac":"00:00:00:00:30:39","app_id":"3:80","someElement":[1],"bytes":9}`
	f := p.rows(t)
	if got := shown(f); !strings.Contains(got, "22:13:20") || !strings.Contains(got, "tcp, 192.0.2.1, 80") || !strings.Contains(got, "SA") || !strings.Contains(got, `a "b"`) {
		t.Errorf("the flow is %s", got)
	}
	lines <- `{"weir":{"missed":3}}`
	f = p.next(t, func(f *data.Frame) bool { return f.Meta != nil && len(f.Meta.Notices) > 0 })
	if got := notices(f); !strings.Contains(got, "3 flows came faster") {
		t.Errorf("notices are %s", got)
	}
	lines <- "" // the collector goes away
	p.next(t, func(f *data.Frame) bool { return strings.Contains(notices(f), "unexpected EOF") })
	f = p.next(t, func(f *data.Frame) bool { return !strings.Contains(notices(f), "unexpected EOF") })
	if got := notices(f); !strings.Contains(got, "3 flows came faster") {
		t.Errorf("notices are %s", got)
	}
	lines <- `{"bytes":10}`
	p.rows(t)
	lines <- `{"bytes":"x"}`
	p.next(t, func(f *data.Frame) bool { return strings.Contains(notices(f), `bytes is "x"`) })
	mu.Lock()
	defer mu.Unlock()
	if len(asked) < 2 || asked[0] != "notes=true&profile=flat Bearer secret" {
		t.Errorf("asked %q", asked)
	}
}

// An address that is no port of ours any more ends the stream of settings that were
// changed; Grafana begins it again with the new ones.
func TestTailEndsWithSettings(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	_, path := goOn(t, d, liveQueryOf(`{"show":"top","live":true}`))
	d.Dispose()
	err := d.RunStream(t.Context(), &backend.RunStreamRequest{PluginContext: aPlugin, Path: path}, backend.NewStreamSender(&packets{}))
	if err == nil || !strings.Contains(err.Error(), "settings have changed") {
		t.Errorf("ended with %v", err)
	}
	next := h.test(t, "u", "127.0.0.1:0", 8)
	run(t, next, path).next(t, func(*data.Frame) bool { return true })
}

func TestSetColumn(t *testing.T) {
	x := newCatch(nil)
	bad := func(line string) {
		t.Helper()
		if err := x.line([]byte(line)); err == nil {
			t.Errorf("%s is taken", line)
		}
	}
	bad(`{"src_addr":"nonsense"}`)
	bad(`{"src_port":65536}`)
	bad(`{"bytes":-1}`)
	bad(`{"src_mac":"00:01"}`)
	bad(`{"app_id":"x:1"}`)
	bad(`{"app_id":"1:x"}`)
	bad(`{"start":"now"}`)
	bad(`{"app_name":[]}`)
	bad(`{"weir":3}`)
	bad(`[]`)
	if got, _ := x.swap(&flow.Batch{}); len(got.Flows) != 0 {
		t.Errorf("%d flows", len(got.Flows))
	}
	if err := x.line([]byte(`{"app_id":"3:80","src_mac":"00:00:00:00:30:39","start":-1,"exporter":"2001:db8::1"}`)); err != nil {
		t.Fatal(err)
	}
	got, _ := x.swap(&flow.Batch{})
	f := got.Flows[0]
	if f.AppID != 3<<56|80 || f.SrcMAC != 12345 || f.Start != -1 || f.Exporter != flow.AddrFrom(netip.MustParseAddr("2001:db8::1")) {
		t.Errorf("%+v", f)
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 1000: 30 * time.Second} {
		if got := backoff(n); got != want {
			t.Errorf("after %d failures %s, not %s", n, got, want)
		}
	}
}

// Lines of what was denied or dropped are warnings, by name or by number.
func TestSeverity(t *testing.T) {
	text := func(s string) query.Cell { return query.Cell{Kind: query.TextCell, Text: s} }
	f := func(event, status query.Cell, want string) {
		t.Helper()
		if got := severityOf(event, status); got != want {
			t.Errorf("%s, %s is %s", event, status, got)
		}
	}
	f(query.Cell{}, query.Cell{}, "info")
	f(text("created"), text("64"), "info")
	f(text("denied"), query.Cell{}, "warning")
	f(query.Cell{}, text("130"), "warning")
	f(query.Cell{}, text("dropped"), "warning")
	f(query.Cell{}, text("192"), "info")
}
