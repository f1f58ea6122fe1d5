package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/query"
)

// A grid is text in columns: numbers to the right, the rest to the left.
type grid struct {
	rows  [][]string
	right []bool
}

func (g *grid) add(row ...string) { g.rows = append(g.rows, row) }

// append writes the rows; the first is the title.
func (g *grid) append(dst []byte) []byte {
	width := make([]int, len(g.right))
	for _, row := range g.rows {
		for i, s := range row {
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	for _, row := range g.rows {
		line := ""
		for i, s := range row {
			fill := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i > 0 {
				line += "  "
			}
			if g.right[i] {
				line += fill + s
			} else {
				line += s + fill
			}
		}
		dst = append(append(dst, strings.TrimRight(line, " ")...), '\n')
	}
	return dst
}

// sparkWidth is the most characters of a sparkline.
const sparkWidth = 60

// sparkline draws values as characters, the largest of them at full height; where
// there are more than characters, the largest of each stretch.
func sparkline(values []float64) string {
	const levels = "▁▂▃▄▅▆▇█"
	if len(values) == 0 {
		return ""
	}
	n := min(sparkWidth, len(values))
	top := slices.Max(values)
	var s strings.Builder
	for i := range n {
		v := slices.Max(values[i*len(values)/n : (i+1)*len(values)/n])
		level := 0
		if top > 0 && v > 0 {
			level = int(math.Ceil(v/top*8)) - 1
		}
		if v <= 0 {
			s.WriteByte(' ')
			continue
		}
		s.WriteString(levels[3*level : 3*level+3])
	}
	return s.String()
}

// widestText is the most characters of a text in a table: one that an exporter has
// made long must not push the others out of sight. Other formats have it whole.
const widestText = 64

// shortened is s, or its beginning.
func shortened(s string) string {
	n := 0
	for i := range s {
		if n++; n == widestText && utf8.RuneCountInString(s[i:]) > 1 {
			return s[:i] + "…"
		}
	}
	return s
}

// cellText writes a cell for people.
func cellText(c query.Cell, of *query.TableColumn, zone *time.Location) string {
	switch {
	case c.IsNone():
		return "-"
	case c.Kind == query.TextCell:
		return shortened(printable(c.Text))
	case c.Kind == query.TimeCell:
		return time.Unix(0, c.Time).In(zone).Format("2006-01-02 15:04:05.000")
	case of.Role == query.KeyRole:
		return c.String()
	case of.Unit == "%":
		sign := ""
		if of.Role == query.ChangeRole && c.Number() > 0 {
			sign = "+"
		}
		if of.Role == query.ErrorRole {
			sign = "±"
		}
		return sign + strconv.FormatFloat(c.Number(), 'f', 1, 64) + " %"
	case of.Unit == "" && c.Kind == query.UintCell:
		return c.String()
	}
	// The column says what it counts.
	unit := of.Unit
	for _, s := range []string{"packet", "flow"} {
		unit = strings.TrimPrefix(unit, s)
	}
	return strings.TrimSpace(amount(c.Number(), unit))
}

// amount writes a value with its unit: 3.6 Gbit, 42 packets/s.
func amount(v float64, unit string) string {
	switch {
	case v > 0 && v < 1:
		return strconv.FormatFloat(v, 'g', 2, 64) + " " + plural(unit)
	case v < 99.95 && v != math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 1, 64) + " " + plural(unit)
	}
	return perSecond(v, plural(unit))
}

func plural(unit string) string {
	for _, s := range []string{"packet", "flow"} {
		if rest, ok := strings.CutPrefix(unit, s); ok {
			return s + "s" + rest
		}
	}
	return unit
}

// title is a column's name above it.
func title(c *query.TableColumn) string { return strings.ToUpper(strings.ReplaceAll(c.Name, "_", " ")) }

// appendAnswer writes an answer for people.
func appendAnswer(dst []byte, t *query.Table, zone *time.Location) []byte {
	if zone == nil {
		zone = time.UTC
	}
	switch {
	case len(t.Rows) == 0:
		dst = append(dst, "no flows match\n"...)
	case t.Show == "matrix":
		dst = appendMatrix(dst, t)
	default:
		dst = appendRows(dst, t, zone)
	}
	return appendTrust(append(dst, '\n'), t, zone)
}

func appendRows(dst []byte, t *query.Table, zone *time.Location) []byte {
	g := grid{}
	var head []string
	for i := range t.Columns {
		c := &t.Columns[i]
		head = append(head, title(c))
		g.right = append(g.right, c.Kind == query.UintCell || c.Kind == query.FloatCell)
	}
	series := map[int]*query.Line{}
	metric := ""
	for i := range t.Series {
		l := &t.Series[i]
		if metric == "" {
			metric = l.Metric
		}
		if l.Metric == metric {
			series[l.Row] = l
		}
	}
	if metric != "" {
		head = append(head, "PEAK", "")
		g.right = append(g.right, true, false)
	}
	g.add(head...)
	add := func(cells []query.Cell, first string, line *query.Line) {
		var row []string
		for i, c := range cells {
			s := cellText(c, &t.Columns[i], zone)
			if first != "" && c.IsNone() {
				s = ""
			}
			row = append(row, s)
		}
		if first != "" && len(row) > 0 && (row[0] == "" || t.Columns[0].Role == query.KeyRole) {
			row[0] = first
		}
		if metric != "" {
			peak, spark := "", ""
			if line != nil {
				spark, peak = sparkline(line.Values), amount(slices.Max(append([]float64{0}, line.Values...)), line.Unit)
			}
			row = append(row, peak, spark)
		}
		g.add(row...)
	}
	for i, row := range t.Rows {
		add(row, "", series[i])
	}
	if t.Other != nil {
		add(t.Other, fmt.Sprintf("other (%d)", t.Others), series[-1])
	}
	if t.Total != nil {
		add(t.Total, "total", nil)
	}
	return g.append(dst)
}

// appendMatrix writes the first value of each cell, rows and columns in the order
// in which they come.
func appendMatrix(dst []byte, t *query.Table) []byte {
	if len(t.Columns) < 3 {
		return dst
	}
	var down, across []string
	cells := map[[2]string]string{}
	for _, row := range t.Rows {
		a, b := cellText(row[0], &t.Columns[0], time.UTC), cellText(row[1], &t.Columns[1], time.UTC)
		if !slices.Contains(down, a) {
			down = append(down, a)
		}
		if !slices.Contains(across, b) {
			across = append(across, b)
		}
		cells[[2]string{a, b}] = cellText(row[2], &t.Columns[2], time.UTC)
	}
	g := grid{right: make([]bool, 1+len(across))}
	head := []string{title(&t.Columns[0]) + " \\ " + title(&t.Columns[1])}
	for i, b := range across {
		head, g.right[1+i] = append(head, b), true
	}
	g.add(head...)
	for _, a := range down {
		row := []string{a}
		for _, b := range across {
			s, ok := cells[[2]string{a, b}]
			if !ok {
				s = "·"
			}
			row = append(row, s)
		}
		g.add(row...)
	}
	dst = g.append(dst)
	for _, x := range []struct {
		what string
		row  []query.Cell
	}{{fmt.Sprintf("other cells (%d)", t.Others), t.Other}, {"total", t.Total}} {
		if len(x.row) > 2 && !x.row[2].IsNone() {
			dst = fmt.Appendf(dst, "%s: %s\n", x.what, cellText(x.row[2], &t.Columns[2], time.UTC))
		}
	}
	return dst
}

// appendTrust writes what the answer is of, and how far to trust it.
func appendTrust(dst []byte, t *query.Table, zone *time.Location) []byte {
	const form = "2006-01-02 15:04:05"
	dst = fmt.Appendf(dst, "%s to %s %s, %s", t.From.In(zone).Format(form), t.To.In(zone).Format(form), zone, counted(t.Flows, "flow"))
	if t.Bin > 0 {
		dst = fmt.Appendf(dst, ", bins of %s", time.Duration(t.Bin*1e9))
	}
	dst = append(dst, '\n')
	if t.Others > 0 && t.Other == nil {
		dst = fmt.Appendf(dst, "%d more groups\n", t.Others)
	}
	if t.More > 0 {
		dst = fmt.Appendf(dst, "%d more are not shown\n", t.More)
	}
	if t.Bound > 0 && len(t.Columns) > 0 {
		dst = fmt.Appendf(dst, "a group that is not shown has at most %s\n", amount(t.Bound, firstUnit(t)))
	}
	if c := t.Complete; c != nil {
		dst = fmt.Appendf(dst, "%s %% of what was sent is in the store", strconv.FormatFloat(100*c.Share, 'f', 3, 64))
		if c.Missing > 0 {
			dst = fmt.Appendf(dst, "; %s did not come", counted(c.Missing, "record"))
		}
		if c.Lost > 0 {
			dst = fmt.Appendf(dst, "; %s came and were not stored", counted(c.Lost, "record"))
		}
		dst = append(dst, '\n')
	}
	if t.Sampled > 0 {
		times := query.Times(uint64(t.LeastRate), uint64(t.MostRate))
		how := "counters are as sampled"
		switch {
		case t.Scaled && times != "":
			how = "counters are multiplied by the rate, " + times
		case t.Scaled:
			how = "counters are multiplied by the rate"
		case times != "":
			how += " and stand for more, " + times
		}
		dst = fmt.Appendf(dst, "%s sampled: %s\n", counted(t.Sampled, "flow"), how)
	}
	if t.Unknown > 0 {
		dst = fmt.Appendf(dst, "the sampling rate of %s is not known: they count as they are\n", counted(t.Unknown, "flow"))
	}
	for _, n := range t.Notes {
		dst = append(append(dst, printable(n)...), '\n')
	}
	return dst
}

func counted(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// firstUnit is the unit of what was asked for first.
func firstUnit(t *query.Table) string {
	for _, c := range t.Columns {
		if c.Role == query.ValueRole {
			return c.Unit
		}
	}
	return ""
}
