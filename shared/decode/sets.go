package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

const setHeader = 4

// sets walks the sets of a v9 export packet (FlowSets, RFC 3954 §5) or an IPFIX
// message (RFC 7011 §3.3) behind its header. The message ends beyond octets
// before data does. templates and options are the set ids of the announcements.
func (d *Decoder) sets(b *flow.Batch, s *template.Session, data []byte, beyond int, templates, options uint16) {
	for len(data)-beyond >= setHeader {
		id := binary.BigEndian.Uint16(data)
		n := int(binary.BigEndian.Uint16(data[2:]))
		if n < setHeader || n > len(data) {
			d.fail(ErrSetLength)
			return
		}
		if n > len(data)-beyond {
			d.fail(ErrSetLength) // but it is all there
		}
		set := data[setHeader:n]
		data = data[n:]
		switch {
		case id == templates:
			d.announce(s, set, false)
		case id == options:
			d.announce(s, set, true)
		case id >= 256:
			d.data(b, s, id, set)
		}
		// Ids 4 to 255 are reserved: RFC 7011 §3.3.2 has us pass over them.
	}
}

// announce reads the templates of a set.
func (d *Decoder) announce(s *template.Session, set []byte, options bool) {
	m := &d.msg
	for len(set) >= 4 {
		n, err := template.Parse(&d.tmpl, set, m.Version, options)
		if n == 0 {
			if !zero(set) { // padding
				d.fail(ErrTemplate)
			}
			return
		}
		set = set[n:]
		switch {
		case err != nil:
			d.fail(ErrTemplate)
		case len(d.tmpl.Fields) == 0 && m.Version != 9:
			d.fail(ErrWithdrawal)
		default:
			changed, err := s.Put(m.Domain, &d.tmpl)
			if err != nil {
				d.fail(ErrTemplate)
			}
			if changed {
				d.Stats.Templates++
			}
		}
		if zero(set) {
			return
		}
	}
}

// zero tells whether d is padding. A v9 template set may be padded with up to
// three octets, and some exporters pad with more.
func zero(d []byte) bool {
	for _, x := range d {
		if x != 0 {
			return false
		}
	}
	return true
}

// data decodes the records of a data set.
func (d *Decoder) data(b *flow.Batch, s *template.Session, id uint16, set []byte) {
	m := &d.msg
	p := s.Plan(m.Domain, id)
	switch {
	case p == nil:
		d.Stats.Waiting += uint64(len(set))
		d.fail(ErrNoTemplate)
	case p.Template.Options:
		n, _, ok := p.AppendOptions(b, set, m, s)
		d.Stats.Options += uint64(n)
		if !ok {
			d.fail(ErrShort)
		}
		m.Rates = s.Rates(m.Domain)
		if m.Version != 9 {
			d.boot(s)
		}
	default:
		n := len(b.Flows)
		if _, ok := p.Append(b, set, m); !ok {
			d.fail(ErrShort)
		}
		d.Stats.Flows += uint64(len(b.Flows) - n)
	}
}

// boot works out the exporter's uptime at the export time from the time it
// booted, so that IPFIX's uptime elements (21, 22) can be read.
func (d *Decoder) boot(s *template.Session) {
	m := &d.msg
	if t, ok := s.Boot(m.Domain); ok {
		m.Uptime, m.HasUptime = uint32((m.Export-t)/1e6), true
	}
}
