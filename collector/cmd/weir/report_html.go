package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/query"
)

//go:embed report.html
var reportPage string

// reportTemplate makes HTML of a report; html/template escapes what comes from
// flows, wherever it stands.
var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"time": func(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01-02 15:04") },
	"rows": htmlRows,
}).Parse(reportPage))

func writeReportHTML(w io.Writer, r *report) error { return reportTemplate.Execute(w, r) }

// A htmlCell is a cell as it is shown.
type htmlCell struct {
	Text   string
	Number bool
}

type htmlTable struct {
	Head  []htmlCell
	Rows  [][]htmlCell
	Trust []string
}

// htmlRows is a section's table as it is shown.
func htmlRows(s section, zone *time.Location) (out htmlTable) {
	t := s.Table
	number := func(i int) bool { return t.Columns[i].Kind == query.UintCell || t.Columns[i].Kind == query.FloatCell }
	for i, c := range t.Columns {
		out.Head = append(out.Head, htmlCell{strings.ReplaceAll(c.Name, "_", " "), number(i)})
	}
	add := func(cells []query.Cell, first string) {
		var row []htmlCell
		for i, c := range cells {
			text := cellText(c, &t.Columns[i], zone)
			if first != "" && c.IsNone() {
				text = ""
			}
			row = append(row, htmlCell{text, number(i)})
		}
		if first != "" && len(row) > 0 {
			row[0].Text = first
		}
		out.Rows = append(out.Rows, row)
	}
	for _, row := range t.Rows {
		add(row, "")
	}
	if t.Other != nil {
		add(t.Other, fmt.Sprintf("other (%d)", t.Others))
	}
	if t.Total != nil && len(t.Columns) > 0 && t.Columns[0].Role == query.KeyRole {
		add(t.Total, "total")
	}
	out.Trust = strings.Split(strings.TrimSpace(string(appendTrust(nil, t, zone))), "\n")
	return out
}

// A chart is lines over time, laid out.
type chart struct {
	Title         string
	Width, Height int
	Grid          []gridLine
	Ticks         []tick
	Lines         []chartLine
}

type gridLine struct {
	X1, X2, TextX int
	Y, TextY      string
	Text          string
}

type tick struct {
	X      string
	Y      int
	Anchor string
	Text   string
}

// A chartLine is one of a chart.
type chartLine struct {
	Name   string
	Points string // as SVG has them
	values []float64
}

// The layout, in SVG's units.
const (
	chartWidth, chartHeight                      = 960, 240
	chartLeft, chartRight, chartTop, chartBottom = 90, 10, 10, 24
	chartPoints                                  = chartWidth - chartLeft - chartRight // of a line, the most
	chartLines                                   = 10
	chartRows, chartTicks                        = 4, 4
)

// newChart lays out a chart. Of a line of more values than it has room for, it
// shows the largest of each stretch.
func newChart(title, unit string, from, to time.Time, lines ...chartLine) chart {
	c := chart{Title: title, Width: chartWidth, Height: chartHeight, Lines: lines[:min(len(lines), chartLines)]}
	most := 0.0
	for _, l := range c.Lines {
		most = max(most, slices.Max(append([]float64{0}, l.values...)))
	}
	y := func(v float64) float64 {
		if most > 0 {
			v /= most
		}
		return chartHeight - chartBottom - v*(chartHeight-chartTop-chartBottom)
	}
	for i := range chartRows + 1 {
		v := most * float64(i) / chartRows
		c.Grid = append(c.Grid, gridLine{chartLeft, chartWidth - chartRight, chartLeft - 8, coordinate(y(v)), coordinate(y(v) + 4), amount(v, unit)})
	}
	form := "15:04"
	if to.Sub(from) > 24*time.Hour {
		form = "01-02 15:04"
	}
	for i := range chartTicks + 1 {
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case chartTicks:
			anchor = "end"
		}
		at := from.Add(to.Sub(from) * time.Duration(i) / chartTicks)
		c.Ticks = append(c.Ticks, tick{coordinate(chartLeft + float64(chartPoints*i)/chartTicks), chartHeight - 6, anchor, at.Format(form)})
	}
	for i := range c.Lines {
		l := &c.Lines[i]
		n := min(len(l.values), chartPoints)
		var s strings.Builder
		for k := range n {
			v := slices.Max(l.values[k*len(l.values)/n : (k+1)*len(l.values)/n])
			x := chartLeft + float64(chartPoints*k)/float64(max(1, n-1))
			fmt.Fprintf(&s, "%s,%s ", coordinate(x), coordinate(y(v)))
		}
		l.Points = strings.TrimSpace(s.String())
	}
	return c
}

func coordinate(x float64) string { return fmt.Sprintf("%.1f", x) }

// seriesChart draws the first metric of a series.
func seriesChart(t *query.Table) chart {
	metric, unit := t.Series[0].Metric, plural(t.Series[0].Unit)
	var lines []chartLine
	for _, l := range t.Series {
		if l.Metric != metric {
			continue
		}
		name := "other"
		if l.Row >= 0 {
			var keys []string
			for i, c := range t.Columns {
				if c.Role == query.KeyRole {
					keys = append(keys, cellText(t.Rows[l.Row][i], &t.Columns[i], time.UTC))
				}
			}
			name = strings.Join(keys, " ")
		}
		lines = append(lines, chartLine{Name: name, values: l.Values})
	}
	return newChart("", unit, t.From, t.To, lines...)
}
