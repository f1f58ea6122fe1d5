package source

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

func TestGroup(t *testing.T) {
	var steered []int
	g := &group{n: 3, active: 1, steer: func(n int) error { steered = append(steered, n); return nil }}
	m := []member{{group: g}, {group: g, index: 1}, {group: g, index: 2}}
	m[0].judge(0.4)
	if g.active != 1 {
		t.Errorf("%d active at a load of 0.4", g.active)
	}
	m[0].judge(0.9)
	m[2].judge(0.9) // has nothing yet but what was under way
	m[1].judge(0.8)
	m[2].judge(0.9) // there are no more
	if g.active != 3 {
		t.Errorf("%d active at a load of 0.9", g.active)
	}
	for range calmPeriods {
		m[0].judge(0.1)
		m[2].judge(0.1)
	}
	if g.active != 2 {
		t.Errorf("%d active when calm", g.active)
	}
	for range 10 * calmPeriods {
		m[1].judge(0.2) // together 0.4: too much for one to stay quiet
	}
	if g.active != 2 {
		t.Errorf("%d active at twice 0.2", g.active)
	}
	if len(steered) != 3 {
		t.Errorf("steered to %v", steered)
	}
	g.steer = func(int) error { return errors.New("no") }
	m[0].judge(0.9)
	if g.active != 2 {
		t.Error("the kernel refused, and more are active")
	}
}

// One exporter reaches all workers, and nothing is lost or doubled when they
// become more and fewer.
func TestSpread(t *testing.T) {
	if !canSpread {
		t.Skip("not on this system")
	}
	x := open(t, Listen{Address: "127.0.0.1:0", Workers: 4}, Default())
	if len(x.readers) != 4 {
		t.Fatalf("%d sockets, want 4", len(x.readers))
	}
	g := x.readers[0].socket().member.group
	c := dial(t, x.Addr())
	const each = 200
	send := func(active int) {
		t.Helper()
		if err := g.steer(active); err != nil {
			t.Fatal(err)
		}
		for range each {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := make([]int, 4)
	collect := func(want int) {
		t.Helper()
		dst := make([]decode.Datagram, 64)
		sum := 0
		for end := time.Now().Add(5 * time.Second); sum < want && time.Now().Before(end); {
			for i, r := range x.readers {
				r.socket().idle = time.Millisecond
				n, err := r.Read(t.Context(), dst)
				if err != nil {
					t.Fatal(err)
				}
				got[i] += n
				sum += n
			}
		}
		if sum != want {
			t.Fatalf("%d datagrams, want %d", sum, want)
		}
	}
	send(1)
	collect(each)
	if got[0] != each {
		t.Errorf("with one active, sockets got %v", got)
	}
	send(4)
	collect(each)
	for i, n := range got {
		if n == 0 {
			t.Errorf("with four active, socket %d got nothing: %v", i, got)
		}
	}
	send(2)
	rest := got[2] + got[3]
	collect(each)
	if got[2]+got[3] != rest {
		t.Errorf("with two active, sockets got %v", got)
	}
}

// Sockets are read, counted and closed at once.
func TestListenerRace(t *testing.T) {
	x := open(t, Listen{Address: "127.0.0.1:0"}, Default())
	c := dial(t, x.Addr())
	var wg sync.WaitGroup
	for _, s := range x.Sources() {
		wg.Go(func() {
			dst := make([]decode.Datagram, 64)
			for {
				if _, err := s.Read(t.Context(), dst); err != nil {
					return
				}
			}
		})
	}
	const sent = 2000
	for range sent {
		c.Write([]byte("x"))
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		s := x.Stats()
		if s.Datagrams+s.Dropped == sent {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v of %d", s, sent)
		}
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
