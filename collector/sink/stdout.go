package sink

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A hasty writes to somebody who may take nothing for long, and waits for that no
// longer than its context: standard output has no deadlines. What was left behind
// then may still arrive; the next Write comes after it. One goroutine calls its
// methods; a second writes, and stays where the writer hangs for good.
type hasty struct {
	w    io.Writer
	ctx  context.Context // of the Write at hand
	in   chan []byte     // to the second goroutine; nil: there is none
	out  chan error      // from it
	buf  []byte          // its own while it is busy
	busy bool
}

func (h *hasty) Write(p []byte) (int, error) {
	if h.in == nil {
		h.in, h.out = make(chan []byte, 1), make(chan error, 1)
		go func(in <-chan []byte, out chan<- error) {
			for p := range in {
				_, err := h.w.Write(p)
				out <- err
			}
		}(h.in, h.out)
	}
	if h.busy {
		if done, err := h.wait(); !done {
			return 0, err
		} // else that was given up, whatever it was
	}
	h.buf = append(h.buf[:0], p...)
	h.in <- h.buf
	h.busy = true
	if _, err := h.wait(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// wait waits until the second goroutine has written, and tells whether it has.
func (h *hasty) wait() (done bool, err error) {
	select {
	case err := <-h.out:
		h.busy = false
		return true, err
	case <-h.ctx.Done():
		return false, fmt.Errorf("who reads it takes nothing: %w", h.ctx.Err())
	}
}

// parted is how long the end of a stream may take.
const parted = time.Second

// end lets the second goroutine go. f may write before.
func (h *hasty) end(f func() error) error {
	var cancel context.CancelFunc
	h.ctx, cancel = context.WithTimeout(context.Background(), parted)
	defer cancel()
	err := f()
	if h.in != nil {
		close(h.in)
		h.in = nil
	}
	return err
}
