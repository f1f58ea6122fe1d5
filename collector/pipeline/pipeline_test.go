package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

var from = netip.MustParseAddrPort("192.0.2.1:2055")

// v5 makes a NetFlow v5 datagram of n records with the source ports first,
// first+1, …
func v5(n, first int) []byte {
	d := make([]byte, 24+48*n)
	binary.BigEndian.PutUint16(d, 5)
	binary.BigEndian.PutUint16(d[2:], uint16(n))
	for i := range n {
		binary.BigEndian.PutUint16(d[24+48*i+32:], uint16(first+i))
	}
	return d
}

// A feed is a source of n copies of a datagram.
type feed struct {
	data   []byte
	left   int
	idle   bool // at the end, wait for ctx instead of io.EOF
	closed atomic.Bool
}

func (f *feed) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if f.left == 0 {
		if !f.idle {
			return 0, io.EOF
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
			return 0, nil
		}
	}
	n := min(len(dst), f.left)
	for i := range dst[:n] {
		dst[i] = decode.Datagram{From: from, Data: f.data}
	}
	f.left -= n
	return n, nil
}

func (f *feed) Close() error { f.closed.Store(true); return nil }

// A taker is a sink that counts.
type taker struct {
	write  func(ctx context.Context, b *flow.Batch) error
	flows  int
	closed bool
}

func (s *taker) Write(ctx context.Context, b *flow.Batch) error {
	if s.write != nil {
		if err := s.write(ctx, b); err != nil {
			return err
		}
	}
	s.flows += len(b.Flows)
	return nil
}

func (s *taker) Close() error { s.closed = true; return nil }

type stage func(*flow.Batch)

func (s stage) Apply(b *flow.Batch) { s(b) }

func checkLedger(t *testing.T, s Stats) {
	t.Helper()
	if sum := s.Written + s.Filtered + s.Outputs[0].Filtered + s.Dropped + s.Failed + s.Queued; s.Flows != sum {
		t.Fatalf("ledger: %d flows, %d accounted for: %+v", s.Flows, sum, s)
	}
}

