package modinput

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// A bill is a Receipt that remembers.
type bill struct {
	settled int
	by      map[int]fate
}

func (b *bill) Written()        { b.settled++ }
func (b *bill) Dropped()        { b.settled += 1000 } // a Stitcher says it one by one
func (b *bill) Failed()         { b.settled += 1000 }
func (b *bill) DroppedAt(i int) { b.at(i, fateDropped) }
func (b *bill) FailedAt(i int)  { b.at(i, fateFailed) }

func (b *bill) at(i int, f fate) {
	if _, twice := b.by[i]; twice || b.settled > 0 {
		b.settled += 1000
	}
	b.by[i] = f
}

// An unsure sink loses some of what it gets, and says so sooner or later.
type unsure struct {
	rnd   *rand.Rand
	fates map[uint64]fate // of the flow with so many octets
	later []func()
}

func (u *unsure) Close() error                             { return nil }
func (u *unsure) Write(context.Context, *flow.Batch) error { return nil }

func (u *unsure) Take(_ context.Context, b *flow.Batch, r Receipt) error {
	all := fate(u.rnd.IntN(3))
	var flows [][]uint64
	for i := range b.Flows {
		ids := []uint64{b.Flows[i].Bytes}
		var a answer
		if a.read(b, &b.Flows[i])&hasBytesIn != 0 {
			ids = append(ids, a.volume[0])
		}
		flows = append(flows, ids)
	}
	tell := func(ids []uint64, f fate) {
		for _, id := range ids {
			if _, twice := u.fates[id]; twice {
				panic("twice")
			}
			u.fates[id] = f
		}
	}
	if u.rnd.IntN(8) == 0 {
		for _, ids := range flows {
			tell(ids, fateFailed)
		}
		return errors.New("full")
	}
	settle := func() {
		for i, ids := range flows {
			f := all
			switch u.rnd.IntN(10) {
			case 0:
				f = fateDropped
				r.DroppedAt(i)
			case 1:
				f = fateFailed
				r.FailedAt(i)
			}
			tell(ids, f)
		}
		switch all {
		case fateWritten:
			r.Written()
		case fateDropped:
			r.Dropped()
		default:
			r.Failed()
		}
	}
	if u.rnd.IntN(2) == 0 {
		settle()
	} else {
		u.later = append(u.later, settle)
	}
	return nil
}

// Each batch's receipt hears of each of its records once, and is settled when all
// of its flows are.
func TestReceiptsAreExact(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		u := &unsure{rnd: rand.New(rand.NewPCG(seed, 3)), fates: map[uint64]fate{}}
		s, c := stitcher(t, StitchConfig{On: true, Timeout: DefaultStitch().Timeout, Flows: 1024}, u)
		var bills []*bill
		var sent [][]flow.Flow
		id := uint64(0)
		for range 60 {
			b := new(flow.Batch)
			for range rnd.IntN(200) {
				f := one(byte(rnd.IntN(8)), byte(rnd.IntN(8)), uint16(rnd.IntN(3)), uint16(rnd.IntN(3)), 100, 110)
				id++
				f.Bytes = id
				b.Flows = append(b.Flows, f)
				if rnd.IntN(6) == 0 {
					f.SrcAddr, f.DstAddr, f.SrcPort, f.DstPort = f.DstAddr, f.SrcAddr, f.DstPort, f.SrcPort
					f.Marks |= flow.Reverse
					if rnd.IntN(3) == 0 {
						f.SrcPort++ // it doesn't answer
					}
					id++
					f.Bytes = id
					b.Flows = append(b.Flows, f)
				}
			}
			x := &bill{by: map[int]fate{}}
			bills = append(bills, x)
			sent = append(sent, slices.Clone(b.Flows))
			if err := s.Take(context.Background(), b, x); err != nil {
				t.Fatal(err)
			}
			c.Add(int64(rnd.IntN(4e9)))
			s.mu.Lock() // its ticker may be at u
			for len(u.later) > 0 && rnd.IntN(3) > 0 {
				i := rnd.IntN(len(u.later))
				u.later[i]()
				u.later = slices.Delete(u.later, i, i+1)
			}
			s.mu.Unlock()
		}
		s.Close()
		for _, settle := range u.later {
			settle()
		}
		for n, x := range bills {
			if x.settled != 1 {
				t.Fatalf("seed %d: receipt %d was settled %d times", seed, n, x.settled)
			}
			for i := range sent[n] {
				f := &sent[n][i]
				got, told := x.by[i]
				want, known := u.fates[f.Bytes]
				if f.Marks&flow.Reverse != 0 { // told of with the flow before it
					want = fateWritten
				}
				if !known || got != want || told != (want != fateWritten) {
					t.Fatalf("seed %d: flow %d of receipt %d: %d, %d became of it", seed, i, n, got, want)
				}
			}
		}
	}
}

// A sink that only writes is believed.
func TestReceiptsOfPlainSink(t *testing.T) {
	s, _ := stitcher(t, DefaultStitch(), nothing{})
	x, none := &bill{by: map[int]fate{}}, &bill{}
	s.Take(context.Background(), &flow.Batch{Flows: []flow.Flow{one(1, 2, 3, 4, 5, 6)}}, x)
	s.Take(context.Background(), &flow.Batch{}, none)
	if x.settled != 0 || none.settled != 1 {
		t.Error("settled too early, or too late")
	}
	s.Close()
	if x.settled != 1 || len(x.by) != 0 {
		t.Errorf("%+v", x)
	}
}
