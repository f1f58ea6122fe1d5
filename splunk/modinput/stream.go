package modinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// A Stream is a sink that writes flows, and what else there is, as a stream of
// events. It keeps what the reader has not taken yet, up to a limit, and never
// waits: what has no room drops what is oldest. Its receipts say which records
// were written and which were dropped.
type Stream struct {
	out    io.Writer
	types  Types
	failed func(error)
	ring   *ring
	flows  taker     // nil: there are no events of flows
	stitch *Stitcher // before them; nil: none
	done   chan struct{}

	closing sync.Once

	mu      sync.Mutex // of the encoders; several goroutines have events
	records *recorder
	metrics *metrics // nil: there are none
	buf     []byte
}

// NewStream makes a Stream of cfg's events to out. It calls failed, if that is
// not nil, once, when out takes no more.
func NewStream(out io.Writer, cfg Config, failed func(error)) *Stream {
	return newStream(out, cfg, failed, nil)
}

// newStream makes a Stream whose flows go to the sink flows, unless that is nil.
// End closes it.
func newStream(out io.Writer, cfg Config, failed func(error), flows taker) *Stream {
	s := &Stream{
		out: out, types: cfg.Types, failed: failed, ring: newRing(int(cfg.BufferLimit)), done: make(chan struct{}),
		records: newRecorder(cfg.Stanza),
	}
	if cfg.Types.Has(Flows) {
		if s.flows = flows; flows == nil {
			s.flows = &flowWriter{ring: s.ring, enc: cfg.Layout.NewEncoder(cfg.Stanza, cfg.sourcetype())}
		}
		if cfg.Stitch.On {
			s.stitch = NewStitcher(cfg.Stitch, s.flows)
			s.flows = s.stitch
		}
	}
	if cfg.MetricsIndex != "" {
		s.metrics = newMetrics(cfg.MetricsIndex)
	}
	return s
}

// Open begins the stream, so that whoever reads it sees that it is alive.
func (s *Stream) Open() error {
	if _, err := io.WriteString(s.out, "<stream>\n"); err != nil {
		close(s.done)
		return fmt.Errorf("write events: %w", err)
	}
	go s.run()
	return nil
}

// run writes what is in the ring until it is closed.
func (s *Stream) run() {
	defer close(s.done)
	broken := false
	for {
		e, ok := s.ring.take()
		if !ok {
			return
		}
		if !broken {
			if _, err := s.out.Write(e.data); err != nil {
				broken = true
				if s.failed != nil {
					s.failed(fmt.Errorf("write events: %w", err))
				}
			}
		}
		s.ring.settle(e, !broken)
	}
}

// A taker is a sink that flows go to.
type taker interface {
	pipeline.Sink
	Taker
}

// A flowWriter makes an event of each flow. The receipt of a batch is settled once
// all of it is written or given up.
type flowWriter struct {
	ring *ring

	mu  sync.Mutex
	enc *Encoder
	buf []byte
}

func (w *flowWriter) Take(_ context.Context, b *flow.Batch, r Receipt) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	buf := w.buf[:0]
	for i := range b.Flows {
		buf = w.enc.Append(buf, b, &b.Flows[i])
	}
	w.ring.add(buf, len(b.Flows), r)
	w.buf = spare(buf)
	return nil
}

func (w *flowWriter) Write(ctx context.Context, b *flow.Batch) error { return w.Take(ctx, b, nil) }

func (w *flowWriter) Close() error { return nil }

// spare returns buf, unless it is of an unusual batch.
func spare(buf []byte) []byte {
	if cap(buf) > 1<<20 {
		return nil
	}
	return buf
}

// Keep takes the records of b. The receipt is settled once all of its flows are
// written or given up.
func (s *Stream) Keep(ctx context.Context, b *flow.Batch, receipt *pipeline.Receipt) error {
	s.sum(b)
	err := s.keepFlows(ctx, b, receipt)
	s.keepOthers(b)
	return err
}

// keepFlows takes the flows of b alone: the others don't wait for them.
func (s *Stream) keepFlows(ctx context.Context, b *flow.Batch, receipt *pipeline.Receipt) error {
	if s.flows == nil {
		if receipt != nil {
			receipt.Written()
		}
		return nil
	}
	flows := *b
	flows.Options, flows.Counters = nil, nil
	if receipt == nil {
		return s.flows.Write(ctx, &flows)
	}
	return s.flows.Take(ctx, &flows, receipt)
}

// keepOthers takes the records of b that are no flows.
func (s *Stream) keepOthers(b *flow.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buf, n := s.buf[:0], 0
	if s.types.Has(Options) {
		for i := range b.Options {
			buf = s.records.option(buf, b, &b.Options[i])
		}
		n += len(b.Options)
	}
	if s.types.Has(Counters) {
		for i := range b.Counters {
			buf = s.records.counter(buf, b, &b.Counters[i])
		}
		n += len(b.Counters)
	}
	s.add(buf, n)
}

// add adds what was encoded into the buffer. The caller has the lock.
func (s *Stream) add(buf []byte, n int) {
	s.ring.add(buf, n, nil)
	s.buf = spare(buf)
}

// Write is Keep, and nobody wants to know what becomes of b.
func (s *Stream) Write(ctx context.Context, b *flow.Batch) error { return s.Keep(ctx, b, nil) }

// Close lets no flow wait for its answer any more. What it puts out is still to be
// written: see Drain and End.
func (s *Stream) Close() (err error) {
	s.closing.Do(func() {
		if s.flows != nil {
			err = s.flows.Close()
		}
	})
	return err
}

// Findings makes an event of each finding, at the end of its window.
func (s *Stream) Findings(all []detect.Finding) {
	if !s.types.Has(Findings) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := s.buf[:0]
	for i := range all {
		buf = s.records.finding(buf, &all[i])
	}
	s.add(buf, len(all))
}

// stitching returns the counts of the Stitcher, if there is one.
func (s *Stream) stitching() (StitchStats, bool) {
	if s.stitch == nil {
		return StitchStats{}, false
	}
	return s.stitch.Stats(), true
}

// stats makes events of figures.
func (s *Stream) stats(at int64, all []figures) {
	if !s.types.Has(Ledgers) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := s.buf[:0]
	for _, f := range all {
		buf = s.records.json(buf, s.records.stats, at, f.host, f.data)
	}
	s.add(buf, len(all))
}

// Drain waits until all that came so far is written, or ctx ends.
func (s *Stream) Drain(ctx context.Context) error {
	if err := s.ring.drain(ctx); err != nil {
		s.ring.giveUp()
		c, _ := s.ring.stats()
		return fmt.Errorf("end the stream with %d events that nobody reads: %w", c.waiting, err)
	}
	return nil
}

// End writes what is left and closes the stream. It leaves out open. If nobody
// reads, it returns when ctx ends.
func (s *Stream) End(ctx context.Context) error {
	closed := s.Close()
	s.ring.close()
	if err := errors.Join(closed, s.Drain(ctx)); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		<-s.done
		_, err := io.WriteString(s.out, "</stream>\n")
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return fmt.Errorf("end the stream: %w", ctx.Err())
	}
}
