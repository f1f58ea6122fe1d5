package duck

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Kinds of the rows that [Groups] asks for, their first column.
const (
	Totals  = 0 // of all flows, each once; and how many groups there are
	Top     = 1 // a group of the answer
	TopBin  = 2 // a bin of such a group
	Sums    = 3 // of all groups, those of the answer too
	SumsBin = 4 // a bin of all groups
)

// Columns of the rows of [Groups]. Behind them are those of the keys, in the order
// of the Dims: one for each, two (first half, second half) for an address, four
// for a pair, the lower first. Then come the metrics: one column for each, and
// with Sides two more, as destination and as source side.
const (
	Kind = iota
	Rank // of Top and TopBin: 1, 2, …
	Bin  // of TopBin and SumsBin: 0, 1, …
	Flows
	Unknown
	Sampled
	Count   // groups
	Samples // of Top and Sums
	Keys
)

// numberOf returns the fastest type that holds all sums over sources exactly, even
// where each flow counts twice, for either side.
func numberOf(sources []Source) string {
	sum := 0.0
	for i := range sources {
		sum += 2 * sources[i].Sum * (1 + 1e-9)
	}
	switch {
	case sum < 1<<53:
		return "DOUBLE"
	case sum < 1<<62:
		return "BIGINT"
	}
	return "HUGEINT"
}

// Groups writes a request of shape Groups.
func Groups(w *Statement, r *query.Request, sources []Source) error {
	g := groups{Statement: w, r: r, frame: frameOf(r), number: numberOf(sources)}
	g.sides, g.either = sidesOf(r)
	for i := range r.By {
		g.keys = append(g.keys, keyColumns(&r.By[i], i)...)
	}
	for _, m := range r.Metrics {
		g.bytes = g.bytes || m.Of == query.Bytes
		g.packets = g.packets || m.Of == query.Packets
		g.distinct = g.distinct || m.Of == query.Distinct
		g.records = g.records || m.Of == query.Records
		g.totals = g.totals || m.Of != query.Distinct && m.Fold == query.Total
	}
	g.apart = len(r.By) > 0 && !r.Dedup && len(branches(r.Filter, busy(sources))) == 1 && (g.frame.bin == 0 || summed(sources))
	g.twice = r.Series && !r.Folds() && !fewKeys(r.By) && summed(sources) && g.number != "HUGEINT"
	w.add("WITH ")
	if r.Dedup {
		if err := g.authorities(sources); err != nil {
			return err
		}
	}
	w.add("r AS NOT MATERIALIZED (\n")
	if err := g.rows(sources, g.one); err != nil {
		return err
	}
	w.add(")")
	g.aggregate()
	g.output()
	return nil
}

// summed tells whether most is read from sums.
func summed(sources []Source) bool {
	for i := range sources {
		if sources[i].Rollup != nil {
			return true
		}
	}
	return false
}

// busy tells whether all sources are.
func busy(sources []Source) bool {
	for i := range sources {
		if !sources[i].Busy {
			return false
		}
	}
	return true
}

func sidesOf(r *query.Request) (n int, either bool) {
	if r.Either() {
		return 2, true
	}
	return 1, false
}

// groups is a statement being written. Its common table expressions are r, what
// each flow gives; b, groups and bins, where there are bins; a, groups; v, their
// metrics; and t, those of the answer.
type groups struct {
	*Statement
	r     *query.Request
	frame frame

	number         string // the type of sums
	sides          int
	either         bool
	keys           []string
	bytes, packets bool
	distinct       bool
	records        bool
	totals         bool                 // a metric has a total over all flows
	apart          bool                 // totals come from another reading, of fewer columns: cheaper than adding up for each group
	twice          bool                 // bins are of the answer's groups only, whose rows are read once more: of sums by host there are too many others
	raw            bool                 // the counters as they came as well
	pass           func(*scan) []string // other columns that r has, as expressions of the files' columns
	names          []string             // of these columns
	err            error
}

