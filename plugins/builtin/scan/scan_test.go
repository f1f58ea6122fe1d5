package scan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

const (
	t0     = 1_795_305_600e9 // a multiple of five minutes
	minute = 60e9
)

func ip(a, b, c, d byte) flow.Addr { return flow.AddrFrom4([4]byte{a, b, c, d}) }

// try is an unanswered flow of 192.0.2.9 to host n.
func try(n int, proto uint8, port uint16, end int64) flow.Flow {
	f := flow.Flow{
		SrcAddr: ip(192, 0, 2, 9), DstAddr: ip(198, 51, byte(n>>8), byte(n)), SrcPort: uint16(40000 + n), DstPort: port,
		Proto: proto, Packets: 1, Start: end - 1e6, End: end, Exporter: ip(203, 0, 113, 1),
	}
	if proto == tcp {
		f.TCPFlags = syn
	}
	return f
}

// back is the answer to f.
func back(f flow.Flow, flags uint16) flow.Flow {
	f.SrcAddr, f.DstAddr, f.SrcPort, f.DstPort = f.DstAddr, f.SrcAddr, f.DstPort, f.SrcPort
	f.TCPFlags = flags
	return f
}

// each makes n flows.
func each(n int, make func(i int) flow.Flow) (fl []flow.Flow) {
	for i := range n {
		fl = append(fl, make(i))
	}
	return fl
}

// find runs a detector over fl, sorted by end.
func find(t *testing.T, cfg Config, fl []flow.Flow) []detect.Finding {
	t.Helper()
	fl = slices.Clone(fl)
	slices.SortStableFunc(fl, func(a, b flow.Flow) int { return int(max(-1, min(1, a.End-b.End))) })
	return detectAll(t, cfg, &flow.Batch{Flows: fl})
}

func keys(found []detect.Finding) string {
	var s []string
	for _, f := range found {
		s = append(s, fmt.Sprintf("%s: %v", f.Key, f.Metrics["destinations"]))
	}
	return strings.Join(s, ", ")
}

