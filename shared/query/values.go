package query

import (
	"context"
	"net/netip"
	"regexp"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// mostValues is how many values of a column are looked at for those that begin
// with something.
const mostValues = 20_000

// Values asks engine for up to limit values of the column x that begin with prefix,
// whatever the case of its letters, as a filter takes them, in flows seen in an
// interval, Unix nanoseconds: the most frequent first.
func Values(ctx context.Context, engine Engine, x flow.Field, prefix string, from, to int64, limit int) (all []string, err error) {
	d := Dim{Of: column(x)}
	r := &Request{From: from, To: to, By: []Dim{d}, Metrics: []Metric{{Of: Records}}, Limit: limit + 1} // one may be of flows without the column
	if prefix != "" {
		r.Limit = mostValues
		if e := begins(d.Of, prefix); e != nil {
			r.Filter = compile(*e)
		}
	}
	r.Align()
	if err := r.Validate(); err != nil {
		return nil, err
	}
	a, err := engine(ctx, r)
	if err != nil {
		return nil, err
	}
	prefix = strings.ToLower(prefix)
	for i := range a.Groups {
		k := &a.Groups[i].Key[0]
		if k.Missing {
			continue
		}
		if s := d.cell(k, k.Addr).String(); len(all) < limit && strings.HasPrefix(strings.ToLower(s), prefix) {
			all = append(all, s)
		}
	}
	return all, nil
}

// begins makes a filter that what begins with prefix passes, and little else; nil if
// there is none.
func begins(q *Quantity, prefix string) *Expr {
	switch q.Kind {
	case Text:
		p := "(?i)^"
		for _, c := range prefix {
			if c > 0x7f { // engines differ in what the cases of others are
				break
			}
			p += regexp.QuoteMeta(string(c))
		}
		return &Expr{Op: Like, Of: q, Values: []Value{{Text: p}}}
	case Address:
		octets := strings.Split(prefix, ".")
		if n := len(octets) - 1; n > 0 && n < 4 {
			a, err := netip.ParseAddr(strings.Join(octets[:n], ".") + strings.Repeat(".0", 4-n))
			if err == nil {
				return &Expr{Op: In, Of: q, Values: []Value{{Prefix: netip.PrefixFrom(a, 8*n)}}}
			}
		}
	}
	return nil
}