// cte begins a common table expression.
func (g *groups) cte(name, how string) { g.add(",\n", name, " AS ", how, " (\nSELECT ") }

// by returns the keys behind a comma each, as they are ordered where each is given
// a suffix.
func (g *groups) by(table, suffix string) string {
	s := ""
	for _, k := range g.keys {
		s += table + k + suffix + ", "
	}
	return s
}

func (g *groups) sums() (all []string) {
	if g.bytes {
		all = append(all, "b")
	}
	if g.packets {
		all = append(all, "p")
	}
	if g.records || !g.apart {
		all = append(all, "n")
	}
	return all
}

// aggregate writes the groups.
func (g *groups) aggregate() {
	from := "r"
	if g.frame.bin > 0 && !g.twice {
		if g.r.Series {
			g.cte("b", "MATERIALIZED")
		} else {
			g.cte("b", "NOT MATERIALIZED")
		}
		g.add(g.by("", ""), "bin, ")
		g.adding("r", false)
		g.add("FROM r GROUP BY ", g.by("", ""), "bin HAVING count(*) > 0)")
		from = "b"
	}
	g.cte("a", "MATERIALIZED")
	g.add(g.by("", ""))
	g.adding(from, true)
	g.add("FROM ", from, g.grouping(), ")")
	if from == "b" && g.distinct {
		g.cte("d", "NOT MATERIALIZED")
		g.add(g.by("", ""))
		g.distincts()
		g.add("FROM r", g.grouping(), ")")
	}
	g.cte("v", "MATERIALIZED")
	g.add(g.by("a.", ""))
	for i := range g.r.Metrics {
		for _, side := range g.suffixes() {
			g.add(g.value(i, side), " AS ", g.metric(i, side), ", ")
		}
	}
	g.add(g.capped("a.c"), " AS c FROM a")
	if from == "b" && g.distinct {
		g.add(" JOIN d ON ", g.same("a.", "d."))
	}
	g.add(")")
	g.cte("t", "MATERIALIZED")
	order := g.metric(0, "") + " DESC"
	for _, k := range g.keys {
		order += ", " + k + " ASC NULLS LAST"
	}
	g.add("*, row_number() OVER (ORDER BY ", order, ") AS rank FROM (SELECT * FROM v ORDER BY ", order, " LIMIT ", strconv.Itoa(g.r.Limit), "))")
}

// grouping is behind the table that is grouped. Without flows there is no group.
func (g *groups) grouping() string {
	if len(g.keys) == 0 {
		return " HAVING count(*) > 0"
	}
	return " GROUP BY " + strings.Join(g.keys, ", ")
}

// same joins two tables by their keys.
func (g *groups) same(a, b string) string {
	s := "TRUE"
	for _, k := range g.keys {
		s += " AND " + a + k + " IS NOT DISTINCT FROM " + b + k
	}
	return s
}

// suffixes are those of a number's columns: in all, and of its two sides.
func (g *groups) suffixes() []string {
	if g.r.Sides {
		return []string{"", "i", "o"}
	}
	return []string{""}
}

// adding writes the sums over a table, a comma behind each. From r it adds up
// flows, from b bins.
func (g *groups) adding(table string, distinct bool) {
	filter := map[string]string{"": "", "i": " FILTER (i)", "o": " FILTER (o)"}
	for _, x := range g.sums() {
		for _, side := range g.suffixes() {
			if table == "r" {
				g.add("(sum(", x, ")", filter[side], ")::", g.number, " AS ", x, side, ", ")
			} else {
				g.add("sum(", x, side, ")::", g.number, " AS ", x, side, ", ")
			}
		}
		if g.either && (g.totals || x == "n") {
			if table == "r" {
				g.add("sum(", x, ") FILTER (once) AS ", x, "t, ")
			} else {
				g.add("sum(", x, "t) AS ", x, "t, ")
			}
		}
	}
	once := ""
	if g.either && table == "r" {
		once = " FILTER (once)"
	}
	if !g.apart {
		g.add("sum(u)", once, " AS u, sum(m)", once, " AS m, ")
	}
	g.add("sum(c)::", g.number, " AS c")
	if g.r.Sides && g.r.Present && table == "r" {
		g.add(", count(*)", filter["i"], " AS zi, count(*)", filter["o"], " AS zo")
	}
	switch {
	case table == "b":
		g.folds()
	case distinct && g.distinct:
		g.add(", ")
		g.distincts()
	}
	g.add("\n")
}

