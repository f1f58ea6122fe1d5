package explain

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// A message is a NetFlow v9 export packet or an IPFIX message whose sets are
// read.
type message struct {
	version            uint8
	domain             uint32
	templates, options uint16 // the set ids of announcements
	session            *template.Session

	records, announced int  // so far
	scoped             int  // of records: those of options
	unknown            bool // some records could not be counted
}

func (m *message) v9() bool { return m.version == 9 }

// ref returns which section says it in the message's protocol.
func (m *message) ref(v9, ipfix string) string {
	if m.v9() {
		return "RFC 3954 §" + v9
	}
	return "RFC 7011 §" + ipfix
}

// v9 explains an export packet (RFC 3954 §5).
func (r *reader) v9() {
	const ref = "RFC 3954 §5.1"
	parent := r.open("header", ref)
	if r.left() < 20 {
		r.header("version:2 count:2 sysUpTime:4 UNIX_Secs:4 sequence:4 source_id:4")
		r.missing(decode.ErrShort, "header", fmt.Sprintf("the header of 20 octets is cut short: there are %d", len(r.d)), ref)
		r.close(parent)
		return
	}
	h := r.header("version:2 count:2 sysUpTime:4 UNIX_Secs:4 sequence:4 source_id:4")
	r.close(parent)
	r.clk.set(int64(binary.BigEndian.Uint32(r.d[8:]))*1e9, binary.BigEndian.Uint32(r.d[4:]), true)
	h[1].Text = "records, of templates and of data"
	h[2].Text = r.clk.booted()
	h[3].Text = r.clk.exported(h[3])
	m := &message{version: 9, domain: binary.BigEndian.Uint32(r.d[16:]), templates: 0, options: 1}
	r.e.sequences.follow(h[4], sequenceKey{r.x.From, 9, m.domain}, binary.BigEndian.Uint32(r.d[12:]), 1, 0, "export packet", true)
	r.sets(m, 0)
	if n := int(binary.BigEndian.Uint16(r.d[2:])); n != m.records+m.announced && !m.unknown && len(r.x.Faults) == 0 {
		h[1].note(fmt.Sprintf("the packet holds %d: %s and %s", m.records+m.announced, count(m.announced, "template"), count(m.records, "data record")))
	}
}

// ipfix explains a message (RFC 7011 §3.1).
func (r *reader) ipfix() {
	const ref = "RFC 7011 §3.1"
	parent := r.open("header", ref)
	if r.left() < 16 {
		r.header("version:2 length:2 exportTime:4 sequenceNumber:4 observationDomainId:4")
		r.missing(decode.ErrShort, "header", fmt.Sprintf("the header of 16 octets is cut short: there are %d", len(r.d)), ref)
		r.close(parent)
		return
	}
	h := r.header("version:2 length:2 exportTime:4 sequenceNumber:4 observationDomainId:4")
	r.close(parent)
	h[1].in("octets")
	r.clk.set(int64(binary.BigEndian.Uint32(r.d[4:]))*1e9, 0, false)
	h[2].Text = r.clk.exported(h[2])
	m := &message{version: 10, domain: binary.BigEndian.Uint32(r.d[12:]), templates: 2, options: 3}
	end := int(binary.BigEndian.Uint16(r.d[2:]))
	switch {
	case end < 16:
		r.fault(h[1], decode.ErrShort, fmt.Sprintf("a message of %d octets is shorter than its own header of 16", end), ref)
		end = len(r.d)
	case end > len(r.d):
		r.fault(h[1], decode.ErrShort, fmt.Sprintf("the message has %d octets, and there are %d: the rest is missing", end, len(r.d)), ref)
		end = len(r.d)
	}
	r.sets(m, len(r.d)-end)
	r.e.sequences.follow(h[3], sequenceKey{r.x.From, 10, m.domain}, binary.BigEndian.Uint32(r.d[8:]), uint32(m.records), uint32(m.scoped), "data record", !m.unknown)
}

// header takes the fields of a header, "name:octets name:octets", as far as they
// are there.
func (r *reader) header(fields string) (nodes []*Node) {
	for f := range bytes.FieldsSeq([]byte(fields)) {
		n := int(f[len(f)-1] - '0')
		if r.left() < n {
			break
		}
		_, x := r.uint(n, string(f[:len(f)-2]))
		nodes = append(nodes, x)
	}
	return nodes
}

const setHeader = 4

// sets explains the sets of a message, which ends beyond octets before the
// datagram does.
func (r *reader) sets(m *message, beyond int) {
	r.m, r.key.Version, r.x.Domain = m, m.version, m.domain
	if m.session = r.e.store.Lookup(r.key); m.session != nil {
		m.session.Saw(r.clk.now(), false) // its clock, by which templates expire
	}
	defer func() {
		if m.session != nil && m.records > 0 {
			m.session.Saw(r.clk.now(), true)
		}
	}()
	word := "Set"
	if m.v9() {
		word = "FlowSet"
	}
	for r.left()-beyond >= setHeader {
		id := binary.BigEndian.Uint16(r.d[r.at:])
		n := int(binary.BigEndian.Uint16(r.d[r.at+2:]))
		parent := r.open(fmt.Sprintf("%s %d", word, id), m.setRef(id))
		_, idNode := r.uint(2, word+" id")
		_, length := r.uint(2, "length")
		length.in("octets")
		if n < setHeader || n > r.left()+setHeader {
			m.unknown = true
			what := fmt.Sprintf("a set of %d octets is shorter than its own header of 4", n)
			if n >= setHeader {
				what = fmt.Sprintf("the set has %d octets, and there are %d: it reaches beyond the datagram", n, r.left()+setHeader)
			}
			r.fault(length, decode.ErrSetLength, what, m.ref("5.2", "3.3.2"))
			r.unread("octets", "where the next set begins is not known")
			r.close(parent)
			return
		}
		if n > r.left()+setHeader-beyond {
			r.fault(length, decode.ErrSetLength, "the set reaches beyond its message, though not beyond the datagram", m.ref("5.2", "3.3.2"))
		}
		end := r.end
		r.end = r.at + n - setHeader
		r.set(m, id, idNode)
		r.end = end
		r.close(parent)
	}
	switch {
	case r.left() == 0:
	case beyond > 0:
		r.rest("octets behind the message", "the header's length ends before them")
	default:
		r.rest("octets behind the sets", "they are too few for a set")
	}
}

func (m *message) setRef(id uint16) string {
	switch id {
	case m.templates:
		return m.ref("5.2", "3.4.1")
	case m.options:
		return m.ref("6.1", "3.4.2.2")
	}
	if id < 256 {
		return m.ref("5.2", "3.3.2")
	}
	return m.ref("5.3", "3.4.3")
}

// set explains the content of a set; its header is read.
func (r *reader) set(m *message, id uint16, n *Node) {
	switch {
	case id == m.templates:
		r.on.Text = "templates"
		r.announcements(m, false)
	case id == m.options:
		r.on.Text = "options templates"
		r.announcements(m, true)
	case id >= 256:
		r.data(m, id)
	default:
		n.note("set ids below 256 are reserved, but for those of templates")
		r.rest("octets", "passed over")
	}
}
