package template

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
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

	extras    []extra  // fixed fields without a column
	extraRow  []byte   // a record's fixed extras: headers, and room for the values
	varExtras bool     // some variable field has no column
	lists     []list   // fixed fields that are lists
	varLists  bool     // some variable field is a list
	families  []family // columns that have a field for IPv4 and one for IPv6

	sampled *sampled // the record has a packet
	totaled *totaled // the record has totals
	common  *spot    // the record names common properties
	nsel    bool     // the record is an event of a firewall

	rate    bool // the record states a sampling rate
	times   bool // the record fills Start or End
	hasFrom bool // the record names its exporter

	// Of an options template's fields: Element.Ord, and the type of lists.
	ords      []uint16
	listTypes []ie.Type

	adrift *Plan // for messages of which nobody knows when the exporter was started

	reverse *Plan // for the other direction, of a template that describes both
}

// An op moves one column, or a pair, for all rows of a set.
type op struct {
	code      opcode
	field     flow.Field
	n, n2     uint8  // octets of the values, where code leaves them open
	off, off2 uint16 // of the value, of a second one
}

type opcode uint8

// A variable field: fixed octets come before it; its value goes to a column, or
// to the extras if there is none.
type variable struct {
	before int
	flow.Element
	field flow.Field
	kind  varKind
	list  ie.Type // of a list's extra
}

// isExtra tells whether a value of n octets is an extra: an application id
// beyond the column's is one too, whole.
func (v *variable) isExtra(n uint32) bool { return v.kind == varExtra || v.kind == varApp && n > 8 }

type varKind uint8

const (
	varExtra varKind = iota
	varStr
	varApp
)

// A list is a fixed field of structured data. Its extra has a length of its own.
type list struct {
	flow.Element
	off, n int // in the record
	typ    ie.Type
}

// An extra is a fixed field without a column.
type extra struct {
	off, n, at uint32 // in the record, octets, in extraRow
}

// A family is the field for IPv6 of a column that the field for IPv4 fills. Of
// the two, the one that the record is about counts; the other is zero.
type family struct {
	field flow.Field
	off   int // in the record
	n     int
	at    int // the extra's header, in extraRow
}

// A source is a fixed field of the template on its way to becoming an op.
type source struct {
	Field
	off   int
	col   flow.Field
	taken bool // fills col; otherwise it is an extra

	family bool // is for IPv6 what col's field is for IPv4
}

// isExtra tells whether f becomes an extra. Totals do beside their column, which
// has what is new of them.
func (f *source) isExtra() bool {
	total := f.PEN == 0 && (f.ID == 85 || f.ID == 86)
	return f.Len > 0 && (!f.taken || total)
}

// Compile makes a Plan of t, of which it keeps a copy. It refuses what could
// only do harm: records of no octets, or of more than a datagram holds.
func Compile(t *Template) (*Plan, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	fields := t.Fields
	var reverse []Field
	if !t.Options {
		fields, reverse, _ = t.directions()
	}
	p := compile(t, fields)
	if reverse != nil {
		p.reverse = compile(t, reverse)
		p.reverse.proto.Marks = flow.Reverse
		if p.reverse.adrift != nil {
			p.reverse.adrift.proto.Marks = flow.Reverse
		}
	}
	return p, nil
}

// compile makes the plan of t with these fields in place of its own. Where IPFIX
// gives times in the exporter's uptime and the record doesn't say since when, there
// is a second one: it keeps these as they came.
func compile(t *Template, fields []Field) *Plan {
	p := compileAs(t, fields, false)
	inUptime := func(o op) bool { return o.code == opUptime || o.code == opUptimePair }
	withBoot := func(o op) bool { return o.code == opBoot }
	if t.Version != 9 && slices.ContainsFunc(p.ops, inUptime) && !slices.ContainsFunc(p.ops, withBoot) {
		p.adrift = compileAs(t, fields, true)
	}
	return p
}

func compileAs(t *Template, fields []Field, adrift bool) *Plan {
	p := &Plan{Template: *t}
	p.Template.Fields = slices.Clone(t.Fields)
	off := 0
	var fixed []source
	o := ordinals{}
	for _, f := range fields {
		e := f.Element
		if t.Options {
			p.ords = append(p.ords, o.next(e))
			p.listTypes = append(p.listTypes, listType(e))
		}
		if f.Len == Variable && t.Version != 9 {
			p.vars = append(p.vars, variable{before: off, Element: e})
			p.minimum++
			continue
		}
		fixed = append(fixed, source{Field: Field{e, f.Len}, off: off})
		off += int(f.Len)
	}
	p.stride = off
	p.minimum += off
	if t.Options {
		return p // decoded field by field
	}
	before := 0
	for i := range p.vars {
		p.vars[i].before, before = p.vars[i].before-before, p.vars[i].before
	}
	p.tail = off - before

	taker := p.columns(fixed, adrift)
	p.variables(taker)
	p.leftOver(fields, fixed)

	at := p.spots(fixed)
	p.sampled = newSampled(at)
	p.totaled = newTotaled(p, taker, at)
	p.common = at.get(commonPropertiesID)
	p.nsel = t.nsel()

	p.ops = pair(append(p.ops, derived(fixed, &p.proto.Set)...))
	p.rate = p.proto.Set.Has(flow.FieldSamplingRate)
	p.times = p.proto.Set.Has(flow.FieldStart) || p.proto.Set.Has(flow.FieldEnd)
	p.hasFrom = p.proto.Set.Has(flow.FieldExporter)
	p.proto.Version = t.Version
	for _, x := range []flow.Field{flow.FieldReceived, flow.FieldExporter, flow.FieldVersion, flow.FieldDomain} {
		p.proto.Set.Add(x)
	}
	return p
}

