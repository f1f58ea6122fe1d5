package query

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// slow evaluates a filter's tree as its documentation says: three truth values,
// numbers of any size, networks by their definition.
func slow(e *Expr, b *flow.Batch, f *flow.Flow) Truth {
	switch e.Op {
	case Any:
		return True
	case And:
		t := True
		for i := range e.Args {
			t = min(t, slow(&e.Args[i], b, f))
		}
		return t
	case Or:
		t := False
		for i := range e.Args {
			t = max(t, slow(&e.Args[i], b, f))
		}
		return t
	case Not:
		return True - slow(&e.Args[0], b, f)
	}
	q := e.Of
	switch q.Of {
	case Column:
		t := False
		for _, x := range q.Fields {
			t = max(t, slowColumn(e, x, b, f))
		}
		return t
	case Extra:
		return slowExtra(e, b, f)
	case TCPFlags:
		return min(slowIs(f, flow.FieldProto, 6), slowColumn(e, flow.FieldTCPFlags, b, f))
	case ICMP:
		proto := max(slowIs(f, flow.FieldProto, 1), slowIs(f, flow.FieldProto, 58))
		x := flow.FieldICMPType
		if !f.Set.Has(x) {
			x = flow.FieldDstPort
		}
		return min(proto, slowColumn(e, x, b, f))
	case Family:
		for _, x := range []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr} {
			if f.Set.Has(x) {
				n := int64(6)
				if f.Addr(x).Netip().Is4() {
					n = 4
				}
				return slowNumber(e, big.NewInt(n))
			}
		}
		return slowColumn(e, flow.FieldIPVersion, b, f)
	}
	for _, x := range q.Fields {
		if !f.Set.Has(x) {
			return Unknown
		}
	}
	d := new(big.Int).Sub(big.NewInt(f.End), big.NewInt(f.Start))
	if d.Sign() < 0 {
		d.SetInt64(0)
	}
	ratio := func(n uint64, times int64, by *big.Int) *big.Int {
		if by.Sign() == 0 {
			return by
		}
		v := new(big.Int).SetUint64(n)
		v.Div(v.Mul(v, big.NewInt(times)), by)
		if most := new(big.Int).SetUint64(math.MaxUint64); v.Cmp(most) > 0 {
			return most
		}
		return v
	}
	switch q.Of {
	case PPS:
		d = ratio(f.Packets, 1e9, d)
	case BPS:
		d = ratio(f.Bytes, 8e9, d)
	case BPP:
		d = ratio(f.Bytes, 1, new(big.Int).SetUint64(f.Packets))
	}
	return slowNumber(e, d)
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

func slowIs(f *flow.Flow, x flow.Field, v uint64) Truth {
	if !f.Set.Has(x) {
		return Unknown
	}
	return truth(f.Uint(x) == v)
}

func slowColumn(e *Expr, x flow.Field, b *flow.Batch, f *flow.Flow) Truth {
	if e.Op == Exists {
		return truth(f.Set.Has(x))
	}
	if !f.Set.Has(x) {
		return Unknown
	}
	switch flow.Fields[x].Kind {
	case flow.KindAddr:
		return slowAddress(e, f.Addr(x).Netip())
	case flow.KindStr:
		return slowText(e, b.Strings.Get(flow.Str(f.Uint(x))))
	case flow.KindTime:
		return slowNumber(e, big.NewInt(int64(f.Uint(x))))
	}
	v := new(big.Int).SetUint64(f.Uint(x) >> e.Of.Shift & e.Of.Mask)
	return slowNumber(e, v)
}

func slowAddress(e *Expr, a netip.Addr) Truth {
	for _, v := range e.Values {
		if v.Prefix.Contains(a) {
			return True
		}
	}
	return False
}

func slowText(e *Expr, s []byte) Truth {
	if e.Op == Like {
		return truth(regexp.MustCompile(e.Values[0].Text).Match(s))
	}
	for _, v := range e.Values {
		if v.Text == string(s) {
			return True
		}
	}
	return False
}

func slowNumber(e *Expr, v *big.Int) Truth {
	of := func(x uint64) *big.Int {
		if e.Of.Kind == Signed || e.Of.Kind == Time {
			return big.NewInt(int64(x ^ top))
		}
		return new(big.Int).SetUint64(x)
	}
	lo := of(e.Values[0].Lo)
	switch e.Op {
	case In:
		for _, x := range e.Values {
			if v.Cmp(of(x.Lo)) >= 0 && v.Cmp(of(x.Hi)) <= 0 {
				return True
			}
		}
		return False
	case Less:
		return truth(v.Cmp(lo) < 0)
	case LessEqual:
		return truth(v.Cmp(lo) <= 0)
	case Greater:
		return truth(v.Cmp(lo) > 0)
	case GreaterEqual:
		return truth(v.Cmp(lo) >= 0)
	}
	both := new(big.Int).And(v, lo)
	if e.Op == AllBits {
		return truth(both.Cmp(lo) == 0)
	}
	return truth(both.Sign() != 0)
}

func slowFloat(e *Expr, v float64) Truth {
	if math.IsNaN(v) {
		return Unknown
	}
	lo := floatOf(e.Values[0].Lo)
	switch e.Op {
	case Less:
		return truth(v < lo)
	case LessEqual:
		return truth(v <= lo)
	case Greater:
		return truth(v > lo)
	case GreaterEqual:
		return truth(v >= lo)
	}
	for _, x := range e.Values {
		if v == floatOf(x.Lo) {
			return True
		}
	}
	return False
}

func slowExtra(e *Expr, b *flow.Batch, f *flow.Flow) Truth {
	t, some := False, false
	for x, v := range b.Extra(f) {
		if x.PEN == e.Of.Element.PEN && x.ID == e.Of.Element.ID {
			some = true
			if e.Op != Exists {
				t = max(t, slowElement(e, v))
			}
		}
	}
	switch {
	case e.Op == Exists:
		return truth(some)
	case !some:
		return Unknown
	}
	return t
}

func slowElement(e *Expr, v []byte) Truth {
	wide := append(make([]byte, 8), v...)
	wide = wide[max(0, len(wide)-8):]
	u := binary.BigEndian.Uint64(wide)
	switch e.Of.Kind {
	case Text:
		return slowText(e, bytes.TrimRight(v, "\x00"))
	case Address:
		if a, ok := netip.AddrFromSlice(v); ok {
			return slowAddress(e, a.Unmap())
		}
		return Unknown
	case MAC:
		if len(v) != 6 {
			return Unknown
		}
	case Float:
		switch len(v) {
		case 4:
			return slowFloat(e, float64(math.Float32frombits(uint32(u))))
		case 8:
			return slowFloat(e, math.Float64frombits(u))
		}
		return Unknown
	case Time:
		switch {
		case e.Of.Type == ie.DateTimeSeconds && len(v) == 4:
			return slowNumber(e, big.NewInt(int64(u)*1e9))
		case e.Of.Type == ie.DateTimeMilliseconds && len(v) == 8 && u < uint64(time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()):
			return slowNumber(e, big.NewInt(int64(u)*1e6))
		}
		return Unknown
	}
	if len(v) == 0 || len(v) > 8 {
		return Unknown
	}
	if e.Of.Kind == Signed {
		return slowNumber(e, big.NewInt(int64(u<<(64-8*len(v)))>>(64-8*len(v))))
	}
	return slowNumber(e, new(big.Int).SetUint64(u))
}
