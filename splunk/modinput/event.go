package modinput

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// An Encoder writes flows as the events of one stanza. It keeps a plan for each
// set of columns and scratch space: one goroutine uses it at a time.
type Encoder struct {
	Layout
	raw     bool   // data alone, without XML
	open    string // <event …><time>
	between string // </time><sourcetype>…</sourcetype>
	close   string // </data></event>
	escape  *escapes
	plans   map[shape]*plan
	last    *plan // neighbours often have the same columns
	hosts   [64]host
	answer  answer
	scratch []byte
}

// maxPlans bounds what a hostile exporter can make an Encoder keep.
const maxPlans = 1024

// NewEncoder makes an Encoder of the default Layout in format f.
func NewEncoder(f Format, stanza, sourcetype string) *Encoder {
	return Layout{Format: f}.NewEncoder(stanza, sourcetype)
}

// NewEncoder makes an Encoder for the stanza, named as splunkd names it:
// "weir://core".
func (l Layout) NewEncoder(stanza, sourcetype string) *Encoder {
	return &Encoder{
		Layout:  l,
		open:    `<event stanza="` + escaped(stanza) + `"><time>`,
		between: "</time><sourcetype>" + escaped(sourcetype) + "</sourcetype>",
		close:   "</data></event>\n",
		escape:  &escapesOf[l.Format][0],
		plans:   map[shape]*plan{},
	}
}

// A Raw writes what Splunk has as _raw, without a line's end and anything around
// it, and what else an event needs. One goroutine uses it at a time.
type Raw struct{ enc Encoder }

// NewRaw makes a Raw.
func (l Layout) NewRaw() *Raw {
	return &Raw{Encoder{Layout: l, raw: true, escape: &escapesOf[l.Format][1], plans: map[shape]*plan{}}}
}

// AppendRaw appends the text of the event of f, a flow of b.
func (r *Raw) AppendRaw(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	return r.enc.Append(dst, b, f)
}

// AppendHost appends the event's host, the exporter; nothing if that is unknown.
func (r *Raw) AppendHost(dst []byte, _ *flow.Batch, f *flow.Flow) []byte {
	if !f.Set.Has(flow.FieldExporter) {
		return dst
	}
	return appendAddr(dst, &f.Exporter)
}

// Time returns the event's time, Unix nanoseconds.
func (r *Raw) Time(_ *flow.Batch, f *flow.Flow) int64 { return timeOf(f) }

func escaped(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a Buffer returns no errors
	return b.String()
}

// timeOf returns the time of f's event: the flow's end, or if it has none, when it
// was received.
func timeOf(f *flow.Flow) int64 {
	if f.Set.Has(flow.FieldEnd) {
		return f.End
	}
	return f.Received
}

// A host is what stands between an event's time and its data, for an exporter.
type host struct {
	addr  flow.Addr
	known bool
	text  []byte
}

// host returns the text for the exporter of f; mostly it is known.
func (e *Encoder) host(f *flow.Flow) []byte {
	a := &f.Exporter
	h := &e.hosts[(uint32(a[15])+uint32(a[14])*7+uint32(a[13])*31)%uint32(len(e.hosts))]
	if h.known && h.addr == *a {
		return h.text
	}
	h.addr, h.known = *a, true
	h.text = append(append(h.text[:0], e.between...), "<host>"...)
	h.text = append(appendAddr(h.text, a), "</host><data>"...)
	return h.text
}

// What an event has besides its flow's columns.
const (
	hasExtras = 1 << iota
	hasTimes  // start and end are written: time and duration don't give them
	hasDuration
	hasBytesIn
	hasPacketsIn
	hasL2BytesIn
)

// A shape is what two events share that are written by the same plan.
type shape struct {
	set flow.Set
	has uint8
}

// shape finds the shape of the event of f, its duration in milliseconds, and the
// answer's volume.
func (e *Encoder) shape(b *flow.Batch, f *flow.Flow) (s shape, ms uint64) {
	s.set = f.Set
	if f.HasExtra() {
		s.has = e.answer.read(b, f)
	}
	start, end := s.set.Has(flow.FieldStart), s.set.Has(flow.FieldEnd)
	if start && end {
		d := f.End - f.Start
		ms = uint64(d) / 1e6
		if f.End >= f.Start && d >= 0 {
			s.has |= hasDuration
		}
		if d != int64(ms)*1e6 || d < 0 || f.End < 0 || f.End%1e6 != 0 || e.AllColumns {
			s.has |= hasTimes
		}
	} else if start || end {
		s.has |= hasTimes
	}
	return s, ms
}