// distincts counts the values of columns.
func (g *groups) distincts() {
	filter := map[string]string{"": "", "i": " FILTER (i)", "o": " FILTER (o)"}
	between := ""
	for i, m := range g.r.Metrics {
		if m.Of != query.Distinct {
			continue
		}
		for _, side := range g.suffixes() {
			plus := between
			for _, d := range distinctNames(i, m.Column) {
				g.add(plus, "count(DISTINCT ", d, ")", filter[side])
				plus = " + "
			}
			g.add(" AS d", strconv.Itoa(i), side)
			between = ", "
		}
	}
	g.add(" ")
}

// folds makes numbers of the bins of a group.
func (g *groups) folds() {
	n := g.r.Bins()
	for i, m := range g.r.Metrics {
		if m.Fold == query.Total {
			continue
		}
		for _, side := range g.suffixes() {
			x := g.capped(volumeColumn(m.Of) + side)
			g.add(", ")
			if m.Fold == query.Peak {
				g.add("max(", x, ")")
			} else if !g.r.Present && fewKeys(g.r.By) {
				// Bins without flows are the lowest, so that it is counted from above.
				at := strconv.Itoa(n - (m.Pct*n+99)/100 + 1)
				g.add("coalesce(max(", x, ", ", at, ")[", at, "], 0)")
			} else {
				at, only := strconv.Itoa((m.Pct*n+99)/100)+" - ("+strconv.Itoa(n)+" - count(*))", ""
				if g.r.Present {
					if side != "" {
						only = " FILTER (z" + side + " > 0)"
					}
					at = "(" + strconv.Itoa(m.Pct) + " * count(*)" + only + " + 99) // 100"
				}
				g.add("CASE WHEN ", at, " <= 0 THEN 0 ELSE list_sort(list(", x, ")", only, ")[", at, "] END")
			}
			g.add(" AS f", strconv.Itoa(i), side)
		}
	}
}

// fewKeys tells whether there are so few groups that each may have room for its
// largest bins, whether it has any or not: hosts are too many for that.
func fewKeys(by []query.Dim) bool {
	few := flow.SetOf(flow.FieldExporter, flow.FieldDomain, flow.FieldInIf, flow.FieldOutIf, flow.FieldDirection, flow.FieldProto, flow.FieldVersion)
	for i := range by {
		for _, x := range by[i].Of.Fields {
			if !few.Has(x) {
				return false
			}
		}
	}
	return true
}

// capped is a sum as an answer holds it.
func (g *groups) capped(x string) string {
	if g.number != "HUGEINT" { // there is no such sum
		return "coalesce(" + x + ", 0)"
	}
	return "least(coalesce(" + x + ", 0), " + mostText + ")"
}

func volumeColumn(v query.Volume) string {
	return [...]string{query.Bytes: "b", query.Packets: "p", query.Records: "n"}[v]
}

func (g *groups) metric(i int, side string) string { return "v" + strconv.Itoa(i) + side }

// value is a metric of a group, from a and d.
func (g *groups) value(i int, side string) string {
	switch m := g.r.Metrics[i]; {
	case m.Of == query.Distinct:
		return fmt.Sprintf("d%d%s::%s", i, side, g.number)
	case m.Fold != query.Total:
		return fmt.Sprintf("f%d%s::%s", i, side, g.number)
	default:
		return g.capped("a."+volumeColumn(m.Of)+side) + "::" + g.number
	}
}

