package input

import (
	"context"
	"slices"
	"sync"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// A sink is the pipeline's end: it encodes records into the ring. It never fails,
// and waits only if what doesn't fit is to be kept on disk.
type sink struct {
	ring *ring

	mu    sync.Mutex // of what a reload may change
	enc   *encode.Encoder
	types Types
	waits bool

	buf []byte
}

func newSink(r *ring, c *Config) *sink {
	s := &sink{ring: r}
	s.configure(c)
	return s
}

func (s *sink) configure(c *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enc, s.types, s.waits = encode.NewWith(c.Schema, c.Options), c.Types, c.SpillPath != ""
}

// group returns how many records of b are encoded at once: as many as the encoder
// takes in one go, and few enough that a chunk of the ring holds several groups, or
// one if records are long.
func group(b *flow.Batch) int {
	n := len(b.Flows) + len(b.Options) + len(b.Counters)
	return min(64, max(1, chunkSize/2*n/max(1, b.Size())))
}

// Keep encodes b. The receipt is settled when Fluent Bit has all of it, or some of
// it had to be dropped.
func (s *sink) Keep(ctx context.Context, b *flow.Batch, receipt *pipeline.Receipt) error {
	s.mu.Lock()
	enc, types, waits := s.enc, s.types, s.waits
	s.mu.Unlock()
	share := s.ring.share(receipt)
	defer s.ring.end(share)
	if !waits {
		ctx = nil
	}
	group := group(b)
	if types.Has(Flows) {
		for fl, n := b.Flows, group; len(fl) > 0; {
			n = min(n, len(fl))
			data := enc.AppendEvents(s.buf[:0], b, fl[:n])
			if len(data) > chunkSize && n > 1 { // records may share a long text
				s.buf, n = data, n/2
				continue
			}
			s.put(ctx, n, data, share)
			fl = fl[n:]
		}
	}
	if types.Has(Options) {
		for os := range slices.Chunk(b.Options, group) {
			s.put(ctx, len(os), enc.AppendOptionEvents(s.buf[:0], b, os), share)
		}
	}
	if types.Has(Counters) {
		for cs := range slices.Chunk(b.Counters, group) {
			s.put(ctx, len(cs), enc.AppendCounterEvents(s.buf[:0], b, cs), share)
		}
	}
	return nil
}

// put adds events; until ctx ends it waits for room, unless ctx is nil.
func (s *sink) put(ctx context.Context, events int, data []byte, share *share) {
	if ctx != nil {
		s.ring.wait(ctx, len(data))
	}
	s.buf = data
	s.ring.add("", events, data, share)
}

// Write is Keep, and nobody wants to know what becomes of b.
func (s *sink) Write(ctx context.Context, b *flow.Batch) error { return s.Keep(ctx, b, nil) }

// Close does nothing: what waits in the ring is still there to be drained.
func (s *sink) Close() error { return nil }
