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
// filters help with an OR, so that two reads are faster than one, unless the host
// is in most files anyway.
func branches(f *query.Filter, busy bool) []branch {
	if f == nil {
		return []branch{{}}
	}
	if e := hostOf(f); e != nil && !busy {
		return []branch{{f, e, 0}, {f, e, 1}}
	}
	return []branch{{all: f}}
}

// hostOf returns the part of a filter that is for a host on either side, which all
// flows pass that pass the filter; nil: there is none.
func hostOf(f *query.Filter) *query.Expr {
	e := f.Expr()
	if isHost(e) {
		return e
	}
	if e.Op == query.And {
		for i := range e.Args {
			if isHost(&e.Args[i]) {
				return &e.Args[i]
			}
		}
	}
	return nil
}

// Host returns the host that flows have that pass the filter, on either side, and
// the columns of the sides.
func Host(f *query.Filter) (host flow.Addr, sides [2]flow.Field, ok bool) {
	if f == nil {
		return host, sides, false
	}
	e := hostOf(f)
	if e == nil {
		return host, sides, false
	}
	return flow.AddrFrom(e.Values[0].Prefix.Addr()), [2]flow.Field(e.Of.Fields), true
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
