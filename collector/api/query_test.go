package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A fakeStore has an answer of the right form to each question: two groups, the
// first with all values 600, the second lacking its keys, with 60.
type fakeStore struct {
	err   error
	stall bool // until ctx ends
	asked atomic.Int32
	over  [2]int64 // of Values
	ended chan error
}

func (x *fakeStore) Query(ctx context.Context, r *query.Request) (*query.Answer, error) {
	x.asked.Add(1)
	if x.stall {
		<-ctx.Done()
		x.ended <- ctx.Err()
		return nil, ctx.Err()
	}
	if x.err != nil {
		return nil, x.err
	}
	a := &query.Answer{Flows: 3, Unknown: 1, Sampled: 1, Scanned: 3, Coverage: query.Coverage{Known: true, Records: 9, Missing: 1}}
	switch r.Shape {
	case query.Flows:
		for i := range a.Batch.Grow(2) {
			f := &a.Batch.Flows[i]
			*f = flow.Flow{Bytes: uint64(i), SrcAddr: flow.AddrFrom(netip.MustParseAddr("192.0.2.1")), Start: r.From, Set: flow.SetOf(flow.FieldBytes, flow.FieldSrcAddr, flow.FieldStart)}
		}
	case query.Conversations:
		a.Conversations = []query.Conversation{{Proto: 6, Start: r.From, End: r.To, Bytes: [2]uint64{1, 2}}}
	default:
		for i, n := range []uint64{600, 60} {
			g := query.Group{Samples: 100}
			for range r.By {
				g.Key = append(g.Key, query.Key{Missing: i > 0, Uint: 6, Addr: flow.AddrFrom(netip.MustParseAddr("192.0.2.1"))})
			}
			for range r.Metrics {
				g.Values, g.In, g.Out = append(g.Values, n), append(g.In, n), append(g.Out, 0)
				if r.Series {
					bins := make([]uint64, r.Bins())
					bins[0] = n
					g.Bins = append(g.Bins, bins)
				}
			}
			if a.Groups = append(a.Groups, g); len(r.By) == 0 {
				break
			}
		}
		a.Total = a.Groups[0].Values
	}
	return a, nil
}

func (x *fakeStore) Values(ctx context.Context, field flow.Field, prefix string, from, to int64, limit int) ([]string, error) {
	x.over = [2]int64{from, to}
	if x.err != nil {
		return nil, x.err
	}
	return []string{prefix + flow.Fields[field].Flat, prefix + "z"}[:min(2, limit)], nil
}

// asking starts a daemon with a store, at half past twelve.
func asking(t *testing.T, x *fakeStore) *daemon {
	return start(t, func(_ *Config, deps *Deps) {
		deps.Store = x
		deps.Now = func() time.Time { return time.Date(2026, 11, 26, 12, 30, 0, 0, time.UTC) }
	})
}

func (d *daemon) client() *Client { return &Client{URL: d.URL(), Token: d.token} }

