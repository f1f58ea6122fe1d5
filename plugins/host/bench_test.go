package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// twentyOne are the columns of a usual record.
var twentyOne = []flow.Field{
	flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldTOS,
	flow.FieldTCPFlags, flow.FieldInIf, flow.FieldOutIf, flow.FieldBytes, flow.FieldPackets, flow.FieldStart,
	flow.FieldEnd, flow.FieldSrcAS, flow.FieldDstAS, flow.FieldSrcMask, flow.FieldDstMask, flow.FieldNextHop,
	flow.FieldDirection, flow.FieldSamplerID, flow.FieldExporter,
}

// A toucher reads each row, counts, and reports at the end of time.
type toucher struct {
	rows        int
	bytes, xors uint64
}

func (t *toucher) Detect(dst []detect.Finding, in detect.Input) []detect.Finding {
	for i := range in.Flows.Flows {
		f := &in.Flows.Flows[i]
		t.rows++
		t.bytes += f.Bytes
		t.xors ^= uint64(f.SrcAddr[15]) ^ uint64(f.DstPort) ^ uint64(f.End) ^ uint64(f.SamplerID)
	}
	if in.Watermark == detect.Forever {
		dst = append(dst, detect.Finding{
			Key: "all", Class: "test", Severity: detect.Info, Start: 1, End: 2,
			Metrics: map[string]float64{"rows": float64(t.rows), "bytes": float64(t.bytes), "xors": float64(t.xors >> 16)},
		})
	}
	return dst
}

// usual makes n rows that have the columns twentyOne, IPv6 or IPv4.
func usual(n int, six bool) *flow.Batch {
	rnd := rand.New(rand.NewPCG(1, 7))
	b := &flow.Batch{}
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		*f = flow.Flow{Set: flow.SetOf(twentyOne...)}
		for _, x := range twentyOne {
			switch a := f.Addr(x); {
			case a == nil:
				f.SetUint(x, rnd.Uint64())
			case six:
				*a = flow.Addr{0x20, 1, 15: byte(rnd.Uint32())}
			default:
				*a = flow.AddrFrom4([4]byte{10, byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())})
			}
		}
		f.Bytes = uint64(rnd.IntN(1 << 20))
		f.End = 1_795_305_600e9 + int64(i)*1e6
	}
	return b
}

// BenchmarkFeed measures rows from Feed to a detector in a process of its own
// that reads them.
func BenchmarkFeed(b *testing.B) {
	for _, six := range []bool{false, true} {
		for _, n := range []int{256, 1000, 4096, 8192} {
			b.Run(fmt.Sprintf("ipv6=%v/rows=%d", six, n), func(b *testing.B) {
				d, f, _ := run(b, config(b, "touch"))
				in := detect.Input{Flows: usual(n, six)}
				var bytes, xors uint64
				for i := range in.Flows.Flows {
					x := &in.Flows.Flows[i]
					bytes += x.Bytes
					xors ^= uint64(x.SrcAddr[15]) ^ uint64(x.DstPort) ^ uint64(x.End) ^ uint64(x.SamplerID)
				}
				fed := 0
				b.ResetTimer()
				for b.Loop() {
					if err := d.Feed(context.Background(), in); err != nil {
						b.Fatal(err)
					}
					fed++
				}
				if err := d.Flush(context.Background()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(fed*n)/b.Elapsed().Seconds(), "rows/s")
				feed(b, d, detect.Input{Watermark: detect.Forever})
				flush(b, d)
				m := f.get()[0].Metrics
				if fed%2 == 0 {
					xors = 0
				}
				if m["rows"] != float64(fed*n) || m["bytes"] != float64(bytes*uint64(fed)) || m["xors"] != float64(xors>>16) {
					b.Fatalf("fed %d rows, %d bytes, %d; the detector saw %v", fed*n, bytes*uint64(fed), xors>>16, m)
				}
			})
		}
	}
}
