package template

import (
	"strings"
	"sync"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// In a record that is written out no name may be there twice. An extra whose
// name another field has, be it of another enterprise, or that goes by the name
// of a column which it doesn't fill, is told apart by its element's Ord.

// MetaNames are what a program may put beside the fields of a record, as weir
// decode --meta does: no extra has one of them.
var MetaNames = []string{
	"kind", "version", "packet", "record", "exporter", "domain", "start", "end", "reverse", "time_replaced", "template", "scopes",
}

// columnNames are the names of columns in all profiles, folded; where a profile
// puts columns and extras in one place.
var columnNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for i := range flow.Fields {
		c := &flow.Fields[i]
		for _, name := range []string{c.IPFIX, c.IPFIX6, c.Flat, c.CIM} {
			names[ie.Fold(name)] = true
		}
		for _, paths := range [][]flow.Path{c.ECS, c.OTel} {
			for _, p := range paths {
				name := strings.TrimPrefix(strings.TrimPrefix(p.Name, "netflow."), "flow.")
				names[ie.Fold(name)] = true
			}
		}
	}
	for _, name := range MetaNames {
		names[ie.Fold(name)] = true
	}
	delete(names, "")
	return names
})

// ordinals counts the fields of a record by name.
type ordinals map[string]uint16

// name returns that of e by which it is counted. One that is unknown has its two
// numbers for a name, which no other can have.
func (o ordinals) name(e flow.Element) string {
	if x, ok := ie.Lookup(e.PEN, e.ID); ok {
		return ie.Fold(x.Name)
	}
	return string(ie.AppendName(nil, e.PEN, e.ID))
}

// next returns how many fields of e's name there are before it.
func (o ordinals) next(e flow.Element) uint16 {
	name := o.name(e)
	n := o[name]
	o[name] = n + 1
	return n
}

// nextExtra is next for an extra. Where a column may have the name, that is the
// first.
func (o ordinals) nextExtra(e flow.Element) uint16 {
	name := o.name(e)
	if columnNames()[name] {
		o[name] = max(o[name], 1)
	}
	return o.next(e)
}

// nextColumn counts a field that fills a column.
func (o ordinals) nextColumn(e flow.Element) {
	if !columnNames()[o.name(e)] {
		o.next(e)
	}
}

// count gives the extras among the fields of a template their Ord. Of fixed and
// p.vars, in the order of fields, it is known which fill columns.
func (p *Plan) count(fields []Field, fixed []source) {
	o := ordinals{}
	vars := p.vars
	for _, f := range fields {
		if f.Len == Variable && p.Template.Version != 9 {
			v := &vars[0]
			vars = vars[1:]
			if v.kind == varStr {
				o.nextColumn(v.Element)
			} else {
				v.Ord = o.nextExtra(v.Element)
			}
			continue
		}
		x := &fixed[0]
		fixed = fixed[1:]
		switch {
		case !x.isExtra():
			if x.taken {
				o.nextColumn(x.Element)
			}
		case x.family: // it is there only beside the column's other name
			x.Ord = o.next(x.Element)
		default:
			x.Ord = o.nextExtra(x.Element)
		}
	}
}
