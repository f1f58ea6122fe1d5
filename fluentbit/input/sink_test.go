package input

import (
	"io"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// batch returns the flows of a capture.
func batch(t testing.TB, path string) *flow.Batch {
	t.Helper()
	f, err := testdata.FS.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcap.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b := new(flow.Batch)
	d := decode.New(template.NewStore(template.Limits{}))
	for {
		p, err := r.Next()
		if err == io.EOF {
			return b
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSinkAllocs(t *testing.T) {
	b := batch(t, "pcap/v9/pmacctd.pcap")
	cfg := Default()
	s := newSink(newRing(1e6, 1e6, chunkSize), &cfg)
	dst := make([]byte, 0, 1e6)
	for range 100 { // until the ring has all its chunks
		s.Write(t.Context(), b)
	}
	if n := testing.AllocsPerRun(100, func() {
		s.Write(t.Context(), b)
		dst = s.ring.drain(dst[:0], 1e6)
	}); n != 0 {
		t.Errorf("%v allocations for %d flows", n, len(b.Flows))
	}
}

// BenchmarkSink is the way of a decoded flow into the buffer that Fluent Bit
// gets: encoding, ring, copy.
func BenchmarkSink(b *testing.B) {
	flows := batch(b, "pcap/v9/pmacctd.pcap")
	for _, p := range []encode.Profile{encode.ECS, encode.IPFIX, encode.Flat} {
		b.Run(p.String(), func(b *testing.B) {
			cfg := Default()
			cfg.Schema = p
			s := newSink(newRing(8e6, 8e6, chunkSize), &cfg)
			dst := make([]byte, 0, 8e6)
			records, octets := 0, 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Write(b.Context(), flows)
				records += len(flows.Flows)
				if i%100 == 0 {
					dst = s.ring.drain(dst[:0], 8e6)
					octets += len(dst)
				}
			}
			octets += len(s.ring.drain(dst[:0], 8e6))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(records), "ns/record")
			b.ReportMetric(float64(octets)/float64(records), "octets/record")
		})
	}
}
