package engine

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/querytest"
)

const second = int64(time.Second)

// noon is where the vectors begin: at a whole minute.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixNano()

func ip(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// seenAt is a flow that was seen from from to to, in seconds after noon.
func seenAt(from, to int64, bytes uint64) flow.Flow {
	return flow.Flow{
		Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets),
		Start: noon + from*second, End: noon + to*second, Received: noon + to*second, Bytes: bytes, Packets: 1,
	}
}

// tuple gives f a 5-tuple of TCP.
func tuple(f flow.Flow, src string, srcPort uint16, dst string, dstPort uint16) flow.Flow {
	f.SrcAddr, f.SrcPort, f.DstAddr, f.DstPort, f.Proto = ip(src), srcPort, ip(dst), dstPort, 6
	for _, x := range []flow.Field{flow.FieldSrcAddr, flow.FieldSrcPort, flow.FieldDstAddr, flow.FieldDstPort, flow.FieldProto} {
		f.Set.Add(x)
	}
	return f
}

func by(f flow.Flow, exporter string) flow.Flow {
	f.Exporter = ip(exporter)
	f.Set.Add(flow.FieldExporter)
	return f
}

func sampled(f flow.Flow, rate uint32) flow.Flow {
	f.SamplingRate = rate
	f.Set.Add(flow.FieldSamplingRate)
	return f
}

// ask answers r, whose times are seconds after noon, and holds the answer against
// the oracle's.
func ask(t *testing.T, r query.Request, flows ...flow.Flow) *query.Answer {
	t.Helper()
	a := answer(t, &r, flows)
	if d := querytest.Diff(&r, a, querytest.Oracle(&flow.Batch{Flows: flows}, &r)); d != "" {
		t.Errorf("the oracle: %s", d)
	}
	return a
}

