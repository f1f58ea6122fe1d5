package query

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// randomBatch makes flows of any columns, with values of which few differ, so
// that comparisons have both outcomes.
func randomBatch(rnd *rand.Rand, n int) *flow.Batch {
	b := new(flow.Batch)
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		*f = flow.Flow{}
		for x := range flow.Field(flow.NumFields) {
			if rnd.IntN(4) == 0 {
				continue
			}
			f.Set.Add(x)
			switch c := &flow.Fields[x]; {
			case c.Kind == flow.KindAddr:
				*f.Addr(x) = randomAddr(rnd)
			case c.Kind == flow.KindStr:
				f.SetUint(x, uint64(b.Strings.Intern([]byte(randomText(rnd)))))
			case c.Kind == flow.KindTime:
				f.SetUint(x, uint64(rnd.Int64N(5)*1e9))
			case rnd.IntN(8) == 0:
				f.SetUint(x, 1<<(8*c.Size)-1)
			default:
				f.SetUint(x, uint64(rnd.IntN(20)))
			}
		}
		if rnd.IntN(2) == 0 {
			f.Proto = []uint8{1, 6, 58}[rnd.IntN(3)]
		}
		randomExtras(rnd, b, f)
	}
	return b
}

func randomAddr(rnd *rand.Rand) flow.Addr {
	switch rnd.IntN(4) {
	case 0:
		return flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: byte(rnd.IntN(4))}
	case 1:
		return flow.Addr{15: byte(rnd.IntN(4))}
	}
	return flow.AddrFrom4([4]byte{10, 0, byte(rnd.IntN(2)), byte(rnd.IntN(4))})
}

func randomText(rnd *rand.Rand) string {
	return []string{"", "dns", "dnssec", "http", "x\xff"}[rnd.IntN(5)]
}