// output writes the rows.
func (g *groups) output() {
	// Totals.
	g.add("\n")
	t := ""
	if g.either {
		t = "t"
	}
	n, u, m := "sum(n"+t+")", "sum(u)", "sum(m)"
	if g.apart {
		once := ""
		if g.either {
			once = " FILTER (once)"
		}
		g.add(", x AS MATERIALIZED (SELECT sum(n)", once, " AS n, sum(u)", once, " AS u, sum(m)", once, " AS m FROM r)\n")
		n, u, m = "(SELECT n FROM x)", "(SELECT u FROM x)", "(SELECT m FROM x)"
	}
	g.row(Totals, "0", "0", n, u, m, "count(*)", "0", func(_ int, m query.Metric, side string) string {
		if m.Of == query.Distinct || m.Fold != query.Total || side != "" {
			return ""
		}
		return "sum(" + volumeColumn(m.Of) + t + ")"
	})
	g.add(" FROM a\nUNION ALL ")
	g.row(Sums, "0", "0", "0", "0", "0", "0", "sum(c)", func(i int, m query.Metric, side string) string {
		if m.Of == query.Distinct || m.Fold != query.Total {
			return ""
		}
		return "sum(" + g.metric(i, side) + ")"
	})
	g.add(" FROM v\nUNION ALL SELECT 1, rank, 0, 0, 0, 0, 0, c::", g.number, ", ", g.by("", ""))
	between := ""
	for i := range g.r.Metrics {
		for _, side := range g.suffixes() {
			g.add(between, g.metric(i, side))
			between = ", "
		}
	}
	g.add(" FROM t")
	if !g.r.Series {
		return
	}
	bin := func(before, behind string) func(int, query.Metric, string) string {
		return func(_ int, m query.Metric, side string) string {
			if side != "" || m.Of == query.Distinct {
				return ""
			}
			return before + g.capped("b."+volumeColumn(m.Of)) + behind
		}
	}
	g.add("\nUNION ALL ")
	if g.twice {
		sum := func(_ int, m query.Metric, side string) string {
			if side != "" || m.Of == query.Distinct {
				return ""
			}
			return "sum(" + volumeColumn(m.Of) + ")"
		}
		g.row(SumsBin, "0", "bin", "0", "0", "0", "0", "0", sum)
		g.add(" FROM r GROUP BY bin\nUNION ALL ")
		g.row(TopBin, "rank", "bin", "0", "0", "0", "0", "0", sum)
		g.add(" FROM r JOIN t ON ", g.same("r.", "t."), " GROUP BY rank, bin")
		return
	}
	g.row(SumsBin, "0", "bin", "0", "0", "0", "0", "0", bin("sum(", ")"))
	g.add(" FROM b GROUP BY bin\nUNION ALL ")
	g.row(TopBin, "rank", "bin", "0", "0", "0", "0", "0", bin("", ""))
	g.add(" FROM b JOIN t ON ", g.same("b.", "t."))
}

// row writes a row without keys. of gives the expression of a metric, "" for 0.
func (g *groups) row(kind int, rank, bin, flows, unknown, sampled, count, samples string, of func(int, query.Metric, string) string) {
	g.add("SELECT ", strconv.Itoa(kind), " AS kind, ", rank, "::BIGINT AS rank, ", bin, "::BIGINT AS bin, ")
	for _, x := range []string{flows, unknown, sampled, count, samples} {
		g.add(x, "::", g.number, ", ")
	}
	for i := range g.r.By {
		d := &g.r.By[i]
		for range keyColumns(d, i) {
			g.add("NULL, ")
		}
	}
	between := ""
	for i, m := range g.r.Metrics {
		for _, side := range g.suffixes() {
			x := of(i, m, side)
			if x == "" {
				x = "0"
			}
			g.add(between, x, "::", g.number)
			between = ", "
		}
	}
}

