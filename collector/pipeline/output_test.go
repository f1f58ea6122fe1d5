package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
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

// What hostile datagrams bring has as little memory in a queue as anything else,
// whatever is done with what it doesn't hold, and is accounted for.
func TestQueueIsBoundedInOctets(t *testing.T) {
	const records, datagrams = 9000, 40 // 3 MB each
	d := make([]byte, 16+12+4+records)
	binary.BigEndian.PutUint16(d, 10)
	binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
	for i, v := range []uint16{2, 12, 256, 1, 4, 1, 256, 4 + records} {
		binary.BigEndian.PutUint16(d[16+2*i:], v)
	}
	for _, overflow := range []Overflow{DropOldest, Block, Spill} {
		t.Run(string(overflow), func(t *testing.T) {
			open := make(chan struct{})
			sink := &taker{write: func(context.Context, *flow.Batch) error { <-open; return nil }}
			p := newPipeline(t, Default(), Deps{
				Sources: []Source{&feed{data: d, left: datagrams}},
				Outputs: []Output{{Name: "x", Sink: sink, Queue: Queue{Size: 64, Overflow: overflow, Dir: t.TempDir(), Disk: 1 << 30}}},
			})
			o := (*p.outputs.Load())[0]
			const most = 64 * 256 << 10
			done := make(chan error, 1)
			go func() { done <- p.Run(t.Context()) }()
			full := false
			for deadline := time.Now().Add(20 * time.Second); !full; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("waited in vain: %+v", p.Stats())
				}
				s := p.Stats()
				checkLedger(t, s)
				p.mu.Lock()
				inRing, waiting := 0, 0
				for _, x := range o.ring {
					if x != nil {
						inRing += x.batch.Size()
					}
				}
				if o.spill != nil {
					for _, x := range o.spill.over {
						waiting += x.batch.Size()
					}
				}
				p.mu.Unlock()
				if inRing > most || waiting > most {
					t.Fatalf("%d octets wait, and %d for the disk; %d are the most", inRing, waiting, most)
				}
				switch overflow {
				case DropOldest:
					full = s.Flows == records*datagrams
				case Block:
					full = inRing > most*3/4
				case Spill:
					full = s.Flows == records*datagrams && waiting == 0
				}
			}
			close(open)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			s := p.Stats()
			checkLedger(t, s)
			if s.Queued != 0 || s.Flows != records*datagrams || s.Written == 0 {
				t.Errorf("%+v", s)
			}
			if overflow == DropOldest && s.Dropped == 0 || overflow == Block && s.Dropped > 0 {
				t.Errorf("%d flows were dropped", s.Dropped)
			}
		})
	}
}

// A fickle sink refuses when it is told to.
type fickle struct{ err error }

func (f *fickle) Write(context.Context, *flow.Batch) error { return f.err }
func (f *fickle) Close() error                             { return nil }

// An output that refuses, or takes nothing for long, is in trouble until it takes
// something.
func TestTrouble(t *testing.T) {
	sink := &fickle{}
	p := newPipeline(t, Default(), Deps{Sources: []Source{&feed{data: v5(30, 0), left: 1 << 30}}, Sink: sink})
	is := func(want string) {
		t.Helper()
		if got := p.Stats().Outputs[0].Trouble; got != want {
			t.Errorf("trouble is %q, want %q", got, want)
		}
	}
	step(t, p)
	is("")
	sink.err = errors.New("disk is full")
	step(t, p)
	is("disk is full")
	sink.err = nil
	step(t, p)
	is("")

	o := (*p.outputs.Load())[0]
	if !p.workers[0].step(t.Context()) {
		t.Fatal("source has ended")
	}
	x := o.pop()
	is("")
	if got := o.stats(time.Now().Add(12 * time.Second)).Trouble; got != "a batch has not been taken for 12s" {
		t.Errorf("trouble is %q", got)
	}
	o.deliver(t.Context(), x)
	is("")
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
