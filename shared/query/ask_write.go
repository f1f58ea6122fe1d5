package query

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
)

// Flat returns t as plain rows: of a series one for each row and bin, with the
// rates in it; of anything else the rows as they are. Other and Total are not among
// them. A row is valid until the next one.
func (t *Table) Flat() ([]TableColumn, iter.Seq[[]Cell]) {
	if t.Show != "series" {
		return t.Columns, slices.Values(t.Rows)
	}
	columns := []TableColumn{{Name: "time", Kind: TimeCell, Role: KeyRole}}
	keys := 0
	for keys < len(t.Columns) && t.Columns[keys].Role == KeyRole {
		keys++
	}
	columns = append(columns, t.Columns[:keys]...)
	metrics := map[string]int{}
	lines := make([][]*Line, len(t.Rows)) // by row and metric
	for i := range t.Series {
		l := &t.Series[i]
		if l.Row < 0 {
			continue
		}
		if _, ok := metrics[l.Metric]; !ok {
			metrics[l.Metric] = len(metrics)
			columns = append(columns, TableColumn{Name: l.Metric, Kind: FloatCell, Unit: l.Unit, Role: RateRole})
		}
		lines[l.Row] = append(lines[l.Row], l)
	}
	return columns, func(yield func([]Cell) bool) {
		row := make([]Cell, len(columns))
		for i, all := range lines {
			if len(all) == 0 {
				continue
			}
			copy(row[1:], t.Rows[i][:keys])
			for k := range all[0].Values {
				row[0] = timeCell(t.From.Add(time.Duration(float64(k) * t.Bin * 1e9)).UnixNano())
				clear(row[1+keys:])
				for _, l := range all {
					if k < len(l.Values) {
						row[1+keys+metrics[l.Metric]] = floatCell(l.Values[k])
					}
				}
				if !yield(row) {
					return
				}
			}
		}
	}
}

// WriteCSV writes t's flat rows. Texts that a spreadsheet would take for a formula
// have an apostrophe before them.
func (t *Table) WriteCSV(w io.Writer) error {
	columns, rows := t.Flat()
	out := csv.NewWriter(w)
	line := make([]string, len(columns))
	for i := range columns {
		line[i] = columns[i].Name
	}
	out.Write(line) // errors are kept for Error
	for row := range rows {
		for i, c := range row {
			if line[i] = c.String(); c.Kind == TextCell {
				line[i] = NoFormula(c.Text)
			}
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}

// NoFormula is a text for CSV: with an apostrophe before it where a spreadsheet would
// take it for a formula.
func NoFormula(text string) string {
	if text != "" && strings.IndexByte("=+-@\t\r", text[0]) >= 0 {
		return "'" + text
	}
	return text
}

// WriteLines writes t's flat rows as JSON objects, one a line. What a row has no
// value of, it lacks.
func (t *Table) WriteLines(w io.Writer) error {
	columns, rows := t.Flat()
	names := make([][]byte, len(columns))
	for i := range columns {
		name, err := json.Marshal(columns[i].Name)
		if err != nil {
			return err
		}
		names[i] = append(name, ':')
	}
	var line []byte
	for row := range rows {
		line = append(line[:0], '{')
		for i, c := range row {
			if c.IsNone() {
				continue
			}
			if len(line) > 1 {
				line = append(line, ',')
			}
			value, err := c.MarshalJSON()
			if err != nil {
				return err
			}
			line = append(append(line, names[i]...), value...)
		}
		if _, err := w.Write(append(line, "}\n"...)); err != nil {
			return err
		}
	}
	return nil
}
