//go:build cgo

package store

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
	"github.com/weirflow/weir/shared/query/querytest"
)

// More of them are for when something has changed that answers depend on.
var rounds = flag.Int("rounds", 100, "random questions")

func openTest(t testing.TB) *duckDB {
	t.Helper()
	d, err := openDuckDB(t.TempDir(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

// put writes flows as segments of so many rows.
func put(t testing.TB, d *duckDB, b *flow.Batch, rows int) (all []*Segment) {
	t.Helper()
	w := newSegmentWriter("test", false)
	for from := 0; from < len(b.Flows); from += rows {
		s, err := w.write(d.dir, fmt.Sprintf("segments/%d.parquet", from), tailOf(b, from, min(from+rows, len(b.Flows))))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &s)
	}
	return all
}

// tailOf makes blocks of some flows.
func tailOf(b *flow.Batch, from, to int) []*engine.Block {
	part := *b
	part.Flows = b.Flows[from:to]
	w := engine.NewBuilder(tailOptions)
	all := w.Append(nil, &part)
	if x := w.Seal(); x != nil {
		all = append(all, x)
	}
	return all
}

func describeRequest(r *query.Request) string {
	s := fmt.Sprintf("%+v", *r)
	if r.Filter != nil {
		s += "\nfilter " + r.Filter.String()
	}
	for _, d := range r.By {
		s += fmt.Sprintf("\nby %s %v pair %v /%d /%d", d.Of.Name, d.Of.Fields, d.Pair, d.Bits, d.Bit6)
	}
	return s
}

// Answers from files are those of the oracle.
func TestRandomRequests(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	d := openTest(t)
	var b *flow.Batch
	var segments []*Segment
	for i := range *rounds {
		if i%50 == 0 {
			b = querytest.Flows(rng, 300)
			if i%100 == 0 { // sums that 64 bits hold
				for k := range b.Flows {
					b.Flows[k].Bytes &= 1<<40 - 1
					b.Flows[k].Packets &= 1<<40 - 1
					b.Flows[k].SamplingRate &= 1<<12 - 1
				}
			}
			os.RemoveAll(filepath.Join(d.dir, "segments"))
			segments = put(t, d, b, 150)
		}
		r := querytest.Request(rng)
		want := querytest.Oracle(querytest.Stored(b), r)
		for name, s := range map[string]*Snapshot{
			"segments": {Segments: segments},
			"and tail": {Segments: segments[:1], Tail: tailOf(b, 150, len(b.Flows))},
		} {
			got, err := d.ask(context.Background(), s, r)
			if err != nil {
				t.Fatalf("%d %s: %v\n%s", i, name, err, describeRequest(r))
			}
			if diff := querytest.Diff(r, got, want); diff != "" {
				t.Fatalf("%d %s: %s\n%s", i, name, describeRequest(r), diff)
			}
		}
	}
}

// So they are from segments of so few rows that what is known of a segment's rows
// is true of little: all have one moment, or no column of a kind.
func TestRandomSmallSegments(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 8))
	d := openTest(t)
	for i := range *rounds / 5 {
		b := querytest.Flows(rng, 40)
		most := *b
		most.Flows = b.Flows[:30]
		s := &Snapshot{Segments: put(t, d, &most, 1+rng.IntN(4)), Tail: tailOf(b, 30, 40)}
		for range 3 {
			r := querytest.Request(rng)
			got, err := d.ask(context.Background(), s, r)
			if err != nil {
				t.Fatalf("%d: %v\n%s", i, err, describeRequest(r))
			}
			if diff := querytest.Diff(r, got, querytest.Oracle(querytest.Stored(b), r)); diff != "" {
				t.Fatalf("%d: %s\n%s", i, describeRequest(r), diff)
			}
		}
	}
}

// A counter that needs all of its 64 bits adds up where no flow has a duration.
func TestLargeCounterOfAMoment(t *testing.T) {
	d := openTest(t)
	b := &flow.Batch{}
	b.Grow(1)[0] = flow.Flow{
		Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldSrcAddr, flow.FieldDstAddr),
		Start: querytest.Epoch, End: querytest.Epoch, Received: querytest.Epoch, Bytes: math.MaxUint64,
	}
	r := &query.Request{From: querytest.Epoch - 1e9, To: querytest.Epoch + 1e9, Limit: 1, Metrics: []query.Metric{{}}, Dedup: true}
	a, err := d.ask(context.Background(), &Snapshot{Segments: put(t, d, b, 1)}, r)
	if err != nil || len(a.Groups) != 1 || a.Groups[0].Values[0] != math.MaxUint64 {
		t.Errorf("%+v: %v", a, err)
	}
}

// A percentile of a month's bins for each of many hosts, which have a flow or two,
// fits the memory.
func TestPercentileOfManyHosts(t *testing.T) {
	d := openTest(t)
	b := &flow.Batch{}
	for i := range b.Grow(100_000) {
		at := querytest.Epoch + int64(i%8000)*int64(5*time.Minute)
		b.Flows[i] = flow.Flow{
			Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldSrcAddr),
			Start: at, End: at, Received: at, Bytes: 1 + uint64(i), SrcAddr: flow.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
		}
	}
	q, err := query.Ask("top 3 src by bits p50, bits max from 2026-11-24T10:00 to 2026-12-24T10:00 every 5min", time.Unix(0, querytest.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.ask(context.Background(), &Snapshot{Segments: put(t, d, b, len(b.Flows))}, &q.Request)
	if err != nil || len(a.Groups) != 3 || a.Others != len(b.Flows)-3 {
		t.Fatalf("%+v: %v", a, err)
	}
	if v := a.Groups[0].Values; v[0] != 0 || v[1] != 1 {
		t.Errorf("%d", v)
	}
}
