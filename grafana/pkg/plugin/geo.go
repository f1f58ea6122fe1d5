package plugin

import (
	"fmt"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// lookup is the column that Geomap finds by itself.
const lookup = "lookup"

// country is which of the columns that flows are grouped by has countries; -1: none.
func (a *asked) country() int {
	at := 0
	for i := range a.By {
		if f := a.By[i].Of.Fields; f[0] == flow.FieldSrcCountry || f[0] == flow.FieldDstCountry {
			return at
		}
		if at++; a.By[i].Pair {
			at++
		}
	}
	return -1
}

// geo is a row for each group, its country first. Groups without one are on no map.
func (a *asked) geo(t *answer, uid string) *dataFrame {
	at := a.country()
	x := *t
	table := *t.Table
	x.Table = &table
	x.Rows = slices.DeleteFunc(slices.Clone(t.Rows), func(row []query.Cell) bool { return row[at].IsNone() })
	x.Other = nil
	plain := *a
	plain.format, plain.names = formatTable, a.keyNames(t)
	plain.names[at] = lookup
	f := plain.table(&x, uid)
	f.Meta.Type = data.FrameTypeTable
	c := f.Fields[at]
	f.Fields = slices.Insert(slices.Delete(f.Fields, at, at+1), 0, c)
	if n := len(t.Rows) - len(x.Rows) + t.Others; n > 0 {
		f.AppendNotices(data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf("%d of %d groups are on no map: they have no country, or are not among the largest", n, len(t.Rows)+t.Others)})
	}
	return f
}
