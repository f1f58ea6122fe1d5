package explain

import (
	"fmt"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

// data explains a data set by its template.
func (r *reader) data(m *message, id uint16) {
	s := m.session
	var p *template.Plan
	if s != nil {
		if p = s.PlanFor(m.domain, id, r.left()); p == nil {
			s.Expire(m.domain, id)
		}
	}
	if p == nil {
		s, p = r.e.store.Agreed(r.key, m.domain, id, r.left(), r.clk.now())
		if p != nil {
			r.on.note(fmt.Sprintf("its template was announced from port %d", s.From.Port()))
		}
	}
	if p != nil {
		r.records(m, s, p, &p.Template)
		return
	}
	m.unknown = true
	if a := r.e.later.find(laterOf(r.key, m.domain, id), r.e.n); a != nil {
		where := "in this datagram"
		if n := a.datagram - r.e.n; n > 0 {
			where = fmt.Sprintf("%s further on", count(n, "datagram"))
		}
		r.fault(r.on, decode.ErrNoTemplate, fmt.Sprintf("template %d comes later, %s: the set has to wait for it", id, where), "")
		r.records(m, nil, nil, &a.template)
		return
	}
	r.on.Text = "data"
	r.fault(r.on, decode.ErrNoTemplate, fmt.Sprintf("template %d is not known: this exporter has not announced it for domain %d", id, m.domain), "")
	r.unread("records", "unreadable without their template")
}

// records explains the records of a data set. Without a plan the template is
// one that is still to come.
func (r *reader) records(m *message, s *template.Session, p *template.Plan, t *template.Template) {
	what := "record"
	r.on.Text = "data"
	if t.Options {
		what = "options record"
		r.on.Text, r.on.Ref = "options data", m.ref("6.2", "3.4.3")
	}
	r.from = s
	r.recall(m, s)
	least := least(t)
	set := r.d[r.at:r.end]
	n := 0
	for r.left() >= least {
		parent := r.open(fmt.Sprintf("%s %d", what, n+1), "")
		r.on.repeats = true
		r.begin()
		r.mute = !t.Options && !r.whole(t)
		ok := r.dataRecord(m, t)
		r.mute = false
		if ok {
			n++
			r.finish(r.on)
		}
		r.close(parent)
		if !ok {
			break
		}
	}
	m.records += n
	if t.Options {
		r.x.Options += n
		m.scoped += n
		if p != nil { // what they say of the exporter
			r.e.batch.Reset()
			r.e.msg.Header = template.Header{Version: m.version, Domain: m.domain, Export: r.clk.export, Received: r.clk.now(), Uptime: r.clk.uptime, HasUptime: r.clk.hasUptime}
			r.e.msg.Session = s
			p.AppendOptions(&r.e.batch, set, &r.e.msg, s)
		}
	} else {
		r.x.Flows += n
	}
	r.on.Text += ", " + count(n, what)
	r.behind(m, least)
}

// behind explains what is left of a set behind its whole records.
func (r *reader) behind(m *message, least int) {
	if r.left() == 0 {
		return
	}
	if r.left() >= 8 && !zero(r.d[r.at:r.end]) {
		m.unknown = true
		r.missing(decode.ErrShort, "octets", fmt.Sprintf("%s are too many for padding, and too few for a record of %d", count(r.left(), "octet"), least), m.ref("5.3", "3.3.1"))
		return
	}
	r.padding(r.leaf(r.left(), "padding"))
}

func zero(d []byte) bool {
	for _, c := range d {
		if c != 0 {
			return false
		}
	}
	return true
}

// least returns the octets of the shortest record of t.
func least(t *template.Template) (n int) {
	for _, f := range t.Fields {
		if f.Len == template.Variable && t.Version != 9 {
			n++
		} else {
			n += int(f.Len)
		}
	}
	return n
}

// recall takes from s when the exporter was booted, for elements in its uptime.
func (r *reader) recall(m *message, s *template.Session) {
	if m.v9() || s == nil {
		return
	}
	if t, ok := s.Boot(m.domain); ok {
		r.clk.uptime, r.clk.hasUptime = uint32((r.clk.export-t)/1e6), true
	}
}

// dataRecord explains a record, and returns false if it is cut short.
func (r *reader) dataRecord(m *message, t *template.Template) bool {
	for i, f := range t.Fields {
		scope := t.Options && i < t.Scopes
		n, ok := r.length(f, t.Version)
		if !ok || r.left() < n {
			m.unknown = true
			text := fmt.Sprintf("%s of %d octets is cut short: %s left of the set", fieldName(m, f.Element, scope), n, are(r.left(), "octet"))
			if !ok {
				text = fieldName(m, f.Element, scope) + " is cut short: its length is not whole"
			}
			r.missing(decode.ErrShort, fieldName(m, f.Element, scope), text, m.ref("5.3", "3.4.3"))
			return false
		}
		if f.Len == 0 {
			continue // it says nothing, and might be there a thousand times
		}
		if scope && m.v9() {
			if e, _ := ie.Lookup(f.PEN, f.ID); v9Scope(m, f.Element, true) != "" || e.Type.IsList() {
				r.scope(n, fieldName(m, f.Element, true), fieldRef(m, f.Element, true))
				continue
			}
		}
		x := r.element(f.Element, n)
		if scope {
			x.Name = "scope " + x.Name
		}
	}
	return true
}

// whole tells whether all of a record is there.
func (r *reader) whole(t *template.Template) bool {
	left := r.left()
	for _, f := range t.Fields {
		n, head := int(f.Len), 0
		if f.Len == template.Variable && t.Version != 9 {
			if n, head = ie.VariableSize(r.d[r.end-left : r.end]); head == 0 {
				return false
			}
		}
		if left -= head + n; left < 0 {
			return false
		}
	}
	return true
}

// scope takes a scope of NetFlow v9, a number where it is short enough.
func (r *reader) scope(n int, name, ref string) {
	x := r.leaf(n, name)
	x.Ref = ref
	v := r.octets(x)
	if n <= 8 {
		x.number(number(v))
	}
	if n == 4 && name == "scope System" {
		x.Text = fmt.Sprintf("%d.%d.%d.%d, where it is an address", v[0], v[1], v[2], v[3])
	}
}

// length returns the octets of a field's value: of one of variable length, the
// record says how many (RFC 7011 §7), which ok tells is there.
func (r *reader) length(f template.Field, version uint8) (n int, ok bool) {
	if f.Len != template.Variable || version == 9 {
		return int(f.Len), true
	}
	n, size := ie.VariableSize(r.d[r.at:r.end])
	if size == 0 {
		return 0, false
	}
	x := r.leaf(size, elementName(f.Element)+" length").number(uint64(n))
	x.Ref = "RFC 7011 §7"
	x.in("octets")
	if size == 3 && n < 255 {
		x.note("one octet would have been enough for this length")
	}
	return n, true
}

// element takes the value of an element, n octets that are there.
func (r *reader) element(e flow.Element, n int) *Node {
	x := r.leaf(n, elementName(e))
	x.Ref = elementRef(e)
	r.value(x, e)
	return x
}