// columns decides which fixed field fills which column, and makes ops of those.
// It returns the ids of the elements that fill columns. Uptimes that are adrift
// are extras as well.
func (p *Plan) columns(fixed []source, adrift bool) map[flow.Field]uint16 {
	best := map[flow.Field]int{} // index in fixed of the column's field
	rank := map[flow.Field]int{}
	for i := range fixed {
		f := &fixed[i]
		x, r, ok := Fills(f.Field, p.Template.Version)
		if !ok {
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
	taker := map[flow.Field]uint16{}
	for i := range fixed {
		f := &fixed[i]
		if !f.taken {
			continue
		}
		taker[f.col] = f.ID
		p.proto.Set.Add(f.col)
		if a := p.proto.Addr(f.col); a != nil && f.Len == 4 {
			*a = flow.AddrFrom4([4]byte{})
		}
		o := compileOp(f.col, f.ID, f.off, int(f.Len))
		p.ops = append(p.ops, o)
		f.taken = !adrift || o.code != opUptime
	}
	return taker
}

// variables decides where the values of variable-length fields go.
func (p *Plan) variables(taker map[flow.Field]uint16) {
	for i := range p.vars {
		v := &p.vars[i]
		x, _, ok := column(v.ID)
		if v.PEN == 0 && ok && !p.proto.Set.Has(x) {
			switch flow.Fields[x].Kind {
			case flow.KindStr:
				v.kind = varStr
			case flow.KindApp:
				v.kind = varApp
				p.varExtras = true // of those that the column can't hold
			}
		}
		if v.kind == varExtra {
			p.varExtras = true
			v.list = listType(v.Element)
			p.varLists = p.varLists || v.list != 0
			continue
		}
		v.field = x
		taker[x] = v.ID
		p.proto.Set.Add(x)
	}
}

// leftOver makes extras of the fields that fill no column.
func (p *Plan) leftOver(fields []Field, fixed []source) {
	p.secondFamilies(fixed)
	p.count(fields, fixed)
	for i := range fixed {
		f := &fixed[i]
		if !f.isExtra() {
			continue
		}
		if t := listType(f.Element); t != 0 {
			p.lists = append(p.lists, list{f.Element, f.off, int(f.Len), t})
			continue
		}
		at := len(p.extraRow)
		p.extraRow = append(p.extraRow, make([]byte, flow.ExtraHeader+int(f.Len))...)
		flow.PutExtraHeader(p.extraRow[at:], f.Element, f.Len)
		p.extras = append(p.extras, extra{off: uint32(f.off), n: uint32(f.Len), at: uint32(at + flow.ExtraHeader)})
		if f.family {
			x, _, _ := column(f.ID)
			p.families = append(p.families, family{field: x, off: f.off, n: int(f.Len), at: at})
		}
	}
	// Addresses first: they say what the others belong to.
	slices.SortStableFunc(p.families, func(a, b family) int {
		return int(flow.Fields[b.field].Kind) - int(flow.Fields[a.field].Kind)
	})
}

// secondFamilies finds the fields for IPv6 of columns that fields for IPv4 fill.
func (p *Plan) secondFamilies(fixed []source) {
	double := map[flow.Field]bool{}
	for i := range fixed {
		f := &fixed[i]
		x, rank, ok := column(f.ID)
		if !ok || f.PEN != 0 || rank != 1 || !f.isExtra() || flow.Fields[x].IPFIX6 == "" || !p.proto.Set.Has(x) || double[x] || !fits(x, f.ID, int(f.Len)) {
			continue
		}
		if a := p.proto.Addr(x); a != nil && (f.Len != 16 || !a.Is4()) {
			continue
		}
		f.family, double[x] = true, true
	}
}

// Fills returns the column that a field fills, unless a field of a lower rank of
// the same template does; ok is false for one that can only be an extra.
func Fills(f Field, version uint8) (x flow.Field, rank int, ok bool) {
	x, rank, ok = column(f.ID)
	switch {
	case !ok || f.PEN != 0 || f.Len == 0:
		return 0, 0, false
	case f.Len == Variable && version != 9:
		k := flow.Fields[x].Kind
		return x, rank, k == flow.KindStr || k == flow.KindApp
	}
	return x, rank, fits(x, f.ID, int(f.Len))
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
	var at [256]int // by code, and 1 more; a column has one op
	start, end := 0, 0
	for i, o := range ops {
		if o.code < opGenerated {
			at[o.code] = i + 1
		}
		switch o.field {
		case flow.FieldStart:
			start = i + 1
		case flow.FieldEnd:
			end = i + 1
		}
	}
	merge := func(i, j int, both opcode) {
		ops[i].code, ops[i].off2 = both, ops[j].off
		ops[j].code = opNone
	}
	for i := range ops {
		if b, both := partner(ops[i].code); both != opNone && at[b] > 0 {
			merge(i, at[b]-1, both)
		}
	}
	if start > 0 && end > 0 && ops[start-1].code == ops[end-1].code {
		switch ops[start-1].code {
		case opUptime:
			merge(start-1, end-1, opUptimePair)
		case opMillis:
			merge(start-1, end-1, opMillisPair)
		}
	}
	return slices.DeleteFunc(ops, func(o op) bool { return o.code == opNone })
}
