package main

import (
	"fmt"
	"strings"
)

// put is the statement that writes column c of f at the place o in d, or ""
// for a column that has no fixed width in msgpack.
func put(c column, o string) string {
	switch {
	case c.Kind == "KindAddr" || c.Kind == "KindStr" || c.Kind == "KindMAC":
		return ""
	case c.Size == 1:
		return fmt.Sprintf("d[%s] = f.%s", o, c.Name)
	case c.Type == "int64":
		return fmt.Sprintf("binary.BigEndian.PutUint64(d[%s:], uint64(f.%s))", o, c.Name)
	}
	return fmt.Sprintf("binary.BigEndian.PutUint%d(d[%s:], f.%s)", 8*c.Size, o, c.Name)
}

// patch writes the functions that go down a column: those that put its values
// into msgpack records made ready beforehand, and those that take them out.
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
	p("// patch writes the values of fl at the place x in views of their records,\n// big-endian and as wide as their columns.\n")
	p("func patch(views *[blockLen]*view, fl []flow.Flow, x place) {\nswitch x.code {\n")
	for _, c := range cols {
		if s := put(c, "x.off"); s != "" {
			p("case uint8(flow.Field%s):\nfor i := range fl {\nd, f := views[i%%blockLen], &fl[i]\n%s\n}\n", c.Name, s)
		}
	}
	for _, c := range cols {
		if c.Pair != "" && put(c, "") != "" {
			p("case pair%s%s:\nfor i := range fl {\nd, f := views[i%%blockLen], &fl[i]\n%s\n%s\n}\n", c.Name, c.Pair, put(c, "x.off"), put(byName[c.Pair], "x.off2"))
		}
	}
	p("}\n}\n\n")
	p("// times64 takes the values of a column of times out of fl.\n")
	p("func times64(dst []int64, fl []flow.Flow, x flow.Field) {\ndst = dst[:len(fl)]\nswitch x {\n")
	for _, c := range cols {
		if c.Kind == "KindTime" {
			p("case flow.Field%s:\nfor i := range fl {\ndst[i] = fl[i].%s\n}\n", c.Name, c.Name)
		}
	}
	p("}\n}\n\n")
	p("// words32 takes the values of a column of 4 octets at most out of fl.\n")
	p("func words32(dst []uint32, fl []flow.Flow, x flow.Field) {\ndst = dst[:len(fl)]\nswitch x {\n")
	for _, c := range cols {
		if c.Size <= 4 {
			p("case flow.Field%s:\nfor i := range fl {\ndst[i] = uint32(fl[i].%s)\n}\n", c.Name, c.Name)
		}
	}
	p("}\n}\n\n")
	bit := 0
	p("// traits returns what makes records of the same columns differ in shape: that\n// an address is of IPv6, and if times matter, that one has more than\n// milliseconds, and more than microseconds. traitOf has the first bit of each\n// column; behind the last one are those of lastTrait.\n")
	p("func traits(f *flow.Flow, times bool) (t uint64) {\n")
	of := map[string]int{}
	for _, c := range cols {
		if c.Kind == "KindAddr" {
			p("if !f.%s.Is4() {\nt |= 1 << %d\n}\n", c.Name, bit)
			of[c.Name] = bit
			bit++
		}
	}
	p("if !times {\nreturn t\n}\n")
	for _, c := range cols {
		if c.Kind == "KindTime" {
			p("if f.%s%%1e6 != 0 {\nt |= 1 << %d\nif f.%s%%1e3 != 0 {\nt |= 1 << %d\n}\n}\n", c.Name, bit, c.Name, bit+1)
			of[c.Name] = bit
			bit += 2
		}
	}
	p("return t\n}\n\nconst lastTrait = %d\n\nvar traitOf = [flow.NumFields]uint8{", bit)
	for _, c := range cols {
		if n, ok := of[c.Name]; ok {
			p("flow.Field%s: %d,\n", c.Name, n)
		}
	}
	p("}\n\n")
	p("// ipv4s takes the IPv4 addresses of a column out of fl, the first octet lowest,\n// and returns how many there are before the first of IPv6.\n")
	p("func ipv4s(dst []uint32, fl []flow.Flow, x flow.Field) int {\ndst = dst[:len(fl)]\nswitch x {\n")
	for _, c := range cols {
		if c.Kind == "KindAddr" {
			p("case flow.Field%s:\nfor i := range fl {\na := &fl[i].%s\nif !a.Is4() {\nreturn i\n}\ndst[i] = binary.LittleEndian.Uint32(a[12:])\n}\n", c.Name, c.Name)
		}
	}
	p("}\nreturn len(fl)\n}\n")
	return b.String()
}
