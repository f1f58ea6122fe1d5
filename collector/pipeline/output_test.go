package pipeline

import (
	"encoding/binary"
	"testing"
)

// step moves what one read gives from the source to the sink, on one goroutine.
func step(t testing.TB, p *Pipeline) {
	w := p.workers[0]
	if !w.step(t.Context()) {
		t.Fatal("source has ended")
	}
	for _, o := range *p.outputs.Load() {
		for o.n > 0 {
			o.deliver(t.Context(), o.pop())
		}
	}
}

func TestNoAllocations(t *testing.T) {
	p := newPipeline(t, Default(), Deps{Sources: []Source{&feed{data: v5(30, 0), left: 1 << 30}}, Sink: &taker{}})
	step(t, p)
	if n := testing.AllocsPerRun(200, func() { step(t, p) }); n != 0 {
		t.Errorf("%v allocations for a read of %d datagrams, want none", n, readAhead)
	}
	if s := p.Stats(); s.Written < 100_000 {
		t.Errorf("only %d flows were written", s.Written)
	}
}

// A datagram of 65,000 records of one octet makes a batch of 20 MB. It passes,
// and its memory is not kept.
func TestHostileBatchIsNotKept(t *testing.T) {
	const records = 65000
	d := make([]byte, 16+12+4+records)
	binary.BigEndian.PutUint16(d, 10)
	binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
	for i, v := range []uint16{2, 12, 256, 1, 4, 1, 256, 4 + records} { // a template of protocolIdentifier, its set
		binary.BigEndian.PutUint16(d[16+2*i:], v)
	}
	cfg := Default()
	cfg.Overflow = Block
	src := &feed{data: d, left: 5}
	p := newPipeline(t, cfg, Deps{Sources: []Source{src}, Sink: &taker{}})
	s := watch(t, t.Context(), p)
	if s.Written != 5*records {
		t.Fatalf("%d flows were written, want %d: %+v", s.Written, 5*records, s)
	}
	for _, x := range p.free {
		if cap(x.batch.Flows) > p.keep {
			t.Errorf("a batch with room for %d flows is kept", cap(x.batch.Flows))
		}
	}
}

func BenchmarkPipeline(b *testing.B) {
	p, err := New(Default(), Deps{Sources: []Source{&feed{data: v5(30, 0), left: 1 << 40}}, Sink: &taker{}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		step(b, p)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*readAhead*30), "ns/record")
}
