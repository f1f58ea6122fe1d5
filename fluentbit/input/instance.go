package input

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
)

// An Instance is one input section at work: it listens, decodes, encodes and
// keeps the events until they are drained. Its methods may be called from any
// goroutine, and none but Stop and Feed waits.
type Instance struct {
	cfg     Config
	ring    *ring
	sink    *sink
	running *config.Running
	log     *slog.Logger
	voice   *voice // where log writes
	loss    lossReport
	paused  atomic.Bool
	unlock  func() // of the spill's directory

	telling sync.WaitGroup // of the ledger
	silence context.CancelFunc
}

// Start opens the sockets and starts to receive. An error is one sentence that
// names what couldn't be opened. If an instance is parked that listens where this
// one is to, that goes on instead, as cfg says.
func Start(cfg Config, log *slog.Logger) (*Instance, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	x, left := lot.take(&cfg)
	var err error
	if x != nil {
		err = x.resume(cfg, log)
	} else {
		x = &Instance{ring: newRing(cfg.BufferLimit, cfg.MaxBatch, chunkSize), voice: newVoice(log), unlock: func() {}}
		x.log = slog.New(x.voice)
		x.sink = newSink(x.ring, &cfg)
		err = x.start(cfg, nil)
	}
	if err != nil {
		return nil, err
	}
	x.inherit(left)
	return x, nil
}

// start starts the pipeline; announced is what its exporters have announced before.
func (x *Instance) start(cfg Config, announced []byte) (err error) {
	x.cfg = cfg
	x.loss.mu.Lock()
	x.loss.pipeline, x.loss.before = 0, x.ring.counts().Lost
	x.loss.mu.Unlock()
	queue := pipeline.Queue{Size: cfg.Collector.Pipeline.Queue, Overflow: cfg.Collector.Pipeline.Overflow}
	if cfg.SpillPath != "" {
		queue.Overflow, queue.Dir, queue.Disk = pipeline.Spill, filepath.Join(cfg.SpillPath, "spill"), int64(cfg.SpillLimit)
	}
	var left pipeline.Leftover
	if queue.Dir != "" {
		// What can't be used is to be said now, not when the buffer is full.
		unlock, err := config.LockData(queue.Dir, x.log)
		if err != nil {
			return fmt.Errorf("property \"spill_path\": %w", err)
		}
		x.unlock = unlock
		left = pipeline.FindLeftover(queue.Dir)
	}
	x.running, err = cfg.Collector.StartWith(config.Options{
		Outputs: []pipeline.Output{{Name: "fluent bit", Sink: x.sink, Queue: queue}}, Log: x.log, Announced: announced,
		Stay: true, // a reload may put others in the place of all listeners
	})
	if err != nil {
		x.unlock()
		return err
	}
	left.Drop(x.log)
	for _, a := range x.running.Addrs() {
		x.log.Info("listening on "+a.String(), "schema", cfg.Schema)
	}
	x.tell()
	return nil
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

// Stats of an Instance. What Collector has written is what was drained or fed.
type Stats struct {
	Collector pipeline.Stats
	Ring      Counts
}

func (x *Instance) Stats() Stats {
	return Stats{x.running.Stats(), x.ring.counts()}
}

// Stop closes the sockets and waits until all that was read is in the ring, also
// what was spilled, or ctx ends. What waits there can still be drained; what it has
// no room for is dropped, and counted.
func (x *Instance) Stop(ctx context.Context) error {
	x.hush()
	x.ring.letGo()
	err := x.running.Stop(ctx)
	x.unlock()
	x.report(time.Time{})
	c := x.ring.counts()
	x.log.Info("stopped", "events", c.In.Events, "delivered", c.Out.Events, "dropped", c.Dropped.Events, "undelivered", c.Waiting.Events)
	return err
}

// tell starts to tell of the ledger, as often as the configuration says.
func (x *Instance) tell() {
	ctx, cancel := context.WithCancel(context.Background())
	x.silence = cancel
	if x.cfg.StatsEvery == 0 {
		return
	}
	x.telling.Go(func() {
		for tick := time.NewTicker(x.cfg.StatsEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case now := <-tick.C:
				x.report(now) // while fluent bit pauses, it doesn't ask
				x.tellLedger(now)
			}
		}
	})
}

func (x *Instance) hush() {
	x.silence()
	x.telling.Wait()
}
