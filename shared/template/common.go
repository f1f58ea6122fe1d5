package template

import (
	"bytes"

	"github.com/weirflow/weir/shared/flow"
)

// Common properties (RFC 5473): an options record says once what many records
// share, and those name it by IE 137 commonPropertiesId. They get its columns
// where they have none of their own, and its other elements as extras.

const commonPropertiesID = 137

// maxLent is how many octets of extras, with their headers, a record gets by
// naming common properties: it may do so in one octet, and a datagram holds
// 65,000 of those. Properties with more than that give their columns; the rest
// is in the options record, where it came.
const maxLent = 512

// A common is what an options record says of the records that name it. It is
// immutable.
type common struct {
	template Template // of the properties, each as long as it came
	octets   []byte
	batch    flow.Batch // one flow
	plan     *Plan
}

// commonKey is the key in Session.commons; ids beyond 32 bits have none.
func commonKey(domain uint32, id uint64) (uint64, bool) {
	return uint64(domain)<<32 | id, id != 0 && id>>32 == 0
}

// ofMessage are the columns that each record gets from its message.
var ofMessage = flow.SetOf(flow.FieldReceived, flow.FieldExporter, flow.FieldSender, flow.FieldDomain, flow.FieldVersion)

// setCommon notes what the options record d of plan p says of the records that
// name id.
func (s *Session) setCommon(p *Plan, id uint64, d []byte, m *Message) {
	key, ok := commonKey(m.Domain, id)
	if !ok {
		return
	}
	e := &entry[common]{key: key}
	c := &e.value
	c.template = Template{ID: p.Template.ID, Version: p.Template.Version}
	at := 0
	for i, f := range p.Template.Fields {
		v, next, ok := value(d, at, f, p.Template.Version)
		if !ok {
			return
		}
		at = next
		// Of 65,535 octets is said that they vary.
		if i < p.Template.Scopes || len(v) == 0 || len(v) == Variable || f.PEN == 0 && f.ID == commonPropertiesID {
			continue
		}
		c.template.Fields = append(c.template.Fields, Field{f.Element, uint16(len(v))})
		c.octets = append(c.octets, v...)
	}
	if old := s.commons.get(key); old != nil && bytes.Equal(old.octets, c.octets) && old.template.Equal(&c.template) {
		return
	}
	if c.template.check() != nil {
		return
	}
	own := Message{Header: m.Header, Session: s, Horizon: m.Horizon}
	if old := s.commons.get(key); old != nil && old.template.Equal(&c.template) {
		c.plan = old.plan
	} else if c.plan = s.commonPlan(c, m.Received); c.plan == nil {
		return
	}
	if c.plan.Append(&c.batch, c.octets, &own); len(c.batch.Flows) != 1 {
		return
	}
	if _, n := c.batch.Flows[0].ExtraAt(); n > maxLent {
		c.batch.Flows[0].SetExtra(0, 0)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	more := c.cost()
	if old := s.commons.get(key); old != nil {
		more -= old.cost()
	} else if s.commons.n >= s.store.limits.Templates {
		return
	}
	if s.store.reserve(s, more) {
		s.commons.put(e)
	}
}

// maxCommons is how many layouts of common properties an exporter may announce
// in a second: each costs a compilation.
const maxCommons = 64

// commonPlan compiles the layout of c, nil where there were too many.
func (s *Session) commonPlan(c *common, now int64) *Plan {
	s.mu.Lock()
	if second := now / 1e9; s.layouts.second != second {
		s.layouts.second, s.layouts.n = second, 0
	}
	s.layouts.n++
	n := s.layouts.n
	s.mu.Unlock()
	if n > maxCommons {
		return nil
	}
	return compile(&c.template, c.template.Fields)
}

// cost is about how many octets c takes.
func (c *common) cost() int64 { return c.template.cost() + int64(3*len(c.octets)) + 1000 }

// share gives the flows of r the common properties that they name by the number
// at x.
func (s *Session) share(b *flow.Batch, r *records, x *spot, domain uint32) {
	for i := range r.flows {
		id, _ := r.number(i, x)
		key, ok := commonKey(domain, id)
		if !ok {
			continue
		}
		if c := s.commons.get(key); c != nil {
			c.give(b, &r.flows[i])
		}
	}
}

// give enters what f lacks.
func (c *common) give(b *flow.Batch, f *flow.Flow) {
	from := &c.batch.Flows[0]
	set := from.Set
	for i := range set {
		set[i] &^= f.Set[i] | ofMessage[i]
	}
	f.Take(from, set)
	for _, x := range texts {
		if set.Has(x) {
			f.SetUint(x, uint64(b.Strings.Intern(c.batch.Strings.Get(flow.Str(from.Uint(x))))))
		}
	}
	if from.HasExtra() {
		b.JoinExtra(f, &c.batch, from)
	}
}

// texts are the columns of strings.
var texts = func() (all []flow.Field) {
	for x := range flow.Fields {
		if flow.Fields[x].Kind == flow.KindStr {
			all = append(all, flow.Field(x))
		}
	}
	return all
}()
