package input

import (
	"bytes"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
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

// Records of any length leave the ring within its limit, in chunks of which none is
// much more than it should be.
func TestSinkLongRecords(t *testing.T) {
	many := make([]flowtest.Field, 1000) // of one octet each, of which an event makes a name and a value
	for i := range many {
		many[i] = flowtest.F(4294967295, uint16(i+1), 1)
	}
	long := []flowtest.Field{flowtest.F(0, 371, 65535), flowtest.F(4294967295, 1, 65535)}
	for name, f := range map[string]struct {
		fields []flowtest.Field
		record []byte
	}{
		"many fields": {many, make([]byte, 1000)},
		"long text":   {long[:1], append([]byte{255, 0xf0, 0}, bytes.Repeat([]byte("x"), 0xf000)...)},
		"long octets": {long, append([]byte{0, 255, 0xf0, 0}, make([]byte, 0xf000)...)},
	} {
		t.Run(name, func(t *testing.T) {
			b, d := new(flow.Batch), decode.New(template.NewStore(template.Limits{}))
			sets := [][]byte{flowtest.Template(10, 300, f.fields)}
			for len(b.Flows) < 256 {
				sets = append(sets, flowtest.Set(300, bytes.Repeat(f.record, max(1, 50_000/len(f.record)))))
				dg := decode.Datagram{From: netip.MustParseAddrPort("192.0.2.1:4739"), Time: time.Now().UnixNano(), Data: flowtest.Packet(10, 1, sets...)}
				if err := d.Decode(b, dg); err != nil {
					t.Fatal(err)
				}
				sets = nil
			}
			cfg := Default()
			r := newRing(4e6, 4e6, chunkSize)
			s := newSink(r, &cfg)
			for range 10 {
				s.Write(t.Context(), b)
				if n := memory(r); n > 4e6 || n != r.memory {
					t.Fatalf("%d octets, %d accounted for", n, r.memory)
				}
			}
			for _, c := range r.chunks {
				if len(c.data) > 2*chunkSize && c.events > 1 {
					t.Errorf("a chunk of %d events has %d octets", c.events, len(c.data))
				}
			}
			c := r.counts()
			if c.In.Events != uint64(10*len(b.Flows)) || c.In.Events != c.Dropped.Events+c.Waiting.Events || c.Waiting.Events < 10 {
				t.Errorf("%+v of %d flows", c, 10*len(b.Flows))
			}
		})
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
