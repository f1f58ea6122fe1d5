package duck

import (
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// InFile is the kind of the rows of [FlowTotals] that tell how many of its flows
// are in a file: Rank is the file, counted from 0 over those of all sources, and
// Count their number. Files that have none may be left out.
const InFile = 5

// FlowTotals writes what is to be told of all flows of a request of shape Flows:
// a row of kind Totals, in which Count is their number, and behind Samples the
// metric. Where a metric orders them there is a row of kind Top, whose Rank counts
// nothing and which has the size of the smallest flow of the answer there; else
// there are rows of kind InFile.
func FlowTotals(w *Statement, r *query.Request, sources []Source) error {
	g := groups{Statement: w, r: r, frame: frameOf(r), number: "HUGEINT", sides: 1}
	total := "0"
	if len(r.Metrics) > 0 {
		g.bytes, g.packets = r.Metrics[0].Of == query.Bytes, r.Metrics[0].Of == query.Packets
		total = "sum(" + volumeColumn(r.Metrics[0].Of) + ")"
	}
	w.add("WITH r AS NOT MATERIALIZED (\n")
	if !sized(r) {
		before := map[*Source]int{}
		for i, n := 0, 0; i < len(sources); i++ {
			before[&sources[i]] = n
			n += len(sources[i].Files)
		}
		g.names = []string{"f"}
		g.pass = func(s *scan) []string { return []string{"(file_index + " + strconv.Itoa(before[s.src]) + ")::BIGINT"} }
	}
	if err := g.rows(sources, g.one); err != nil {
		return err
	}
	const begin = " AS kind, 0::BIGINT, 0::BIGINT, sum(n)::HUGEINT, sum(u)::HUGEINT, sum(m)::HUGEINT, "
	if !sized(r) {
		w.add("),\nc AS MATERIALIZED (SELECT f, sum(n) AS n, sum(u) AS u, sum(m) AS m, count(*) AS c FROM r GROUP BY f)\nSELECT ",
			strconv.Itoa(Totals), begin, "sum(c)::HUGEINT, 0::HUGEINT, ", total, "::HUGEINT FROM c\nUNION ALL SELECT ",
			strconv.Itoa(InFile), ", f, 0, 0, 0, 0, c, 0, 0 FROM c")
		return nil
	}
	w.add(")\nSELECT ", strconv.Itoa(Totals), begin, "count(*)::HUGEINT, 0::HUGEINT, ", total, "::HUGEINT FROM r")
	w.add("\nUNION ALL SELECT ", strconv.Itoa(Top), ", 0, 0, 0, 0, 0, 0, 0, min(size)::HUGEINT FROM (SELECT size FROM (")
	err := g.rows(sources, func(s *scan, files string, _ int, only branch, _ bool) error {
		size, _ := s.volume(r.Metrics[0].Of, r.Raw)
		g.add("SELECT coalesce(", size, ", 0)::UBIGINT AS size FROM read_parquet(", files, ", hive_partitioning = false) WHERE TRUE")
		return g.where(s, only)
	})
	w.add(") ORDER BY size DESC LIMIT ", strconv.Itoa(r.Limit), ")")
	return err
}

// sized tells whether r orders records by what they carry.
func sized(r *query.Request) bool { return len(r.Metrics) > 0 && r.Metrics[0].Of != query.Records }

// where adds that a flow was seen in the interval and passes a branch of the
// filter.
func (g *groups) where(s *scan, only branch) error {
	if o := s.overlap(g.Statement); o != "" {
		g.add(" AND ", o)
	}
	return only.write(g.Statement, &s.columns)
}

// Records writes the records of a request of shape Flows, largest or newest first,
// of at least a size where a metric orders them. Its columns are "size", "marks",
// "extra", and then those of has in order, two for an address.
func Records(w *Statement, r *query.Request, sources []Source, has flow.Set, least uint64) error {
	g := groups{Statement: w, r: r, frame: frameOf(r), sides: 1}
	g.frame.bin = 0
	w.add("SELECT * FROM (")
	err := g.rows(sources, func(s *scan, files string, _ int, only branch, _ bool) error {
		size := "0"
		if sized(r) {
			size, _ = s.volume(r.Metrics[0].Of, r.Raw)
		}
		marks, extra := "0::UTINYINT", "NULL::BLOB"
		if s.src.Marks {
			marks = `"marks"`
		}
		if s.src.Extra {
			extra = `"extra"`
		}
		g.add("SELECT coalesce(", size, ", 0)::UBIGINT AS size, ", marks, " AS marks, ", extra, " AS extra")
		for x, ok := has.Next(0); ok && int(x) < flow.NumFields; x, ok = has.Next(x + 1) {
			if flow.Fields[x].Kind == flow.KindAddr {
				g.add(", ", s.half(x, High), " AS ", quoted(x, High), ", ", s.half(x, Low), " AS ", quoted(x, Low))
			} else {
				g.add(", ", s.of(x), " AS ", quoted(x, ""))
			}
		}
		g.add(" FROM read_parquet(", files, ", hive_partitioning = false) WHERE TRUE")
		if sized(r) && least > 0 {
			// What is too small even with the largest rate is passed over unread.
			x := flow.FieldBytes
			if r.Metrics[0].Of == query.Packets {
				x = flow.FieldPackets
			}
			rate := uint64(1)
			if !r.Raw {
				rate = max(1, uint64(s.src.Rate))
			}
			g.add(" AND ", s.of(x), " >= ", g.arg(least/rate))
		}
		return g.where(s, only)
	})
	if err != nil {
		return err
	}
	var order []string
	if sized(r) {
		order = append(order, "size DESC")
	}
	if has.Has(flow.FieldReceived) {
		order = append(order, quoted(flow.FieldReceived, "")+" DESC NULLS LAST")
	}
	w.add(")")
	if len(order) > 0 {
		w.add(" ORDER BY ", strings.Join(order, ", "))
	}
	w.add(" LIMIT ", strconv.Itoa(r.Limit))
	return nil
}
