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
	aside  *aside   // it is that instead; nil: it is the Question
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
	formatHeat   = "heatmap"   // of a series: a row for each group
	formatGeo    = "geo"       // by countries, for a map
)

// Most that a frame holds.
const (
	maxRows  = 100_000
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
	if a, err := parseAside(q, m.Format); a != nil || err != nil {
		return a, true, err
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
	case "", formatTable, formatLogs, formatGraph, formatSankey, formatHeat, formatGeo:
	case formatMarks:
		return nil, true, errors.New("only findings are shown as annotations: ask for findings")
	default:
		return nil, true, fmt.Errorf("format %.40q is not known: leave it empty, or write table, logs, nodegraph, sankey, heatmap, geo or annotations", m.Format)
	}
	if m.Question != "" {
		m.Asked = query.Asked{Question: m.Question} // what a builder has left behind doesn't matter
	}
	question, err := m.AskIn(now, query.Scope(within))
	if err == nil {
		if better := within.summed(question); better != within {
			question, err = m.AskIn(now, query.Scope(better))
		}
	}
	if err != nil {
		return nil, true, pointed(err)
	}
	adhoc, err := adhocOf(q)
	if err != nil {
		return nil, true, err
	}
	question.Filter = query.Both(question.Filter, adhoc)
	a = &asked{Question: *question, format: m.Format}
	return a, true, a.check()
}

// String is the question in its usual form.
func (a *asked) String() string {
	if a.aside != nil {
		return a.aside.String()
	}
	return a.Question.String()
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
	case a.format == formatHeat && (!a.Series || len(a.Metrics) > 1):
		return errors.New("a heatmap needs a series of one metric: ask for series, by bits alone")
	case a.format == formatGeo && (a.Shape != query.Groups || a.Series || a.country() < 0):
		return errors.New("a map needs a country and no time: ask for top country, src country or dst country")
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

// untilMacro returns how much of text stands before its first macro. What is in quotes
// is a value: it may be an exporter's, and has none.
func untilMacro(text string) int {
	for i := 0; i < len(text); i++ {
		end := 0
		switch c := text[i]; {
		case c == '"' || c == '\'':
			end = strings.IndexByte(text[i+1:], c) + 1
		case c == '#':
			end = strings.IndexByte(text[i:], '\n')
		case strings.HasPrefix(text[i:], "$__"):
			return i
		default:
			continue
		}
		if end <= 0 {
			return len(text) // nothing ends it
		}
		i += end
	}
	return len(text)
}

// expand replaces macros, of which $__timeFilter becomes filter, and is not known if
// that is empty.
func (s scope) expand(text, filter string) (string, error) {
	var out strings.Builder
	for {
		begin := untilMacro(text)
		out.WriteString(text[:begin])
		after, ok := strings.CutPrefix(text[begin:], "$__")
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
		case name == "in":
			term, behind, err := expandIn(rest)
			if err != nil {
				return "", err
			}
			out.WriteString(term)
			rest = behind
		case name == "interval":
			fmt.Fprintf(&out, "%ds", s.Bin/int64(time.Second))
		case name == "interval_ms":
			fmt.Fprintf(&out, "%d", s.Bin/int64(time.Millisecond))
		case name == "from":
			out.WriteString(moment(s.From))
		case name == "to":
			out.WriteString(moment(s.To))
		default:
			return "", fmt.Errorf("macro $__%s is not known here: there are $__timeFilter, $__interval, $__interval_ms, $__from, $__to and $__in(FIELD, VALUE)", name)
		}
		text = rest
	}
}

// expandIn replaces the arguments of $__in at the front of text, (FIELD, X), by a term:
// X is what a variable of several values has become, a list, one value, any or nothing.
// It returns what is behind them.
func expandIn(text string) (term, behind string, err error) {
	wrong := errors.New("$__in is written as $__in(FIELD, VALUE)")
	inner, ok := strings.CutPrefix(text, "(")
	if !ok {
		return "", "", wrong
	}
	field, inner, ok := strings.Cut(inner, ",")
	if field = strings.TrimSpace(field); !ok || field == "" || strings.ContainsAny(field, "\"'()[]") {
		return "", "", wrong
	}
	values, behind, ok := valuesOf(inner)
	switch {
	case !ok:
		return "", "", wrong
	case len(values) == 0 || len(values) == 1 && values[0] == "any":
		return "any", behind, nil
	case len(values) == 1 && unquoted(values[0]) != missing:
		return field + " " + values[0], behind, nil
	}
	var parts, list []string
	for _, v := range values {
		if unquoted(v) == missing {
			parts = []string{"not " + field + " exists"}
		} else {
			list = append(list, v)
		}
	}
	if len(list) > 0 {
		parts = append(parts, field+" in ["+strings.Join(list, " ")+"]")
	}
	if len(parts) == 1 {
		return parts[0], behind, nil
	}
	return "(" + strings.Join(parts, " or ") + ")", behind, nil
}

// valuesOf reads words and texts in quotes up to a bracket that closes. Square brackets
// and commas are between them.
func valuesOf(text string) (all []string, behind string, ok bool) {
	for at := 0; at < len(text); {
		switch c := text[at]; {
		case c == ')':
			return all, text[at+1:], true
		case c == '"' || c == '\'':
			n := strings.IndexByte(text[at+1:], c)
			if n < 0 {
				return nil, "", false
			}
			all, at = append(all, text[at:at+n+2]), at+n+2
		case strings.IndexByte("[], \t\r\n", c) >= 0:
			at++
		case c == '(':
			return nil, "", false
		default:
			n := strings.IndexAny(text[at:], "[](), \t\r\n\"'")
			if n < 0 {
				return nil, "", false
			}
			all, at = append(all, text[at:at+n]), at+n
		}
	}
	return nil, "", false
}

func unquoted(v string) string { return strings.Trim(v, "\"'") }
