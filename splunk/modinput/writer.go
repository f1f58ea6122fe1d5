package modinput

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/weirflow/weir/shared/flow"
)

// A Writer is a sink that writes flows as a stream of events. It writes when
// its buffer is full and at the end of each batch, so nothing waits here. One
// goroutine uses it at a time; Events may be called from any.
type Writer struct {
	out    io.Writer
	enc    *Encoder
	failed func(error)
	buf    []byte
	opened bool
	err    error // of the first write that went wrong; there is none after it
	events atomic.Uint64
}

// bufferSize is how much is collected before it is written: what a pipe takes.
const bufferSize = 64 << 10

// NewWriter makes a Writer of events to out. It calls failed, if that is not
// nil, once, when out takes no more.
func NewWriter(out io.Writer, enc *Encoder, failed func(error)) *Writer {
	return &Writer{out: out, enc: enc, failed: failed, buf: make([]byte, 0, bufferSize+4096)}
}

// Open begins the stream, so that whoever reads it sees that it is alive.
func (w *Writer) Open() error {
	w.opened = true
	w.buf = append(w.buf, "<stream>\n"...)
	return w.flush()
}

// Write writes the flows of b. It blocks as long as out does.
func (w *Writer) Write(_ context.Context, b *flow.Batch) error {
	n := uint64(0)
	for i := range b.Flows {
		w.buf = w.enc.Append(w.buf, b, &b.Flows[i])
		n++
		if len(w.buf) >= bufferSize {
			if err := w.flush(); err != nil {
				return err
			}
			w.events.Add(n)
			n = 0
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.events.Add(n)
	return nil
}

// Close ends the stream. It leaves out open.
func (w *Writer) Close() error {
	if !w.opened {
		return nil
	}
	w.opened = false
	w.buf = append(w.buf, "</stream>\n"...)
	return w.flush()
}

// Events returns how many events were written.
func (w *Writer) Events() uint64 { return w.events.Load() }

func (w *Writer) flush() error {
	if w.err == nil && len(w.buf) > 0 {
		if _, err := w.out.Write(w.buf); err != nil {
			w.err = fmt.Errorf("write events: %w", err)
			if w.failed != nil {
				w.failed(w.err)
			}
		}
	}
	w.buf = w.buf[:0]
	return w.err
}
