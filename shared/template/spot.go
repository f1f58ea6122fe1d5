package template

import "github.com/weirflow/weir/shared/flow"

// A spot is where the records of a plan have a field's value.
type spot struct {
	off, n   int // in the fixed part
	variable int // 1 more than its index among the variable fields; 0: it is fixed
}

// spots finds fields by IANA's ids, the first of each.
type spots map[uint16]spot

func (p *Plan) spots(fixed []source) spots {
	at := spots{}
	for i := range fixed {
		if f := &fixed[i]; f.PEN == 0 && f.Len > 0 {
			if _, ok := at[f.ID]; !ok {
				at[f.ID] = spot{off: f.off, n: int(f.Len)}
			}
		}
	}
	for i := range p.vars {
		if v := &p.vars[i]; v.PEN == 0 {
			if _, ok := at[v.ID]; !ok {
				at[v.ID] = spot{variable: i + 1}
			}
		}
	}
	return at
}

// A records holds what the flows of a set were made of.
type records struct {
	plan  *Plan
	flows []flow.Flow
	fixed []byte   // the fixed parts, plan.stride octets each
	set   []byte   // the set's content
	vars  []uint32 // where each variable-length value starts in set, and its length
}

// value returns the octets of the field at x in record i.
func (r *records) value(i int, x spot) []byte {
	if x.variable == 0 {
		at := i*r.plan.stride + x.off
		return r.fixed[at : at+x.n]
	}
	at := r.vars[(i*len(r.plan.vars)+x.variable-1)*2:]
	return r.set[at[0] : at[0]+at[1]]
}

// number returns the number at x in record i, and false if it has none.
func (r *records) number(i int, x *spot) (uint64, bool) {
	if x == nil {
		return 0, false
	}
	v := r.value(i, *x)
	if len(v) == 0 || len(v) > 8 {
		return 0, false
	}
	return number(v), true
}

// get returns where id is, nil if it is nowhere.
func (at spots) get(id uint16) *spot {
	if x, ok := at[id]; ok {
		return &x
	}
	return nil
}
