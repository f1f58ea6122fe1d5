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
	held   int   // events in buf
	events atomic.Uint64
}

// bufferSize is how much is collected before it is written: what a pipe takes.
const bufferSize = 64 << 10

// NewWriter makes a Writer of events to out. It calls failed, if that is not
// nil, once, when out takes no more.
func NewWriter(out io.Writer, enc *Encoder, failed func(error)) *Writer {
	return &Writer{out: out, enc: enc, failed: failed, buf: make([]byte, 0, bufferSize+8192)}
}

// Open begins the stream, so that whoever reads it sees that it is alive.
func (w *Writer) Open() error {
	w.opened = true
	w.buf = append(w.buf, "<stream>\n"...)
	return w.Flush()
}

// Write writes the flows of b. It blocks as long as out does.
func (w *Writer) Write(_ context.Context, b *flow.Batch) error {
	for i := range b.Flows {
		if err := w.Put(b, &b.Flows[i], nil); err != nil {
			return err
		}
	}
	return w.Flush()
}

// Put writes f, a flow of b, as an event, with the volume of the flow that answers
// it if back is not nil. It may be held until Flush. It keeps none of them.
func (w *Writer) Put(b *flow.Batch, f *flow.Flow, back *Back) error {
	w.buf = w.enc.AppendBoth(w.buf, b, f, back)
	w.held++
	if len(w.buf) >= bufferSize {
		return w.Flush()
	}
	return nil
}

// Close ends the stream. It leaves out open.
func (w *Writer) Close() error {
	if !w.opened {
		return nil
	}
	w.opened = false
	w.buf = append(w.buf, "</stream>\n"...)
	return w.Flush()
}

// Events returns how many events were written.
func (w *Writer) Events() uint64 { return w.events.Load() }

// Flush writes what is held. After the first error, it returns that.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.buf) > 0 {
		if _, err := w.out.Write(w.buf); err != nil {
			w.err = fmt.Errorf("write events: %w", err)
			if w.failed != nil {
				w.failed(w.err)
			}
		} else {
			w.events.Add(uint64(w.held))
		}
	}
	w.buf, w.held = w.buf[:0], 0
	return w.err
}
