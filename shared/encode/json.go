package encode

import (
	"slices"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// A jsonOp writes a literal, then a value.
type jsonOp struct {
	value
	lit, lit6 literal    // the punctuation and the key; lit6 for an IPv6 address, if it differs
	blob      *[256]blob // all of it, by the column's value
	parts     string     // what blob was made of
}

// A literal of up to 32 octets is copied as a whole: a fixed copy is cheaper
// than one that looks at the length. A longer one is in long.
type literal struct {
	text [32]byte
	n    int
	long string
}

func lit(s string) (l literal) {
	l.n = copy(l.text[:], s)
	if l.n < len(s) {
		l.n, l.long = len(s), s
	}
	return l
}

// room is how many octets dst must have for put.
func (l *literal) room() int { return max(len(l.text), l.n) }

// put writes l to dst and returns how long it is.
func (l *literal) put(dst []byte) int {
	if l.n <= len(l.text) {
		*(*[32]byte)(dst) = l.text
		return l.n
	}
	return copy(dst, l.long)
}

func (e *Encoder) compileJSON(p *plan, root *node) {
	lead := ""
	var walk func(n *node)
	walk = func(n *node) {
		lead += "{"
		for i, c := range n.sub {
			if i > 0 {
				lead += ","
			}
			if !c.leaf {
				lead += strconv.Quote(c.name) + ":"
				walk(c)
				lead += "}"
				continue
			}
			key := lead + strconv.Quote(c.name) + ":"
			if last := len(p.json) - 1; last >= 0 && p.json[last].blob != nil && p.json[last].field == c.value.field {
				if b := e.blob(p.json[last].parts+key, c.value.how, true, p.json[last].blob); b != nil {
					p.json[last].blob, p.json[last].parts = b, p.json[last].parts+key+"?"
					lead = ""
					continue
				}
			}
			o := jsonOp{value: c.value, lit: lit(key)}
			if c.name6 != "" {
				o.lit6 = lit(lead + strconv.Quote(c.name6) + ":")
			}
			if o.blob = e.blob(key, c.value.how, true, nil); o.blob != nil {
				o.how, o.parts = asBlob, key+"?"
			}
			p.room += o.lit.room() + 48
			p.json = append(p.json, o)
			lead = ""
		}
		if n.extras {
			p.head, p.fresh, lead = lead, len(n.sub) == 0, ""
		}
	}
	walk(root)
	p.tail = lead + "}"
	p.room += len(p.head) + len(p.tail) + 64
}

// AppendJSON appends f as one JSON object, without a line end.
func (e *Encoder) AppendJSON(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	p := e.plan(f, true)
	dst = slices.Grow(dst, p.room)
	n := len(dst)
	buf := dst[:cap(dst)]
	for i := range p.json {
		o := &p.json[i]
		switch o.how {
		case asUint:
			n += o.lit.put(buf[n:])
			n = putUint(buf, n, f.Uint(o.field))
		case asAddr:
			a := f.Addr(o.field)
			if o.lit6.n > 0 && !a.Is4() {
				n += o.lit6.put(buf[n:])
			} else {
				n += o.lit.put(buf[n:])
			}
			buf[n] = '"'
			if o.field == flow.FieldExporter {
				n = e.exporter.put(buf, n+1, a)
			} else {
				n = putAddr(buf, n+1, a)
			}
			buf[n] = '"'
			n++
		case asNanos:
			n += o.lit.put(buf[n:])
			if o.field == flow.FieldReceived {
				n = e.clock.received(buf, n, f.Received, true)
			} else {
				n = e.clock.putNanos(buf, n, int64(f.Uint(o.field)))
			}
		case asTime:
			n += o.lit.put(buf[n:])
			buf[n] = '"'
			if o.field == flow.FieldReceived {
				n = e.clock.received(buf, n+1, f.Received, false)
			} else {
				n = e.clock.put(buf, n+1, int64(f.Uint(o.field)))
			}
			buf[n] = '"'
			n++
		case asBlob:
			n += o.blob[uint8(f.Uint(o.field))].put(buf[n:])
		case asStr:
			n += o.lit.put(buf[n:])
			dst = ie.AppendJSON(dst[:n], ie.String, b.Strings.Get(flow.Str(f.Uint(o.field))))
			n = len(dst)
			dst = slices.Grow(dst, p.room)
			buf = dst[:cap(dst)]
		default:
			n += o.lit.put(buf[n:])
			buf[n] = '"'
			n = o.value.put(buf, n+1, f)
			buf[n] = '"'
			n++
		}
	}
	dst = append(dst[:n], p.head...)
	if f.HasExtra() {
		dst = e.appendExtrasJSON(dst, b, f, p.fresh)
	}
	return append(dst, p.tail...)
}