func answer(t *testing.T, r *query.Request, flows []flow.Flow) *query.Answer {
	t.Helper()
	r.From, r.To = noon+r.From*second, noon+r.To*second
	if r.Limit == 0 {
		r.Limit = 100
	}
	if r.Shape == query.Groups && r.Metrics == nil {
		r.Metrics = octets
	}
	a, err := Run(ctx, View{Blocks: blocks(Options{}, &flow.Batch{Flows: flows})}, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	octets  = []query.Metric{{Of: query.Bytes}}
	records = []query.Metric{{Of: query.Records}}
)

// SEMANTICS, Rates over time.
func TestSpreadOverBins(t *testing.T) {
	f := func(fl flow.Flow, want ...uint64) {
		t.Helper()
		a := ask(t, query.Request{To: 4, Bin: second, Series: true}, fl)
		if got := a.Groups[0].Bins[0]; !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	}
	f(seenAt(0, 3, 10), 3, 3, 4, 0)                               // ⌊10/3⌋, ⌊20/3⌋ − 3, 10 − 6
	f(seenAt(1, 3, 3), 0, 1, 2, 0)                                // ⌊3/2⌋
	f(seenAt(1, 1, 7), 0, 7, 0, 0)                                // a moment
	f(seenAt(3, 1, 7), 0, 0, 0, 7)                                // ends before it begins: a moment
	f(seenAt(-2, 2, 8), 2, 2, 0, 0)                               // half of it before
	f(seenAt(0, 4, math.MaxUint64), 1<<62-1, 1<<62, 1<<62, 1<<62) // ⌊(2⁶⁴−1)/4⌋ = 2⁶²−1; ⌊(2⁶⁴−1)/2⌋ = 2⁶³−1
	f(sampled(seenAt(0, 3, 10), 2), 6, 7, 7, 0)                   // scaled first: ⌊20/3⌋, ⌊40/3⌋
	f(sampled(seenAt(0, 1, 1<<63), 3), math.MaxUint64, 0, 0, 0)
}

// What is seen in an interval, and where a record counts.
func TestInterval(t *testing.T) {
	f := func(from, to int64, groups int, flows uint64) {
		t.Helper()
		a := ask(t, query.Request{From: 10, To: 20, Metrics: records}, seenAt(from, to, 1))
		if len(a.Groups) != groups || a.Flows != flows {
			t.Errorf("%d to %d: %d groups, %d flows", from, to, len(a.Groups), a.Flows)
		}
	}
	f(0, 9, 0, 0)
	f(0, 10, 0, 0) // ended as it began
	f(0, 11, 1, 1)
	f(10, 10, 1, 1) // moments
	f(19, 19, 1, 1)
	f(20, 20, 0, 0)
	f(12, 20, 1, 1)
	f(19, 21, 1, 0) // seen, but it ended later
	f(20, 21, 0, 0)
	f(0, 40, 1, 0)
	if a := ask(t, query.Request{From: 10, To: 20}, seenAt(12, 13, 1), seenAt(20, 20, 1)); a.Total[0] != 1 {
		t.Errorf("a moment at the end counts: %v", a.Total)
	}
}

// SEMANTICS, 95th percentile: the vectors of a month of 30 days.
func TestPercentile(t *testing.T) {
	const bin, n = 300, 8640
	month := func(base, spike uint64, spikes int) []flow.Flow {
		var all []flow.Flow
		for k := range int64(n) {
			volume := base
			if k%7 == 3 && spikes > 0 {
				volume, spikes = spike, spikes-1
			}
			if volume > 0 {
				all = append(all, seenAt(k*bin, k*bin, volume))
			}
		}
		return all
	}
	f := func(base, spike uint64, spikes int, present bool, want uint64) {
		t.Helper()
		r := query.Request{
			To: n * bin, Bin: bin * second, Present: present,
			Metrics: []query.Metric{{Of: query.Bytes, Fold: query.Percentile, Pct: 95}, {Of: query.Bytes, Fold: query.Peak}},
		}
		a := answer(t, &r, month(base, spike, spikes))
		if got := a.Groups[0].Values; got[0] != want || got[1] != max(base, spike) {
			t.Errorf("%d spikes of %d above %d: %v, not %d", spikes, spike, base, got, want)
		}
	}
	f(500, 0, 0, false, 500)
	f(10, 1000, 432, false, 10)
	f(10, 1000, 433, false, 1000)
	f(0, 1000, 432, false, 0)
	f(0, 1000, 432, true, 1000)
	f(0, 1000, 433, false, 1000)
	if a := ask(t, query.Request{To: n * bin, Bin: bin * second, Metrics: []query.Metric{{Fold: query.Percentile, Pct: 95}}}); len(a.Groups) != 0 {
		t.Errorf("an empty month has %+v", a.Groups)
	}
	g := func(pct int, want uint64, bins ...uint64) {
		t.Helper()
		if got := fold(query.Metric{Fold: query.Percentile, Pct: pct}, bins, 0); got != want {
			t.Errorf("%d %% is %d, not %d", pct, got, want)
		}
	}
	g(50, 2, 3, 1, 2)    // (150+99)/100 = 2
	g(50, 2, 4, 3, 2, 1) // (200+99)/100 = 2
	g(95, 4, 4, 3, 2, 1)
	g(1, 1, 4, 3, 2, 1)
	g(99, 7, 7)
}

// SEMANTICS, Direction, duplicates, conversations: the point with the most bytes
// counts, minute by minute.
func TestDedup(t *testing.T) {
	r := query.Request{To: 120, Dedup: true, Bin: 60 * second, Series: true, Metrics: []query.Metric{{Of: query.Bytes}, {Of: query.Records}, {Of: query.Distinct, Column: flow.FieldExporter}}}
	f := func(minutes [2]uint64, ended, exporters uint64, flows ...flow.Flow) {
		t.Helper()
		a := ask(t, r, flows...)
		g := a.Groups[0]
		if [2]uint64(g.Bins[0]) != minutes || g.Values[1] != ended || g.Values[2] != exporters || a.Flows != ended {
			t.Errorf("bytes %v, %v", g.Bins[0], g.Values)
		}
	}
	one := func(from, to int64, bytes uint64, exporter string) flow.Flow {
		return by(tuple(seenAt(from, to, bytes), "10.0.0.1", 50000, "10.0.0.2", 443), exporter)
	}
	egress := func(f flow.Flow) flow.Flow {
		f.Direction = 1
		f.Set.Add(flow.FieldDirection)
		return f
	}
	const a, b = "192.0.2.1", "192.0.2.2"
	f([2]uint64{100, 0}, 1, 1, one(0, 10, 100, a), one(0, 10, 90, b))
	f([2]uint64{100, 0}, 1, 1, one(0, 10, 100, b), one(0, 10, 100, a))                                                  // equal
	f([2]uint64{100, 50}, 2, 2, one(0, 10, 100, a), one(0, 10, 90, b), one(60, 70, 50, b))                              // each minute by itself
	f([2]uint64{60, 90}, 1, 2, one(0, 120, 120, a), one(70, 80, 90, b))                                                 // of the long one, the first minute; it ends in the second
	f([2]uint64{80, 0}, 1, 1, one(0, 10, 80, a), egress(one(0, 10, 70, a)))                                             // ingress and egress
	f([2]uint64{120, 0}, 2, 1, one(0, 10, 60, a), one(20, 30, 60, a), one(0, 30, 110, b))                               // a point's flows add up
	f([2]uint64{10, 0}, 1, 1, sampled(one(0, 10, 1, a), 10), sampled(one(0, 10, 9, b), 1))                              // scaled
	f([2]uint64{190, 0}, 2, 2, by(seenAt(0, 10, 100), a), by(seenAt(0, 10, 90), b))                                     // no addresses: nobody's duplicates
	f([2]uint64{190, 0}, 2, 2, one(0, 10, 100, a), by(tuple(seenAt(0, 10, 90), "10.0.0.1", 50001, "10.0.0.2", 443), b)) // another port

	// What of the minute lies outside the interval decides as well.
	cut := query.Request{From: 30, To: 60, Dedup: true, By: columnsAs(flow.FieldExporter)}
	got := ask(t, cut, one(0, 20, 100, a), one(40, 50, 10, b))
	if len(got.Groups) != 0 {
		t.Errorf("%+v", got.Groups)
	}
	got = ask(t, cut, one(0, 60, 100, a), one(40, 50, 90, b))
	if len(got.Groups) != 1 || got.Groups[0].Key[0].Addr != ip(a) || got.Groups[0].Values[0] != 50 {
		t.Errorf("%+v", got.Groups)
	}
}

func TestConversation(t *testing.T) {
	const c, s = "10.0.0.1", "192.0.2.80"
	r := query.Request{Shape: query.Conversations, From: -1000, To: 1000, Idle: 30 * second}
	there := func(from, to int64, bytes uint64) flow.Flow { return tuple(seenAt(from, to, bytes), c, 50000, s, 80) }
	back := func(from, to int64, bytes uint64) flow.Flow { return tuple(seenAt(from, to, bytes), s, 80, c, 50000) }
	flags := func(f flow.Flow, set uint16) flow.Flow {
		f.TCPFlags = set
		f.Set.Add(flow.FieldTCPFlags)
		return f
	}
	f := func(want []query.Conversation, flows ...flow.Flow) {
		t.Helper()
		got := ask(t, r, flows...).Conversations
		for i := range want {
			w := &want[i]
			w.Proto, w.Start, w.End = 6, noon+w.Start*second, noon+w.End*second
			if i < len(got) { // packets and records are as many as flows
				w.Packets, w.Records = got[i].Records, got[i].Records
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v\nnot %+v", got, want)
		}
	}
	from := func(start, end int64, a, b uint64) query.Conversation {
		return query.Conversation{A: ip(c), APort: 50000, B: ip(s), BPort: 80, Start: start, End: end, Bytes: [2]uint64{a, b}}
	}
	to := func(start, end int64, a, b uint64) query.Conversation {
		return query.Conversation{A: ip(s), APort: 80, B: ip(c), BPort: 50000, Start: start, End: end, Bytes: [2]uint64{a, b}}
	}
	f([]query.Conversation{from(0, 10, 100, 2000)}, there(0, 9, 100), back(1, 10, 2000))
	f([]query.Conversation{to(0, 10, 2000, 100)}, there(1, 9, 100), back(0, 10, 2000))                           // the earlier one began it
	f([]query.Conversation{from(0, 9, 100, 2000)}, flags(there(0, 9, 100), 2), flags(back(0, 9, 2000), 0x12))    // SYN
	f([]query.Conversation{to(0, 9, 2000, 100)}, flags(there(0, 9, 100), 0x12), flags(back(0, 9, 2000), 2))      //
	f([]query.Conversation{from(0, 9, 100, 2000)}, flags(there(0, 9, 100), 0x1b), flags(back(0, 9, 2000), 0x1b)) // neither: the higher port
	f([]query.Conversation{to(5, 9, 7, 0)}, back(5, 9, 7))                                                       // one side only
	f([]query.Conversation{from(0, 50, 3, 4)}, there(0, 10, 1), there(40, 50, 2), back(2, 8, 4))                 // 30 s apart
	f([]query.Conversation{from(41, 50, 2, 0), from(0, 10, 1, 0)}, there(0, 10, 1), there(41, 50, 2))            // 31 s
	f([]query.Conversation{from(0, 100, 5, 6)}, there(0, 100, 5), back(1, 2, 2), back(90, 91, 4))                // within the longest
	f([]query.Conversation{from(0, 9, 5, 0), from(100, 109, 5, 0)}, there(100, 109, 5), there(0, 9, 5))          // equal: the earlier
	f([]query.Conversation{from(0, 2000, 50, 0)}, there(0, 2000, 100))                                           // half of it in the interval
	f(nil, seenAt(0, 1, 5))                                                                                      // no addresses

	r.Metrics = records
	if got := ask(t, r, there(0, 1, 1000), there(100, 101, 1), there(102, 103, 1)).Conversations; len(got) != 2 || got[0].Records != [2]uint64{2, 0} {
		t.Errorf("%+v", got)
	}
}

// Either side, pairs, prefixes.
func TestSides(t *testing.T) {
	x, y, z := "10.0.0.1", "10.0.0.2", "2001:db8::1"
	flows := []flow.Flow{
		tuple(seenAt(0, 1, 100), x, 1, y, 2),
		tuple(seenAt(0, 1, 30), y, 2, x, 1),
		tuple(seenAt(0, 1, 5), x, 1, x, 1),
		tuple(seenAt(0, 1, 1000), z, 1, y, 1),
	}
	lone := tuple(seenAt(0, 1, 7), x, 1, y, 2)
	lone.DstAddr = flow.Addr{}
	lone.Set.Del(flow.FieldDstAddr)
	flows = append(flows, lone, seenAt(0, 1, 3))
	q, err := query.Parse("ip exists")
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		key        query.Key
		v, in, out uint64
	}
	f := func(d query.Dim, want ...row) {
		t.Helper()
		a := ask(t, query.Request{To: 10, By: []query.Dim{d}, Sides: true}, flows...)
		var got []row
		for _, g := range a.Groups {
			got = append(got, row{g.Key[0], g.Values[0], g.In[0], g.Out[0]})
		}
		if !slices.Equal(got, want) || a.Total[0] != 1145 {
			t.Errorf("%+v\nnot %+v, total %d", got, want, a.Total[0])
		}
	}
	of := func(a string) query.Key { return query.Key{Addr: ip(a)} }
	missing := query.Key{Missing: true}
	f(query.Dim{Of: q.Expr().Of}, row{of(y), 1130, 1100, 30}, row{of(z), 1000, 0, 1000}, row{of(x), 142, 35, 112}, row{missing, 3, 3, 3})
	f(query.Dim{Of: q.Expr().Of, Pair: true},
		row{query.Key{Addr: ip(y), Peer: ip(z)}, 1000, 1000, 0}, // ::ffff:10.0.0.2 is the lower one
		row{query.Key{Addr: ip(x), Peer: ip(y)}, 130, 30, 100},
		row{missing, 10, 10, 10}, row{query.Key{Addr: ip(x), Peer: ip(x)}, 5, 5, 5})
	f(query.Dim{Of: q.Expr().Of, Bits: 24, Bit6: 32}, row{of("10.0.0.0"), 1142, 1135, 142}, row{of("2001:db8::"), 1000, 0, 1000}, row{missing, 3, 3, 3})
}

// Groups of the same size are ordered by key: missing values last, texts by octets,
// addresses and times as numbers.
func TestOrder(t *testing.T) {
	var flows []flow.Flow
	for _, a := range []string{"2001:db8::1", "10.0.0.2", "::1", "9.0.0.1", "::ffff:0:0:1"} {
		f := seenAt(0, 1, 8)
		f.NextHop = ip(a)
		f.Set.Add(flow.FieldNextHop)
		flows = append(flows, f)
	}
	flows = append(flows, seenAt(0, 1, 8))
	var got []string
	for _, g := range ask(t, query.Request{To: 10, By: columnsAs(flow.FieldNextHop)}, flows...).Groups {
		if g.Key[0].Missing {
			got = append(got, "missing")
		} else {
			got = append(got, g.Key[0].Addr.String())
		}
	}
	if want := []string{"::1", "9.0.0.1", "10.0.0.2", "::ffff:0:0:1", "2001:db8::1", "missing"}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	early := seenAt(0, 1, 8)
	early.Received = -5
	groups := ask(t, query.Request{To: 10, By: columnsAs(flow.FieldReceived)}, early, seenAt(0, 1, 8)).Groups
	if int64(groups[0].Key[0].Uint) != -5 {
		t.Errorf("%+v", groups)
	}
}

// Sums that no link could carry don't wrap around, and of ones that are cut off so,
// neither is the larger.
func TestSaturates(t *testing.T) {
	var flows []flow.Flow
	for i := range 5 {
		f := sampled(seenAt(0, 0, 1<<63), 1000)
		f.InIf = uint32(i % 2)
		f.Set.Add(flow.FieldInIf)
		flows = append(flows, f)
	}
	a := ask(t, query.Request{To: 10, Bin: 10 * second, Series: true, Limit: 1, By: columnsAs(flow.FieldInIf)}, flows...)
	const most = math.MaxUint64
	g := a.Groups[0]
	if g.Values[0] != most || g.Bins[0][0] != most || g.Key[0].Uint != 0 || a.Other.Values[0] != most || a.Other.Bins[0][0] != most || a.Total[0] != most {
		t.Errorf("%+v", a)
	}
	if a.Sampled != 5 || a.Unknown != 0 || g.Samples != 3 {
		t.Errorf("%+v", a)
	}
}

// Rates above 1 of what counts, whether a block has others or none; none if what is
// sampled ended later.
func TestRates(t *testing.T) {
	f := func(least, most uint32, r query.Request, flows ...flow.Flow) {
		t.Helper()
		if a := ask(t, r, flows...); a.LeastRate != least || a.MostRate != most {
			t.Errorf("%d to %d, want %d to %d", a.LeastRate, a.MostRate, least, most)
		}
	}
	plain := seenAt(0, 1, 10)
	ten, hundred := sampled(seenAt(0, 1, 10), 10), sampled(seenAt(2, 3, 10), 100)
	f(0, 0, query.Request{To: 10}, plain)
	f(0, 0, query.Request{To: 10}, plain, sampled(plain, 1))
	f(10, 100, query.Request{To: 10}, hundred, ten)
	f(10, 100, query.Request{To: 10}, plain, ten, sampled(plain, 1), hundred)
	f(100, 100, query.Request{From: 2, To: 10}, plain, ten, hundred)
	f(0, 0, query.Request{To: 10}, plain, sampled(seenAt(5, 15, 10), 10))
	f(10, 10, query.Request{To: 10, Shape: query.Conversations, Idle: second}, plain, ten)
	f(10, 100, query.Request{To: 10, Shape: query.Flows}, plain, ten, hundred)
}

// More bins than are folded at a time.
func TestManyBins(t *testing.T) {
	const bins, groups = 50_000, 2*maxBins/50_000 + 10
	var flows []flow.Flow
	for i := range int64(groups) {
		for _, at := range []int64{i, 2 * i, bins - 1} {
			f := seenAt(at, at, uint64(100+i))
			f.InIf = uint32(i)
			f.Set.Add(flow.FieldInIf)
			flows = append(flows, f)
		}
	}
	r := query.Request{To: bins, Bin: second, Present: true, By: columnsAs(flow.FieldInIf), Metrics: []query.Metric{{Fold: query.Percentile, Pct: 50}, {Fold: query.Peak}}}
	a := answer(t, &r, flows)
	if len(a.Groups) != groups {
		t.Fatalf("%d groups", len(a.Groups))
	}
	for k, g := range a.Groups {
		i := uint64(groups - 1 - k)
		peak := 100 + i
		if i == 0 { // both of its first flows are in one bin
			peak = 200
		}
		if k := g.Key[0].Uint; k != i || !slices.Equal(g.Values, []uint64{100 + i, peak}) {
			t.Errorf("group %d has %v", k, g.Values)
		}
	}
}