func TestRules(t *testing.T) {
	const ten = "192.0.2.9 tcp 445: 10"
	syns := func(n int) []flow.Flow {
		return each(n, func(i int) flow.Flow { return try(i, tcp, 445, t0+int64(i)*1e9) })
	}
	change := func(fl []flow.Flow, f func(f *flow.Flow)) []flow.Flow {
		fl = slices.Clone(fl)
		for i := range fl {
			f(&fl[i])
		}
		return fl
	}
	udps := func(n int) []flow.Flow {
		return each(n, func(i int) flow.Flow { return try(i, udp, 161, t0+int64(i)*1e9) })
	}
	both := func(fl []flow.Flow, flags uint16, shift int64) (all []flow.Flow) {
		for _, f := range fl {
			r := back(f, flags)
			r.End += shift
			all = append(all, f, r)
		}
		return all
	}
	for name, c := range map[string]struct {
		flows []flow.Flow
		want  string
	}{
		"syn":                     {syns(10), ten},
		"one below the threshold": {syns(9), ""},
		"same destination again":  {append(syns(9), syns(9)...), ""},
		"refused":                 {both(syns(10), 4|ack, 1), ten},
		"half open":               {both(change(syns(10), func(f *flow.Flow) { f.TCPFlags, f.Packets = syn|4, 2 }), syn|ack, 1), ten},
		"established":             {change(syns(50), func(f *flow.Flow) { f.TCPFlags = syn | ack }), ""},
		"no syn":                  {change(syns(50), func(f *flow.Flow) { f.TCPFlags = ack }), ""},
		"no flags":                {change(syns(10), func(f *flow.Flow) { f.TCPFlags = 0 }), ten},
		"no flags, answered":      {change(both(syns(10), 0, 1), func(f *flow.Flow) { f.TCPFlags = 0 }), ""},
		"no flags, long":          {change(syns(10), func(f *flow.Flow) { f.TCPFlags, f.Packets = 0, 4 }), ""},
		"crosses windows":         {each(18, func(i int) flow.Flow { return try(i, tcp, 445, t0+4.1*minute+int64(i)*6e9) }), ""},
		"udp":                     {udps(10), "192.0.2.9 udp 161: 10"},
		"udp, answered":           {both(udps(200), 0, 1), ""},
		"udp, answer ends first":  {both(udps(200), 0, -1), ""},
		"udp, half answered":      {append(both(udps(20), 0, 1), each(20, func(i int) flow.Flow { return try(100+i, udp, 161, t0) })...), "192.0.2.9 udp 161: 20"},
		"icmp":                    {change(udps(50), func(f *flow.Flow) { f.Proto = 1 }), ""},
		"multicast":               {change(udps(50), func(f *flow.Flow) { f.DstAddr[12] = 239 }), ""},
		"multicast, IPv6":         {change(udps(50), func(f *flow.Flow) { f.DstAddr = flow.Addr{0xff, 2, 15: f.DstAddr[15]} }), ""},
		"IPv6": {change(udps(10), func(f *flow.Flow) {
			f.SrcAddr, f.DstAddr = flow.Addr{0x20, 1, 15: 1}, flow.Addr{0x20, 1, 14: 1, 15: f.DstAddr[15]}
		}), "2001::1 udp 161: 10"},
		"directed broadcasts": {change(udps(50), func(f *flow.Flow) { f.DstAddr, f.DstMask = ip(10, 0, f.DstAddr[15], 255), 24 }), ""},
		"ends in 255":         {change(udps(10), func(f *flow.Flow) { f.DstAddr, f.DstMask = ip(10, 0, f.DstAddr[15], 255), 16 }), "192.0.2.9 udp 161: 10"},
		"firewall creates":    {change(syns(50), func(f *flow.Flow) { f.TCPFlags, f.Packets, f.FwEvent = 0, 0, created }), ""},
		"firewall denies":     {change(syns(10), func(f *flow.Flow) { f.TCPFlags, f.Packets, f.FwEvent = 0, 0, denied }), ten},
		"a crawler": {append(syns(10), each(31, func(i int) flow.Flow {
			f := try(i+100, tcp, 445, t0)
			f.TCPFlags, f.Packets = syn|ack, 20
			return f
		})...), ""},
		"a crawler that fails often": {append(syns(10), each(30, func(i int) flow.Flow {
			f := try(i+100, tcp, 445, t0)
			f.TCPFlags, f.Packets = syn|ack, 20
			return f
		})...), ten},
		"two ports and two windows": {
			append(syns(10), each(22, func(i int) flow.Flow { return try(i, tcp, uint16(22+i%2), t0+6*minute) })...),
			ten + ", 192.0.2.9 tcp 22: 11, 192.0.2.9 tcp 23: 11",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := keys(find(t, Default(), c.flows)); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestFinding(t *testing.T) {
	fl := each(150, func(i int) flow.Flow { return try(149-i, tcp, 445, t0+int64(i)*1e9) })
	for i := range fl {
		fl[i].SrcAddr = ip(10, 1, 2, 3)
	}
	got := find(t, Default(), append(fl, fl[:30]...))
	if len(got) != 1 {
		t.Fatalf("%d findings", len(got))
	}
	f := got[0]
	if f.Class != "scan.horizontal" || f.Technique != "T1046" || f.Severity != detect.High || f.Confidence != 0.9 ||
		f.Start != t0 || f.End != t0+5*minute || len(f.Actions) != 2 ||
		f.Explanation != "10.1.2.3 tried tcp port 445 on 150 destinations within 149 s and got through to none." {
		t.Errorf("%+v", f)
	}
	if m := f.Metrics; m["destinations"] != 150 || m["flows"] != 180 || m["seconds"] != 149 || m["left_out"] != 0 {
		t.Errorf("metrics %v", m)
	}
	if len(f.Evidence) != detect.MaxEvidence || f.Evidence[0] != detect.KeyOf(&fl[0]) || f.Evidence[99] != detect.KeyOf(&fl[99]) {
		t.Errorf("%d flows as evidence, first %+v", len(f.Evidence), f.Evidence[0])
	}
}

// A window closes when the watermark reaches its end, and fires once.
func TestWatermark(t *testing.T) {
	d, err := New(Default())
	if err != nil {
		t.Fatal(err)
	}
	step := func(watermark int64, want int, fl ...flow.Flow) {
		t.Helper()
		if got := d.Detect(nil, detect.Input{Flows: &flow.Batch{Flows: fl}, Watermark: watermark}); len(got) != want {
			t.Fatalf("at %v: %d findings, want %d", time.Duration(watermark-t0), len(got), want)
		}
	}
	step(0, 0)
	step(t0, 0)
	step(t0+minute, 0, each(20, func(i int) flow.Flow { return try(i, tcp, 22, t0+1) })...)
	step(t0+5*minute-1, 0)
	step(t0+5*minute, 1)
	step(t0+6*minute, 0)
	step(t0+6*minute, 0, each(20, func(i int) flow.Flow { return try(i, tcp, 22, t0+1) })...) // too late
	step(t0+8*minute, 0, each(20, func(i int) flow.Flow { return try(i, tcp, 22, t0+7*minute) })...)
	step(t0+11*minute, 1, try(1, tcp, 22, t0+10*minute)) // a row of the next window closes the one before
	step(detect.Forever, 0)
}

func TestBounded(t *testing.T) {
	cfg := Default()
	cfg.MaxPairs = 100
	d, _ := New(cfg)
	got := d.Detect(nil, detect.Input{Flows: &flow.Batch{Flows: each(1000, func(i int) flow.Flow { return try(i, tcp, 22, t0) })}, Watermark: t0})
	if len(got) != 0 || len(d.pairs) != 100 || len(d.other) > 100 {
		t.Fatalf("%d pairs, %d others", len(d.pairs), len(d.other))
	}
	got = d.Detect(nil, detect.Input{Flows: &flow.Batch{}, Watermark: detect.Forever})
	if len(got) != 1 || got[0].Metrics["destinations"] != 100 || got[0].Metrics["left_out"] != 900 {
		t.Fatalf("found %+v", got)
	}
}

// The same flows give the same bytes, however they are cut into batches and
// however rows of the same end are ordered.
func TestDeterministic(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	fl := each(5000, func(i int) flow.Flow {
		f := try(rnd.IntN(300), []uint8{tcp, udp}[rnd.IntN(2)], uint16(20+rnd.IntN(4)), t0+int64(rnd.IntN(900))*1e9)
		f.SrcAddr[15] = byte(rnd.IntN(10))
		if rnd.IntN(3) == 0 {
			f = back(f, syn|ack)
		}
		return f
	})
	run := func(cut int) string {
		rnd.Shuffle(len(fl), func(i, j int) { fl[i], fl[j] = fl[j], fl[i] })
		sorted := slices.Clone(fl)
		slices.SortStableFunc(sorted, func(a, b flow.Flow) int { return int(max(-1, min(1, a.End-b.End))) })
		d, _ := New(Default())
		var found []detect.Finding
		for part := range slices.Chunk(sorted, cut) {
			found = d.Detect(found, detect.Input{Flows: &flow.Batch{Flows: part}, Watermark: part[len(part)-1].End})
		}
		found = d.Detect(found, detect.Input{Flows: &flow.Batch{}, Watermark: detect.Forever})
		if len(found) < 10 {
			t.Fatalf("only %d findings", len(found))
		}
		out, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	want := run(5000)
	for _, cut := range []int{1, 7, 1000, 5000} {
		if run(cut) != want {
			t.Errorf("in batches of %d the findings differ", cut)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{{}, {Window: time.Minute, Threshold: 1}, {Window: time.Minute, Threshold: 9, Share: 2, MaxPairs: 9}, {Window: time.Minute, Threshold: 9, MaxPairs: 8}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func BenchmarkDetect(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	fl := each(8192, func(i int) flow.Flow { return try(rnd.IntN(60000), []uint8{tcp, udp}[i%2], 443, t0) })
	for i := range fl {
		if i%8 > 0 && fl[i].Proto == tcp {
			fl[i].TCPFlags, fl[i].Packets = syn|ack, 12
		}
		fl[i].SrcAddr[14] = byte(rnd.IntN(200))
	}
	d, _ := New(Default())
	in := detect.Input{Flows: &flow.Batch{Flows: fl}, Watermark: t0}
	for b.Loop() {
		d.Detect(nil, in)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/8192, "ns/row")
}
