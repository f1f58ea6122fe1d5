package sink

import (
	"io"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// perFlow runs f on a batch as the pipeline makes them, 20 columns, and reports the time of
// a flow.
func perFlow(b *testing.B, f func(*flow.Batch) error) {
	x := flows(1, 256)
	for i := range x.Flows {
		g := &x.Flows[i]
		g.DstAddr, g.DstPort, g.Packets, g.Start, g.InIf, g.OutIf = flow.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 443, 3, at-1e9, 3, 4
		g.Exporter, g.TCPFlags, g.SrcAS, g.DstAS, g.SrcMask, g.DstMask = g.SrcAddr, 0x1b, 64496, 64511, 24, 24
		for _, c := range []flow.Field{
			flow.FieldDstAddr, flow.FieldDstPort, flow.FieldPackets, flow.FieldStart, flow.FieldInIf, flow.FieldOutIf, flow.FieldExporter,
			flow.FieldTCPFlags, flow.FieldSrcAS, flow.FieldDstAS, flow.FieldSrcMask, flow.FieldDstMask, flow.FieldTOS, flow.FieldNextHop, flow.FieldReceived,
		} {
			g.Set.Add(c)
		}
	}
	b.ResetTimer()
	for range b.N {
		if err := f(x); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(x.Flows)), "ns/flow")
}

func BenchmarkFile(b *testing.B) {
	for _, format := range formats {
		b.Run(format, func(b *testing.B) {
			c := DefaultFile()
			c.Path, c.Format = stdout, format
			f, err := NewFile(c, Deps{Stdout: io.Discard})
			if err != nil {
				b.Fatal(err)
			}
			perFlow(b, func(x *flow.Batch) error { return f.Write(b.Context(), x) })
		})
	}
}

// BenchmarkForward makes messages, and sends none.
func BenchmarkForward(b *testing.B) {
	for _, compress := range compressions {
		b.Run(compress, func(b *testing.B) {
			c := DefaultForward()
			c.Compress = compress
			m, err := newMessenger(&c)
			if err != nil {
				b.Fatal(err)
			}
			var out []*message
			perFlow(b, func(x *flow.Batch) (err error) {
				out, err = m.append(out[:0], x, 1)
				for _, o := range out {
					m.done(o)
				}
				return err
			})
		})
	}
}
