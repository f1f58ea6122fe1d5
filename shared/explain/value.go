package explain

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

const paddingOctets = 210

func elementName(e flow.Element) string { return string(ie.AppendName(nil, e.PEN, e.ID)) }

// elementRef names an element by its numbers.
func elementRef(e flow.Element) string {
	switch {
	case e.PEN == ie.ReversePEN:
		return fmt.Sprintf("RFC 5103, IE %d", e.ID)
	case e.PEN != 0:
		return fmt.Sprintf("IE %d/%d", e.PEN, e.ID)
	}
	return fmt.Sprintf("IE %d", e.ID)
}

// value says at n, whose octets are those of element e, what they mean.
func (r *reader) value(n *Node, e flow.Element) {
	v := r.octets(n)
	x, known := ie.Lookup(e.PEN, e.ID)
	switch {
	case !known:
		if len(v) > 0 && len(v) <= 8 {
			n.number(number(v))
		}
		n.Text = "unknown element"
		return
	case e.PEN == 0 && e.ID == paddingOctets:
		r.padding(n)
		return
	case x.Type.IsList():
		r.list(n, x.Type)
		return
	case e.PEN == 0 && r.section(n, e.ID):
		return
	}
	switch x.Type {
	case ie.OctetArray:
	case ie.String:
		n.quoted = true
		n.Value = printable(ie.AppendJSON(nil, x.Type, v))
	default:
		n.Value = ie.AppendJSON(nil, x.Type, v)
		if len(v) > 0 && !lengthFits(x.Type, len(v)) && n.Value[0] == '"' {
			n.Value, n.Text = nil, fmt.Sprintf("not %s", x.Type)
			return
		}
	}
	if e.PEN == 0 || e.PEN == ie.ReversePEN {
		n.Text = r.meaning(n, e.ID, v)
		r.sum.add(e, v)
	}
	if n.Text == "" && n.Value != nil && n.Value[0] != '"' {
		n.Text = unit(x.Units, string(n.Value))
	}
}

// unit returns the unit of a value: "1 packet", "2 packets".
func unit(units, value string) string {
	if value == "1" {
		return strings.TrimSuffix(units, "s")
	}
	return units
}

// printable escapes what a terminal could take for more than text: control
// characters are escaped in v, JSON of package ie, already; marks that turn the
// direction of writing, and others that print nothing, are not.
func printable(v []byte) json.RawMessage {
	var dst []byte
	for len(v) > 0 {
		c, n := utf8.DecodeRune(v)
		switch {
		case unicode.IsPrint(c):
			dst = append(dst, v[:n]...)
		case c > 0xffff:
			a, b := utf16.EncodeRune(c)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, a, b)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
		v = v[n:]
	}
	return dst
}

// text is printable for octets that should be text.
func text(v []byte) json.RawMessage { return printable(ie.AppendJSON(nil, ie.String, v)) }

// meaning says in words what the value of an element of IANA's means, "" where
// the value says it.
func (r *reader) meaning(n *Node, id uint16, v []byte) string {
	if len(v) == 0 || len(v) > 8 {
		return ""
	}
	u := number(v)
	switch id {
	case 21, 22:
		if !r.clk.hasUptime || len(v) != 4 {
			return "ms since boot"
		}
		return "ms since boot: " + instant(template.Absolute(r.clk.export, r.clk.uptime, uint32(u)))
	case 158, 159:
		return "µs before the export: " + instant(r.clk.export-int64(u&(1<<40-1))*1e3)
	case 34, 50, 305:
		if u == 0 {
			n.note("an interval of 0 is none: the sampling rate stays unknown")
		}
	case 95:
		return application(v)
	case 70, 71, 72, 73, 74, 75, 76, 77, 78, 79:
		if len(v) == 3 {
			return labelText(uint32(u), false)
		}
	}
	return enumeration(id, u)
}

// application reads an application id (RFC 6759 §4): an engine and a selector.
func application(v []byte) string {
	engine := applicationEngines[v[0]]
	if engine == "" {
		engine = "engine " + strconv.Itoa(int(v[0]))
	}
	return fmt.Sprintf("%s %d", engine, number(v[1:]))
}

// instant writes Unix nanoseconds, with as many digits as it has.
func instant(t int64) string { return time.Unix(0, t).UTC().Format("2006-01-02T15:04:05.999999999Z") }

// A clock is what a header says of time.
type clock struct {
	export    int64 // Unix nanoseconds
	received  int64 // 0: not known
	uptime    uint32
	hasUptime bool
}

func (c *clock) set(export int64, uptime uint32, has bool) {
	c.export, c.uptime, c.hasUptime = export, uptime, has
}

// now is when the datagram arrived, its export time where that is not known.
func (c *clock) now() int64 {
	if c.received != 0 {
		return c.received
	}
	return c.export
}

