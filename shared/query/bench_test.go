package query

import (
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// batches are a few, as a pipeline has them on their way.
func batches() (all []*flow.Batch) {
	for i := range 4 {
		all = append(all, traffic(uint64(i), 512))
	}
	return all
}

// traffic is a batch as a decoder leaves it.
func traffic(seed uint64, n int) *flow.Batch {
	rnd := rand.New(rand.NewPCG(seed, 1))
	b := new(flow.Batch)
	apps := []flow.Str{b.Strings.Intern([]byte("https")), b.Strings.Intern([]byte("dns")), b.Strings.Intern([]byte("google-services"))}
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		*f = flow.Flow{
			SrcAddr: flow.AddrFrom4([4]byte{10, byte(rnd.IntN(4)), byte(rnd.Uint32()), byte(rnd.Uint32())}),
			DstAddr: flow.AddrFrom4([4]byte{172, byte(rnd.IntN(4)), byte(rnd.Uint32()), byte(rnd.Uint32())}),
			SrcPort: uint16(rnd.Uint32()), DstPort: []uint16{53, 80, 443, 22, 5060}[rnd.IntN(5)],
			Proto: []uint8{6, 6, 6, 17}[rnd.IntN(4)], TCPFlags: uint16(rnd.IntN(64)),
			Bytes: uint64(rnd.IntN(1 << 20)), Packets: uint64(1 + rnd.IntN(1<<10)),
			SrcAS: 64496 + rnd.Uint32N(100), DstAS: 64496 + rnd.Uint32N(100), InIf: rnd.Uint32N(48), OutIf: rnd.Uint32N(48),
			Start: 1_795_305_600e9, End: 1_795_305_600e9 + rnd.Int64N(60e9),
			AppName: apps[rnd.IntN(len(apps))],
		}
		f.Set = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto,
			flow.FieldTCPFlags, flow.FieldBytes, flow.FieldPackets, flow.FieldSrcAS, flow.FieldDstAS, flow.FieldInIf,
			flow.FieldOutIf, flow.FieldStart, flow.FieldEnd, flow.FieldAppName)
	}
	return b
}

var benchmarks = []struct{ name, text string }{
	{"port", "dst port 443"},
	{"usual", "src net 10.1.0.0/16 and dst port in [80 443] and proto tcp and bytes > 1k"},
	{"either", "host 10.1.2.3 or port 53"},
	{"not", "not (proto udp or port in [22 5060 5061]) and flags SA"},
	{"rate", "bps > 10m and duration > 1s"},
	{"pattern", `app_name ~ "^goo"`},
}

func BenchmarkMatch(b *testing.B) {
	all := batches()
	for _, c := range benchmarks {
		x, err := Parse(c.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for k := range b.N {
				batch := all[k%len(all)]
				for i := range batch.Flows {
					if x.Match(batch, &batch.Flows[i]) {
						n++
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/flow")
		})
	}
}

// BenchmarkByHand is the filter "usual", written for the purpose.
func BenchmarkByHand(b *testing.B) {
	all := batches()
	for k := range b.N {
		batch, n := all[k%len(all)], 0
		for i := range batch.Flows {
			f := &batch.Flows[i]
			if f.Set.Has(flow.FieldSrcAddr) && f.SrcAddr.Is4() && f.SrcAddr[12] == 10 && f.SrcAddr[13] == 1 &&
				f.Set.Has(flow.FieldDstPort) && (f.DstPort == 80 || f.DstPort == 443) &&
				f.Set.Has(flow.FieldProto) && f.Proto == 6 && f.Set.Has(flow.FieldBytes) && f.Bytes > 1000 {
				n++
			}
		}
		if n == 0 {
			b.Fatal("none")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/flow")
}
