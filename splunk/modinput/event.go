package modinput

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// A Format is the way an event's data is laid out.
type Format uint8

const (
	PSV  Format = iota // the values of all columns, '|' between them
	JSON               // an object of the columns that have a value
)

// ParseFormat returns the Format of that name.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "psv":
		return PSV, nil
	case "json":
		return JSON, nil
	}
	return 0, fmt.Errorf("no format %q: it is psv or json", name)
}

func (f Format) String() string {
	if f == JSON {
		return "json"
	}
	return "psv"
}

// Sourcetype returns the source type that props.conf has for f.
func (f Format) Sourcetype() string {
	if f == JSON {
		return "weir:flow:json"
	}
	return "weir:flow"
}

// An Encoder writes flows as the events of one stanza. It keeps a plan for each
// set of columns and scratch space: one goroutine uses it at a time.
type Encoder struct {
	format  Format
	open    string // <event …><time>
	between string // </time><sourcetype>…</sourcetype>
	plans   map[shape]*plan
	last    *plan // neighbours often have the same columns
	scratch []byte
}

// maxPlans bounds what a hostile exporter can make an Encoder keep.
const maxPlans = 1024

// NewEncoder makes an Encoder for the stanza, named as splunkd names it:
// "weir://core".
func NewEncoder(f Format, stanza, sourcetype string) *Encoder {
	return &Encoder{
		format:  f,
		open:    `<event stanza="` + escaped(stanza) + `"><time>`,
		between: "</time><sourcetype>" + escaped(sourcetype) + "</sourcetype>",
		plans:   map[shape]*plan{},
	}
}

func escaped(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a Buffer returns no errors
	return b.String()
}

// A shape is what two records share that are written by the same plan.
type shape struct {
	set   flow.Set
	extra bool
}

// A plan lists the columns that a record of a shape has.
type plan struct {
	shape shape
	ops   []op
	tail  string // behind the last value
}

// An op writes what stands between two values, then a value.
type op struct {
	lead  string
	field flow.Field
	kind  flow.Kind
	quote bool // JSON wants quotes around the value
}

const kindExtras = flow.Kind(255)

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
	p := &plan{shape: s}
	pipes := 0
	for i, x := range order {
		if i > 0 {
			pipes++
		}
		o := op{field: x, kind: kindExtras}
		if x == extras {
			if !s.extra {
				continue
			}
		} else {
			if !s.set.Has(x) {
				continue
			}
			o.kind = flow.Fields[x].Kind
		}
		if e.format == PSV {
			o.lead = strings.Repeat("|", pipes)
			pipes = 0
		} else {
			o.lead = ","
			if len(p.ops) == 0 {
				o.lead = "{"
			}
			o.lead += `"` + columns[i] + `":`
			switch o.kind {
			case flow.KindAddr, flow.KindMAC, flow.KindApp:
				o.quote = true
				o.lead += `"`
			}
		}
		p.ops = append(p.ops, o)
	}
	switch {
	case e.format == PSV:
		p.tail = strings.Repeat("|", pipes)
	case len(p.ops) == 0:
		p.tail = "{}"
	default:
		p.tail = "}"
	}
	p.tail += "</data></event>\n"
	return p
}

// Append appends f, a flow of b, as an event. Its time is the flow's end, or if
// it has none, when it was received.
func (e *Encoder) Append(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	dst = append(dst, e.open...)
	at := f.End
	if !f.Set.Has(flow.FieldEnd) {
		at = f.Received
	}
	dst = appendMillis(dst, at)
	dst = append(dst, e.between...)
	if f.Set.Has(flow.FieldExporter) {
		dst = append(dst, "<host>"...)
		dst = appendAddr(dst, &f.Exporter)
		dst = append(dst, "</host>"...)
	}
	dst = append(dst, "<data>"...)
	p := e.plan(shape{f.Set, f.HasExtra()})
	for i := range p.ops {
		o := &p.ops[i]
		dst = append(dst, o.lead...)
		switch o.kind {
		case flow.KindUint:
			dst = strconv.AppendUint(dst, f.Uint(o.field), 10)
		case flow.KindTime:
			dst = appendTime(dst, int64(f.Uint(o.field)))
		case flow.KindAddr:
			dst = appendAddr(dst, f.Addr(o.field))
		case flow.KindMAC:
			dst = appendMAC(dst, f.Uint(o.field))
		case flow.KindApp:
			dst = appendApp(dst, f.Uint(o.field))
		case flow.KindStr:
			dst = e.appendString(dst, b.Strings.Get(flow.Str(f.Uint(o.field))))
		case kindExtras:
			dst = e.appendExtras(dst, b, f)
		default:
			panic("modinput: bug: column of a kind that can't be written")
		}
		if o.quote {
			dst = append(dst, '"')
		}
	}
	return append(dst, p.tail...)
}

func (e *Encoder) appendString(dst, v []byte) []byte {
	if e.format == PSV {
		return appendText(dst, v)
	}
	e.scratch = ie.AppendJSON(e.scratch[:0], ie.String, v)
	return appendXML(dst, e.scratch)
}

// appendExtras appends the elements of f that have no column: as name=value
// with ';' between, or as a JSON object.
func (e *Encoder) appendExtras(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	sep := byte('{')
	var c flow.Cursor
	for i := 0; ; i++ {
		x, v, ok := b.NextExtra(f, &c)
		if !ok {
			break
		}
		known, _ := ie.Lookup(x.PEN, x.ID) // an unknown element is octets
		if e.format == JSON {
			dst = append(dst, sep, '"')
			sep = ','
			dst = x.AppendOrd(ie.AppendName(dst, x.PEN, x.ID))
			dst = append(dst, `":`...)
			e.scratch = ie.AppendJSON(e.scratch[:0], known.Type, v)
			dst = appendXML(dst, e.scratch)
			continue
		}
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = x.AppendOrd(ie.AppendName(dst, x.PEN, x.ID))
		dst = append(dst, '=')
		if known.Type == ie.String {
			dst = appendText(dst, bytes.TrimRight(v, "\x00"))
			continue
		}
		e.scratch = ie.AppendJSON(e.scratch[:0], known.Type, v)
		if known.Type.IsList() {
			dst = appendText(dst, e.scratch)
			continue
		}
		dst = append(dst, bytes.Trim(e.scratch, `"`)...) // letters, digits and :.-+
	}
	if e.format == JSON {
		if sep == '{' {
			dst = append(dst, sep)
		}
		dst = append(dst, '}')
	}
	return dst
}
