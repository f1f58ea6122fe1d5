//go:build cgo

package store

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/querytest"
)

// An answer names the rates of what is in its time: of segments, of the tail, and of
// flows that only sums are left of. What an older weir wrote doesn't tell.
func TestRates(t *testing.T) {
	d := openTest(t)
	hour := int64(time.Hour)
	begin := querytest.Epoch / hour * hour
	b := &flow.Batch{}
	for i, rate := range []uint32{1, 10, 100, 1000} { // each an hour later
		at := begin + int64(i)*hour + hour/2
		f := &b.Grow(1)[0]
		*f = flow.Flow{Start: at, End: at, Received: at, Bytes: 1, Packets: 1, SamplingRate: rate}
		f.Set = flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets, flow.FieldSamplingRate, flow.FieldSrcAddr)
	}
	only := *b
	only.Flows = b.Flows[:3]
	segments := put(t, d, &only, 1)
	sums := rolled(t, d, segments)
	tail := tailOf(b, 3, 4)
	f := func(least, most uint32, s *Snapshot, from, to int64) {
		t.Helper()
		r := &query.Request{
			From: begin + from*hour, To: begin + to*hour, Limit: 10, By: []query.Dim{{Of: quantityOf(t, "src ip")}}, Metrics: []query.Metric{{Of: query.Bytes}},
		}
		a, err := d.ask(context.Background(), s, r)
		if err != nil {
			t.Fatal(err)
		}
		if a.Flows != uint64(to-from) || a.LeastRate != least || a.MostRate != most {
			t.Errorf("%d flows, rates from %d to %d, want from %d to %d", a.Flows, a.LeastRate, a.MostRate, least, most)
		}
	}
	whole := &Snapshot{Segments: segments, Tail: tail}
	f(10, 1000, whole, 0, 4)
	f(1000, 1000, whole, 3, 4)
	f(10, 10, whole, 0, 2)
	f(0, 0, whole, 0, 1)
	left := &Snapshot{Segments: segments[:1], Rollups: sums, Tail: tail}
	f(10, 1000, left, 0, 4)
	f(100, 100, left, 2, 3)
	f(0, 0, left, 0, 1)

	// An older weir's manifest has neither.
	older := func(x, y any) {
		t.Helper()
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "min_rate")
		if _, rollup := y.(*RollupFile); rollup {
			delete(fields, "max_rate")
		}
		if text, err = json.Marshal(fields); err == nil {
			err = json.Unmarshal(text, y)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	old := &Snapshot{Tail: tail}
	for _, s := range segments {
		o := &Segment{}
		older(s, o)
		old.Segments = append(old.Segments, o)
	}
	for _, s := range sums {
		o := &RollupFile{}
		older(s, o)
		old.Rollups = append(old.Rollups, o)
	}
	f(0, 0, &Snapshot{Segments: old.Segments, Tail: tail}, 0, 4)
	f(1000, 1000, &Snapshot{Segments: old.Segments, Tail: tail}, 3, 4)
	f(10, 100, &Snapshot{Segments: segments, Rollups: old.Rollups}, 0, 3) // segments tell
	f(0, 0, &Snapshot{Segments: segments[:1], Rollups: old.Rollups, Tail: tail}, 0, 4)
}
