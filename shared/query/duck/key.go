package duck

import (
	"fmt"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// keyColumns returns the names that the key of dimension i has: an address has
// two, a pair of them four.
func keyColumns(d *query.Dim, i int) []string {
	k := "k" + strconv.Itoa(i)
	switch {
	case d.Pair:
		return []string{k, k + "l", k + "p", k + "pl"}
	case d.Of.Kind == query.Address:
		return []string{k, k + "l"}
	}
	return []string{k}
}

// key returns expressions for the key of d that column x gives.
func (c *columns) key(d *query.Dim, x flow.Field) []string {
	info := &flow.Fields[x]
	switch info.Kind {
	case flow.KindAddr:
		return masked(d, c.half(x, High), c.half(x, Low))
	case flow.KindStr, flow.KindTime:
		return []string{c.of(x)}
	}
	return []string{number(c.of(x), d.Of, info.Size)}
}

// masked leaves of an address the prefix that counts.
func masked(d *query.Dim, hi, lo string) []string {
	four, six := ^uint64(0), [2]uint64{^uint64(0), ^uint64(0)}
	if d.Bits > 0 {
		four <<= 32 - d.Bits
	}
	if d.Bit6 > 0 {
		six = [2]uint64{^uint64(0) << (64 - min(64, d.Bit6)), ^uint64(0) << (64 - (max(64, d.Bit6) - 64))}
	}
	all := ^uint64(0)
	if four == all && six == [2]uint64{all, all} {
		return []string{hi, lo}
	}
	is4 := isMapped(hi, lo)
	return []string{
		fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s & %d::UBIGINT END", is4, hi, hi, six[0]),
		fmt.Sprintf("CASE WHEN %s THEN %s & %d::UBIGINT ELSE %s & %d::UBIGINT END", is4, lo, four, lo, six[1]),
	}
}

// side returns the keys of all dimensions for the source side of a flow, 0, or
// its destination side, 1.
func (c *columns) side(by []query.Dim, side int) (all []string) {
	for i := range by {
		d := &by[i]
		if d.Pair {
			all = append(all, c.pair(d)...)
			continue
		}
		all = append(all, c.key(d, d.Of.Fields[min(side, len(d.Of.Fields)-1)])...)
	}
	return all
}

// pair returns the key of both addresses of a flow, the lower one first.
func (c *columns) pair(d *query.Dim) []string {
	a, b := c.key(d, d.Of.Fields[0]), c.key(d, d.Of.Fields[1])
	lower := fmt.Sprintf("(%s < %s OR %s = %s AND %s <= %s)", a[0], b[0], a[0], b[0], a[1], b[1])
	either := func(x, y string) string {
		return fmt.Sprintf("CASE WHEN %s THEN %s WHEN NOT %s THEN %s END", lower, x, lower, y)
	}
	return []string{either(a[0], b[0]), either(a[1], b[1]), either(b[0], a[0]), either(b[1], a[1])}
}

// anyKnown is the condition that one of the dimensions that either side has is
// known of a side.
func (c *columns) anyKnown(by []query.Dim, side int) string {
	s := "FALSE"
	for i := range by {
		if by[i].Either() {
			s += " OR " + c.known(by[i].Of.Fields[side]) + " IS NOT NULL"
		}
	}
	return "(" + s + ")"
}

// alike is the condition that both sides of a flow have one key.
func (c *columns) alike(by []query.Dim) string {
	s := "TRUE"
	src, dst := c.side(by, 0), c.side(by, 1)
	for i := range src {
		if src[i] != dst[i] {
			s += " AND " + src[i] + " IS NOT DISTINCT FROM " + dst[i]
		}
	}
	return "(" + s + ")"
}

// passed is the condition that a flow counts for its source side, 0, or its
// destination side, 1: once where they are equal, and not for a side that lacks
// what the other has. "" is no condition.
func (c *columns) passed(r *query.Request, side int) string {
	switch {
	case !r.Either():
		return ""
	case side == 0:
		return "(" + c.anyKnown(r.By, 0) + " OR NOT " + c.anyKnown(r.By, 1) + ")"
	}
	return c.anyKnown(r.By, 1) + " AND NOT " + c.alike(r.By)
}

// flags are, of the rows that pass for a side: once, that a flow counts with this
// one in totals; i and o, that it counts as destination and as source side.
func (c *columns) flags(r *query.Request, side int) string {
	if !r.Either() {
		for i := range r.By {
			if d := &r.By[i]; d.Pair {
				a, b := c.key(d, d.Of.Fields[0]), c.key(d, d.Of.Fields[1])
				less := func(x, y []string) string {
					return fmt.Sprintf("coalesce(%s < %s OR %s = %s AND %s <= %s, TRUE)", x[0], y[0], x[0], y[0], x[1], y[1])
				}
				return less(b, a) + " AS i, " + less(a, b) + " AS o"
			}
		}
	}
	if side == 1 {
		return "NOT " + c.anyKnown(r.By, 0) + " AS once, TRUE AS i, FALSE AS o"
	}
	return "TRUE AS once, " + c.alike(r.By) + " AS i, TRUE AS o"
}
