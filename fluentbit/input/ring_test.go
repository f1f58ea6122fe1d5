package input

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// put adds events of 10 octets: their number, with zeros before it.
func put(r *ring, from, n int) {
	for i := range n {
		r.add("", 1, fmt.Appendf(nil, "%010d", from+i), nil)
	}
}

func check(t *testing.T, r *ring, drained []byte) {
	t.Helper()
	c := r.counts()
	if c.In.Events != c.Out.Events+c.Dropped.Events+c.Waiting.Events ||
		c.In.Octets != c.Out.Octets+c.Dropped.Octets+c.Waiting.Octets {
		t.Errorf("events have got lost: %+v", c)
	}
	if c.Out.Octets != uint64(len(drained)) || c.Out.Events != uint64(len(drained)/10) {
		t.Errorf("drained %d octets, counted %+v", len(drained), c.Out)
	}
}

// numbers returns the events in b.
func numbers(t *testing.T, b []byte) (ns []int) {
	t.Helper()
	for ; len(b) > 0; b = b[10:] {
		var n int
		if _, err := fmt.Sscanf(string(b[:10]), "%d", &n); err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

func TestRingDropsOldest(t *testing.T) {
	r := newRing(1000, 1000, 100) // 10 chunks of 10 events
	put(r, 0, 237)
	c := r.counts()
	// The last of 24 chunks holds 7; 9 full ones are left before it.
	if c.Dropped != (Count{140, 1400}) || c.Waiting != (Count{97, 970}) {
		t.Errorf("counts %+v", c)
	}
	got := r.drain(nil, 1000)
	check(t, r, got)
	for i, n := range numbers(t, got) {
		if n != 140+i {
			t.Fatalf("event %d is %d, want %d", i, n, 140+i)
		}
	}
	put(r, 237, 5)
	if got := numbers(t, r.drain(nil, 1000)); len(got) != 5 || got[0] != 237 {
		t.Errorf("after the overflow: %v", got)
	}
}

func TestRingDrainsWithinRoom(t *testing.T) {
	r := newRing(1000, 1000, 100)
	put(r, 0, 50)
	dst := []byte("before")
	got := r.drain(dst, 250)
	if !bytes.HasPrefix(got, dst) || len(got) != len(dst)+200 {
		t.Errorf("%d octets drained into room for 250", len(got)-len(dst))
	}
	if got := r.drain(nil, 99); len(got) != 0 {
		t.Errorf("%d octets drained into room for 99", len(got))
	}
	if got := numbers(t, r.drain(nil, 1000)); len(got) != 30 || got[0] != 20 {
		t.Errorf("the rest: %v", got)
	}
}

// An event longer than a batch must not block those behind it.
func TestRingDropsWhatNeverFits(t *testing.T) {
	r := newRing(1000, 150, 100)
	r.add("", 1, make([]byte, 500), nil)
	put(r, 0, 3)
	got := r.drain(nil, 150)
	if len(got) != 30 {
		t.Errorf("%d octets drained", len(got))
	}
	if c := r.counts(); c.Dropped != (Count{1, 500}) || c.Waiting != (Count{}) {
		t.Errorf("counts %+v", c)
	}
	check(t, r, got)
}

func TestRingHoldsItsLimit(t *testing.T) {
	r := newRing(1000, 1000, 100)
	for i := range 100 {
		put(r, i*50, 50)
		if n := memory(r); n > 1000 || n != r.memory {
			t.Fatalf("%d octets, %d accounted for", n, r.memory)
		}
	}
}

// memory is how much a ring's chunks have that are neither lent nor gone.
func memory(r *ring) (octets int) {
	for _, c := range append(slices.Clone(r.free), r.chunks...) {
		octets += cap(c.data)
	}
	return octets
}

// Events that are much longer than a chunk count with all their octets, and take
// away nothing for good.
func TestRingHoldsItsLimitWithLongEvents(t *testing.T) {
	r := newRing(1000, 1000, 100)
	put(r, 0, 100)
	for i := range 50 {
		r.add("", 1, make([]byte, 150+10*(i%40)), nil)
		if n := memory(r); n > 1000 || n != r.memory {
			t.Fatalf("%d octets, %d accounted for", n, r.memory)
		}
	}
	r.add("", 1, make([]byte, 5000), nil)
	if n := memory(r); n != 5000 || len(r.chunks) != 1 {
		t.Errorf("an event of 5000 octets is one of %d chunks with %d octets", len(r.chunks), n)
	}
	put(r, 0, 300)
	if n, c := memory(r), r.counts(); n != 1000 || c.Waiting.Events != 100 {
		t.Errorf("then there are %d octets, and %+v wait", n, c.Waiting)
	}
}

// Who adds something long waits until it has room.
func TestRingWaitsForLongEvents(t *testing.T) {
	r := newRing(1000, 1000, 100)
	put(r, 0, 100)
	done := make(chan struct{})
	go func() {
		r.wait(t.Context(), 350)
		r.add("", 1, make([]byte, 350), nil)
		close(done)
	}()
	for range 3 {
		r.drain(nil, 100)
		select {
		case <-done:
			t.Fatal("it did not wait")
		case <-time.After(10 * time.Millisecond):
		}
	}
	r.drain(nil, 100)
	<-done
	if c := r.counts(); c.Dropped.Events > 0 || c.Waiting.Octets != 600+350 {
		t.Errorf("%+v", c)
	}
}

// Events come and go at once; none may be lost, doubled or out of order.
func TestRingConcurrent(t *testing.T) {
	r := newRing(2000, 700, 100)
	var w sync.WaitGroup
	w.Go(func() {
		for i := range 2000 {
			put(r, i*7, 7)
		}
	})
	var got []byte
	for r.counts().In.Events < 14000 {
		got = r.drain(got, 700)
	}
	w.Wait()
	for n := -1; n != len(got); {
		n = len(got)
		got = r.drain(got, 700)
	}
	check(t, r, got)
	last := -1
	for _, n := range numbers(t, got) {
		if n <= last {
			t.Fatalf("%d after %d", n, last)
		}
		last = n
	}
	if last != 13999 {
		t.Errorf("the last event is %d", last)
	}
}

func TestRingReusesMemory(t *testing.T) {
	r := newRing(10000, 10000, 1000)
	add := func(n int) {
		for range n {
			r.add("", 1, []byte("0123456789"), nil)
		}
	}
	dst := make([]byte, 0, 10000)
	add(5000)
	if n := testing.AllocsPerRun(100, func() {
		add(300)
		dst = r.drain(dst[:0], 2000)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
