package pipeline

import (
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A choice is what an output's filter leaves of a parcel, and counts what it
// refuses. A record goes as its first flow does; options and counters pass.
type choice struct {
	batch   flow.Batch // the parcel's, with the flows that pass
	chosen  []flow.Flow
	index   []uint32
	flows   int   // refused
	records []int // of them, by part; empty: none
	ends    []int // where a part's flows end in chosen
}

// forget makes c refuse nothing, and lets go of its parcel.
func (c *choice) forget() {
	c.batch = flow.Batch{}
	c.flows, c.records, c.ends = 0, c.records[:0], c.ends[:0]
}

// part returns how many records of a part are refused.
func (c *choice) part(i int) int {
	if len(c.records) == 0 {
		return 0
	}
	return c.records[i]
}

// end returns where the flows of a part end in the batch that the sink gets, for a
// part whose flows end at all in the parcel.
func (c *choice) end(i, all int) int {
	if len(c.ends) == 0 {
		return all
	}
	return c.ends[i]
}

// of returns the batch that a sink behind f gets of x, for a choice that refuses
// nothing yet. It is valid until c forgets.
func (c *choice) of(f *query.Filter, x *parcel) *flow.Batch {
	all := x.batch.Flows
	if f == nil || len(all) == 0 {
		return &x.batch
	}
	c.index = f.Select(c.index[:0], &x.batch)
	if c.flows = len(all) - len(c.index); c.flows == 0 {
		return &x.batch
	}
	c.chosen = c.chosen[:0]
	from, k := 0, 0
	for i := range x.parts {
		to := x.parts[i].flows
		first := k
		for ; k < len(c.index) && int(c.index[k]) < to; k++ {
			c.chosen = append(c.chosen, all[c.index[k]])
		}
		c.records = append(c.records, forward(all[from:to])-forward(c.chosen[first:k]))
		c.ends = append(c.ends, k)
		from = to
	}
	c.batch = x.batch
	c.batch.Flows = c.chosen
	return &c.batch
}
