//go:build cgo && linux

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
	"github.com/weirflow/weir/shared/query/engine"
)

// BenchmarkStore measures questions about a day of synthetic flows, and prints a
// figure for each: b.N counts for nothing. FLOWS says how many million, a comma
// between several, and without it nothing is done; FOLDER keeps the files for the
// next time; ASK is a part of the names of the questions to ask. What is asked of a week and a month has the day's sums again and again.
func BenchmarkStore(b *testing.B) {
	millions := os.Getenv("FLOWS")
	if millions == "" {
		b.Skip("FLOWS says how many million")
	}
	for _, m := range strings.Split(millions, ",") {
		n, err := strconv.Atoi(m)
		if err != nil {
			b.Fatal(err)
		}
		dir := b.TempDir()
		if keep := os.Getenv("FOLDER"); keep != "" {
			dir = filepath.Join(keep, m)
		}
		bench := &figures{B: b, millions: n, dir: dir}
		bench.run()
	}
}

type figures struct {
	*testing.B
	millions int
	dir      string
	d        *duckDB
	s        *Snapshot
}

const (
	dayLong  = int64(24 * time.Hour)
	segments = 288 // of a day of 100 million
)

func (f *figures) print(name string, value float64, unit string, goal float64) {
	g, met := "-", true
	if goal > 0 {
		g, met = fmt.Sprintf("<=%g", goal), value <= goal
	}
	flowtest.Figure(fmt.Sprintf("store/%d million: %s", f.millions, name), value, unit, g, met)
}

func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (f *figures) run() {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		f.Fatal(err)
	}
	d, err := openDuckDB(f.dir, Limits{Memory: 2 << 30})
	if err != nil {
		f.Fatal(err)
	}
	defer d.close()
	f.d = d
	f.flows()
	f.questions()
}

