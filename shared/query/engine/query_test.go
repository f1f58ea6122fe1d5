package engine

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// naivePart is SEMANTICS, Rates over time, in big integers: what a flow's volume has
// in [from, to).
func naivePart(volume uint64, start, end, from, to int64) *big.Int {
	if start >= end {
		if from <= start && start < to {
			return new(big.Int).SetUint64(volume)
		}
		return new(big.Int)
	}
	until := func(t int64) *big.Int {
		t = min(max(t, start), end)
		x := new(big.Int).Mul(new(big.Int).SetUint64(volume), big.NewInt(t-start))
		return x.Div(x, big.NewInt(end-start))
	}
	return new(big.Int).Sub(until(to), until(from))
}

func TestSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 20000 {
		volume := r.Uint64() >> r.IntN(64)
		width := 1 + r.Int64N(1<<r.IntN(40))
		from := epoch - r.Int64N(1<<40)
		bins := make([]uint64, 1+r.IntN(50))
		to := from + width*int64(len(bins))
		start := from + r.Int64N(to-from)
		end := start + r.Int64N(to-start+1)
		if r.IntN(3) == 0 { // partly outside
			start, end = start-r.Int64N(width*3), end+r.Int64N(width*3)
		}
		if !overlaps(start, end, from, to) {
			continue
		}
		spread(bins, volume, start, end, from, width)
		sum := uint64(0)
		for k, got := range bins {
			a := from + int64(k)*width
			if want := naivePart(volume, start, end, a, a+width); want.Cmp(new(big.Int).SetUint64(got)) != 0 {
				t.Fatalf("bin %d of %d over [%d, %d): %d, not %v", k, volume, start, end, got, want)
			}
			if got != within(volume, start, end, a, a+width) {
				t.Fatalf("within differs in bin %d", k)
			}
			sum += got
		}
		if start >= from && end <= to && sum != volume {
			t.Fatalf("bins have %d of %d", sum, volume)
		}
	}
}

// Queries on random flows give what a plain loop gives.
func TestQueryNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	w := NewWindow(64<<20, time.Unix(0, 0))
	var flows []flow.Flow
	var names []map[flow.Field]string
	for range 12 {
		b := randomBatch(r, 1000)
		for i := range b.Flows {
			flows = append(flows, b.Flows[i])
			names = append(names, map[flow.Field]string{})
			for x := range flow.Field(flow.NumFields) {
				if flow.Fields[x].Kind == flow.KindStr {
					names[len(names)-1][x] = string(b.Strings.Get(flow.Str(b.Flows[i].Uint(x))))
				}
			}
		}
		w.Write(ctx, b)
	}
	v := w.View()
	for range 30 {
		q := Query{From: epoch + r.Int64N(500e9), Metric: Metric(r.IntN(3)), Limit: 1 + r.IntN(20)}
		q.To = q.From + 1 + r.Int64N(200e9)
		if r.IntN(2) == 0 {
			q.Bin = 1e9 * (1 + r.Int64N(30))
		}
		for range r.IntN(4) {
			q.GroupBy = append(q.GroupBy, flow.Field(r.IntN(flow.NumFields)))
		}
		checkNaive(t, v, q, flows, names)
	}
}

