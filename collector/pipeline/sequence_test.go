package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// message is one of units whose header has the number n.
func message(n, units uint32) *decode.Head {
	return &decode.Head{Sequence: n, HasSequence: true, Units: units}
}

func balanced(t *testing.T, s *sequence) {
	t.Helper()
	if s.Sent != s.Received+s.Missing+s.Waiting {
		t.Fatalf("%+v: sent is not received + missing + waiting", s.Transit)
	}
	waiting, missing := uint64(0), uint64(0)
	for _, h := range s.holes {
		if h.gone {
			missing += uint64(h.n)
		} else {
			waiting += uint64(h.n)
		}
	}
	if waiting != s.Waiting || missing > s.Missing {
		t.Fatalf("%+v: holes %+v", s.Transit, s.holes)
	}
}

// SEMANTICS, The loss ledger: wrap, duplicates, reordering and restarts are told
// apart.
func TestSequence(t *testing.T) {
	f := func(name string, want Transit, messages ...*decode.Head) {
		t.Helper()
		var s sequence
		for i, m := range messages {
			s.note(m, int64(i)*1e6)
			balanced(t, &s)
		}
		s.expire(3600e9)
		balanced(t, &s)
		if s.Transit != want {
			t.Errorf("%s: %+v, want %+v", name, s.Transit, want)
		}
	}
	f("in order", Transit{Sent: 30, Received: 30}, message(100, 10), message(110, 10), message(120, 10))
	f("wrap", Transit{Sent: 30, Received: 30}, message(0xfffffff6, 10), message(0, 10), message(10, 10))
	f("a loss", Transit{Sent: 40, Received: 30, Missing: 10}, message(100, 10), message(120, 10), message(130, 10))
	f("a loss at the wrap", Transit{Sent: 30, Received: 20, Missing: 10}, message(0xfffffff1, 10), message(5, 10))
	f("overtaken", Transit{Sent: 30, Received: 30, Late: 10}, message(100, 10), message(120, 10), message(110, 10))
	f("the middle comes late", Transit{Sent: 40, Received: 20, Missing: 20, Late: 5}, message(100, 10), message(135, 5), message(120, 5))
	f("the first is overtaken", Transit{Sent: 30, Received: 30, Late: 20}, message(120, 10), message(110, 10), message(100, 10))
	f("the first is overtaken, with a loss", Transit{Sent: 40, Received: 30, Missing: 10, Late: 20}, message(130, 10), message(100, 10), message(120, 10))
	f("twice", Transit{Sent: 20, Received: 20, Duplicates: 10}, message(100, 10), message(100, 10), message(110, 10))
	f("late and twice", Transit{Sent: 30, Received: 30, Late: 10, Duplicates: 10}, message(100, 10), message(120, 10), message(110, 10), message(110, 10))
	f("restarted", Transit{Sent: 40, Received: 40, Restarts: 1}, message(1000, 10), message(1010, 10), message(0, 10), message(10, 10))
	f("one astray", Transit{Sent: 30, Received: 30, Stray: 10}, message(1000, 10), message(7, 10), message(1010, 10), message(1020, 10))
	f("far ahead", Transit{Sent: 30, Received: 30, Restarts: 1}, message(1000, 10), message(1<<30, 10), message(1<<30+10, 10))
	f("templates alone", Transit{Sent: 10, Received: 10}, message(5, 0), message(5, 0), message(5, 10), message(15, 0), message(5, 0))
	unread := message(100, 10)
	unread.Uncounted = true
	f("uncounted", Transit{Sent: 27, Received: 27, Unread: 7}, unread, message(117, 10))

	up := func(n, uptime uint32) *decode.Head {
		h := message(n, 10)
		h.Header = template.Header{Uptime: uptime, HasUptime: true}
		return h
	}
	f("rebooted", Transit{Sent: 30, Received: 30, Restarts: 1}, up(1000, 9_000_000), up(0, 10), up(10, 20))
	f("uptime wraps", Transit{Sent: 20, Received: 20}, up(1000, 0xffffff00), up(1010, 10))
	f("overtaken, and its uptime with it", Transit{Sent: 30, Received: 30, Late: 10}, up(1000, 9000), up(1020, 9200), up(1010, 9100))
}

