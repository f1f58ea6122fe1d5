package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// nfdumpKeys are nfdump 1.7's words for what it aggregates by (-A), and for its
// statistics (-s) where those differ.
var nfdumpKeys = map[flow.Field]string{
	flow.FieldSrcAddr: "srcip", flow.FieldDstAddr: "dstip", flow.FieldSrcPort: "srcport", flow.FieldDstPort: "dstport",
	flow.FieldProto: "proto", flow.FieldTOS: "tos", flow.FieldInIf: "inif", flow.FieldOutIf: "outif",
	flow.FieldSrcAS: "srcas", flow.FieldDstAS: "dstas", flow.FieldSrcVLAN: "srcvlan", flow.FieldDstVLAN: "dstvlan",
	flow.FieldNextHop: "next", flow.FieldBGPNextHop: "bgpnext", flow.FieldExporter: "router",
}

// nfdumpSides are its statistics of either side.
var nfdumpSides = map[flow.Field]string{
	flow.FieldSrcAddr: "ip", flow.FieldSrcPort: "port", flow.FieldInIf: "if", flow.FieldSrcAS: "as", flow.FieldSrcVLAN: "vlan",
}

// Nfdump returns the command that asks nfdump the same. It doesn't multiply by
// sampling rates, and counts a flow whole where it spreads it.
func (q *Question) Nfdump() (string, error) {
	args := []string{"TZ=UTC nfdump -R DIR"}
	const form = "2006/01/02.15:04:05"
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(form) }
	args = append(args, "-t "+at(q.From)+"-"+at(q.To))
	switch {
	case q.Series || q.Bin > 0 || q.Sides || q.Matrix:
		return "", fmt.Errorf("nfdump knows no bins, no matrices, and no directions apart")
	case q.Dedup || q.Against != [2]int64{}:
		return "", fmt.Errorf("nfdump neither leaves out what was seen twice nor compares periods")
	}
	order := "bytes"
	if len(q.Metrics) > 0 {
		if q.Metrics[0].Of == Distinct {
			return "", fmt.Errorf("nfdump doesn't count different values")
		}
		order = [...]string{Bytes: "bytes", Packets: "packets", Records: "flows"}[q.Metrics[0].Of]
	}
	keys, err := q.nfdumpKeys()
	if err != nil {
		return "", err
	}
	switch {
	case q.Shape == Flows && len(q.Metrics) == 0:
		return "", fmt.Errorf("nfdump lists the oldest flows first: write flows by bytes, or weir query alone")
	case q.Shape == Flows:
		args = append(args, "-O "+order)
	case q.Shape == Conversations:
		args = append(args, "-B -O "+order)
	case len(keys) == 0:
		args = append(args, "-s proto/"+order)
	case len(keys) == 1:
		args = append(args, "-s "+keys[0]+"/"+order)
	default:
		args = append(args, "-A "+strings.Join(keys, ",")+" -O "+order)
	}
	args = append(args, fmt.Sprintf("-n %d", q.Limit))
	if q.Filter != nil {
		if err := nfdumpKnows(&q.Filter.expr); err != nil {
			return "", err
		}
		args = append(args, "'"+strings.ReplaceAll(q.Filter.String(), "'", `'\''`)+"'")
	}
	return strings.Join(args, " "), nil
}

func (q *Question) nfdumpKeys() (keys []string, err error) {
	for i := range q.By {
		d := &q.By[i]
		key, ok := nfdumpKeys[d.Of.Fields[0]]
		if d.Either() {
			if key, ok = nfdumpSides[d.Of.Fields[0]]; ok && len(q.By) > 1 {
				return nil, fmt.Errorf("nfdump takes %s only alone, as it has two sides", quoted(d.Of.Name))
			}
		}
		if !ok || d.Pair || d.Of.Shift != 0 {
			return nil, fmt.Errorf("nfdump doesn't group by %s", quoted(d.String()))
		}
		if d.Bits|d.Bit6 != 0 { // of IPv4 and IPv6 at once it shortens the one by the other's length
			return nil, fmt.Errorf("nfdump has no prefixes for both families at once, as %s", quoted(d.String()))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// nfdumpKnows says what of a filter nfdump does not.
func nfdumpKnows(e *Expr) error {
	for i := range e.Args {
		if err := nfdumpKnows(&e.Args[i]); err != nil {
			return err
		}
	}
	switch {
	case e.Of == nil || e.Of == family:
		return nil
	case !isPhrase(e.Of):
		return fmt.Errorf("nfdump's filters have no %s", quoted(e.Of.Name))
	case e.Op == Exists:
		return fmt.Errorf("nfdump can't tell whether a record has %s", quoted(e.Of.Name))
	}
	for _, v := range e.Values {
		if e.Of.Kind == Number && v.Lo != v.Hi {
			return fmt.Errorf("nfdump's filters have no ranges, as that of %s", quoted(e.Of.Name))
		}
	}
	return nil
}
