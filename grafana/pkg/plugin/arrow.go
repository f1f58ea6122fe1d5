package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/weirflow/weir/shared/query"
)

// readArrow reads the answer to q as a collector writes it in Arrow IPC: flat rows,
// and all else as JSON in the schema's metadata. Of a series, rows have no values
// then, but lines. An answer to something else is refused, and one that has more than
// was asked for.
func readArrow(r io.Reader, q *query.Question) (t *query.Table, err error) {
	defer func() {
		if p := recover(); p != nil { // package ipc does so at what it doesn't understand
			t, err = nil, fmt.Errorf("the answer is not understood: %v", p)
		}
	}()
	in, err := ipc.NewReader(&arrowGuard{r: r})
	if err != nil {
		return nil, err
	}
	defer in.Release()
	t = &query.Table{}
	about, ok := in.Schema().Metadata().GetValue("weir")
	if !ok {
		return nil, errors.New("the answer is not weir's: its schema has no metadata")
	}
	if err := readAbout(about, t); err != nil {
		return nil, fmt.Errorf("the answer's metadata: %w", err)
	}
	if err := fits(t, q); err != nil {
		return nil, err
	}
	series := t.Show == "series"
	if n := in.Schema().NumFields(); !series && n != len(t.Columns) {
		return nil, fmt.Errorf("the answer has %d columns, not %d", n, len(t.Columns))
	}
	flat := &flatSeries{Table: t, bins: q.Bins()}
	height, most := int64(0), int64(q.Limit)
	if series {
		most *= int64(q.Bins())
	}
	for in.Next() {
		b := in.RecordBatch()
		if height += b.NumRows(); height > most || b.NumRows() < 0 {
			return nil, fmt.Errorf("the answer has more than %d rows, which were asked for", most)
		}
		rows, err := cellsOf(b)
		if err != nil {
			return nil, err
		}
		if !series {
			t.Rows = append(t.Rows, rows...)
			continue
		}
		for _, row := range rows {
			if err := flat.add(in.Schema(), row); err != nil {
				return nil, err
			}
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	flat.end()
	return t, nil
}

// mostAside is how many octets of JSON a row has that is none of the rows.
const mostAside = 1 << 20

// readAbout reads what an answer's metadata tells. Rows are not among it.
func readAbout(text string, t *query.Table) error {
	var has struct {
		Columns            []json.RawMessage
		Rows, Other, Total json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &has); err != nil {
		return err
	}
	switch rows := string(has.Rows); {
	case rows != "" && rows != "null" && rows != "[]":
		return errors.New("it has rows")
	case len(has.Columns) > mostColumns || len(has.Other) > mostAside || len(has.Total) > mostAside:
		return fmt.Errorf("it has %d columns, and %d octets beside its rows", len(has.Columns), len(has.Other)+len(has.Total))
	}
	return json.Unmarshal([]byte(text), t)
}

// fits tells whether t's columns are of an answer to q.
func fits(t *query.Table, q *query.Question) error {
	keys := 0
	for i, c := range t.Columns {
		if c.Kind == query.NoCell {
			return fmt.Errorf("column %q holds nothing", c.Name)
		}
		if c.Role == query.KeyRole && keys == i {
			keys++
		}
	}
	want := 0
	for i := range q.By {
		if want++; q.By[i].Pair {
			want++
		}
	}
	switch {
	case t.Show != q.Show():
		return fmt.Errorf("the answer is to %q, not to %q", t.Show, q.Show())
	case q.Shape == query.Groups && (keys != want || len(t.Columns) == keys):
		return fmt.Errorf("the answer has %d columns to group by of %d, not %d", keys, len(t.Columns), want)
	}
	return nil
}

// cellsOf makes rows of a batch's columns.
func cellsOf(b arrow.RecordBatch) (rows [][]query.Cell, err error) {
	height, width := int(b.NumRows()), int(b.NumCols())
	all := make([]query.Cell, height*width)
	rows = make([][]query.Cell, height)
	for i := range rows {
		rows[i] = all[i*width : (i+1)*width : (i+1)*width]
	}
	for n := range width {
		var value func(*query.Cell, int)
		switch a := b.Column(n).(type) {
		case *array.String:
			value = func(c *query.Cell, i int) { c.Kind, c.Text = query.TextCell, a.Value(i) }
		case *array.Uint64:
			value = func(c *query.Cell, i int) { c.Kind, c.Uint = query.UintCell, a.Value(i) }
		case *array.Float64:
			value = func(c *query.Cell, i int) { c.Kind, c.Float = query.FloatCell, a.Value(i) }
		case *array.Timestamp:
			value = func(c *query.Cell, i int) { c.Kind, c.Time = query.TimeCell, int64(a.Value(i)) }
		default:
			return nil, fmt.Errorf("the answer has a column of %s", a.DataType())
		}
		for i := range rows {
			if b.Column(n).IsValid(i) {
				value(&rows[i][n], i)
			}
		}
	}
	return rows, nil
}

// flatSeries makes rows and lines of a series' flat rows: a time, the keys, and a
// rate of each metric; so many for each group.
type flatSeries struct {
	*query.Table
	bins int
	last []query.Line // of Other, which stand behind the others
	seen int          // rows
}

func (f *flatSeries) add(s *arrow.Schema, row []query.Cell) error {
	if f.seen == 0 {
		f.last, f.Series = f.Series, nil
	}
	keys := 0
	for keys < len(f.Columns) && f.Columns[keys].Role == query.KeyRole {
		keys++
	}
	metrics := len(row) - 1 - keys
	if f.bins == 0 || metrics < 1 {
		return errors.New("the answer is no series")
	}
	if f.seen%f.bins == 0 {
		cells := make([]query.Cell, len(f.Columns))
		copy(cells, row[1:1+keys])
		f.Rows = append(f.Rows, cells)
		for n := range metrics {
			x := s.Field(1 + keys + n)
			unit, _ := x.Metadata.GetValue("unit")
			f.Series = append(f.Series, query.Line{Row: len(f.Rows) - 1, Metric: x.Name, Unit: unit, Values: make([]float64, 0, f.bins)})
		}
	}
	lines := f.Series[len(f.Series)-metrics:]
	for n := range lines {
		lines[n].Values = append(lines[n].Values, row[1+keys+n].Number())
	}
	f.seen++
	return nil
}

func (f *flatSeries) end() { f.Series = append(f.Series, f.last...) }
