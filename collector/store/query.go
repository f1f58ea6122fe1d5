//go:build cgo

package store

import (
	"context"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// ask answers r, which is valid.
func (d *duckDB) ask(ctx context.Context, s *Snapshot, r *query.Request) (*query.Answer, error) {
	need := needs(r)
	segments := s.Segments
	if len(s.Tail) > 0 {
		tail, done, err := d.tailFile(s.Tail, need)
		if err != nil {
			return nil, err
		}
		defer done()
		segments = append(segments[:len(segments):len(segments)], &tail)
	}
	if a, ok, err := d.pairs(ctx, s, segments, r); ok || err != nil {
		return a, err
	}
	return d.askOf(ctx, s, segments, r)
}

// askOf answers r from segments and the rollups of s.
func (d *duckDB) askOf(ctx context.Context, s *Snapshot, segments []*Segment, r *query.Request) (*query.Answer, error) {
	p := d.plan(segments, s.Rollups, r)
	sources := p.sources
	a := &query.Answer{Total: make([]uint64, len(r.Metrics)), Notes: p.notes()}
	for _, x := range sources {
		a.Scanned += x.Rows
	}
	if len(sources) == 0 {
		return a, nil
	}
	var err error
	switch r.Shape {
	case query.Groups:
		err = d.groups(ctx, a, r, sources)
	case query.Flows:
		err = d.records(ctx, a, r, sources)
	case query.Conversations:
		err = d.conversations(ctx, a, r, sources)
	}
	if err != nil {
		return nil, err
	}
	x := ratesOf(segments, s.Rollups, p.rollup, r)
	x.set(a)
	return a, nil
}

// groups fills in an answer of shape Groups.
func (d *duckDB) groups(ctx context.Context, a *query.Answer, r *query.Request, sources []duck.Source) error {
	var w duck.Statement
	if err := duck.Groups(&w, r, sources); err != nil {
		return err
	}
	text, args := w.SQL()
	g := newGrouping(a, r)
	if err := d.query(ctx, text, args, g.rows); err != nil {
		return err
	}
	g.finish()
	return nil
}

// A grouping reads the rows of [duck.Groups] into an answer.
type grouping struct {
	a       *query.Answer
	r       *query.Request
	width   int      // columns of the keys
	sides   int      // columns of a metric
	groups  int      // in all
	samples wide     // of all groups
	sums    [][]wide // of all groups: each metric, in all and of its sides
	bins    [][]wide // of all groups: each metric's bins
}

func newGrouping(a *query.Answer, r *query.Request) *grouping {
	g := &grouping{a: a, r: r, sides: 1}
	if r.Sides {
		g.sides = 3
	}
	for i := range r.By {
		g.width += keyWidth(&r.By[i])
	}
	g.sums, g.bins = make([][]wide, len(r.Metrics)), make([][]wide, len(r.Metrics))
	for m := range r.Metrics {
		g.sums[m] = make([]wide, g.sides)
		if r.Series && r.Metrics[m].Of != query.Distinct {
			g.bins[m] = make([]wide, r.Bins())
		}
	}
	return g
}

func keyWidth(d *query.Dim) int {
	switch {
	case d.Pair:
		return 4
	case d.Of.Kind == query.Address:
		return 2
	}
	return 1
}

// group returns the group of that rank, counted from 1.
func (g *grouping) group(rank int) *query.Group {
	for len(g.a.Groups) < rank {
		x := query.Group{Values: make([]uint64, len(g.r.Metrics))}
		if g.r.Sides {
			x.In, x.Out = make([]uint64, len(g.r.Metrics)), make([]uint64, len(g.r.Metrics))
		}
		x.Bins = g.newBins()
		g.a.Groups = append(g.a.Groups, x)
	}
	return &g.a.Groups[rank-1]
}

func (g *grouping) newBins() (all [][]uint64) {
	if !g.r.Series {
		return nil
	}
	for _, m := range g.r.Metrics {
		var bins []uint64
		if m.Of != query.Distinct {
			bins = make([]uint64, g.r.Bins())
		}
		all = append(all, bins)
	}
	return all
}

func (g *grouping) rows(rows *rows) error {
	all := make([]column, duck.Keys+g.width+g.sides*len(g.r.Metrics))
	for i := range all {
		all[i] = rows.column(i)
	}
	keys, metrics := all[duck.Keys:duck.Keys+g.width], all[duck.Keys+g.width:]
	for i := range rows.n {
		switch rank, bin := int(all[duck.Rank].uint(i)), int(all[duck.Bin].uint(i)); all[duck.Kind].uint(i) {
		case duck.Totals:
			g.a.Flows, g.a.Unknown, g.a.Sampled = all[duck.Flows].uint(i), all[duck.Unknown].uint(i), all[duck.Sampled].uint(i)
			g.groups = int(all[duck.Count].uint(i))
			for m := range g.r.Metrics {
				g.a.Total[m] = metrics[m*g.sides].uint(i)
			}
		case duck.Sums:
			g.samples = all[duck.Samples].wide(i)
			for m := range g.r.Metrics {
				for s := range g.sides {
					g.sums[m][s] = metrics[m*g.sides+s].wide(i)
				}
			}
		case duck.Top:
			x := g.group(rank)
			x.Key = g.key(keys, i)
			x.Samples = all[duck.Samples].uint(i)
			for m := range g.r.Metrics {
				x.Values[m] = metrics[m*g.sides].uint(i)
				if g.r.Sides {
					x.In[m], x.Out[m] = metrics[m*g.sides+1].uint(i), metrics[m*g.sides+2].uint(i)
				}
			}
		case duck.TopBin:
			x := g.group(rank)
			for m := range x.Bins {
				if x.Bins[m] != nil {
					x.Bins[m][bin] = metrics[m*g.sides].uint(i)
				}
			}
		case duck.SumsBin:
			for m := range g.bins {
				if g.bins[m] != nil {
					g.bins[m][bin] = metrics[m*g.sides].wide(i)
				}
			}
		}
	}
	return nil
}

// key reads the key of a row.
func (g *grouping) key(c []column, i int) (all []query.Key) {
	for n := range g.r.By {
		d := &g.r.By[n]
		k := query.Key{Missing: c[0].null(i)}
		if k.Missing {
			all, c = append(all, k), c[keyWidth(d):]
			continue
		}
		switch {
		case d.Of.Kind == query.Address:
			k.Addr = addrOf(c[0].uint(i), c[1].uint(i))
			if d.Pair {
				k.Peer = addrOf(c[2].uint(i), c[3].uint(i))
			}
		case d.Of.Kind == query.Text:
			k.Text = c[0].text(i)
		case d.Of.Kind == query.Time:
			k.Uint = c[0].uint(i) * duck.Millisecond
		default:
			k.Uint = c[0].uint(i)
		}
		all, c = append(all, k), c[keyWidth(d):]
	}
	return all
}

func addrOf(hi, lo uint64) (a flow.Addr) {
	binary.BigEndian.PutUint64(a[:8], hi)
	binary.BigEndian.PutUint64(a[8:], lo)
	return a
}

// finish works out what is in no group of the answer.
func (g *grouping) finish() {
	g.a.Others = g.groups - len(g.a.Groups)
	if g.a.Others <= 0 {
		g.a.Others = 0
		return
	}
	o := query.Group{Values: make([]uint64, len(g.r.Metrics)), Bins: g.newBins()}
	if g.r.Sides {
		o.In, o.Out = make([]uint64, len(g.r.Metrics)), make([]uint64, len(g.r.Metrics))
	}
	for i := range g.a.Groups {
		x := &g.a.Groups[i]
		g.samples.sub(x.Samples)
		for m, metric := range g.r.Metrics {
			if metric.Of != query.Distinct && metric.Fold == query.Total {
				g.sums[m][0].sub(x.Values[m])
				if g.r.Sides {
					g.sums[m][1].sub(x.In[m])
					g.sums[m][2].sub(x.Out[m])
				}
			}
			for k := range g.bins[m] {
				g.bins[m][k].sub(x.Bins[m][k])
			}
		}
	}
	o.Samples = g.samples.capped()
	for m := range g.r.Metrics {
		o.Values[m] = g.sums[m][0].capped()
		if g.r.Sides {
			o.In[m], o.Out[m] = g.sums[m][1].capped(), g.sums[m][2].capped()
		}
		for k := range g.bins[m] {
			o.Bins[m][k] = g.bins[m][k].capped()
		}
	}
	g.a.Other = o
}

func (w *wide) sub(v uint64) {
	var borrow uint64
	w.lo, borrow = bits.Sub64(w.lo, v, 0)
	w.hi -= borrow
}

// capped is w, or the most that 64 bits hold.
func (w *wide) capped() uint64 {
	if w.hi != 0 {
		return math.MaxUint64
	}
	return w.lo
}
