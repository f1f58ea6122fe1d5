package decode

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

const setHeader = 4

// sets walks the sets of a v9 export packet (FlowSets, RFC 3954 §5) or an IPFIX
// message (RFC 7011 §3.3) behind its header, of so many octets. The message ends
// beyond octets before data does. templates and options are the set ids of the
// announcements.
func (d *Decoder) sets(b *flow.Batch, data []byte, header, beyond int, templates, options uint16) {
	m := &d.msg
	s := d.find(d.key)
	if s != nil {
		s.Saw(m.Received, false) // its clock, by which templates expire
	}
	d.recall(s)
	d.own.n = 0
	decoded := d.Stats.Flows + d.Stats.Options
	whole := header + len(data)
	for len(data)-beyond >= setHeader {
		id := binary.BigEndian.Uint16(data)
		n := int(binary.BigEndian.Uint16(data[2:]))
		d.at = Place{Octet: whole - len(data), Set: id}
		if n < setHeader || n > len(data) {
			d.fail(ErrSetLength)
			break
		}
		if n > len(data)-beyond {
			d.fail(ErrSetLength) // but it is all there
		}
		set := data[setHeader:n]
		data = data[n:]
		switch {
		case id == templates:
			s = d.announce(b, s, set, false)
		case id == options:
			s = d.announce(b, s, set, true)
		case id >= 256:
			d.data(b, s, id, set)
		}
		// Ids 4 to 255 are reserved: RFC 7011 §3.3.2 has us pass over them.
	}
	if s != nil && d.Stats.Flows+d.Stats.Options > decoded {
		s.Saw(m.Received, true)
	}
}

// recall takes from s what its options said for the message's domain: sampling
// rates, and for IPFIX the time the system was started, which makes the
// exporter's uptime at the export time, so that uptime elements (21, 22) can be
// read.
func (d *Decoder) recall(s *template.Session) {
	m := &d.msg
	m.Rates, m.Session = nil, s
	if s == nil {
		return
	}
	m.Rates = s.Rates(m.Domain)
	if m.Version == 9 {
		return
	}
	if t, ok := s.Boot(m.Domain); ok {
		m.Uptime, m.HasUptime = uint32((m.Export-t)/1e6), true
	}
}

// announce reads the templates of a set, decodes what waited for them, and
// returns the exporter's session.
func (d *Decoder) announce(b *flow.Batch, s *template.Session, set []byte, options bool) *template.Session {
	m := &d.msg
	// A set may be padded with zeros (RFC 3954 §5.2), and some exporters pad
	// with many.
	content := len(bytes.TrimRight(set, "\x00"))
	for at := 0; len(set)-at >= 4 && at < content; {
		n, err := template.Parse(&d.tmpl, set[at:], m.Version, options)
		if n == 0 {
			d.failIn(ErrTemplate, at, 0)
			return s
		}
		start := at
		at += n
		switch {
		case err != nil:
			d.failIn(ErrTemplate, start, 0)
			continue
		case len(d.tmpl.Fields) == 0 && m.Version != 9:
			d.withdraw(s, start)
			continue
		}
		if s == nil {
			if s = d.open(); s == nil {
				return nil
			}
		}
		d.Stats.Announced++
		def, change, err := s.Put(m.Domain, &d.tmpl)
		if err != nil {
			d.failIn(ErrTemplate, start, 0)
			continue
		}
		d.own.add(d.tmpl.ID, def)
		if change == template.Same {
			continue
		}
		d.Stats.Templates++
		if change == template.Redefined {
			d.Stats.Redefined++
		}
		d.waited(b, d.tmpl.ID)
	}
	return s
}

// withdraw takes back the template that was read last, at start in its set, or
// all of its kind (RFC 7011 §8.1: the id is then the set's own). Where anyone can
// send in the exporter's name, or a withdrawal may overtake data, it is not
// obeyed.
func (d *Decoder) withdraw(s *template.Session, start int) {
	t := &d.tmpl
	all := uint16(2)
	if t.Options {
		all = 3
	}
	switch {
	case t.ID < 256 && t.ID != all:
		d.failIn(ErrTemplate, start, 0)
	case !d.key.Over.Reliable():
		d.failIn(ErrWithdrawal, start, 0)
	case s == nil:
	case t.ID == all:
		d.own.n = 0
		d.Stats.Withdrawn += uint64(s.WithdrawAll(d.msg.Domain, t.Options))
	case s.Withdraw(d.msg.Domain, t.ID):
		d.own.n = 0
		d.Stats.Withdrawn++
	}
}

