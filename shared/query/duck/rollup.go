package duck

import (
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A Rollup is sums over flows by some columns and bins of time: Rollups has all
// that there are.
type Rollup struct {
	Name string
	Bin  time.Duration
	Keys []flow.Field // what a row is of
	// Side is a column of the destination side. A flow is then in two rows, as
	// query.Dim has it: the last of Keys is of either side.
	Side flow.Field
	Most int // of each bin the rows with the most octets, scaled; 0: all
}

// Rollups are the rollups of a store. A row exists for each bin that a flow
// touched, so that they also tell which keys were seen.
var Rollups = []Rollup{
	{Name: "interfaces", Bin: time.Minute, Keys: []flow.Field{flow.FieldExporter, flow.FieldInIf, flow.FieldOutIf, flow.FieldDirection}},
	{Name: "as", Bin: 5 * time.Minute, Keys: []flow.Field{flow.FieldSrcAS, flow.FieldDstAS}},
	{Name: "interface", Bin: 5 * time.Minute, Keys: []flow.Field{flow.FieldExporter, flow.FieldInIf}, Side: flow.FieldOutIf},
	{Name: "application", Bin: 5 * time.Minute, Keys: []flow.Field{flow.FieldAppName, flow.FieldProto}},
	{Name: "source", Bin: time.Hour, Keys: []flow.Field{flow.FieldSrcAddr}},
	{Name: "destination", Bin: time.Hour, Keys: []flow.Field{flow.FieldDstAddr}},
	{Name: "pairs", Bin: time.Hour, Keys: []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr}, Most: 20_000},
}

// Sided tells whether rows are of either side of flows.
func (u *Rollup) Sided() bool { return u.Side != 0 }

// Set returns the columns that u is about.
func (u *Rollup) Set() flow.Set {
	s := flow.SetOf(u.Keys...)
	if u.Sided() {
		s.Add(u.Side)
	}
	return s
}

// request is the question that u answers of an interval.
func (u *Rollup) request(from, to int64) *query.Request {
	r := &query.Request{From: from, To: to, Bin: int64(u.Bin), Metrics: []query.Metric{{Of: query.Bytes}, {Of: query.Packets}, {Of: query.Records}}}
	for i, x := range u.Keys {
		q := &query.Quantity{Kind: kindOf(x), Fields: []flow.Field{x}, Mask: ^uint64(0)}
		if u.Sided() && i == len(u.Keys)-1 {
			q.Fields = append(q.Fields, u.Side)
			r.Sides = true
		}
		r.By = append(r.By, query.Dim{Of: q})
	}
	return r
}

func kindOf(x flow.Field) query.Kind {
	switch flow.Fields[x].Kind {
	case flow.KindAddr:
		return query.Address
	case flow.KindStr:
		return query.Text
	}
	return query.Number
}

// keyNames are the columns of u's files: those of the keys and, of a sided one,
// what a row counts as.
func (u *Rollup) keyNames() (all []string) {
	for _, x := range u.Keys {
		if flow.Fields[x].Kind == flow.KindAddr {
			all = append(all, quoted(x, High), quoted(x, Low))
		} else {
			all = append(all, quoted(x, ""))
		}
	}
	return all
}

// Build writes the statement that makes a file of u from sources, all of whose
// flows lie within [from, to), Unix nanoseconds and multiples of the bin.
func (u *Rollup) Build(w *Statement, sources []Source, from, to int64) error {
	r := u.request(from, to)
	g := groups{Statement: w, r: r, frame: frameOf(r), number: numberOf(sources), sides: 1, bytes: true, packets: true, raw: true}
	if u.Sided() {
		g.sides, g.either = 2, true
	}
	for i := range r.By {
		g.keys = append(g.keys, keyColumns(&r.By[i], i)...)
	}
	if u.Most > 0 {
		return g.largest(u, sources)
	}
	g.summed(u, func() error { return g.rows(sources, g.one) })
	return g.err
}

// summed writes the sums over what rows gives.
func (g *groups) summed(u *Rollup, rows func() error) {
	names := u.keyNames()
	g.add("SELECT ", strconv.FormatInt(g.frame.from, 10), " + bin * ", strconv.FormatInt(g.frame.bin, 10), " AS bin")
	for i, k := range g.keys {
		g.add(", ", k, " AS ", names[i])
	}
	by := g.by("", "")
	if u.Sided() {
		g.add(`, i AS "in", o AS "out", once AS "once"`)
		by += "i, o, once, "
	}
	for _, x := range [][2]string{{"rb", "bytes"}, {"rp", "packets"}, {"b", "scaled_bytes"}, {"p", "scaled_packets"}, {"n", "records"}, {"u", "unknown"}, {"m", "sampled"}, {"c", "samples"}} {
		g.add(", ", g.capped("sum("+x[0]+")"), "::UBIGINT AS ", x[1])
	}
	g.add(" FROM (\n")
	g.err = rows()
	g.add(") GROUP BY ", by, "bin ORDER BY ALL")
}

