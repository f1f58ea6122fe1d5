//go:build cgo

package store

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
	"github.com/weirflow/weir/shared/query/engine"
)

// needs returns the columns that an answer to r takes, beside the times.
func needs(r *query.Request) (s flow.Set) {
	if r.Filter != nil {
		s = r.Filter.Columns()
	}
	s.Add(flow.FieldSamplingRate)
	s.Add(flow.FieldBytes)
	s.Add(flow.FieldPackets)
	for i := range r.By {
		for _, x := range r.By[i].Of.Fields {
			s.Add(x)
		}
	}
	for _, m := range r.Metrics {
		if m.Of == query.Distinct {
			s.Add(m.Column)
		}
	}
	switch {
	case r.Shape == query.Flows:
		for x := range flow.Field(flow.NumFields) {
			s.Add(x)
		}
	case r.Shape == query.Conversations:
		s = s.Union(flow.SetOf(flow.FieldTCPFlags)).Union(tuple)
	case r.Dedup:
		s = s.Union(flow.SetOf(flow.FieldExporter, flow.FieldDomain, flow.FieldDirection)).Union(tuple)
	}
	return s
}

var (
	tuple = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort)
	times = flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived)
)

func both(a, b flow.Set) flow.Set { return flow.Set{a[0] & b[0], a[1] & b[1]} }

// fewBins are so few that files are told apart by the one in which their flows
// lie.
const fewBins = 48

// within tells whether all that segment s has was seen in [from, to).
func within(s *Segment, from, to int64) bool {
	return s.Start[0] >= ceilMS(from) && s.End[1] < milliseconds(to)
}

func ceilMS(ns int64) int64 { return -milliseconds(-ns) }

// touches tells whether some flow of s may have been seen in [from, to).
func touches(s *Segment, from, to int64) bool {
	return s.Start[0] <= milliseconds(to) && s.End[1] >= milliseconds(from)
}

// sources returns what DuckDB reads of segments: those that have columns of need
// in common together, whose flows lie within [from, to), or in one of its bins,
// apart from others. A bin of 0 is none.
func (d *duckDB) sources(segments []*Segment, need flow.Set, from, to, bin int64) (all []duck.Source) {
	if bin > 0 && (to-from)/bin > fewBins {
		bin = 0
	}
	type key struct {
		has, whole flow.Set
		inside     bool
		bin        int64 // of those that lie in one, and one more
		rated      bool
		large      bool
		marks      bool
		extra      bool
	}
	at := map[key]int{}
	for _, s := range segments {
		if !touches(s, from, to) {
			continue
		}
		k := key{has: both(s.Columns, need.Union(times)), inside: within(s, from, to), rated: s.MaxRate > 1, marks: s.Marks, extra: s.Extra}
		k.whole = both(both(s.Whole, s.Columns), times)
		k.large = s.MaxBytes >= 1<<40 || s.MaxPackets >= 1<<40 || s.MaxRate >= 1<<20
		if first, last := s.Start[0]*duck.Millisecond-from, s.End[1]*duck.Millisecond-from; bin > 0 && k.inside && first/bin == last/bin {
			k.bin = first/bin + 1
		}
		n, ok := at[k]
		if !ok {
			n = len(all)
			at[k] = n
			all = append(all, duck.Source{
				Has: k.has, Whole: k.whole, Marks: s.Marks, Extra: s.Extra, Start: s.Start, End: s.End, Received: s.Received,
			})
		}
		x := &all[n]
		x.Files = append(x.Files, d.pathOf(s.File))
		x.Latest = append(x.Latest, s.Received[1])
		x.Start = [2]int64{min(x.Start[0], s.Start[0]), max(x.Start[1], s.Start[1])}
		x.End = [2]int64{min(x.End[0], s.End[0]), max(x.End[1], s.End[1])}
		x.Received = [2]int64{min(x.Received[0], s.Received[0]), max(x.Received[1], s.Received[1])}
		x.Span = max(x.Span, uint64(s.End[1])-uint64(s.Start[0]))
		x.Bytes, x.Packets, x.Rate = max(x.Bytes, s.MaxBytes), max(x.Packets, s.MaxPackets), max(x.Rate, s.MaxRate)
		x.Rows += uint64(s.Rows)
		x.Sum += sumOfSegment(s)
	}
	// What has most rows gives the names.
	slices.SortStableFunc(all, func(a, b duck.Source) int { return cmp.Compare(b.Rows, a.Rows) })
	return all
}

// sumOfSegment is more than the sum of any counter of s.
func sumOfSegment(s *Segment) float64 {
	if s.SumBytes+s.SumPackets > 0 {
		return max(s.SumBytes, s.SumPackets, float64(s.Rows))
	}
	return float64(max(s.MaxBytes, s.MaxPackets, 1)) * float64(max(s.MaxRate, 1)) * float64(s.Rows) * (1 + 1e-9)
}

// pathOf is a file of the store as DuckDB finds it.
func (d *duckDB) pathOf(file string) string { return noPattern(filepath.Join(d.dir, file)) }

// noPattern is a name that DuckDB takes for no pattern.
func noPattern(name string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(name)
}

// tailFile writes the columns of need that blocks have as a segment, which is
// gone when done is called.
func (d *duckDB) tailFile(blocks []*engine.Block, need flow.Set) (s Segment, done func(), err error) {
	f, err := os.CreateTemp(filepath.Join(d.dir, tmpFolder), "tail-*.parquet")
	if err != nil {
		return s, nil, err
	}
	done = func() { os.Remove(f.Name()) }
	s = describe(blocks)
	s.File = filepath.Join(tmpFolder, filepath.Base(f.Name()))
	s.Columns = both(s.Columns, need.Union(times))
	if s.Columns.Len() == 0 { // a file has a column
		s.Marks = true
	}
	w := newSegmentWriter("", false)
	err = w.encode(io.Writer(f), blocks, &s)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		done()
		return s, nil, err
	}
	return s, done, nil
}

// tmpFolder is where DuckDB and tails put what ends with the question.
const tmpFolder = "tmp"
