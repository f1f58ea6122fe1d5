package engine

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// series spreads what was kept over the bins of the answer's groups; place says
// which of them a group went to.
func (g *grouping) series(place []uint32) error {
	a := g.answer
	to := make([][][]uint64, 0, len(a.Groups)+1)
	add := func(q *query.Group) {
		q.Bins = g.noBins()
		to = append(to, q.Bins)
	}
	for k := range a.Groups {
		add(&a.Groups[k])
	}
	if a.Others > 0 {
		add(&a.Other)
	}
	for id, all := range g.early {
		for m, bins := range all {
			for k, v := range bins {
				to[place[id]][m][k] = flow.Plus(to[place[id]][m][k], v)
			}
		}
	}
	c := g.choice
	for i := range g.kept {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		x := &g.kept[i]
		c.again(x)
		for m, metric := range g.r.Metrics {
			if metric.Of == query.Distinct {
				continue
			}
			volumes := c.volumes(metric.Of, g.r.Raw)
			for e, id := range x.ids {
				k := x.row(e)
				from, before := c.interval(k)
				g.bins.spread(to[place[id]][m], volumes[k], c.start[k], c.end[k], from, before)
			}
		}
	}
	return nil
}

// noBins returns the bins of a group, of each metric, as long as they are empty.
func (g *grouping) noBins() [][]uint64 {
	all := make([][]uint64, len(g.r.Metrics))
	for m, metric := range g.r.Metrics {
		if metric.Of != query.Distinct {
			all[m] = make([]uint64, g.bins.n)
		}
	}
	return all
}

// mostEarly is how many bins there may be before the largest groups are known: then it
// takes no second look at the flows.
const mostEarly = 1 << 18

// binsEarly makes room for the bins of the groups that are known, and tells whether
// there is.
func (g *grouping) binsEarly() bool {
	n := g.table.n
	if !g.r.Series || g.r.Folds() || g.r.Sides || n*g.bins.n*len(g.r.Metrics) > mostEarly {
		return false
	}
	for len(g.early) < n {
		g.early = append(g.early, g.noBins())
	}
	return true
}

// spread adds what is chosen of a block to the bins of a metric.
func (g *grouping) spread(m int) {
	c := g.choice
	volumes := c.volumes(g.r.Metrics[m].Of, g.r.Raw)
	for e, id := range g.ids {
		k := g.row(e)
		from, before := c.interval(k)
		g.bins.spread(g.early[id][m], volumes[k], c.start[k], c.end[k], from, before)
	}
}

// volume returns the whole volume of row i, scaled unless raw.
func (b *Block) volume(i int, of query.Volume, raw bool) uint64 {
	x := flow.FieldBytes
	switch of {
	case query.Records:
		return 1
	case query.Packets:
		x = flow.FieldPackets
	}
	v := b.cols[x]
	if v == nil {
		return 0
	}
	rates := b.cols[flow.FieldSamplingRate]
	if raw || rates == nil {
		return v.u64[i]
	}
	return flow.Times(v.u64[i], uint64(max(rates.u32[i], 1)))
}

// maxBins is how many bins of how many groups are there at a time when they are
// folded.
const maxBins = 1 << 21

// fold makes the numbers of metrics that fold bins, for some groups at a time.
func (g *grouping) fold() error {
	slots := 0
	for _, m := range g.r.Metrics {
		if m.Fold != query.Total {
			slots += g.sides
		}
	}
	n := min(g.table.n, max(1, maxBins/(g.bins.n*slots)))
	f := folder{grouping: g, n: n, sum: make([][]uint64, len(g.values)), seen: make([]uint8, n*g.bins.n)}
	for slot := range f.sum {
		if g.r.Metrics[slot/g.sides].Fold != query.Total {
			f.sum[slot] = make([]uint64, n*g.bins.n)
		}
	}
	for ; f.first < g.table.n; f.first += n {
		for i := range g.kept {
			if err := g.ctx.Err(); err != nil {
				return err
			}
			f.add(&g.kept[i])
		}
		for id := f.first; id < min(f.first+n, g.table.n); id++ {
			f.finish(id)
		}
	}
	return nil
}

// A folder folds the bins of n groups, from first on.
type folder struct {
	*grouping
	first, n int
	sum      [][]uint64 // of each slot that is folded, of each group, of each bin
	seen     []uint8    // of each group, of each bin: whether a flow was seen, bit by bit as the slots of a metric are
	values   []uint64   // scratch
}

// add spreads what was chosen of a block.
func (f *folder) add(x *kept) {
	c := f.choice
	c.again(x)
	if f.r.Present {
		for e := range x.ids {
			if at, ok := f.at(x, e); ok {
				k := x.row(e)
				from, before := c.interval(k)
				first, last := f.bins.touched(c.start[k], c.end[k], from, before)
				for n := first; n <= last; n++ {
					f.seen[at+n] |= x.slots(e)
				}
			}
		}
	}
	for m, metric := range f.r.Metrics {
		if metric.Fold == query.Total {
			continue
		}
		volumes := c.volumes(metric.Of, f.r.Raw)
		for e := range x.ids {
			at, ok := f.at(x, e)
			if !ok {
				continue
			}
			k, slots := x.row(e), x.slots(e)
			from, before := c.interval(k)
			for side := range f.sides {
				if slots>>side&1 != 0 {
					f.bins.spread(f.sum[m*f.sides+side][at:at+f.bins.n], volumes[k], c.start[k], c.end[k], from, before)
				}
			}
		}
	}
}

// at returns where the bins of entry e's group are, if they are there.
func (f *folder) at(x *kept, e int) (at int, ok bool) {
	n := int(x.ids[e]) - f.first
	return n * f.bins.n, n >= 0 && n < f.n
}

// slots are those that entry e counts for, a bit for each of a metric.
func (x *entries) slots(e int) uint8 {
	if len(x.side) == 0 {
		return 1
	}
	in, out := x.side[e]/isIn&1, x.side[e]/isOut&1
	return 1 | in<<1 | out<<2
}

// finish sets the numbers of a group, and clears its bins.
func (f *folder) finish(id int) {
	at := (id - f.first) * f.bins.n
	seen := f.seen[at : at+f.bins.n]
	for slot, all := range f.sum {
		if all == nil {
			continue
		}
		bins := all[at : at+f.bins.n]
		f.values = f.values[:0]
		for k, v := range bins {
			if v != 0 || f.r.Present && seen[k]>>(slot%f.sides)&1 != 0 {
				f.values = append(f.values, v)
			}
		}
		zeros := len(bins) - len(f.values)
		if f.r.Present {
			zeros = 0
		}
		f.grouping.values[slot][id] = fold(f.r.Metrics[slot/f.sides], f.values, zeros)
		clear(bins)
	}
	clear(seen)
}

// fold makes a number of bins and as many more that are zero. It sorts them.
func fold(m query.Metric, bins []uint64, zeros int) uint64 {
	n := len(bins) + zeros
	if len(bins) == 0 {
		return 0
	}
	if m.Fold == query.Peak {
		return slices.Max(bins)
	}
	r := (m.Pct*n + 99) / 100
	if r <= zeros {
		return 0
	}
	slices.Sort(bins)
	return bins[r-zeros-1]
}
