package main

import (
	"fmt"
	"strings"
)

// patch writes the function that puts a flow's fixed-width values into a
// msgpack record made ready beforehand.
func patch(cols []column) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	p("package encode\n\nimport (\n\"encoding/binary\"\n\n\"github.com/weirflow/weir/shared/flow\"\n)\n\n")
	p("// patch writes the values of f at the places in t that at names, big-endian and\n// as wide as their columns.\n")
	p("func patch(t []byte, f *flow.Flow, at []place) {\nfor _, p := range at {\nswitch p.field {\n")
	for _, c := range cols {
		switch {
		case c.Kind == "KindAddr" || c.Kind == "KindStr" || c.Kind == "KindMAC":
			continue
		case c.Size == 1:
			p("case flow.Field%s:\nt[p.off] = f.%s\n", c.Name, c.Name)
		case c.Type == "int64":
			p("case flow.Field%s:\nbinary.BigEndian.PutUint64(t[p.off:], uint64(f.%s))\n", c.Name, c.Name)
		default:
			p("case flow.Field%s:\nbinary.BigEndian.PutUint%d(t[p.off:], f.%s)\n", c.Name, 8*c.Size, c.Name)
		}
	}
	p("}\n}\n}\n")
	return b.String()
}
