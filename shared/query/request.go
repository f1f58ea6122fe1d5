package query

import (
	"fmt"
	"math"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// A Request is a question about stored flows. Every engine gives the same
// [Answer] to the same Request over the same flows.
//
// A flow counts for the interval [From, To) if it was seen in it: if it began
// before To and ended after From, or, where it has no duration, if its moment
// lies in it. A time that a record lacks is the other one; with neither, both are
// its arrival; an end before the start is the start. Volume is spread as SEMANTICS
// (Rates over time) has it, and only the part in the interval counts, so that
// answers for adjoining intervals add up. A flow's volume is scaled first, then
// spread; one that lacks the column has 0.
//
// With Dedup, per 5-tuple and minute (DedupBin, at multiples of it in UTC) only the
// point with the most bytes counts: of the flows that the filter chooses, those of
// the exporter, domain and direction which in that whole minute, whatever of it
// lies in the interval, add up to the most bytes, scaled even if Raw is set; of
// equal ones the one that comes first by exporter, domain and direction. Of other
// points' flows that minute counts for nothing: no volume, no group, no distinct
// value. What of a 5-tuple or point is missing is a value like others, but a flow
// without source or destination address is nobody's duplicate.
type Request struct {
	Shape    Shape
	From, To int64    // Unix nanoseconds
	Filter   *Filter  // nil: all flows
	By       []Dim    // of Groups: what a group has in common; none: one group of all
	Metrics  []Metric // of Groups: one at least; the first ranks. Of Flows: none or one, which ranks
	Limit    int      // groups or records; what is beyond goes to Other; 0: the shape's default
	Bin      int64    // nanoseconds, of Groups: the volume of each bin as well, and what folds fold; 0: no bins. To cuts the last one
	Series   bool     // the bins are part of the answer
	Raw      bool     // counters as they came, not multiplied by the sampling rate
	Dedup    bool     // a 5-tuple that several points observed counts once
	Sides    bool     // of Groups with an either or pair Dim: In and Out apart
	Present  bool     // of folds: bins in which no flow of the group (with Sides: of its side) was seen are left out rather than zero
	Idle     int64    // of Conversations: nanoseconds between two flows that are one conversation yet
}

// A Shape says what an answer consists of.
type Shape uint8

const (
	Groups        Shape = iota // groups of flows by what they have in common, largest first
	Flows                      // the records themselves: newest arrival first, or largest first by their whole volume, and of equals the newest; in any order where that is equal too, and last where no arrival is known
	Conversations              // both directions of each 5-tuple, largest first by what both have together; flows without source or destination address have none
)

func (s Shape) String() string { return [...]string{"groups", "flows", "conversations"}[s] }

// A Dim is something that flows are grouped by.
type Dim struct {
	Of   *Quantity // one or two columns (either of them), shifted and masked as it says; never an element without a column
	Pair bool      // both of Of's columns, addresses, the lower one first once they are masked: a pair of hosts, whichever sends; missing if either is
	Bits uint8     // of addresses: the length of prefix that counts in IPv4; 0: the whole address
	Bit6 uint8     // the same in IPv6
}

// Either tells whether d is about two columns, either of which suffices. A
// request with such Dims reads each flow twice: for what its source side has and
// for what its destination side has. It counts for both, and once where they are
// equal. A side that lacks the column (of several such Dims: all their columns) is
// passed over where the other has it (one of them).
func (d *Dim) Either() bool { return !d.Pair && len(d.Of.Fields) == 2 }

// A Volume is what can be added up.
type Volume uint8

const (
	Bytes    Volume = iota // layer-3 octets
	Packets                //
	Records                // flow records, each where it ended; never scaled
	Distinct               // distinct values of a column in flows seen in the interval, exactly
)

// A Metric is a number for each group.
type Metric struct {
	Of     Volume
	Column flow.Field // of Distinct
	Bits   bool       // of Bytes: shown times eight; the Answer holds octets
	Fold   Fold       // what is made of the bins; Total needs none
	Pct    int        // of Percentile: 1 to 99
}

// A Fold makes a number of a group's bins. All bins of the interval take part,
// those without a flow as zero unless Present is set.
type Fold uint8

const (
	Total      Fold = iota
	Peak            // the largest bin
	Percentile      // SEMANTICS, 95th percentile: of n bins ascending the (Pct·n+99) div 100-th
)

// Limits of a Request.
const (
	MaxDims     = 8
	MaxMetrics  = 8
	MaxGroups   = 100_000
	MaxRecords  = 1_000_000
	MaxBins     = 50_000
	MaxCells    = 5_000_000 // groups times bins times metrics
	DedupBin    = int64(time.Minute)
	DefaultBin  = int64(5 * time.Minute)
	DefaultIdle = int64(30 * time.Second)
	DefaultTop  = 10
	DefaultRows = 100
)

// Bins returns how many bins r has: they begin at From, and the last ends at To or
// behind it.
func (r *Request) Bins() int {
	if r.Bin <= 0 {
		return 0
	}
	return int((r.To-r.From-1)/r.Bin + 1)
}

// Folds tells whether a metric needs bins.
func (r *Request) Folds() bool {
	for _, m := range r.Metrics {
		if m.Fold != Total {
			return true
		}
	}
	return false
}

// Either tells whether a Dim reads both sides of a flow.
func (r *Request) Either() bool {
	for i := range r.By {
		if r.By[i].Either() {
			return true
		}
	}
	return false
}

// Align fills in defaults, and widens the interval to whole bins, which begin at
// multiples of their width in UTC: so they stay where they are when the interval
// moves on.
func (r *Request) Align() {
	if r.Limit == 0 {
		r.Limit = DefaultTop
		if r.Shape == Flows {
			r.Limit = DefaultRows
		}
	}
	if r.Shape == Groups && len(r.Metrics) == 0 {
		r.Metrics = []Metric{{Of: Bytes}}
	}
	if r.Shape == Conversations && r.Idle == 0 {
		r.Idle = DefaultIdle
	}
	if r.Shape == Groups && r.Bin == 0 && (r.Folds() || r.Series) {
		r.Bin = DefaultBin
	}
	if r.Bin > 0 {
		r.From -= mod(r.From, r.Bin)
		if m := mod(r.To, r.Bin); m > 0 {
			r.To += r.Bin - m
		}
	}
}

func mod(a, b int64) int64 { return (a%b + b) % b }

// Validate says what is wrong with r, and what to ask instead. Align comes first.
func (r *Request) Validate() error {
	switch {
	case r.From >= r.To:
		return fmt.Errorf("the time range ends before it begins: %s to %s", when(r.From), when(r.To))
	case r.From < math.MinInt64/4 || r.To > math.MaxInt64/4*3:
		return fmt.Errorf("the time range is too large: %s to %s", when(r.From), when(r.To))
	case r.Shape == Flows && (r.Limit < 1 || r.Limit > MaxRecords):
		return fmt.Errorf("the limit is %d: ask for 1 to %d flows", r.Limit, MaxRecords)
	case r.Shape != Flows && (r.Limit < 1 || r.Limit > MaxGroups):
		return fmt.Errorf("the limit is %d: ask for 1 to %d groups", r.Limit, MaxGroups)
	case len(r.By) > MaxDims:
		return fmt.Errorf("there are %d columns to group by: %d are the most", len(r.By), MaxDims)
	case len(r.Metrics) > MaxMetrics:
		return fmt.Errorf("there are %d metrics: %d are the most", len(r.Metrics), MaxMetrics)
	}
	if r.Shape != Groups {
		return r.validatePlain()
	}
	if len(r.Metrics) == 0 {
		return fmt.Errorf("nothing is to be measured: ask by bytes, packets or flows")
	}
	pairs := 0
	for i := range r.By {
		d := &r.By[i]
		if d.Of.Of != Column || len(d.Of.Fields) == 0 {
			return fmt.Errorf("flows can't be grouped by %s: it is no column", d.Of.Name)
		}
		if d.Pair {
			if pairs++; len(d.Of.Fields) != 2 || d.Of.Kind != Address {
				return fmt.Errorf("%s makes no pair of hosts: group by pair", d.Of.Name)
			}
		}
		if (d.Bits != 0 || d.Bit6 != 0) && d.Of.Kind != Address || d.Bits > 32 || d.Bit6 > 128 {
			return fmt.Errorf("%s has no prefix of %d or %d bits", d.Of.Name, d.Bits, d.Bit6)
		}
	}
	if pairs > 1 || pairs == 1 && r.Either() {
		return fmt.Errorf("a pair of hosts can't be grouped with %s", "another pair, or with what either side has")
	}
	if r.Sides && pairs == 0 && !r.Either() {
		return fmt.Errorf("there are no two directions in this: group by ip, if, as or pair")
	}
	for _, m := range r.Metrics {
		switch {
		case m.Of == Distinct && m.Fold != Total:
			return fmt.Errorf("distinct values of bins can't be folded: ask for them in the whole range")
		case m.Of == Distinct && int(m.Column) >= flow.NumFields:
			return fmt.Errorf("distinct values need a column")
		case m.Fold == Percentile && (m.Pct < 1 || m.Pct > 99):
			return fmt.Errorf("the percentile is %d: ask for 1 to 99", m.Pct)
		}
	}
	if (r.Series || r.Folds()) && r.Bin <= 0 {
		return fmt.Errorf("there are no bins: write how long one is, as every 5min")
	}
	if n := r.Bins(); n > MaxBins || r.Series && n*r.Limit*len(r.Metrics) > MaxCells {
		return fmt.Errorf("that makes %d bins for each of %d groups: ask for longer ones, or for fewer groups", n, r.Limit)
	}
	return nil
}

func (r *Request) validatePlain() error {
	switch {
	case len(r.By) > 0:
		return fmt.Errorf("%s are not grouped: ask for top instead", r.Shape)
	case r.Bin != 0 || r.Series || r.Sides || r.Present:
		return fmt.Errorf("%s have no bins: ask for top instead", r.Shape)
	case r.Dedup:
		return fmt.Errorf("%s are shown as they were observed: ask without dedup", r.Shape)
	case len(r.Metrics) > 1 || len(r.Metrics) == 1 && (r.Metrics[0].Of == Distinct || r.Metrics[0].Fold != Total):
		return fmt.Errorf("%s are ordered by one of bytes, packets and flows", r.Shape)
	case r.Shape == Conversations && (r.Idle < 1 || r.Idle > int64(time.Hour)):
		return fmt.Errorf("the idle time is %s: write 1ns to 1h", time.Duration(r.Idle))
	}
	return nil
}

func when(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