// written tells whether an event of shape s has a value of column x.
func (e *Encoder) written(s shape, x flow.Field) bool {
	switch x {
	case extras:
		return s.has&hasExtras != 0
	case duration:
		return s.has&hasDuration != 0
	case bytesIn:
		return s.has&hasBytesIn != 0
	case packetsIn:
		return s.has&hasPacketsIn != 0
	case l2BytesIn:
		return s.has&hasL2BytesIn != 0
	case flow.FieldStart, flow.FieldEnd:
		return s.set.Has(x) && s.has&hasTimes != 0
	case flow.FieldReceived, flow.FieldExporter:
		return s.set.Has(x) && e.AllColumns
	}
	return s.set.Has(x)
}

// other is the column of the other direction.
func other(x flow.Field) flow.Field {
	switch x {
	case flow.FieldBytes:
		return bytesIn
	case flow.FieldPackets:
		return packetsIn
	case flow.FieldL2Bytes:
		return l2BytesIn
	case bytesIn:
		return flow.FieldBytes
	case packetsIn:
		return flow.FieldPackets
	case l2BytesIn:
		return flow.FieldL2Bytes
	}
	return x
}

// A plan lists the columns that an event of a shape has.
type plan struct {
	shape shape
	ops   []op
	room  int    // for all but texts
	tail  string // behind the last value
}

// An op writes what stands between two values, then a value.
type op struct {
	pipes uint8 // up to 8 of them; 0: lead
	how   how
	field flow.Field
	lead  string
}

// A how is a way to write a value.
type how uint8

const (
	asUint how = iota
	asTime
	asAddr
	asMAC
	asApp
	asStr
	asExtras
	asDuration
	asAnswer
)

// howOf tells how a column is written, and for how many octets there must be
// room, or 0 if they are not known.
func howOf(x flow.Field) (how, int) {
	switch x {
	case extras:
		return asExtras, 0
	case duration:
		return asDuration, 24
	case bytesIn, packetsIn, l2BytesIn:
		return asAnswer, 24
	}
	switch flow.Fields[x].Kind {
	case flow.KindUint:
		return asUint, 24
	case flow.KindTime:
		return asTime, 32
	case flow.KindAddr:
		return asAddr, 48
	case flow.KindMAC:
		return asMAC, 17
	case flow.KindApp:
		return asApp, 32
	case flow.KindStr:
		return asStr, 0
	}
	panic("modinput: bug: column of a kind that can't be written")
}

func (e *Encoder) plan(s shape) *plan {
	if p := e.last; p != nil && p.shape == s {
		return p
	}
	p := e.plans[s]
	if p == nil {
		if len(e.plans) >= maxPlans {
			clear(e.plans)
		}
		p = e.compile(s)
		e.plans[s] = p
	}
	e.last = p
	return p
}

func (e *Encoder) compile(s shape) *plan {
	p := &plan{shape: s, room: 2*overshoot + len(e.open) + len(e.close)}
	pipes, quote := 0, ""
	for i, x := range order {
		if e.Turned {
			x = other(x)
		}
		if i > 0 {
			pipes++
		}
		if !e.written(s, x) {
			continue
		}
		how, room := howOf(x)
		o := op{field: x, how: how}
		switch e.Format {
		case PSV:
			if o.pipes = uint8(pipes); pipes > 8 {
				o.pipes, o.lead = 0, strings.Repeat("|", pipes)
			}
			pipes = 0
		case KV:
			o.lead = columns[i] + "="
			if len(p.ops) > 0 {
				o.lead = " " + o.lead
			}
		case JSON:
			o.lead = quote + `,"` + columns[i] + `":`
			if len(p.ops) == 0 {
				o.lead = "{" + o.lead[1:]
			}
			switch quote = ""; how {
			case asAddr, asMAC, asApp:
				quote = `"`
			}
			o.lead += quote
		}
		p.room += room + len(o.lead) + 8
		p.ops = append(p.ops, o)
	}
	if e.Format == JSON {
		p.tail = quote + "}"
		if len(p.ops) == 0 {
			p.tail = "{}"
		}
	}
	p.tail += e.close
	return p
}

