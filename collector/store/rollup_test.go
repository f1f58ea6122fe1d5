//go:build cgo

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
	"github.com/weirflow/weir/shared/query/querytest"
)

// sane drops the flows that lasted days or were seen in another year.
func sane(b *flow.Batch) {
	keep := b.Flows[:0]
	for _, f := range b.Flows {
		near := func(x flow.Field) bool {
			d := int64(f.Uint(x)) - querytest.Epoch
			return !f.Set.Has(x) || d > -int64(6*time.Hour) && d < int64(6*time.Hour)
		}
		if near(flow.FieldStart) && near(flow.FieldEnd) && near(flow.FieldReceived) && f.Set.Has(flow.FieldReceived) {
			keep = append(keep, f)
		}
	}
	b.Flows = keep
}

// rolled makes all rollups of segments, each of some of them.
func rolled(t *testing.T, d *duckDB, segments []*Segment) (all []*RollupFile) {
	t.Helper()
	for i := range duck.Rollups {
		u := &duck.Rollups[i]
		for n, s := range segments {
			f, err := d.sum(context.Background(), u, fmt.Sprintf("%s/%d.parquet", kindOf(u), n), []*Segment{s})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &f)
		}
	}
	return all
}

// rollupRequest makes a question that u answers.
func rollupRequest(rng *rand.Rand, u *duck.Rollup) *query.Request {
	pick := func(n int) int { return rng.IntN(n) }
	for {
		r := querytest.Request(rng)
		if r.Shape != query.Groups {
			continue
		}
		r.Dedup, r.Filter, r.By, r.Sides = false, nil, nil, false
		of := func(name string) *query.Quantity {
			f, err := query.Parse(name + " exists")
			if err != nil {
				panic(err)
			}
			return f.Expr().Of
		}
		keys := u.Keys
		if u.Sided() {
			keys = keys[:len(keys)-1]
			r.By = append(r.By, query.Dim{Of: of("if")})
			r.Sides = pick(2) == 0
		}
		if !u.Sided() && len(keys) == 2 && pick(2) == 0 && keys[0] == flow.FieldSrcAS {
			r.By = append(r.By, query.Dim{Of: of("as")})
			r.Sides = pick(2) == 0
		}
		if u.Name == "interfaces" && pick(3) == 0 {
			r.By = append(r.By, query.Dim{Of: of("if")})
			r.Sides = pick(2) == 0
		}
		for _, x := range keys {
			if pick(2) == 0 {
				dim := query.Dim{Of: of(flow.Fields[x].Flat)}
				if dim.Of.Kind == query.Address && pick(2) == 0 {
					dim.Bits, dim.Bit6 = 31, 64
				}
				r.By = append(r.By, dim)
			}
		}
		for i, m := range r.Metrics {
			if m.Of == query.Distinct {
				r.Metrics[i].Column = keys[pick(len(keys))]
			}
		}
		switch x := keys[pick(len(keys))]; pick(3) {
		case 0:
			text := flow.Fields[x].Flat + []string{" exists", " = 3", " > 2"}[pick(3)]
			switch flow.Fields[x].Kind {
			case flow.KindAddr:
				text = flow.Fields[x].Flat + []string{" exists", " = 192.0.2.1", " in [10.0.0.0/30 ::/1]"}[pick(3)]
			case flow.KindStr:
				text = flow.Fields[x].Flat + []string{" exists", " = dns", ` ~ "^d"`}[pick(3)]
			}
			f, err := query.Parse(text)
			if err != nil {
				panic(err)
			}
			r.Filter = f
		}
		if r.To-r.From > int64(12*time.Hour) {
			r.From, r.To = querytest.Epoch-int64(2*time.Hour), querytest.Epoch+int64(2*time.Hour)
		}
		if u.Bin == time.Hour || pick(2) == 0 {
			r.From -= int64(u.Bin) * int64(pick(3))
			r.To += int64(u.Bin) * int64(pick(4))
		}
		if r.Bin > 0 {
			r.Bin = int64(u.Bin) * int64(1+pick(3))
			r.From -= r.From % int64(u.Bin)
		}
		if pick(2) == 0 {
			r.Align()
		}
		if r.Validate() == nil && u.Answers(r) {
			return r
		}
	}
}

// Answers from rollups are those of the oracle.
func TestRandomRollups(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 3))
	d := openTest(t)
	d.eager = true
	b := querytest.Flows(rng, 400)
	sane(b)
	stored := querytest.Stored(b)
	n := len(b.Flows) / 3
	segments := put(t, d, b, n)
	rollups := rolled(t, d, segments[:2])
	used := map[string]int{}
	for i := range *rounds {
		u := &duck.Rollups[i%(len(duck.Rollups)-1)]
		r := rollupRequest(rng, u)
		s := &Snapshot{Segments: segments, Rollups: rollups}
		p := d.plan(s.Segments, s.Rollups, r)
		if p.rollup == nil {
			used["none"]++
		} else {
			used[p.rollup.Name]++
		}
		got, err := d.ask(context.Background(), s, r)
		if err != nil {
			t.Fatalf("%d: %v\n%s", i, err, describeRequest(r))
		}
		if diff := querytest.Diff(r, got, querytest.Oracle(stored, r)); diff != "" {
			t.Fatalf("%d: %s\n%v\n%s", i, describeRequest(r), got.Notes, diff)
		}
	}
	for i := range duck.Rollups[:len(duck.Rollups)-1] {
		if name := duck.Rollups[i].Name; used[name] == 0 {
			t.Errorf("no answer came from %s: %v", name, used)
		}
	}
	t.Log(used)
}

