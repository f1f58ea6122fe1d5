package spl

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An Event is what a search sees of one: field → string, float64, bool or, of
// several values, []string. A field that is absent is null.
type Event map[string]any

// An Expr is an expression of eval and where.
type Expr struct {
	op   string // "value", "field", "call", or an operator
	name string // of a field or function
	val  any
	args []*Expr
}

// functions are those that an Expr may call, with how many arguments, at most
// if there are two figures.
var functions = map[string][2]int{
	"abs": {1, 1}, "case": {2, 99}, "ceiling": {1, 1}, "coalesce": {1, 99}, "exact": {1, 1}, "false": {0, 0}, "floor": {1, 1},
	"if": {3, 3}, "isnotnull": {1, 1}, "isnull": {1, 1}, "isnum": {1, 1}, "len": {1, 1}, "lower": {1, 1},
	"match": {2, 2}, "max": {1, 99}, "min": {1, 99}, "mvappend": {1, 99}, "mvcount": {1, 1}, "mvfind": {2, 2},
	"mvindex": {2, 3}, "mvjoin": {2, 2}, "mvrange": {2, 3}, "mvzip": {2, 3}, "now": {0, 0}, "null": {0, 0}, "replace": {3, 3},
	"round": {1, 2}, "split": {2, 2}, "substr": {2, 3}, "tonumber": {1, 2}, "tostring": {1, 2}, "true": {0, 0},
	"upper": {1, 1}, "urldecode": {1, 1}, "relative_time": {2, 2}, "strftime": {2, 2},
}

var token = regexp.MustCompile(`^(?:(\d+(?:\.\d+)?)|"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z_][\w:{}]*)|(==|!=|>=|<=|[()<>,+\-*/%.=!]))`)

type tok struct{ num, str, quoted, word, op string }

func lex(text string) ([]tok, error) {
	var all []tok
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		m := token.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("can't read %q in %q", rest, text)
		}
		t := tok{num: m[1], quoted: m[3], word: m[4], op: m[5]}
		if rest[0] == '"' {
			t.op, t.str = `"`, strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[2])
		}
		all = append(all, t)
		rest = rest[len(m[0]):]
	}
	return all, nil
}

type parser struct {
	text string
	toks []tok
	at   int
}

// ParseExpr reads an expression.
func ParseExpr(text string) (*Expr, error) {
	p := &parser{text: text}
	var err error
	if p.toks, err = lex(text); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err == nil && p.at < len(p.toks) {
		err = p.wrong()
	}
	return e, err
}

func (p *parser) wrong() error { return fmt.Errorf("token %d of %q is not expected", p.at+1, p.text) }

func (p *parser) peek() tok {
	if p.at < len(p.toks) {
		return p.toks[p.at]
	}
	return tok{}
}

func (p *parser) eat(op string) bool {
	if t := p.peek(); t.op == op || t.op == "" && strings.EqualFold(t.word, op) && t.word != "" {
		p.at++
		return true
	}
	return false
}

// chain reads what next reads, with one of ops between.
func (p *parser) chain(next func() (*Expr, error), ops ...string) (*Expr, error) {
	a, err := next()
	for err == nil {
		i := slices.IndexFunc(ops, p.eat)
		if i < 0 {
			return a, nil
		}
		var b *Expr
		b, err = next()
		a = &Expr{op: ops[i], args: []*Expr{a, b}}
	}
	return nil, err
}

func (p *parser) or() (*Expr, error)  { return p.chain(p.and, "OR") }
func (p *parser) and() (*Expr, error) { return p.chain(p.not, "AND") }

func (p *parser) not() (*Expr, error) {
	if p.eat("NOT") || p.eat("!") {
		a, err := p.not()
		return &Expr{op: "NOT", args: []*Expr{a}}, err
	}
	return p.compare()
}

func (p *parser) compare() (*Expr, error) {
	return p.chain(p.add, "==", "!=", ">=", "<=", "=", "<", ">")
}
func (p *parser) add() (*Expr, error) { return p.chain(p.times, "+", "-", ".") }
func (p *parser) times() (*Expr, error) {
	return p.chain(p.unary, "*", "/", "%")
}