// What waits does so for no longer because the clock is set back.
func TestSequenceClockSetBack(t *testing.T) {
	var s sequence
	s.note(message(100, 10), 3600e9)
	s.note(message(120, 10), 3600e9)
	s.note(message(130, 10), 10e9)
	balanced(t, &s)
	if s.Waiting != 0 || s.Missing != 10 {
		t.Errorf("%+v", s.Transit)
	}
}

// softflowd counts a message in its own number.
func TestSequenceInclusive(t *testing.T) {
	var s sequence
	for _, m := range [][2]uint32{{20, 20}, {45, 25}, {47, 2}, {77, 20}} { // 10 are lost before the last
		s.note(message(m[0], m[1]), 0)
		balanced(t, &s)
	}
	s.expire(3600e9)
	if want := (Transit{Sent: 77, Received: 67, Missing: 10}); s.Transit != want || !s.Inclusive {
		t.Errorf("%+v, inclusive %v; want %+v", s.Transit, s.Inclusive, want)
	}
}

// softflowd leaves options records out of its numbers.
func TestSequenceInclusiveOptions(t *testing.T) {
	var s sequence
	for _, m := range [][3]uint32{{19, 20, 1}, {44, 25, 0}, {71, 27, 0}, {90, 20, 1}, {115, 25, 0}, {161, 20, 1}} { // 27 are lost before the last
		h := message(m[0], m[1])
		h.Options = m[2]
		s.note(h, 0)
		balanced(t, &s)
	}
	s.expire(3600e9)
	if want := (Transit{Sent: 161, Received: 134, Missing: 27}); s.Transit != want || !s.Inclusive {
		t.Errorf("%+v, inclusive %v; want %+v", s.Transit, s.Inclusive, want)
	}
}

// A way that loses, repeats and exchanges messages: each number to the unit.
func TestSequenceExact(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		type sent struct{ n, units uint32 }
		var way []sent
		n := rnd.Uint32()
		first := n
		for range 200 {
			units := uint32(1 + rnd.IntN(30))
			way = append(way, sent{n, units})
			n += units
		}
		var want Transit
		var s sequence
		var arrive []sent
		last := 0 // the last that came at all
		for i, m := range way {
			if i > 0 && rnd.IntN(10) == 0 {
				continue
			}
			last = i
			arrive = append(arrive, m)
			want.Received += uint64(m.units)
			if rnd.IntN(10) == 0 {
				arrive = append(arrive, m)
				want.Duplicates += uint64(m.units)
			}
		}
		want.Sent = uint64(way[last].n + way[last].units - first)
		want.Missing = want.Sent - want.Received
		for i := 1; i+4 < len(arrive); i++ { // the first begins
			if rnd.IntN(4) == 0 {
				j := i + rnd.IntN(4)
				arrive[i], arrive[j] = arrive[j], arrive[i]
			}
		}
		for i, m := range arrive {
			s.note(message(m.n, m.units), int64(i)*1e6)
			balanced(t, &s)
		}
		s.expire(3600e9)
		s.Late = 0
		if s.Transit != want {
			t.Fatalf("seed %d: %+v, want %+v", seed, s.Transit, want)
		}
	}
}

func TestSequenceNoAllocations(t *testing.T) {
	var s sequence
	n, i := uint32(0), int64(0)
	if allocs := testing.AllocsPerRun(1000, func() {
		i++
		n += 24
		if i%50 == 0 {
			n += 24
		}
		s.note(message(n, 24), i*1e6)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 10, 10, 10, 30, 5, 10, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s sequence
		for i := 0; i+2 < len(data); i += 3 {
			m := message(uint32(data[i])<<(data[i+2]%25), uint32(data[i+1]))
			m.Uncounted = data[i+2]&64 != 0
			s.note(m, int64(i)*int64(data[i+2])*1e6)
			balanced(t, &s)
		}
	})
}
