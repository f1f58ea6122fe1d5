package querytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Diff says how got differs from want, two answers to r; nothing if they don't. Of
// records that rank alike, those that the limit leaves out may differ. What an
// engine sets as it knows it (Scanned, Bound, Coverage, Notes) is not compared.
func Diff(r *query.Request, got, want *query.Answer) string {
	d := &differ{}
	equal(d, "Flows", got.Flows, want.Flows)
	equal(d, "Unknown", got.Unknown, want.Unknown)
	equal(d, "Sampled", got.Sampled, want.Sampled)
	d.rates(got, want)
	list(d, "Total", got.Total, want.Total)
	equal(d, "Others", got.Others, want.Others)
	equal(d, "More", got.More, want.More)
	equal(d, "len(Groups)", len(got.Groups), len(want.Groups))
	for i := range min(len(got.Groups), len(want.Groups)) {
		d.group(fmt.Sprintf("Groups[%d]", i), &got.Groups[i], &want.Groups[i])
	}
	d.group("Other", &got.Other, &want.Other)
	equal(d, "len(Conversations)", len(got.Conversations), len(want.Conversations))
	for i := range min(len(got.Conversations), len(want.Conversations)) {
		equal(d, fmt.Sprintf("Conversations[%d]", i), got.Conversations[i], want.Conversations[i])
	}
	d.records(r, got, want)
	return strings.Join(d.lines, "\n")
}

// A differ collects differences, the first few.
type differ struct{ lines []string }

func (d *differ) add(what string, got, want any) {
	if len(d.lines) < 10 {
		d.lines = append(d.lines, fmt.Sprintf("%s is %+v, not %+v", what, got, want))
	}
}

func equal[T comparable](d *differ, what string, got, want T) {
	if got != want {
		d.add(what, got, want)
	}
}

func list[T comparable](d *differ, what string, got, want []T) {
	if !slices.Equal(got, want) {
		d.add(what, got, want)
	}
}

// rates tells whether the sampling rates that got names hold all that want does: an
// engine may name more.
func (d *differ) rates(got, want *query.Answer) {
	none := want.MostRate == 0
	if none != (got.MostRate == 0) || none != (got.LeastRate == 0) || !none && got.LeastRate < 2 || got.LeastRate > want.LeastRate || got.MostRate < want.MostRate {
		d.add("LeastRate to MostRate", [2]uint32{got.LeastRate, got.MostRate}, [2]uint32{want.LeastRate, want.MostRate})
	}
}

func (d *differ) group(what string, got, want *query.Group) {
	list(d, what+".Key", got.Key, want.Key)
	what += fmt.Sprintf(" (%+v)", want.Key)
	list(d, what+".Values", got.Values, want.Values)
	list(d, what+".In", got.In, want.In)
	list(d, what+".Out", got.Out, want.Out)
	equal(d, what+".Samples", got.Samples, want.Samples)
	equal(d, "len of "+what+".Bins", len(got.Bins), len(want.Bins))
	for m := range min(len(got.Bins), len(want.Bins)) {
		list(d, fmt.Sprintf("%s.Bins[%d]", what, m), got.Bins[m], want.Bins[m])
	}
}

// records compares records that rank alike as sets.
func (d *differ) records(r *query.Request, got, want *query.Answer) {
	g, w := &got.Batch, &want.Batch
	equal(d, "len(Batch.Flows)", len(g.Flows), len(w.Flows))
	n := min(len(g.Flows), len(w.Flows))
	type place struct {
		size     uint64
		known    bool
		received int64
	}
	of := func(f *flow.Flow) (p place) {
		p.size, p.known, p.received = rank(r, f)
		return p
	}
	for from := 0; from < n; {
		at := of(&w.Flows[from])
		to := from
		for to < n && of(&w.Flows[to]) == at {
			to++
		}
		for i := from; i < to; i++ {
			equal(d, fmt.Sprintf("the rank of Batch.Flows[%d]", i), of(&g.Flows[i]), at)
		}
		if to < n || want.More == 0 {
			list(d, fmt.Sprintf("Batch.Flows[%d:%d]", from, to), Records(g, from, to), Records(w, from, to))
		}
		from = to
	}
}

// Records describes flows of b in an order of its own.
func Records(b *flow.Batch, from, to int) (all []string) {
	for i := from; i < to; i++ {
		f := &b.Flows[i]
		var s strings.Builder
		for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
			fmt.Fprintf(&s, "%s=", flow.Fields[x].Flat)
			switch {
			case f.Addr(x) != nil:
				fmt.Fprintf(&s, "%s ", f.Addr(x))
			case flow.Fields[x].Kind == flow.KindStr:
				fmt.Fprintf(&s, "%q ", b.Strings.Get(flow.Str(f.Uint(x))))
			case flow.Fields[x].Kind == flow.KindTime:
				fmt.Fprintf(&s, "%d ", int64(f.Uint(x)))
			default:
				fmt.Fprintf(&s, "%d ", f.Uint(x))
			}
		}
		fmt.Fprintf(&s, "marks=%d", f.Marks)
		for e, v := range b.Extra(f) {
			fmt.Fprintf(&s, " %d_%d_%d=%x", e.PEN, e.ID, e.Ord, v)
		}
		all = append(all, s.String())
	}
	slices.Sort(all)
	return all
}