// extras are elements without a column of all types: an unsigned8, a float64, a
// string, a macAddress, an ipv4Address, an ipv6Address, a dateTimeMilliseconds,
// a boolean, a signed32, octets, and one that no registry has.
var extras = []struct {
	e     flow.Element
	name  string
	value []string
}{
	{flow.Element{ID: 230}, "natEvent", []string{"1", "2", "add", "0-3", "19"}},
	{flow.Element{ID: 311}, "samplingProbability", []string{"0", "0.5", "-1", "1e3"}},
	{flow.Element{ID: 147}, "wlanSSID", []string{"dns", `"dnssec"`, `""`}},
	{flow.Element{ID: 365}, "staMacAddress", []string{"00:00:00:00:00:01", "00:00:00:00:00:02"}},
	{flow.Element{ID: 366}, "staIPv4Address", []string{"10.0.0.1", "10.0.0.0/24", "::/0"}},
	{flow.Element{ID: 140}, "mplsTopLabelIPv6Address", []string{"::2", "::/0", "2001:db8::/126", "10.0.0.0/8"}},
	{flow.Element{ID: 303}, "informationElementId", []string{"1", "7"}},
	{flow.Element{ID: 276}, "dataRecordsReliability", []string{"true", "false", "0"}},
	{flow.Element{ID: 434}, "mibObjectValueInteger", []string{"-1", "0", "5", "-7"}},
	{flow.Element{ID: 160}, "systemInitTimeMilliseconds", []string{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.002Z"}},
	{flow.Element{PEN: 4242, ID: 7}, "4242_7", []string{"0", "1", "0x101"}},
}

func randomExtras(rnd *rand.Rand, b *flow.Batch, f *flow.Flow) {
	var all []octets
	for range rnd.IntN(8) {
		x := extras[rnd.IntN(len(extras))].e
		n := []int{0, 1, 1, 2, 4, 6, 8, 16}[rnd.IntN(8)]
		v := make([]byte, n)
		if n > 0 {
			v[n-1] = byte(rnd.IntN(4))
		}
		switch {
		case n == 4 && rnd.IntN(2) == 0:
			v = []byte{10, 0, byte(rnd.IntN(2)), byte(rnd.IntN(4))}
		case n == 8 && rnd.IntN(2) == 0:
			binary.BigEndian.PutUint64(v, []uint64{0x3fe0_0000_0000_0000, 0x7ff8_0000_0000_0001, 0xbff0_0000_0000_0000, 1 << 63}[rnd.IntN(4)])
		case n == 16 && rnd.IntN(2) == 0:
			a := randomAddr(rnd)
			v = a[:]
		case n == 6 && rnd.IntN(2) == 0:
			v = []byte("dns\x00\x00\x00")
		}
		all = append(all, octets{x, string(v)})
	}
	addExtras(b, f, all)
}

// randomFilter writes a filter.
func randomFilter(rnd *rand.Rand, depth int) string {
	if depth > 0 && rnd.IntN(3) > 0 {
		a, b := randomFilter(rnd, depth-1), randomFilter(rnd, depth-1)
		switch rnd.IntN(5) {
		case 0:
			return "not " + a
		case 1:
			return "not (" + a + ")"
		case 2:
			return "(" + a + ") or (" + b + ")"
		case 3:
			return a + " or " + b
		}
		return a + " and " + b
	}
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	compare := func() string { return pick(" ", " = ", " != ", " < ", " <= ", " > ", " >= ") }
	list := func(value func() string) string {
		var s []string
		for range 1 + rnd.IntN(4) {
			s = append(s, value())
		}
		return " in [" + strings.Join(s, pick(" ", ", ")) + "]"
	}
	number := func() string {
		if rnd.IntN(6) == 0 {
			return "255"
		}
		return fmt.Sprint(rnd.IntN(22))
	}
	address := func() string {
		return pick("10.0.0.1", "10.0.0.0/24", "10.0.0.0/30", "0/0", "::/0", "::/80", "2001:db8::/32", "2001:db8::1", "::2", "::/126", "::8000:0:0/81", "::ffff:10.0.0.3")
	}
	switch rnd.IntN(14) {
	case 0:
		return pick("any", "ipv4", "ipv6", "not inet")
	case 1:
		return pick("src ip", "dst net", "ip", "next ip", "exporter", "nat ip", "srcAddr") + pick(" ", " = ", " != ") + address()
	case 2:
		return pick("src ip", "ip", "sender") + list(address)
	case 3:
		return pick("flags ", "not flags ", "not not flags ", "flags = ", "flags != ", "tcp_flags ", "flags > ") + pick("S", "SA", "0", "7", "X")
	case 4:
		return pick("icmp-type", "icmp-code") + compare() + number()
	case 5:
		return "duration" + compare() + pick("0", "1s", "2500", "3000ms", "1d")
	case 6:
		return pick("pps", "bps", "bpp") + compare() + pick("0", "1", "2", "3", "40", "10k")
	case 7:
		return pick("start", "end", "received") + compare() + "1970-01-01T00:00:0" + number()[:1] + "Z"
	case 8:
		return pick("app_name", "user", "wlanSSID") + pick(" = dns", ` != "x"`, ` ~ "^d"`, ` !~ "s+"`, " in [dns http x]", ` = ""`)
	case 9:
		q := extras[rnd.IntN(len(extras))]
		op := pick(" = ", " != ")
		if rnd.IntN(3) == 0 {
			return q.name + list(func() string { return pick(q.value...) })
		}
		return q.name + op + pick(q.value...)
	case 10:
		return pick("natEvent", "samplingProbability", "mibObjectValueInteger", "4242_7") + compare() + pick("0", "1", "2")
	case 11:
		return flow.Fields[rnd.IntN(flow.NumFields)].Flat + " exists"
	case 12:
		return pick("dscp 3", "dscp > 1", "mac 00:00:00:00:00:05", "src mac 00:00:00:00:00:07", "app_id = 0:3", "port exists", "natEvent exists", "proto tcp", "proto in [tcp udp 3-9]")
	}
	name := pick("port", "src port", "dst_port", "proto", "tos", "bytes", "packets", "if", "in if", "as", "src as", "vlan", "mask", "ttl", "ttl", "icmp_type", "mpls label1", "domain", "sampling_rate", "src and dst port", "dst or src as")
	if rnd.IntN(3) == 0 {
		return name + list(func() string { return pick(number(), "3-9", "12-15") })
	}
	return name + compare() + number()
}

// All that is fast is held against what is slow and plain.
func TestRandom(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	b := randomBatch(rnd, 200)
	seen := map[Truth]int{}
	for range rounds {
		text := randomFilter(rnd, 4)
		x, err := Parse(text)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		check(t, x, b, seen)
	}
	for _, v := range []Truth{False, Unknown, True} {
		if seen[v] < rounds*len(b.Flows)/20 {
			t.Errorf("only %d results are %v", seen[v], v)
		}
	}
}

// check holds a filter against the slow evaluator and against its own text.
func check(t *testing.T, x *Filter, b *flow.Batch, seen map[Truth]int) {
	t.Helper()
	again, err := Parse(x.String())
	if err != nil {
		t.Fatalf("%s: %v", x, err)
	}
	if again.String() != x.String() {
		t.Fatalf("%s\nbecomes\n%s", x, again)
	}
	picked := x.Select(nil, b)
	for i := range b.Flows {
		f := &b.Flows[i]
		want := slow(x.Expr(), b, f)
		if seen != nil {
			seen[want]++
		}
		if got := x.Eval(b, f); got != want {
			t.Fatalf("%s\nflow %d: %v, want %v: %+v", x, i, got, want, *f)
		}
		if got := again.Eval(b, f); got != want {
			t.Fatalf("%s\nflow %d, parsed again: %v, want %v", x, i, got, want)
		}
		if x.Match(b, f) != (want == True) {
			t.Fatalf("%s\nflow %d: match is not %v", x, i, want == True)
		}
		if want == True {
			if len(picked) == 0 || picked[0] != uint32(i) {
				t.Fatalf("%s\nflow %d is not selected", x, i)
			}
			picked = picked[1:]
		}
	}
	if len(picked) > 0 {
		t.Fatalf("%s: flow %d is selected", x, picked[0])
	}
}
