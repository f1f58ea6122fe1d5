package decode

import (
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

func BenchmarkDecode(b *testing.B) {
	m := flowtest.New(1)
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"v1", packetV1(24)},
		{"v5", m.V5(30)},
		{"v6", packetV6(27)},
		{"v7", packetV7(27)},
		{"v8", packetV8(5, 35)},
		{"v9", flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty), m.Data(260, 24, flowtest.Twenty))},
		{"ipfix", flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.TwentyIPFIX), m.Data(260, 24, flowtest.TwentyIPFIX))},
		{"ipfix+string", flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.Named), m.Data(260, 24, flowtest.Named))},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDecoder()
			var batch flow.Batch
			n := 0
			for b.Loop() {
				if err := d.Decode(&batch, Datagram{From: flowtest.From, Time: at, Data: c.data}); err != nil {
					b.Fatal(err)
				}
				if len(batch.Flows) >= 256 {
					n += len(batch.Flows)
					batch.Reset()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}
