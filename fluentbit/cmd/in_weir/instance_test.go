//go:build cgo

package main

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/input"
	"github.com/weirflow/weir/fluentbit/internal/same"
)

// newTestInstance returns an instance as FLBPluginInit makes one, and how many
// events were appended.
func newTestInstance(t *testing.T, direct bool) (*instance, *atomic.Int64) {
	t.Helper()
	cfg, err := input.Read(func(name string) string {
		return map[string]string{"listeners": "127.0.0.1:0", "types": "flows"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	run, err := input.Start(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	var appended atomic.Int64
	x := &instance{
		Instance: run, log: log, endLog: func() {}, thread: true, direct: direct, batch: cfg.MaxBatch,
		append: func(_ string, b []byte) bool {
			events, err := same.Events(b)
			if err != nil {
				t.Error(err)
			}
			appended.Add(int64(len(events)))
			return true
		},
	}
	t.Cleanup(x.exit)
	return x, &appended
}

// reach waits for n events.
func reach(t *testing.T, appended *atomic.Int64, n int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); appended.Load() < int64(n); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d events, want %d", appended.Load(), n)
		}
	}
}

// A pause appends what came just before it, and nothing that comes later, until
// it ends; then only direct instances append.
func TestPauseAppends(t *testing.T) {
	for _, direct := range []bool{false, true} {
		x, appended := newTestInstance(t, direct)
		n := same.Records(t)
		x.run()
		same.Send(t, x.Addrs()[0])
		x.pause()
		x.pause() // it comes twice
		reach(t, appended, n)
		time.Sleep(late + 200*time.Millisecond)
		same.Send(t, x.Addrs()[0])
		time.Sleep(300 * time.Millisecond)
		if got := appended.Load(); got != int64(n) {
			t.Errorf("direct %t: %d events during a pause", direct, got-int64(n))
		}
		x.resume()
		if direct {
			reach(t, appended, 2*n)
		} else if x.Batch() == 0 || appended.Load() != int64(n) {
			t.Errorf("after a pause, %d octets wait, and %d events were appended", x.Batch(), appended.Load()-int64(n))
		}
		x.preExit(false)
		same.Send(t, x.Addrs()[0])
		time.Sleep(300 * time.Millisecond)
		if got := appended.Load(); got > int64(2*n) {
			t.Errorf("direct %t: %d events after the end", direct, got-int64(2*n))
		}
	}
}

// Without a thread of its own an instance takes no notice of a pause.
func TestPauseWithoutThread(t *testing.T) {
	x, _ := newTestInstance(t, false)
	x.thread, x.append = false, nil
	x.pause()
	if x.paused {
		t.Error("paused")
	}
	x.resume()
}
