package explain

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

// announcements explains the templates of a set, and remembers them.
func (r *reader) announcements(m *message, options bool) {
	t := &r.e.tmpl
	// A set may be padded with zeros (RFC 3954 §5.2), and some exporters pad with
	// many.
	content := r.at + len(bytes.TrimRight(r.d[r.at:r.end], "\x00"))
	for r.left() >= 4 && r.at < content {
		n, err := template.Parse(t, r.d[r.at:r.end], m.version, options)
		if n == 0 {
			m.unknown = true
			r.missing(decode.ErrTemplate, "template", fmt.Sprintf("%v: %s are left in its set", err, count(r.left(), "octet")), m.templateRef(options))
			return
		}
		r.x.Templates++
		m.announced++
		parent := r.open(fmt.Sprintf("template %d", t.ID), m.templateRef(options))
		r.template(m, t, n)
		r.remember(m, t, err)
		r.close(parent)
	}
	if r.left() > 0 {
		r.padding(r.leaf(r.left(), "padding"))
	}
}

func (m *message) templateRef(options bool) string {
	if options {
		return m.ref("6.1", "3.4.2.2")
	}
	return m.ref("5.2", "3.4.1")
}

// remember does with t what a decoder does, and faults what it faults.
func (r *reader) remember(m *message, t *template.Template, refused error) {
	ref := r.on.Ref
	switch {
	case refused != nil:
		r.fault(r.on, decode.ErrTemplate, refused.Error(), ref)
		return
	case len(t.Fields) == 0 && !m.v9():
		r.withdraw(m, t)
		return
	}
	if m.session == nil {
		if m.session = r.e.store.Open(r.key, r.clk.now()); m.session == nil {
			r.fault(r.on, decode.ErrExporters, "there are more exporters than the limit allows", "")
			return
		}
	}
	_, change, err := m.session.Put(m.domain, t)
	switch {
	case err != nil:
		r.fault(r.on, decode.ErrTemplate, err.Error(), ref)
	case change == template.Redefined:
		r.on.note("it replaces another template of this id")
	case change == template.Same:
		r.on.Text += ", known already"
	}
}

// withdraw explains a template without fields, which takes back the one of its
// id, or all of its kind if it has the set's own (RFC 7011 §8.1).
func (r *reader) withdraw(m *message, t *template.Template) {
	const ref = "RFC 7011 §8.1"
	all := m.templates
	if t.Options {
		all = m.options
	}
	r.on.Text, r.on.Ref = "withdrawal", ref
	switch {
	case t.ID < 256 && t.ID != all:
		r.fault(r.on, decode.ErrTemplate, fmt.Sprintf("a withdrawal of template %d, which can't be", t.ID), ref)
	case !r.key.Over.Reliable():
		r.fault(r.on, decode.ErrWithdrawal, fmt.Sprintf("a withdrawal must not be sent over %s: it is ignored", r.key.Over), "RFC 7011 §8.4")
	case t.ID == all:
		r.on.Text = "withdrawal of all"
		if m.session != nil {
			m.session.WithdrawAll(m.domain, t.Options)
		}
	case m.session == nil || !m.session.Withdraw(m.domain, t.ID):
		r.on.note("there is no such template")
	}
}

// template explains a template of size octets, of which t is what was read.
func (r *reader) template(m *message, t *template.Template, size int) {
	end, fields := r.at+size, 0
	r.uint(2, "template id")
	switch {
	case !t.Options:
		r.uint(2, "field count")
	case m.v9():
		for _, name := range []string{"option scope length", "option length"} {
			v, n := r.uint(2, name)
			if n.Text = "octets of field specifiers"; v%4 != 0 {
				n.note("a length that is no multiple of a field specifier's 4 octets")
			}
		}
	default:
		r.uint(2, "field count")
		if end-r.at >= 2 {
			if _, n := r.uint(2, "scope field count"); t.Scopes == 0 {
				n.note("an options template must have a scope (RFC 7011 §3.4.2.2)")
			}
		}
	}
	size, variable := 0, false
	for r.at < end {
		var f template.Field
		if fields < len(t.Fields) {
			f = t.Fields[fields]
		} else { // there are more than a template may have
			f.ID, f.Len = binary.BigEndian.Uint16(r.d[r.at:]), binary.BigEndian.Uint16(r.d[r.at+2:])
			if !m.v9() && f.ID&0x8000 != 0 {
				f.ID, f.PEN = f.ID&0x7fff, binary.BigEndian.Uint32(r.d[r.at+4:])
			}
		}
		scope := t.Options && fields < t.Scopes
		r.specifier(m, f, scope)
		fields++
		if f.Len == template.Variable && !m.v9() {
			variable = true
		} else {
			size += int(f.Len)
		}
	}
	r.on.Text = fmt.Sprintf("%s, records of %s", count(fields, "field"), count(size, "octet"))
	if variable {
		r.on.Text += " and more"
	}
}