func TestQuery(t *testing.T) {
	d := asking(t, &fakeStore{})
	// 600 octets in 10 minutes.
	got, err := d.client().Table(t.Context(), &query.Asked{Question: "top 2 src, proto by bytes last 10min"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got.Question != "top 2 src ip, proto by bytes from 2026-11-26T12:20:00Z to 2026-11-26T12:30:00Z" {
		t.Errorf("question is %s", got.Question)
	}
	var rows []string
	for _, row := range got.Rows {
		var cells []string
		for _, c := range row {
			cells = append(cells, c.String())
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	if want := []string{"192.0.2.1 tcp 600 1 100 19.6", "  60 0.1 10 19.6"}; !slices.Equal(rows, want) {
		t.Errorf("rows are %q, want %q", rows, want)
	}
	if got.Complete == nil || got.Complete.Share != 0.9 {
		t.Errorf("completeness is %+v", got.Complete)
	}
	f := func(format, want string) {
		t.Helper()
		body, err := d.client().Query(t.Context(), &query.Asked{Question: "series 2 proto by bytes from 12:20 to 12:22 every 1min"}, format, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		text, err := io.ReadAll(body)
		if err != nil || string(text) != want {
			t.Errorf("%s is %s, %v; want %s", format, text, err, want)
		}
	}
	f("csv", "time,proto,bytes\n2026-11-26T12:20:00Z,tcp,10\n2026-11-26T12:21:00Z,tcp,0\n2026-11-26T12:20:00Z,,1\n2026-11-26T12:21:00Z,,0\n")
	f("ndjson", `{"time":"2026-11-26T12:20:00Z","proto":"tcp","bytes":10}
{"time":"2026-11-26T12:21:00Z","proto":"tcp","bytes":0}
{"time":"2026-11-26T12:20:00Z","bytes":1}
{"time":"2026-11-26T12:21:00Z","bytes":0}
`)
}

// An Arrow stream has what CSV has, the units, and what is to be known of the
// answer.
func TestQueryArrow(t *testing.T) {
	d := asking(t, &fakeStore{})
	for _, q := range []string{"top as, proto by bits, packets both", "series in_if by bytes", "flows", "conversations", "top by distinct src"} {
		r, err := http.NewRequest("GET", d.URL()+"/api/v1/query?q="+url.QueryEscape(q), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html, "+typeArrow+";q=0.9")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		in, err := ipc.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %s: %v", q, w.Status, err)
		}
		var got [][]string
		var names []string
		for _, f := range in.Schema().Fields() {
			names = append(names, f.Name)
		}
		got = append(got, names)
		for in.Next() {
			batch := in.RecordBatch()
			for i := range int(batch.NumRows()) {
				var row []string
				for j := range int(batch.NumCols()) {
					c := batch.Column(j)
					switch x := c.(type) {
					case *array.Timestamp:
						row = append(row, time.Unix(0, int64(x.Value(i))).UTC().Format(time.RFC3339Nano))
					default:
						row = append(row, strings.TrimPrefix(c.ValueStr(i), array.NullValueStr))
					}
				}
				got = append(got, row)
			}
		}
		if in.Err() != nil {
			t.Errorf("%s: %v", q, in.Err())
		}
		_, text := d.ask(t, "GET", "/api/v1/query?format=csv&q="+url.QueryEscape(q), "")
		want, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Arrow has %v, CSV %v", q, got, want)
		}
		meta := in.Schema().Metadata()
		about, _ := meta.GetValue("weir")
		var head query.Table
		if err := json.Unmarshal([]byte(about), &head); err != nil || head.Flows != 3 || head.Question == "" {
			t.Errorf("%s: about it is %s, %v", q, about, err)
		}
	}
}

// A mistake is pointed at.
func TestQueryMistakes(t *testing.T) {
	d := asking(t, &fakeStore{})
	f := func(a query.Asked, status int, text, caret, field string) {
		t.Helper()
		_, err := d.client().Table(t.Context(), &a, time.Minute)
		var p *ProblemError
		if !errors.As(err, &p) || p.Status != status || !strings.Contains(p.Text, text) {
			t.Errorf("%+v: %v", a, err)
			return
		}
		if caret == "" {
			return
		}
		if p.At == nil || p.At.Caret != caret || p.At.Field != field {
			t.Errorf("%+v: is at %+v", a, p.At)
		}
	}
	f(query.Asked{Question: "top src by bites"}, 400, `did you mean "bits"?`, "top src by bites\n           ^^^^^", "")
	f(query.Asked{Where: "prot tcp"}, 400, `where: column 1: "prot" is no field`, "prot tcp\n^^^^", "where")
	f(query.Asked{Show: "flows", Limit: 100_001}, 400, "100000 flows at most", "", "")
	f(query.Asked{Show: "flows", Limit: 2_000_000}, 400, "ask for 1 to 1000000 flows", "", "")
	_, body := d.ask(t, "GET", "/api/v1/query?q=top&format=xml", "")
	if !strings.Contains(body, "it is one of json, csv, ndjson, arrow") {
		t.Errorf("answer is %s", body)
	}
}

func TestQueryWithoutStore(t *testing.T) {
	d := start(t, nil)
	for _, path := range []string{"/api/v1/query?q=top", "/api/v1/values?field=proto"} {
		if w, body := d.ask(t, "GET", path, ""); w.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "keeps no flows") {
			t.Errorf("%s: %s: %s", path, w.Status, body)
		}
	}
}

// The store is told when nobody waits any more, and the client when it is too
// slow, or fails.
func TestQueryEnds(t *testing.T) {
	x := &fakeStore{stall: true, ended: make(chan error, 1)}
	d := asking(t, x)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := d.client().Table(ctx, &query.Asked{Show: "top"}, time.Minute)
		done <- err
	}()
	until(t, "the question", func() bool { return x.asked.Load() == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the client has %v", err)
	}
	if err := <-x.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the store was told %v", err)
	}
	_, err := d.client().Table(t.Context(), &query.Asked{Show: "top"}, time.Second)
	var p *ProblemError
	if !errors.As(err, &p) || p.Status != http.StatusGatewayTimeout || !strings.Contains(p.Text, "longer than 1 s") {
		t.Errorf("of a slow store the client has %v", err)
	}
	d = asking(t, &fakeStore{err: errors.New("disk is gone")})
	_, err = d.client().Table(t.Context(), &query.Asked{Show: "top"}, time.Minute)
	if !errors.As(err, &p) || p.Status != http.StatusInternalServerError || !strings.Contains(p.Text, "disk is gone") {
		t.Errorf("of a broken store the client has %v", err)
	}
}

// More questions than there may be are refused, and the rest goes on.
func TestQueryCrowd(t *testing.T) {
	x := &fakeStore{stall: true, ended: make(chan error, mostQuestions)}
	d := asking(t, x)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range mostQuestions {
		go d.client().Table(ctx, &query.Asked{}, time.Minute)
	}
	until(t, "all questions", func() bool { return x.asked.Load() == mostQuestions })
	w, body := d.ask(t, "GET", "/api/v1/query?q=top", "")
	if w.StatusCode != http.StatusServiceUnavailable || w.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %s: %s", w.Status, body)
	}
	cancel()
	for range mostQuestions {
		<-x.ended
	}
}

