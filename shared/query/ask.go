package query

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// A Question is a [Request] as somebody asks it, with what engines needn't know.
// [Ask] reads one:
//
//	top 10 src,dst by bytes last 1h where dst port 443
//	top 5 exporter,in_if by bits p95 this month zone Europe/Berlin
//	series 8 app_name by bits last 6h every 5min
//	flows 50 last 10min where host 10.0.0.1
//	conversations 10 by bytes last 1h
//	matrix src_as x dst_as by bytes last 24h
//	count src by exporter today
//	top 10 pair by packets yesterday previous
//
// # Grammar
//
//	question  = shape { clause } [ "where" filter ]
//	shape     = "top" [ number ] [ columns ]           the largest groups; without columns all flows
//	          | "series" [ number ] [ columns ]        the same, over time
//	          | "matrix" [ number ] column "x" column  so many cells, the largest
//	          | "count" [ number ] columns [ "by" columns ]   how many different values there are
//	          | "flows" [ number ]                     records, newest first
//	          | "conversations" [ number ]             both directions of each 5-tuple
//	columns   = column { "," column }
//	column    = "pair" | field [ "/" number [ "/" number ] ]
//	clause    = "by" metric { "," metric } | range
//	          | "every" time | "raw" | "dedup" | "both" | "present"
//	          | "previous" | "against" moment "to" moment
//	          | "idle" time | "zone" name
//	metric    = ( "bits" | "bytes" | "packets" | "flows" | "distinct" column )
//	            [ "total" | "max" | "p" number ]
//	range     = "last" time | "from" moment [ "to" moment ]
//	          | "today" | "yesterday"
//	          | ( "this" | "last" ) ( "hour" | "day" | "week" | "month" )
//	moment    = RFC 3339 | date | date "T" hh:mm[:ss] | hh:mm[:ss] | "now"
//	time      = number unit                            ns us ms s min h d
//
// Fields and filters are those of [Parse]; "src" and "dst" alone are addresses, a
// column may be preceded by words ("src port"), and "/24/48" is the length of
// prefix that counts in IPv4 and in IPv6. A field of either side ("ip", "if",
// "as") counts a flow for both its ends. The order of clauses doesn't matter, and
// the filter comes last. Without a range it is the last hour; days are those of
// UTC unless a zone is named; weeks begin on Monday; a date is its day's
// beginning, and "from 22:00 to 06:00" begins on the day before. Ranges are
// widened to whole bins.
type Question struct {
	Request
	Matrix  bool           // shown with the first Dim down and the second across
	Against [2]int64       // the period to compare with, Unix nanoseconds; zeros: none
	Zone    *time.Location // whose days and clock were meant; nil: UTC
}

// Ask reads a question, which is asked now. It is aligned and valid. An error is a
// *[SyntaxError].
func Ask(text string, now time.Time) (*Question, error) { return askIn(text, now, Scope{}) }

// A Scope has what a question leaves open: a panel's range and resolution.
type Scope struct {
	From, To int64 // Unix nanoseconds, the range of a question that names none; zeros: the last hour
	Bin      int64 // nanoseconds, the bins of a series that doesn't say how long; 0: by the range
}

func askIn(text string, now time.Time, in Scope) (*Question, error) {
	if len(text) > MaxText {
		return nil, errorAt("", 0, 0, "a question has %d octets at most, this one has %d", MaxText, len(text))
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := &asker{parser: parser{text: text, tokens: tokens}, now: now, in: in}
	if err := p.question(); err != nil {
		return nil, err
	}
	if err := p.finish(); err != nil {
		return nil, errorAt(text, tokens[0].off, max(1, tokens[0].n), "%v", err)
	}
	return &p.q, nil
}

// String returns the question in its usual form, with the range as two moments.
// Ask makes the same question of it at any time, unless it has become longer than
// MaxText.
func (q *Question) String() string {
	var s strings.Builder
	s.WriteString(q.Show())
	s.WriteByte(' ')
	s.WriteString(strconv.Itoa(q.Limit))
	for i := range q.By {
		switch {
		case i == 0:
			s.WriteByte(' ')
		case q.Matrix:
			s.WriteString(" x ")
		default:
			s.WriteString(", ")
		}
		s.WriteString(q.By[i].String())
	}
	for i := range q.Metrics {
		s.WriteString([]string{", ", " by "}[b2i(i == 0)])
		s.WriteString(q.Metrics[i].String())
	}
	s.WriteString(" from " + when(q.From) + " to " + when(q.To))
	if q.Bin > 0 {
		s.Write(appendSpan([]byte(" every "), uint64(q.Bin)))
	}
	for _, o := range []struct {
		on   bool
		word string
	}{{q.Raw, " raw"}, {q.Dedup, " dedup"}, {q.Sides, " both"}, {q.Present, " present"}} {
		if o.on {
			s.WriteString(o.word)
		}
	}
	if q.Shape == Conversations {
		s.Write(appendSpan([]byte(" idle "), uint64(q.Idle)))
	}
	if q.Against != [2]int64{} {
		s.WriteString(" against " + when(q.Against[0]) + " to " + when(q.Against[1]))
	}
	if q.Zone != nil {
		s.WriteString(" zone " + q.Zone.String())
	}
	if q.Filter != nil {
		s.WriteString(" where " + q.Filter.String())
	}
	return s.String()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Show returns the word that q begins with.
func (q *Question) Show() string {
	switch {
	case q.Shape == Flows:
		return "flows"
	case q.Shape == Conversations:
		return "conversations"
	case q.Matrix:
		return "matrix"
	case q.Series:
		return "series"
	}
	return "top"
}

// String returns d as a question has it.
func (d *Dim) String() string {
	s := d.Of.Name
	if d.Pair {
		s = "pair"
	}
	switch {
	case d.Bit6 != 0:
		return s + "/" + strconv.Itoa(orMost(d.Bits, 32)) + "/" + strconv.Itoa(int(d.Bit6))
	case d.Bits != 0:
		return s + "/" + strconv.Itoa(int(d.Bits))
	}
	return s
}

// orMost is the length of a prefix, of which 0 is the whole address.
func orMost(n uint8, most int) int {
	if n == 0 {
		return most
	}
	return int(n)
}

// String returns m as a question has it.
func (m Metric) String() string {
	s := m.name()
	switch m.Fold {
	case Peak:
		s += " max"
	case Percentile:
		s += " p" + strconv.Itoa(m.Pct)
	}
	return s
}

func (m Metric) name() string {
	switch {
	case m.Of == Distinct:
		return "distinct " + columnName(m.Column)
	case m.Of == Bytes && m.Bits:
		return "bits"
	}
	return [...]string{Bytes: "bytes", Packets: "packets", Records: "flows"}[m.Of]
}

// columnName is how a question and a filter call a column alone.
func columnName(x flow.Field) string {
	byName() // which gives phrases their names
	return columns[x].Name
}
