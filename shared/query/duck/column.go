package duck

import (
	"encoding/binary"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// The ends of the names of the two columns that an address has: its octets as
// two numbers, the first half and the second. IPv4 is in its mapped form.
const (
	High = "_hi"
	Low  = "_lo"
)

// Where IPv4 is among the second halves, the first being 0.
const (
	mappedFirst = 0xffff_0000_0000
	mappedLast  = 0xffff_ffff_ffff
)

// Millisecond is the unit of times in the store, in nanoseconds.
const Millisecond = 1_000_000

// Column returns the type that DuckDB has for a column; an address has it twice.
func Column(x flow.Field) string {
	switch c := &flow.Fields[x]; {
	case c.Kind == flow.KindTime:
		return "BIGINT"
	case c.Kind == flow.KindStr:
		return "VARCHAR"
	case c.Kind == flow.KindAddr || c.Size == 8:
		return "UBIGINT"
	case c.Size == 4:
		return "UINTEGER"
	case c.Size == 2:
		return "USMALLINT"
	}
	return "UTINYINT"
}

// quoted is a column's name in SQL.
func quoted(x flow.Field, part string) string { return `"` + flow.Fields[x].Flat + part + `"` }

// A Statement is SQL being written.
type Statement struct {
	text    []byte
	args    []any
	moments map[int64]string // parameters that are times
}

// SQL returns the text and its parameters: int64, uint64, string and []string.
func (s *Statement) SQL() (string, []any) { return string(s.text), s.args }

// Add adds text of the caller's own.
func (s *Statement) Add(text string) { s.add(text) }

func (s *Statement) add(parts ...string) {
	for _, p := range parts {
		s.text = append(s.text, p...)
	}
}

// arg returns a new parameter.
func (s *Statement) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// moment returns the parameter that is t.
func (s *Statement) moment(t int64) string {
	if _, ok := s.moments[t]; !ok {
		if s.moments == nil {
			s.moments = map[int64]string{}
		}
		s.moments[t] = s.arg(t)
	}
	return s.moments[t]
}

// columns are those that the rows of a source have.
type columns struct {
	has   flow.Set // others are NULL
	whole flow.Set // never NULL
}

func (c *columns) of(x flow.Field) string { return c.half(x, "") }

func (c *columns) half(x flow.Field, half string) string {
	if !c.has.Has(x) {
		return "NULL::" + Column(x)
	}
	return quoted(x, half)
}

// known is an expression that is NULL only where x is.
func (c *columns) known(x flow.Field) string {
	if flow.Fields[x].Kind == flow.KindAddr {
		return c.half(x, Low)
	}
	return c.of(x)
}

// number is a column as a number, shifted and masked as q says.
func number(x string, q *query.Quantity, size uint8) string {
	if q.Shift > 0 {
		x = "(" + x + " >> " + strconv.Itoa(int(q.Shift)) + ")"
	}
	if width := 8*size - q.Shift; width < 64 && q.Mask < 1<<width-1 || width == 64 && q.Mask != 1<<64-1 {
		x = "(" + x + " & " + strconv.FormatUint(q.Mask, 10) + ")"
	}
	return x
}

// words are an address as its two columns have it.
func words(a flow.Addr) [2]uint64 {
	return [2]uint64{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])}
}
