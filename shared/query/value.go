package query

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// value reads a value of q.
func (p *parser) value(q *Quantity) (Value, error) {
	t := p.next()
	if t.kind != wordToken && (t.kind != quotedToken || q.Kind == Opaque) {
		if t.kind == endToken {
			return Value{}, p.fail(t, "a value of %s is missing at the end%s", quoted(q.Name), examples(q))
		}
		return Value{}, p.fail(t, "a value of %s is missing before %s%s", quoted(q.Name), quoted(t.text), examples(q))
	}
	v, err := readValue(q, t.text)
	if err != nil {
		return v, p.fail(t, "%v", err)
	}
	// net 10.0.0.0 255.0.0.0
	if u := p.peek(); q.Kind == Address && u.kind == wordToken && v.Prefix.Addr().Is4() && !strings.Contains(t.text, "/") {
		if a, err := netip.ParseAddr(u.text); err == nil && a.Is4() && maskLength(a) >= 0 {
			p.next()
			v.Prefix = netip.PrefixFrom(v.Prefix.Addr(), maskLength(a)).Masked()
		}
	}
	return v, nil
}

// maskLength returns the length of a netmask, -1 if it isn't one.
func maskLength(a netip.Addr) int {
	b := a.As4()
	mask := binary.BigEndian.Uint32(b[:])
	n := bits.LeadingZeros32(^mask)
	if mask<<n != 0 {
		return -1
	}
	return n
}

// examples shows how values of q look.
func examples(q *Quantity) string {
	e := map[Kind]string{
		Address: "10.0.0.0/8", MAC: "00:00:5e:00:53:01", App: "3:53", Text: `"text"`,
		Time: "2026-11-26T12:00:00Z", Span: "10s", Opaque: "",
	}
	s, ok := e[q.Kind]
	switch {
	case q.Of == TCPFlags:
		s = "SA"
	case len(q.names) > 0 && !ok:
		s = q.names[min(4, len(q.names)-1)].text
	case !ok:
		s = "1"
	}
	if s == "" {
		return fmt.Sprintf(": %s exists", q.Name)
	}
	return fmt.Sprintf(": %s = %s", q.Name, s)
}

// readValue reads s as a value of q.
func readValue(q *Quantity, s string) (v Value, err error) {
	if v, ok := valueNamed(q, s); ok {
		return v, nil
	}
	switch q.Kind {
	case Address:
		v.Prefix, err = readPrefix(s)
		return v, err
	case Text:
		v.Text = s
		if q.Of == Column && (q.Fields[0] == flow.FieldSrcCountry || q.Fields[0] == flow.FieldDstCountry) {
			v.Text = strings.ToUpper(s) // as ISO 3166-1 has it
		}
		return v, nil
	case Opaque:
		return v, fmt.Errorf("%s is a list: no more can be asked than whether it exists", quoted(q.Name))
	case Number:
		return readNumbers(q, s)
	}
	x, err := readKey(q.Kind, s)
	if err != nil {
		return v, err
	}
	return Value{Lo: x, Hi: x}, nil
}

// valueNamed returns the value of q that has this name.
func valueNamed(q *Quantity, s string) (v Value, ok bool) {
	for _, n := range q.names {
		if strings.EqualFold(n.text, s) {
			return Value{Lo: n.lo, Hi: n.hi}, true
		}
	}
	if q.isFlags() {
		bits, ok := flagBits(s)
		return Value{Lo: bits, Hi: bits}, ok
	}
	return v, false
}

// readNumbers reads a number or a range of them, as 8000-8100.
func readNumbers(q *Quantity, s string) (v Value, err error) {
	lo, hi, isRange := strings.Cut(s, "-")
	if !isRange {
		hi = lo
	}
	if v.Lo, err = readNumber(q, lo); err != nil {
		return v, err
	}
	if v.Hi, err = readNumber(q, hi); err != nil {
		return v, err
	}
	if v.Lo > v.Hi {
		return v, fmt.Errorf("%s goes from the higher to the lower number", quoted(s))
	}
	return v, nil
}

func readNumber(q *Quantity, s string) (uint64, error) {
	x, err := number(s)
	if err != nil {
		if len(q.names) > 0 {
			var names []string
			for _, n := range q.names {
				names = append(names, n.text)
			}
			if hint := alike(s, names); hint != "" {
				return 0, fmt.Errorf("%s is no value of %s%s", quoted(s), quoted(q.Name), hint)
			}
			return 0, fmt.Errorf("%s is no value of %s: a number, or %s", quoted(s), quoted(q.Name), choice(names))
		}
		return 0, err
	}
	if x > q.Mask {
		return 0, fmt.Errorf("%s is above %d, the highest that %s can be", quoted(s), q.Mask, quoted(q.Name))
	}
	return x, nil
}

// number reads 1500, 0x5dc and, in powers of 1000, 1k, 1m, 1g and 1t.
func number(s string) (uint64, error) {
	digits, base := s, 10
	times := uint64(1)
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		digits, base = s[2:], 16
	} else if s != "" {
		switch s[len(s)-1] | 0x20 {
		case 'k':
			times = 1e3
		case 'm':
			times = 1e6
		case 'g':
			times = 1e9
		case 't':
			times = 1e12
		}
		if times > 1 {
			digits = s[:len(s)-1]
		}
	}
	x, err := strconv.ParseUint(digits, base, 64)
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange || err == nil && x > math.MaxUint64/times {
		return 0, fmt.Errorf("%s is more than 64 bits hold", quoted(s))
	}
	if err != nil {
		return 0, fmt.Errorf("%s is no number", quoted(s))
	}
	return x * times, nil
}

