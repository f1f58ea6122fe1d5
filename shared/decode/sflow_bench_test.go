package decode

import (
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

func BenchmarkSFlow(b *testing.B) {
	payload := append(frameTCP[:len(frameTCP):len(frameTCP)], make([]byte, 128-len(frameTCP))...)
	header := tagged(1, u32(1, 1518, 4, 128), payload)
	for _, c := range []struct {
		name    string
		records [][]byte
	}{
		{"header", [][]byte{header}},
		{"header+switch", [][]byte{header, switchRec}},
		{"header+switch+router", [][]byte{header, switchRec, routerRec}},
		{"header+switch+router+gateway", [][]byte{header, switchRec, routerRec, gatewayRec}},
	} {
		var samples [][]byte
		for range 5 {
			samples = append(samples, compactOf(3, 4, c.records...))
		}
		data := sflowOf(samples...)
		b.Run(c.name, func(b *testing.B) {
			d := newDecoder()
			var batch flow.Batch
			n := 0
			for b.Loop() {
				if err := d.Decode(&batch, Datagram{From: flowtest.From, Time: at, Data: data}); err != nil {
					b.Fatal(err)
				}
				if len(batch.Flows) >= 256 {
					n += len(batch.Flows)
					batch.Reset()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/sample")
		})
	}
}
