package main

import (
	"fmt"
	"strings"
)

// forms are the words behind a colon in a name.
var forms = map[string]string{
	"": "FormPlain", "text": "FormText", "proto": "FormProto", "direction": "FormDirection", "ecsmac": "FormECSMAC",
	"family": "FormFamily", "interface": "FormInterface", "flowtype": "FormFlowType",
}

// fields writes the column numbers, their descriptions and the accessors that
// take a column's number.
func fields(cols []column) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	paths := func(name string, list []string) {
		if len(list) == 0 {
			return
		}
		p("%s: []Path{", name)
		for _, e := range list {
			name, form, _ := strings.Cut(e, ":")
			p("{%q, %s},", name, forms[form])
		}
		p("}, ")
	}
	p("package flow\n\nconst (\n")
	for i, c := range cols {
		if i == 0 {
			p("Field%s Field = iota\n", c.Name)
		} else {
			p("Field%s\n", c.Name)
		}
	}
	p("\nNumFields = iota\n)\n\n")
	p("// Fields describes the columns, in the order of the struct Flow.\nvar Fields = [NumFields]Info{\n")
	for _, c := range cols {
		p("{Name: %q, Kind: %s, Size: %d, ", c.Name, c.Kind, c.Size)
		if len(c.IEs) > 0 {
			p("IEs: %s, ", strings.Replace(fmt.Sprintf("%#v", c.IEs), "[]uint16", "[]uint16", 1))
		}
		p("IPFIX: %q, IPFIX6: %q, ", c.IPFIX, c.IPFIX6)
		paths("ECS", c.ECS)
		p("Flat: %q, CIM: %q, ", c.Flat, c.CIM)
		paths("OTel", c.OTel)
		p("Proto: %d, Doc: %q},\n", c.Proto, c.Doc)
	}
	p("}\n\n")

	p("// Uint returns the value of a column that isn't an address; 0 for one that is.\n")
	p("// Times come as their bits.\nfunc (f *Flow) Uint(x Field) uint64 {\nswitch x {\n")
	for _, c := range cols {
		if c.Kind != "KindAddr" {
			p("case Field%s:\nreturn uint64(f.%s)\n", c.Name, c.Name)
		}
	}
	p("}\nreturn 0\n}\n\n")
	p("// SetUint stores v in a column that isn't an address, cut to the column's size,\n// and leaves f.Set alone.\n")
	p("func (f *Flow) SetUint(x Field, v uint64) {\nswitch x {\n")
	for _, c := range cols {
		if c.Kind != "KindAddr" {
			p("case Field%s:\nf.%s = %s(v)\n", c.Name, c.Name, c.Type)
		}
	}
	p("}\n}\n\n")
	p("// Addr returns the address column x of f, or nil if x is of another kind.\n")
	p("func (f *Flow) Addr(x Field) *Addr {\nswitch x {\n")
	for _, c := range cols {
		if c.Kind == "KindAddr" {
			p("case Field%s:\nreturn &f.%s\n", c.Name, c.Name)
		}
	}
	p("}\nreturn nil\n}\n")
	return b.String()
}
