package encode

import (
	"slices"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// A jsonPlan is what an Encoder needs to know to write the records of one shape
// as JSON.
type jsonPlan struct {
	shape shape
	ops   []jsonOp // in the order of writing
	head  string   // what stands before the extras
	fresh bool     // nothing else is in the map that takes them
	tail  string   // the closing braces behind them
	room  int      // octets of a record, without strings and extras
}

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

// jsonIPv6 says that columns go by the names for IPv6.
const jsonIPv6 = 1

// planJSON returns the plan for f.
func (e *Encoder) planJSON(f *flow.Flow) *jsonPlan {
	s := shape{low: f.Set[0], high: f.Set[1]}
	if f.IsIPv6() {
		s.traits = jsonIPv6
	}
	if p := e.lastJSON; p != nil && p.shape == s {
		return p
	}
	p := e.json[s]
	if p == nil {
		p = keep(e.json, s, e.compileJSON(s))
	}
	e.lastJSON = p
	return p
}

func (e *Encoder) compileJSON(s shape) *jsonPlan {
	p := &jsonPlan{shape: s}
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
			if last := len(p.ops) - 1; last >= 0 && p.ops[last].blob != nil && p.ops[last].field == c.value.field {
				if b := e.blob(p.ops[last].parts+key, c.value.how, true, p.ops[last].blob); b != nil {
					p.ops[last].blob, p.ops[last].parts = b, p.ops[last].parts+key+"?"
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
			p.ops = append(p.ops, o)
			lead = ""
		}
		if n.extras {
			p.head, p.fresh, lead = lead, len(n.sub) == 0, ""
		}
	}
	walk(e.profile.tree(s.set(), s.traits&jsonIPv6 != 0))
	p.tail = lead + "}"
	p.room += len(p.head) + len(p.tail) + 64
	return p
}

// AppendJSON appends f as one JSON object, without a line end.
func (e *Encoder) AppendJSON(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	p := e.planJSON(f)
	dst = slices.Grow(dst, p.room)
	n := len(dst)
	buf := dst[:cap(dst)]
	for i := range p.ops {
		o := &p.ops[i]
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
				n = e.clock.arrival(buf, n, f.Received, true)
			} else {
				n = e.clock.putNanos(buf, n, int64(f.Uint(o.field)))
			}
		case asTime:
			n += o.lit.put(buf[n:])
			buf[n] = '"'
			if o.field == flow.FieldReceived {
				n = e.clock.arrival(buf, n+1, f.Received, false)
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
