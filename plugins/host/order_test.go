package host

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// Rows come out once, in order and with their texts, and none of them ends
// before the watermark that came before it.
func TestOrderer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	o := NewOrderer(time.Minute)
	var in detect.Input
	var out []flow.Flow
	watermark := int64(0)
	take := func() {
		for i := range in.Flows.Flows {
			f := in.Flows.Flows[i]
			if f.End < watermark || f.End >= in.Watermark {
				t.Fatalf("a row of %d between the watermarks %d and %d", f.End, watermark, in.Watermark)
			}
			if got, want := string(in.Flows.Strings.Get(f.AppName)), name(f.Bytes); got != want {
				t.Fatalf("text %q, want %q", got, want)
			}
			if f.HasExtra() {
				t.Fatal("a row refers to elements of another batch")
			}
			out = append(out, f)
		}
		if in.Watermark < watermark || in.Late != 0 {
			t.Fatalf("watermark %d after %d, %d late", in.Watermark, watermark, in.Late)
		}
		watermark = in.Watermark
	}
	const n = 20_000
	releases := 0
	for i := 0; i < n; {
		b := &flow.Batch{}
		for range rnd.IntN(50) {
			if i == n {
				break
			}
			received := 1e18 + int64(i)*50e6
			f := flow.Flow{Received: received, End: received - rnd.Int64N(60)*1e9, Bytes: uint64(i), Domain: rnd.Uint32N(3)}
			f.Exporter[15] = byte(rnd.IntN(3))
			if i%3 > 0 {
				f.AppName = b.Strings.Intern([]byte(name(f.Bytes)))
				f.Set.Add(flow.FieldAppName)
			}
			f.SetExtra(1, 9)
			b.Flows = append(b.Flows, f)
			i++
		}
		o.Add(b)
		if o.Ready() {
			o.Release(&in)
			take()
			releases++
		}
	}
	o.Finish(&in)
	take()
	if len(out) != n || releases < 50 || watermark != detect.Forever {
		t.Fatalf("%d rows of %d in %d releases", len(out), n, releases)
	}
	// Bytes count the arrivals.
	if !slices.IsSortedFunc(out, func(a, b flow.Flow) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Exporter[15], b.Exporter[15]), cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Bytes, b.Bytes))
	}) {
		t.Error("not in order")
	}
}

func name(i uint64) string {
	if i%3 == 0 {
		return ""
	}
	return fmt.Sprint("application ", i%1700) // enough to be cleaned away
}

func TestOrdererLate(t *testing.T) {
	o := NewOrderer(time.Minute)
	var in detect.Input
	add := func(received, end int64) {
		b := &flow.Batch{Flows: []flow.Flow{{Received: received * 1e9, End: end * 1e9}}}
		o.Add(b)
		o.Release(&in)
	}
	check := func(rows, late int, watermark int64) {
		t.Helper()
		if len(in.Flows.Flows) != rows || in.Late != late || in.Watermark != watermark*1e9 {
			t.Fatalf("%d rows, %d late, watermark %d", len(in.Flows.Flows), in.Late, in.Watermark)
		}
	}
	add(1000, 990)
	check(0, 0, 940)
	add(1050, 940) // just in time: it ends at the watermark
	check(1, 0, 990)
	add(1051, 939)
	check(1, 1, 991)
	add(1052, 5000) // its end lies in the future; time doesn't follow it
	check(0, 0, 992)
	o.Finish(&in)
	if len(in.Flows.Flows) != 1 || in.Watermark != detect.Forever {
		t.Fatalf("%d rows at the end", len(in.Flows.Flows))
	}
}

// Too many rows move the watermark on, so that memory has a bound.
func TestOrdererBounded(t *testing.T) {
	o := NewOrderer(time.Hour)
	b := &flow.Batch{}
	for i := range b.Grow(MaxHeld) {
		b.Flows[i] = flow.Flow{Received: 1e18, End: 1e18 - int64(MaxHeld-i)}
	}
	o.Add(b)
	if !o.Ready() {
		t.Fatal("full and not ready")
	}
	var in detect.Input
	o.Release(&in)
	if n := len(in.Flows.Flows); n < MaxHeld/4 || n > MaxHeld*3/4 {
		t.Errorf("%d rows released of %d", n, MaxHeld)
	}
}

func BenchmarkOrderer(b *testing.B) {
	rnd := rand.New(rand.NewPCG(3, 4))
	batch := &flow.Batch{}
	batch.Grow(1000)
	o := NewOrderer(0)
	var in detect.Input
	now := int64(1e18)
	for b.Loop() {
		now += 100e6 // 10,000 rows a second
		for i := range batch.Flows {
			batch.Flows[i] = flow.Flow{Received: now, End: now - rnd.Int64N(60e9)}
		}
		o.Add(batch)
		if o.Ready() {
			o.Release(&in)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