// booted says what a header's uptime means.
func (c *clock) booted() string {
	return fmt.Sprintf("ms: booted %s", instant(c.export-int64(c.uptime)*1e6))
}

// farOff is how far an export time may be from the arrival without a word.
const farOff = int64(time.Hour)

// exported writes the export time, and notes at n if it is far off.
func (c *clock) exported(n *Node) string {
	if c.received != 0 {
		if off := c.export - c.received; off > farOff {
			n.note(fmt.Sprintf("%s after the datagram arrived", span(off)))
		} else if off < -farOff {
			n.note(fmt.Sprintf("%s before the datagram arrived", span(-off)))
		}
	}
	return instant(c.export)
}

// span writes a duration in nanoseconds, in units that one can grasp.
func span(d int64) string {
	t := time.Duration(d).Round(time.Second)
	if t >= 48*time.Hour {
		return fmt.Sprintf("%d days", t/(24*time.Hour))
	}
	return t.String()
}

// A summary gathers what a record is about, for its heading. Nil gathers
// nothing.
type summary struct {
	src, dst         netip.Addr
	sport, dport     uint16
	ports            bool
	proto            uint8
	hasProto         bool
	octets, packets  uint64
	hasBytes, hasPkt bool
	starts, ends     map[uint16]uint64 // by element
}

// begin starts the summary of a record, finish writes it to the record's node.
func (r *reader) begin() { r.sum = &summary{} }

func (r *reader) finish(n *Node) {
	n.Text = r.sum.String()
	for i, v := range r.sum.starts {
		if end, ok := r.sum.ends[endOf[i]]; ok && after(i, v, end) {
			n.note("the flow ends before it starts")
		}
	}
	r.sum = nil
}

// endOf maps elements of a flow's start to that of its end.
var endOf = map[uint16]uint16{22: 21, 150: 151, 152: 153, 154: 155, 156: 157}

func after(id uint16, start, end uint64) bool {
	if id == 22 { // uptime wraps
		return int32(uint32(start)-uint32(end)) > 0
	}
	return start > end
}

func (s *summary) add(e flow.Element, v []byte) {
	if s == nil || e.PEN != 0 {
		return
	}
	addr := func(a *netip.Addr) {
		if x, ok := netip.AddrFromSlice(v); ok && (!a.IsValid() || a.IsUnspecified()) {
			*a = x
		}
	}
	switch e.ID {
	case 8, 27:
		addr(&s.src)
	case 12, 28:
		addr(&s.dst)
	}
	if len(v) == 0 || len(v) > 8 {
		return
	}
	u := number(v)
	switch e.ID {
	case 7:
		if !s.ports {
			s.sport = uint16(u)
		}
	case 11:
		if !s.ports {
			s.dport, s.ports = uint16(u), true
		}
	case 4:
		if !s.hasProto {
			s.proto, s.hasProto = uint8(u), true
		}
	case 1, 85:
		if !s.hasBytes {
			s.octets, s.hasBytes = u, true
		}
	case 2, 86:
		if !s.hasPkt {
			s.packets, s.hasPkt = u, true
		}
	case 22, 150, 152, 154, 156:
		if s.starts == nil {
			s.starts = map[uint16]uint64{}
		}
		s.starts[e.ID] = u
	case 21, 151, 153, 155, 157:
		if s.ends == nil {
			s.ends = map[uint16]uint64{}
		}
		s.ends[e.ID] = u
	}
}

// String is like "192.0.2.1:443 → 198.51.100.7:50000 tcp, 3 packets, 180 octets".
func (s *summary) String() string {
	var t string
	if s.src.IsValid() || s.dst.IsValid() {
		t = s.end(s.src, s.sport) + " → " + s.end(s.dst, s.dport)
	}
	if s.hasProto {
		if t != "" {
			t += " "
		}
		t += protocol(s.proto)
	}
	if s.hasPkt {
		t = comma(t) + count(int(min(s.packets, 1<<62)), "packet")
	}
	if s.hasBytes {
		t = comma(t) + count(int(min(s.octets, 1<<62)), "octet")
	}
	return t
}

func (s *summary) end(a netip.Addr, port uint16) string {
	switch {
	case !a.IsValid():
		return "?"
	case s.ports && (!s.hasProto || hasPorts(s.proto)):
		return netip.AddrPortFrom(a, port).String()
	}
	return a.String()
}

func hasPorts(proto uint8) bool {
	switch proto {
	case 6, 17, 33, 132, 136:
		return true
	}
	return false
}

func comma(t string) string {
	if t != "" {
		t += ", "
	}
	return t
}

func protocol(p uint8) string {
	if name := flow.ProtoName(p); name != "" {
		return name
	}
	return "protocol " + strconv.Itoa(int(p))
}
