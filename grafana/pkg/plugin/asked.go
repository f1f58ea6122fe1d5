package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/shared/query"
)

// An asked is a panel's question in the words of package query: what a builder and
// a code editor store.
type asked struct {
	query.Question
	format string   // how the answer is shown: one of the formats
	names  []string // of the columns that flows are grouped by; nil: the table's
	sole   bool     // of values, only the first
	metric string   // its name, if it is not the table's
}

// Formats of an answer, beside its usual one: series over time, else a table.
const (
	formatTable  = "table"     // plain: of a series, a row for each group and bin
	formatLogs   = "logs"      // flows as lines
	formatGraph  = "nodegraph" // nodes and edges of two columns
	formatSankey = "sankey"    // columns from left to right, then the value
)

// Most that a frame holds.
const (
	maxRows  = 50_000
	maxCells = 1_000_000 // points of a series, of all its lines
)

// parseAsked reads a query of Asked's parts. It is no such query if ok is false.
func parseAsked(q backend.DataQuery, now time.Time) (a *asked, ok bool, err error) {
	var m struct {
		query.Asked
		Format string `json:"format"`
	}
	if err := json.Unmarshal(q.JSON, &m); err != nil {
		return nil, false, fmt.Errorf("query: %w", err)
	}
	if parts := m.Asked; parts.Question == "" {
		parts.Limit = 0 // the other kind has one, too
		if text, err := json.Marshal(parts); err != nil || string(text) == "{}" {
			return nil, false, err
		}
	}
	within := scopeOf(q)
	for _, part := range []struct {
		text *string
		time string
	}{
		{&m.Question, within.clause()}, {&m.Where, "any"}, {&m.Every, ""}, {&m.From, ""}, {&m.To, ""},
	} {
		if *part.text, err = within.expand(*part.text, part.time); err != nil {
			return nil, true, err
		}
	}
	switch m.Format {
	case "", formatTable, formatLogs, formatGraph, formatSankey:
	default:
		return nil, true, fmt.Errorf("format %q is not known: leave it empty, or write table, logs, nodegraph or sankey", m.Format)
	}
	if m.Question != "" {
		m.Asked = query.Asked{Question: m.Question} // what a builder has left behind doesn't matter
	}
	question, err := m.AskIn(now, query.Scope(within))
	if err != nil {
		return nil, true, pointed(err)
	}
	a = &asked{Question: *question, format: m.Format}
	return a, true, a.check()
}

// check refuses what no frame holds.
func (a *asked) check() error {
	switch cells := a.Bins() * (a.Limit + 1) * max(1, len(a.Metrics)); {
	case a.Limit > maxRows:
		return fmt.Errorf("limit is %d: write a number from 1 to %d", a.Limit, maxRows)
	case a.Series && cells > maxCells:
		return fmt.Errorf("that makes %d points: ask for fewer groups or longer bins", cells)
	case a.format == formatLogs && a.Shape != query.Flows:
		return errors.New("only flows are shown as logs: ask for flows")
	case a.format == formatGraph && !a.talks():
		return errors.New("a node graph needs two columns: ask for matrix src x dst, or for top pair")
	case a.format == formatSankey && (a.Shape != query.Groups || a.Series || len(a.By) == 0):
		return errors.New("a Sankey diagram needs columns and no time: ask for top or matrix")
	}
	return nil
}

// talks tells whether a's groups lie between two ends.
func (a *asked) talks() bool {
	if a.Shape != query.Groups || a.Series {
		return false
	}
	return len(a.By) == 2 && !a.By[0].Pair && !a.By[1].Pair || len(a.By) == 1 && a.By[0].Pair
}

// asked returns q in the words of package query.
func (q *panel) asked() *asked {
	a := &asked{Question: query.Question{Request: q.Request}, names: q.model.GroupBy, sole: true, metric: q.Metric()}
	if q.Type == typeFlows {
		return &asked{Question: a.Question}
	}
	a.Metrics = []query.Metric{{Of: q.Metrics[0].Of, Bits: q.Metric() == "bits"}}
	return a
}

// pointed returns err with the place that it is about.
func pointed(err error) error {
	var at *query.SyntaxError
	if errors.As(err, &at) {
		return fmt.Errorf("%w\n%s", err, at.Caret())
	}
	return err
}

// A scope is a panel's range and resolution: what macros stand for.
type scope query.Scope

func scopeOf(q backend.DataQuery) scope {
	p := panel{Request: query.Request{From: q.TimeRange.From.UnixNano(), To: q.TimeRange.To.UnixNano()}}
	s := scope{From: p.From, To: p.To}
	p.align(q.Interval, q.MaxDataPoints)
	s.Bin = p.Bin
	return s
}

func moment(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// clause is the range as a question has it.
func (s scope) clause() string { return "from " + moment(s.From) + " to " + moment(s.To) }

// expand replaces macros, of which $__timeFilter becomes filter, and is not known if
// that is empty.
func (s scope) expand(text, filter string) (string, error) {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(text, "$__")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		n := 0
		for n < len(after) && (after[n] == '_' || after[n]|0x20 >= 'a' && after[n]|0x20 <= 'z') {
			n++
		}
		name, rest := after[:n], after[n:]
		switch {
		case name == "timeFilter" && filter != "":
			out.WriteString(filter)
			rest = strings.TrimPrefix(rest, "()")
		case name == "interval":
			fmt.Fprintf(&out, "%ds", s.Bin/int64(time.Second))
		case name == "interval_ms":
			fmt.Fprintf(&out, "%d", s.Bin/int64(time.Millisecond))
		case name == "from":
			out.WriteString(moment(s.From))
		case name == "to":
			out.WriteString(moment(s.To))
		default:
			return "", fmt.Errorf("macro $__%s is not known here: there are $__timeFilter, $__interval, $__interval_ms, $__from and $__to", name)
		}
		text = rest
	}
}
