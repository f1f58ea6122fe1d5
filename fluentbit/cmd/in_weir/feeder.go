//go:build cgo

package main

import (
	"context"
	"sync"
)

// A feeder runs a function on a goroutine of its own. The zero feeder is at rest.
type feeder struct {
	end  context.CancelFunc
	done chan struct{}
}

// start starts f, unless the feeder is at work already. f returns when its
// context ends.
func (r *feeder) start(f func(context.Context)) {
	if r.done != nil {
		return
	}
	var ctx context.Context
	ctx, r.end = context.WithCancel(context.Background())
	done := make(chan struct{})
	r.done = done
	go func() {
		defer close(done)
		f(ctx)
	}()
}

// stop ends f and waits for it.
func (r *feeder) stop() {
	if r.done == nil {
		return
	}
	r.end()
	<-r.done
	r.done = nil
}

// An appendFunc gives events to Fluent Bit, under the instance's own tag if tag
// is "". It returns false if Fluent Bit has no room for them.
type appendFunc func(tag string, events []byte) bool

// oneAtATime returns f, for any number of goroutines: Fluent Bit expects one
// thread at a time to append to an instance.
func (f appendFunc) oneAtATime() appendFunc {
	var mu sync.Mutex
	return func(tag string, events []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		return f(tag, events)
	}
}

// atMost returns f until n octets have been given.
func (f appendFunc) atMost(n int) appendFunc {
	return func(tag string, events []byte) bool {
		if n < len(events) {
			return false
		}
		n -= len(events)
		return f(tag, events)
	}
}
