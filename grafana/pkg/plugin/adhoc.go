package plugin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/shared/query"
)

// A term is a filter of a dashboard for all its panels (ad hoc), or of a link for a
// row's flows.
type term struct {
	Key      string   `json:"key"` // a field
	Operator string   `json:"operator"`
	Value    string   `json:"value,omitempty"`
	Values   []string `json:"values,omitempty"` // of =| and !=|, instead of Value
	Row      bool     `json:"row,omitempty"`    // Value is that of a table's row, of which one has other in all columns
}

// mostTerms bounds what a query may have of them.
const mostTerms = 100

// adhocOf reads the terms of a panel's query, and returns what they have in common;
// nil if there are none.
func adhocOf(q backend.DataQuery) (all *query.Filter, err error) {
	var m struct {
		Adhoc []term `json:"adhoc"`
	}
	if err := json.Unmarshal(q.JSON, &m); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if len(m.Adhoc) > mostTerms {
		return nil, fmt.Errorf("adhoc has %d filters: write %d at most", len(m.Adhoc), mostTerms)
	}
	rows := slices.DeleteFunc(slices.Clone(m.Adhoc), func(t term) bool { return !t.Row })
	if !slices.ContainsFunc(rows, func(t term) bool { return t.Value != other }) { // what is in no other row can't be told
		m.Adhoc = slices.DeleteFunc(m.Adhoc, func(t term) bool { return t.Row })
	}
	for i := range m.Adhoc {
		f, err := m.Adhoc[i].filter()
		if err != nil {
			return nil, err
		}
		all = query.Both(all, f)
	}
	return all, nil
}

// filter is the term in the filters' language. A value is never more than one.
func (t *term) filter() (*query.Filter, error) {
	q, ok := query.FieldNamed(t.Key)
	if !ok {
		return nil, fmt.Errorf("filter: %.40q is no field", t.Key)
	}
	text, err := t.text(q)
	if err != nil {
		return nil, err
	}
	f, err := query.Parse(text)
	if err != nil {
		return nil, pointed(&query.FieldError{Field: "filter " + q.Name, Err: err})
	}
	return f, nil
}

func (t *term) text(q *query.Quantity) (string, error) {
	values := []string{t.Value}
	if t.Operator == "=|" || t.Operator == "!=|" {
		if len(t.Values) > 0 {
			values = t.Values
		} else if t.Value == "" { // nothing is chosen yet
			return "any", nil
		}
	}
	switch t.Operator {
	case "=", "=|":
		return oneOf(q.Name, values), nil
	case "!=", "!=|":
		return noneOf(q.Name, values), nil
	case "<", ">":
		if bothQuotes(t.Value) {
			return "", fmt.Errorf("filter: %.40q is no value of %s", t.Value, q.Name)
		}
		return q.Name + " " + t.Operator + " " + quote(t.Value), nil
	case "=~", "!~":
		if q.Kind != query.Text {
			if values = alternatives(t.Value); values == nil {
				return "", fmt.Errorf("filter: %s is no text: compare it with =, or write values with | between them", q.Name)
			}
			if t.Operator == "=~" {
				return oneOf(q.Name, values), nil
			}
			return noneOf(q.Name, values), nil
		}
		sign := map[string]string{"=~": " ~ ", "!~": " !~ "}[t.Operator]
		return q.Name + sign + quotePattern(t.Value), nil
	}
	return "", fmt.Errorf("filter: operator %.10q is not known: there are =, !=, =|, !=|, =~, !~, < and >", t.Operator)
}

// oneOf says that a field has one of some values, of which (none) is that it isn't
// there.
func oneOf(field string, values []string) string { return listed(field, values, "", " or ", "not ") }

// noneOf says that a field is there, if (none) is among the values, and has none of
// the others.
func noneOf(field string, values []string) string {
	return listed(field, values, "not ", " and ", "")
}

// listed says that a field is, or with not isn't, in a list. What no quotes hold is
// compared with a pattern.
func listed(field string, values []string, not, between, absent string) string {
	var plain, parts []string
	for _, v := range values {
		switch {
		case v == missing:
			if part := absent + field + " exists"; !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		case bothQuotes(v):
			parts = append(parts, not+field+" ~ "+quotePattern(`\A`+regexp.QuoteMeta(v)+`\z`))
		default:
			plain = append(plain, quote(v))
		}
	}
	if len(plain) > 0 {
		parts = append(parts, not+field+" in ["+strings.Join(plain, " ")+"]")
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, between) + ")"
}

// A text in quotes has no escapes: one quote or the other must not be in it.
func bothQuotes(text string) bool { return strings.Contains(text, `"`) && strings.Contains(text, "'") }

// quote writes a text that doesn't have both quotes.
func quote(text string) string {
	if strings.Contains(text, `"`) {
		return "'" + text + "'"
	}
	return `"` + text + `"`
}

// quotePattern writes a pattern in quotes: with both in it, one as its number.
func quotePattern(pattern string) string {
	if !bothQuotes(pattern) {
		return quote(pattern)
	}
	if re, err := syntax.Parse(pattern, syntax.Perl); err == nil {
		pattern = re.String() // which has no part that is taken literally as a whole
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			if i++; pattern[i] != '"' {
				out.WriteByte('\\')
				out.WriteByte(pattern[i])
				continue
			}
			fallthrough
		case pattern[i] == '"':
			out.WriteString(`\x22`)
		default:
			out.WriteByte(pattern[i])
		}
	}
	return `"` + out.String() + `"`
}

// alternatives are the values of a pattern that has nothing but values, as
// ^(80|443)$; nil if it has more.
func alternatives(pattern string) (all []string) {
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	if inner, ok := strings.CutPrefix(pattern, "("); ok && strings.HasSuffix(inner, ")") {
		pattern = strings.TrimPrefix(strings.TrimSuffix(inner, ")"), "?:")
	}
	for v := range strings.SplitSeq(strings.ReplaceAll(pattern, `\.`, "."), "|") {
		if v == "" || strings.ContainsAny(v, `\^$*+?()[]{}`) {
			return nil
		}
		all = append(all, v)
	}
	return all
}
