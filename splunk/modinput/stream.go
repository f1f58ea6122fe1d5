package modinput

import (
	"context"
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
	done   chan struct{}

	mu      sync.Mutex // of the encoders; several goroutines have events
	flows   *Encoder
	records *recorder
	metrics *metrics // nil: there are none
	buf     []byte
}

// NewStream makes a Stream of cfg's events to out. It calls failed, if that is
// not nil, once, when out takes no more.
func NewStream(out io.Writer, cfg Config, failed func(error)) *Stream {
	s := &Stream{
		out: out, types: cfg.Types, failed: failed, ring: newRing(int(cfg.BufferLimit)), done: make(chan struct{}),
		flows: cfg.Layout.NewEncoder(cfg.Stanza, cfg.sourcetype()), records: newRecorder(cfg.Stanza),
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

// Keep takes the records of b. The receipt is settled once all of them are
// written or given up.
func (s *Stream) Keep(_ context.Context, b *flow.Batch, receipt *pipeline.Receipt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.metrics != nil {
		s.metrics.add(b)
	}
	buf, n := s.buf[:0], 0
	if s.types.Has(Flows) {
		for i := range b.Flows {
			buf = s.flows.Append(buf, b, &b.Flows[i])
		}
		n += len(b.Flows)
	}
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
	s.add(buf, n, receipt)
	return nil
}

// add adds what was encoded into the buffer. The caller has the lock.
func (s *Stream) add(buf []byte, n int, receipt *pipeline.Receipt) {
	s.ring.add(buf, n, receipt)
	if s.buf = buf; cap(buf) > 1<<20 {
		s.buf = nil // of an unusual batch
	}
}

// Write is Keep, and nobody wants to know what becomes of b.
func (s *Stream) Write(ctx context.Context, b *flow.Batch) error { return s.Keep(ctx, b, nil) }

// Close does nothing: what waits is still to be written. See End.
func (s *Stream) Close() error { return nil }

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
	s.add(buf, len(all), nil)
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
	s.add(buf, len(all), nil)
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
	s.ring.close()
	if err := s.Drain(ctx); err != nil {
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
