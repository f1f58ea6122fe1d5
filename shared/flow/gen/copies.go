package main

import (
	"fmt"
	"strings"
)

// copies writes the loops that copy a column of many flows, one for each column.
func copies(cols []column) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	p("package flow\n\n")
	for _, octets := range []int{1, 2, 4, 8, 16} {
		typ, what := fmt.Sprintf("uint%d", 8*octets), fmt.Sprintf("a number of %d bits", 8*octets)
		name := fmt.Sprintf("Copy%d", 8*octets)
		if octets == 16 {
			typ, what, name = "Addr", "an address", "CopyAddr"
		}
		p("// %s fills to with column x, %s, of the first of fl. It does\n// nothing if x is of another size.\n", name, what)
		p("func %s(to []%s, fl []Flow, x Field) {\nfl = fl[:len(to)]\nswitch x {\n", name, typ)
		for _, c := range cols {
			if c.Size != octets || (c.Kind == "KindAddr") != (octets == 16) {
				continue
			}
			value := "fl[i]." + c.Name
			if c.Type != typ {
				value = typ + "(" + value + ")"
			}
			p("case Field%s:\nfor i := range to {\nto[i] = %s\n}\n", c.Name, value)
		}
		p("}\n}\n\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
