package config

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/enrich"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/template"
)

// Running is a pipeline that reads the sockets of a Config.
type Running struct {
	cfg       Config
	log       *slog.Logger
	pipe      *pipeline.Pipeline
	enrich    *enrich.Stage
	store     *template.Store
	mu        sync.Mutex // guards listeners and cfg
	listeners []*source.Listener
	cancel    context.CancelFunc
	unlock    func() // of the data directory
	done      chan struct{}
	err       error // of Run; valid once done is closed
}

// Options is what a pipeline gets beside the Config.
type Options struct {
	Sink    pipeline.Sink // with the Config's queue; nil: Outputs alone
	Outputs []pipeline.Output
	Taps    []pipeline.Tap
	Stages  []pipeline.Stage
	Log     *slog.Logger          // nil: nothing is logged
	Named   func(netip.Addr) bool // nil: who has a name in Config.Enrich
	// Announced is a snapshot of what exporters have announced (template.Store's
	// AppendSnapshot), beside that of Config.Data.
	Announced []byte
	Stay      bool // Reload may leave it without a listener or a sink
}

// Start is StartWith for a host: one sink, and perhaps stages.
func (c Config) Start(sink pipeline.Sink, log *slog.Logger, stages ...pipeline.Stage) (*Running, error) {
	return c.StartWith(Options{Sink: sink, Log: log, Stages: stages})
}

// StartWith opens the sockets and starts the pipeline. Running.Stop ends it, and
// closes the sinks; an error leaves nothing open but sinks, and nothing running.
func (c Config) StartWith(o Options) (_ *Running, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(c.Elements) > 0 {
		if err := AddElements(c.Elements); err != nil {
			return nil, err
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c.Source.Log = o.Log
	if c.Source.Idle == 0 {
		c.Source.Idle = min(c.Pipeline.Flush, 100*time.Millisecond)
	}
	r := &Running{store: template.NewStore(c.Limits), log: o.Log, unlock: func() {}, done: make(chan struct{})}
	c.Source.Known = r
	r.cfg = c
	if c.Data != "" {
		if r.unlock, err = LockData(c.Data, o.Log); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				r.unlock()
			}
		}()
		if err := restore(c.Data, r.store, o.Log); err != nil {
			return nil, err
		}
	}
	if o.Announced != nil {
		if err := r.store.Restore(o.Announced); err != nil {
			return nil, fmt.Errorf("templates of before: %w", err)
		}
	}
	var sources []pipeline.Source
	for _, l := range c.Listen {
		x, err := source.Open(l, c.Source)
		if err != nil {
			r.closeListeners()
			return nil, err
		}
		sources = append(sources, all(x)...)
		r.listeners = append(r.listeners, x)
	}
	if r.enrich, err = enrich.New(c.Enrich, enrich.Deps{Names: r.store, Log: o.Log}); err != nil {
		r.closeListeners()
		return nil, fmt.Errorf("enrich: %w", err)
	}
	if o.Named == nil {
		o.Named = r.enrich.Named
	}
	r.store.Name(o.Named)
	r.pipe, err = pipeline.New(c.Pipeline, pipeline.Deps{
		Store: r.store, Sources: sources, Taps: o.Taps, Stages: append([]pipeline.Stage{r.enrich}, o.Stages...), Sink: o.Sink, Outputs: o.Outputs,
		Log: o.Log, Named: o.Named, Stay: o.Stay,
	})
	if err != nil {
		r.closeListeners()
		return nil, err
	}
	r.start()
	return r, nil
}

// Known tells the listeners who has delivered. It is asked only when datagrams
// come, which is when there is a pipeline.
func (r *Running) Known(a netip.Addr) bool { return r.pipe.Known(a) }

// start lets the pipeline go, and beside it the snapshots and the eye on tables.
func (r *Running) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	var beside sync.WaitGroup
	beside.Go(func() { r.enrich.Run(ctx) })
	if r.cfg.Data != "" {
		beside.Go(func() {
			keepSaving(ctx, r.cfg.Data, r.store, func() uint64 { return r.pipe.Stats().Templates }, r.log)
		})
	}
	go func() {
		defer close(r.done)
		defer r.unlock()
		defer beside.Wait()
		defer cancel()
		r.err = r.pipe.Run(ctx)
	}()
}

func (r *Running) closeListeners() {
	for _, x := range r.listeners {
		for _, s := range x.Sources() {
			s.Close()
		}
	}
}

// all returns the sources of a listener.
func all(x *source.Listener) (sources []pipeline.Source) {
	for _, s := range x.Sources() {
		sources = append(sources, s)
	}
	return sources
}

// Listeners returns what is open, in the order of Config.Listen.
func (r *Running) Listeners() []*source.Listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.listeners)
}

// Addrs returns the addresses of the listeners, in the order of Config.Listen.
func (r *Running) Addrs() []netip.AddrPort {
	var all []netip.AddrPort
	for _, x := range r.Listeners() {
		all = append(all, x.Addr())
	}
	return all
}

// Pipeline returns the pipeline.
func (r *Running) Pipeline() *pipeline.Pipeline { return r.pipe }

// Stats returns what has happened so far.
func (r *Running) Stats() pipeline.Stats { return r.pipe.Stats() }

// Enrich returns the stage that fills columns, the first of all.
func (r *Running) Enrich() *enrich.Stage { return r.enrich }

// Store returns what is known of the exporters.
func (r *Running) Store() *template.Store { return r.store }

// Done is closed when the pipeline has ended.
func (r *Running) Done() <-chan struct{} { return r.done }

// Stop ends the pipeline: it stops reading, hands what is queued to the sink,
// and closes it. It may be called more than once. Where ctx ends before, Stop
// returns, and the pipeline ends by itself within pipeline.Config.Drain.
func (r *Running) Stop(ctx context.Context) error {
	r.cancel()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("stop with %d flows in the queue: %w", r.Stats().Queued, ctx.Err())
	}
}
