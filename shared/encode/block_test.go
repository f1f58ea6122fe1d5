package encode

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// runs fills b with runs of flows that have the same columns, and in other
// respects are now alike, now not.
func runs(rnd *rand.Rand, b *flow.Batch) {
	b.Reset()
	for range 12 {
		set := someColumns(rnd)
		alike := rnd.IntN(3) > 0 // in all that makes the shape
		n := 1 + rnd.IntN(3*blockLen)
		var first flow.Flow
		for i := range n {
			f := flow.Flow{Set: set}
			setRandom(rnd, b, &f)
			if i == 0 {
				first = f
			}
			if alike {
				keep := f
				f = first
				f.Bytes, f.SrcPort, f.AppName, f.Proto = keep.Bytes, keep.SrcPort, keep.AppName, keep.Proto
				for _, a := range []*flow.Addr{&f.SrcAddr, &f.DstAddr, &f.NextHop} {
					a[15], a[14] = byte(rnd.Uint32()), byte(rnd.Uint32())>>rnd.IntN(8)
				}
				f.End += rnd.Int64N(1e6) * 1e6
			}
			if i > n/2 && rnd.IntN(4) > 0 {
				size := rnd.IntN(300)
				if rnd.IntN(200) == 0 {
					size = 60_000
				}
				off, d := b.Arena(flow.ExtraHeader + size)
				flow.PutExtraHeader(d, flow.Element{PEN: 64999, ID: 40}, uint16(size))
				for i := range d[flow.ExtraHeader:] {
					d[flow.ExtraHeader+i] = byte(i)
				}
				f.SetExtra(off, uint32(len(d)))
			}
			b.Grow(1)[0] = f
		}
	}
}

// Records that are written many at once come out as they do one by one.
func TestBlocks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var b flow.Batch
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		runs(rnd, &b)
		for _, p := range allProfiles {
			one, many := New(p), New(p)
			for _, app := range []func(*Encoder, []byte, *flow.Batch, []flow.Flow) []byte{(*Encoder).AppendMsgpack, (*Encoder).AppendEvents, (*Encoder).AppendEntries} {
				want := []byte("before")
				for i := range b.Flows {
					want = app(one, want, &b, b.Flows[i:i+1])
				}
				if got := app(many, []byte("before"), &b, b.Flows); !bytes.Equal(got, want) {
					t.Fatalf("%s: %d flows at once are %d octets, one by one %d", p, len(b.Flows), len(got), len(want))
				}
			}
			for i := 0; i < len(b.Flows); i += 97 {
				f := &b.Flows[i]
				extras := 0
				if f.HasExtra() {
					extras = 1
				}
				check(t, p, &b, f, extras)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// Shapes and exporters that change cost no memory, once they are known.
func TestMixedNoAllocations(t *testing.T) {
	var b flow.Batch
	runs(rand.New(rand.NewPCG(5, 6)), &b)
	var dst []byte
	for _, p := range allProfiles {
		e := New(p)
		run := func() { dst = e.AppendMsgpack(dst[:0], &b, b.Flows) }
		run()
		if n := testing.AllocsPerRun(10, run); n != 0 {
			t.Errorf("%s: %v allocations", p, n)
		}
	}
}

// A block must not be cut for nothing: what is alike is written at once.
func TestBlockLength(t *testing.T) {
	b := batch(t, 9, 24, flowtest.Twenty)
	for _, p := range allProfiles {
		if n := New(p).take(b, b.Flows, 0); n != 24 {
			t.Errorf("%s: %d flows at once, want 24", p, n)
		}
	}
	// The arrival is not to the millisecond, as it is in life.
	for i := range b.Flows {
		b.Flows[i].Received += 123_456
	}
	for _, p := range allProfiles {
		if n := New(p).take(b, b.Flows, 0); n != 24 {
			t.Errorf("%s: %d flows at once, want 24", p, n)
		}
	}
}

// An exporter that sends ever new shapes must not make an Encoder grow without
// end.
func TestPlansAreBounded(t *testing.T) {
	e := New(Flat)
	var b flow.Batch
	f := &b.Grow(1)[0]
	for i := range 3 * maxPlans {
		*f = flow.Flow{Set: flow.Set{uint64(i)}}
		e.AppendMsgpack(nil, &b, b.Flows)
		e.AppendJSON(nil, &b, f)
	}
	if len(e.msgpack) > maxPlans || len(e.json) > maxPlans {
		t.Errorf("%d and %d plans, want %d at most", len(e.msgpack), len(e.json), maxPlans)
	}
}
