//go:build cgo

package store

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// manyRows is from how many flows on the largest pairs of hosts come from sums that
// keep only the largest of each hour: all of them would take longer than anybody
// waits.
const manyRows = 20_000_000

// largestPairs tells whether r is for the largest pairs of hosts, by bytes.
func largestPairs(r *query.Request) bool {
	if r.Shape != query.Groups || r.Dedup || r.Raw || r.Bin > 0 || r.Filter != nil || r.Sides || len(r.Metrics) == 0 || r.Metrics[0].Of != query.Bytes {
		return false
	}
	for _, m := range r.Metrics {
		if m.Of == query.Distinct {
			return false
		}
	}
	var has flow.Set
	pair := false
	for i := range r.By {
		d := &r.By[i]
		if d.Bits != 0 || d.Bit6 != 0 || d.Either() {
			return false
		}
		pair = pair || d.Pair
		for _, x := range d.Of.Fields {
			has.Add(x)
		}
	}
	return has == flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr) && (len(r.By) == 1 && pair || len(r.By) == 2 && !pair)
}

// pairs answers a question for the largest pairs; false if it is better answered
// from all flows.
func (d *duckDB) pairs(ctx context.Context, s *Snapshot, segments []*Segment, r *query.Request) (*query.Answer, bool, error) {
	if !largestPairs(r) {
		return nil, false, nil
	}
	u := &duck.Rollups[len(duck.Rollups)-1]
	p, rows := d.planned(u, segments, s.Rollups, r)
	all := uint64(0)
	for _, x := range d.sources(segments, needs(r), r.From, r.To, 0) {
		all += x.Rows
	}
	if p.rollup == nil || !d.eager && p.only.segments == 0 && (all < manyRows || rows > all/4) {
		return nil, false, nil
	}
	// What no sum has, an hour at a time.
	bound, bin := uint64(0), u.Bin.Milliseconds()
	from, to := milliseconds(-floorTo(-r.From, int64(u.Bin))), milliseconds(floorTo(r.To, int64(u.Bin)))
	for _, f := range s.Rollups {
		if first, last := max(f.Bins[0], from), min(f.Bins[1], to-bin); f.Name == u.Name && first <= last {
			hi, lo := bits.Mul64(f.Floor, uint64((last-first)/bin+1))
			if hi > 0 {
				lo = math.MaxUint64
			}
			bound = flow.Plus(bound, lo)
		}
	}
	if r.By[0].Pair { // either direction may be missing
		bound = flow.Plus(bound, bound)
	}
	a := &query.Answer{Total: make([]uint64, len(r.Metrics))}
	if err := d.groups(ctx, a, r, p.sources); err != nil {
		return nil, false, err
	}
	// The totals are those of all flows.
	whole := *r
	whole.By, whole.Limit = nil, 1
	t, err := d.askOf(ctx, s, segments, &whole)
	if err != nil {
		return nil, false, err
	}
	a.Total, a.Flows, a.Unknown, a.Sampled, a.Bound = t.Total, t.Flows, t.Unknown, t.Sampled, bound
	for _, x := range p.sources {
		a.Scanned += x.Rows
	}
	a.Scanned += t.Scanned
	of := ratesOf(segments, s.Rollups, p.rollup, r)
	of.addAnswer(t)
	of.set(a)
	if bound > 0 || a.Others > 0 {
		shown := make([]uint64, len(r.Metrics))
		samples := uint64(0)
		for i := range a.Groups {
			samples = flow.Plus(samples, a.Groups[i].Samples)
			for m := range shown {
				shown[m] = flow.Plus(shown[m], a.Groups[i].Values[m])
			}
		}
		a.Other = query.Group{Values: make([]uint64, len(r.Metrics))}
		for m := range shown {
			a.Other.Values[m] = a.Total[m] - min(a.Total[m], shown[m])
		}
		if len(t.Groups) > 0 {
			a.Other.Samples = t.Groups[0].Samples - min(samples, t.Groups[0].Samples)
		}
	}
	a.Notes = append(p.notes(), fmt.Sprintf("Of each hour the %d largest pairs are known: what is shown may lack some of a pair's smaller hours, and there are more others than %d.", u.Most, a.Others))
	return a, true, nil
}
