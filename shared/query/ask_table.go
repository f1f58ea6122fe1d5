package query

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A Table is an [Answer] as people and their programs want it: columns with names
// and units, rates, percentages, and what there is to know about how far to trust
// it. Its JSON is what the API answers.
type Table struct {
	Question string        `json:"question"` // as Question.String has it
	Show     string        `json:"show"`     // the word that it begins with
	Zone     string        `json:"zone,omitempty"`
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Bin      float64       `json:"bin_seconds,omitempty"`
	Columns  []TableColumn `json:"columns"`
	Rows     [][]Cell      `json:"rows"`
	Other    []Cell        `json:"other,omitempty"`  // what is in no row, by column; without keys
	Others   int           `json:"others,omitempty"` // groups in Other
	Total    []Cell        `json:"total,omitempty"`  // all, by column; without keys
	Series   []Line        `json:"series,omitempty"`
	More     int           `json:"more,omitempty"` // records or conversations that are not shown

	Flows    uint64    `json:"flows"`
	Unknown  uint64    `json:"rate_unknown"` // of the flows, those whose sampling rate is not known
	Sampled  uint64    `json:"sampled"`      // of the flows, those with a rate above 1
	Scaled   bool      `json:"scaled"`       // counters are multiplied by the sampling rate
	Scanned  uint64    `json:"scanned"`      // rows read
	Bound    float64   `json:"bound,omitempty"`
	Complete *Complete `json:"completeness,omitempty"` // nil: not known
	Notes    []string  `json:"notes,omitempty"`

	// Between these, both within, are the rates above 1, as Answer has it; 0: there are
	// none, or they are not known.
	LeastRate uint32 `json:"least_rate,omitempty"`
	MostRate  uint32 `json:"most_rate,omitempty"`
}

// A TableColumn is one of a Table.
type TableColumn struct {
	Name  string   `json:"name"`
	Field string   `json:"field,omitempty"` // of a key: what a filter calls it
	Kind  CellKind `json:"kind"`
	Unit  string   `json:"unit,omitempty"` // bit, B, packet, flow, these with /s, %, s
	Role  Role     `json:"role"`
}

// A Role says what a column is for.
type Role string

const (
	KeyRole    Role = "key"
	ValueRole  Role = "value"  // what was asked for
	RateRole   Role = "rate"   // a value over the range's seconds
	ShareRole  Role = "share"  // the first value as a percentage of all
	SideRole   Role = "side"   // a value of one direction
	BeforeRole Role = "before" // the first value in the period to compare with
	ChangeRole Role = "change" // what it grew by since, in percent
	ErrorRole  Role = "error"  // 95 % of samples lead to an estimate no further off, in percent
)

// A Line is a metric of a row over time: so much a second in each bin, and of
// distinct counts so many.
type Line struct {
	Row    int       `json:"row"` // -1: of Other
	Metric string    `json:"metric"`
	Unit   string    `json:"unit,omitempty"`
	Values []float64 `json:"values"`
}

// Complete is a [Coverage] as it is shown.
type Complete struct {
	Share   float64 `json:"share"`   // of the records that were sent, how many are in the store
	Records uint64  `json:"records"` // that came
	Missing uint64  `json:"missing"` // that did not; of some protocols an estimate
	Lost    uint64  `json:"lost"`    // of those that came, not stored
}

// Times writes between which two numbers sampling rates are; nothing if that is not
// known.
func Times(least, most uint64) string {
	switch {
	case least == 0 || most < least:
		return ""
	case least == most:
		return fmt.Sprintf("×%d", least)
	}
	return fmt.Sprintf("×%d to ×%d", least, most)
}

// UnmarshalJSON reads what a Table's JSON is.
func (t *Table) UnmarshalJSON(b []byte) error {
	type plain Table
	if err := json.Unmarshal(b, (*plain)(t)); err != nil {
		return err
	}
	for _, row := range append(append([][]Cell{}, t.Rows...), t.Other, t.Total) {
		if row != nil && len(row) != len(t.Columns) {
			return fmt.Errorf("a row has %d cells, there are %d columns", len(row), len(t.Columns))
		}
		for i := range row {
			if err := row[i].as(t.Columns[i].Kind); err != nil {
				return err
			}
		}
	}
	for _, l := range t.Series {
		if l.Row < -1 || l.Row >= len(t.Rows) {
			return fmt.Errorf("there is no row %d", l.Row)
		}
	}
	return nil
}

// SamplingError returns by how much an estimate errs, in percent, behind which are
// so many sampled packets (SEMANTICS, Sampling); 0 if nothing was sampled.
func SamplingError(samples uint64) float64 {
	if samples == 0 {
		return 0
	}
	return 196 * math.Sqrt(1/float64(samples))
}

// unit is what a metric counts.
func (m Metric) unit() string {
	switch {
	case m.Of == Bytes && m.Bits:
		return "bit"
	case m.Of == Distinct:
		return ""
	}
	return [...]string{Bytes: "B", Packets: "packet", Records: "flow"}[m.Of]
}

// column is the name of m's column.
func (m Metric) column() string {
	s := m.name()
	if m.Of == Distinct {
		s = "distinct_" + fieldName(columns[m.Column])
	}
	switch m.Fold {
	case Peak:
		s += "_max"
	case Percentile:
		s += fmt.Sprintf("_p%d", m.Pct)
	}
	return s
}

// Scale returns n of m as it is shown: octets as bits where those are meant; the
// most that 64 bits hold where it is more.
func (m Metric) Scale(n uint64) uint64 {
	if m.Of != Bytes || !m.Bits {
		return n
	}
	if over, x := bits.Mul64(n, 8); over == 0 {
		return x
	}
	return math.MaxUint64
}

// perSecond returns n of m over so many nanoseconds.
func (m Metric) perSecond(n uint64, span int64) float64 {
	x := float64(n) / (float64(span) / 1e9)
	if m.Of == Bytes && m.Bits {
		x *= 8
	}
	return x
}

// value returns n of m in the whole range, or, where bins were folded, its rate in
// one of them.
func (m Metric) value(n uint64, bin int64) Cell {
	if m.Fold != Total {
		return floatCell(m.perSecond(n, bin))
	}
	return uintCell(m.Scale(n))
}

// fieldName is the name of a table's column for q.
func fieldName(q *Quantity) string {
	if q.Of == Column && len(q.Fields) == 1 && q == columns[q.Fields[0]] {
		return flatName(q.Fields[0])
	}
	out := []byte(q.Name)
	for i, c := range out {
		if c == ' ' || c == '-' {
			out[i] = '_'
		}
	}
	return string(out)
}
