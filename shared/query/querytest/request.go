package querytest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Request makes a valid question about what [Flows] makes. Its filter asks for
// columns only; see [Filter].
func Request(rng *rand.Rand) *query.Request {
	for {
		r := random(rng)
		if rng.IntN(2) == 0 {
			r.Align()
		}
		if r.Validate() == nil {
			return r
		}
	}
}

func random(rng *rand.Rand) *query.Request {
	r := &query.Request{Shape: pick(rng, query.Groups, query.Groups, query.Groups, query.Flows, query.Conversations), Raw: rng.IntN(4) == 0}
	r.From = Epoch + rng.Int64N(int64(30*time.Minute)) - int64(2*time.Minute)
	switch rng.IntN(4) {
	case 0:
		r.From -= r.From % int64(time.Minute)
	case 1:
		r.From -= r.From % int64(time.Millisecond)
	}
	r.To = r.From + 1 + pick(rng, rng.Int64N(1e9), rng.Int64N(60e9), rng.Int64N(1800e9), 60e9-1, 600e9-1, 3600e9-1)
	if rng.IntN(2) == 0 {
		r.Filter = parse(Filter(rng, false))
	}
	r.Limit = pick(rng, 1, 2, 3, 10, 1000)
	switch r.Shape {
	case query.Groups:
		r.Dedup = rng.IntN(5) == 0
		if !r.Dedup && rng.IntN(20) == 0 {
			r.From, r.To = -1<<61, 1<<62 // all there ever was
		}
		groups(rng, r)
	case query.Conversations:
		r.Idle = pick[int64](rng, 1, 1e9, 30e9, 30e9, 600e9)
		fallthrough
	default:
		if rng.IntN(2) == 0 {
			r.Metrics = []query.Metric{{Of: query.Volume(rng.IntN(3))}}
		}
	}
	return r
}

func groups(rng *rand.Rand, r *query.Request) {
	for range rng.IntN(4) {
		r.By = append(r.By, dim(rng))
	}
	if r.Either() || len(r.By) > 0 && r.By[0].Pair {
		r.Sides = rng.IntN(2) == 0
	}
	for range 1 + rng.IntN(3) {
		m := query.Metric{Of: query.Volume(rng.IntN(4)), Fold: query.Fold(rng.IntN(3))}
		if m.Of == query.Distinct {
			m.Fold = query.Total
			m.Column = flow.Field(rng.IntN(flow.NumFields))
			if rng.IntN(2) == 0 {
				m.Column = pick(rng, flow.FieldSrcAddr, flow.FieldDstPort, flow.FieldAppName, flow.FieldProto)
			}
		}
		if m.Fold == query.Percentile {
			m.Pct = pick(rng, 1, 50, 90, 95, 99)
		}
		r.Metrics = append(r.Metrics, m)
	}
	r.Present = rng.IntN(3) == 0
	r.Series = rng.IntN(3) == 0
	if !r.Series && !r.Folds() && rng.IntN(4) > 0 {
		return
	}
	r.Bin = pick[int64](rng, 1e9, 10e9, 60e9, 60e9, 90e9, 300e9, 1_234_567_891)
	if n := (r.To-r.From)/r.Bin + 1; n > 100 {
		r.Bin = (r.To-r.From)/100 + 1
	}
}

func dim(rng *rand.Rand) query.Dim {
	x := flow.Field(rng.IntN(flow.NumFields))
	if rng.IntN(2) == 0 {
		x = pick(rng, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldDstPort, flow.FieldAppName, flow.FieldExporter)
	}
	name := flow.Fields[x].Flat
	if rng.IntN(2) == 0 {
		name = pick(rng, "ip", "ip", "port", "if", "as", "mac", "country", "dscp", "mpls label1", "vlan")
	}
	d := query.Dim{Of: quantity(name)}
	if d.Of.Kind == query.Address {
		d.Pair = len(d.Of.Fields) == 2 && rng.IntN(2) == 0
		if rng.IntN(2) == 0 {
			d.Bits, d.Bit6 = pick[uint8](rng, 0, 8, 24, 31, 32), pick[uint8](rng, 0, 1, 48, 64, 95, 96, 126, 128)
		}
	}
	return d
}