func checkNaive(t *testing.T, v View, q Query, flows []flow.Flow, names []map[flow.Field]string) {
	to := q.To
	for bin := q.From; q.Bin > 0 && bin < q.To; bin += q.Bin {
		to = bin + q.Bin
	}
	type total struct {
		sum  big.Int
		bins []big.Int
	}
	want := map[string]*total{}
	seen, unknown, sampled := 0, 0, 0
	for i := range flows {
		f := &flows[i]
		start, end := f.Start, f.End
		switch {
		case f.Set.Has(flow.FieldStart) && !f.Set.Has(flow.FieldEnd):
			end = start
		case !f.Set.Has(flow.FieldStart) && f.Set.Has(flow.FieldEnd):
			start = end
		case !f.Set.Has(flow.FieldStart):
			start, end = f.Received, f.Received
		}
		if start >= end && (start < q.From || start >= to) || start < end && (end <= q.From || start >= to) {
			continue
		}
		seen++
		volume := uint64(1)
		if q.Metric != Flows {
			volume = f.Bytes
			if q.Metric == Packets {
				volume = f.Packets
			}
			volume *= uint64(max(f.SamplingRate, 1))
			if f.SamplingRate == 0 {
				unknown++
			}
			if f.SamplingRate > 1 {
				sampled++
			}
		}
		g := Group{}
		for _, x := range q.GroupBy {
			v := Value{Field: x, Set: f.Set.Has(x)}
			text, isText := names[i][x]
			switch a := f.Addr(x); {
			case a != nil:
				v.Addr = *a
			case isText:
				v.Str = text
			default:
				v.Uint = f.Uint(x)
			}
			g.Key = append(g.Key, v)
		}
		k := fmt.Sprintf("%#v", g.Key)
		if want[k] == nil {
			want[k] = &total{bins: make([]big.Int, max(1, q.Bins()))}
		}
		want[k].sum.Add(&want[k].sum, naivePart(volume, start, end, q.From, to))
		for n := 0; q.Bin > 0 && n < q.Bins(); n++ {
			a := q.From + int64(n)*q.Bin
			want[k].bins[n].Add(&want[k].bins[n], naivePart(volume, start, end, a, a+q.Bin))
		}
	}
	a, err := v.Query(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	if a.Flows != seen || a.Unknown != unknown || a.Sampled != sampled {
		t.Fatalf("%d flows, %d unknown, %d sampled; want %d, %d, %d", a.Flows, a.Unknown, a.Sampled, seen, unknown, sampled)
	}
	if len(a.Groups) != min(len(want), q.Limit) || a.Others != len(want)-len(a.Groups) {
		t.Fatalf("%d groups and %d others of %d, limit %d", len(a.Groups), a.Others, len(want), q.Limit)
	}
	last := uint64(1<<64 - 1)
	for _, g := range a.Groups {
		w := want[fmt.Sprintf("%#v", g.Key)]
		if w == nil {
			t.Fatalf("no flow is in group %s", g.Text())
		}
		compare(t, g, &w.sum, w.bins)
		if g.Total > last {
			t.Fatal("not in order")
		}
		last = g.Total
		delete(want, fmt.Sprintf("%#v", g.Key))
	}
	rest := total{bins: make([]big.Int, max(1, q.Bins()))}
	for _, w := range want {
		if w.sum.Cmp(new(big.Int).SetUint64(last)) > 0 {
			t.Fatalf("a group of %v went to other, one of %d did not", &w.sum, last)
		}
		rest.sum.Add(&rest.sum, &w.sum)
		for n := range w.bins {
			rest.bins[n].Add(&rest.bins[n], &w.bins[n])
		}
	}
	if a.Others > 0 {
		compare(t, a.Other, &rest.sum, rest.bins)
	}
}

func compare(t *testing.T, g Group, sum *big.Int, bins []big.Int) {
	t.Helper()
	if sum.Cmp(new(big.Int).SetUint64(g.Total)) != 0 {
		t.Fatalf("group %q has %d, not %v", g.Text(), g.Total, sum)
	}
	inBins := uint64(0)
	for n := range g.Bins {
		if bins[n].Cmp(new(big.Int).SetUint64(g.Bins[n])) != 0 {
			t.Fatalf("group %q, bin %d has %d, not %v", g.Text(), n, g.Bins[n], &bins[n])
		}
		inBins += g.Bins[n]
	}
	if g.Bins != nil && inBins != g.Total {
		t.Fatalf("group %q has %d, its bins %d", g.Text(), g.Total, inBins)
	}
}

// Counters that no link could carry don't wrap around.
func TestSaturates(t *testing.T) {
	w := NewWindow(MinLimit, time.Unix(0, 0))
	b := &flow.Batch{}
	for i := range b.Grow(3) {
		b.Flows[i] = flow.Flow{
			Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldSamplingRate),
			Start: epoch, End: epoch, Bytes: 1 << 63, SamplingRate: 1000,
		}
	}
	w.Write(ctx, b)
	a, err := w.View().Query(ctx, Query{From: epoch, To: epoch + 1e9, Bin: 1e9, Limit: 1})
	if err != nil || a.Groups[0].Total != 1<<64-1 || a.Groups[0].Bins[0] != 1<<64-1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestQueryEnds(t *testing.T) {
	w := NewWindow(MinLimit, time.Unix(0, 0))
	w.Write(ctx, randomBatch(rand.New(rand.NewPCG(8, 8)), 10))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := w.View().Query(ended, Query{To: 1 << 62}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkQuery(b *testing.B) {
	const n = 1_000_000
	r := rand.New(rand.NewPCG(9, 9))
	w := NewWindow(256<<20, time.Unix(0, epoch))
	for i := 0; i < n; i += 500 { // an hour
		w.Write(ctx, typicalBatch(r, 500, epoch+int64(i)*3600e9/n))
	}
	v := w.View()
	if v.Rows != n {
		b.Fatalf("%d rows", v.Rows)
	}
	run := func(name string, q Query) {
		q.From, q.To, q.Limit = epoch, epoch+3600e9, 10
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a, err := v.Query(ctx, q); err != nil || a.Flows < n*9/10 {
					b.Fatal(a.Flows, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/flow")
		})
	}
	run("total", Query{})
	run("top/SrcAddr", Query{GroupBy: []flow.Field{flow.FieldSrcAddr}})
	run("top/SrcAddr,DstAddr,DstPort", Query{GroupBy: []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldDstPort}})
	run("timeseries/15s", Query{Bin: 15e9})
	run("timeseries/15s/Proto", Query{Bin: 15e9, GroupBy: []flow.Field{flow.FieldProto}})
	run("timeseries/15s/SrcAddr", Query{Bin: 15e9, GroupBy: []flow.Field{flow.FieldSrcAddr}})
}
