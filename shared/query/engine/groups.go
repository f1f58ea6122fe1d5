package engine

import (
	"cmp"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A grouping is the groups of a request. Numbers of a group are in slots: of each
// metric one, or with Sides three, for all, in and out.
type grouping struct {
	*scan
	keys  *keys
	table *table
	sides int // slots of a metric

	values  [][]uint64   // of each slot, of each group; of folds in the end
	samples []uint64     // of each group
	sets    []*set       // of each metric that is Distinct
	kept    []kept       // what is chosen, for the bins
	early   [][][]uint64 // of each group, of each metric, the bins of a series; as long as there are few
	few     []uint32     // of each small number that flows are grouped by, its group + 1; the last is of those without
	bins    bins

	entries          // scratch
	found   []uint64 // scratch: the keys of entries
}

// Entries are what rows are for groups: each is some row for one group.
type entries struct {
	rows []uint32 // where it is in the choice
	ids  []uint32 // its group
	side []uint8  // isOut, isIn; empty without Sides
}

// A kept is what is chosen of a block, and for which groups it counts.
type kept struct {
	block    *Block
	rows     []uint16
	from, to []int64
	cut      bool
	entries
}

// A set tells which values of a column a group has, or a side of it.
type set struct {
	table *table
	keys  *keys
	key   []uint64 // scratch
}

func (s *scan) groups() error {
	g := &grouping{scan: s, keys: newKeys(s.r.By), sides: 1, bins: binsOf(s.r)}
	g.table = newTable(g.keys.width)
	if s.r.Sides {
		g.sides = 3
	}
	g.values = make([][]uint64, len(s.r.Metrics)*g.sides)
	g.sets = make([]*set, len(s.r.Metrics))
	for m, metric := range s.r.Metrics {
		if metric.Of == query.Distinct {
			k := newKeys(columnsAs(metric.Column))
			g.sets[m] = &set{newTable(1 + k.width), k, make([]uint64, 1+k.width)}
		}
	}
	if err := s.each(g.block); err != nil {
		return err
	}
	if s.r.Folds() {
		if err := g.fold(); err != nil {
			return err
		}
	}
	return g.rank()
}

// block adds what is chosen of a block to its groups.
func (g *grouping) block(int) error {
	c := g.choice
	g.find()
	for i := range g.values {
		g.values[i] = grow(g.values[i], g.table.n)
	}
	g.samples = grow(g.samples, g.table.n)
	early := g.binsEarly()
	for m, metric := range g.r.Metrics {
		switch {
		case metric.Of == query.Distinct:
			g.distinct(m)
		case early:
			g.spread(m)
		case metric.Fold == query.Total:
			parts := c.parts(c.volumes(metric.Of, g.r.Raw))
			g.sum(g.values[m*g.sides], parts, 0)
			if g.r.Sides {
				g.sum(g.values[m*g.sides+1], parts, isIn)
				g.sum(g.values[m*g.sides+2], parts, isOut)
			}
		}
	}
	if g.keys.either != 0 { // a flow may be in two groups
		g.total()
	}
	if parts := c.sampled(); parts != nil {
		g.sum(g.samples, parts, 0)
	}
	if !early && (g.r.Series || g.r.Folds()) {
		g.kept = append(g.kept, kept{c.block, c.keep(), slices.Clone(c.from), slices.Clone(c.to), c.cut,
			entries{slices.Clone(g.rows), slices.Clone(g.ids), slices.Clone(g.side)}})
	}
	return nil
}

func grow(of []uint64, n int) []uint64 {
	if n > len(of) {
		of = append(of, make([]uint64, n-len(of))...)
	}
	return of
}

// sum adds to each group what its entries have, those of one side if it is given.
func (g *grouping) sum(to []uint64, parts []uint64, side uint8) {
	switch {
	case len(g.keys.parts) == 0:
		to[0] = flow.Plus(to[0], sumOf(parts))
	case side != 0:
		for e, id := range g.ids {
			if g.side[e]&side != 0 {
				to[id] = flow.Plus(to[id], parts[g.row(e)])
			}
		}
	case len(g.rows) == 0:
		for e, id := range g.ids {
			to[id] = flow.Plus(to[id], parts[e])
		}
	default:
		for e, id := range g.ids {
			to[id] = flow.Plus(to[id], parts[g.rows[e]])
		}
	}
}

// row returns where entry e is in the choice.
func (x *entries) row(e int) int {
	if len(x.rows) == 0 {
		return e
	}
	return int(x.rows[e])
}

// find makes the entries of what is chosen.
func (g *grouping) find() {
	c, w := g.choice, g.keys.width
	g.rows, g.ids, g.side, g.found = g.rows[:0], g.ids[:0], g.side[:0], g.found[:0]
	if g.findFew() {
		return
	}
	first := g.keys.load(c.block, c.rows, 0)
	if g.keys.either == 0 {
		g.ids = slices.Grow(g.ids, len(c.rows))[:len(c.rows)]
		if len(g.keys.parts) == 0 {
			g.table.id(first[:1])
			clear(g.ids)
			return
		}
		g.table.idsOf(first, g.ids)
		if g.r.Sides {
			g.side = append(g.side, g.keys.side...)
		}
		return
	}
	second := g.keys.load(c.block, c.rows, 1)
	for k := range c.rows {
		src, dst := first[k*w:(k+1)*w], second[k*w:(k+1)*w]
		hasSrc, hasDst := src[0]&g.keys.either != 0, dst[0]&g.keys.either != 0
		switch {
		case hasSrc && !hasDst:
			g.entry(k, src, isOut)
		case hasDst && !hasSrc:
			g.entry(k, dst, isIn)
		case slices.Equal(src, dst):
			g.entry(k, src, isOut|isIn)
		default:
			g.entry(k, src, isOut)
			g.entry(k, dst, isIn)
		}
	}
	g.ids = slices.Grow(g.ids, len(g.rows))[:len(g.rows)]
	g.table.idsOf(g.found, g.ids)
}

// findFew does what find does for one column of small numbers, whose groups are in a
// table by number. It tells whether it is so.
func (g *grouping) findFew() bool {
	if len(g.keys.parts) != 1 || g.keys.either != 0 || g.keys.pair {
		return false
	}
	x := g.keys.parts[0].dim.Of.Fields[0]
	switch c := g.choice.block.Column(x); {
	case c.U8 != nil:
		findFew(g, x, c.U8)
	case c.U16 != nil:
		findFew(g, x, c.U16)
	default:
		return false
	}
	return true
}

func findFew[T uint8 | uint16](g *grouping, x flow.Field, column []T) {
	const none = 1 << 16
	if g.few == nil {
		g.few = make([]uint32, none+1)
	}
	b, rows, of := g.choice.block, g.choice.rows, g.keys.parts[0].dim.Of
	whole, has := b.whole.Has(x), g.keys.having(b, x)
	g.ids = slices.Grow(g.ids, len(rows))[:len(rows)]
	for k, i := range rows {
		v, there := uint64(column[i])>>(of.Shift&63)&of.Mask, uint64(1)
		at := v & (none - 1)
		if !whole && !has[b.set[i]] {
			at, v, there = none, 0, 0
		}
		if g.few[at] == 0 {
			id, _ := g.table.id([]uint64{there, v})
			g.few[at] = id + 1
		}
		g.ids[k] = g.few[at] - 1
	}
}

func (g *grouping) entry(row int, key []uint64, side uint8) {
	g.rows, g.found = append(g.rows, uint32(row)), append(g.found, key...)
	if g.r.Sides {
		g.side = append(g.side, side)
	}
}

// distinct counts values that a group, or a side of it, has not had yet.
func (g *grouping) distinct(m int) {
	c, s := g.choice, g.sets[m]
	words, w := s.keys.load(c.block, c.rows, 0), s.keys.width
	for e, id := range g.ids {
		row := g.row(e)
		word := words[row*w : (row+1)*w]
		if word[0] == 0 { // it lacks the column
			continue
		}
		copy(s.key[1:], word)
		for side := range g.sides {
			if side == 1 && g.side[e]&isIn == 0 || side == 2 && g.side[e]&isOut == 0 {
				continue
			}
			s.key[0] = uint64(id)<<2 | uint64(side)
			if _, isNew := s.table.id(s.key); isNew {
				g.values[m*g.sides+side][id]++
			}
		}
	}
}

// rank sets the groups of the answer.
func (g *grouping) rank() error {
	a, n := g.answer, g.table.n
	for id, all := range g.early { // the bins cover the interval
		for m, bins := range all {
			if bins != nil {
				g.values[m][id] = flow.Plus(g.values[m][id], sumOf(bins))
			}
		}
	}
	for m, metric := range g.r.Metrics {
		if metric.Fold == query.Total && metric.Of != query.Distinct && g.keys.either == 0 {
			a.Total[m] = sumOf(g.values[m*g.sides])
		}
	}
	best := newTop(g.r.Limit, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(g.values[0][b], g.values[0][a]), g.keys.compare(g.table.key(a), g.table.key(b)))
	})
	for id := range n {
		best.add(uint32(id))
	}
	ids := best.sorted()
	place := make([]uint32, n) // in Groups, or behind them
	for id := range place {
		place[id] = uint32(len(ids))
	}
	for k, id := range ids {
		place[id] = uint32(k)
		a.Groups = append(a.Groups, g.group(id))
	}
	if a.Others = n - len(ids); a.Others > 0 {
		a.Other = g.other(place, uint32(len(ids)))
	}
	if !g.r.Series {
		return nil
	}
	return g.series(place)
}

