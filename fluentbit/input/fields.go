package input

import (
	"fmt"
	"strings"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// parseFields reads a list of columns, by any of the names that they have in a
// schema. Elements without a column are "extras".
func parseFields(s string, o *encode.Options) error {
	o.Fields, o.NoExtras = flow.Set{}, true
	for _, name := range words(s) {
		switch found := columns(name); {
		case name == "all":
			o.Fields, o.NoExtras = flow.Set{}, false
			return nil
		case name == "extras":
			o.NoExtras = false
		case len(found) == 0:
			return fmt.Errorf("%q is no field: write names as %s, %s or %s, extras for elements without a column, or all", name,
				flow.Fields[flow.FieldSrcAddr].IPFIX, flow.Fields[flow.FieldSrcAddr].Flat, flow.Fields[flow.FieldSrcAddr].ECS[0].Name)
		default:
			for _, x := range found {
				o.Fields.Add(x)
			}
		}
	}
	if o.Fields == (flow.Set{}) {
		return fmt.Errorf("%q names no field", s)
	}
	return nil
}

// columns returns those of a name, which is in lower case: ECS has names that
// several share.
func columns(name string) (all []flow.Field) {
	for i := range flow.NumFields {
		c := &flow.Fields[i]
		names := []string{c.Name, c.IPFIX, c.IPFIX6, c.Flat, c.CIM}
		for _, p := range c.ECS {
			names = append(names, p.Name)
		}
		for _, p := range c.OTel {
			names = append(names, p.Name)
		}
		for _, n := range names {
			if n != "" && strings.EqualFold(n, name) {
				all = append(all, flow.Field(i))
				break
			}
		}
	}
	return all
}
