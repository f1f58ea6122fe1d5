package duck

import (
	"fmt"
	"net/netip"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Filter writes a condition that is TRUE, FALSE and NULL where f is true, false
// and unknown, for rows that have the columns given.
func Filter(s *Statement, f *query.Filter, has flow.Set) error {
	w := filter{s, &columns{has: has}}
	return w.expr(f.Expr())
}

// A filter is one being written.
type filter struct {
	*Statement
	cols *columns
}

func (w *filter) expr(e *query.Expr) error {
	switch e.Op {
	case query.Any:
		w.add("TRUE")
		return nil
	case query.Not:
		w.add("NOT (")
		err := w.expr(&e.Args[0])
		w.add(")")
		return err
	case query.And, query.Or:
		between := " AND "
		if e.Op == query.Or {
			between = " OR "
		}
		for i := range e.Args {
			if i > 0 {
				w.add(between)
			}
			w.add("(")
			if err := w.expr(&e.Args[i]); err != nil {
				return err
			}
			w.add(")")
		}
		return nil
	}
	return w.term(e)
}

// term writes what compares a quantity.
func (w *filter) term(e *query.Expr) error {
	q := e.Of
	switch q.Of {
	case query.Extra:
		return fmt.Errorf("the store can't tell flows by %s, an element without a column: flows that it shows have it, and outputs and weir tail filter by it", q.Name)
	case query.Column:
		for i, x := range q.Fields {
			if i > 0 {
				w.add(" OR ")
			}
			if err := w.column(e, x); err != nil {
				return err
			}
		}
		return nil
	case query.TCPFlags:
		w.add("(", w.cols.of(flow.FieldProto), " = 6 AND ")
		err := w.column(e, flow.FieldTCPFlags)
		w.add(")")
		return err
	}
	if e.Op == query.Exists {
		return fmt.Errorf("%s can't exist: ask for the columns that it is made of", q.Name)
	}
	switch q.Of {
	case query.ICMP:
		w.add("(", w.cols.of(flow.FieldProto), " IN (1, 58) AND ")
		w.compare(e, number("coalesce("+w.cols.of(flow.FieldICMPType)+", "+w.cols.of(flow.FieldDstPort)+")", q, 2))
		w.add(")")
	case query.Family:
		w.compare(e, w.family())
	case query.Duration:
		w.moment(e, w.duration(), 0)
	case query.PPS:
		w.compare(e, w.rate(flow.FieldPackets, "1000"))
	case query.BPS:
		w.compare(e, w.rate(flow.FieldBytes, "8000"))
	case query.BPP:
		b, p := w.cols.of(flow.FieldBytes), w.cols.of(flow.FieldPackets)
		w.compare(e, "CASE WHEN "+p+" > 0 THEN "+b+" // "+p+" WHEN "+p+" = 0 AND "+b+" IS NOT NULL THEN 0::UBIGINT END")
	default:
		return fmt.Errorf("the store knows no %s", q.Name)
	}
	return nil
}

// column writes a term about a column.
func (w *filter) column(e *query.Expr, x flow.Field) error {
	if e.Op == query.Exists {
		w.add(w.cols.known(x), " IS NOT NULL")
		return nil
	}
	switch c := &flow.Fields[x]; c.Kind {
	case flow.KindAddr:
		w.address(e, x)
	case flow.KindStr:
		return w.textual(e, w.cols.of(x))
	case flow.KindTime:
		w.moment(e, w.cols.of(x), 1<<63)
	default:
		w.compare(e, number(w.cols.of(x), e.Of, c.Size))
	}
	return nil
}

// compare writes a comparison of unsigned numbers.
func (w *filter) compare(e *query.Expr, x string) {
	v := e.Values[0].Lo
	switch e.Op {
	case query.In:
		w.in(x, e.Values)
	case query.Less:
		w.add(x, " < ", w.arg(v))
	case query.LessEqual:
		w.add(x, " <= ", w.arg(v))
	case query.Greater:
		w.add(x, " > ", w.arg(v))
	case query.GreaterEqual:
		w.add(x, " >= ", w.arg(v))
	case query.AllBits:
		a := w.arg(v)
		w.add("(", x, "::UBIGINT & ", a, ") = ", a)
	case query.AnyBits:
		w.add("(", x, "::UBIGINT & ", w.arg(v), ") <> 0")
	}
}

// in writes that x is in one of the ranges.
func (w *filter) in(x string, values []query.Value) {
	var single []string
	w.add("(")
	between := ""
	for _, v := range values {
		if v.Lo == v.Hi {
			single = append(single, w.arg(v.Lo))
			continue
		}
		w.add(between, x, " BETWEEN ", w.arg(v.Lo), " AND ", w.arg(v.Hi))
		between = " OR "
	}
	switch len(single) {
	case 0:
	case 1:
		w.add(between, x, " = ", single[0])
	default:
		w.add(between, x, " IN (", strings.Join(single, ", "), ")")
	}
	w.add(")")
}

// moment writes a comparison of a time or a length of time. x has milliseconds,
// and flip turns the values into numbers of nanoseconds.
func (w *filter) moment(e *query.Expr, x string, flip uint64) {
	first := func(v uint64) string { // at or after v
		if flip == 0 {
			return w.arg(v/Millisecond + min(1, v%Millisecond))
		}
		return w.arg(ceil(int64(v^flip), Millisecond))
	}
	last := func(v uint64) string { // at or before v
		if flip == 0 {
			return w.arg(v / Millisecond)
		}
		return w.arg(floor(int64(v^flip), Millisecond))
	}
	switch e.Op {
	case query.Less:
		w.add(x, " < ", first(e.Values[0].Lo))
	case query.LessEqual:
		w.add(x, " <= ", last(e.Values[0].Lo))
	case query.Greater:
		w.add(x, " > ", last(e.Values[0].Lo))
	case query.GreaterEqual:
		w.add(x, " >= ", first(e.Values[0].Lo))
	default:
		w.add("(")
		for i, v := range e.Values {
			if i > 0 {
				w.add(" OR ")
			}
			w.add(x, " BETWEEN ", first(v.Lo), " AND ", last(v.Hi))
		}
		w.add(")")
	}
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func ceil(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// address writes that an address is in one of the networks.
func (w *filter) address(e *query.Expr, x flow.Field) {
	hi, lo := w.cols.half(x, High), w.cols.half(x, Low)
	var hosts []string // of IPv4
	w.add("(")
	between := ""
	for _, v := range e.Values {
		p := v.Prefix
		a, b := span(p)
		if p.Addr().Is4() && p.Bits() == 32 {
			hosts = append(hosts, w.arg(a[1]))
			continue
		}
		w.add(between)
		between = " OR "
		if p.Addr().Is4() || p.Bits() > 64-p.Addr().BitLen()+128 {
			w.add(hi, " = ", w.arg(a[0]), " AND ")
			if a[1] == b[1] {
				w.add(lo, " = ", w.arg(a[1]))
			} else {
				w.add(lo, " BETWEEN ", w.arg(a[1]), " AND ", w.arg(b[1]))
			}
		} else {
			w.add(hi, " BETWEEN ", w.arg(a[0]), " AND ", w.arg(b[0]))
		}
		// A network of IPv6 holds no IPv4.
		if p.Addr().Is6() && a[0] == 0 && a[1] <= mappedFirst && b[1] >= mappedLast {
			w.add(" AND NOT ", isMapped(hi, lo))
		}
	}
	switch len(hosts) {
	case 0:
	case 1:
		w.add(between, hi, " = 0 AND ", lo, " = ", hosts[0])
	default:
		w.add(between, hi, " = 0 AND ", lo, " IN (", strings.Join(hosts, ", "), ")")
	}
	w.add(")")
}

// isMapped is the condition that an address is one of IPv4.
func isMapped(hi, lo string) string {
	return fmt.Sprintf("(%s = 0 AND %s BETWEEN %d AND %d)", hi, lo, uint64(mappedFirst), uint64(mappedLast))
}

// span returns the first and the last address of a network, as two numbers each.
func span(p netip.Prefix) (first, last [2]uint64) {
	a := flow.AddrFrom(p.Addr())
	n := p.Bits() + 128 - p.Addr().BitLen()
	first = words(a)
	last = [2]uint64{first[0] | ^uint64(0)>>min(n, 64), first[1] | ^uint64(0)>>max(n-64, 0)}
	return first, last
}

// textual writes a comparison of a text.
func (w *filter) textual(e *query.Expr, x string) error {
	if e.Op == query.Like {
		p, err := pattern(e.Values[0].Text)
		if err != nil {
			return err
		}
		w.add("regexp_matches(", x, ", ", w.arg(p), ")")
		return nil
	}
	var all []string
	for _, v := range e.Values {
		if utf8.ValidString(v.Text) { // the store has no others
			all = append(all, w.arg(v.Text))
		}
	}
	if len(all) == 0 {
		w.add(x, " <> ", x)
		return nil
	}
	w.add(x, " IN (", strings.Join(all, ", "), ")")
	return nil
}

// pattern rewrites a regular expression with all of its classes and flags
// written out, so that DuckDB's RE2 understands what Go does.
func pattern(text string) (string, error) {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return "", err
	}
	if foldsBeyondASCII(re) {
		return "", fmt.Errorf("the store ignores the case of ASCII letters only: leave (?i) out of %q, or write both cases, as [Ää]", text)
	}
	s := re.String()
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("the pattern %q is no UTF-8, and no text of the store is anything else", text)
	}
	return s, nil
}

// foldsBeyondASCII tells whether re ignores the case of letters for which two
// versions of Unicode may differ.
func foldsBeyondASCII(re *syntax.Regexp) bool {
	if re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase != 0 {
		for _, r := range re.Rune {
			if r > 0x7f {
				return true
			}
		}
	}
	for _, sub := range re.Sub {
		if foldsBeyondASCII(sub) {
			return true
		}
	}
	return false
}

// family is 4 or 6.
func (w *filter) family() string {
	s := "CASE"
	for _, x := range []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr} {
		hi, lo := w.cols.half(x, High), w.cols.half(x, Low)
		s += " WHEN " + isMapped(hi, lo) + " THEN 4::UTINYINT WHEN " + lo + " IS NOT NULL THEN 6::UTINYINT"
	}
	return s + " ELSE " + w.cols.of(flow.FieldIPVersion) + " END"
}

// duration is a flow's, in milliseconds.
func (w *filter) duration() string {
	s, e := w.cols.of(flow.FieldStart), w.cols.of(flow.FieldEnd)
	return "CASE WHEN " + e + " > " + s + " THEN (" + e + " - " + s + ")::UBIGINT WHEN " + e + " <= " + s + " THEN 0::UBIGINT END"
}

// rate is a counter times per over the duration, rounded down. Numbers of 128
// bits are slow, so they are left to flows that need them.
func (w *filter) rate(x flow.Field, per string) string {
	n, d := w.cols.of(x), w.duration()
	return "CASE WHEN " + n + " IS NULL OR (" + d + ") IS NULL THEN NULL WHEN (" + d + ") = 0 THEN 0::UBIGINT" +
		" WHEN " + n + " < 1000000000000000 THEN " + n + " * " + per + "::UBIGINT // (" + d + ")" +
		" ELSE least(" + n + "::UHUGEINT * " + per + " // (" + d + "), 18446744073709551615)::UBIGINT END"
}
