//go:build cgo

package store

import (
	"context"
	"sync"
)

// turns lets so many in at once. Others wait, and come in in the order in which
// they came.
type turns struct {
	mu    sync.Mutex
	free  int
	queue []chan struct{}
}

// wait returns when it is the caller's turn, which done ends, or when ctx ends.
func (t *turns) wait(ctx context.Context) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.queue = append(t.queue, turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.queue {
		if t.queue[i] == turn {
			t.queue = append(t.queue[:i], t.queue[i+1:]...)
			return ctx.Err()
		}
	}
	t.next() // it had come meanwhile
	return ctx.Err()
}

func (t *turns) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// next gives a turn to who waits longest.
func (t *turns) next() {
	if len(t.queue) == 0 {
		t.free++
		return
	}
	close(t.queue[0])
	t.queue = t.queue[1:]
}
