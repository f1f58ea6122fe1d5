package duck

import (
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// What a flow is when several points observe it, and the point (SEMANTICS,
// Direction, duplicates, conversations).
var (
	tuple = []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort}
	point = []flow.Field{flow.FieldExporter, flow.FieldDomain, flow.FieldDirection}
)

// tupleNames and pointNames are the columns that tuple and point have.
var tupleNames, pointNames = namesOf("t", tuple), namesOf("o", point)

func namesOf(prefix string, fields []flow.Field) (all []string) {
	for i, x := range fields {
		all = append(all, prefix+strconv.Itoa(i))
		if flow.Fields[x].Kind == flow.KindAddr {
			all = append(all, prefix+strconv.Itoa(i)+"l")
		}
	}
	return all
}

func (c *columns) all(fields ...flow.Field) (all []string) {
	for _, x := range fields {
		if flow.Fields[x].Kind == flow.KindAddr {
			all = append(all, c.half(x, High), c.half(x, Low))
		} else {
			all = append(all, c.of(x))
		}
	}
	return all
}

// minutes is the interval widened to whole minutes: they decide as a whole who is
// authoritative.
func (f *frame) minutes() frame {
	w := frame{unit: f.unit, bin: query.DedupBin / f.unit}
	w.from = floor(f.from, w.bin) * w.bin
	w.to = ceil(f.to, w.bin) * w.bin
	return w
}

// authorities writes the table w: for each 5-tuple and minute the point with the
// most bytes.
func (g *groups) authorities(sources []Source) error {
	g.pass = func(s *scan) []string { return s.all(append(tuple[:len(tuple):len(tuple)], point...)...) }
	g.names = append(tupleNames[:len(tupleNames):len(tupleNames)], pointNames...)
	wide := g.frame.minutes()
	all := *g.r
	all.By, all.Metrics, all.Dedup, all.Sides = nil, []query.Metric{{Of: query.Bytes}}, false, false
	all.Raw = false
	m := groups{Statement: g.Statement, r: &all, frame: wide, number: "HUGEINT", sides: 1, bytes: true, pass: g.pass, names: g.names}
	g.add("w AS MATERIALIZED (\nSELECT * FROM (SELECT *, row_number() OVER (PARTITION BY bin")
	for _, x := range tupleNames {
		g.add(", ", x)
	}
	g.add(" ORDER BY b DESC")
	for _, x := range pointNames {
		g.add(", ", x, " ASC NULLS LAST")
	}
	g.add(") AS place FROM (SELECT bin")
	for _, x := range g.names {
		g.add(", ", x)
	}
	g.add(", ", m.capped("sum(b)"), " AS b FROM (\n")
	if err := m.rows(sources, m.one); err != nil {
		return err
	}
	g.add(") WHERE t0l IS NOT NULL AND t1l IS NOT NULL GROUP BY bin")
	for _, x := range g.names {
		g.add(", ", x)
	}
	g.add(")) WHERE place = 1),\n")
	return nil
}

// pieces writes the minutes of flows in which their point is authoritative, from
// lo to hi; with bins the parts of them that lie in one, j. A flow that is no
// 5-tuple is one piece.
func (g *groups) pieces(inner func() error) error {
	wide := g.frame.minutes()
	from, to := g.moment(g.frame.from), g.moment(g.frame.to)
	first, minute := g.moment(wide.from), strconv.FormatInt(wide.bin, 10)
	g.add("SELECT * FROM (")
	if g.frame.bin > 0 {
		width := strconv.FormatInt(g.frame.bin, 10)
		g.add("SELECT * REPLACE (greatest(lo, ", from, " + j * ", width, ") AS lo, least(hi, ", from, " + (j + 1) * ", width, ") AS hi) FROM (",
			"SELECT *, unnest(range(((lo - ", from, ") // ", width, ")::BIGINT, ((hi - ", from, " - 1) // ", width, ")::BIGINT + 1)) AS j FROM (")
	}
	g.add("SELECT x.*, CASE WHEN minute IS NULL THEN ", from, " ELSE greatest(", first, " + minute * ", minute, ", ", from, ") END AS lo,",
		" CASE WHEN minute IS NULL THEN ", to, " ELSE least(", first, " + (minute + 1) * ", minute, ", ", to, ") END AS hi FROM (",
		"SELECT *, unnest(CASE WHEN t0l IS NULL OR t1l IS NULL THEN [NULL] ELSE range(k, greatest(k, last) + 1) END) AS minute FROM (",
		"SELECT *, (greatest(s - ", first, ", 0) // ", minute, ")::BIGINT AS k, ((greatest(least(e, ", to, ") - ", first, " - 1, 0)) // ", minute, ")::BIGINT AS last FROM (")
	if err := inner(); err != nil {
		return err
	}
	g.add("))) x LEFT JOIN w ON x.minute = w.bin")
	for _, n := range g.names {
		g.add(" AND x.", n, " IS NOT DISTINCT FROM w.", n)
	}
	g.add(" WHERE x.minute IS NULL OR w.place = 1")
	if g.frame.bin > 0 {
		g.add("))")
	}
	g.add(") WHERE lo < hi AND s < hi AND (e > lo OR s >= lo)")
	return nil
}
