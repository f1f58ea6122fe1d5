package duck

import (
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A branch is one of the conditions of which a flow passes at most one, and the
// filter holds where it passes one.
type branch struct {
	all  *query.Filter
	host *query.Expr // of the filter's parts the one that only names hosts, on either side
	side int         // of it the side that is meant
}

// branches splits a filter for a host on either side: neither statistics nor Bloom
// filters help with an OR, so that two reads are faster than one.
func branches(f *query.Filter) []branch {
	if f == nil {
		return []branch{{}}
	}
	e := f.Expr()
	if isHost(e) {
		return []branch{{f, e, 0}, {f, e, 1}}
	}
	if e.Op == query.And {
		for i := range e.Args {
			if isHost(&e.Args[i]) {
				return []branch{{f, &e.Args[i], 0}, {f, &e.Args[i], 1}}
			}
		}
	}
	return []branch{{all: f}}
}

// isHost tells whether e is that the source or the destination is a single
// address.
func isHost(e *query.Expr) bool {
	return e.Op == query.In && e.Of.Of == query.Column && e.Of.Kind == query.Address && len(e.Of.Fields) == 2 &&
		len(e.Values) == 1 && e.Values[0].Prefix.IsSingleIP()
}

// write adds the conditions behind others.
func (b *branch) write(s *Statement, cols *columns) error {
	if b.all == nil {
		return nil
	}
	w := filter{s, cols}
	e := b.all.Expr()
	if b.host == nil {
		s.add(" AND (")
		err := w.expr(e)
		s.add(")")
		return err
	}
	one := func(side int) query.Expr {
		q, x := *b.host.Of, *b.host
		q.Fields = []flow.Field{b.host.Of.Fields[side]}
		x.Of = &q
		return x
	}
	s.add(" AND ")
	side := one(b.side)
	if err := w.expr(&side); err != nil {
		return err
	}
	if b.side == 1 { // the other branch has them
		s.add(" AND (")
		src := one(0)
		if err := w.expr(&src); err != nil {
			return err
		}
		s.add(") IS NOT TRUE")
	}
	if e == b.host {
		return nil
	}
	for i := range e.Args {
		if x := &e.Args[i]; x != b.host {
			s.add(" AND (")
			if err := w.expr(x); err != nil {
				return err
			}
			s.add(")")
		}
	}
	return nil
}
