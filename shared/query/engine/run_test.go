package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/querytest"
)

// viewOf holds flows in blocks of any sizes.
func viewOf(rng *rand.Rand, b *flow.Batch) (v View) {
	w := NewBuilder(Options{})
	rest := *b
	for len(b.Flows) > 0 {
		n := min(len(b.Flows), 1+rng.IntN(200))
		rest.Flows, b.Flows = b.Flows[:n], b.Flows[n:]
		v.Blocks = w.Append(v.Blocks, &rest)
		if rng.IntN(2) == 0 {
			v.Blocks = append(v.Blocks, w.Seal())
		}
	}
	if o := w.Open(); o != nil {
		v.Blocks = append(v.Blocks, o)
	}
	return v
}

// check holds an answer against the oracle's.
func check(t *testing.T, v View, b *flow.Batch, r *query.Request) {
	t.Helper()
	got, err := Run(ctx, v, r)
	if err != nil {
		t.Fatal(err)
	}
	if d := querytest.Diff(r, got, querytest.Oracle(b, r)); d != "" {
		t.Fatalf("%s\n%s", about(r), d)
	}
}

// about says what is asked.
func about(r *query.Request) string {
	s := fmt.Sprintf("%+v", *r)
	if r.Filter != nil {
		s += "\nfilter " + r.Filter.String()
	}
	for _, d := range r.By {
		s += fmt.Sprintf("\nby %s %+v", d.Of.Name, d)
	}
	return s
}

// Random questions about random flows have the obvious answers.
func TestRandom(t *testing.T) {
	rounds := 250
	if testing.Short() {
		rounds = 25
	}
	rng := rand.New(rand.NewPCG(11, 1))
	for range rounds {
		b := querytest.Flows(rng, 1+rng.IntN(1<<rng.IntN(9)))
		if rng.IntN(3) == 0 {
			oneRate(b, uint32(rng.IntN(3)))
		}
		all := *b
		v := viewOf(rng, &all)
		for range 20 {
			r := querytest.Request(rng)
			if rng.IntN(4) == 0 {
				f, err := query.Parse(querytest.Filter(rng, true))
				if err != nil {
					t.Fatal(err)
				}
				r.Filter = f
			}
			check(t, v, b, r)
		}
	}
}

// oneRate lets all flows have the same sampling rate; 0: none has any.
func oneRate(b *flow.Batch, rate uint32) {
	for i := range b.Flows {
		f := &b.Flows[i]
		if f.SamplingRate = rate; rate == 0 {
			f.Set.Del(flow.FieldSamplingRate)
		} else {
			f.Set.Add(flow.FieldSamplingRate)
		}
	}
}

// FuzzRun is TestRandom with other dice.
func FuzzRun(f *testing.F) {
	for n := range uint64(8) {
		f.Add(n, n, uint16(100))
	}
	f.Fuzz(func(t *testing.T, flows, request uint64, n uint16) {
		rng := rand.New(rand.NewPCG(12, flows))
		b := querytest.Flows(rng, 1+int(n%300))
		all := *b
		check(t, viewOf(rng, &all), b, querytest.Request(rand.New(rand.NewPCG(13, request))))
	})
}

// Records that a limit leaves out are at least records of the view.
func TestFlowsAreSome(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	b := querytest.Flows(rng, 200)
	left := map[string]int{}
	for _, s := range querytest.Records(b, 0, len(b.Flows)) {
		left[s]++
	}
	all := *b
	v := viewOf(rng, &all)
	a, err := Run(ctx, v, &query.Request{Shape: query.Flows, From: -1 << 61, To: 1 << 62, Limit: 150})
	if err != nil || len(a.Batch.Flows) != 150 {
		t.Fatal(len(a.Batch.Flows), err)
	}
	for _, s := range querytest.Records(&a.Batch, 0, 150) {
		if left[s]--; left[s] < 0 {
			t.Errorf("no flow is %s", s)
		}
	}
}

func TestRunEnds(t *testing.T) {
	b := randomBatch(rand.New(rand.NewPCG(8, 8)), 10)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for _, s := range []query.Shape{query.Groups, query.Flows, query.Conversations} {
		r := &query.Request{Shape: s, To: 1 << 62}
		r.Align()
		if _, err := Run(ended, View{Blocks: blocks(Options{}, b)}, r); !errors.Is(err, context.Canceled) {
			t.Error(s, err)
		}
	}
	if _, err := Run(ctx, View{}, &query.Request{}); err == nil {
		t.Error("a request that is not valid has an answer")
	}
}

// What Run allocates is for the answer and for scratch: no row costs any, nor does
// a block, unless there are bins.
func TestRowsAllocateNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 3))
	few := View{Blocks: blocks(Options{}, typicalBatch(rng, 2*blockRows, epoch))}
	many := View{}
	for range 8 {
		many.Blocks = append(many.Blocks, few.Blocks...)
	}
	f := func(r query.Request, text string, perBlock int) {
		t.Helper()
		r.From, r.To = epoch-50e9, epoch+60e9
		if r.Filter = nil; text != "" {
			x, err := query.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			r.Filter = x
		}
		r.Align()
		run := func(v View) float64 {
			return testing.AllocsPerRun(5, func() {
				if a, err := Run(ctx, v, &r); err != nil || a.Flows == 0 {
					t.Fatal(a, err)
				}
			})
		}
		most := perBlock * (len(many.Blocks) - len(few.Blocks))
		if perBlock > 0 {
			most += 4 // a slice that holds something of each block doubles
		}
		if a, b := run(few), run(many); b-a > float64(most) {
			t.Errorf("%+v: %v allocations for %d blocks, %v for %d", r, a, len(few.Blocks), b, len(many.Blocks))
		}
	}
	f(query.Request{Metrics: octets}, "", 0)
	f(query.Request{Metrics: octets, By: columnsAs(flow.FieldProto, flow.FieldSrcAddr)}, "", 0)
	f(query.Request{Metrics: octets, By: columnsAs(flow.FieldProto)}, "src net 10.0.0.0/8 and dst port in [53 443] and bpp > 2 or not flags S", 0)
	f(query.Request{Metrics: []query.Metric{{Of: query.Distinct, Column: flow.FieldDstAddr}}}, "", 0)
	f(query.Request{Metrics: octets, By: columnsAs(flow.FieldProto), Series: true, Bin: 10e9}, "", 2) // the rows and groups that are kept
}
