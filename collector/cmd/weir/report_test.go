package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// SEMANTICS, 95th percentile: its vectors.
func TestPercentile(t *testing.T) {
	f := func(n, spikes int, want float64) {
		t.Helper()
		values := make([]float64, n)
		for i := range values {
			values[i] = 7
			if i < spikes {
				values[i] = 100
			}
		}
		if got := percentile(values); got != want {
			t.Errorf("of %d bins with %d spikes it is %v, want %v", n, spikes, got, want)
		}
	}
	f(8640, 0, 7)
	f(8640, 432, 7)
	f(8640, 433, 100)
	f(0, 0, 0)
	f(1, 1, 100)
	// The 8,208th smallest of 8,640.
	values := make([]float64, 8640)
	for i := range values {
		values[i] = float64(8640 - i)
	}
	if got := percentile(values); got != 8208 {
		t.Errorf("is the %v smallest", got)
	}
}

// Of 20 bins it is the 19th smallest, of 10 the 10th.
func TestBill(t *testing.T) {
	l := link{in: make([]float64, 20), out: make([]float64, 20)}
	for i := range 10 { // 1 to 10 came in while 10 to 1 went out; then nothing
		l.in[i], l.out[i] = float64(i+1), float64(10-i)
	}
	l.out[4] = 60 // beside 5
	f := func(mode string, exclude bool, want billed) {
		t.Helper()
		if got := l.bill(mode, exclude); got != want {
			t.Errorf("%s, %v: %+v, want %+v", mode, exclude, got, want)
		}
	}
	f("max", false, billed{in: 9, out: 10, billed: 10, missing: 10})
	f("max", true, billed{in: 10, out: 60, billed: 60, missing: 10})
	f("bins", false, billed{in: 9, out: 10, billed: 10, missing: 10}) // 10 9 8 7 60 6 7 8 9 10
	f("sum", false, billed{in: 9, out: 10, billed: 11, missing: 10})  // 65, and 11 of all others
	f("sum", true, billed{in: 10, out: 60, billed: 65, missing: 10})
}

// October has an hour more in Berlin, and March one less.
func TestMonthOf(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f := func(month string, zone *time.Location, from string, bins int) {
		t.Helper()
		a, b, err := monthOf(month, zone, now)
		if err != nil || a.UTC().Format(time.RFC3339) != from || int(b.Sub(a)/billingBin) != bins {
			t.Errorf("%s begins at %s and has %d bins, %v; want %s and %d", month, a.UTC().Format(time.RFC3339), b.Sub(a)/billingBin, err, from, bins)
		}
	}
	f("2026-09", time.UTC, "2026-09-01T00:00:00Z", 8640)
	f("2026-10", time.UTC, "2026-10-01T00:00:00Z", 8928)
	f("2026-10", berlin, "2026-09-30T22:00:00Z", 8940)
	f("2026-03", berlin, "2026-02-28T23:00:00Z", 8916)
	f("", berlin, "2026-09-30T22:00:00Z", 8940)
	f("2026-11", time.UTC, "2026-11-01T00:00:00Z", 25*288+12*12+6) // until half past twelve on the 26th
	for _, bad := range []string{"2026-13", "October", "2026-12", "2026-10-01"} {
		if _, _, err := monthOf(bad, time.UTC, now); err == nil {
			t.Errorf("%s is a month", bad)
		}
	}
}

// billingStore has interface 1, which lets in 37,500 octets (1,000 bit/s) in each
// bin and 75,000 out in all but the first 447, and interface 2, of which only the
// other direction is known.
func billingStore(t *testing.T) storeOf {
	return func(r *query.Request) *query.Answer {
		fill := func(n uint64, from int) []uint64 {
			bins := make([]uint64, r.Bins())
			for i := from; i < len(bins); i++ {
				bins[i] = n
			}
			return bins
		}
		group := func(port uint64, bins []uint64) query.Group {
			return query.Group{Key: []query.Key{address("192.0.2.1"), {Uint: port}}, Values: []uint64{1}, Bins: [][]uint64{bins}}
		}
		a := &query.Answer{Flows: 5, Total: []uint64{2}}
		switch got := r.Filter.String(); got {
		case "in_if exists and proto tcp", "in if exists and proto tcp":
			a.Groups = []query.Group{group(1, fill(37_500, 0))}
		case "out_if exists and proto tcp", "out if exists and proto tcp":
			a.Groups = []query.Group{group(1, fill(75_000, 448)), group(2, fill(375_000, 8939))}
		default:
			t.Errorf("the filter is %s", got)
		}
		return a
	}
}

