package query

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"regexp"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// A program is a filter as a list of tests, each with the one to go on with. As
// nots have been pushed down to the tests, "holds for certain" needs no third
// truth value: a test of a missing value goes the way of no, whether it was
// negated or not.
type program struct {
	tests []test
	start int32
}

// Where a program ends.
const (
	accept = -1
	refuse = -2
)

// A test takes a value from a record and compares it.
type test struct {
	code    code
	field   flow.Field
	not     bool // passes if the value is there and does not compare
	shift   uint8
	yes, no int32
	mask    uint64
	flip    uint64   // puts signed numbers in order
	lo, hi  uint64   // a number is at least lo, and at most lo + hi
	around  addrSpan // an address is within

	// All ranges, unless lo and hi or around are the only one.
	ranges    []span
	addresses []addrSpan

	texts   [][]byte // ascending
	pattern *regexp.Regexp

	element flow.Element
	typ     ie.Type
}

// A code says what a test takes.
type code uint8

const (
	ofSrcAddr code = iota
	ofDstAddr
	ofAddress
	ofText
	ofAnything // passes
	hasColumn
	hasExtra // it and those up to ofExtraText: elements without a column
	ofExtra
	ofExtraAddress
	ofExtraText

	ofNumber // those behind it: numbers in columns, or computed from them
	ofSrcPort
	ofDstPort
	ofProto
	ofFlags
	ofBytes
	ofColumn
	ofICMP
	ofFamily
	ofDuration
	ofPPS
	ofBPS
	ofBPP
)

// A span is a range of numbers, both ends within.
type span struct{ lo, hi uint64 }

// An addrSpan is a range of addresses, both ends within.
type addrSpan struct{ lo, hi words }

// words are an address as two numbers.
type words struct{ hi, lo uint64 }

func (a words) compare(b words) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }

func compile(e Expr) *Filter {
	c := compiler{lists: map[*Value]*test{}}
	x := &Filter{expr: e}
	plain := expand(&e)
	x.holds.start = c.compile(&x.holds, plain, false)
	x.fails.start = c.compile(&x.fails, plain, true)
	return x
}

// expand replaces what is short for something else: a term about two columns,
// and those that mean a protocol as well.
func expand(e *Expr) *Expr {
	switch {
	case e.Op == And || e.Op == Or || e.Op == Not:
		args := make([]Expr, len(e.Args))
		for i := range args {
			args[i] = *expand(&e.Args[i])
		}
		// The order doesn't matter, so what costs least comes first.
		slices.SortStableFunc(args, func(a, b Expr) int { return cmp.Compare(a.cost(), b.cost()) })
		return &Expr{Op: e.Op, Args: args}
	case e.Op == Any:
		return e
	case e.Of.Of == Column && len(e.Of.Fields) == 2:
		args := []Expr{*e, *e}
		for i, x := range e.Of.Fields {
			q := *e.Of
			q.Fields = []flow.Field{x}
			args[i].Of = &q
		}
		return &Expr{Op: Or, Args: args}
	case e.Of.Of == TCPFlags:
		bits := *e
		bits.Of = columns[flow.FieldTCPFlags]
		return &Expr{Op: And, Args: []Expr{protoIn(6), bits}}
	case e.Of.Of == ICMP:
		return &Expr{Op: And, Args: []Expr{protoIn(1, 58), *e}}
	}
	return e
}

func protoIn(protocols ...uint64) Expr {
	e := Expr{Op: In, Of: columns[flow.FieldProto]}
	for _, p := range protocols {
		e.Values = append(e.Values, Value{Lo: p, Hi: p})
	}
	return e
}

// cost is about what it takes to evaluate e, in units of a column.
func (e *Expr) cost() (sum int) {
	for i := range e.Args {
		sum += e.Args[i].cost()
	}
	if e.Of == nil {
		return sum
	}
	sum = 1
	if len(e.Values) > 1 {
		sum = 3
	}
	switch e.Of.Kind {
	case Address:
		sum = 4
	case Text:
		sum = 10
	}
	if e.Of.Of == Extra {
		sum += 20
	}
	if e.Op == Like {
		sum += 100
	}
	return sum
}

// A compiler makes programs. They share what it makes of values.
type compiler struct{ lists map[*Value]*test }

func (c *compiler) compile(p *program, e *Expr, not bool) int32 {
	return c.add(p, e, not, accept, refuse)
}

// add appends the tests of e, or of not e, that go on with yes and no, and
// returns the first. Those that come later in a record's way are added earlier.
func (c *compiler) add(p *program, e *Expr, not bool, yes, no int32) int32 {
	switch e.Op {
	case Not:
		return c.add(p, &e.Args[0], !not, yes, no)
	case And, Or:
		for i := len(e.Args) - 1; i >= 0; i-- {
			// not (a and b) is not a or not b.
			first := c.add(p, &e.Args[i], not, yes, no)
			if i == 0 {
				return first
			}
			if (e.Op == And) != not {
				yes = first
			} else {
				no = first
			}
		}
	}
	t := c.test(e)
	t.not, t.yes, t.no = not, yes, no
	p.tests = append(p.tests, t)
	return int32(len(p.tests) - 1)
}

