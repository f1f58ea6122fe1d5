package query

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The words of a question.
var (
	showWords   = []string{"top", "series", "matrix", "count", "flows", "conversations"}
	clauseWords = []string{
		"by", "last", "this", "today", "yesterday", "from", "every", "raw", "dedup", "both", "present",
		"previous", "against", "idle", "zone", "where",
	}
	metricWords = []string{"bits", "bytes", "packets", "flows", "distinct"}
)

// sideWords are columns that a question may name by their side alone.
var sideWords = map[string]string{"src": "src ip", "dst": "dst ip"}

// An asker reads a question from left to right.
type asker struct {
	parser
	q      Question
	now    time.Time
	in     Scope
	count  bool // "by" is followed by columns
	over   period
	before bool // compared with the period before
	seen   []string
}

func (p *asker) question() error {
	if err := p.show(); err != nil {
		return err
	}
	if err := p.findZone(); err != nil {
		return err
	}
	for {
		t := p.peek()
		word := strings.ToLower(t.text)
		switch {
		case t.kind == endToken:
			return nil
		case t.kind != wordToken || !slices.Contains(clauseWords, word):
			return p.stray(t)
		}
		p.next()
		if word == "where" {
			return p.where(t)
		}
		if err := p.clause(t, word); err != nil {
			return err
		}
	}
}

// stray is the error of what no clause begins with.
func (p *asker) stray(t token) error {
	if t.kind == wordToken {
		if hint := alike(t.text, clauseWords); hint != "" {
			return p.fail(t, "%s is no part of a question%s", quoted(t.text), hint)
		}
		if word := strings.ToLower(t.text); slices.Contains(metricWords, word) {
			return p.fail(t, `what is measured stands behind "by": by %s`, word)
		}
		_, side := sideWords[strings.ToLower(t.text)]
		if _, err := p.subject(""); err == nil || side {
			return p.fail(t, `%s is a field: write "where" before the filter, or a comma between columns`, quoted(t.text))
		}
	}
	return p.fail(t, "%s is no part of a question: a range (last 1h), by, every, where …", quoted(t.text))
}

// show reads what is to be shown, and of what.
func (p *asker) show() error {
	t := p.next()
	word := strings.ToLower(t.text)
	if t.kind != wordToken || !slices.Contains(showWords, word) {
		switch hint := alike(t.text, showWords); {
		case t.kind == endToken:
			return p.fail(t, "the question is empty: write as top 10 src by bytes last 1h")
		case t.kind == wordToken && hint != "":
			return p.fail(t, "no question begins with %s%s", quoted(t.text), hint)
		default:
			return p.fail(t, "no question begins with %s: write one of %s", quoted(t.text), strings.Join(showWords, ", "))
		}
	}
	if err := p.shape(word); err != nil {
		return err
	}
	if err := p.limit(); err != nil {
		return err
	}
	switch {
	case p.q.Matrix:
		return p.matrix(t)
	case p.count:
		return p.counted(t)
	case p.q.Shape != Groups || p.atClause():
		return nil
	}
	return p.dims()
}

// shape sets what a word asks for.
func (p *asker) shape(word string) error {
	switch word {
	case "top":
	case "series":
		p.q.Series = true
	case "matrix":
		p.q.Matrix = true
	case "count":
		p.count = true
	case "flows":
		p.q.Shape = Flows
	case "conversations":
		p.q.Shape = Conversations
	default:
		return fmt.Errorf("no question begins with %s: write one of %s", quoted(word), strings.Join(showWords, ", "))
	}
	return nil
}

