package engine

import (
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// A Metric is what a query adds up.
type Metric uint8

const (
	Bytes   Metric = iota // layer-3 octets times the sampling rate
	Packets               // times the sampling rate
	Flows                 // flow records, each where it ended; never scaled
)

// A Query asks for the volume in [From, To), by group. With Bin it asks for the
// volume in each bin as well; the bins begin at From and the last ends at or
// after To.
type Query struct {
	From, To int64 // Unix nanoseconds
	Metric   Metric
	GroupBy  []flow.Field
	Limit    int   // groups to return, 1 at least; the others become Other
	Bin      int64 // nanoseconds; 0: no bins
}

// Bins returns how many bins q has.
func (q Query) Bins() int {
	if q.Bin <= 0 {
		return 0
	}
	return int((q.To - q.From + q.Bin - 1) / q.Bin)
}

// An Answer holds the largest groups, and all others as one.
type Answer struct {
	Groups []Group // largest first
	Other  Group   // what is in no group of Groups; no key
	Others int     // groups in Other

	Flows   int // flows in the interval
	Unknown int // of them, those whose sampling rate is not known: they count as they are
	Sampled int // of them, those with a rate above 1: they count that many times
}

// A Group is the flows that have equal values in the columns of GroupBy.
type Group struct {
	Key   []Value
	Total uint64
	Bins  []uint64
}

// Query answers q. It ends early, with an error, only if ctx does.
func (v View) Query(ctx context.Context, q Query) (Answer, error) {
	if q.Bin > 0 { // the last bin is whole
		q.To = q.From + int64(q.Bins())*q.Bin
	}
	s := scan{q: q, groups: newGroups(q.GroupBy)}
	for _, b := range v.Blocks {
		if b.start >= q.To || b.end < q.From {
			continue
		}
		if err := ctx.Err(); err != nil {
			return Answer{}, err
		}
		s.block(b)
	}
	top, rank := s.rank()
	if q.Bin > 0 {
		if err := s.fill(ctx, top, rank); err != nil {
			return Answer{}, err
		}
	}
	a := Answer{Groups: top, Flows: s.flows, Unknown: s.unknown, Sampled: s.sampled}
	if n := max(q.Limit, 1); len(top) > n {
		a.Groups, a.Other, a.Others = top[:n], top[n], len(s.totals)-n
	}
	return a, nil
}

// A scan is a query under way.
type scan struct {
	q      Query
	groups *groups
	totals []uint64 // of each group
	parts  []part   // what was selected, block by block; only with bins

	flows, unknown, sampled int

	sel    []uint16 // scratch: rows of the block
	volume []uint64 // scratch: their whole volume, scaled
	ids    []uint32 // scratch: their groups
}

// A part is what a scan selected from a block.
type part struct {
	block  *Block
	sel    []uint16
	volume []uint64
	ids    []uint32
}

// block adds the flows of b to the totals.
func (s *scan) block(b *Block) {
	s.sel = s.sel[:0]
	for i := range b.rows {
		if start, end := b.Span(i); overlaps(start, end, s.q.From, s.q.To) {
			s.sel = append(s.sel, uint16(i))
		}
	}
	if len(s.sel) == 0 {
		return
	}
	s.flows += len(s.sel)
	s.volumes(b)
	s.ids = s.groups.find(b, s.sel, s.ids[:0])
	for len(s.totals) < s.groups.n {
		s.totals = append(s.totals, 0)
	}
	for k, i := range s.sel {
		start, end := b.Span(int(i))
		t := &s.totals[s.ids[k]]
		*t = plus(*t, within(s.volume[k], start, end, s.q.From, s.q.To))
	}
	if s.q.Bin > 0 {
		s.parts = append(s.parts, part{b, slices.Clone(s.sel), slices.Clone(s.volume), slices.Clone(s.ids)})
	}
}

// volumes sets the volume of each selected row.
func (s *scan) volumes(b *Block) {
	s.volume = slices.Grow(s.volume[:0], len(s.sel))[:len(s.sel)]
	x := flow.FieldBytes
	switch s.q.Metric {
	case Packets:
		x = flow.FieldPackets
	case Flows:
		for k := range s.volume {
			s.volume[k] = 1
		}
		return
	}
	rates := b.cols[flow.FieldSamplingRate]
	values := b.cols[x]
	for k, i := range s.sel {
		v := uint64(0)
		if values != nil {
			v = values.u64[i]
		}
		rate := uint32(0)
		if rates != nil {
			rate = rates.u32[i]
		}
		switch {
		case rate == 0:
			s.unknown++
		case rate > 1:
			s.sampled++
			v = times(v, uint64(rate))
		}
		s.volume[k] = v
	}
}

// rank returns the groups that the answer names, and for each group which of
// them it went to. If there are others the last one, without a key, is theirs.
func (s *scan) rank() (top []Group, rank []uint32) {
	limit := max(s.q.Limit, 1)
	best := make([]uint32, 0, limit+1)
	for g := range s.totals {
		g := uint32(g)
		if len(best) == limit && !s.before(g, best[limit-1]) {
			continue
		}
		at := sort.Search(len(best), func(i int) bool { return s.before(g, best[i]) })
		best = slices.Insert(best, at, g)
		best = best[:min(len(best), limit)]
	}
	rank = make([]uint32, len(s.totals))
	for g := range rank {
		rank[g] = uint32(len(best))
	}
	for k, g := range best {
		top = append(top, Group{Key: s.groups.key(g), Total: s.totals[g]})
		rank[g] = uint32(k)
	}
	if len(best) < len(s.totals) {
		other := Group{}
		for g, k := range rank {
			if int(k) == len(best) {
				other.Total = plus(other.Total, s.totals[g])
			}
		}
		top = append(top, other)
	}
	return top, rank
}

// before tells whether group a comes before group b.
func (s *scan) before(a, b uint32) bool {
	if s.totals[a] != s.totals[b] {
		return s.totals[a] > s.totals[b]
	}
	return s.groups.less(a, b)
}

// fill spreads what was selected over the bins of top.
func (s *scan) fill(ctx context.Context, top []Group, rank []uint32) error {
	q := &s.q
	for i := range top {
		top[i].Bins = make([]uint64, q.Bins())
	}
	for _, p := range s.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		for k, i := range p.sel {
			start, end := p.block.Span(int(i))
			spread(top[rank[p.ids[k]]].Bins, p.volume[k], start, end, q.From, q.Bin)
		}
	}
	return nil
}

// spread adds a flow's volume to bins that follow each other from the time
// from on.
func spread(bins []uint64, volume uint64, start, end, from, width int64) {
	first := 0
	if start > from {
		first = int((start - from) / width)
	}
	t := from + int64(first)*width
	if start >= end || end <= t+width && start >= t { // in one bin
		bins[first] = plus(bins[first], volume)
		return
	}
	before := until(volume, start, end, t)
	for k := first; k < len(bins) && t < end; k++ {
		t += width
		upto := until(volume, start, end, t)
		bins[k] = plus(bins[k], upto-before)
		before = upto
	}
}

// Text returns the values of a key, a comma between them.
func (g Group) Text() string {
	t := make([]string, len(g.Key))
	for i, v := range g.Key {
		t[i] = v.String()
	}
	return strings.Join(t, ", ")
}
