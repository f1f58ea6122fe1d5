package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// SPL returns the search that asks Splunk the same of what the add-on TA-weir
// indexes. It counts a flow whole where it ended, rather than spreading it.
func (q *Question) SPL() (string, error) {
	switch {
	case q.Shape == Conversations:
		return "", fmt.Errorf("SPL puts no conversations together: let the add-on stitch them")
	case q.Dedup || q.Sides || q.Against != [2]int64{}:
		return "", fmt.Errorf("in SPL there is no dedup, no both and no previous")
	case q.Bin > 0 && !q.Series:
		return "", fmt.Errorf("in SPL bins without a flow would be left out: max and percentiles would differ")
	}
	parts := []string{fmt.Sprintf("search `weir_flows` earliest=%s latest=%s", splTime(q.From), splTime(q.To))}
	if q.Filter != nil {
		text, err := splExpr(&q.Filter.expr)
		if err != nil {
			return "", err
		}
		parts = append(parts, "where "+text)
	}
	if !q.Raw && q.Shape == Groups {
		parts = append(parts, "`weir_scaled`")
	}
	if q.Shape == Flows {
		if len(q.Metrics) > 0 {
			return "", fmt.Errorf("in SPL flows come newest first: leave by out")
		}
		return strings.Join(append(parts, fmt.Sprintf("head %d", q.Limit)), " | "), nil
	}
	var sums []string
	for _, m := range q.Metrics {
		s, err := q.splSum(m)
		if err != nil {
			return "", err
		}
		sums = append(sums, s+" AS "+m.column())
	}
	var keys []string
	for i := range q.By {
		key, eval, err := splKey(&q.By[i])
		if err != nil {
			return "", err
		}
		if eval != "" {
			parts = append(parts, "eval "+eval)
		}
		keys = append(keys, key)
	}
	by := ""
	if q.Series {
		switch len(keys) {
		case 0:
		case 1:
			by = fmt.Sprintf(" BY %s limit=%d", keys[0], q.Limit)
		default:
			parts = append(parts, `eval key=`+strings.Join(keys, `." ".`))
			by = fmt.Sprintf(" BY key limit=%d", q.Limit)
		}
		parts = append(parts, fmt.Sprintf("timechart span=%ds %s%s", max(1, q.Bin/int64(time.Second)), strings.Join(sums, ", "), by))
		return strings.Join(parts, " | "), nil
	}
	if len(keys) > 0 {
		by = " BY " + strings.Join(keys, ", ")
	}
	parts = append(parts, "stats "+strings.Join(sums, ", ")+by, fmt.Sprintf("sort %d -%s", q.Limit, q.Metrics[0].column()))
	return strings.Join(parts, " | "), nil
}

func splTime(ns int64) string { return formatFloat(float64(ns/1e6) / 1e3) }

// splSum adds up m; of a series, that a second.
func (q *Question) splSum(m Metric) (string, error) {
	s := ""
	switch m.Of {
	case Distinct:
		return "dc(" + splField(m.Column) + ")", nil
	case Records:
		s = "count"
	default:
		field := [...]string{Bytes: "bytes", Packets: "packets"}[m.Of]
		if !q.Raw {
			field = "scaled_" + field
		}
		if m.Bits {
			field = "eval(" + field + "*8)"
		}
		s = "sum(" + field + ")"
		if q.Series {
			s = "per_second(" + field + ")"
		}
	}
	return s, nil
}

// splField is the add-on's name of a column.
func splField(x flow.Field) string {
	if x == flow.FieldTCPFlags {
		return "tcp_flags" // as a number
	}
	return flow.Fields[x].CIM
}

// splKey is what events are grouped by, and what makes it of their fields.
func splKey(d *Dim) (key, eval string, err error) {
	if d.Bits|d.Bit6 != 0 {
		return "", "", fmt.Errorf("SPL has no prefixes, as that of %s", quoted(d.String()))
	}
	f := splField(d.Of.Fields[0])
	switch {
	case d.Pair:
		return "pair", fmt.Sprintf(`pair=mvjoin(mvsort(mvappend(%s, %s)), " ")`, f, splField(d.Of.Fields[1])), nil
	case d.Either():
		key = fieldName(d.Of)
		return key, fmt.Sprintf("%s=mvdedup(mvappend(%s, %s))", key, f, splField(d.Of.Fields[1])), nil
	case d.Of.Shift != 0 || d.Of != columns[d.Of.Fields[0]]:
		key = fieldName(d.Of)
		return key, key + "=" + splPart(d.Of, f), nil
	}
	return f, "", nil
}

