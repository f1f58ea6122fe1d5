package config

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/template"
)

// Running is a pipeline that reads the sockets of a Config.
type Running struct {
	pipe      *pipeline.Pipeline
	store     *template.Store
	listeners []*source.Listener
	cancel    context.CancelFunc
	done      chan struct{}
	err       error // of Run; valid once done is closed
}

// Start opens the sockets and starts the pipeline. Running.Stop ends it, and
// closes sink; an error leaves nothing open but sink, and nothing running.
func (c Config) Start(sink pipeline.Sink, log *slog.Logger, stages ...pipeline.Stage) (*Running, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(c.Elements) > 0 {
		if err := AddElements(c.Elements); err != nil {
			return nil, err
		}
	}
	c.Source.Log = log
	if c.Source.Idle == 0 {
		c.Source.Idle = min(c.Pipeline.Flush, 100*time.Millisecond)
	}
	r := &Running{store: template.NewStore(c.Limits), done: make(chan struct{})}
	var sources []pipeline.Source
	fail := func(err error) (*Running, error) {
		for _, s := range sources {
			s.Close()
		}
		return nil, err
	}
	for _, l := range c.Listen {
		x, err := source.Open(l, c.Source)
		if err != nil {
			return fail(err)
		}
		for _, s := range x.Sources() {
			sources = append(sources, s)
		}
		r.listeners = append(r.listeners, x)
	}
	var err error
	r.pipe, err = pipeline.New(c.Pipeline, pipeline.Deps{Store: r.store, Sources: sources, Stages: stages, Sink: sink, Log: log})
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		defer cancel()
		r.err = r.pipe.Run(ctx)
	}()
	return r, nil
}

// Listeners returns what is open, in the order of Config.Listen.
func (r *Running) Listeners() []*source.Listener { return r.listeners }

// Addrs returns the addresses of the listeners, in the order of Config.Listen.
func (r *Running) Addrs() []netip.AddrPort {
	all := make([]netip.AddrPort, len(r.listeners))
	for i, x := range r.listeners {
		all[i] = x.Addr()
	}
	return all
}

// Stats returns what has happened so far.
func (r *Running) Stats() pipeline.Stats { return r.pipe.Stats() }

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
