//go:build cgo

package store

import (
	"cmp"
	"fmt"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// A plan is what is read for an answer.
type plan struct {
	sources []duck.Source
	rollup  *duck.Rollup // that is used; nil: none
	only    lone         // of what it has sums, but no flows
	cut     int64        // how much of that lies in no whole bin, milliseconds
	lacks   string       // a sentence about what it has not of the interval, though there are sums of it
}

// lone are flows that are kept no longer, of which rollups have the sums.
type lone struct {
	segments int   // that had them
	from, to int64 // when they were, Unix milliseconds
}

// loneOf returns what of the interval has only sums by u; by any rollup, if that is
// nil.
func loneOf(u *duck.Rollup, segments []*Segment, rollups []*RollupFile, from, to int64) (x lone) {
	have, gone := map[string]bool{}, map[string]bool{}
	for _, s := range segments {
		have[s.File] = true
	}
	for _, f := range rollups {
		end := f.Bins[1] + f.Bin
		if u != nil && f.Name != u.Name || f.Bins[0] >= ceilMS(to) || end <= milliseconds(from) {
			continue
		}
		for _, file := range f.Segments {
			if have[file] {
				continue
			}
			if gone[file] = true; len(gone) == 1 {
				x.from, x.to = f.Bins[0], end
			}
			x.from, x.to = min(x.from, f.Bins[0]), max(x.to, end)
		}
	}
	x.segments = len(gone)
	return x
}

// cut is how much of x lies in the interval, but in none of its whole bins, Unix
// milliseconds.
func (x *lone) cut(from, to, bin int64) int64 {
	if x.segments == 0 {
		return 0
	}
	first, last := milliseconds(-floorTo(-from, bin)), milliseconds(floorTo(to, bin))
	return max(0, min(first, x.to)-max(milliseconds(from), x.from)) + max(0, min(ceilMS(to), x.to)-max(last, x.from))
}

// plan chooses what answers r: the flows of segments, or the rollup that has the
// fewest rows for it, with the flows of what it has not: of segments that are not
// in it, and of the interval's ends that are no whole bins. Flows that are kept no
// longer are in rollups only: the one that has most of them goes before.
func (d *duckDB) plan(segments []*Segment, rollups []*RollupFile, r *query.Request) plan {
	from, to := r.From, r.To
	if r.Dedup { // the minutes at both ends count whole for who is authoritative
		from, to = from-query.DedupBin, to+query.DedupBin
	}
	need := needs(r)
	best, least := plan{sources: d.sources(segments, need, from, to, r.Bin)}, uint64(0)
	for _, x := range best.sources {
		least += x.Rows
	}
	if d.eager {
		least = 1 << 62
	}
	for i := range duck.Rollups {
		u := &duck.Rollups[i]
		if u.Most > 0 || !u.Answers(r) {
			continue
		}
		p, rows := d.planned(u, segments, rollups, r)
		if p.rollup == nil {
			continue
		}
		if cmp.Or(cmp.Compare(p.only.segments, best.only.segments), cmp.Compare(best.cut, p.cut), cmp.Compare(least, rows)) > 0 {
			best, least = p, rows
		}
	}
	if d.busy(segments, r.Filter, from, to) {
		for i := range best.sources {
			best.sources[i].Busy = true
		}
	}
	switch all := loneOf(nil, segments, rollups, r.From, r.To); {
	case all.segments > best.only.segments:
		best.lacks = fmt.Sprintf("Of a part of the time up to %s only sums are kept, which don't tell what is asked: that part is missing here.", stamp(all.to))
	case best.cut > 0:
		best.lacks = fmt.Sprintf("Of a part of this time only sums of %s each are kept: what is no whole one of them is missing here.", best.rollup.Bin)
	}
	return best
}

// planned is the plan with rollup u, and how many rows it reads.
func (d *duckDB) planned(u *duck.Rollup, segments []*Segment, rollups []*RollupFile, r *query.Request) (p plan, rows uint64) {
	need, bin := needs(r), int64(u.Bin)
	first, last := -floorTo(-r.From, bin), floorTo(r.To, bin)
	if first >= last {
		return p, 0
	}
	sums := duck.Source{Has: u.Set(), Rollup: u, From: first, To: last}
	if u.Sided() {
		sums.Has.Del(u.Side)
	}
	in := map[string]bool{}
	for _, f := range rollups {
		if f.Name != u.Name {
			continue
		}
		for _, file := range f.Segments {
			in[file] = true
		}
		if f.Bins[1] < milliseconds(first) || f.Bins[0] >= milliseconds(last) {
			continue
		}
		sums.Files = append(sums.Files, d.pathOf(f.File))
		sums.Sum += f.MaxSum
		sums.Rows += uint64(f.Rows)
		if all := f.Bins[1] - f.Bins[0] + u.Bin.Milliseconds(); all > 0 { // of its bins those that are asked for, about
			asked := min(f.Bins[1]+u.Bin.Milliseconds(), milliseconds(last)) - max(f.Bins[0], milliseconds(first))
			rows += uint64(float64(f.Rows) * float64(asked) / float64(all))
		}
	}
	if len(sums.Files) == 0 {
		return p, 0
	}
	var covered, others []*Segment
	for _, s := range segments {
		if in[s.File] {
			covered = append(covered, s)
		} else {
			others = append(others, s)
		}
	}
	p = plan{rollup: u, only: loneOf(u, segments, rollups, r.From, r.To), sources: d.sources(others, need, r.From, r.To, r.Bin)}
	p.cut = p.only.cut(r.From, r.To, bin)
	for _, edge := range [][2]int64{{r.From, first}, {last, r.To}} {
		if edge[0] >= edge[1] {
			continue
		}
		for _, x := range d.sources(covered, need, edge[0], edge[1], 0) {
			x.From, x.To = edge[0], edge[1]
			p.sources = append(p.sources, x)
		}
	}
	for _, x := range p.sources {
		rows += x.Rows
	}
	p.sources = append(p.sources, sums)
	return p, rows
}

// notes are sentences about p for whoever asked.
func (p *plan) notes() (all []string) {
	if p.rollup != nil {
		all = append(all, fmt.Sprintf("From sums by %s of %s each.", names(p.rollup), p.rollup.Bin))
	}
	if p.lacks != "" {
		all = append(all, p.lacks)
	}
	return all
}

func names(u *duck.Rollup) string {
	s := ""
	for i, x := range u.Keys {
		switch {
		case i > 0 && i == len(u.Keys)-1:
			s += " and "
		case i > 0:
			s += ", "
		}
		s += flow.Fields[x].Flat
	}
	return s
}