// largest writes the sums of each bin's largest keys: which those are comes first,
// as there are many more others. All that are as large as the last are kept, and
// one more than asked for: what is not there has no more octets than the least.
func (g *groups) largest(u *Rollup, sources []Source) error {
	all := *g
	all.packets, all.raw = false, false
	g.add("WITH g AS MATERIALIZED (SELECT ", g.by("", ""), "bin, sum(b)::DOUBLE AS b FROM (\n")
	if err := all.rows(sources, all.one); err != nil {
		return err
	}
	g.add(") GROUP BY ", g.by("", ""), "bin),\n",
		"l AS MATERIALIZED (SELECT g.* FROM g JOIN (SELECT bin, list_min(max(b, ", strconv.Itoa(u.Most+1), ")) AS least FROM g GROUP BY bin) x ON g.bin = x.bin WHERE g.b >= x.least)\n")
	g.summed(u, func() error {
		g.add("SELECT r.* FROM (\n")
		err := g.rows(sources, g.one)
		g.add(") r JOIN l ON r.bin = l.bin AND ", g.same("r.", "l."))
		return err
	})
	return g.err
}

// rollup writes what the rows of a rollup's files give for one side, as one does
// for flows. Those of a sided one are of either side as they are.
func (g *groups) rollup(s *scan, files string, side int, only branch) error {
	sided := s.src.Rollup.Sided()
	bytes, packets := "scaled_bytes", "scaled_packets"
	if g.r.Raw {
		bytes, packets = "bytes", "packets"
	}
	g.add("SELECT ")
	for i, e := range s.side(g.r.By, side) {
		g.add(e, " AS ", g.keys[i], ", ")
	}
	if g.frame.bin > 0 {
		g.add("((bin - ", g.millisecond(s, s.base), ") // ", strconv.FormatInt(s.bin*s.unit/Millisecond, 10), ")::BIGINT AS bin, ")
	}
	if g.bytes {
		g.add(bytes, "::", g.number, " AS b, ")
	}
	if g.packets {
		g.add(packets, "::", g.number, " AS p, ")
	}
	g.add("records::BIGINT AS n, unknown::BIGINT AS u, sampled::BIGINT AS m, samples::", g.number, " AS c")
	if g.either {
		g.add(`, "once" AS once`)
	}
	if g.r.Sides {
		g.add(`, "in" AS i, "out" AS o`)
	}
	for i, m := range g.r.Metrics {
		if m.Of == query.Distinct {
			g.add(", ", s.distinct(i, m.Column))
		}
	}
	g.add(" FROM ")
	if !sided && (g.either || g.r.Sides) {
		g.add(`(SELECT *, i AS "in", o AS "out" FROM (SELECT *, `, s.flags(g.r, side), " FROM read_parquet(", files, ", hive_partitioning = false)))")
	} else {
		g.add("read_parquet(", files, ", hive_partitioning = false)")
	}
	g.add(" WHERE bin >= ", g.millisecond(s, s.from), " AND bin < ", g.millisecond(s, s.to))
	if o := s.passed(g.r, side); o != "" && !sided {
		g.add(" AND ", o)
	}
	return only.write(g.Statement, &s.columns)
}

// millisecond is a time of s, which has whole ones.
func (g *groups) millisecond(s *scan, t int64) string {
	return "(" + g.moment(t) + " // " + strconv.FormatInt(Millisecond/s.unit, 10) + ")"
}

// Answers tells whether sums by u's columns and bins answer r exactly, but for what
// of the interval is no whole bin.
func (u *Rollup) Answers(r *query.Request) bool {
	if r.Shape != query.Groups || r.Dedup || r.Bin%int64(u.Bin) != 0 || r.Bin > 0 && r.From%int64(u.Bin) != 0 {
		return false
	}
	has := u.Set()
	if u.Sided() {
		has.Del(u.Side)
		has.Del(u.Keys[len(u.Keys)-1])
	}
	sided := 0
	for i := range r.By {
		d := &r.By[i]
		if u.Sided() && d.Either() && d.Of.Fields[0] == u.Keys[len(u.Keys)-1] && d.Of.Fields[1] == u.Side {
			sided++
			continue
		}
		for _, x := range d.Of.Fields {
			if !has.Has(x) {
				return false
			}
		}
	}
	if u.Sided() && sided == 0 {
		return false
	}
	for _, m := range r.Metrics {
		if m.Of == query.Distinct && !has.Has(m.Column) {
			return false
		}
	}
	return r.Filter == nil || onlyAbout(r.Filter.Expr(), has)
}

// onlyAbout tells whether e asks for nothing but columns of has.
func onlyAbout(e *query.Expr, has flow.Set) bool {
	for i := range e.Args {
		if !onlyAbout(&e.Args[i], has) {
			return false
		}
	}
	if e.Of == nil {
		return true
	}
	for _, x := range e.Of.Fields {
		if !has.Has(x) {
			return false
		}
	}
	return e.Of.Of != query.Extra
}

// Without writes what is left of a file of u without the rows that name an address,
// of which the two halves and the text, in lower case, are given.
func (u *Rollup) Without(w *Statement, file string, high, low uint64, text string) {
	w.add("SELECT * FROM read_parquet(", w.arg([]string{file}), ", hive_partitioning = false) WHERE TRUE")
	for _, x := range u.Keys {
		switch flow.Fields[x].Kind {
		case flow.KindAddr:
			w.add(" AND (", quoted(x, High), " = ", w.arg(high), " AND ", quoted(x, Low), " = ", w.arg(low), ") IS NOT TRUE")
		case flow.KindStr:
			w.add(" AND contains(lower(", quoted(x, ""), "), ", w.arg(text), ") IS NOT TRUE")
		}
	}
	w.add(" ORDER BY ALL")
}