// specifier explains a field specifier (RFC 3954 §5.2, RFC 7011 §3.2).
func (r *reader) specifier(m *message, f template.Field, scope bool) {
	enterprise := !m.v9() && binary.BigEndian.Uint16(r.d[r.at:])&0x8000 != 0
	size := 4
	if enterprise {
		size = 8
	}
	n := r.leaf(size, "")
	n.Name, n.Ref = fieldName(m, f.Element, scope), fieldRef(m, f.Element, scope)
	n.number(uint64(f.Len))
	n.in("octets")
	variable := f.Len == template.Variable && !m.v9()
	if variable {
		n.Value, n.Text = nil, "of variable length"
	}
	if scope {
		n.Text += ", scope"
	}
	if enterprise && f.PEN == 0 {
		n.note("the enterprise bit stands for IANA's own number, 0")
	}
	if scope && m.v9() {
		return
	}
	e, ok := ie.Lookup(f.PEN, f.ID)
	if !ok {
		n.Text += ", an element that no registry of weir's has"
		return
	}
	n.Text += ", " + e.Type.String()
	switch {
	case f.Len == 0:
		n.note("a field of no octets says nothing")
	case m.v9() && e.Type >= ie.Unsigned8 && e.Type <= ie.Signed64: // any length is right there (RFC 3954 §8)
	case !variable && !lengthFits(e.Type, int(f.Len)):
		n.note(fmt.Sprintf("%s can't have %s (RFC 7011 §6)", e.Type, count(int(f.Len), "octet")))
	case variable && fixedType(e.Type):
		n.note(fmt.Sprintf("%s has no variable length (RFC 7011 §7)", e.Type))
	}
}

// lengthFits tells whether a value of type t may have n octets: a whole one, or
// one of reduced size (RFC 7011 §6.1, §6.2).
func lengthFits(t ie.Type, n int) bool {
	switch t {
	case ie.Unsigned8, ie.Signed8, ie.Boolean:
		return n == 1
	case ie.Unsigned16, ie.Signed16:
		return n <= 2
	case ie.Unsigned32, ie.Signed32:
		return n <= 4
	case ie.Unsigned64, ie.Signed64:
		return n <= 8
	case ie.Unsigned256:
		return n <= 32
	case ie.Float32, ie.DateTimeSeconds, ie.IPv4Address:
		return n == 4
	case ie.Float64:
		return n == 4 || n == 8
	case ie.MACAddress:
		return n == 6
	case ie.DateTimeMilliseconds, ie.DateTimeMicroseconds, ie.DateTimeNanoseconds:
		return n == 8
	case ie.IPv6Address:
		return n == 16
	}
	return true
}

// fixedType tells whether the values of t have a size of their own.
func fixedType(t ie.Type) bool {
	switch t {
	case ie.OctetArray, ie.String, ie.BasicList, ie.SubTemplateList, ie.SubTemplateMultiList:
		return false
	}
	return true
}

// v9Scopes are the scope types of NetFlow v9, which are no elements (RFC 3954
// §6.1).
var v9Scopes = [...]string{1: "System", 2: "Interface", 3: "Line Card", 4: "Cache", 5: "Template"}

// v9Scope returns the name of a scope type, "" if it is none.
func v9Scope(m *message, e flow.Element, scope bool) string {
	if scope && m.v9() && e.ID > 0 && int(e.ID) < len(v9Scopes) {
		return v9Scopes[e.ID]
	}
	return ""
}

func fieldName(m *message, e flow.Element, scope bool) string {
	if name := v9Scope(m, e, scope); name != "" {
		return "scope " + name
	}
	return elementName(e)
}

func fieldRef(m *message, e flow.Element, scope bool) string {
	if v9Scope(m, e, scope) != "" {
		return "scope type " + fmt.Sprint(e.ID)
	}
	return elementRef(e)
}
