package query

import (
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// A FieldInfo tells of something that flows are chosen and grouped by: for
// completion.
type FieldInfo struct {
	Name    string   `json:"name"`              // as Filter.String and Question.String write it
	Names   []string `json:"names,omitempty"`   // others
	Column  string   `json:"column,omitempty"`  // of a single column: its flat name
	Kind    string   `json:"kind"`              // number, address, text …
	Unit    string   `json:"unit,omitempty"`    //
	Doc     string   `json:"doc,omitempty"`     //
	Group   bool     `json:"group"`             // top FIELD
	Filter  bool     `json:"filter"`            // where FIELD = VALUE
	Ordered bool     `json:"ordered,omitempty"` // < and > compare it
	Values  []string `json:"values,omitempty"`  // names of values
}

var kindNames = [...]string{
	Number: "number", Signed: "number", Float: "number", Time: "time", Span: "duration",
	Address: "address", MAC: "mac", App: "application", Text: "text", Opaque: "none",
}

var fieldUnits = map[string]string{
	"bytes": "B", "l2_bytes": "B", "packets": "packet", "bps": "bit/s", "pps": "packet/s", "bpp": "B/packet",
	"in_if_speed": "kbit/s", "out_if_speed": "kbit/s",
}

// AllFields returns nfdump's phrases, then the other columns. Elements without a
// column, of which there are thousands, are not among them.
func AllFields() (all []FieldInfo) {
	byName()
	seen := map[*Quantity]bool{}
	for i := range phrases {
		p := &phrases[i]
		names := strings.Split(p.names, ", ")
		all = append(all, fieldInfo(p.q, names[1:]))
		seen[p.q] = true
	}
	for x := range columns {
		if q := columns[x]; !seen[q] {
			all = append(all, fieldInfo(q, nil))
		}
	}
	return all
}

func fieldInfo(q *Quantity, others []string) FieldInfo {
	f := FieldInfo{
		Name: q.Name, Names: slices.Clone(others), Kind: kindNames[q.Kind], Unit: fieldUnits[q.Name],
		Group: q.Of == Column, Filter: true, Ordered: ordered(q.Kind),
	}
	if q.Of == Column && len(q.Fields) == 1 && q == columns[q.Fields[0]] {
		c := &flow.Fields[q.Fields[0]]
		f.Column, f.Doc = c.Flat, c.Doc
		for _, n := range []string{c.Flat, c.IPFIX} {
			if n != "" && n != f.Name && !slices.Contains(f.Names, n) {
				f.Names = append(f.Names, n)
			}
		}
	}
	for _, n := range q.names {
		if !slices.Contains(f.Values, n.text) {
			f.Values = append(f.Values, n.text)
		}
	}
	return f
}

// FieldNamed returns the quantity that a filter calls so.
func FieldNamed(name string) (*Quantity, bool) {
	if s, ok := sideWords[strings.ToLower(name)]; ok {
		name = s
	}
	return lookup(strings.Join(strings.Fields(name), " "))
}

// HasNames tells whether some values of q have names.
func (q *Quantity) HasNames() bool { return len(q.names) > 0 }

// Names returns the names that values of q have, which begin with prefix.
func (q *Quantity) Names(prefix string) (all []string) {
	for _, n := range q.names {
		if strings.HasPrefix(n.text, strings.ToLower(prefix)) && !slices.Contains(all, n.text) {
			all = append(all, n.text)
		}
	}
	return all
}
