package query

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// appendExpr writes e so that parse makes e of it again.
func appendExpr(dst []byte, e *Expr) []byte {
	switch e.Op {
	case Any:
		return append(dst, "any"...)
	case And, Or:
		for i := range e.Args {
			if i > 0 {
				dst = append(dst, [...]string{And: " and ", Or: " or "}[e.Op]...)
			}
			dst = appendOperand(dst, &e.Args[i], e.Op == And && e.Args[i].Op == Or)
		}
		return dst
	case Not:
		op := e.Args[0].Op
		return appendOperand(append(dst, "not "...), &e.Args[0], op == And || op == Or || op == AllBits)
	}
	if e.Of == family {
		return strconv.AppendUint(append(dst, "ipv"...), e.Values[0].Lo, 10)
	}
	name, sign := e.Of.Name, " "
	switch e.Op {
	case In:
		if len(e.Values) > 1 {
			return appendList(append(append(dst, name...), " in ["...), e)
		}
		if s, ok := strings.CutSuffix(name, "ip"); ok && !e.Values[0].Prefix.IsSingleIP() {
			name = s + "net"
		}
		if !isPhrase(e.Of) || e.Of.Of == TCPFlags {
			sign = " = "
		}
	case Less:
		sign = " < "
	case LessEqual:
		sign = " <= "
	case Greater:
		sign = " > "
	case GreaterEqual:
		sign = " >= "
	case Like:
		sign = " ~ "
	case Exists:
		return append(append(dst, name...), " exists"...)
	}
	return appendValue(append(append(dst, name...), sign...), e.Of, &e.Values[0])
}

// isPhrase tells whether a quantity is called as nfdump does, with no sign
// behind it.
func isPhrase(q *Quantity) bool {
	for i := range phrases {
		if phrases[i].q == q {
			return true
		}
	}
	return false
}

func appendOperand(dst []byte, e *Expr, brackets bool) []byte {
	if !brackets {
		return appendExpr(dst, e)
	}
	return append(appendExpr(append(dst, '('), e), ')')
}

func appendList(dst []byte, e *Expr) []byte {
	for i := range e.Values {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = appendValue(dst, e.Of, &e.Values[i])
	}
	return append(dst, ']')
}

func appendValue(dst []byte, q *Quantity, v *Value) []byte {
	for _, n := range q.names {
		if n.lo == v.Lo && n.hi == v.Hi && n.text != "X" {
			return append(dst, n.text...)
		}
	}
	switch q.Kind {
	case Text:
		quote := byte('"')
		if strings.IndexByte(v.Text, '"') >= 0 {
			quote = '\''
		}
		return append(append(append(dst, quote), v.Text...), quote)
	case Address:
		return appendPrefix(dst, v.Prefix)
	case Signed:
		return strconv.AppendInt(dst, int64(v.Lo^top), 10)
	case Float:
		return strconv.AppendFloat(dst, floatOf(v.Lo), 'g', -1, 64)
	case Time:
		return time.Unix(0, int64(v.Lo^top)).UTC().AppendFormat(dst, time.RFC3339Nano)
	case Span:
		return appendSpan(dst, v.Lo)
	case MAC:
		for shift := 40; shift >= 0; shift -= 8 {
			dst = append(dst, "0123456789abcdef"[v.Lo>>(shift+4)&15], "0123456789abcdef"[v.Lo>>shift&15])
			if shift > 0 {
				dst = append(dst, ':')
			}
		}
		return dst
	case App:
		return strconv.AppendUint(append(strconv.AppendUint(dst, v.Lo>>56, 10), ':'), v.Lo&(1<<56-1), 10)
	}
	if q.isFlags() {
		if s := flagText(v.Lo); s != "" {
			return append(dst, s...)
		}
	}
	dst = strconv.AppendUint(dst, v.Lo, 10)
	if v.Hi != v.Lo {
		dst = strconv.AppendUint(append(dst, '-'), v.Hi, 10)
	}
	return dst
}

func appendPrefix(dst []byte, p netip.Prefix) []byte {
	if p.IsSingleIP() {
		return p.Addr().AppendTo(dst)
	}
	return p.AppendTo(dst)
}

// appendSpan writes n nanoseconds in the largest unit of which they are a
// multiple.
func appendSpan(dst []byte, n uint64) []byte {
	best := units[0]
	for _, u := range units {
		if n%u.n == 0 && u.n > best.n {
			best = u
		}
	}
	return append(strconv.AppendUint(dst, n/best.n, 10), best.name...)
}

// floatOf is the number that has this FloatKey.
func floatOf(key uint64) float64 {
	if key&top != 0 {
		return math.Float64frombits(key &^ top)
	}
	return math.Float64frombits(^key)
}
