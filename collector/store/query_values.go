//go:build cgo

package store

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// fetched is how many values are looked at for those that begin as asked.
const fetched = 10_000

// Values returns values of a column that flows had in [from, to), Unix nanoseconds,
// and whose text begins with prefix, whatever the case of its letters: those of
// most records first, limit at most.
func (x *Reader) Values(ctx context.Context, column flow.Field, prefix string, from, to int64, limit int) ([]query.Key, error) {
	info := &flow.Fields[column]
	of, err := query.Parse(info.Flat + " exists")
	if err != nil {
		return nil, err
	}
	q := of.Expr().Of
	r := &query.Request{From: from, To: to, By: []query.Dim{{Of: q}}, Metrics: []query.Metric{{Of: query.Records}}, Limit: min(fetched, x.most), Filter: of}
	if text := begins(q, info, prefix); text != "" {
		if r.Filter, err = query.Parse(text); err != nil {
			return nil, err
		}
	}
	a, err := x.Query(ctx, r)
	if err != nil {
		return nil, err
	}
	var all []query.Key
	for _, g := range a.Groups {
		k := g.Key[0]
		if len(all) < limit && strings.HasPrefix(strings.ToLower(textOf(q, k)), strings.ToLower(prefix)) {
			all = append(all, k)
		}
	}
	return all, nil
}

// begins writes a filter that what begins with prefix passes, and little else; ""
// if there is none.
func begins(q *query.Quantity, info *flow.Info, prefix string) string {
	switch q.Kind {
	case query.Text:
		p := ""
		for _, c := range prefix {
			if c > 0x7f { // the case of others is left to the caller
				break
			}
			p += fmt.Sprintf(`\x{%x}`, c)
		}
		return info.Flat + ` ~ "(?i)^` + p + `"`
	case query.Address:
		if whole := strings.Split(prefix, "."); len(whole) > 1 && len(whole) <= 4 {
			whole = whole[:len(whole)-1]
			net := strings.Join(whole, ".") + strings.Repeat(".0", 4-len(whole))
			if a, err := netip.ParseAddr(net); err == nil {
				return info.Flat + " = " + a.String() + "/" + strconv.Itoa(8*len(whole))
			}
		}
	}
	return ""
}

// textOf is how a value is written.
func textOf(q *query.Quantity, k query.Key) string {
	switch q.Kind {
	case query.Text:
		return k.Text
	case query.Address:
		return k.Addr.String()
	case query.MAC:
		return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", byte(k.Uint>>40), byte(k.Uint>>32), byte(k.Uint>>24), byte(k.Uint>>16), byte(k.Uint>>8), byte(k.Uint))
	case query.App:
		return fmt.Sprintf("%d:%d", k.Uint>>56, k.Uint&(1<<56-1))
	}
	return strconv.FormatUint(k.Uint, 10)
}
