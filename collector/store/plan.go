//go:build cgo

package store

import (
	"fmt"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// A plan is what is read for an answer.
type plan struct {
	sources []duck.Source
	rollup  *duck.Rollup // that is used; nil: none
	lacks   int          // files of sums in the interval whose flows are gone, and whose sums this has not
}

// plan chooses what answers r: the flows of segments, or the rollup that has the
// fewest rows for it, with the flows of what it has not: of segments that are not
// in it, and of the interval's ends that are no whole bins.
func (d *duckDB) plan(segments []*Segment, rollups []*RollupFile, r *query.Request) plan {
	from, to := r.From, r.To
	if r.Dedup { // the minutes at both ends count whole for who is authoritative
		from, to = from-query.DedupBin, to+query.DedupBin
	}
	need := needs(r)
	gone := goneFlows(segments, rollups, r)
	best, least := plan{sources: d.sources(segments, need, from, to, r.Bin), lacks: len(gone)}, uint64(0)
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
		p.lacks = len(gone)
		for _, f := range rollups {
			if f.Name == u.Name && len(f.Segments) > 0 && gone[f.Segments[0]] {
				p.lacks--
			}
		}
		if p.rollup != nil && (p.lacks < best.lacks || p.lacks == best.lacks && rows < least) {
			best, least = p, rows
		}
	}
	return best
}

// goneFlows returns what files of sums begin with whose flows are no longer kept:
// segments go before their sums. Those of different rollups begin alike.
func goneFlows(segments []*Segment, rollups []*RollupFile, r *query.Request) map[string]bool {
	have := make(map[string]bool, len(segments))
	for _, s := range segments {
		have[s.File] = true
	}
	gone := map[string]bool{}
	for _, f := range rollups {
		if len(f.Segments) > 0 && !have[f.Segments[0]] && f.Bins[0] < ceilMS(r.To) && f.Bins[1]+f.Bin > floorMS(r.From) {
			gone[f.Segments[0]] = true
		}
	}
	return gone
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
		if f.Bins[1] < floorMS(first) || f.Bins[0] >= floorMS(last) {
			continue
		}
		sums.Files = append(sums.Files, d.pathOf(f.File))
		sums.Sum += f.MaxSum
		sums.Rows += uint64(f.Rows)
		if all := f.Bins[1] - f.Bins[0] + u.Bin.Milliseconds(); all > 0 { // of its bins those that are asked for, about
			asked := min(f.Bins[1]+u.Bin.Milliseconds(), floorMS(last)) - max(f.Bins[0], floorMS(first))
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
	p = plan{rollup: u, sources: d.sources(others, need, r.From, r.To, r.Bin)}
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
	if p.lacks > 0 {
		all = append(all, "Of a part of this time only sums are kept, which don't tell what is asked: that part is missing here.")
	}
	if p.rollup == nil {
		return all
	}
	return append(all, fmt.Sprintf("From sums by %s of %s each.", names(p.rollup), p.rollup.Bin))
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
