package query

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Cell is a value in a [Table].
type Cell struct {
	Kind  CellKind
	Text  string
	Uint  uint64
	Float float64
	Time  int64 // Unix nanoseconds
}

// A CellKind says where a Cell has its value, and what a column of them holds.
type CellKind uint8

const (
	NoCell CellKind = iota // there is no value
	TextCell
	UintCell
	FloatCell
	TimeCell
)

var cellKinds = [...]string{NoCell: "none", TextCell: "text", UintCell: "uint", FloatCell: "float", TimeCell: "time"}

func (k CellKind) String() string { return cellKinds[k] }

// MarshalText writes the word.
func (k CellKind) MarshalText() ([]byte, error) { return []byte(cellKinds[k]), nil }

// UnmarshalText reads the word.
func (k *CellKind) UnmarshalText(text []byte) error {
	for i, word := range cellKinds {
		if word == string(text) {
			*k = CellKind(i)
			return nil
		}
	}
	return fmt.Errorf("no kind of cell %s", quoted(string(text)))
}

func textCell(s string) Cell       { return Cell{Kind: TextCell, Text: s} }
func uintCell(n uint64) Cell       { return Cell{Kind: UintCell, Uint: n} }
func floatCell(x float64) Cell     { return Cell{Kind: FloatCell, Float: x} }
func timeCell(ns int64) Cell       { return Cell{Kind: TimeCell, Time: ns} }
func (c Cell) IsNone() bool        { return c.Kind == NoCell }
func formatFloat(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Number returns the value of a number.
func (c Cell) Number() float64 {
	if c.Kind == UintCell {
		return float64(c.Uint)
	}
	return c.Float
}

// String returns the value as CSV has it.
func (c Cell) String() string {
	switch c.Kind {
	case TextCell:
		return c.Text
	case UintCell:
		return strconv.FormatUint(c.Uint, 10)
	case FloatCell:
		return formatFloat(c.Float)
	case TimeCell:
		return when(c.Time)
	}
	return ""
}

// MarshalJSON writes a number, a text, or null.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch c.Kind {
	case NoCell:
		return []byte("null"), nil
	case UintCell, FloatCell:
		return []byte(c.String()), nil
	}
	return json.Marshal(c.String())
}

// UnmarshalJSON reads what MarshalJSON wrote: a time is text then, and a whole
// number a UintCell; [Table.UnmarshalJSON] sets that right.
func (c *Cell) UnmarshalJSON(b []byte) error {
	switch s := string(b); {
	case s == "null":
		*c = Cell{}
	case b[0] == '"':
		c.Kind = TextCell
		return json.Unmarshal(b, &c.Text)
	case strings.Trim(s, "0123456789") == "":
		n, err := strconv.ParseUint(s, 10, 64)
		*c = uintCell(n)
		return err
	default:
		x, err := strconv.ParseFloat(s, 64)
		*c = floatCell(x)
		return err
	}
	return nil
}

// as makes c a cell of kind k, which its column has.
func (c *Cell) as(k CellKind) error {
	switch {
	case c.Kind == k || c.Kind == NoCell:
	case k == FloatCell && c.Kind == UintCell:
		*c = floatCell(float64(c.Uint))
	case k == TimeCell && c.Kind == TextCell:
		t, err := time.Parse(time.RFC3339Nano, c.Text)
		if err != nil {
			return err
		}
		*c = timeCell(t.UnixNano())
	default:
		return fmt.Errorf("a cell of kind %s in a column of %s", c.Kind, k)
	}
	return nil
}
