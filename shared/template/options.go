package template

import (
	"encoding/binary"
	"math"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// AppendOptions decodes the records of set, a data set of an options template,
// appends them to b, and notes in s what they say of sampling, of names, and of
// the time the exporter booted. What it returns is as for Append, and the number of
// records.
func (p *Plan) AppendOptions(b *flow.Batch, set []byte, m *Message, s *Session) (records, used int, ok bool) {
	m.sub.layout = nil // the last set's may be of another domain
	for len(set)-used >= p.minimum {
		n, ok := p.appendOption(b, set[used:], m, s)
		if !ok {
			return records, used, false
		}
		records++
		used += n
	}
	return records, used, padded(set[used:])
}

// value returns the value of field f of the record d, which starts at at, and
// where the next field starts.
func value(d []byte, at int, f Field, version uint8) (v []byte, next int, ok bool) {
	n := int(f.Len)
	if f.Len == Variable && version != 9 {
		if len(d)-at < 1 {
			return nil, 0, false
		}
		n = int(d[at])
		at++
		if n == 255 {
			if len(d)-at < 2 {
				return nil, 0, false
			}
			n = int(binary.BigEndian.Uint16(d[at:]))
			at += 2
		}
	}
	if len(d)-at < n {
		return nil, 0, false
	}
	return d[at : at+n], at + n, true
}

func (p *Plan) appendOption(b *flow.Batch, d []byte, m *Message, s *Session) (used int, ok bool) {
	o := flow.Option{
		Received: m.Received, Exporter: m.Exporter, Sender: m.Sender, Domain: m.Domain,
		Template: p.Template.ID, Version: m.Version, Scopes: uint8(min(p.Template.Scopes, 255)),
	}
	var said announced
	row := m.extras[:0]
	for i, f := range p.Template.Fields {
		v, next, ok := value(d, used, f, p.Template.Version)
		if !ok {
			return 0, false
		}
		used = next
		scope := i < p.Template.Scopes
		said.describe(f.Element, v)
		if f.Len == 0 { // it says nothing, and must not cost a header
			if scope {
				o.Scopes--
			}
			continue
		}
		e := f.Element
		e.Ord = p.ords[i]
		if scope && p.Template.Version == 9 { // the id is a scope type's
			row = appendExtra(row, e, v)
			if f.ID == scopeInterface {
				said.iface, said.hasIface = uint32(number(v[:min(len(v), 8)])), true
				said.names.key(ofInterfaces, v)
			}
			continue
		}
		if t := p.listTypes[i]; t != 0 {
			row = m.appendListExtra(row, e, t, v)
			continue
		}
		row = appendExtra(row, e, v)
		said.field(f.Element, v)
		said.names.field(f.Element, v, p.Template.Version)
	}
	off, buf := b.Arena(len(row))
	copy(buf, row)
	o.SetFields(off, uint32(len(row)))
	m.extras = row
	b.Options = append(b.Options, o)
	said.tell(s, m)
	if said.hasCommon {
		s.setCommon(p, said.common, d[:used], m)
	}
	return used, true
}

// scopeInterface is the scope type of NetFlow v9 for an interface (RFC 3954
// §6.1).
const scopeInterface = 2

// announced collects what one options record says of sampling, boot time and
// names.
type announced struct {
	names                naming
	sampler, iface       uint32
	hasSampler, hasIface bool
	tooLarge             bool // the sampler's id
	rate                 uint32
	interval, space      uint64 // IE 305, 306
	size, population     uint64 // IE 309, 310
	boot                 int64
	common               uint64 // IE 137
	hasCommon            bool

	element     ie.Element // RFC 5610
	elementName []byte
	elementSaid uint8 // of its id, enterprise, type and name
}

func (a *announced) field(e flow.Element, v []byte) {
	if e.PEN != 0 || len(v) == 0 || len(v) > 8 {
		return
	}
	n := number(v)
	switch e.ID {
	case 48, 302:
		a.sampler, a.hasSampler = clamp(n), true
		a.tooLarge = a.tooLarge || n >= math.MaxUint32 // the column can't tell it from another
	case 10:
		a.iface, a.hasIface = clamp(n), true
	case 34, 50:
		if n > 0 {
			a.rate = clamp(n)
		}
	case 305:
		a.interval = n
	case 306:
		a.space = n
	case 309:
		a.size = n
	case 310:
		a.population = n
	case 311:
		if r := inverse(float(v)); r != 0 {
			a.rate = r
		}
	case commonPropertiesID:
		a.common, a.hasCommon = n, true
	case 160:
		if len(v) == 8 {
			a.boot = millis(v)
		}
	}
}

// describe collects what the record says of an element (RFC 5610 §3).
func (a *announced) describe(e flow.Element, v []byte) {
	if e.PEN != 0 || len(v) == 0 || len(v) > 8 && e.ID != 341 {
		return
	}
	switch e.ID {
	case 303:
		a.element.ID = uint16(number(v)) &^ 0x8000 // with the enterprise bit, §3.1
		a.elementSaid |= 1
	case 346:
		a.element.PEN = clamp(number(v))
		a.elementSaid |= 2
	case 339:
		a.element.Type = ie.Type(number(v))
		a.elementSaid |= 4
	case 341:
		a.elementName = trim(v[:min(len(v), 256)])
		a.elementSaid |= 8
	case 344:
		a.element.Semantics = ie.Semantics(number(v))
	case 345:
		a.element.Units = ie.Unit(uint16(min(number(v), 1<<16-1)))
	}
}

// learn makes the element known, but not by the name of a column. What is
// refused stays a number.
func (a *announced) learn(most int) {
	if _, known := ie.Lookup(a.element.PEN, a.element.ID); known {
		return
	}
	a.element.Name = string(a.elementName)
	if !columnNames()[ie.Fold(a.element.Name)] {
		ie.Learn(a.element, most)
	}
}

// tell writes to s what a holds.
func (a *announced) tell(s *Session, m *Message) {
	if a.elementSaid == 15 {
		a.learn(s.store.limits.Elements)
	}
	if plausible(a.boot, m.Export) {
		s.SetBoot(m.Domain, a.boot)
	}
	a.names.tell(s, m.Domain)
	rate := a.rate
	if rate == 0 && a.interval > 0 {
		rate = ratio(a.interval, a.space)
	}
	if rate == 0 {
		rate = outOf(a.size, a.population)
	}
	if rate == 0 || a.tooLarge {
		return
	}
	var sampler, iface *uint32
	if a.hasSampler {
		sampler = &a.sampler
	}
	if a.hasIface {
		iface = &a.iface
	}
	s.SetRate(m.Domain, sampler, iface, rate)
}
