package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/template"
)

// A storeOf answers each question by a function.
type storeOf func(*query.Request) *query.Answer

func (f storeOf) Query(_ context.Context, r *query.Request) (*query.Answer, error) { return f(r), nil }

func (f storeOf) Values(_ context.Context, x flow.Field, prefix string, _, _ int64, _ int) ([]string, error) {
	return []string{prefix + flow.Fields[x].Flat}, nil
}

// now is when a running store is asked.
var now = time.Date(2026, 11, 26, 12, 30, 0, 0, time.UTC)

// runStore runs an API with a store, and returns its URL.
func runStore(t *testing.T, store storeOf) string {
	t.Helper()
	templates, tail := template.NewStore(template.Limits{}), api.NewTail()
	pipe, err := pipeline.New(pipeline.Default(), pipeline.Deps{Store: templates, Sources: []pipeline.Source{fed(nil)}, Outputs: []pipeline.Output{tail.Output()}, Stay: true})
	if err != nil {
		t.Fatal(err)
	}
	c := api.Default()
	c.Listen = "127.0.0.1:0"
	s, err := api.New(c, api.Deps{Pipeline: pipe, Sessions: templates.Sessions, Tail: tail, Store: store, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}

func address(s string) query.Key { return query.Key{Addr: flow.AddrFrom(netip.MustParseAddr(s))} }

// In ten minutes of 600 seconds, 750,000,000 octets are 10 Mbit/s.
func answerOf(r *query.Request) *query.Answer {
	a := &query.Answer{Flows: 1234, Unknown: 1, Sampled: 1000, LeastRate: 10, MostRate: 1000, Coverage: query.Coverage{Known: true, Records: 990, Missing: 10}}
	switch {
	case r.Shape == query.Flows:
		f := &a.Batch.Grow(1)[0]
		*f = flow.Flow{Proto: 17, Bytes: 1500, Start: now.UnixNano(), AppName: a.Batch.Strings.Intern([]byte("\x1b[31mred"))}
		f.Set = flow.SetOf(flow.FieldProto, flow.FieldBytes, flow.FieldStart, flow.FieldAppName)
		a.More = 3
	case r.Series:
		a.Groups = []query.Group{
			{Key: []query.Key{{Uint: 443}}, Values: []uint64{600}, Bins: [][]uint64{{0, 60, 480, 60}}},
			{Key: []query.Key{{Missing: true}}, Values: []uint64{60}, Bins: [][]uint64{{60, 0, 0, 0}}},
		}
	case len(r.By) == 2:
		a.Groups = []query.Group{
			{Key: []query.Key{{Uint: 1}, {Uint: 2}}, Values: []uint64{2000}},
			{Key: []query.Key{{Uint: 3}, {Uint: 2}}, Values: []uint64{1000}},
			{Key: []query.Key{{Uint: 1}, {Uint: 4}}, Values: []uint64{10}},
		}
	default:
		a.Groups = []query.Group{
			{Key: []query.Key{address("192.0.2.1")}, Values: []uint64{750_000_000}, Samples: 10_000},
			{Key: []query.Key{address("2001:db8::1")}, Values: []uint64{1500}},
		}
		a.Other, a.Others, a.Total = query.Group{Values: []uint64{750_000_000}}, 12, []uint64{1_500_001_500}
	}
	return a
}

func TestQueryCommand(t *testing.T) {
	url := runStore(t, answerOf)
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, append([]string{"query", "--http", strings.TrimPrefix(url, "http://")}, args...)...)
		if code != exitOK || out != want {
			t.Errorf("%s: exit code %d: %s\n%s\nwant\n%s", args, code, errs, out, want)
		}
	}
	const trust = `99.000 % of what was sent is in the store; 10 records did not come
1000 flows sampled: counters are multiplied by the rate, ×10 to ×1000
the sampling rate of 1 flow is not known: they count as they are
`
	f(`SRC ADDR      BYTES  BYTES RATE    SHARE   ERROR
192.0.2.1    750 MB    1.2 MB/s   50.0 %  ±2.0 %
2001:db8::1  1.5 kB     2.5 B/s    0.0 %       -
other (12)   750 MB    1.2 MB/s   50.0 %
total        1.5 GB    2.5 MB/s  100.0 %

2026-11-26 12:20:00 to 2026-11-26 12:30:00 UTC, 1234 flows
`+trust, "top 2 src by bytes last 10min")
	f(`DST PORT  BYTES  BYTES RATE  SHARE   PEAK
     443  600 B     2.5 B/s      -  8 B/s   ▁█▁
       -   60 B    0.25 B/s      -  1 B/s  █

2026-11-26 13:26:00 to 2026-11-26 13:30:00 Europe/Berlin, 1234 flows, bins of 1m0s
`+trust, "series dst port by bytes last 4min every 1min zone Europe/Berlin")
	f(`SRC AS \ DST AS       2     4
1                2.0 kB  10 B
3                1.0 kB     ·

2026-11-26 11:30:00 to 2026-11-26 12:30:00 UTC, 1234 flows
`+trust, "matrix src_as x dst_as")
	f(`START                    PROTO   BYTES  APP NAME
2026-11-26 12:30:00.000  udp    1.5 kB  `+"\uFFFD"+`[31mred

2026-11-26 11:30:00 to 2026-11-26 12:30:00 UTC, 1234 flows
3 more are not shown
`+strings.Replace(trust, "multiplied by the rate,", "as sampled and stand for more,", 1), "flows")
	f("src_addr,bytes,bytes_rate,share,error\n192.0.2.1,750000000,1250000,49.99995000005,1.96\n2001:db8::1,1500,2.5,0.0000999999000001,\n", "--format", "csv", "top 2 src by bytes last 10min")
}