// Append appends f, a flow of b, as an event. Its time is the flow's end, or if
// it has none, when it was received. A flow that a [Stitcher] has made of two is
// an event of both.
func (e *Encoder) Append(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	s, ms := e.shape(b, f)
	p := e.plan(s)
	n := len(dst)
	buf := slices.Grow(dst, p.room)
	buf = buf[:cap(buf)]
	if !e.raw {
		n += copy(buf[n:], e.open)
		n = putMillis(buf, n, timeOf(f))
		if s.set.Has(flow.FieldExporter) {
			h := e.host(f)
			buf = grow(buf, n, len(h)+p.room)
			n += copy(buf[n:], h)
		} else {
			buf = append(append(buf[:n], e.between...), "<data>"...)
			n = len(buf)
			buf = grow(buf, n, p.room)
		}
	}
	for i := range p.ops {
		o := &p.ops[i]
		if o.pipes > 0 {
			*(*[8]byte)(buf[n:]) = [8]byte{'|', '|', '|', '|', '|', '|', '|', '|'}
			n += int(o.pipes)
		} else {
			n += copy(buf[n:], o.lead)
		}
		switch o.how {
		case asUint:
			n = putUint(buf, n, f.Uint(o.field))
		case asAddr:
			n = putAddr(buf, n, f.Addr(o.field))
		case asTime:
			n = putTime(buf, n, int64(f.Uint(o.field)))
		case asDuration:
			n = putDuration(buf, n, ms)
		case asAnswer:
			n = putUint(buf, n, e.answer.volume[o.field-bytesIn])
		case asMAC:
			n = putMAC(buf, n, f.Uint(o.field))
		case asApp:
			v := f.Uint(o.field)
			n = putUint(buf, n, v>>56)
			buf[n] = ':'
			n = putUint(buf, n+1, v&(1<<56-1))
		case asStr:
			buf = e.appendString(buf[:n], b.Strings.Get(flow.Str(f.Uint(o.field))))
			n = len(buf)
			buf = grow(buf, n, p.room)
		case asExtras:
			buf = e.appendExtras(buf[:n], b, f)
			n = len(buf)
			buf = grow(buf, n, p.room)
		}
	}
	n += copy(buf[n:], p.tail)
	return buf[:n]
}

// grow returns buf with room for more octets behind the n that are in use.
func grow(buf []byte, n, more int) []byte {
	buf = slices.Grow(buf[:n], more)
	return buf[:cap(buf)]
}

func (e *Encoder) appendString(dst, v []byte) []byte {
	switch e.Format {
	case PSV:
		return appendText(dst, v, e.escape)
	case KV:
		if isBare(v) {
			return append(dst, v...)
		}
		dst = appendText(append(dst, '"'), v, e.escape)
		return append(dst, '"')
	}
	e.scratch = ie.AppendJSON(e.scratch[:0], ie.String, v)
	return appendLine(dst, e.scratch, e.escape)
}

// appendExtras appends the elements of f that have no column: as name=value
// with ';' between, or as a JSON object.
func (e *Encoder) appendExtras(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	if e.Format == JSON {
		return e.appendExtrasJSON(dst, b, f)
	}
	if e.Format == KV {
		dst = append(dst, '"')
	}
	c := e.answer.behind
	for i := 0; ; i++ {
		x, v, ok := b.NextExtra(f, &c)
		if !ok {
			break
		}
		if i > 0 {
			dst = append(dst, ';')
		}
		known, _ := ie.Lookup(x.PEN, x.ID) // an unknown element is octets
		dst = x.AppendOrd(ie.AppendName(dst, x.PEN, x.ID))
		dst = append(dst, '=')
		if known.Type == ie.String {
			dst = appendText(dst, bytes.TrimRight(v, "\x00"), e.escape)
			continue
		}
		e.scratch = ie.AppendJSON(e.scratch[:0], known.Type, v)
		if known.Type.IsList() {
			dst = appendText(dst, e.scratch, e.escape)
			continue
		}
		dst = append(dst, bytes.Trim(e.scratch, `"`)...) // letters, digits and :.-+
	}
	if e.Format == KV {
		dst = append(dst, '"')
	}
	return dst
}

func (e *Encoder) appendExtrasJSON(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	sep := byte('{')
	c := e.answer.behind
	for {
		x, v, ok := b.NextExtra(f, &c)
		if !ok {
			break
		}
		known, _ := ie.Lookup(x.PEN, x.ID)
		dst = append(dst, sep, '"')
		sep = ','
		dst = x.AppendOrd(ie.AppendName(dst, x.PEN, x.ID))
		dst = append(dst, `":`...)
		e.scratch = ie.AppendJSON(e.scratch[:0], known.Type, v)
		dst = appendLine(dst, e.scratch, e.escape)
	}
	if sep == '{' {
		dst = append(dst, sep)
	}
	return append(dst, '}')
}

// isBare tells whether v needs no quotes in KV.
func isBare(v []byte) bool {
	for _, c := range v {
		if !bare[c] {
			return false
		}
	}
	return len(v) > 0
}

var bare = func() (t [256]bool) {
	for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:/@+-" {
		t[c] = true
	}
	return t
}()