// test makes the test of a term, without its place in the program.
func (c *compiler) test(e *Expr) test {
	if e.Op == Any {
		return test{code: ofAnything}
	}
	q := e.Of
	t := test{shift: q.Shift, mask: q.Mask, element: q.Element, typ: q.Type}
	if len(q.Fields) > 0 {
		t.field = q.Fields[0]
	}
	if q.Kind == Signed || q.Kind == Time {
		t.flip = top
	}
	if e.Op == Exists {
		t.code = hasColumn
		if q.Of == Extra {
			t.code = hasExtra
		}
		return t
	}
	t.code = codeOf(q)
	switch e.Op {
	case In:
		c.in(&t, e)
	case Less:
		t.lo, t.hi = 0, e.Values[0].Lo-1
		if e.Values[0].Lo == 0 { // nothing is less
			t.ranges = []span{}
		}
	case LessEqual:
		t.lo, t.hi = 0, e.Values[0].Lo
	case Greater:
		t.lo, t.hi = e.Values[0].Lo+1, math.MaxUint64
		if e.Values[0].Lo == math.MaxUint64 {
			t.ranges = []span{}
		}
	case GreaterEqual:
		t.lo, t.hi = e.Values[0].Lo, math.MaxUint64
	case Like:
		t.pattern = c.list(e).pattern
	case AllBits:
		t.mask = e.Values[0].Lo
		t.lo, t.hi = t.mask, t.mask
	case AnyBits:
		t.mask = e.Values[0].Lo
		t.lo, t.hi = 1, math.MaxUint64
	}
	t.hi -= t.lo
	return t
}

// direct are the columns that most filters ask for: they have a code of their
// own.
var direct = map[flow.Field]code{
	flow.FieldSrcAddr: ofSrcAddr, flow.FieldDstAddr: ofDstAddr, flow.FieldSrcPort: ofSrcPort, flow.FieldDstPort: ofDstPort,
	flow.FieldProto: ofProto, flow.FieldTCPFlags: ofFlags, flow.FieldBytes: ofBytes,
}

func codeOf(q *Quantity) code {
	switch q.Of {
	case Column:
		if c, ok := direct[q.Fields[0]]; ok {
			return c
		}
		switch q.Kind {
		case Address:
			return ofAddress
		case Text:
			return ofText
		}
		return ofColumn
	case Extra:
		switch q.Kind {
		case Address:
			return ofExtraAddress
		case Text:
			return ofExtraText
		}
		return ofExtra
	}
	return [...]code{ICMP: ofICMP, Family: ofFamily, Duration: ofDuration, PPS: ofPPS, BPS: ofBPS, BPP: ofBPP}[q.Of]
}

// list returns what is made of e.Values.
func (c *compiler) list(e *Expr) *test {
	key := &e.Values[0]
	if l := c.lists[key]; l != nil {
		return l
	}
	l := &test{}
	switch {
	case e.Op == Like:
		l.pattern = regexp.MustCompile(e.Values[0].Text)
	case e.Of.Kind == Address:
		l.addresses = addrSpans(e.Values)
	case e.Of.Kind == Text:
		for _, v := range e.Values {
			l.texts = append(l.texts, []byte(v.Text))
		}
		slices.SortFunc(l.texts, bytes.Compare)
	default:
		l.ranges = spans(e.Values)
	}
	c.lists[key] = l
	return l
}

// in sets t to test for e.Values.
func (c *compiler) in(t *test, e *Expr) {
	l := c.list(e)
	t.addresses, t.texts, t.ranges = l.addresses, l.texts, l.ranges
	if n := len(t.addresses); n > 0 {
		t.around = addrSpan{t.addresses[0].lo, t.addresses[n-1].hi}
		if n == 1 {
			t.addresses = nil
		}
	}
	if n := len(t.ranges); n > 0 {
		t.lo, t.hi = t.ranges[0].lo, t.ranges[n-1].hi
		if n == 1 {
			t.ranges = nil
		}
	}
}

// spans returns the ranges of values, ascending, none touching another.
func spans(values []Value) []span {
	all := make([]span, len(values))
	for i, v := range values {
		all[i] = span{v.Lo, v.Hi}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	n := 0
	for _, s := range all[1:] {
		if last := &all[n]; last.hi == math.MaxUint64 || s.lo <= last.hi+1 {
			last.hi = max(last.hi, s.hi)
		} else {
			n++
			all[n] = s
		}
	}
	return all[:n+1]
}

// mapped is where IPv4 is among the addresses.
var mapped = spanOf(netip.MustParsePrefix("0.0.0.0/0"))

func spanOf(p netip.Prefix) addrSpan {
	a := flow.AddrFrom(p.Addr())
	s := addrSpan{lo: wordsOf(&a)}
	bits := p.Bits() + 128 - p.Addr().BitLen()
	s.hi = words{s.lo.hi | ^uint64(0)>>min(bits, 64), s.lo.lo | ^uint64(0)>>max(bits-64, 0)}
	return s
}

func wordsOf(a *flow.Addr) words {
	return words{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])}
}

// addrSpans returns the ranges of networks, ascending, none within another. A
// network of IPv6 holds no IPv4.
func addrSpans(values []Value) []addrSpan {
	var all []addrSpan
	for _, v := range values {
		s := spanOf(v.Prefix)
		if !v.Prefix.Addr().Is4() && s.lo.compare(mapped.lo) <= 0 && s.hi.compare(mapped.hi) >= 0 {
			below, above := mapped.lo, mapped.hi
			below.lo--
			above.lo++
			all = append(all, addrSpan{s.lo, below})
			if above.compare(s.hi) <= 0 { // not so for ::fffe:0:0/95
				all = append(all, addrSpan{above, s.hi})
			}
			continue
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b addrSpan) int {
		return cmp.Or(a.lo.compare(b.lo), b.hi.compare(a.hi))
	})
	n := 0
	for _, s := range all[1:] {
		if s.hi.compare(all[n].hi) > 0 { // else it is within the one before
			n++
			all[n] = s
		}
	}
	return all[:n+1]
}
