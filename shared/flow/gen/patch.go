package main

import (
	"fmt"
	"strings"
)

// put is the statement that writes column c of f at the place o in t, or "" for
// a column that has no fixed width in msgpack.
func put(c column, o string) string {
	switch {
	case c.Kind == "KindAddr" || c.Kind == "KindStr" || c.Kind == "KindMAC":
		return ""
	case c.Size == 1:
		return fmt.Sprintf("t[%s] = f.%s", o, c.Name)
	case c.Type == "int64":
		return fmt.Sprintf("binary.BigEndian.PutUint64(t[%s:], uint64(f.%s))", o, c.Name)
	}
	return fmt.Sprintf("binary.BigEndian.PutUint%d(t[%s:], f.%s)", 8*c.Size, o, c.Name)
}

// patch writes the function that puts a flow's fixed-width values into a
// msgpack record made ready beforehand.
func patch(cols []column) string {
	byName := map[string]column{}
	for _, c := range cols {
		byName[c.Name] = c
	}
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	p("package encode\n\nimport (\n\"encoding/binary\"\n\n\"github.com/weirflow/weir/shared/flow\"\n)\n\n")
	p("// Codes of pairs of columns, behind the columns' own numbers.\nconst (\n")
	first := true
	for _, c := range cols {
		if c.Pair != "" && put(c, "") != "" {
			p("pair%s%s", c.Name, c.Pair)
			if first {
				p(" = flow.NumFields + iota")
				first = false
			}
			p("\n")
		}
	}
	p(")\n\n")
	p("// partner returns the column that is patched together with x, and the code of\n// both.\n")
	p("func partner(x flow.Field) (other flow.Field, both uint8, ok bool) {\nswitch x {\n")
	for _, c := range cols {
		if c.Pair != "" && put(c, "") != "" {
			p("case flow.Field%s:\nreturn flow.Field%s, pair%s%s, true\n", c.Name, c.Pair, c.Name, c.Pair)
		}
	}
	p("}\nreturn 0, 0, false\n}\n\n")
	p("// patch writes the values of f at the places in t that at names, big-endian and\n// as wide as their columns.\n")
	p("func patch(t []byte, f *flow.Flow, at []place) {\nfor _, p := range at {\nswitch p.code {\n")
	for _, c := range cols {
		if s := put(c, "p.off"); s != "" {
			p("case uint8(flow.Field%s):\n%s\n", c.Name, s)
		}
	}
	for _, c := range cols {
		if c.Pair != "" && put(c, "") != "" {
			p("case pair%s%s:\n%s\n%s\n", c.Name, c.Pair, put(c, "p.off"), put(byName[c.Pair], "p.off2"))
		}
	}
	p("}\n}\n}\n")
	return b.String()
}