func (p *parser) unary() (*Expr, error) {
	if p.eat("-") {
		a, err := p.unary()
		return &Expr{op: "-", args: []*Expr{{op: "value", val: 0.0}, a}}, err
	}
	t := p.peek()
	p.at++
	switch {
	case t.num != "":
		n, err := strconv.ParseFloat(t.num, 64)
		return &Expr{op: "value", val: n}, err
	case t.op == `"`:
		return &Expr{op: "value", val: t.str}, nil
	case t.quoted != "":
		return &Expr{op: "field", name: t.quoted}, nil
	case t.op == "(":
		e, err := p.or()
		if err == nil && !p.eat(")") {
			err = p.wrong()
		}
		return e, err
	case t.word != "" && p.eat("("):
		e := &Expr{op: "call", name: strings.ToLower(t.word)}
		for !p.eat(")") {
			if len(e.args) > 0 && !p.eat(",") {
				return nil, p.wrong()
			}
			a, err := p.or()
			if err != nil {
				return nil, err
			}
			e.args = append(e.args, a)
		}
		n, ok := functions[e.name]
		if !ok {
			return nil, fmt.Errorf("no function %s is known, in %q", e.name, p.text)
		}
		if len(e.args) < n[0] || len(e.args) > n[1] {
			return nil, fmt.Errorf("%s has %d arguments in %q", e.name, len(e.args), p.text)
		}
		return e, nil
	case t.word != "":
		return &Expr{op: "field", name: t.word}, nil
	}
	p.at--
	return nil, p.wrong()
}

// Fields calls f with the name of each field that e wants.
func (e *Expr) Fields(f func(string)) {
	if e.op == "field" {
		f(e.name)
	}
	for _, a := range e.args {
		a.Fields(f)
	}
}

// Number returns v as a number: a string that looks like one is one.
func Number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
	case []string:
		if len(v) == 1 {
			return Number(v[0])
		}
	}
	return 0, false
}

// Text returns v as a string; several values are those of the first.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case []string:
		if len(v) > 0 {
			return v[0], true
		}
	}
	return "", false
}

// Values returns v's values.
func Values(v any) []string {
	switch v := v.(type) {
	case nil, bool:
		return nil
	case []string:
		return v
	}
	s, _ := Text(v)
	return []string{s}
}

func several(v []string) any {
	switch len(v) {
	case 0:
		return nil
	case 1:
		return v[0]
	}
	return v
}

// Eval returns what e is for ev: nil if it is null.
func (e *Expr) Eval(ev Event) any {
	switch e.op {
	case "value":
		return e.val
	case "field":
		return ev[e.name]
	case "call":
		return e.call(ev)
	case "NOT":
		b, ok := e.args[0].Eval(ev).(bool)
		if !ok {
			return nil
		}
		return !b
	}
	a, b := e.args[0].Eval(ev), e.args[1].Eval(ev)
	switch e.op {
	case "OR":
		return a == true || b == true
	case "AND":
		return a == true && b == true
	}
	if a == nil || b == nil {
		return nil // comparing or adding null gives null
	}
	x, xok := Number(a)
	y, yok := Number(b)
	numbers := xok && yok
	s, sok := Text(a)
	t, tok := Text(b)
	switch e.op {
	case "=", "==", "!=":
		equal := sok && tok && s == t
		if numbers {
			equal = x == y
		}
		return equal == (e.op != "!=")
	case "<", ">", "<=", ">=":
		c := strings.Compare(s, t)
		if numbers {
			c = int(sign(x - y))
		}
		return e.op == "<" && c < 0 || e.op == ">" && c > 0 || e.op == "<=" && c <= 0 || e.op == ">=" && c >= 0
	case ".":
		return s + t
	case "+":
		if !numbers && sok && tok && !xok && !yok {
			return s + t
		}
	}
	if !numbers {
		return nil
	}
	switch e.op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		if y == 0 {
			return nil
		}
		return x / y
	case "%":
		if y == 0 {
			return nil
		}
		return math.Mod(x, y)
	}
	panic("spl: bug: operator " + e.op)
}

