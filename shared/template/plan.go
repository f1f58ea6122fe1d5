package template

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// A Plan is a compiled template. It is immutable: any number of goroutines may
// use it at once.
type Plan struct {
	Template Template // as announced; not to be changed

	proto   flow.Flow // each row starts as its copy
	stride  int       // octets of a record; of its fixed parts if it has variable ones
	minimum int       // the fewest octets of a record
	ops     []op
	vars    []variable // fields whose length the record states
	tail    int        // fixed octets behind the last variable field

	extras    []extra // fixed fields without a column
	extraRow  []byte  // a record's fixed extras: headers, and room for the values
	varExtras bool    // some variable field has no column

	rate    bool // the record states a sampling rate
	times   bool // the record fills Start or End
	hasFrom bool // the record names its exporter
}

// An op moves one column, or a pair, for all rows of a set.
type op struct {
	code      opcode
	field     flow.Field
	n         uint8  // octets of the value, where code leaves it open
	off, off2 uint16 // of the value, of the pair's second value
}

type opcode uint8

// A variable field: fixed octets come before it; its value goes to a column, or
// to the extras if there is none.
type variable struct {
	before int
	flow.Element
	field flow.Field
	kind  varKind
}

type varKind uint8

const (
	varExtra varKind = iota
	varStr
	varApp
)

// An extra is a fixed field without a column.
type extra struct {
	off, n, at int // in the record, octets, in extraRow
}

// A source is a field of the template on its way to becoming an op.
type source struct {
	Field
	off   int
	col   flow.Field
	taken bool // fills col; otherwise it is an extra
}

// Compile makes a Plan of t, of which it keeps a copy. It refuses what could
// only do harm: records of no octets, or of more than a datagram holds.
func Compile(t *Template) (*Plan, error) {
	p := &Plan{Template: *t}
	p.Template.Fields = slices.Clone(t.Fields)
	if len(t.Fields) > MaxFields {
		return nil, ErrFields
	}
	off := 0
	var fixed []source
	for _, f := range t.Fields {
		if f.Len == Variable && t.Version != 9 {
			p.vars = append(p.vars, variable{before: off, Element: f.Element})
			p.minimum++
			continue
		}
		fixed = append(fixed, source{Field: f, off: off})
		if off += int(f.Len); off > 0xffff {
			return nil, ErrLong
		}
	}
	p.stride = off
	p.minimum += off
	if p.minimum == 0 {
		return nil, ErrEmpty
	}
	if t.Options {
		return p, nil // decoded field by field
	}
	at := 0
	for i := range p.vars {
		p.vars[i].before, at = p.vars[i].before-at, p.vars[i].before
	}
	p.tail = off - at
	p.columns(fixed)
	p.variables()
	p.proto.Version = t.Version
	for _, x := range []flow.Field{flow.FieldReceived, flow.FieldExporter, flow.FieldVersion, flow.FieldDomain} {
		p.proto.Set.Add(x)
	}
	return p, nil
}

// columns decides which field fills which column, and makes ops of those and
// extras of the others.
func (p *Plan) columns(fixed []source) {
	best := map[flow.Field]int{} // index in fixed of the column's field
	rank := map[flow.Field]int{}
	for i := range fixed {
		f := &fixed[i]
		if f.PEN != 0 || f.Len == 0 {
			continue
		}
		x, r, ok := column(f.ID)
		if !ok || !fits(x, f.ID, int(f.Len)) {
			continue
		}
		f.col = x
		if j, ok := best[x]; ok {
			if rank[x] <= r {
				continue
			}
			fixed[j].taken = false
		}
		f.taken = true
		best[x], rank[x] = i, r
	}
	for i := range fixed {
		f := &fixed[i]
		if !f.taken {
			if f.Len > 0 {
				p.addExtra(f)
			}
			continue
		}
		p.fill(f.col, int(f.Len))
		p.ops = append(p.ops, compileOp(f.col, f.ID, f.off, int(f.Len)))
	}
	p.ops = append(p.ops, derived(fixed, &p.proto.Set)...)
	p.rate = p.proto.Set.Has(flow.FieldSamplingRate)
	p.times = p.proto.Set.Has(flow.FieldStart) || p.proto.Set.Has(flow.FieldEnd)
	p.ops = pair(p.ops)
}

// fill notes that the plan fills column x from n octets.
func (p *Plan) fill(x flow.Field, n int) {
	p.proto.Set.Add(x)
	if a := p.proto.Addr(x); a != nil && n == 4 {
		*a = flow.AddrFrom4([4]byte{})
	}
	if x == flow.FieldExporter {
		p.hasFrom = true
	}
}

// fits tells whether a column takes a value of n octets; an IPv4 address of 2
// octets, say, is kept as an extra.
func fits(x flow.Field, id uint16, n int) bool {
	switch flow.Fields[x].Kind {
	case flow.KindTime:
		return x != flow.FieldReceived && timeOp(id) != opNone && n == timeLen(id)
	case flow.KindAddr, flow.KindMAC:
		return natural(x, n) != opNone
	case flow.KindStr:
		return true
	default:
		return n <= 8
	}
}

// compileOp chooses the loop for one column.
func compileOp(x flow.Field, id uint16, off, n int) op {
	o := op{field: x, n: uint8(min(n, 255)), off: uint16(off)}
	switch flow.Fields[x].Kind {
	case flow.KindTime:
		o.code = timeOp(id)
	case flow.KindStr:
		o.code, o.off2 = opStr, uint16(n)
	case flow.KindApp:
		o.code = opApp
	default:
		if o.code = natural(x, n); o.code == opNone {
			o.code = opUint
		}
	}
	return o
}

// pair merges ops that one pass over the rows can do together.
func pair(ops []op) []op {
	out := make([]op, 0, len(ops))
	for i := range ops {
		a := ops[i]
		if a.code == opNone {
			continue
		}
		for j := range ops {
			b := ops[j]
			if j == i || b.code == opNone {
				continue
			}
			if code := fuse(a.code, b.code); code != opNone {
				a.code, a.off2 = code, b.off
				ops[j].code = opNone
			} else if code := fuseTime(a, b); code != opNone {
				a.code, a.off2 = code, b.off
				ops[j].code = opNone
			} else {
				continue
			}
			break
		}
		ops[i].code = opNone
		out = append(out, a)
	}
	return out
}

func (p *Plan) addExtra(f *source) {
	at := len(p.extraRow)
	p.extraRow = append(p.extraRow, make([]byte, flow.ExtraHeader+int(f.Len))...)
	flow.PutExtraHeader(p.extraRow[at:], f.Element, f.Len)
	p.extras = append(p.extras, extra{off: f.off, n: int(f.Len), at: at + flow.ExtraHeader})
}

// variables decides where the values of variable-length fields go.
func (p *Plan) variables() {
	for i := range p.vars {
		v := &p.vars[i]
		x, _, ok := column(v.ID)
		if v.PEN != 0 || !ok || p.proto.Set.Has(x) {
			p.varExtras = true
			continue
		}
		switch flow.Fields[x].Kind {
		case flow.KindStr:
			v.kind = varStr
		case flow.KindApp:
			v.kind = varApp
		default:
			p.varExtras = true
			continue
		}
		v.field = x
		p.proto.Set.Add(x)
	}
}