func TestReportBilling(t *testing.T) {
	url := runStore(t, billingStore(t))
	f := func(format string, want ...string) string {
		t.Helper()
		out, errs, code := weir(t, nil, "report", "billing", "--api", url, "--month", "2024-10", "--zone", "Europe/Berlin", "--where", "proto tcp # only", "--format", format)
		if code != exitOK {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s lacks %q:\n%.3000s", format, w, out)
			}
		}
		return out
	}
	// Of 8,940 bins the 8,493rd smallest counts: the 448 in which nothing went out
	// are the smallest ones.
	f("text", "Billing: 95th percentile of October 2024, Europe/Berlin",
		`EXPORTER   INTERFACE      IN P95     OUT P95      BILLED  BINS  MISSING
192.0.2.1          1  1.0 kbit/s  2.0 kbit/s  2.0 kbit/s  8940        0
192.0.2.1          2     0 bit/s     0 bit/s     0 bit/s  8940     8939`,
		"8940 bins of 300 s; billed is the larger of both directions' percentiles; bins without traffic count as zero")
	f("csv", "exporter,interface,in_p95,out_p95,billed,bins,missing\n192.0.2.1,1,1000,2000,2000,8940,0\n192.0.2.1,2,0,0,0,8940,8939\n")
	html := f("html", "<title>Billing: 95th percentile of October 2024, Europe/Berlin</title>", "<td class=\"number\">2.0 kbit/s</td>")
	if n := strings.Count(html, "<polyline"); n != 6 {
		t.Errorf("%d lines are drawn, want 3 for each interface", n)
	}
	for _, points := range regexp.MustCompile(`points="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if n := len(strings.Fields(points[1])); n != 2 && n != chartPoints {
			t.Errorf("a line has %d points", n)
		}
	}
	out, _, _ := weir(t, nil, "report", "billing", "--api", url, "--month", "2024-10", "--zone", "Europe/Berlin", "--where", "proto tcp", "--format", "csv", "--missing", "exclude", "--mode", "sum")
	if want := "192.0.2.1,2,0,10000,10000,8940,8939\n"; !strings.Contains(out, want) { // one bin of 375,000 octets
		t.Errorf("%s lacks %s", out, want)
	}
}

func TestReports(t *testing.T) {
	const hostile = `<img src=x onerror=alert(1)>`
	var asked []string
	url := runStore(t, func(r *query.Request) *query.Answer {
		asked = append(asked, (&query.Question{Request: *r}).String())
		g := query.Group{In: []uint64{1, 1, 1}, Out: []uint64{1, 1, 1}}
		for range r.By {
			g.Key = append(g.Key, query.Key{Text: hostile, Uint: 6, Addr: address("192.0.2.1").Addr})
		}
		for range r.Metrics {
			g.Values, g.Bins = append(g.Values, 600), append(g.Bins, make([]uint64, r.Bins()))
		}
		return &query.Answer{Groups: []query.Group{g}, Total: g.Values, Notes: []string{hostile}}
	})
	for _, kind := range reportKinds()[:4] {
		for format := range reportFormats {
			asked = nil
			out, errs, code := weir(t, nil, "report", kind, "--api", url, "--format", format, "--range", "yesterday", "--limit", "3")
			if code != exitOK || out == "" {
				t.Errorf("%s, %s: exit code %d: %s", kind, format, code, errs)
			}
			for _, a := range asked {
				if !strings.Contains(a, "from 2026-11-25T00:00:00Z to 2026-11-26T00:00:00Z") {
					t.Errorf("%s asked %s", kind, a)
				}
			}
			if n := len(reports[kind].parts); len(asked) != n || !strings.Contains(asked[0], " 3 ") {
				t.Errorf("%s asked %q", kind, asked)
			}
			if format == "html" {
				if strings.Contains(out, "<img") || strings.Contains(out, "<script") || regexp.MustCompile(`(src|href)=`).MatchString(strings.ReplaceAll(out, "img src=x", "")) {
					t.Errorf("%s has %s", kind, out)
				}
				if !strings.Contains(out, "&lt;img src=x onerror=alert(1)&gt;") || !strings.Contains(out, "<polyline") {
					t.Errorf("%s lacks a name or a chart", kind)
				}
			}
		}
	}
}

func TestReportMistakes(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, errs, code := weir(t, nil, append([]string{"report"}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d: %s", args, code, errs)
		}
	}
	f("write one of talkers, protocols")
	f("write one of talkers", "hosts")
	f("no format", "talkers", "--format", "pdf")
	f("no time zone", "talkers", "--zone", "Berlin")
	f("write one of them", "talkers", "--month", "2024-10", "--range", "today")
	f("billing is of a --month", "billing", "--range", "today")
	f("is no month", "billing", "--month", "Oct")
	f("no mode", "billing", "--mode", "mean")
	f("neither zero nor exclude", "billing", "--missing", "skip")
	f("not from 1 to 1000", "talkers", "--limit", "0")
	f("prot tcp\n^^^^", "talkers", "--where", "prot tcp")
	f("--range: column 6", "talkers", "--range", "last yar")
}

// A chart's lines stay within it, and show the largest of what has no room.
func TestChart(t *testing.T) {
	values := make([]float64, 10*chartPoints)
	values[5] = 100
	c := newChart("x", "bit/s", now, now.Add(time.Hour), chartLine{Name: "a", values: values}, chartLine{Name: "b", values: []float64{50, 0}})
	first, _, _ := strings.Cut(c.Lines[0].Points, " ")
	if want := fmt.Sprintf("%d.0,%d.0", chartLeft, chartTop); first != want {
		t.Errorf("the line begins at %s, want %s", first, want)
	}
	// Half of 100 is half of the height.
	if want := fmt.Sprintf("%d.0,%d.0 %d.0,%d.0", chartLeft, (chartTop+chartHeight-chartBottom)/2, chartWidth-chartRight, chartHeight-chartBottom); c.Lines[1].Points != want {
		t.Errorf("the line is %s, want %s", c.Lines[1].Points, want)
	}
	if got := c.Grid[4].Text + " " + c.Ticks[0].Text + " " + c.Ticks[4].Text; got != "100 bit/s 12:30 13:30" {
		t.Errorf("axes say %s", got)
	}
}

// Billing has what the engine's own percentile has, over random flows.
func TestReportBillingEngine(t *testing.T) {
	begin := time.Date(2024, 9, 30, 22, 0, 0, 0, time.UTC) // October in Berlin
	rnd := rand.New(rand.NewPCG(5, 5))
	w := engine.NewWindow(64<<20, begin)
	var b flow.Batch
	for range 20_000 {
		f := &b.Grow(1)[0]
		start := begin.Add(time.Duration(rnd.Int64N(31 * 24 * int64(time.Hour))))
		*f = flow.Flow{
			Exporter: address("192.0.2.1").Addr, InIf: rnd.Uint32N(3), OutIf: rnd.Uint32N(3), Bytes: rnd.Uint64N(1 << 20), SamplingRate: 1 + rnd.Uint32N(3),
			Start: start.UnixNano(), End: start.UnixNano() + rnd.Int64N(int64(2*time.Hour)), Received: start.UnixNano(),
		}
		f.Set = flow.SetOf(flow.FieldExporter, flow.FieldInIf, flow.FieldOutIf, flow.FieldBytes, flow.FieldSamplingRate, flow.FieldStart, flow.FieldEnd, flow.FieldReceived)
	}
	if err := w.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	url := runStore(t, func(r *query.Request) *query.Answer {
		a, err := engine.Run(context.Background(), w.View(), r)
		if err != nil {
			t.Error(err)
		}
		return a
	})
	p95 := func(field string) map[string]string {
		t.Helper()
		out, errs, code := weir(t, nil, "query", "--api", url, "--format", "csv",
			"top exporter,"+field+" by bits p95 zone Europe/Berlin from 2024-10-01 to 2024-11-01 every 300s")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != exitOK || len(lines) != 4 {
			t.Fatalf("exit code %d: %s%s", code, out, errs)
		}
		got := map[string]string{}
		for _, line := range lines[1:] {
			cells := strings.Split(line, ",")
			got[cells[1]] = cells[2]
		}
		return got
	}
	in, out := p95("in_if"), p95("out_if")
	text, errs, code := weir(t, nil, "report", "billing", "--api", url, "--month", "2024-10", "--zone", "Europe/Berlin", "--format", "csv")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if code != exitOK || len(lines) != 4 {
		t.Fatalf("exit code %d: %s%s", code, text, errs)
	}
	for _, line := range lines[1:] { // exporter,interface,in_p95,out_p95,billed,…
		c := strings.Split(line, ",")
		number := func(s string) float64 {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		if c[2] != in[c[1]] || c[3] != out[c[1]] || number(c[4]) != max(number(c[2]), number(c[3])) || c[2] == "0" {
			t.Errorf("%s: the engine has %s in, %s out", line, in[c[1]], out[c[1]])
		}
	}
}