// rows writes what each flow of each source gives.
func (g *groups) rows(sources []Source, one func(s *scan, files string, side int, only branch, rest bool) error) error {
	between := ""
	for i := range sources {
		s := newScan(g.frame, &sources[i])
		files := g.arg(s.src.Files)
		sides := g.sides
		if s.src.Rollup != nil && s.src.Rollup.Sided() {
			sides = 1
		}
		for side := range sides {
			for _, only := range branches(g.r.Filter, s.src.Busy) {
				for _, rest := range g.bins(s) {
					g.add(between)
					between = "\nUNION ALL "
					var err error
					if s.src.Rollup != nil {
						err = g.rollup(s, files, side, only)
					} else {
						err = one(s, files, side, only, rest)
					}
					if err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// bins tells which selects a scan takes: for the first bin that a flow touches,
// false, and for the rest of them, true.
func (g *groups) bins(s *scan) []bool {
	if g.frame.bin == 0 || g.r.Dedup || s.src.Rollup != nil || s.single() {
		return []bool{false}
	}
	return []bool{false, true}
}

// one writes a select: of one side of the flows, those that pass a branch of the
// filter.
func (g *groups) one(s *scan, files string, side int, only branch, rest bool) error {
	bytes, mostBytes := s.volume(query.Bytes, g.r.Raw)
	packets, mostPackets := s.volume(query.Packets, g.r.Raw)
	rated := s.src.Rate > 1 // some flow was sampled
	bounded := !s.inside || g.frame.bin > 0 && !s.single() || g.r.Dedup
	timed := bounded || g.r.Shape == query.Conversations
	from, to := "", ""
	if bounded {
		from, to = g.moment(s.from), g.moment(s.to)
	}

	// What the outer select makes of it.
	a, b, bin := "", "", ""
	if g.r.Dedup {
		a, b = "lo", "hi"
		if g.frame.bin > 0 {
			bin = "j"
		}
	} else if s.early {
		a = from
	}
	if s.late && !g.r.Dedup {
		b = to
	}
	if g.frame.bin > 0 && !g.r.Dedup {
		switch width := strconv.FormatInt(s.bin, 10); {
		case s.single():
			bin = strconv.FormatInt(s.binOf(), 10)
		case rest:
			base := g.moment(s.base)
			bin, a, b = "j", fmt.Sprintf("(%s + j * %s)", base, width), fmt.Sprintf("least(%s + (j + 1) * %s, %s)", base, width, to)
		default:
			bin, b = "k", "cut"
		}
	}
	g.add("SELECT ", g.by("", ""))
	if bin != "" {
		g.add(bin, "::BIGINT AS bin, ")
	}
	if g.bytes {
		g.add(s.part("b", mostBytes, a, b), "::", g.number, " AS b, ")
	}
	if g.packets {
		g.add(s.part("p", mostPackets, a, b), "::", g.number, " AS p, ")
	}
	if g.raw {
		g.add(s.part("rb", s.src.Bytes, a, b), "::", g.number, " AS rb, ", s.part("rp", s.src.Packets, a, b), "::", g.number, " AS rp, ")
	}
	n := "1"
	if b != "" {
		n = "CASE WHEN e <= " + b + " THEN 1 ELSE 0 END"
	}
	g.add(n, " AS n, ")
	if s.has.Has(flow.FieldSamplingRate) {
		g.add("CASE WHEN coalesce(r, 0) = 0 THEN ", n, " ELSE 0 END AS u, ")
	} else {
		g.add(n, " AS u, ")
	}
	if rated {
		g.add("CASE WHEN r > 1 THEN ", n, " ELSE 0 END AS m, CASE WHEN r > 1 THEN ", s.part("q", s.src.Packets, a, b), " ELSE 0 END::", g.number, " AS c")
	} else {
		g.add("0 AS m, 0::", g.number, " AS c")
	}
	if g.either {
		g.add(", once")
	}
	if g.r.Sides {
		g.add(", i, o")
	}
	for i, m := range g.r.Metrics {
		if m.Of == query.Distinct {
			g.add(", ", strings.Join(distinctNames(i, m.Column), ", "))
		}
	}
	for _, name := range g.names {
		g.add(", ", name)
	}
	// Where bins begin and end.
	inner := func() error { return g.inner(s, files, side, only, bytes, packets, rated, timed) }
	g.add(" FROM (")
	if g.r.Dedup {
		if err := g.pieces(inner); err != nil {
			return err
		}
	} else if bin == "k" || bin == "j" {
		width, base := strconv.FormatInt(s.bin, 10), g.moment(s.base)
		if rest {
			g.add("SELECT *, unnest(range(k + 1, ((least(e, ", to, ") - ", base, " - 1) // ", width, ")::BIGINT + 1)) AS j FROM (")
		}
		g.add("SELECT *, least(", base, " + (k + 1) * ", width, ", ", to, ") AS cut FROM (SELECT *, ((greatest(s, ", from, ") - ", base, ") // ", width, ")::BIGINT AS k FROM (")
		if err := inner(); err != nil {
			return err
		}
		g.add("))")
		if rest {
			g.add(" WHERE e > cut AND cut < ", to, ")")
		}
	} else if err := inner(); err != nil {
		return err
	}
	g.add(")")
	return nil
}

// inner writes what is read from files.
func (g *groups) inner(s *scan, files string, side int, only branch, bytes, packets string, rated, timed bool) error {
	g.add("SELECT ")
	for i, x := range s.side(g.r.By, side) {
		g.add(x, " AS ", g.keys[i], ", ")
	}
	if timed {
		g.add(s.start, " AS s, ", s.end, " AS e, ")
	}
	if g.bytes {
		g.add(bytes, " AS b, ")
	}
	if g.packets {
		g.add(packets, " AS p, ")
	}
	if rated {
		g.add(s.of(flow.FieldPackets), " AS q, ")
	}
	if g.raw {
		g.add(s.of(flow.FieldBytes), " AS rb, ", s.of(flow.FieldPackets), " AS rp, ")
	}
	if g.either || g.r.Sides {
		g.add(s.flags(g.r, side), ", ")
	}
	for i, m := range g.r.Metrics {
		if m.Of == query.Distinct {
			g.add(s.distinct(i, m.Column), ", ")
		}
	}
	if g.pass != nil {
		for i, x := range g.pass(s) {
			g.add(x, " AS ", g.names[i], ", ")
		}
	}
	g.add(s.of(flow.FieldSamplingRate), " AS r FROM read_parquet(", files, ", hive_partitioning = false) WHERE TRUE")
	if o := s.overlap(g.Statement); o != "" {
		g.add(" AND ", o)
	}
	if o := s.passed(g.r, side); o != "" && g.either {
		g.add(" AND ", o)
	}
	return only.write(g.Statement, &s.columns)
}

// single tells whether all flows of the source lie in one bin.
func (s *scan) single() bool { return s.inside && (s.first-s.base)/s.bin == (s.last-s.base)/s.bin }

func (s *scan) binOf() int64 { return (s.first - s.base) / s.bin }

// distinctNames are the columns whose values are counted for metric i. An address
// is in one of two: most are IPv4, and half of their octets tells them apart in
// half the time.
func distinctNames(i int, x flow.Field) []string {
	d := "d" + strconv.Itoa(i)
	if flow.Fields[x].Kind == flow.KindAddr {
		return []string{d, d + "l"}
	}
	return []string{d}
}

// distinct are the columns of distinctNames.
func (s *scan) distinct(i int, x flow.Field) string {
	d := distinctNames(i, x)
	if len(d) == 1 {
		return s.of(x) + " AS " + d[0]
	}
	hi, lo := s.half(x, High), s.half(x, Low)
	return "CASE WHEN " + hi + " <> 0 THEN " + hi + "::UHUGEINT * 18446744073709551616::UHUGEINT + " + lo + "::UHUGEINT END AS " + d[0] +
		", CASE WHEN " + hi + " = 0 THEN " + lo + " END AS " + d[1]
}
