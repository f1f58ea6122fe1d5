package duck

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A Source is files of flows that have the same columns, and what is known of
// their rows.
type Source struct {
	Files []string
	Has   flow.Set // columns that its files have
	Whole flow.Set // columns that all of its rows have
	Marks bool     // there is a column of marks
	Extra bool     // and one of elements without a column

	Start    [2]int64 // the earliest and the latest, Unix milliseconds
	End      [2]int64 // the same; never before a flow's start
	Received [2]int64 // the same
	Latest   []int64  // the latest of each file
	Busy     bool     // most files have the host that the filter names, on either side
	Span     uint64   // no flow is longer, milliseconds
	Bytes    uint64   // the most that a row has
	Packets  uint64   //
	Rate     uint32   //
	Sum      float64  // no counter's sum is more, scaled
	Rows     uint64

	From, To int64   // nanoseconds: what of its flows counts, beside the request's interval; both 0: all of it
	Rollup   *Rollup // the files have its sums instead of flows
}

// A frame is the interval of a request in the unit in which it is exact.
type frame struct {
	unit          int64 // nanoseconds
	from, to, bin int64 // in units; bin is 0 without bins
}

func frameOf(r *query.Request) frame {
	f := frame{unit: Millisecond}
	if r.From%Millisecond != 0 || r.To%Millisecond != 0 || r.Bin%Millisecond != 0 {
		f.unit = 1
	}
	f.from, f.to, f.bin = r.From/f.unit, r.To/f.unit, r.Bin/f.unit
	return f
}

// scan is one source as a request reads it.
type scan struct {
	frame       // its ends are those of what counts
	base  int64 // where bins begin
	columns
	src    *Source
	start  string // of a flow, in units
	end    string //
	inside bool   // all of its flows lie within the interval
	early  bool   // some may begin before it
	late   bool   // some may end after it
	first  int64  // the earliest start and the latest end, in units
	last   int64  //
	span   uint64 // no flow is longer, in units
}

func newScan(f frame, src *Source) *scan {
	s := &scan{frame: f, base: f.from, columns: columns{has: src.Has, whole: src.Whole}, src: src}
	if src.From != 0 || src.To != 0 {
		f.from, f.to = max(f.from, src.From/f.unit), min(f.to, src.To/f.unit)
		s.frame = f
	}
	times := Millisecond / f.unit
	scale := func(ms int64) int64 { // at the ends of what 64 bits hold it stays there
		hi, lo := bits.Mul64(uint64(max(ms, -ms)), uint64(times))
		if hi != 0 || lo > math.MaxInt64 {
			lo = math.MaxInt64
		}
		if ms < 0 {
			return -int64(lo)
		}
		return int64(lo)
	}
	s.first, s.last = scale(src.Start[0]), scale(src.End[1])
	s.early, s.late = s.first < f.from, s.last >= f.to
	s.inside = !s.early && !s.late
	if s.span = src.Span * uint64(times); src.Span > math.MaxUint64/uint64(times) {
		s.span = math.MaxUint64
	}
	start, end, at := s.of(flow.FieldStart), s.of(flow.FieldEnd), s.of(flow.FieldReceived)
	switch {
	case s.whole.Has(flow.FieldStart) && s.whole.Has(flow.FieldEnd):
		end = "greatest(" + end + ", " + start + ")"
	default:
		start, end = "coalesce("+start+", "+end+", "+at+", 0)", "greatest(coalesce("+end+", "+start+", "+at+", 0), coalesce("+start+", "+end+", "+at+", 0))"
	}
	if times > 1 {
		start, end = fmt.Sprintf("(%s)::HUGEINT * %d", start, times), fmt.Sprintf("(%s)::HUGEINT * %d", end, times)
	}
	s.start, s.end = start, end
	return s
}

// mostText is the most that a counter has, and an answer.
const mostText = "18446744073709551615"

// volume is a counter of a flow, scaled unless raw; NULL where the flow lacks it.
// most is what it is at most.
func (s *scan) volume(v query.Volume, raw bool) (x string, most uint64) {
	f := flow.FieldBytes
	most = s.src.Bytes
	if v == query.Packets {
		f, most = flow.FieldPackets, s.src.Packets
	}
	x = s.of(f)
	if raw || s.src.Rate <= 1 || !s.has.Has(f) {
		return x, most
	}
	rate := "greatest(" + s.of(flow.FieldSamplingRate) + ", 1)"
	if hi, lo := bits.Mul64(most, uint64(s.src.Rate)); hi == 0 {
		return "(" + x + " * " + rate + "::UBIGINT)", lo
	}
	// The least of NULL and a number is the number.
	return "CASE WHEN " + x + " > " + mostText + "::UBIGINT // " + rate + "::UBIGINT THEN " + mostText + "::UBIGINT ELSE " + x + " * " + rate + "::UBIGINT END", math.MaxUint64
}

// until is what a flow of volume v had carried by t, for those that were under way
// then. The names s and e are the flow's start and end.
func (s *scan) until(v string, most uint64, t string) string {
	hi, lo := bits.Mul64(most, max(s.span, 1))
	if hi == 0 && lo <= math.MaxInt64 && s.unit == Millisecond {
		return fmt.Sprintf("%s::BIGINT * (%s - s) // (e - s)", v, t)
	}
	return fmt.Sprintf("%s::UHUGEINT * (%s - s)::UHUGEINT // (e - s)::UHUGEINT", v, t)
}

// part is the part of v in [a, b), for flows that were seen in it; "" is no bound.
func (s *scan) part(v string, most uint64, a, b string) string {
	x := v
	if a == "" && b == "" {
		return x
	}
	// NULL stays NULL: each way has v in it.
	wide := "::HUGEINT"
	if hi, lo := bits.Mul64(most, max(s.span, 1)); hi == 0 && lo <= math.MaxInt64 && s.unit == Millisecond {
		wide = "::BIGINT"
	}
	x += wide
	if b != "" {
		x = fmt.Sprintf("CASE WHEN e <= %s THEN %s ELSE (%s)%s END", b, x, s.until(v, most, b), wide)
	}
	if a != "" {
		x += fmt.Sprintf(" - CASE WHEN s >= %s THEN 0%s ELSE (%s)%s END", a, wide, s.until(v, most, a), wide)
	}
	return "(" + x + ")"
}

// overlap is the condition that a flow was seen in the interval; "" where all
// were.
func (s *scan) overlap(w *Statement) string {
	if s.inside {
		return ""
	}
	from, to := w.moment(s.from), w.moment(s.to)
	return fmt.Sprintf("%s < %s AND (%s > %s OR %s >= %s)", s.start, to, s.end, from, s.start, from)
}