// quantity is what a filter calls name.
func quantity(name string) *query.Quantity { return parse(name + " exists").Expr().Of }

func parse(text string) *query.Filter {
	f, err := query.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return f
}

// Filter writes a filter about what [Flows] makes, on request one that asks for
// elements without a column as well.
func Filter(rng *rand.Rand, extras bool) string { return filter(rng, extras, 3) }

func filter(rng *rand.Rand, extras bool, depth int) string {
	if depth > 0 && rng.IntN(2) == 0 {
		a, b := filter(rng, extras, depth-1), filter(rng, extras, depth-1)
		switch rng.IntN(5) {
		case 0:
			return "not (" + a + ")"
		case 1:
			return "(" + a + ") or (" + b + ")"
		case 2:
			return a + " or " + b
		}
		return a + " and " + b
	}
	number := func() string { return pick(rng, "0", "1", "2", "3", "5", "6", "17", "53", "80", "443", "1500", "255") }
	compare := func() string { return pick(rng, " ", " = ", " != ", " < ", " <= ", " > ", " >= ") }
	net := func() string {
		return pick(rng, "10.0.0.1", "10.0.1.2", "10.0.0.0/24", "10.0.0.0/30", "0/0", "::/0", "::/80", "2001:db8::/32", "2001:db8::1", "::2", "::/126", "::8000:0:0/81", "::ffff:10.0.0.3", "192.0.2.1")
	}
	list := func(of func() string) string {
		var s []string
		for range 1 + rng.IntN(4) {
			s = append(s, of())
		}
		return " in [" + strings.Join(s, " ") + "]"
	}
	n := 13
	if extras {
		n++
	}
	switch rng.IntN(n) {
	case 0:
		return pick(rng, "any", "ipv4", "ipv6", "not inet")
	case 1:
		return pick(rng, "src ip", "dst net", "ip", "next ip", "exporter ip", "nat ip") + pick(rng, " ", " = ", " != ") + net()
	case 2:
		return pick(rng, "src ip", "ip", "sender ip") + list(net)
	case 3:
		return pick(rng, "flags ", "not flags ", "flags = ", "flags != ", "tcp_flags ", "flags > ") + pick(rng, "S", "SA", "0", "7", "X")
	case 4:
		return pick(rng, "icmp-type", "icmp-code") + compare() + pick(rng, "0", "1", "8")
	case 5:
		return "duration" + compare() + pick(rng, "0", "1s", "2500", "60s", "1h")
	case 6:
		return pick(rng, "pps", "bps", "bpp") + compare() + pick(rng, "0", "1", "3", "40", "10k", "100m")
	case 7:
		at := time.Unix(0, Epoch+rng.Int64N(1800e9)).UTC()
		return pick(rng, "start", "end", "received") + compare() + at.Format(pick(rng, "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.999Z"))
	case 8:
		return pick(rng, "app_name", "user", "country", "src_net") + pick(rng, " = dns", ` != "web"`, ` ~ "^d"`, ` !~ "s+"`, " in [dns web at]", ` = ""`)
	case 9:
		return flow.Fields[rng.IntN(flow.NumFields)].Flat + " exists"
	case 10:
		return pick(rng, "dscp 1", "dscp > 0", "mac 00:00:00:00:00:05", "src mac 00:00:00:00:00:03", "app_id = 0:1", "port exists", "proto tcp", "proto in [tcp udp 3-9]", "src and dst port > 52", "in if 3 and out if 2")
	case 11:
		return pick(rng, "port", "src port", "dst port", "as", "if") + list(func() string { return pick(rng, number(), "3-9", "50000-50001") })
	case 13:
		return pick(rng, "natEvent 3", "natEvent > 2", "natEvent exists", `wlanSSID = "dns"`, `wlanSSID ~ "n"`, "4242_7 = 5", "4242_7 != 1", "4242_7 exists")
	}
	if rng.IntN(3) == 0 {
		return pick(rng, "tos", "ttl", "proto", "direction") + compare() + pick(rng, "0", "1", "3", "255")
	}
	return pick(rng, "port", "src port", "dst_port", "bytes", "packets", "if", "src as", "domain", "sampling_rate", "mpls label1") + compare() + pick(rng, number(), "3")
}
