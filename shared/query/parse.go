package query

import (
	"slices"
	"strings"
)

// Limits of what Parse takes.
const (
	MaxText  = 64 << 10 // octets
	MaxDepth = 100      // brackets and nots within one another
	MaxTerms = 2_000    // comparisons; a list is one
	MaxList  = 10_000   // values of an "in"
)

// A parser reads a filter from left to right; each method takes its part from
// the front.
type parser struct {
	text   string
	tokens []token
	depth  int
	terms  int
	regexp int // instructions of all regular expressions so far
}

func parse(text string) (e Expr, err error) {
	if len(text) > MaxText {
		return e, errorAt("", 0, 0, "a filter has %d octets at most, this one has %d", MaxText, len(text))
	}
	tokens, err := scan(text)
	if err != nil {
		return e, err
	}
	p := &parser{text: text, tokens: tokens}
	if p.peek().kind == endToken {
		return e, nil // Any
	}
	return p.filter()
}

// filter reads one to the end of the text.
func (p *parser) filter() (e Expr, err error) {
	if e, err = p.or(); err != nil {
		return e, err
	}
	if t := p.peek(); t.kind != endToken {
		if t.text == ")" {
			return e, p.fail(t, `no "(" belongs to this`)
		}
		return e, p.fail(t, `"and" or "or" is missing before %s%s`, quoted(t.text), p.joined(t))
	}
	return e, nil
}

// joined suggests an operator for a word that stands where one belongs.
func (p *parser) joined(t token) string {
	if t.kind != wordToken {
		return ""
	}
	return alike(t.text, []string{"and", "or"})
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != endToken {
		p.tokens = p.tokens[1:]
	}
	return t
}

// take drops the next token if it is one of these signs or words.
func (p *parser) take(words ...string) bool {
	t := p.peek()
	if t.kind == quotedToken || t.kind == endToken || !slices.Contains(words, strings.ToLower(t.text)) {
		return false
	}
	p.next()
	return true
}

func (p *parser) fail(t token, format string, args ...any) error {
	return errorAt(p.text, t.off, t.n, format, args...)
}

// deeper guards the recursion.
func (p *parser) deeper(t token) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail(t, "more than %d brackets and nots within one another", MaxDepth)
	}
	return nil
}

func (p *parser) or() (Expr, error)  { return p.chain(Or, p.and, "or", "||") }
func (p *parser) and() (Expr, error) { return p.chain(And, p.not, "and", "&&") }

