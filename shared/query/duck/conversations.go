package duck

import (
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Columns of the rows of [Conversations], of two kinds: Totals has Flows, Unknown,
// Sampled and Count (of conversations), and the metric as BytesA; Top has the
// others, the initiator as A. Times are in the unit of [Unit].
const (
	AHigh = iota + Keys
	ALow
	BHigh
	BLow
	APort
	BPort
	Proto
	Start
	End
	BytesA
	BytesB
	PacketsA
	PacketsB
	RecordsA
	RecordsB
)

// Unit is what times in the rows of r count, in nanoseconds.
func Unit(r *query.Request) int64 { f := frameOf(r); return f.unit }

// Conversations writes a request of shape Conversations.
func Conversations(w *Statement, r *query.Request, sources []Source) error {
	g := groups{Statement: w, r: r, frame: frameOf(r), number: "HUGEINT", sides: 1, bytes: true, packets: true}
	g.names = append(tupleNames[:len(tupleNames):len(tupleNames)], "tf", "ts", "te")
	g.pass = func(s *scan) []string {
		all := s.all(tuple...)
		for i := 4; i < len(all); i++ { // what a record lacks is 0
			all[i] = "coalesce(" + all[i] + ", 0)"
		}
		return append(all, "coalesce("+s.of(flow.FieldTCPFlags)+", 0)", s.start, s.end)
	}
	w.add("WITH r AS NOT MATERIALIZED (\n")
	if err := g.rows(sources, g.one); err != nil {
		return err
	}
	const key = "ah, al, ap, bh, bl, bp, l4"
	direction := func(column, side string) string {
		return g.capped("sum("+column+") FILTER ("+side+")") + "::HUGEINT"
	}
	var sums []string
	for _, x := range []string{"b", "p", "n"} {
		sums = append(sums, direction(x, "fwd")+" AS "+x+"f", direction(x, "NOT fwd")+" AS "+x+"r")
	}
	syn := "min(CASE WHEN l4 = 6 AND tf & 18 = 2 THEN ts END) FILTER ("
	w.add("),\n",
		// Either direction under one key, the lower end first.
		"c AS NOT MATERIALIZED (SELECT *, CASE WHEN fwd THEN t0 ELSE t1 END AS ah, CASE WHEN fwd THEN t0l ELSE t1l END AS al, CASE WHEN fwd THEN t3 ELSE t4 END AS ap,",
		" CASE WHEN fwd THEN t1 ELSE t0 END AS bh, CASE WHEN fwd THEN t1l ELSE t0l END AS bl, CASE WHEN fwd THEN t4 ELSE t3 END AS bp, t2 AS l4",
		" FROM (SELECT *, t0 < t1 OR t0 = t1 AND (t0l < t1l OR t0l = t1l AND t3 <= t4) AS fwd FROM r WHERE t0l IS NOT NULL AND t1l IS NOT NULL)),\n",
		// A pause longer than idle begins another.
		"d AS NOT MATERIALIZED (SELECT *, sum(CASE WHEN before IS NULL OR ts::HUGEINT - before > ", w.arg(r.Idle/g.frame.unit), " THEN 1 ELSE 0 END) OVER (PARTITION BY ", key, " ORDER BY ts RANGE UNBOUNDED PRECEDING) AS no",
		" FROM (SELECT *, max(te) OVER (PARTITION BY ", key, " ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM c)),\n",
		"f AS NOT MATERIALIZED (SELECT ", key, ", min(ts) AS s, max(te) AS e, min(ts) FILTER (fwd) AS sf, min(ts) FILTER (NOT fwd) AS sr, ",
		syn, "fwd) AS synf, ", syn, "NOT fwd) AS synr, ", strings.Join(sums, ", "), " FROM d GROUP BY ", key, ", no),\n",
		// The initiator.
		"h AS NOT MATERIALIZED (SELECT *, CASE WHEN sf IS NULL THEN TRUE WHEN sr IS NULL THEN FALSE WHEN sf <> sr THEN sr < sf",
		" WHEN (synf IS NOT DISTINCT FROM sf) <> (synr IS NOT DISTINCT FROM sr) THEN synr IS NOT DISTINCT FROM sr",
		" ELSE bp > ap END AS turned FROM f),\n")
	turn := func(a, b, name string) string {
		return "CASE WHEN turned THEN " + b + " ELSE " + a + " END AS a" + name + ", CASE WHEN turned THEN " + a + " ELSE " + b + " END AS b" + name
	}
	of := query.Bytes
	if len(r.Metrics) > 0 {
		of = r.Metrics[0].Of
	}
	x := volumeColumn(of)
	w.add("o AS MATERIALIZED (SELECT *, row_number() OVER (ORDER BY size DESC, s, ahi, alo, bhi, blo, aport, bport, l4) AS rank FROM (SELECT ", strings.Join([]string{
		turn("ah", "bh", "hi"), turn("al", "bl", "lo"), turn("ap", "bp", "port"), "l4", "s", "e",
		turn("bf", "br", "bytes"), turn("pf", "pr", "packets"), turn("nf", "nr", "records"), g.capped(x+"f + "+x+"r") + " AS size",
	}, ", "), " FROM h))\n")
	total := "0"
	if len(r.Metrics) > 0 {
		total = "sum(" + x + ")"
	}
	w.add("SELECT ", strconv.Itoa(Totals), " AS kind, 0::BIGINT, 0::BIGINT, sum(n)::HUGEINT, sum(u)::HUGEINT, sum(m)::HUGEINT, (SELECT count(*) FROM o)::HUGEINT, 0::HUGEINT,",
		" NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ", total, "::HUGEINT, NULL, NULL, NULL, NULL, NULL FROM r\n",
		"UNION ALL SELECT ", strconv.Itoa(Top), ", rank, 0, 0, 0, 0, 0, 0, ahi, alo, bhi, blo, aport, bport, l4, s, e, abytes, bbytes, apackets, bpackets, arecords, brecords FROM o WHERE rank <= ", strconv.Itoa(r.Limit))
	return nil
}
