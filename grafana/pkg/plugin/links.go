package plugin

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/query"
)

// A link leads to flows in Explore. Its query has the value as a filter of its own,
// which is no part of a text: whatever is in the value, it stays one value.

// linkTo leads to the flows of a's filter that the terms choose.
func (a *asked) linkTo(title, uid string, terms ...term) []data.DataLink {
	if uid == "" || len(terms) == 0 {
		return nil
	}
	q := map[string]any{"show": "flows", "adhoc": terms}
	if a.Filter != nil {
		q["where"] = a.Filter.String()
	}
	return []data.DataLink{{Title: title, Internal: &data.InternalDataLink{DatasourceUID: uid, DatasourceName: "Weir flows", Query: q}}}
}

// valueTerm is of the value that is clicked, fieldTerm of another one in its row.
func valueTerm(field string) term {
	return term{Key: field, Operator: "=", Value: "${__value.raw}"}
}

func fieldTerm(field, column string) term {
	return term{Key: field, Operator: "=", Value: `${__data.fields["` + column + `"]}`}
}

// linkOf leads from a value of a field to its flows.
func linkOf(field, uid string) []data.DataLink {
	return (&asked{}).linkTo("Its flows", uid, valueTerm(field))
}

// links lead from a value of column n of t to its flows. Of groups with several
// columns the first link is to those of all the row's values.
func (a *asked) links(t *answer, n int, names []string, uid string) []data.DataLink {
	linked := func(c *query.TableColumn) bool {
		return c.Role == query.KeyRole && c.Field != "" && c.Kind != query.TimeCell
	}
	if n >= len(t.Columns) || a.Series || !linked(&t.Columns[n]) {
		return nil
	}
	c := &t.Columns[n]
	own := valueTerm(c.Field)
	own.Row = t.Other != nil
	if a.Shape != query.Groups || len(names) < 2 {
		return a.linkTo("Its flows", uid, own)
	}
	var row []term
	for i := range names {
		switch x := &t.Columns[i]; {
		case !linked(x) || !plainName(names[i]):
		case i == n:
			row = append(row, own)
		default:
			more := fieldTerm(x.Field, names[i])
			more.Row = own.Row
			row = append(row, more)
		}
	}
	return append(a.linkTo("Flows of this row", uid, row...), a.linkTo("All flows of this "+strings.ReplaceAll(names[n], "_", " "), uid, own)...)
}

// plainName tells whether a link can name a column.
func plainName(name string) bool { return !strings.ContainsAny(name, `"{}:$`) }

// lineLinks lead from a line to its flows. What is in none of the groups has none.
func (a *asked) lineLinks(t *answer, l query.Line, uid string) []data.DataLink {
	if l.Row < 0 {
		return nil
	}
	var terms []term
	for n, c := range t.Columns {
		if c.Role != query.KeyRole {
			break
		}
		if c.Field != "" && c.Kind != query.TimeCell {
			value := keyOf(t.Rows[l.Row][n])
			if strings.Contains(value, "$") || strings.Contains(value, "[[") {
				return nil // Grafana would read a variable there, and exporters choose names
			}
			terms = append(terms, term{Key: c.Field, Operator: "=", Value: value})
		}
	}
	return a.linkTo("Its flows", uid, terms...)
}