// atClause tells whether a clause comes next, or nothing.
func (p *asker) atClause() bool {
	t := p.peek()
	return t.kind == endToken || t.kind == wordToken && slices.Contains(clauseWords, strings.ToLower(t.text))
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// limit reads how many, if that is said.
func (p *asker) limit() error {
	t := p.peek()
	if t.kind != wordToken || !isDigits(t.text) {
		return nil
	}
	most := MaxGroups
	if p.q.Shape == Flows {
		most = MaxRecords
	}
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 1 || n > most {
		return p.fail(t, "%s is no number from 1 to %d", quoted(t.text), most)
	}
	p.next()
	p.q.Limit = n
	return nil
}

// matrix reads both of its columns.
func (p *asker) matrix(t token) error {
	if p.atClause() {
		return p.fail(t, "a matrix of what? matrix src_as x dst_as")
	}
	if err := p.dim(); err != nil {
		return err
	}
	x := p.peek()
	if !p.take("x", ",") {
		return p.fail(x, `"x" and the other column are missing: matrix src_as x dst_as`)
	}
	return p.dim()
}

// counted reads of which columns the different values count.
func (p *asker) counted(t token) error {
	if p.atClause() {
		return p.fail(t, "count what? count src by exporter")
	}
	for {
		m, err := p.distinct()
		if err != nil {
			return err
		}
		if err := p.add(t, m); err != nil {
			return err
		}
		if !p.take(",") {
			return nil
		}
	}
}

func (p *asker) add(t token, m Metric) error {
	if len(p.q.Metrics) == MaxMetrics {
		return p.fail(t, "there are more than %d metrics", MaxMetrics)
	}
	p.q.Metrics = append(p.q.Metrics, m)
	return nil
}

func (p *asker) dims() error {
	for {
		if err := p.dim(); err != nil {
			return err
		}
		if !p.take(",") {
			return nil
		}
	}
}

// dim reads a column to group by.
func (p *asker) dim() error {
	t := p.peek()
	d, err := p.column()
	if err != nil {
		return err
	}
	switch {
	case d.Of.Of != Column || len(d.Of.Fields) == 0:
		return p.fail(t, "flows can't be grouped by %s: it is no column", quoted(d.Of.Name))
	case len(p.q.By) == MaxDims:
		return p.fail(t, "there are more than %d columns to group by", MaxDims)
	case slices.Contains(p.q.By, d):
		return p.fail(t, "%s is there twice", quoted(d.String()))
	}
	p.q.By = append(p.q.By, d)
	return nil
}

// column reads the longest name there is, and the length of a prefix behind it.
func (p *asker) column() (d Dim, err error) {
	words := 0
	for words < maxWords && p.tokens[words].kind == wordToken {
		words++
	}
	for n := words; n > 0; n-- {
		name, length, isPrefix := strings.Cut(phrase(p.tokens[:n]), "/")
		if strings.Contains(length, " ") {
			continue // it ends with the prefix
		}
		if n == 1 {
			if s, ok := sideWords[strings.ToLower(name)]; ok {
				name = s
			}
		}
		if strings.EqualFold(name, "pair") {
			d.Of, d.Pair = byName()["ip"], true
		} else if q, ok := lookup(name); ok {
			d.Of = q
		} else {
			continue
		}
		last := p.tokens[n-1]
		p.tokens = p.tokens[n:]
		if isPrefix {
			return d, p.prefix(&d, last, length)
		}
		return d, nil
	}
	t := p.peek()
	if t.kind != wordToken {
		return d, p.fail(t, "a column is missing here: src, dst port, app_name …")
	}
	if hint := alike(t.text, clauseWords); hint != "" {
		return d, p.fail(t, "%s is no field%s", quoted(t.text), hint)
	}
	if _, err = p.subject(""); err == nil {
		err = p.fail(t, "%s is no column", quoted(t.text))
	}
	return d, err
}

// prefix reads 24 or 24/48, which t ends with.
func (p *asker) prefix(d *Dim, t token, s string) error {
	at := token{wordToken, s, t.off + t.n - len(s), len(s)}
	if d.Of.Kind != Address {
		return p.fail(at, "%s is no address: it has no prefix", quoted(d.Of.Name))
	}
	v4, v6, both := strings.Cut(s, "/")
	for _, x := range []struct {
		text string
		most uint64
		to   *uint8
	}{{v4, 32, &d.Bits}, {v6, 128, &d.Bit6}} {
		if x.to == &d.Bit6 && !both {
			break
		}
		n, err := strconv.ParseUint(x.text, 10, 8)
		if err != nil || n < 1 || n > x.most {
			return p.fail(at, "%s is no length of a prefix: write 1 to 32 for IPv4, and behind it /1 to /128 for IPv6", quoted(s))
		}
		if n < x.most { // else it is the whole address
			*x.to = uint8(n)
		}
	}
	return nil
}

// distinct reads a column whose different values count.
func (p *asker) distinct() (m Metric, err error) {
	t := p.peek()
	d, err := p.column()
	switch {
	case err != nil:
		return m, err
	case d.Of.Of != Column || len(d.Of.Fields) != 1 || d.Of != columns[d.Of.Fields[0]] || d.Bits|d.Bit6 != 0:
		return m, p.fail(t, "different values of %s can't be counted: name one column, as src ip", quoted(d.String()))
	}
	return Metric{Of: Distinct, Column: d.Of.Fields[0]}, nil
}

// metric reads what is measured, and what is made of its bins.
func (p *asker) metric() (m Metric, err error) {
	t := p.next()
	switch strings.ToLower(t.text) {
	case "bits":
		m.Bits = true
	case "bytes":
	case "packets":
		m.Of = Packets
	case "flows":
		m.Of = Records
	case "distinct":
		if m, err = p.distinct(); err != nil {
			return m, err
		}
	default:
		if t.kind == endToken {
			return m, p.fail(t, "by what? by bytes")
		}
		hint := alike(t.text, metricWords)
		if hint == "" {
			hint = ": write bits, bytes, packets, flows, or distinct and a column"
		}
		return m, p.fail(t, "%s is nothing to measure%s", quoted(t.text), hint)
	}
	f := p.peek()
	word := strings.ToLower(f.text)
	switch digits, isP := strings.CutPrefix(word, "p"); {
	case f.kind != wordToken:
		return m, nil
	case word == "total":
	case word == "max":
		m.Fold = Peak
	case isP && isDigits(digits):
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 99 {
			return m, p.fail(f, "%s is no percentile: write p1 to p99", quoted(f.text))
		}
		m.Fold, m.Pct = Percentile, n
	default:
		return m, nil
	}
	p.next()
	if m.Of == Distinct && m.Fold != Total {
		return m, p.fail(f, "different values count in the whole range: leave %s out", quoted(f.text))
	}
	return m, nil
}

// clause reads what stands behind the word of token t.
func (p *asker) clause(t token, word string) error {
	kind := word
	switch word {
	case "last", "this", "today", "yesterday", "from":
		kind = "range"
	case "previous", "against":
		kind = "previous"
	}
	if slices.Contains(p.seen, kind) {
		return p.fail(t, "there are two of %s: leave one out", map[bool]string{true: "the time range", false: quoted(kind)}[kind == "range"])
	}
	p.seen = append(p.seen, kind)
	var err error
	switch word {
	case "by":
		if p.count {
			return p.dims()
		}
		for {
			at := p.peek()
			m, err := p.metric()
			if err != nil {
				return err
			}
			if err := p.add(at, m); err != nil {
				return err
			}
			if !p.take(",") {
				return nil
			}
		}
	case "every":
		p.q.Bin, err = p.span(t, "every", "5min", 366*24*time.Hour)
	case "idle":
		if p.q.Shape != Conversations {
			return p.fail(t, "only conversations have an idle time")
		}
		p.q.Idle, err = p.span(t, "idle", "30s", time.Hour)
	case "raw":
		p.q.Raw = true
	case "dedup":
		p.q.Dedup = true
	case "both":
		p.q.Sides = true
	case "present":
		p.q.Present = true
	case "previous":
		p.before = true
	case "against":
		err = p.against(t)
	case "zone":
		p.next() // findZone has read it
	default:
		err = p.period(t, word)
	}
	return err
}

// span reads a length of time, its unit apart or not.
func (p *asker) span(t token, word, example string, most time.Duration) (int64, error) {
	u := p.next()
	text, n := u.text, u.n
	if u.kind != wordToken || slices.Contains(clauseWords, strings.ToLower(text)) {
		return 0, p.fail(t, "%s how long? %s %s", word, word, example)
	}
	if isDigits(text) {
		unit := p.peek()
		if unit.kind != wordToken || !isUnit(unit.text) {
			return 0, p.fail(u, "%s of what? Write its unit, as %s %s", quoted(text), word, example)
		}
		p.next()
		text, n = text+unit.text, unit.off+unit.n-u.off
	}
	x, err := readSpan(text)
	at := token{wordToken, text, u.off, n}
	if err != nil {
		return 0, p.fail(at, "%v", err)
	}
	if x < 1 || x > math.MaxInt64 || time.Duration(x) > most {
		return 0, p.fail(at, "%s is not from 1ns to %s", quoted(text), string(appendSpan(nil, uint64(most))))
	}
	return int64(x), nil
}

func isUnit(s string) bool {
	for _, u := range units {
		if strings.EqualFold(u.name, s) {
			return true
		}
	}
	return false
}

// where reads the filter, which is all that is left.
func (p *asker) where(t token) error {
	if p.peek().kind == endToken {
		return p.fail(t, "where what? where dst port 443")
	}
	e, err := p.filter()
	if err == nil && e.Op != Any {
		p.q.Filter = compile(e)
	}
	return err
}

// finish fills in what was not said, and says what is wrong with the whole.
func (p *asker) finish() error {
	q := &p.q
	switch {
	case p.over != period{}:
	case p.in.From != p.in.To:
		p.over = apart(p.in.From, p.in.To)
	default:
		p.over = lately(p.now, time.Hour)
	}
	q.From, q.To = p.over.from, p.over.to
	if p.before {
		q.Against = p.over.before
	}
	if q.From >= q.To || q.From < math.MinInt64/4 || q.To > math.MaxInt64/4*3 {
		return q.Validate() // Align would overflow
	}
	if q.Shape == Groups && len(q.Metrics) == 0 {
		q.Metrics = []Metric{{Of: Bytes, Bits: q.Series}}
	}
	if q.Series && q.Bin == 0 {
		if q.Bin = p.in.Bin; q.Bin == 0 {
			q.Bin = usualBin(q.To - q.From)
		}
	}
	if q.Matrix && q.Limit == 0 {
		q.Limit = DefaultCells
	}
	q.Align()
	if err := q.Validate(); err != nil || q.Against == [2]int64{} {
		return err
	}
	if q.Shape != Groups || q.Series {
		return fmt.Errorf("only top and matrix are compared with another period")
	}
	if err := q.Previous().Validate(); err != nil {
		return fmt.Errorf("the period to compare with: %w", err)
	}
	return nil
}

// DefaultCells is how many cells of a matrix are shown.
const DefaultCells = 100

// usualBin is the width of bins that makes a chart of so many nanoseconds.
func usualBin(span int64) int64 {
	const most = 300
	for _, d := range []time.Duration{
		time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
		10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if span/int64(d) <= most {
			return int64(d)
		}
	}
	return int64(24 * time.Hour)
}

// Previous returns the Request for the period to compare with, nil if there is
// none. It asks for as many groups as there may be, so that those of q are among
// them.
func (q *Question) Previous() *Request {
	if q.Against == [2]int64{} {
		return nil
	}
	r := q.Request
	r.From, r.To, r.Limit = q.Against[0], q.Against[1], MaxGroups
	r.Align()
	return &r
}
