package explain

import (
	"encoding/binary"
	"fmt"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

// A decoder brings structured data (RFC 6313) into a form that needs no
// templates, and keeps what it can't bring there as it came: a list that is
// malformed, or whose form would be too long for an extra. So what reads lists
// here returns the octets of that form, and false where a decoder gives up.

// maxForm is how long the form of a list may be.
const maxForm = 0xffff

// list explains the value n of a type of RFC 6313.
func (r *reader) list(n *Node, typ ie.Type) {
	ref := map[ie.Type]string{ie.BasicList: "RFC 6313 §4.5.1", ie.SubTemplateList: "RFC 6313 §4.5.2", ie.SubTemplateMultiList: "RFC 6313 §4.5.3"}[typ]
	n.Ref = comma(n.Ref) + ref
	r.formed = 1 + n.Length // as it came
	switch {
	case r.mute:
	case n.Length == 0:
		r.fault(n, decode.ErrList, "a list has a semantic at least", ref)
	case r.lists == ie.MaxListDepth:
		r.fault(n, decode.ErrList, fmt.Sprintf("lists within lists are read %d deep, no deeper", ie.MaxListDepth), "")
	default:
		sum := r.sum
		r.sum = nil // what is in a list is not what the record is about
		r.lists++
		size, ok := 0, false
		r.within(n, func() {
			size, ok = r.groups(typ)
			r.unread("octets", "unreadable")
		})
		r.lists--
		r.sum = sum
		switch r.formed = 2 + size; {
		case !ok:
			r.fault(n, decode.ErrList, "the list is not what its type says: it is kept as it came", ref)
			r.formed = 1 + n.Length
		case r.formed > maxForm:
			r.fault(n, decode.ErrList, fmt.Sprintf("with the layouts of its records the list has more than %d octets: it is kept as it came", maxForm), "")
			r.formed = 1 + n.Length
		}
	}
}

// groups explains what is in a list.
func (r *reader) groups(typ ie.Type) (size int, ok bool) {
	v, n := r.uint(1, "semantic")
	n.Ref = "RFC 6313 §4.4"
	if v > 4 && v != 255 {
		n.note("no semantic has this number")
	} else {
		n.Text = ie.SemanticName(uint8(v))
	}
	switch typ {
	case ie.BasicList:
		return r.basicList()
	case ie.SubTemplateList:
		return r.subTemplateList()
	}
	lists := 0
	for r.left() > 0 {
		more, ok := r.subList()
		if !ok {
			return 0, false
		}
		size += more
		lists++
	}
	r.on.Text = count(lists, "list")
	return size, true
}

func (r *reader) basicList() (size int, ok bool) {
	if r.left() < 4 {
		return 0, false
	}
	f := template.Field{Element: flow.Element{ID: binary.BigEndian.Uint16(r.d[r.at:])}, Len: binary.BigEndian.Uint16(r.d[r.at+2:])}
	octets := 4
	if f.ID&0x8000 != 0 {
		if octets = 8; r.left() < 8 {
			return 0, false
		}
		f.ID, f.PEN = f.ID&0x7fff, binary.BigEndian.Uint32(r.d[r.at+4:])
	}
	n := r.leaf(octets, "list of "+elementName(f.Element)).number(uint64(f.Len))
	n.Text, n.Ref = "octets each", elementRef(f.Element)
	if f.Len == template.Variable {
		n.Value, n.Text = nil, "of variable length"
	}
	switch {
	case r.left() == 0:
		r.on.Text = "empty"
		return 0, true
	case f.Len == 0:
		return 0, false
	}
	t := &template.Template{Version: 10, Fields: []template.Field{f}}
	size, elements, ok := r.listRecords(t, true)
	r.on.Text = count(elements, "element")
	return size, ok
}

func (r *reader) subTemplateList() (size int, ok bool) {
	if r.left() < 2 {
		return 0, false
	}
	id, n := r.uint(2, "template id")
	return r.group(n, uint16(id))
}

// subList explains one of the lists of a subTemplateMultiList.
func (r *reader) subList() (size int, ok bool) {
	if r.left() < 4 {
		return 0, false
	}
	parent := r.open("list", "")
	defer r.close(parent)
	id, n := r.uint(2, "template id")
	octets, length := r.uint(2, "length")
	length.Text = "octets, with these 4"
	if octets < 4 || int(octets)-4 > r.left() {
		length.note("the list reaches beyond the value, or is shorter than its own header")
		return 0, false
	}
	end := r.end
	r.end = r.at + int(octets) - 4
	size, ok = r.group(n, uint16(id))
	r.unread("octets", "unreadable")
	r.end = end
	return size, ok
}

// group explains the records of a list by the template whose id n holds.
func (r *reader) group(n *Node, id uint16) (size int, ok bool) {
	if r.left() == 0 {
		r.on.Text = "empty"
		return 0, true
	}
	size = ie.GroupHeader + r.left()
	t, later := r.known(id)
	if t == nil || later {
		r.fault(n, decode.ErrListTemplate, fmt.Sprintf("template %d is not known: the records are kept as they came", id), "RFC 6313 §4.5")
	}
	if t == nil {
		r.unread("records", "unreadable without their template")
		return size, true
	}
	formed, records, ok := r.listRecords(t, false)
	r.on.Text = count(records, "record")
	if later {
		return size, true
	}
	return formed, ok
}

// known returns a template of the message's exporter and domain; later tells
// that it is yet to come.
func (r *reader) known(id uint16) (t *template.Template, later bool) {
	if r.from != nil {
		if p := r.from.Plan(r.m.domain, id); p != nil {
			return &p.Template, false
		}
	}
	if a := r.e.later.find(laterOf(r.key, r.m.domain, id), r.e.n); a != nil {
		return &a.template, true
	}
	return nil, false
}

// listRecords explains records as long as there are octets: bare, without a
// heading each, where they have one field.
func (r *reader) listRecords(t *template.Template, bare bool) (size, records int, ok bool) {
	fields, flat := 0, true
	for _, f := range t.Fields {
		if f.Len == 0 {
			continue
		}
		fields++
		if e, known := ie.Lookup(f.PEN, f.ID); known && e.Type.IsList() || f.Len == template.Variable && t.Version != 9 {
			flat = false
		}
	}
	start, octets := r.at, 0
	for r.left() > 0 {
		parent := r.on
		if !bare {
			parent = r.open(fmt.Sprintf("record %d", records+1), "")
			r.on.repeats = true
		}
		n, ok := r.listRecord(t)
		if !bare {
			r.close(parent)
		}
		octets += n
		if !ok || !flat && octets > maxForm {
			return 0, records, false
		}
		records++
	}
	if flat {
		octets = r.at - start
	}
	return ie.GroupHeader + ie.GroupField*fields + octets, records, true
}

// listRecord explains a record of a list, and returns the octets of its form.
func (r *reader) listRecord(t *template.Template) (size int, ok bool) {
	for _, f := range t.Fields {
		if f.Len == 0 {
			continue
		}
		at := r.at
		n, ok := r.length(f, t.Version)
		if !ok || n > r.left() {
			return 0, false
		}
		r.formed = 0
		r.element(f.Element, n)
		if r.formed == 0 {
			size += r.at - at
			continue
		}
		if r.formed > maxForm {
			return 0, false
		}
		size += 3 + r.formed
		r.formed = 0
	}
	return size, true
}