func sign(x float64) float64 {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

func (e *Expr) call(ev Event) any {
	arg := func(i int) any { return e.args[i].Eval(ev) }
	text := func(i int) string { s, _ := Text(arg(i)); return s }
	number := func(f func(float64) float64) any {
		if n, ok := Number(arg(0)); ok {
			return f(n)
		}
		return nil
	}
	ofText := func(f func(string) string) any {
		if s, ok := Text(arg(0)); ok {
			return f(s)
		}
		return nil
	}
	switch e.name {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	case "if":
		if arg(0) == true {
			return arg(1)
		}
		return arg(2)
	case "case":
		for i := 0; i+1 < len(e.args); i += 2 {
			if arg(i) == true {
				return arg(i + 1)
			}
		}
		return nil
	case "coalesce":
		for i := range e.args {
			if v := arg(i); v != nil {
				return v
			}
		}
		return nil
	case "isnull":
		return arg(0) == nil
	case "isnotnull":
		return arg(0) != nil
	case "isnum":
		_, ok := Number(arg(0))
		return ok
	case "abs":
		return number(math.Abs)
	case "exact":
		return arg(0)
	case "floor":
		return number(math.Floor)
	case "ceiling":
		return number(math.Ceil)
	case "round":
		digits := 0.0
		if len(e.args) > 1 {
			digits, _ = Number(arg(1))
		}
		p := math.Pow(10, digits)
		return number(func(x float64) float64 { return math.Round(x*p) / p })
	case "min", "max":
		var best any
		for i := range e.args {
			n, ok := Number(arg(i))
			if !ok {
				continue
			}
			if b, ok := best.(float64); !ok || e.name == "min" && n < b || e.name == "max" && n > b {
				best = n
			}
		}
		return best
	case "len":
		return ofText(func(s string) string { return strconv.Itoa(len(s)) })
	case "lower":
		return ofText(strings.ToLower)
	case "upper":
		return ofText(strings.ToUpper)
	case "urldecode":
		// Splunk doesn't say whether a plus is a blank; here it is.
		return ofText(func(s string) string {
			if u, err := url.QueryUnescape(s); err == nil {
				return u
			}
			return s
		})
	case "match":
		s, ok := Text(arg(0))
		if !ok {
			return nil
		}
		return regexp.MustCompile(text(1)).MatchString(s)
	case "replace":
		re := regexp.MustCompile(text(1))
		by := regexp.MustCompile(`\\(\d)`).ReplaceAllString(text(2), "$${$1}")
		return ofText(func(s string) string { return re.ReplaceAllString(s, by) })
	case "substr":
		s, ok := Text(arg(0))
		if !ok {
			return nil
		}
		from, _ := Number(arg(1))
		i := min(max(int(from)-1, 0), len(s))
		n := len(s) - i
		if len(e.args) > 2 {
			m, _ := Number(arg(2))
			n = min(n, int(m))
		}
		return s[i : i+n]
	case "tonumber":
		base := 10.0
		if len(e.args) > 1 {
			base, _ = Number(arg(1))
		}
		if base == 10 {
			return number(func(x float64) float64 { return x })
		}
		n, err := strconv.ParseInt(text(0), int(base), 64)
		if err != nil {
			return nil
		}
		return float64(n)
	case "tostring":
		if len(e.args) > 1 {
			panic("spl: tostring with a format is not known")
		}
		return ofText(func(s string) string { return s })
	case "mvappend":
		var all []string
		for i := range e.args {
			all = append(all, Values(arg(i))...)
		}
		return several(all)
	case "mvcount":
		if n := len(Values(arg(0))); n > 0 {
			return float64(n)
		}
		return nil
	case "mvjoin":
		if v := Values(arg(0)); v != nil {
			return strings.Join(v, text(1))
		}
		return nil
	case "split":
		return ofSplit(arg(0), text(1))
	case "mvfind":
		re := regexp.MustCompile(text(1))
		if i := slices.IndexFunc(Values(arg(0)), re.MatchString); i >= 0 {
			return float64(i)
		}
		return nil
	case "mvzip":
		by, x, y := ",", Values(arg(0)), Values(arg(1))
		if len(e.args) > 2 {
			by = text(2)
		}
		var all []string
		for i := range min(len(x), len(y)) {
			all = append(all, x[i]+by+y[i])
		}
		return several(all)
	case "mvindex":
		v := Values(arg(0))
		from, ok := Number(arg(1))
		if !ok {
			return nil
		}
		to := from
		if len(e.args) > 2 {
			to, _ = Number(arg(2))
		}
		at := func(x float64) int {
			if x < 0 {
				return int(x) + len(v)
			}
			return int(x)
		}
		i, j := at(from), min(at(to), len(v)-1)
		if i < 0 || i >= len(v) || j < i {
			return nil
		}
		return several(v[i : j+1])
	case "mvrange":
		from, _ := Number(arg(0))
		to, _ := Number(arg(1))
		step := 1.0
		if len(e.args) > 2 {
			step, _ = Number(arg(2))
		}
		var all []string
		for x := from; x < to && step > 0; x += step {
			all = append(all, strconv.FormatFloat(x, 'f', -1, 64))
		}
		return several(all)
	}
	panic("spl: " + e.name + " can be read, but not evaluated")
}

func ofSplit(v any, by string) any {
	s, ok := Text(v)
	if !ok {
		return nil
	}
	return several(strings.Split(s, by))
}
