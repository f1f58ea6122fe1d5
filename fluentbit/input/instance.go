package input

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/encode"
)

// An Instance is one input section at work: it listens, decodes, encodes and
// keeps the events until they are drained. Its methods may be called from any
// goroutine, and none but Stop waits.
type Instance struct {
	cfg     Config
	ring    *ring
	running *config.Running
	log     *slog.Logger
	loss    lossReport
}

// Start opens the sockets and starts to receive. An error is one sentence that
// names what couldn't be opened.
func Start(cfg Config, log *slog.Logger) (*Instance, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	x := &Instance{cfg: cfg, ring: newRing(cfg.BufferLimit, cfg.MaxBatch, chunkSize), log: log}
	var err error
	x.running, err = cfg.Collector.Start(&sink{ring: x.ring, enc: encode.New(cfg.Schema)}, log)
	if err != nil {
		return nil, err
	}
	for _, a := range x.running.Addrs() {
		log.Info("listening on "+a.String(), "schema", cfg.Schema)
	}
	return x, nil
}

// Addrs returns where x listens.
func (x *Instance) Addrs() []netip.AddrPort { return x.running.Addrs() }

// Batch returns how much room the next Drain should be given: zero if nothing
// waits, else what waits and some more, as it grows, within max_batch.
func (x *Instance) Batch() int {
	n := x.ring.counts().Waiting.Octets
	if n == 0 {
		return 0
	}
	return int(min(n+2*chunkSize, uint64(x.cfg.MaxBatch)))
}

// Drain appends the oldest events to dst, whole ones, max octets at most and
// never more than max_batch, and forgets them. It is meant to be called once a
// second: it is also what reports losses.
func (x *Instance) Drain(dst []byte, max int) []byte {
	dst = x.ring.drain(dst, max)
	x.report(time.Now())
	return dst
}

// Stats of an Instance. What Collector has written is what Ring took in.
type Stats struct {
	Collector pipeline.Stats
	Ring      Counts
}

func (x *Instance) Stats() Stats {
	return Stats{x.running.Stats(), x.ring.counts()}
}

// Stop closes the sockets and waits until all that was read is in the ring,
// or ctx ends. What waits there can still be drained. Fluent Bit doesn't ask
// again when it ends, so that is lost, and said.
func (x *Instance) Stop(ctx context.Context) error {
	err := x.running.Stop(ctx)
	x.report(time.Time{})
	c := x.ring.counts()
	x.log.Info("stopped", "events", c.In.Events, "delivered", c.Out.Events, "dropped", c.Dropped.Events, "undelivered", c.Waiting.Events)
	return err
}
