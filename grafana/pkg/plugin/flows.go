package plugin

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/query"
)

// maxExtras bounds the columns that exporters can add to a table.
const maxExtras = 100

// flowsFrame is the flows themselves, newest first: a field for each column
// that one of them has, under IANA's name; an address's IPv4 and IPv6 elements
// are two. Volume is as it was sent.
func flowsFrame(a *query.Answer, q panel) *dataFrame {
	f := newFrame(data.FrameTypeTable, q)
	f.Meta.PreferredVisualization = data.VisTypeTable
	b := &a.Batch
	unknown, all := 0, flow.Set{}
	rates := make([]uint64, len(b.Flows))
	for i := range b.Flows {
		rates[i] = uint64(b.Flows[i].SamplingRate)
		all = all.Union(b.Flows[i].Set)
		if b.Flows[i].SamplingRate == 0 {
			unknown++
		}
	}
	total := len(b.Flows) + a.More
	f.Meta.Custom = custom{Flows: total, UnknownRate: unknown}
	f.AppendNotices(unscaled(rates)...)
	if a.More > 0 {
		f.AppendNotices(data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf("the newest %d of %d flows", len(b.Flows), total)})
	}
	for x, ok := all.Next(0); ok && int(x) < flow.NumFields; x, ok = all.Next(x + 1) {
		f.Fields = append(f.Fields, columnFields(b, x)...)
	}
	extras, left := extraFields(b)
	f.Fields = append(f.Fields, extras...)
	if left > 0 {
		f.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf("%d more information elements are not shown", left)})
	}
	return f
}

// columnFields returns the fields of a column that some row has: two where an
// IPv6 flow's element has another name.
func columnFields(b *flow.Batch, x flow.Field) (fields []*data.Field) {
	kind := data.FieldTypeNullableString
	switch flow.Fields[x].Kind {
	case flow.KindUint:
		kind = data.FieldTypeNullableUint64
	case flow.KindTime:
		kind = data.FieldTypeNullableTime
	}
	for _, six := range []bool{false, true} {
		name := flow.Fields[x].IPFIX
		if six {
			name = flow.Fields[x].IPFIX6
		}
		var f *data.Field
		for i := range b.Flows {
			v := valueOf(b, &b.Flows[i], x)
			if !v.set || six != (flow.Fields[x].IPFIX6 != "" && isIPv6(&b.Flows[i], v)) {
				continue
			}
			if f == nil {
				f = data.NewFieldFromFieldType(kind, len(b.Flows))
				f.Name = name
				fields = append(fields, f)
			}
			switch kind {
			case data.FieldTypeNullableUint64:
				f.SetConcrete(i, v.uint)
			case data.FieldTypeNullableTime:
				f.SetConcrete(i, time.Unix(0, int64(v.uint)).UTC())
			default:
				f.SetConcrete(i, v.String())
			}
		}
	}
	return fields
}

// isIPv6 tells whether v, of f, goes by the name of the IPv6 element:
// an address by itself, a prefix length or an ICMP type by the flow's addresses.
func isIPv6(f *flow.Flow, v value) bool {
	if flow.Fields[v.field].Kind == flow.KindAddr {
		return !v.addr.Is4()
	}
	return f.IsIPv6()
}

// extraFields returns the fields of the elements without a column, in the order
// of their numbers, and how many elements there are too many.
func extraFields(b *flow.Batch) (extras []*data.Field, left int) {
	type cell struct {
		row   int
		value []byte
	}
	cells := map[flow.Element][]cell{}
	var order []flow.Element
	for i := range b.Flows {
		for e, v := range b.Extra(&b.Flows[i]) {
			if cells[e] == nil {
				order = append(order, e)
			}
			cells[e] = append(cells[e], cell{i, v})
		}
	}
	slices.SortFunc(order, func(a, b flow.Element) int {
		return cmp.Or(cmp.Compare(a.PEN, b.PEN), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Ord, b.Ord))
	})
	if len(order) > maxExtras {
		order, left = order[:maxExtras], len(order)-maxExtras
	}
	for _, e := range order {
		el, _ := ie.Lookup(e.PEN, e.ID)
		numeric := el.Type >= ie.Unsigned8 && el.Type <= ie.Unsigned64
		for _, c := range cells[e] {
			numeric = numeric && len(c.value) <= 8
		}
		kind := data.FieldTypeNullableString
		if numeric {
			kind = data.FieldTypeNullableUint64
		}
		f := data.NewFieldFromFieldType(kind, len(b.Flows))
		f.Name = string(e.AppendOrd(ie.AppendName(nil, e.PEN, e.ID)))
		for _, c := range cells[e] {
			if numeric {
				var buf [8]byte
				copy(buf[8-len(c.value):], c.value)
				f.SetConcrete(c.row, binary.BigEndian.Uint64(buf[:]))
			} else {
				f.SetConcrete(c.row, text(ie.AppendJSON(nil, el.Type, c.value)))
			}
		}
		extras = append(extras, f)
	}
	return extras, left
}

// text returns a JSON value without what makes it JSON.
func text(v []byte) string {
	if s, err := strconv.Unquote(string(v)); err == nil {
		return s
	}
	return string(v)
}