// chain reads operands between operators of one kind. Operands of the same kind
// become part of the chain.
func (p *parser) chain(op Op, operand func() (Expr, error), words ...string) (Expr, error) {
	var all []Expr
	for {
		e, err := operand()
		if err != nil {
			return e, err
		}
		if e.Op == op {
			all = append(all, e.Args...)
		} else {
			all = append(all, e)
		}
		if !p.take(words...) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return Expr{Op: op, Args: all}, nil
}

func (p *parser) not() (Expr, error) {
	t := p.peek()
	if !p.take("not", "!") {
		return p.primary()
	}
	if err := p.deeper(t); err != nil {
		return Expr{}, err
	}
	bracket := p.peek().text == "("
	e, err := p.not()
	p.depth--
	// nfdump's way to say that none of several flags is set.
	if e.Op == AllBits && !bracket {
		e.Op = AnyBits
	}
	return Expr{Op: Not, Args: []Expr{e}}, err
}

func (p *parser) primary() (Expr, error) {
	t := p.peek()
	if p.take("(") {
		if err := p.deeper(t); err != nil {
			return Expr{}, err
		}
		e, err := p.or()
		if err != nil {
			return e, err
		}
		p.depth--
		if end := p.peek(); !p.take(")") {
			if end.kind == endToken {
				return e, p.fail(t, `no ")" belongs to this`)
			}
			return e, p.fail(end, `"and", "or" or ")" is missing before %s%s`, quoted(end.text), p.joined(end))
		}
		return e, nil
	}
	switch {
	case t.kind == endToken:
		return Expr{}, p.fail(t, "something is missing at the end")
	case t.kind != wordToken || isOperator(t.text):
		return Expr{}, p.fail(t, "a field is missing before %s", quoted(t.text))
	case p.take("any"):
		return Expr{}, nil
	case p.take("ipv4", "inet"):
		return Expr{Op: In, Of: family, Values: []Value{{Lo: 4, Hi: 4}}}, nil
	case p.take("ipv6", "inet6"):
		return Expr{Op: In, Of: family, Values: []Value{{Lo: 6, Hi: 6}}}, nil
	}
	return p.term()
}

func isOperator(word string) bool {
	switch strings.ToLower(word) {
	case "and", "or", "not":
		return true
	}
	return false
}

// term reads what is compared, how and with what.
func (p *parser) term() (Expr, error) {
	if p.terms++; p.terms > MaxTerms {
		return Expr{}, p.fail(p.peek(), "more than %d comparisons; a list is one: ip in [192.0.2.1 192.0.2.7]", MaxTerms)
	}
	if both, op, ok := p.sides(); ok {
		return p.twoSides(both, op)
	}
	t := p.peek()
	q, err := p.subject("")
	if err != nil {
		return Expr{}, err
	}
	return p.comparison(q, t)
}

// sides reads "src or dst", "src and dst" and their like.
func (p *parser) sides() (sides [2]string, op Op, ok bool) {
	if len(p.tokens) < 3 {
		return
	}
	for i, t := range p.tokens[:3] {
		if t.kind == quotedToken {
			return
		}
		switch word := strings.ToLower(t.text); {
		case i == 1 && word == "and" || i == 1 && word == "&&":
			op = And
		case i == 1 && word == "or" || i == 1 && word == "||":
			op = Or
		case i != 1 && (word == "src" || word == "dst"):
			sides[i/2] = word
		default:
			return
		}
	}
	if sides[0] == sides[1] {
		return
	}
	p.tokens = p.tokens[3:]
	return sides, op, true
}

// twoSides reads the rest of a term that begins with "src or dst" or "src and
// dst".
func (p *parser) twoSides(sides [2]string, op Op) (Expr, error) {
	t, start := p.peek(), p.tokens
	var both [2]Expr
	for i := range sides {
		p.tokens = start
		q, err := p.subject(sides[i] + " ")
		if err != nil {
			return Expr{}, err
		}
		if both[i], err = p.comparison(q, t); err != nil {
			return Expr{}, err
		}
	}
	return Expr{Op: op, Args: both[:]}, nil
}

// subject reads the longest name there is; before stands in front of it.
func (p *parser) subject(before string) (*Quantity, error) {
	words := 0
	for words < maxWords && p.tokens[words].kind == wordToken {
		words++
	}
	t := p.peek()
	for n := words; n > 0; n-- {
		name := before + phrase(p.tokens[:n])
		if why, ok := absent[strings.ToLower(name)]; ok {
			return nil, errorAt(p.text, t.off, p.tokens[n-1].off+p.tokens[n-1].n-t.off, "no %s here: %s", quoted(name), why)
		}
		if q, ok := lookup(name); ok {
			p.tokens = p.tokens[n:]
			return q, nil
		}
	}
	if t.kind == endToken {
		return nil, p.fail(t, "a field is missing at the end")
	}
	// Perhaps the first word is one and the second is not.
	if with := startingWith(before + strings.ToLower(t.text)); before == "" && len(with) > 0 {
		if words < 2 {
			return nil, p.fail(t, "%s what? %s", quoted(t.text), choice(with))
		}
		u := p.tokens[1]
		hint := alike(phrase(p.tokens[:2]), with)
		if hint == "" {
			hint = ": " + choice(with)
		}
		return nil, p.fail(u, "no field is called %s%s", quoted(phrase(p.tokens[:2])), hint)
	}
	return nil, p.fail(t, "%s is no field%s", quoted(before+t.text), alike(before+t.text, allNames()))
}

// phrase joins words.
func phrase(tokens []token) string {
	var words []string
	for _, t := range tokens {
		words = append(words, t.text)
	}
	return strings.Join(words, " ")
}

// startingWith returns the phrases whose first word is this one.
func startingWith(word string) (all []string) {
	for _, p := range phrases {
		for _, n := range strings.Split(p.names, ", ") {
			if strings.HasPrefix(n, word+" ") {
				all = append(all, n)
			}
		}
	}
	return all
}

// choice writes up to five of a list.
func choice(all []string) string {
	const most = 5
	if len(all) > most {
		return strings.Join(all[:most], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}

// operators are how they are written, and whether the opposite is meant.
var operators = map[string]struct {
	op  Op
	not bool
}{
	"=": {In, false}, "==": {In, false}, "eq": {In, false},
	"!=": {In, true}, "ne": {In, true},
	"<": {Less, false}, "lt": {Less, false},
	"<=": {LessEqual, false}, "le": {LessEqual, false},
	">": {Greater, false}, "gt": {Greater, false},
	">=": {GreaterEqual, false}, "ge": {GreaterEqual, false},
	"~": {Like, false}, "!~": {Like, true},
	"exists": {Exists, false},
}

// comparison reads what is said of q, which began at token t.
func (p *parser) comparison(q *Quantity, t token) (e Expr, err error) {
	e.Op, e.Of = In, q
	sign := p.peek()
	bare, not := false, false
	switch o, ok := operators[strings.ToLower(sign.text)]; {
	case ok && sign.kind != quotedToken && !(sign.kind == wordToken && isValue(q, sign.text)):
		p.next()
		e.Op, not = o.op, o.not
	case sign.kind == wordToken && strings.EqualFold(sign.text, "in") && p.tokens[1].text == "[" && p.tokens[1].kind == signToken:
		p.next()
		e.Values, err = p.list(q)
		return e, err
	case sign.kind == endToken || sign.kind == signToken || sign.kind == wordToken && isOperator(sign.text):
		return e, p.fail(t, "%s what? A value is missing%s", quoted(q.Name), examples(q))
	default:
		bare = true
	}
	switch e.Op {
	case Exists:
		if q.Of != Column && q.Of != Extra {
			return e, p.fail(sign, "%s is computed: ask for what it is computed from", quoted(q.Name))
		}
	case Like:
		if q.Kind != Text {
			return e, p.fail(sign, "%s is no text, and only texts are compared with a pattern", quoted(q.Name))
		}
		v, err := p.pattern()
		if err != nil {
			return e, err
		}
		e.Values = []Value{v}
	default:
		if e.Op != In && !ordered(q.Kind) {
			return e, p.fail(sign, "%s has no order: =, != and in compare it", quoted(q.Name))
		}
		v := p.peek()
		value, err := p.value(q)
		if err != nil {
			return e, err
		}
		if e.Op != In && value.Lo != value.Hi {
			return e, p.fail(v, "%s stands for several values: =, != and in compare it", quoted(v.text))
		}
		e.Values = []Value{value}
		if _, letters := flagBits(v.text); bare && q.Of == TCPFlags && letters {
			e.Op = AllBits
		}
	}
	if not {
		e = Expr{Op: Not, Args: []Expr{e}}
	}
	return e, nil
}

// isValue tells whether a word that is an operator as well is a value here:
// dscp le.
func isValue(q *Quantity, word string) bool {
	_, ok := valueNamed(q, word)
	return ok
}

func ordered(k Kind) bool {
	switch k {
	case Address, MAC, App, Text, Opaque:
		return false
	}
	return true
}

// list reads values between square brackets.
func (p *parser) list(q *Quantity) (all []Value, err error) {
	open := p.next()
	for !p.take("]") {
		if p.peek().kind == endToken {
			return nil, p.fail(open, `no "]" belongs to this`)
		}
		if len(all) == MaxList {
			return nil, p.fail(p.peek(), "a list has %d values at most", MaxList)
		}
		v, err := p.value(q)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		p.take(",")
	}
	if len(all) == 0 {
		return nil, p.fail(open, "the list is empty")
	}
	return all, nil
}
