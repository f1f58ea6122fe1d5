package query

import (
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

func flatName(x flow.Field) string { return flow.Fields[x].Flat }

// first are the columns of records that stand before the others.
var first = []flow.Field{
	flow.FieldStart, flow.FieldEnd, flow.FieldExporter, flow.FieldProto, flow.FieldSrcAddr, flow.FieldSrcPort,
	flow.FieldDstAddr, flow.FieldDstPort, flow.FieldBytes, flow.FieldPackets, flow.FieldTCPFlags, flow.FieldSamplingRate,
	flow.FieldInIf, flow.FieldOutIf,
}

// flows makes rows of the records: all columns that one of them has. Counters are
// as they came.
func (t *Table) flows(b *flow.Batch) {
	var has, done flow.Set
	for i := range b.Flows {
		has = has.Union(b.Flows[i].Set)
	}
	var which []flow.Field
	add := func(x flow.Field) {
		if !has.Has(x) || done.Has(x) {
			return
		}
		done.Add(x)
		q := columns[x]
		c := TableColumn{flatName(x), q.Name, q.cell(), "", KeyRole}
		switch x {
		case flow.FieldBytes, flow.FieldL2Bytes:
			c.Unit, c.Role = "B", ValueRole
		case flow.FieldPackets:
			c.Unit, c.Role = "packet", ValueRole
		}
		t.Columns, which = append(t.Columns, c), append(which, x)
	}
	t.Columns = []TableColumn{}
	for _, x := range first {
		add(x)
	}
	for x, ok := has.Next(0); ok; x, ok = has.Next(x + 1) {
		add(x)
	}
	for i := range b.Flows {
		row := make([]Cell, len(which))
		for j, x := range which {
			row[j] = recordCell(b, &b.Flows[i], x)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Scaled = false
}

func recordCell(b *flow.Batch, f *flow.Flow, x flow.Field) Cell {
	if !f.Set.Has(x) {
		return Cell{}
	}
	switch q := columns[x]; q.Kind {
	case Address:
		return textCell(f.Addr(x).String())
	case Text:
		return textCell(strings.ToValidUTF8(string(b.Strings.Get(flow.Str(f.Uint(x)))), "\uFFFD"))
	default:
		return q.uintCell(f.Uint(x))
	}
}

// conversations makes rows of them.
func (t *Table) conversations(all []Conversation) {
	ip, port := byName()["ip"].Name, byName()["port"].Name
	t.Columns = []TableColumn{
		{"start", "start", TimeCell, "", KeyRole},
		{"end", "end", TimeCell, "", KeyRole},
		{"proto", "proto", TextCell, "", KeyRole},
		{"a", ip, TextCell, "", KeyRole}, {"a_port", port, UintCell, "", KeyRole},
		{"b", ip, TextCell, "", KeyRole}, {"b_port", port, UintCell, "", KeyRole},
	}
	for _, c := range []struct{ name, unit string }{{"bytes", "B"}, {"packets", "packet"}, {"flows", "flow"}} {
		t.Columns = append(t.Columns, TableColumn{c.name + "_a", "", UintCell, c.unit, ValueRole}, TableColumn{c.name + "_b", "", UintCell, c.unit, ValueRole})
	}
	proto := columns[flow.FieldProto]
	for i := range all {
		c := &all[i]
		t.Rows = append(t.Rows, []Cell{
			timeCell(c.Start), timeCell(c.End), proto.uintCell(uint64(c.Proto)),
			textCell(c.A.String()), uintCell(uint64(c.APort)), textCell(c.B.String()), uintCell(uint64(c.BPort)),
			uintCell(c.Bytes[0]), uintCell(c.Bytes[1]), uintCell(c.Packets[0]), uintCell(c.Packets[1]), uintCell(c.Records[0]), uintCell(c.Records[1]),
		})
	}
}
