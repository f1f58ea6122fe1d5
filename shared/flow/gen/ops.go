package main

import (
	"fmt"
	"strings"
)

// store is the statement that sets column c of f from the n octets of d at o.
func store(c column, n int, o string) string {
	switch {
	case c.Kind == "KindAddr" && n == 4:
		return fmt.Sprintf("*(*[4]byte)(f.%s[12:]) = [4]byte(d[%s:])", c.Name, o)
	case c.Kind == "KindAddr":
		return fmt.Sprintf("f.%s = flow.Addr(d[%s:])", c.Name, o)
	case c.Kind == "KindMAC":
		return fmt.Sprintf("f.%s = be6(d[%s:])", c.Name, o)
	case n == 1:
		return fmt.Sprintf("f.%s = %s(d[%s])", c.Name, c.Type, o)
	}
	read := fmt.Sprintf("binary.BigEndian.Uint%d(d[%s:])", 8*n, o)
	if n != c.Size {
		read = c.Type + "(" + read + ")"
	}
	return fmt.Sprintf("f.%s = %s", c.Name, read)
}

// ops writes the loops that fill a column, or a pair of columns, from the
// records of a set.
func ops(cols []column) string {
	byName := map[string]column{}
	for _, c := range cols {
		byName[c.Name] = c
	}
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	p("package template\n\nimport (\n\"encoding/binary\"\n\n\"github.com/weirflow/weir/shared/flow\"\n)\n\n")
	p("const (\nopNone opcode = iota\n")
	for _, c := range cols {
		for _, n := range c.Natural {
			p("op%s%d\n", c.Name, n)
		}
	}
	for _, c := range cols {
		if c.Pair != "" {
			for _, n := range c.Natural {
				p("op%s%s%d\n", c.Name, c.Pair, n)
			}
		}
	}
	p("opGenerated // the first code that is free\n)\n\n")

	p("// column returns the column that an IANA element fills and how well it does:\n// of two elements for one column the one with the lower rank wins.\n")
	p("func column(id uint16) (x flow.Field, rank int, ok bool) {\nswitch id {\n")
	for _, c := range cols {
		for i, id := range c.IEs {
			p("case %d:\nreturn flow.Field%s, %d, true\n", id, c.Name, i)
		}
	}
	p("}\nreturn 0, 0, false\n}\n\n")

	p("// natural returns the loop for a column whose value has n octets on the wire, or\n// opNone if there is none of its own.\n")
	p("func natural(x flow.Field, n int) opcode {\nswitch int(x)<<8 | n {\n")
	for _, c := range cols {
		for _, n := range c.Natural {
			p("case int(flow.Field%s)<<8 | %d:\nreturn op%s%d\n", c.Name, n, c.Name, n)
		}
	}
	p("}\nreturn opNone\n}\n\n")

	p("// partner returns the op that can be done in one pass with a, and the op that\n// does both; opNone if there is none.\n")
	p("func partner(a opcode) (b, both opcode) {\nswitch a {\n")
	for _, c := range cols {
		if c.Pair != "" {
			for _, n := range c.Natural {
				p("case op%s%d:\nreturn op%s%d, op%s%s%d\n", c.Name, n, c.Pair, n, c.Name, c.Pair, n)
			}
		}
	}
	p("}\nreturn opNone, opNone\n}\n\n")

	p("// run does one op over the rows fl; record i is at d[i*stride:].\n")
	p("func (o *op) run(fl []flow.Flow, d []byte, stride int) {\na, b := int(o.off), int(o.off2)\nswitch o.code {\n")
	for _, c := range cols {
		for _, n := range c.Natural {
			p("case op%s%d:\nfor i := range fl {\nf := &fl[i]\n%s\na += stride\n}\n", c.Name, n, store(c, n, "a"))
		}
	}
	for _, c := range cols {
		if c.Pair == "" {
			continue
		}
		for _, n := range c.Natural {
			p("case op%s%s%d:\nfor i := range fl {\nf := &fl[i]\n%s\n%s\na += stride\nb += stride\n}\n",
				c.Name, c.Pair, n, store(c, n, "a"), store(byName[c.Pair], n, "b"))
		}
	}
	p("}\n_ = b\n}\n")
	return b.String()
}
