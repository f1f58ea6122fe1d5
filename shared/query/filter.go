package query

import (
	"cmp"

	"github.com/weirflow/weir/shared/flow"
)

// A Filter chooses flow records. It never changes: any goroutines may use one at
// once.
type Filter struct {
	expr  Expr
	holds program // whether the filter holds for certain
	fails program // whether it does not, for certain
}

// Parse reads a filter; the package's documentation tells the language. A text
// of nothing but space and comments holds for every record. An error is a
// *SyntaxError.
func Parse(text string) (*Filter, error) {
	e, err := parse(text)
	if err != nil {
		return nil, err
	}
	return compile(e), nil
}

// Both returns the filter that holds where both do. A nil one holds everywhere.
func Both(x, y *Filter) *Filter {
	if x == nil || y == nil {
		return cmp.Or(x, y)
	}
	e := Expr{Op: And}
	for _, part := range []Expr{x.expr, y.expr} {
		if part.Op == And {
			e.Args = append(e.Args, part.Args...)
		} else {
			e.Args = append(e.Args, part)
		}
	}
	return compile(e)
}

// Match tells whether the filter holds for f, a record of b. Where f lacks what
// it takes to tell, it does not hold; see [Filter.Eval].
func (x *Filter) Match(b *flow.Batch, f *flow.Flow) bool { return x.holds.run(b, f) }

// A Truth is what is known of a statement.
type Truth uint8

const (
	False Truth = iota
	Unknown
	True
)

func (t Truth) String() string { return [...]string{"false", "unknown", "true"}[t] }

// Eval tells whether the filter holds for f, a record of b, or whether that is
// unknown, as the exporter did not send what it depends on.
func (x *Filter) Eval(b *flow.Batch, f *flow.Flow) Truth {
	switch {
	case x.holds.run(b, f):
		return True
	case x.fails.run(b, f):
		return False
	}
	return Unknown
}

// Columns returns the columns that the filter reads.
func (x *Filter) Columns() (s flow.Set) {
	x.expr.columns(&s)
	return s
}

func (e *Expr) columns(s *flow.Set) {
	if e.Of != nil {
		for _, c := range e.Of.Fields {
			s.Add(c)
		}
	}
	for i := range e.Args {
		e.Args[i].columns(s)
	}
}

// Expr returns the filter as a tree, which must not be changed.
func (x *Filter) Expr() *Expr { return &x.expr }

// String returns the filter's text in its usual form: comments dropped, one name
// for each thing. Parse makes the same filter of it, unless it has become longer
// than MaxText.
func (x *Filter) String() string { return string(appendExpr(nil, &x.expr)) }

// Select appends to dst the indexes of the flows of b that match.
func (x *Filter) Select(dst []uint32, b *flow.Batch) []uint32 {
	for i := range b.Flows {
		if x.holds.run(b, &b.Flows[i]) {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}
