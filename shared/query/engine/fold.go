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
		q.Bins = make([][]uint64, len(g.r.Metrics))
		for m, metric := range g.r.Metrics {
			if metric.Of != query.Distinct {
				q.Bins[m] = make([]uint64, g.bins.n)
			}
		}
		to = append(to, q.Bins)
	}
	for k := range a.Groups {
		add(&a.Groups[k])
	}
	if a.Others > 0 {
		add(&a.Other)
	}
	for i := range g.kept {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		x := &g.kept[i]
		for m, metric := range g.r.Metrics {
			if metric.Of == query.Distinct {
				continue
			}
			for e, id := range x.ids {
				row := x.rows[x.entries.rows[e]]
				start, end := x.block.Span(int(row))
				from, before := x.interval(e, g.r)
				g.bins.spread(to[place[id]][m], x.block.volume(int(row), metric.Of, g.r.Raw), start, end, from, before)
			}
		}
	}
	return nil
}

// interval returns what counts of entry e's flow.
func (x *kept) interval(e int, r *query.Request) (from, to int64) {
	if len(x.from) > 0 {
		return x.from[x.entries.rows[e]], x.to[x.entries.rows[e]]
	}
	return r.From, r.To
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
	return times(v.u64[i], uint64(max(rates.u32[i], 1)))
}

// fold makes the numbers of metrics that fold bins, group by group, so that there
// are bins of one group at a time.
func (g *grouping) fold() error {
	f := folder{grouping: g, sum: make([][]uint64, len(g.values)), seen: make([]uint8, g.bins.n)}
	for slot := range g.values {
		if g.r.Metrics[slot/g.sides].Fold != query.Total {
			f.sum[slot] = make([]uint64, g.bins.n)
		}
	}
	from := f.order()
	for id := range g.table.n {
		if id%1024 == 0 {
			if err := g.ctx.Err(); err != nil {
				return err
			}
		}
		for _, at := range f.places[from[id]:from[id+1]] {
			f.add(&g.kept[at.block], int(at.entry))
		}
		f.finish(id)
	}
	return nil
}

// A folder folds one group after the other.
type folder struct {
	*grouping
	places  []place
	sum     [][]uint64 // of each slot that is folded, of each bin
	seen    []uint8    // of each bin: whether a flow was seen, bit by bit as the slots of a metric are
	touched []int      // the bins that were seen
	values  []uint64   // scratch
}

// A place is where an entry is.
type place struct{ block, entry uint32 }

// order sorts all entries by group, and returns where each group's begin.
func (f *folder) order() (from []int) {
	from = make([]int, f.table.n+1)
	for i := range f.kept {
		for _, id := range f.kept[i].ids {
			from[id+1]++
		}
	}
	for id := range f.table.n {
		from[id+1] += from[id]
	}
	next := slices.Clone(from)
	f.places = make([]place, from[f.table.n])
	for i := range f.kept {
		for e, id := range f.kept[i].ids {
			f.places[next[id]] = place{uint32(i), uint32(e)}
			next[id]++
		}
	}
	return from
}

// add spreads an entry over the bins.
func (f *folder) add(x *kept, e int) {
	row := int(x.rows[x.entries.rows[e]])
	start, end := x.block.Span(row)
	from, before := x.interval(e, f.r)
	slots := uint8(1)
	if len(x.side) > 0 {
		if x.side[e]&isIn != 0 {
			slots |= 2
		}
		if x.side[e]&isOut != 0 {
			slots |= 4
		}
	}
	first, last := f.bins.touched(start, end, from, before)
	for k := first; k <= last; k++ {
		if f.seen[k] == 0 {
			f.touched = append(f.touched, k)
		}
		f.seen[k] |= slots
	}
	for slot, to := range f.sum {
		if to != nil && slots>>(slot%f.sides)&1 != 0 {
			volume := x.block.volume(row, f.r.Metrics[slot/f.sides].Of, f.r.Raw)
			f.bins.spread(to, volume, start, end, from, before)
		}
	}
}

// finish sets the numbers of a group, and clears the bins.
func (f *folder) finish(id int) {
	for slot, from := range f.sum {
		if from == nil {
			continue
		}
		f.values = f.values[:0]
		for _, k := range f.touched {
			if !f.r.Present || f.seen[k]>>(slot%f.sides)&1 != 0 {
				f.values = append(f.values, from[k])
			}
			from[k] = 0
		}
		zeros := f.bins.n - len(f.values) // of bins that are not among them
		if f.r.Present {
			zeros = 0
		}
		f.grouping.values[slot][id] = fold(f.r.Metrics[slot/f.sides], f.values, zeros)
	}
	for _, k := range f.touched {
		f.seen[k] = 0
	}
	f.touched = f.touched[:0]
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
