package query

import (
	"context"
	"slices"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// An Engine answers requests.
type Engine func(context.Context, *Request) (*Answer, error)

// Run asks an engine, for the period to compare with as well, and makes a table of
// what it says.
func (q *Question) Run(ctx context.Context, engine Engine) (*Table, error) {
	r := q.Request
	a, err := engine(ctx, &r)
	if err != nil {
		return nil, err
	}
	var before *Answer
	if r := q.Previous(); r != nil {
		if before, err = engine(ctx, r); err != nil {
			return nil, err
		}
	}
	return q.Table(a, before), nil
}

// Table makes a table of a, the answer to q, and of before, that to q.Previous(),
// which may be nil.
func (q *Question) Table(a, before *Answer) *Table {
	byName() // which gives phrases their names
	t := &Table{
		Question: q.String(), Show: q.Show(),
		From: time.Unix(0, q.From).UTC(), To: time.Unix(0, q.To).UTC(), Bin: float64(q.Bin) / 1e9,
		Rows: [][]Cell{}, More: a.More,
		Flows: a.Flows, Unknown: a.Unknown, Sampled: a.Sampled, LeastRate: a.LeastRate, MostRate: a.MostRate, Scaled: !q.Raw, Scanned: a.Scanned, Notes: a.Notes,
	}
	if q.Zone != nil {
		t.Zone = q.Zone.String()
	}
	if c := &a.Coverage; c.Known {
		t.Complete = &Complete{c.Share(), c.Records, c.Missing, c.Lost}
	}
	switch q.Shape {
	case Flows:
		t.flows(&a.Batch)
	case Conversations:
		t.conversations(a.Conversations)
	default:
		g := &grouped{Table: t, q: q, a: a, before: before, span: q.To - q.From}
		g.columns()
		g.rows()
	}
	return t
}

// grouped makes a table of groups.
type grouped struct {
	*Table
	q         *Question
	a, before *Answer
	span      int64
	sampled   bool // a group's volume is an estimate
	share     bool // the first metric has a total
}

func (g *grouped) columns() {
	add := func(c TableColumn) { g.Columns = append(g.Columns, c) }
	for i := range g.q.By {
		d := &g.q.By[i]
		name, kind := fieldName(d.Of), d.Of.cell()
		if d.Pair {
			add(TableColumn{name + "_a", d.Of.Name, kind, "", KeyRole})
			name += "_b"
		}
		add(TableColumn{name, d.Of.Name, kind, "", KeyRole})
	}
	for i := range g.a.Groups {
		g.sampled = g.sampled || g.a.Groups[i].Samples > 0
	}
	// Neither different values nor records are estimates, and nothing is that is raw.
	g.sampled = g.sampled && !g.q.Raw && slices.ContainsFunc(g.q.Metrics, func(m Metric) bool { return m.Of == Bytes || m.Of == Packets })
	for i, m := range g.q.Metrics {
		c := TableColumn{Name: m.column(), Kind: UintCell, Unit: m.unit(), Role: ValueRole}
		if m.Fold != Total {
			c.Kind, c.Unit = FloatCell, c.Unit+"/s"
		}
		add(c)
		if m.Fold == Total && m.Of != Distinct {
			add(TableColumn{c.Name + "_rate", "", FloatCell, c.Unit + "/s", RateRole})
		}
		if g.q.Sides {
			add(TableColumn{c.Name + "_in", "", c.Kind, c.Unit, SideRole})
			add(TableColumn{c.Name + "_out", "", c.Kind, c.Unit, SideRole})
		}
		if i > 0 {
			continue
		}
		if g.share = m.Fold == Total && m.Of != Distinct; g.share {
			add(TableColumn{"share", "", FloatCell, "%", ShareRole})
		}
		if g.before != nil {
			add(TableColumn{c.Name + "_before", "", c.Kind, c.Unit, BeforeRole})
			add(TableColumn{"change", "", FloatCell, "%", ChangeRole})
		}
	}
	if g.sampled {
		add(TableColumn{"error", "", FloatCell, "%", ErrorRole})
	}
}

func (g *grouped) rows() {
	old := map[string]*Group{}
	if g.before != nil {
		for i := range g.before.Groups {
			b := &g.before.Groups[i]
			old[g.keyText(b)] = b
		}
	}
	for i := range g.a.Groups {
		x := &g.a.Groups[i]
		var before *Group
		if g.before != nil {
			if before = old[g.keyText(x)]; before == nil && g.before.Others == 0 {
				before = &Group{Values: make([]uint64, len(g.q.Metrics))}
			}
		}
		g.Rows = append(g.Rows, g.row(x, before, g.keys(x)))
		g.lines(i, x)
	}
	none := make([]Cell, g.keyCells())
	if g.Others = g.a.Others; g.Others > 0 {
		g.Other = some(g.row(&g.a.Other, nil, none))
		g.lines(-1, &g.a.Other)
	}
	if total := g.total(g.a); total != nil && len(g.q.By) > 0 {
		var before *Group
		if g.before != nil {
			before = g.total(g.before)
		}
		g.Total = g.row(total, before, none)
		for i, c := range g.Columns {
			if c.Role == SideRole || c.Role == ErrorRole {
				g.Total[i] = Cell{}
			}
		}
		g.Total = some(g.Total)
	}
	if g.a.Bound > 0 {
		m := g.q.Metrics[0]
		g.Bound = m.value(g.a.Bound, g.q.Bin).Number()
	}
}

// some returns a row, or nil if nothing is in it.
func some(row []Cell) []Cell {
	if slices.ContainsFunc(row, func(c Cell) bool { return !c.IsNone() }) {
		return row
	}
	return nil
}

// total returns a's sums as a group's, of the other metrics nothing; nil if there
// is none.
func (g *grouped) total(a *Answer) *Group {
	if len(a.Total) != len(g.q.Metrics) {
		return nil
	}
	return &Group{Values: a.Total}
}

func (g *grouped) keyCells() (n int) {
	for i := range g.q.By {
		n += 1 + b2i(g.q.By[i].Pair)
	}
	return n
}

// keys returns the cells of x's key.
func (g *grouped) keys(x *Group) (out []Cell) {
	for i := range g.q.By {
		d, k := &g.q.By[i], &x.Key[i]
		out = append(out, d.cell(k, k.Addr))
		if d.Pair {
			out = append(out, d.cell(k, k.Peer))
		}
	}
	return out
}

// keyText tells keys apart.
func (g *grouped) keyText(x *Group) (s string) {
	for _, c := range g.keys(x) {
		s += c.Kind.String() + c.String() + "\x00"
	}
	return s
}

// row returns the cells of a group; the missing ones of Other and Total, which
// have no folds and distinct counts, are empty.
func (g *grouped) row(x, before *Group, keys []Cell) []Cell {
	out := append([]Cell{}, keys...)
	part := x == &g.a.Other || len(x.Key) == 0 && len(g.q.By) > 0
	for i, m := range g.q.Metrics {
		sum := m.Fold == Total && m.Of != Distinct
		known := func(c Cell) Cell {
			if part && !sum {
				return Cell{}
			}
			return c
		}
		out = append(out, known(m.value(x.Values[i], g.q.Bin)))
		if sum {
			out = append(out, floatCell(m.perSecond(x.Values[i], g.span)))
		}
		if g.q.Sides {
			var in, away Cell
			if len(x.In) > i && len(x.Out) > i {
				in, away = known(m.value(x.In[i], g.q.Bin)), known(m.value(x.Out[i], g.q.Bin))
				if g.ports() {
					in, away = away, in
				}
			}
			out = append(out, in, away)
		}
		if i > 0 {
			continue
		}
		if g.share {
			out = append(out, g.percent(x.Values[0]))
		}
		if g.before != nil {
			out = append(out, g.compared(m, x.Values[0], before)...)
		}
	}
	if g.sampled {
		var c Cell
		if x.Samples > 0 {
			c = floatCell(SamplingError(x.Samples))
		}
		out = append(out, c)
	}
	return out
}

// ports tells whether what flows are grouped by is a port of the exporter's: what
// has it as its source side came in there, while a host receives what has it as
// destination.
func (g *grouped) ports() bool {
	for i := range g.q.By {
		switch f := g.q.By[i].Of.Fields; f[0] {
		case flow.FieldInIf, flow.FieldInVRF:
			return len(f) == 2
		}
	}
	return false
}

// percent returns n of the first metric as part of all.
func (g *grouped) percent(n uint64) Cell {
	if t := g.total(g.a); t != nil && t.Values[0] > 0 {
		return floatCell(100 * float64(n) / float64(t.Values[0]))
	}
	return Cell{}
}

// compared returns what was before, and the change since.
func (g *grouped) compared(m Metric, n uint64, before *Group) []Cell {
	out := make([]Cell, 2)
	if before == nil {
		return out
	}
	was := before.Values[0]
	out[0] = m.value(was, g.q.Bin)
	if was > 0 {
		out[1] = floatCell(100 * (float64(n)/float64(was) - 1))
	}
	return out
}

// lines adds the group's bins.
func (g *grouped) lines(row int, x *Group) {
	if !g.q.Series {
		return
	}
	for i, bins := range x.Bins {
		m := g.q.Metrics[i]
		l := Line{Row: row, Metric: m.column(), Unit: m.unit(), Values: make([]float64, len(bins))}
		if m.Of != Distinct {
			l.Unit = m.unit() + "/s"
		}
		for k, n := range bins {
			if l.Values[k] = float64(n); m.Of != Distinct {
				l.Values[k] = m.perSecond(n, g.q.Bin)
			}
		}
		g.Series = append(g.Series, l)
	}
}

// cell is the kind of cells that hold values of q: one with names for some of its
// values is text.
func (q *Quantity) cell() CellKind {
	if q.Kind == Number && len(q.names) == 0 {
		return UintCell
	}
	if q.Kind == Time {
		return TimeCell
	}
	return TextCell
}

// cell writes a key as a filter takes it.
func (d *Dim) cell(k *Key, a flow.Addr) Cell {
	switch {
	case k.Missing:
		return Cell{}
	case d.Of.Kind == Address:
		return textCell(d.addr(a))
	case d.Of.Kind == Text:
		return textCell(k.Text)
	}
	return d.Of.uintCell(k.Uint)
}

// uintCell writes a value of q that is held in a number.
func (q *Quantity) uintCell(n uint64) Cell {
	switch q.cell() {
	case UintCell:
		return uintCell(n)
	case TimeCell:
		return timeCell(int64(n))
	}
	return textCell(string(appendValue(nil, q, &Value{Lo: n, Hi: n})))
}

// addr writes an address, or the network that d makes of it.
func (d *Dim) addr(a flow.Addr) string {
	n := a.Netip()
	length := orMost(d.Bit6, 128)
	if n.Is4() {
		length = orMost(d.Bits, 32)
	}
	if length == n.BitLen() {
		return n.String()
	}
	p, err := n.Prefix(length)
	if err != nil {
		panic("a Dim has a prefix that its addresses have not: " + err.Error())
	}
	return p.String()
}