func newPipeline(t *testing.T, cfg Config, deps Deps) *Pipeline {
	t.Helper()
	p, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// watch runs p and checks the ledger all the while.
func watch(t *testing.T, ctx context.Context, p *Pipeline) Stats {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for {
		checkLedger(t, p.Stats())
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			s := p.Stats()
			checkLedger(t, s)
			if s.Queued != 0 {
				t.Fatalf("%d flows are queued at the end", s.Queued)
			}
			return s
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func TestLedgerUnderOverflow(t *testing.T) {
	cfg := Default()
	cfg.Batch, cfg.Queue = 60, 2
	sink := &taker{write: func(context.Context, *flow.Batch) error { time.Sleep(time.Millisecond); return nil }}
	a, b := &feed{data: v5(30, 0), left: 5000}, &feed{data: v5(7, 0), left: 5000}
	p := newPipeline(t, cfg, Deps{Sources: []Source{a, b}, Sink: sink})
	s := watch(t, t.Context(), p)
	if want := uint64(5000 * 37); s.Flows != want || s.Datagrams != 10000 {
		t.Errorf("decoded %d flows of %d datagrams, want %d of 10000", s.Flows, s.Datagrams, want)
	}
	if s.Dropped == 0 {
		t.Error("nothing was dropped: the test tests nothing")
	}
	if s.Written != uint64(sink.flows) {
		t.Errorf("%d written, sink took %d", s.Written, sink.flows)
	}
	if !a.closed.Load() || !b.closed.Load() || !sink.closed {
		t.Error("source or sink was left open")
	}
}

func TestBlockLosesNothing(t *testing.T) {
	cfg := Default()
	cfg.Batch, cfg.Queue, cfg.Overflow = 60, 2, Block
	next := 0
	sink := &taker{write: func(_ context.Context, b *flow.Batch) error {
		for i := range b.Flows {
			if int(b.Flows[i].SrcPort) != next%30 {
				t.Errorf("flow %d has port %d: out of order", next, b.Flows[i].SrcPort)
			}
			next++
		}
		return nil
	}}
	s := watch(t, t.Context(), newPipeline(t, cfg, Deps{Sources: []Source{&feed{data: v5(30, 0), left: 3000}}, Sink: sink}))
	if s.Written != 90000 || sink.flows != 90000 || s.Dropped != 0 {
		t.Errorf("written %d, dropped %d, sink took %d, want 90000, 0, 90000", s.Written, s.Dropped, sink.flows)
	}
}

// What is queued when the context ends still goes to the sink.
func TestDrain(t *testing.T) {
	cfg := Default()
	cfg.Batch = 30
	ctx, cancel := context.WithCancel(t.Context())
	gate := make(chan struct{})
	sink := &taker{write: func(ctx context.Context, _ *flow.Batch) error { <-gate; return ctx.Err() }}
	p := newPipeline(t, cfg, Deps{Sources: []Source{&feed{data: v5(30, 0), left: 100, idle: true}}, Sink: sink})
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for p.Stats().Queued != 3000 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Written != 3000 || sink.flows != 3000 {
		t.Errorf("written %d, sink took %d, want 3000: %+v", s.Written, sink.flows, s)
	}
}

// A holding has some datagrams left when reading ends.
type holding struct {
	feed
	drain int
}

func (h *holding) Drain() error {
	h.left, h.idle = h.drain, false
	return nil
}

// What a source holds at the end is read; from one that brings more without end,
// for a time.
func TestDrainsSources(t *testing.T) {
	for _, drain := range []int{100, 1 << 40} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := Default()
		cfg.Drain = 40 * time.Millisecond
		src := &holding{feed{data: v5(30, 0), left: 10, idle: true}, drain}
		p := newPipeline(t, cfg, Deps{Sources: []Source{src}, Sink: &taker{}})
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		for p.Stats().Flows != 300 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s := p.Stats()
		checkLedger(t, s)
		if finite := drain == 100; !src.closed.Load() || finite && (s.Flows != 3300 || s.Written != 3300) || !finite && s.Flows <= 300 {
			t.Errorf("%d datagrams: %+v", drain, s)
		}
	}
}

// A sink that doesn't get on has Config.Drain, and then Run returns.
func TestDrainEnds(t *testing.T) {
	cfg := Default()
	cfg.Batch, cfg.Drain = 30, 20*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	sink := &taker{write: func(ctx context.Context, _ *flow.Batch) error { <-ctx.Done(); return ctx.Err() }}
	p := newPipeline(t, cfg, Deps{Sources: []Source{&feed{data: v5(30, 0), left: 100, idle: true}}, Sink: sink})
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for p.Stats().Queued != 3000 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Failed != 30 || s.Dropped != 2970 || s.Queued != 0 {
		t.Errorf("failed %d, dropped %d, queued %d, want 30, 2970, 0", s.Failed, s.Dropped, s.Queued)
	}
}

func TestFlush(t *testing.T) {
	cfg := Default()
	cfg.Flush = 5 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan int, 1)
	sink := &taker{write: func(_ context.Context, b *flow.Batch) error { got <- len(b.Flows); return nil }}
	p := newPipeline(t, cfg, Deps{Sources: []Source{&feed{data: v5(3, 0), left: 1, idle: true}}, Sink: sink})
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	if n := <-got; n != 3 { // blocks for ever if nothing is flushed
		t.Errorf("sink got %d flows, want 3", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestPanicsAreContained(t *testing.T) {
	var log lockedBuffer
	cfg := Default()
	cfg.Batch, cfg.Overflow = 30, Block
	writes := 0
	sink := &taker{write: func(context.Context, *flow.Batch) error {
		if writes++; writes%4 == 0 {
			panic("sink is broken")
		}
		return nil
	}}
	s := watch(t, t.Context(), newPipeline(t, cfg, Deps{
		Sources: []Source{&feed{data: v5(30, 0), left: 100}},
		Stages:  []Stage{stage(func(*flow.Batch) { panic("stage is broken") })},
		Sink:    sink,
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
	}))
	if s.Panics != 125 || s.Written != 75*30 || s.Failed != 25*30 || s.SinkErrors != 25 {
		t.Errorf("panics %d, written %d, failed %d, sink errors %d, want 125, 2250, 750, 25", s.Panics, s.Written, s.Failed, s.SinkErrors)
	}
	text := log.String()
	if n := strings.Count(text, "stage is broken"); n != 1 {
		t.Errorf("the stage's panic is logged %d times, want once:\n%s", n, text)
	}
	for _, want := range []string{"panic in stage", "panic in sink", "pipeline_test.go"} {
		if !strings.Contains(text, want) {
			t.Errorf("log lacks %q:\n%s", want, text)
		}
	}
}

// A source that panics in the middle costs neither the flows before nor those
// after.
func TestSourcePanic(t *testing.T) {
	cfg := Default()
	cfg.Overflow = Block
	reads := 0
	src := sourceFunc(func(dst []decode.Datagram) (int, error) {
		switch reads++; reads {
		case 1, 3:
			dst[0] = decode.Datagram{From: from, Data: v5(5, 0)}
			return 1, nil
		case 2:
			panic("source is broken")
		}
		return 0, io.EOF
	})
	sink := new(taker)
	s := watch(t, t.Context(), newPipeline(t, cfg, Deps{Sources: []Source{src}, Sink: sink}))
	if s.Panics != 1 || s.Written != 10 || s.Datagrams != 2 {
		t.Errorf("panics %d, written %d, datagrams %d, want 1, 10, 2", s.Panics, s.Written, s.Datagrams)
	}
}

func TestErrorsAreCounted(t *testing.T) {
	cfg := Default()
	reads := 0
	src := sourceFunc(func(dst []decode.Datagram) (int, error) {
		switch reads++; reads {
		case 1:
			return 0, errors.New("cable is loose")
		case 2:
			dst[0] = decode.Datagram{From: from, Data: v5(5, 0)}
			return 1, io.EOF // both at once
		}
		t.Error("read behind the end")
		return 0, io.EOF
	})
	sink := &taker{write: func(context.Context, *flow.Batch) error { return errors.New("disk is full") }}
	filter := stage(func(b *flow.Batch) { b.Flows = b.Flows[:3] })
	s := watch(t, t.Context(), newPipeline(t, cfg, Deps{Sources: []Source{src}, Stages: []Stage{filter}, Sink: sink}))
	if s.SourceErrors != 1 || s.SinkErrors != 1 || s.Failed != 3 || s.Filtered != 2 || s.Panics != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(change func(*Config, *Deps), want string) {
		t.Helper()
		cfg, deps := Default(), Deps{Sources: []Source{&feed{}}, Sink: &taker{}}
		change(&cfg, &deps)
		if _, err := New(cfg, deps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(func(c *Config, _ *Deps) { c.Batch = 0 }, "batch is 0: write")
	f(func(c *Config, _ *Deps) { c.Flush = 0 }, "flush is 0s: write")
	f(func(c *Config, _ *Deps) { c.Queue = -1 }, "queue is -1: write")
	f(func(c *Config, _ *Deps) { c.Overflow = "drop" }, `overflow is "drop": write drop-oldest, block or spill`)
	f(func(c *Config, _ *Deps) { c.Drain = -1 }, "drain is -1ns: write")
	f(func(_ *Config, d *Deps) { d.Sources = nil }, "no source")
	f(func(_ *Config, d *Deps) { d.Sink = nil }, "no sink")
}

type sourceFunc func(dst []decode.Datagram) (int, error)

func (f sourceFunc) Read(_ context.Context, dst []decode.Datagram) (int, error) { return f(dst) }
func (f sourceFunc) Close() error                                               { return nil }

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