func TestQueryCommandFormats(t *testing.T) {
	url := runStore(t, answerOf)
	out, errs, code := weir(t, nil, "query", "--api", url, "--format", "json", "top src")
	var got query.Table
	if err := json.Unmarshal([]byte(out), &got); code != exitOK || err != nil || len(got.Rows) != 2 {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	if out, _, code = weir(t, nil, "query", "--api", url, "--format", "json", "flows"); code != exitOK || !strings.Contains(out, `\u001b[31mred`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, _, code = weir(t, nil, "query", "--api", url, "--format", "arrow", "top src"); code != exitOK || !strings.HasPrefix(out, "\xff\xff\xff\xff") {
		t.Errorf("exit code %d: %q", code, out)
	}
}

// Mistakes are told with the place, before anybody is asked; what the store says
// against a question is an error.
func TestQueryCommandMistakes(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := runDaemon(t, nil).url // it has no store
	f := func(code int, want string, args ...string) {
		t.Helper()
		out, errs, got := weir(t, nil, append([]string{"query", "--api", url}, args...)...)
		if got != code || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%q: exit code %d: %s%s", args, got, out, errs)
		}
	}
	f(exitUsage, "top src by bites\n           ^^^^^\n", "top src by bites")
	f(exitUsage, "ask what?")
	f(exitUsage, "no format", "--format", "xml", "top")
	f(exitUsage, "is not from 1s to 5m", "--timeout", "1h", "top")
	f(exitUsage, "no tool", "--as", "sed", "top")
	f(exitError, "nfdump knows no bins", "--as", "nfdump", "series src")
	f(exitError, "keeps no flows", "top")
	f(exitError, "no such file", "--token-file", "/nowhere", "top")
	f(exitError, "token is not known", "--token-file", token, "top")
	f(exitError, "start it with: weir run", "--http", "127.0.0.1:1", "top")
}

func TestQueryCommandAs(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, append([]string{"query"}, args...)...)
		if code != exitOK || out != want {
			t.Errorf("%q: exit code %d: %s%s", args, code, out, errs)
		}
	}
	f("TZ=UTC nfdump -R DIR -t 2026/11/25.00:00:00-2026/11/26.00:00:00 -s srcip/bytes -n 10 'proto udp'\n", "--as", "nfdump", "top src from 2026-11-25 to 2026-11-26 where proto udp")
	f(`{"type":"top","metric":"bytes","groupBy":["src_addr"],"limit":10}`+"\n", "--as", "grafana", "top", "src")
}

func TestQueryCommandCompletion(t *testing.T) {
	url := runStore(t, answerOf)
	f := func(words string, want ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, "__complete", "query", "--api", url, words)
		lines := strings.Split(out, "\n")
		if code != exitOK {
			t.Errorf("%q: exit code %d: %s", words, code, errs)
		}
		for _, w := range want {
			found := false
			for _, l := range lines {
				found = found || l == w
			}
			if !found {
				t.Errorf("%q: %q is not among %q", words, w, lines)
			}
		}
	}
	f("", "top", "series")
	f("top src_a", "top src_addr", "top src_as")
	f("top src by by", "top src by bytes")
	f("top src last ", "top src last 1h", "top src last month")
	f("top src where app_n", "top src where app_name")
	f("top src where app_name = x", "top src where app_name = xapp_name")
	f("top src where proto t", "top src where proto tcp")
}

func TestSparkline(t *testing.T) {
	f := func(want string, values ...float64) {
		t.Helper()
		if got := sparkline(values); got != want {
			t.Errorf("%v is %q, want %q", values, got, want)
		}
	}
	f("")
	f(" ", 0)
	f("▁▂▃▄▅▆▇█", 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8)
	long := make([]float64, 10*sparkWidth)
	long[25] = 3
	f("  █"+strings.Repeat(" ", sparkWidth-3), long...)
}

func TestLongTextsAreCut(t *testing.T) {
	of := &query.TableColumn{Kind: query.TextCell, Role: query.KeyRole}
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("ä", widestText), strings.Repeat("ä", widestText)},
		{strings.Repeat("ä", widestText+1), strings.Repeat("ä", widestText-1) + "…"},
		{strings.Repeat("x", 5000), strings.Repeat("x", widestText-1) + "…"},
		{"", ""},
	} {
		if got := cellText(query.Cell{Kind: query.TextCell, Text: c.text}, of, time.UTC); got != c.want {
			t.Errorf("%d characters: %q, want %q", len([]rune(c.text)), got, c.want)
		}
	}
}