// splPart takes the bits of q out of a field.
func splPart(q *Quantity, f string) string {
	if q.Of != Column || q.Shift == 0 && q.Mask == columns[q.Fields[0]].Mask {
		return f
	}
	return fmt.Sprintf("floor(%s/%d)%%%d", f, uint64(1)<<q.Shift, q.Mask+1)
}

// splExpr writes a filter for where, whose NULL is our unknown.
func splExpr(e *Expr) (string, error) {
	switch e.Op {
	case Any:
		return "true()", nil
	case Not:
		s, err := splExpr(&e.Args[0])
		return "NOT (" + s + ")", err
	case And, Or:
		var all []string
		for i := range e.Args {
			s, err := splExpr(&e.Args[i])
			if err != nil {
				return "", err
			}
			all = append(all, "("+s+")")
		}
		return strings.Join(all, [...]string{And: " AND ", Or: " OR "}[e.Op]), nil
	}
	var fields []string
	switch q := e.Of; q.Of {
	case Column:
		for _, x := range q.Fields {
			fields = append(fields, splPart(q, splField(x)))
		}
	case TCPFlags:
		fields = []string{"tcp_flags"}
	case ICMP:
		fields = []string{[]string{"icmp_code", "icmp_type"}[b2i(q.Shift == 8)]}
	case Family:
		return fmt.Sprintf(`protocol_version="ipv%d"`, e.Values[0].Lo), nil
	case Duration:
		fields = []string{"(duration*1000000000)"}
	default:
		return "", fmt.Errorf("the add-on's events have no %s", quoted(q.Name))
	}
	var all []string
	for _, f := range fields {
		s, err := splTerm(e, f)
		if err != nil {
			return "", err
		}
		if e.Of.Of == TCPFlags {
			s = "protocol_number=6 AND (" + s + ")"
		}
		all = append(all, s)
	}
	if len(all) == 2 {
		return "(" + all[0] + ") OR (" + all[1] + ")", nil
	}
	return all[0], nil
}

// splTerm compares one field.
func splTerm(e *Expr, f string) (string, error) {
	switch e.Of.Kind {
	case Number, Span, Address, Text:
	default:
		if e.Op != Exists {
			return "", fmt.Errorf("the add-on has %s in another form", quoted(e.Of.Name))
		}
	}
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch e.Op {
	case Exists:
		return "isnotnull(" + f + ")", nil
	case Like:
		return "match(" + f + ", " + splText(e.Values[0].Text) + ")", nil
	case Less, LessEqual, Greater, GreaterEqual:
		sign := map[Op]string{Less: "<", LessEqual: "<=", Greater: ">", GreaterEqual: ">="}[e.Op]
		return f + sign + number(e.Values[0].Lo), nil
	case AllBits, AnyBits:
		var bits []string
		for i := range 16 {
			if e.Values[0].Lo>>i&1 != 0 {
				bits = append(bits, fmt.Sprintf("floor(%s/%d)%%2=1", f, 1<<i))
			}
		}
		return strings.Join(bits, map[Op]string{AllBits: " AND ", AnyBits: " OR "}[e.Op]), nil
	}
	var all []string
	for _, v := range e.Values {
		switch {
		case e.Of.Kind == Text:
			all = append(all, f+"="+splText(v.Text))
		case e.Of.Kind == Address && v.Prefix.IsSingleIP():
			all = append(all, f+"="+splText(v.Prefix.Addr().String()))
		case e.Of.Kind == Address:
			all = append(all, "cidrmatch("+splText(v.Prefix.String())+", "+f+")")
		case v.Lo == v.Hi:
			all = append(all, f+"="+number(v.Lo))
		default:
			all = append(all, f+">="+number(v.Lo)+" AND "+f+"<="+number(v.Hi))
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return "(" + strings.Join(all, ") OR (") + ")", nil
}

// splText quotes a text.
func splText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
