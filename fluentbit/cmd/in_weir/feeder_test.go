//go:build cgo

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

func TestFeeder(t *testing.T) {
	var r feeder
	r.stop() // at rest
	for range 2 {
		var runs, ended atomic.Int32
		work := func(ctx context.Context) {
			runs.Add(1)
			<-ctx.Done()
			ended.Add(1)
		}
		r.start(work)
		r.start(work) // at work already
		r.stop()
		if runs.Load() != 1 || ended.Load() != 1 {
			t.Errorf("%d runs, %d ended", runs.Load(), ended.Load())
		}
		r.stop()
	}
}

func TestOneAtATime(t *testing.T) {
	var at atomic.Int32
	f := appendFunc(func(string, []byte) bool {
		defer at.Add(-1)
		return at.Add(1) == 1
	}).oneAtATime()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if !f("", nil) {
					t.Error("two at a time")
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAtMost(t *testing.T) {
	f := appendFunc(func(string, []byte) bool { return true }).atMost(10)
	for _, x := range []struct {
		octets int
		ok     bool
	}{{4, true}, {7, false}, {6, true}, {1, false}} {
		if ok := f("", make([]byte, x.octets)); ok != x.ok {
			t.Errorf("%d octets: %t", x.octets, ok)
		}
	}
}