func (g *grouping) group(id uint32) query.Group {
	q := query.Group{Key: g.keys.values(g.table.key(id)), Samples: g.samples[id]}
	for m := range g.r.Metrics {
		q.Values = append(q.Values, g.values[m*g.sides][id])
		if g.r.Sides {
			q.In = append(q.In, g.values[m*g.sides+1][id])
			q.Out = append(q.Out, g.values[m*g.sides+2][id])
		}
	}
	return q
}

// other is what the groups have together whose place is that one.
func (g *grouping) other(place []uint32, at uint32) (o query.Group) {
	n := len(g.r.Metrics)
	o.Values = make([]uint64, n)
	if g.r.Sides {
		o.In, o.Out = make([]uint64, n), make([]uint64, n)
	}
	for id, p := range place {
		if p != at {
			continue
		}
		o.Samples = flow.Plus(o.Samples, g.samples[id])
		for m, metric := range g.r.Metrics {
			if metric.Fold != query.Total || metric.Of == query.Distinct {
				continue
			}
			o.Values[m] = flow.Plus(o.Values[m], g.values[m*g.sides][id])
			if g.r.Sides {
				o.In[m] = flow.Plus(o.In[m], g.values[m*g.sides+1][id])
				o.Out[m] = flow.Plus(o.Out[m], g.values[m*g.sides+2][id])
			}
		}
	}
	return o
}