// announced are the templates that a message has announced itself. Its data sets
// are of these, whatever other decoders read at the same time of the same
// exporter. Of a great many, some are only found where all can see them.
type announced struct {
	n    int
	ids  [16]uint16
	defs [16]*template.Definition
}

func (a *announced) add(id uint16, def *template.Definition) {
	if a.n == len(a.ids) {
		a.n = 0
	}
	a.ids[a.n], a.defs[a.n] = id, def
	a.n++
}

// plan returns the plan for a set of n octets, nil if its template was not
// announced here.
func (a *announced) plan(id uint16, n int) *template.Plan {
	for i := a.n - 1; i >= 0; i-- {
		if a.ids[i] == id {
			return a.defs[i].Plan(n)
		}
	}
	return nil
}

// maxWait is how far from its template a data set may have come: exporters
// announce each half hour at the least, and after more time the id may mean
// something else.
const maxWait = int64(time.Hour)

// waited decodes the data sets that waited for the template id of the message's
// domain, each with what its own message's header said.
func (d *Decoder) waited(b *flow.Batch, id uint16) {
	sets := d.store.Waited(d.key, d.msg.Domain, id)
	if len(sets) == 0 {
		return
	}
	header, key := d.msg.Header, d.key
	d.late = true
	for i := range sets {
		w := &sets[i]
		if age := header.Received - w.Header.Received; age > maxWait || age < -maxWait {
			d.Stats.Undecoded += uint64(len(w.Data))
			continue
		}
		d.msg.Header, d.key = w.Header, w.Key
		s := d.find(w.Key)
		d.recall(s)
		d.Stats.Recovered += uint64(len(w.Data))
		d.data(b, s, id, w.Data)
	}
	d.msg.Header, d.key, d.late = header, key, false
	d.recall(d.find(key))
}

// DecodeWaiting decodes a data set that has waited for its template, with what its
// own message's header said, at the time now: see Store.Ready. It appends its
// records to b. There is no Head then.
func (d *Decoder) DecodeWaiting(b *flow.Batch, w *template.Waiting, now int64) {
	d.fault, d.place, d.at = none, Place{}, Place{}
	d.headed, d.samples = false, d.samples[:0]
	if age := now - w.Header.Received; age > maxWait || age < -maxWait || b.Full() {
		d.Stats.Undecoded += uint64(len(w.Data))
		return
	}
	d.late = true
	d.msg.Header, d.key = w.Header, w.Key
	s := d.find(w.Key)
	d.recall(s)
	d.Stats.Recovered += uint64(len(w.Data))
	d.data(b, s, w.ID, w.Data)
	d.late = false
}

// data decodes the records of a data set.
func (d *Decoder) data(b *flow.Batch, s *template.Session, id uint16, set []byte) {
	m := &d.msg
	var p *template.Plan
	if !d.late {
		p = d.own.plan(id, len(set))
	}
	if p == nil && s != nil {
		if p = s.PlanFor(m.Domain, id, len(set)); p == nil {
			s.Expire(m.Domain, id)
		}
	}
	if p == nil {
		if owner, agreed := d.store.Agreed(d.key, m.Domain, id, len(set), m.Received); agreed != nil {
			s, p = owner, agreed
		}
	}
	if m.Session != s { // rates and boot time are of who announced the template
		d.recall(s)
	}
	m.Packet = d.SFlow.Packet
	switch {
	case p == nil:
		d.Stats.Waiting += uint64(len(set))
		d.Stats.Undecoded += uint64(d.store.Wait(d.key, &m.Header, id, set))
		d.head.Uncounted = true
		d.fail(ErrNoTemplate)
	case p.Template.Options:
		n, used, ok := p.AppendOptions(b, set, m, s)
		d.Stats.Options += uint64(n)
		d.Stats.Records += uint64(n)
		d.count(n, n)
		if !ok {
			d.head.Uncounted = true
			d.failIn(ErrShort, used, n+1)
		}
		d.recall(s)
	default:
		flows := len(b.Flows)
		used, ok := p.Append(b, set, m)
		n := len(b.Flows) - flows
		d.Stats.Flows += uint64(n)
		if p.Biflow() {
			n = records(b.Flows[flows:])
		}
		d.Stats.Records += uint64(n)
		d.count(n, 0)
		if !ok {
			d.head.Uncounted = true
			d.failIn(ErrShort, used, n+1)
		}
	}
	if m.BadLists|m.UnknownLists != 0 {
		d.lists()
	}
}

// lists counts what was wrong with the structured data of a set.
func (d *Decoder) lists() {
	m := &d.msg
	for ; m.BadLists > 0; m.BadLists-- {
		d.fail(ErrList)
	}
	for ; m.UnknownLists > 0; m.UnknownLists-- {
		d.fail(ErrListTemplate)
	}
}