// readKey reads a single value of the other kinds that have an order inside.
func readKey(k Kind, s string) (uint64, error) {
	switch k {
	case Signed:
		if x, err := strconv.ParseInt(s, 10, 64); err == nil {
			return uint64(x) ^ top, nil
		}
		if x, err := number(s); err == nil && x <= math.MaxInt64 {
			return x ^ top, nil
		}
		return 0, fmt.Errorf("%s is no whole number", quoted(s))
	case Float:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(x) {
			return 0, fmt.Errorf("%s is no number", quoted(s))
		}
		return FloatKey(x), nil
	case Time:
		x, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
		if err != nil {
			return 0, fmt.Errorf("%s is no time: write it as 2026-11-26T12:00:00Z", quoted(s))
		}
		if y := x.UTC().Year(); y < 1678 || y > 2261 {
			return 0, fmt.Errorf("%s is not between 1678 and 2261", quoted(s))
		}
		return uint64(x.UnixNano()) ^ top, nil
	case Span:
		return readSpan(s)
	case MAC:
		x, ok := flow.ParseMAC(s)
		if !ok {
			return 0, fmt.Errorf("%s is no MAC address: write it as 00:00:5e:00:53:01", quoted(s))
		}
		return uint64(x), nil
	}
	// App
	x, ok := flow.ParseApp(s)
	if !ok {
		return 0, fmt.Errorf("%s is no application: write engine:selector, as 3:53", quoted(s))
	}
	return x, nil
}

// FloatKey returns a number whose order among others is that of x: negative
// ones from the highest down, with all bits turned, come before the others.
func FloatKey(x float64) uint64 {
	if x == 0 {
		x = 0 // there is a negative one
	}
	if b := math.Float64bits(x); b&top != 0 {
		return ^b
	} else {
		return b | top
	}
}

// units of time, the longer first where one is another's end.
var units = []struct {
	name string
	n    uint64 // nanoseconds
}{
	{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"min", 60e9}, {"s", 1e9}, {"h", 3600e9}, {"d", 86400e9},
}

// readSpan reads a length of time: milliseconds, as nfdump has it, or any other
// unit that stands behind it.
func readSpan(s string) (uint64, error) {
	low, unit := strings.ToLower(s), uint64(1e6)
	if strings.HasSuffix(low, "m") {
		return 0, fmt.Errorf("%s could be minutes or a million: write min, or s and h", quoted(s))
	}
	if strings.HasPrefix(low, "0x") {
		return 0, fmt.Errorf("%s is no length of time: write it as 10s, 1500ms or 5min", quoted(s))
	}
	for _, u := range units {
		if digits, ok := strings.CutSuffix(low, u.name); ok {
			low, unit = digits, u.n
			break
		}
	}
	whole, fraction, _ := strings.Cut(low, ".")
	x, err := number(whole)
	if err != nil {
		return 0, fmt.Errorf("%s is no length of time: write it as 10s, 1500ms or 5min", quoted(s))
	}
	if x > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is more than 292 years", quoted(s))
	}
	x *= unit
	for _, c := range []byte(fraction) {
		unit /= 10
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%s is no length of time: write it as 10s, 1500ms or 5min", quoted(s))
		}
		x += uint64(c-'0') * unit
	}
	return x, nil
}

// readPrefix reads an address or a network, of which IPv4 may leave out the
// octets behind its length: 10/8.
func readPrefix(s string) (netip.Prefix, error) {
	addr, length, isNet := strings.Cut(s, "/")
	if isNet && !strings.Contains(addr, ":") {
		for n := strings.Count(addr, "."); n < 3; n++ {
			addr += ".0"
		}
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		if strings.ContainsAny(s, ":/") || strings.Trim(s, "0123456789.") == "" {
			return netip.Prefix{}, fmt.Errorf("%s is no address", quoted(s))
		}
		return netip.Prefix{}, fmt.Errorf("%s is no address, and names are not looked up", quoted(s))
	}
	n := a.BitLen()
	if isNet {
		x, err := strconv.ParseUint(length, 10, 8)
		if err != nil || int(x) > n {
			return netip.Prefix{}, fmt.Errorf("%s is no length of a network: 0 to %d", quoted(length), n)
		}
		n = int(x)
	}
	if a.Is4In6() && n >= 96 {
		a, n = a.Unmap(), n-96
	}
	return netip.PrefixFrom(a, n).Masked(), nil
}

// Limits of regular expressions: the octets of one, and the instructions, about,
// that all of a filter compile to.
const (
	maxPattern      = 1 << 10
	maxInstructions = 10_000
)

// pattern reads a regular expression.
func (p *parser) pattern() (Value, error) {
	t := p.next()
	if t.kind != quotedToken && t.kind != wordToken {
		return Value{}, p.fail(t, `a pattern in quotes is missing: ~ "^dns"`)
	}
	if len(t.text) > maxPattern {
		return Value{}, p.fail(t, "a pattern has %d octets at most", maxPattern)
	}
	re, err := syntax.Parse(t.text, syntax.Perl)
	if err != nil {
		return Value{}, p.fail(t, "%s", strings.TrimPrefix(printable(err.Error()), "error parsing regexp: "))
	}
	if p.regexp += instructions(re); p.regexp > maxInstructions {
		return Value{}, p.fail(t, "the pattern is too large once its repetitions are written out")
	}
	return Value{Text: t.text}, nil
}

// instructions is about how many a regular expression compiles to. Each can
// repeat another a thousand times, so it stops counting where it is enough.
func instructions(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n = min(maxInstructions+1, n+instructions(sub))
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return min(maxInstructions+1, n)
}
