package query

import (
	"context"
	"regexp"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// mostValues is how many values of a column are looked at for those that begin
// with something.
const mostValues = 20_000

// Values asks engine for up to limit values of the column x that begin with prefix,
// as a filter takes them, in flows seen in an interval, Unix nanoseconds: the most
// frequent first.
func Values(ctx context.Context, engine Engine, x flow.Field, prefix string, from, to int64, limit int) (all []string, err error) {
	d := Dim{Of: column(x)}
	r := &Request{From: from, To: to, By: []Dim{d}, Metrics: []Metric{{Of: Records}}, Limit: limit + 1} // one may be of flows without the column
	switch {
	case prefix == "":
	case d.Of.Kind == Text:
		r.Filter = compile(Expr{Op: Like, Of: d.Of, Values: []Value{{Text: "^" + regexp.QuoteMeta(prefix)}}})
	default:
		r.Limit = mostValues
	}
	r.Align()
	if err := r.Validate(); err != nil {
		return nil, err
	}
	a, err := engine(ctx, r)
	if err != nil {
		return nil, err
	}
	for i := range a.Groups {
		k := &a.Groups[i].Key[0]
		if k.Missing {
			continue
		}
		if s := d.cell(k, k.Addr).String(); strings.HasPrefix(s, prefix) && len(all) < limit {
			all = append(all, s)
		}
	}
	return all, nil
}