// flows makes the day's files, unless they are there.
func (f *figures) flows() {
	list := filepath.Join(f.dir, "list.json")
	if text, err := os.ReadFile(list); err == nil {
		if err := json.Unmarshal(text, &f.s); err != nil {
			f.Fatal(err)
		}
		return
	}
	f.write()
	f.sums()
	text, err := json.Marshal(f.s)
	if err == nil {
		err = os.WriteFile(list, text, 0o600)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// BenchmarkFolder makes a store of a day of synthetic flows, the 24th of November 2026,
// for those who measure what asks one: FOLDER says where, FLOWS how many million. What
// is there stays. b.N counts for nothing.
func BenchmarkFolder(b *testing.B) {
	dir := os.Getenv("FOLDER")
	n, err := strconv.Atoi(os.Getenv("FLOWS"))
	if dir == "" || err != nil {
		b.Skip("FOLDER says where, FLOWS how many million")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	d, err := openDuckDB(dir, Limits{Memory: 2 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	f := &figures{B: b, millions: n, dir: dir, d: d}
	f.flows()
	if _, err := os.Stat(filepath.Join(dir, manifestName)); err == nil {
		return
	}
	c := &catalog{segments: f.s.Segments, rollups: f.s.Rollups, next: uint64(len(f.s.Segments) + len(f.s.Rollups))}
	if err := (&manifest{dir: dir, catalog: c}).rewrite(); err != nil {
		b.Fatal(err)
	}
}

// write writes the day's segments.
func (f *figures) write() {
	n := f.millions * 1_000_000
	count := max(1, n*segments/100_000_000)
	f.s = &Snapshot{Segments: make([]*Segment, count)}
	began := spent()
	var wait sync.WaitGroup
	next := make(chan int, count)
	for i := range count {
		next <- i
	}
	close(next)
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			w := newSegmentWriter("bench", false)
			for i := range next {
				first, last := i*(n/count), (i+1)*(n/count)
				s, err := w.write(f.dir, fmt.Sprintf("segments/%06d.parquet", i), dayBlocks(i, first, last, n))
				if err != nil {
					f.Error(err)
					return
				}
				f.s.Segments[i] = &s
			}
		}()
	}
	wait.Wait()
	if f.Failed() {
		f.FailNow()
	}
	octets := int64(0)
	for _, s := range f.s.Segments {
		octets += s.Octets
	}
	f.print("writing segments, flows made included", (spent()-began).Seconds()/float64(f.millions), "CPU-s/million", 0)
	f.print("segments", float64(octets)/float64(n), "octets/flow", 25)
}

// dayBlocks makes flows from first to last of n that arrive evenly over a day.
func dayBlocks(seed, first, last, n int) (all []*engine.Block) {
	t, w, b := newTraffic(uint64(seed+1)), engine.NewBuilder(tailOptions), &flow.Batch{}
	for at := first; at < last; at += 480 {
		t.batch(b, min(480, last-at), day0+int64(float64(at)/float64(n)*float64(dayLong)))
		all = w.Append(all, b)
	}
	if x := w.Seal(); x != nil {
		all = append(all, x)
	}
	return all
}

var day0 = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).UnixNano()

// sums makes the day's rollups, hour by hour.
func (f *figures) sums() {
	took := map[string]time.Duration{}
	octets := map[string]int64{}
	for i := range duck.Rollups {
		u := &duck.Rollups[i]
		for n, hour := range missing(f.s, u, 1<<60) {
			began := spent()
			x, err := f.d.sum(context.Background(), u, fmt.Sprintf("%s/%d.parquet", kindOf(u), n), hour)
			if err != nil {
				f.Fatal(err)
			}
			took[u.Name] += spent() - began
			octets[u.Name] += x.Octets
			f.s.Rollups = append(f.s.Rollups, &x)
		}
	}
	all := time.Duration(0)
	for i := range duck.Rollups {
		name := duck.Rollups[i].Name
		all += took[name]
		f.print("sums by "+name, took[name].Seconds()/float64(f.millions), "CPU-s/million", 0)
		f.print("sums by "+name+", size", float64(octets[name])/float64(f.millions)/1e6, "octets/flow", 0)
	}
	f.print("all sums", all.Seconds()/float64(f.millions), "CPU-s/million", 0)
}

// quantity is what a filter calls name.
func (f *figures) quantity(name string) *query.Quantity { return f.filter(name + " exists").Expr().Of }

func (f *figures) filter(text string) *query.Filter {
	x, err := query.Parse(text)
	if err != nil {
		f.Fatal(err)
	}
	return x
}

func (f *figures) by(names ...string) (all []query.Dim) {
	for _, n := range names {
		all = append(all, query.Dim{Of: f.quantity(n)})
	}
	return all
}

// ask asks three times, or as often as two seconds hold, and prints the median.
func (f *figures) ask(name string, goal float64, s *Snapshot, r *query.Request) *query.Answer {
	if !strings.Contains(name, os.Getenv("ASK")) {
		return &query.Answer{}
	}
	if r.To == 0 {
		r.From, r.To = day0, day0+dayLong
	}
	r.Align()
	if err := r.Validate(); err != nil {
		f.Fatalf("%s: %v", name, err)
	}
	if f.millions > 1 && forget() {
		at := time.Now()
		if _, err := f.d.ask(context.Background(), s, r); err != nil {
			f.Fatalf("%s: %v", name, err)
		}
		f.print(name+", nothing of it in memory", time.Since(at).Seconds(), "s", 0)
	}
	var took []float64
	var a *query.Answer
	began, first := spent(), time.Now()
	for len(took) < 3 && (len(took) == 0 || time.Since(first) < 2*time.Second) {
		at := time.Now()
		var err error
		if a, err = f.d.ask(context.Background(), s, r); err != nil {
			f.Fatalf("%s: %v", name, err)
		}
		took = append(took, time.Since(at).Seconds())
	}
	slices.Sort(took)
	f.print(name, took[len(took)/2], "s", goal)
	fmt.Fprintf(os.Stderr, "# %s: %.3f to %.3f s, %.3f CPU-s, %d rows read, %v\n", name, took[0], took[len(took)-1], (spent()-began).Seconds()/float64(len(took)), a.Scanned, a.Notes)
	return a
}

// forget has the kernel drop what it holds of files, which takes root.
func forget() bool {
	syscall.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0) == nil
}

func (f *figures) questions() {
	bytes := []query.Metric{{Of: query.Bytes, Bits: true}}
	p95 := []query.Metric{{Of: query.Bytes, Bits: true, Fold: query.Percentile, Pct: 95}}
	raw := &Snapshot{Segments: f.s.Segments}
	f.ask("top talkers of a day, from sums", 1, f.s, &query.Request{By: f.by("src ip"), Metrics: bytes})
	f.ask("top talkers of a day, from flows", 5, raw, &query.Request{By: f.by("src ip"), Metrics: bytes})
	f.ask("top talkers of 15 minutes, from flows", 0, raw, &query.Request{From: day0 + dayLong/2, To: day0 + dayLong/2 + int64(15*time.Minute), By: f.by("src ip"), Metrics: bytes})
	f.ask("5-minute series of all interfaces for a day", 0.3, f.s, &query.Request{By: f.by("exporter ip", "if"), Metrics: bytes, Bin: int64(5 * time.Minute), Series: true, Sides: true, Limit: 2000})
	f.ask("the same from flows", 0, raw, &query.Request{By: f.by("exporter ip", "if"), Metrics: bytes, Bin: int64(5 * time.Minute), Series: true, Sides: true, Limit: 2000})
	f.ask("5-minute series of ports for a day, from flows", 0, raw, &query.Request{By: f.by("dst port"), Metrics: bytes, Bin: int64(5 * time.Minute), Series: true})
	f.ask("distinct sources of a day", 0.5, f.s, &query.Request{Metrics: []query.Metric{{Of: query.Distinct, Column: flow.FieldSrcAddr}}})
	f.ask("distinct sources of a day, from flows", 0, raw, &query.Request{Metrics: []query.Metric{{Of: query.Distinct, Column: flow.FieldSrcAddr}}})
	ordinary := host(50_000, byte(1+50_000%200), false)
	f.ask("an ordinary host and port, its flows of a day", 0.5, f.s, &query.Request{Shape: query.Flows, Filter: f.filter("host " + ordinary.String() + " and port 443"), Limit: 100})
	f.ask("an ordinary host and port, its bytes of a day", 0.5, f.s, &query.Request{Filter: f.filter("host " + ordinary.String() + " and port 443"), Metrics: bytes})
	busiest := host(1, 10, false)
	f.ask("the busiest host, its bytes of a day", 3, f.s, &query.Request{Filter: f.filter("host " + busiest.String() + " and port 443"), Metrics: bytes})
	f.ask("the busiest host, its flows of a day", 3, f.s, &query.Request{Shape: query.Flows, Filter: f.filter("host " + busiest.String() + " and port 443"), Limit: 100})
	a := f.ask("top conversations of a day", 2, f.s, &query.Request{By: []query.Dim{{Of: f.quantity("ip"), Pair: true}}, Metrics: bytes})
	if n := len(a.Groups); n > 0 {
		fmt.Fprintf(os.Stderr, "# the bound is %d, the smallest of %d has %d\n", a.Bound, n, a.Groups[n-1].Values[0])
	}
	f.ask("newest flows", 0, f.s, &query.Request{Shape: query.Flows})
	f.ask("largest flows of a day", 0, f.s, &query.Request{Shape: query.Flows, Metrics: bytes})
	live := &Snapshot{Segments: f.s.Segments, Tail: dayBlocks(999, 0, 250_000, 1<<40)}
	f.ask("top talkers of 15 minutes with 250,000 flows in no segment yet", 1, live, &query.Request{From: day0, To: day0 + int64(15*time.Minute), By: f.by("src ip"), Metrics: bytes})

	month := f.repeated("interface", 30)
	f.ask("5-minute series of an exporter for a week", 0.5, month, &query.Request{From: day0, To: day0 + 7*dayLong, By: f.by("if"), Metrics: bytes, Bin: int64(5 * time.Minute), Series: true, Sides: true, Limit: 100, Filter: f.filter("exporter ip 192.0.2.1")})
	f.ask("95th percentile of every interface for a month", 1, month, &query.Request{From: day0, To: day0 + 30*dayLong, By: f.by("exporter ip", "if"), Metrics: p95, Bin: int64(5 * time.Minute), Sides: true, Limit: 2000})

	if os.Getenv("ASK") == "" {
		f.clients()
	}
}

// repeated has the sums of the day for so many days.
func (f *figures) repeated(name string, days int) *Snapshot {
	s := &Snapshot{Segments: f.s.Segments, Rollups: slices.Clone(f.s.Rollups)}
	for _, u := range f.s.Rollups {
		if u.Name != name {
			continue
		}
		for k := 1; k < days; k++ {
			x := *u
			shift := int64(k) * dayLong / 1e6
			x.File = fmt.Sprintf("%s-%d.parquet", strings.TrimSuffix(u.File, ".parquet"), k)
			x.Bins = Range{u.Bins[0] + shift, u.Bins[1] + shift}
			x.Segments = []string{fmt.Sprintf("gone/%d/%s", k, u.File)}
			text := fmt.Sprintf("COPY (SELECT * REPLACE (bin + %d AS bin) FROM read_parquet(%s)) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
				shift, literal(filepath.Join(f.dir, u.File)), literal(filepath.Join(f.dir, x.File)))
			if err := f.d.query(context.Background(), text, nil, nil); err != nil {
				f.Fatal(err)
			}
			s.Rollups = append(s.Rollups, &x)
		}
	}
	return s
}

// clients asks with eight clients at once, while 100,000 flows a second are stored.
func (f *figures) clients() {
	ended := make(chan struct{})
	lost := f.ingest(ended)
	bytes := []query.Metric{{Of: query.Bytes, Bits: true}}
	from := day0 + dayLong/2
	all := []*query.Request{
		{From: from, To: from + int64(time.Hour) + 1e9, By: f.by("src ip"), Metrics: bytes},
		{By: f.by("src ip"), Metrics: bytes},
		{By: f.by("exporter ip", "if"), Metrics: bytes, Bin: int64(5 * time.Minute), Series: true, Limit: 100},
		{From: from, To: from + int64(time.Hour), By: f.by("proto"), Metrics: bytes},
		{By: f.by("src as", "dst as"), Metrics: bytes},
		{From: from, To: from + int64(time.Hour), By: []query.Dim{{Of: f.quantity("ip"), Pair: true}}, Metrics: bytes},
		{Filter: f.filter("host 10.1.2.3 and port 443"), Metrics: bytes},
		{Shape: query.Flows, Filter: f.filter("dst port 443 and bytes > 100k")},
	}
	worst, mu, wait := 0.0, sync.Mutex{}, sync.WaitGroup{}
	until := time.Now().Add(time.Duration(min(10, f.millions)) * time.Second)
	n := 0
	for _, r := range all {
		if r.To == 0 {
			r.From, r.To = day0, day0+dayLong
		}
		r.Align()
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(until) {
				at := time.Now()
				if _, err := f.d.ask(context.Background(), f.s, r); err != nil {
					f.Error(err)
					return
				}
				mu.Lock()
				worst = max(worst, time.Since(at).Seconds())
				n++
				mu.Unlock()
			}
		}()
	}
	wait.Wait()
	close(ended)
	f.print("flows lost of 100,000 a second while eight clients ask", <-lost, "flows", 0.5)
	f.print("the slowest answer to one of eight clients", worst, "s", 6)
	fmt.Fprintf(os.Stderr, "# %d answers\n", n)
}

// ingest stores 100,000 flows a second until ended is closed, and then tells how
// many had found no room in the collector's queue.
func (f *figures) ingest(ended chan struct{}) chan float64 {
	cfg := config.DefaultStore()
	cfg.Dir = f.TempDir()
	s, err := Open(cfg, Deps{})
	if err != nil {
		f.Fatal(err)
	}
	const each = 1000
	queue := float64(pipeline.Default().Queue * pipeline.Default().Batch)
	t, lost := newTraffic(7), make(chan float64, 1)
	b := &flow.Batch{}
	t.batch(b, each, day0)
	go func() {
		start, n, late := time.Now(), 0, 0.0
		for open := true; open; time.Sleep(time.Millisecond) {
			select {
			case <-ended:
				open = false
			default:
			}
			for due := int(time.Since(start).Seconds() * 100_000 / each); n < due; n++ {
				if err := s.Write(context.Background(), b); err != nil {
					f.Error(err)
				}
				late = max(late, time.Since(start).Seconds()*100_000-float64(n*each))
			}
		}
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		fmt.Fprintf(os.Stderr, "# %d flows stored, at most %.0f of them late\n", n*each, late)
		lost <- max(0, late-queue) + float64(s.Stats().Refused)
	}()
	return lost
}
