package input

import (
	"context"
	"slices"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// A sink is the pipeline's end: it encodes flows into the ring. It never waits
// and never fails.
type sink struct {
	ring *ring
	enc  *encode.Encoder
	buf  []byte
}

// group is how many flows are encoded at once: as many as the encoder takes in
// one go, and few enough that a chunk of the ring holds several groups.
const group = 64

func (s *sink) Write(_ context.Context, b *flow.Batch) error {
	for fl := range slices.Chunk(b.Flows, group) {
		s.buf = s.enc.AppendEvents(s.buf[:0], b, fl)
		s.ring.add(len(fl), s.buf)
	}
	return nil
}

// Close does nothing: what waits in the ring is still there to be drained.
func (s *sink) Close() error { return nil }