func TestFieldsAndValues(t *testing.T) {
	x := &fakeStore{}
	d := asking(t, x)
	all, err := d.client().Fields(t.Context())
	if err != nil || len(all.Fields) < 80 {
		t.Fatalf("%d fields, %v", len(all.Fields), err)
	}
	f := func(field, prefix string, limit int, want ...string) {
		t.Helper()
		got, err := d.client().Values(t.Context(), field, prefix, limit)
		if err != nil || !slices.Equal(got.Values, want) {
			t.Errorf("%s: %q, %v, want %q", field, got.Values, err, want)
		}
	}
	f("app_name", "d", 5, "dapp_name", "dz")
	f("src country", "d", 1, "dsrc_country")
	f("ip", "1", 5, "1dst_addr", "1src_addr", "1z")
	f("proto", "udp", 5, "udp", "udplite")
	f("proto", "nosuch", 5)
	if hour := x.over[1] - x.over[0]; hour != int64(time.Hour) {
		t.Errorf("values are of %d ns", hour)
	}
	w, body := d.ask(t, "GET", "/api/v1/values?field=app_name&from=2026-11-25&to=2026-11-26", "")
	if w.StatusCode != 200 || time.Unix(0, x.over[0]).UTC().Format(time.DateOnly) != "2026-11-25" || x.over[1]-x.over[0] != int64(24*time.Hour) {
		t.Errorf("values of a day: %s, %s, %v", w.Status, body, x.over)
	}
	for _, path := range []string{"?field=nosuch", "?field=app_name&from=nonsense", "?field=app_name&limit=1001"} {
		if w, body := d.ask(t, "GET", "/api/v1/values"+path, ""); w.StatusCode != 400 {
			t.Errorf("%s: %s: %s", path, w.Status, body)
		}
	}
}

// What takes long to write is not cut off by the server's usual patience.
func TestQueryLarge(t *testing.T) {
	d := asking(t, &fakeStore{})
	w, err := http.Get(d.URL() + "/api/v1/query?format=ndjson&q=" + url.QueryEscape("series in_if last 40000 min every 1min"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	n := 0
	for lines := bufio.NewScanner(w.Body); lines.Scan(); n++ {
		if !bytes.HasSuffix(lines.Bytes(), []byte("}")) {
			t.Fatalf("line %d is %s", n, lines.Bytes())
		}
	}
	if n != 2*40_000 {
		t.Errorf("%d lines, want %s", n, fmt.Sprint(2*40_000))
	}
}
