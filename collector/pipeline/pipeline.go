package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// A Source is where datagrams come from. One goroutine calls Read.
type Source interface {
	// Read fills dst from its start and returns how many datagrams there are;
	// their Data is valid until the next Read. It waits for the first one, but
	// comes back with 0 and no error now and then, so that what has been read
	// is not held up. At the end it returns io.EOF or ctx's error.
	Read(ctx context.Context, dst []decode.Datagram) (int, error)
	Close() error
}

// A Stage changes batches on their way to the sink. It may change and remove
// flows, not add any. One goroutine calls Apply.
type Stage interface {
	Apply(b *flow.Batch)
}

// A Sink takes batches. One goroutine calls Write, and Close after the last.
type Sink interface {
	// Write must not keep b. After an error, all flows of b count as failed.
	Write(ctx context.Context, b *flow.Batch) error
	Close() error
}

// Deps is what a Pipeline connects. The Pipeline closes the sources and the
// sink when Run ends.
type Deps struct {
	Store   *template.Store // nil: a new one with default limits
	Sources []Source
	Stages  []Stage
	Sink    Sink
	Log     *slog.Logger // nil: nothing is logged
}

// A Pipeline carries flows from sources to a sink.
type Pipeline struct {
	cfg     Config
	deps    Deps
	queue   *queue
	workers []*worker
	log     limitedLog
}

// New makes a Pipeline. Nothing moves until Run.
func New(cfg Config, deps Deps) (*Pipeline, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	switch {
	case len(deps.Sources) == 0:
		return nil, errors.New("pipeline has no source")
	case deps.Sink == nil:
		return nil, errors.New("pipeline has no sink")
	}
	if deps.Store == nil {
		deps.Store = template.NewStore(template.Limits{})
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{cfg: cfg, deps: deps, queue: newQueue(cfg)}
	p.log.log = deps.Log
	for _, s := range deps.Sources {
		p.workers = append(p.workers, newWorker(p, s))
	}
	return p, nil
}

// Run moves flows until ctx ends or every source is at its end, hands what is
// queued to the sink, closes sources and sink, and returns what closing the
// sink returns. When ctx has ended, the sink has Config.Drain for the rest;
// what it doesn't take counts as dropped. Run is called once.
func (p *Pipeline) Run(ctx context.Context) error {
	writing, cancel := p.drainContext(ctx)
	defer cancel()

	var workers sync.WaitGroup
	for _, w := range p.workers {
		workers.Go(func() { w.run(ctx) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.drain(writing)
	}()
	workers.Wait()
	p.queue.close()
	<-done
	return p.closeSink()
}

// drainContext returns the context of the sink's writes: it outlives ctx by
// Config.Drain.
func (p *Pipeline) drainContext(ctx context.Context) (context.Context, func()) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(p.cfg.Drain, cancel)
		context.AfterFunc(writing, func() { t.Stop() })
	})
	return writing, func() { stop(); cancel() }
}

// Stats returns what has happened so far. It may be called at any time, from
// any goroutine.
func (p *Pipeline) Stats() Stats { return p.queue.stats(p.workers) }
