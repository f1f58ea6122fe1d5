package input

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/internal/same"
)

// Feed hands all over, in whole events and in order, keeps what there is no room
// for, and waits while it is paused.
func TestFeed(t *testing.T) {
	x := start(t, map[string]string{"append": "direct"})
	var got []byte
	var room atomic.Bool
	var tries atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	x.SetPaused(true)
	go func() {
		done <- x.Feed(ctx, 2e6, func(tag string, events []byte) bool {
			tries.Add(1)
			if tag != "" {
				t.Errorf("tag %q", tag)
			}
			if room.Load() {
				got = append(got, events...)
			}
			return room.Load()
		})
	}()
	same.Send(t, x.Addrs()[0])
	wait(t, x, same.Records(t))
	time.Sleep(3 * feedSoon)
	if tries.Load() > 0 {
		t.Error("handed over during a pause")
	}
	x.SetPaused(false)
	until(t, "a try", func() bool { return tries.Load() > 0 })
	if s := x.Stats(); s.Ring.Out.Events > 0 || s.Collector.Written > 0 {
		t.Errorf("there was no room: %+v", s)
	}
	room.Store(true)
	until(t, "all events", func() bool { return x.Stats().Ring.Out.Events == uint64(same.Records(t)) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	events, err := same.Events(got)
	if err != nil {
		t.Fatal(err)
	}
	same.Compare(t, "ecs", events)
	if s := x.Stats().Collector; s.Written != uint64(same.Records(t)) || s.Queued != 0 {
		t.Errorf("ledger: %+v", s)
	}
}

// What Feed has in hand when it ends goes back into the ring, in front.
func TestFeedGivesBack(t *testing.T) {
	r := newRing(1000, 1000, 100)
	put(r, 0, 35)
	var l lent
	if !l.fill(r, 250) || len(l.data) != 200 {
		t.Fatalf("%d octets taken", len(l.data))
	}
	put(r, 35, 5)
	l.giveBack(r)
	got := r.drain(nil, 1000)
	check(t, r, got)
	for i, n := range numbers(t, got) {
		if n != i {
			t.Fatalf("event %d is %d", i, n)
		}
	}
}

// An event that is longer than a run goes alone.
func TestFeedLongEvent(t *testing.T) {
	r := newRing(2000, 1000, 100)
	put(r, 0, 2)
	r.add("", 1, make([]byte, 500), nil)
	put(r, 2, 2)
	var l lent
	for i, want := range []int{20, 500, 20} {
		if !l.fill(r, 150) || len(l.data) != want {
			t.Errorf("run %d has %d octets, want %d", i, len(l.data), want)
		}
		l.delivered(r)
	}
}

// Events of another tag are a run of their own.
func TestFeedTags(t *testing.T) {
	r := newRing(1000, 1000, 100)
	put(r, 0, 2)
	r.add("other", 1, []byte("0000000002"), nil)
	put(r, 3, 1)
	var l lent
	for i, want := range []string{"", "other", ""} {
		if !l.fill(r, 1000) || l.tag != want {
			t.Errorf("run %d has tag %q, want %q", i, l.tag, want)
		}
		l.delivered(r)
	}
	if l.fill(r, 1000) {
		t.Error("more than there was")
	}
}
