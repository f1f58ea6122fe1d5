package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/shared/query"
)

// A report is what is printed.
type report struct {
	Title    string
	From, To time.Time
	Zone     *time.Location
	Sections []section
	Notes    []string
}

// A section is a table of a report, and what is drawn of it.
type section struct {
	Title  string
	Table  *query.Table
	Charts []chart
}

// A part is a question of a report.
type part struct {
	title string
	ask   query.Asked // without its range and filter
}

// reports are the kinds that are questions and no more. CSV has the first.
var reports = map[string]struct {
	title string
	parts []part
}{
	"talkers": {"Top talkers", []part{
		{"Sources", query.Asked{By: []string{"src"}, Metrics: []string{"bytes", "packets", "flows"}}},
		{"Destinations", query.Asked{By: []string{"dst"}, Metrics: []string{"bytes", "packets", "flows"}}},
		{"Pairs of hosts", query.Asked{By: []string{"pair"}, Metrics: []string{"bytes"}, Both: true}},
		{"Sources over time", query.Asked{Show: "series", By: []string{"src"}, Metrics: []string{"bits"}}},
	}},
	"protocols": {"Protocols", []part{
		{"Protocols", query.Asked{By: []string{"proto"}, Metrics: []string{"bytes", "packets", "flows"}}},
		{"Destination ports", query.Asked{By: []string{"proto", "dst port"}, Metrics: []string{"bytes", "packets", "flows"}}},
		{"Protocols over time", query.Asked{Show: "series", By: []string{"proto"}, Metrics: []string{"bits"}}},
	}},
	"applications": {"Applications", []part{
		{"Applications", query.Asked{By: []string{"app_name"}, Metrics: []string{"bytes", "packets", "flows"}}},
		{"Applications over time", query.Asked{Show: "series", By: []string{"app_name"}, Metrics: []string{"bits"}}},
	}},
	"interfaces": {"Interfaces", []part{
		{"In", query.Asked{By: []string{"exporter", "in_if"}, Metrics: []string{"bytes", "bits p95", "bits max"}}},
		{"Out", query.Asked{By: []string{"exporter", "out_if"}, Metrics: []string{"bytes", "bits p95", "bits max"}}},
		{"In, over time", query.Asked{Show: "series", By: []string{"exporter", "in_if"}, Metrics: []string{"bits"}}},
		{"Out, over time", query.Asked{Show: "series", By: []string{"exporter", "out_if"}, Metrics: []string{"bits"}}},
	}},
}

func reportKinds() []string {
	return []string{"talkers", "protocols", "applications", "interfaces", "billing"}
}

// reportFlags are those of the command.
type reportFlags struct {
	storeFlags
	over, month, zone, where string
	limit                    int
	format, mode, missing    string
}

func reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report [flags] talkers|protocols|applications|interfaces|billing",
		Short: "Report on the flows that are stored, as text, CSV or HTML with charts",
		Long: `Report asks the weir that runs about the flows that it has stored.

Billing is the 95th percentile of each interface of a calendar month in a zone:
bins of 300 s, aligned to UTC, octets × 8 / 300; of n bins ascending it is the
(95·n + 99) div 100-th. What is billed is the larger of both directions' (--mode
max), the percentile of each bin's larger direction (bins), or that of both
together (sum). Bins without traffic count as zero or, with --missing exclude, not
at all; how many they are is printed.

HTML is one file that loads nothing. CSV has a report's first table.`,
		Example: `  weir report talkers --range 'last 24h'
  weir report interfaces --range yesterday --format html > interfaces.html
  weir report billing --month 2026-10 --zone Europe/Berlin --where 'exporter ip 192.0.2.1'`,
		ValidArgs: reportKinds(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(reportKinds(), args[0]) {
				return usagef("report on what? write one of %s", strings.Join(reportKinds(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := reportFormats[f.format]
			if !ok {
				return usagef("--format: no format %q: it is one of text, csv, html", f.format)
			}
			build, err := f.maker(args[0])
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			r, err := build(cmd.Context(), c)
			if err != nil {
				return hintedAt(err)
			}
			return write(cmd.OutOrStdout(), r)
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.over, "range", "", "`RANGE` of time, as in weir query: last 24h (default), yesterday, last week, from … to …")
	fl.StringVar(&f.month, "month", "", "`MONTH` as range, YYYY-MM; of billing default: the last one")
	fl.StringVar(&f.zone, "zone", "UTC", "`ZONE` whose days and months are meant, as Europe/Berlin")
	fl.StringVar(&f.where, "where", "", "`FILTER`: only flows that match; see weir help filter")
	fl.IntVar(&f.limit, "limit", 10, "`ROWS` of each table; billing has all")
	fl.StringVar(&f.format, "format", "text", "`FORMAT`: text, csv, html")
	fl.StringVar(&f.mode, "mode", "max", "`MODE` of billing: "+strings.Join(billingModes, ", "))
	fl.StringVar(&f.missing, "missing", "zero", "what bins without traffic are in billing: `WHAT` is zero or exclude")
	complete(cmd, "format", "text", "csv", "html")
	complete(cmd, "mode", billingModes...)
	complete(cmd, "missing", "zero", "exclude")
	return cmd
}

// reportFormats write a report.
var reportFormats = map[string]func(io.Writer, *report) error{"text": writeReportText, "csv": writeReportCSV, "html": writeReportHTML}

// maker checks the flags, and returns what makes the report.
func (f *reportFlags) maker(kind string) (func(context.Context, *api.Client) (*report, error), error) {
	zone, err := time.LoadLocation(f.zone)
	switch {
	case err != nil || f.zone == "" || strings.EqualFold(f.zone, "local"):
		return nil, usagef("--zone: %q is no time zone: write it as Europe/Berlin", f.zone)
	case f.over != "" && f.month != "":
		return nil, usagef("--range and --month: write one of them")
	case f.limit < 1 || f.limit > 1000:
		return nil, usagef("--limit: %d is not from 1 to 1000", f.limit)
	case !slices.Contains(billingModes, f.mode):
		return nil, usagef("--mode: no mode %q: it is one of %s", f.mode, strings.Join(billingModes, ", "))
	case f.missing != "zero" && f.missing != "exclude":
		return nil, usagef("--missing: %q is neither zero nor exclude", f.missing)
	}
	if _, err := query.Parse(f.where); err != nil {
		if s := new(query.SyntaxError); errors.As(err, &s) {
			return nil, usagef("--where: %w\n%s", err, s.Caret())
		}
		return nil, err
	}
	base := query.Asked{Range: f.over, Where: f.where}
	if !strings.EqualFold(f.zone, "utc") {
		base.Zone = f.zone
	}
	if f.month != "" || kind == "billing" {
		if kind == "billing" && f.over != "" {
			return nil, usagef("--range: billing is of a --month")
		}
		from, to, err := monthOf(f.month, zone, time.Now())
		if err != nil {
			return nil, err
		}
		base.From, base.To = from.Format(time.RFC3339), to.Format(time.RFC3339)
	} else if f.over == "" {
		base.Range = "last 24h"
	}
	if _, err := base.Ask(time.Now()); err != nil {
		if s := new(query.SyntaxError); errors.As(err, &s) {
			return nil, usagef("--%w\n%s", err, s.Caret())
		}
		return nil, usagef("--%w", err)
	}
	if kind == "billing" {
		return func(ctx context.Context, c *api.Client) (*report, error) {
			return f.billing(ctx, c, base, zone)
		}, nil
	}
	return func(ctx context.Context, c *api.Client) (*report, error) {
		return f.questions(ctx, c, kind, base, zone)
	}, nil
}

// monthOf returns a month's beginning and its end, or now where that is earlier.
func monthOf(text string, zone *time.Location, now time.Time) (from, to time.Time, err error) {
	y, m, _ := now.In(zone).Date()
	from = time.Date(y, m-1, 1, 0, 0, 0, 0, zone)
	if text != "" {
		if from, err = time.ParseInLocation("2006-01", text, zone); err != nil {
			return from, to, usagef("--month: %q is no month: write it as 2026-10", text)
		}
	}
	if to = from.AddDate(0, 1, 0); to.After(now) {
		to = now.Truncate(billingBin)
	}
	if !from.Before(to) {
		return from, to, usagef("--month: %s has not begun", from.Format("2006-01"))
	}
	return from, to, nil
}

// questions makes a report that is questions and no more.
func (f *reportFlags) questions(ctx context.Context, c *api.Client, kind string, base query.Asked, zone *time.Location) (*report, error) {
	x := reports[kind]
	out := &report{Title: x.title, Zone: zone}
	for _, p := range x.parts {
		a := p.ask
		a.Limit, a.Range, a.From, a.To, a.Zone, a.Where = f.limit, base.Range, base.From, base.To, base.Zone, base.Where
		t, err := c.Table(ctx, &a, f.timeout)
		if err != nil {
			return nil, err
		}
		if base.Range != "" { // the other parts are of the same time
			base.Range, base.From, base.To = "", t.From.Format(time.RFC3339Nano), t.To.Format(time.RFC3339Nano)
		}
		if out.From.IsZero() {
			out.From, out.To = t.From, t.To
		}
		s := section{Title: p.title, Table: t}
		if len(t.Series) > 0 {
			s.Charts = []chart{seriesChart(t)}
		}
		out.Sections = append(out.Sections, s)
	}
	return out, nil
}

// writeReportText writes tables as weir query does.
func writeReportText(w io.Writer, r *report) error {
	out := fmt.Appendf(nil, "%s\n%s\n", r.Title, strings.Repeat("=", len([]rune(r.Title))))
	for _, s := range r.Sections {
		out = fmt.Appendf(out, "\n%s\n\n", s.Title)
		out = appendAnswer(out, s.Table, r.Zone)
	}
	for _, n := range r.Notes {
		out = fmt.Appendf(out, "\n%s\n", printable(n))
	}
	_, err := w.Write(out)
	return err
}

func writeReportCSV(w io.Writer, r *report) error { return r.Sections[0].Table.WriteCSV(w) }