// Sums outlive flows: the rollup that has them all is used, however many rows it
// has, and what nothing has any more is said.
func TestSumsOutliveFlows(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 7))
	d := openTest(t)
	b := querytest.Flows(rng, 300)
	sane(b)
	stored := querytest.Stored(b)
	segments := put(t, d, b, len(b.Flows)/2)
	rollups := rolled(t, d, segments)
	var fewer []*RollupFile // the finest went earlier than the others
	for _, f := range rollups {
		if f.Name != "interfaces" || f.Segments[0] != segments[0].File {
			fewer = append(fewer, f)
		}
	}
	s := &Snapshot{Segments: segments[1:], Rollups: fewer}
	f := func(by string, whole bool) {
		t.Helper()
		r := &query.Request{
			From: querytest.Epoch - int64(12*time.Hour), To: querytest.Epoch + int64(12*time.Hour), Limit: 1000,
			By: []query.Dim{{Of: quantityOf(t, by)}}, Metrics: []query.Metric{{Of: query.Bytes}},
		}
		a, err := d.ask(context.Background(), s, r)
		if err != nil {
			t.Fatal(err)
		}
		if whole != (querytest.Diff(r, a, querytest.Oracle(stored, r)) == "") {
			t.Errorf("by %s the answer is whole: %v", by, !whole)
		}
		if said := len(a.Notes) > 0 && strings.Contains(a.Notes[0], "missing"); said == whole {
			t.Errorf("by %s: %q", by, a.Notes)
		}
	}
	f("if", true)
	f("src ip", true)
	f("src port", false)
}

// Where flows are kept no longer, their sums answer, as long as they can: what they
// can't is said.
func TestSumsTellWhatTheyLack(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 5))
	d := openTest(t)
	b := querytest.Flows(rng, 400)
	sane(b)
	segments := put(t, d, b, len(b.Flows)/2)[:2]
	s := &Snapshot{Segments: segments[1:], Rollups: rolled(t, d, segments)}
	stored := querytest.Stored(b)
	stored.Flows = stored.Flows[:2*(len(b.Flows)/2)]
	hour := int64(time.Hour)
	from, to := querytest.Epoch/hour*hour-8*hour, querytest.Epoch/hour*hour+8*hour
	ask := func(from, to int64, text string) (*query.Request, *query.Answer) {
		q, err := query.Ask(text, time.Unix(0, to))
		if err != nil {
			t.Fatal(err)
		}
		r := q.Request
		r.From, r.To = from, to
		a, err := d.ask(context.Background(), s, &r)
		if err != nil {
			t.Fatal(err)
		}
		return &r, a
	}
	for _, text := range []string{"top 5 src by bytes", "top exporter,in_if by packets", "top 10 if by bytes", "top src_as,dst_as by flows", "top app_name by bytes"} {
		r, got := ask(from, to, text)
		if diff := querytest.Diff(r, got, querytest.Oracle(stored, r)); diff != "" {
			t.Errorf("%s: %s\n%v", text, diff, got.Notes)
		}
		if len(got.Notes) == 0 || strings.Contains(got.Notes[len(got.Notes)-1], "is missing") {
			t.Errorf("%s: %q", text, got.Notes)
		}
	}
	if _, got := ask(from, to, "top dst_port by bytes"); !strings.Contains(strings.Join(got.Notes, "\n"), "is missing") {
		t.Errorf("nothing says that flows are gone: %q", got.Notes)
	}
	if _, got := ask(querytest.Epoch/hour*hour-hour/2, to, "top 5 src by bytes"); !strings.Contains(strings.Join(got.Notes, "\n"), "no whole one") {
		t.Errorf("nothing says that part of an hour is gone: %q", got.Notes)
	}
	s.Segments = segments
	if _, got := ask(from, to, "top dst_port by bytes"); len(got.Notes) != 0 {
		t.Errorf("all is there: %q", got.Notes)
	}
}

// Where each flow counts twice, for either side, what is in no group of the answer
// is exact up to what a DOUBLE holds, and beyond.
func TestOthersAreExact(t *testing.T) {
	d := openTest(t)
	b := &flow.Batch{}
	for i := range b.Grow(5) {
		f := &b.Flows[i]
		*f = flow.Flow{Start: querytest.Epoch, End: querytest.Epoch, Received: querytest.Epoch, Bytes: 1<<50 + 1<<49 + 1, InIf: uint32(2 * i), OutIf: uint32(2*i + 1),
			Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldInIf, flow.FieldOutIf)}
	}
	s := &Snapshot{Segments: put(t, d, b, 5)}
	r := &query.Request{From: querytest.Epoch - 1e9, To: querytest.Epoch + 1e9, Limit: 1, By: []query.Dim{{Of: quantityOf(t, "if")}}, Metrics: []query.Metric{{}}}
	got, err := d.ask(context.Background(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(9 * (1<<50 + 1<<49 + 1)); got.Other.Values[0] != want {
		t.Errorf("others have %d, want %d", got.Other.Values[0], want)
	}
}
