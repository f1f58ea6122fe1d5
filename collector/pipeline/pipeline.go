package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
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

// A Drainer is a Source that may hold something when reading is to end. After
// Drain, Read takes that, and returns io.EOF behind it.
type Drainer interface{ Drain() error }

// A Stage changes batches on their way to the sinks. It may change and remove
// flows, not add any. Several workers call Apply at once.
type Stage interface {
	Apply(b *flow.Batch)
}

// A Sink takes batches. One goroutine calls Write, and Close after the last.
type Sink interface {
	// Write must not keep b, nor change it: other sinks read it. After an error,
	// all flows of b count as failed.
	Write(ctx context.Context, b *flow.Batch) error
	Close() error
}

// A Tap sees each datagram once it is decoded. Several workers call it at once;
// it must neither wait nor keep anything.
type Tap interface {
	// Datagram gets dg, and what came of it: the flows of b from from on.
	Datagram(dg *decode.Datagram, b *flow.Batch, from int)
}

// Deps is what a Pipeline connects. The Pipeline closes the sources and the
// sinks when Run ends.
type Deps struct {
	Store   *template.Store // nil: a new one with default limits
	Sources []Source
	Taps    []Tap
	Stages  []Stage
	Sink    Sink                  // an output with the Config's queue
	Outputs []Output              // more of them
	Log     *slog.Logger          // nil: nothing is logged
	Named   func(netip.Addr) bool // exporters that the operator knows: their accounts are kept; nil: none
	// Stay keeps Run going when all sources have ended: others may be added.
	Stay bool
}

// A Pipeline carries flows from sources to sinks.
type Pipeline struct {
	cfg      Config
	deps     Deps
	log      limitedLog
	accounts *accounts
	outputs  atomic.Pointer[[]*output]
	keep     int // flows that a free parcel may have room for

	// mu guards the queues and the ledger, so that this adds up whenever it is
	// read.
	mu           sync.Mutex
	free         []*parcel
	receipts     []*Receipt // free ones
	workers      []*worker
	past         decode.Stats // of workers that have ended
	filtered     uint64       // flows
	sourceErrors uint64
	panics       uint64

	running context.Context // of Run, nil before
	writing context.Context // of the sinks' writes
	going   sync.WaitGroup  // workers
	idle    chan struct{}   // a worker has ended
}

// New makes a Pipeline. Nothing moves until Run.
func New(cfg Config, deps Deps) (*Pipeline, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Sink != nil {
		first := Output{Name: "sink", Sink: deps.Sink, Queue: Queue{Size: cfg.Queue, Overflow: cfg.Overflow}}
		deps.Outputs = append([]Output{first}, deps.Outputs...)
	}
	switch {
	case len(deps.Sources) == 0 && !deps.Stay:
		return nil, errors.New("pipeline has no source")
	case len(deps.Outputs) == 0 && !deps.Stay:
		return nil, errors.New("pipeline has no sink")
	}
	if deps.Store == nil {
		deps.Store = template.NewStore(template.Limits{})
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{
		cfg: cfg, deps: deps, accounts: newAccounts(cfg.Accounts, deps.Named),
		keep: 4*cfg.Batch + 2048, // the last datagram overshoots
		idle: make(chan struct{}, 1),
	}
	p.log.log = deps.Log
	p.outputs.Store(new([]*output))
	for _, o := range deps.Outputs {
		if err := p.AddOutput(o); err != nil {
			return nil, err
		}
	}
	for _, s := range deps.Sources {
		p.workers = append(p.workers, newWorker(p, s))
	}
	return p, nil
}

// Run moves flows until ctx ends or, unless Deps.Stay, every source is at its
// end; hands what is queued to the sinks, closes sources and sinks, and returns
// what closing the sinks returns. When ctx has ended, the sinks have
// Config.Drain for the rest; what they don't take counts as dropped. Run is
// called once.
func (p *Pipeline) Run(ctx context.Context) error {
	writing, cancel := p.drainContext(ctx)
	defer cancel()
	p.mu.Lock()
	p.running, p.writing = ctx, writing
	for _, o := range *p.outputs.Load() {
		o.start(writing)
	}
	for _, w := range p.workers {
		p.start(w)
	}
	p.mu.Unlock()

	p.wait(ctx)
	p.going.Wait()
	var errs []error
	all := *p.outputs.Load()
	for _, o := range all {
		o.close()
	}
	for _, o := range all {
		<-o.done
		errs = append(errs, o.err)
	}
	return errors.Join(errs...)
}

// wait returns when there is nothing to read any more.
func (p *Pipeline) wait(ctx context.Context) {
	for {
		p.mu.Lock()
		n := len(p.workers)
		p.mu.Unlock()
		if n == 0 && !p.deps.Stay {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-p.idle:
		}
	}
}

// start lets a worker go. The caller has the lock.
func (p *Pipeline) start(w *worker) {
	ctx, cancel := context.WithCancel(p.running)
	w.cancel = cancel
	p.going.Go(func() {
		w.run(ctx)
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		add(&p.past, &w.dec.Stats)
		p.workers = slices.DeleteFunc(p.workers, func(x *worker) bool { return x == w })
		select {
		case p.idle <- struct{}{}:
		default:
		}
	})
}

// Add reads one more source, from now on if Run is going.
func (p *Pipeline) Add(s Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := newWorker(p, s)
	p.workers = append(p.workers, w)
	if p.running != nil {
		p.start(w)
	}
}

// Remove stops reading s, hands on what it has read, closes it, and returns when
// that is done. An output that blocks is waited for at most for Config.Drain;
// what it has no room for then is dropped.
func (p *Pipeline) Remove(s Source) {
	p.mu.Lock()
	var w *worker
	for _, x := range p.workers {
		if x.src == s {
			w = x
		}
	}
	started := w != nil && w.cancel != nil
	p.mu.Unlock()
	if started {
		w.cancel()
		late := time.AfterFunc(p.cfg.Drain, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			w.late = true
			for _, o := range *p.outputs.Load() {
				o.notFull.Broadcast()
			}
		})
		<-w.done
		late.Stop()
	}
}

// AddOutput hands what comes from now on to one more sink.
func (p *Pipeline) AddOutput(x Output) error {
	if x.Sink == nil {
		return fmt.Errorf("output %s has no sink", x.Name)
	}
	if err := x.Queue.Validate(); err != nil {
		return fmt.Errorf("output %s: %w", x.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	all := *p.outputs.Load()
	o := newOutput(p, x, p.slot(all))
	p.accounts.mu.RLock()
	o.sums.Skipped = p.decoded() - p.heldFlows() - p.filtered
	for _, a := range p.accounts.all {
		*a.output(o.slot) = atOutput{skipped: a.records - a.held - a.taken}
	}
	a := p.accounts.others
	*a.output(o.slot) = atOutput{skipped: a.records - a.held - a.taken}
	p.accounts.mu.RUnlock()
	more := append(slices.Clone(all), o)
	p.outputs.Store(&more)
	if p.running != nil {
		o.start(p.writing)
	}
	return nil
}

// slot returns the lowest slot that no output has.
func (p *Pipeline) slot(all []*output) (n int) {
	for slices.ContainsFunc(all, func(o *output) bool { return o.slot == n }) {
		n++
	}
	return n
}

// RemoveOutput takes the output of this name out, hands it what is queued for
// it, at most for Config.Drain, and returns what closing its sink returns.
func (p *Pipeline) RemoveOutput(name string) error {
	p.mu.Lock()
	all := *p.outputs.Load()
	i := slices.IndexFunc(all, func(o *output) bool { return o.Name == name })
	if i < 0 {
		p.mu.Unlock()
		return fmt.Errorf("there is no output %s", name)
	}
	o := all[i]
	o.closed = true
	o.notEmpty.Broadcast()
	o.notFull.Broadcast()
	o.moved.Broadcast()
	started := p.running != nil
	p.mu.Unlock()
	if started {
		late := time.AfterFunc(p.cfg.Drain, o.giveUp)
		<-o.done
		late.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o.gone = true // what a worker that waits elsewhere still has for it is nobody's
	less := slices.DeleteFunc(slices.Clone(*p.outputs.Load()), func(x *output) bool { return x == o })
	p.outputs.Store(&less)
	return o.err
}

// send hands a parcel to all outputs, with what w has counted until then, and
// returns an empty one.
func (p *Pipeline) send(w *worker, x *parcel) *parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.publish()
	w.held = 0
	all := *p.outputs.Load()
	p.filtered += uint64(x.flows - x.left)
	for i := range x.parts {
		t := &x.parts[i]
		a := t.account.owner()
		a.held -= uint64(t.records)
		a.taken += uint64(t.filtered)
	}
	x.refs = len(all) + 1 // and this one
	x.octets = x.batch.Size()
	for _, o := range all {
		o.sums.Queued += uint64(x.left)
	}
	for _, o := range all {
		if !o.full(x) {
			o.push(w, x)
		} else {
			w.full = append(w.full, o)
		}
	}
	if len(w.full) > 0 {
		for _, o := range all {
			o.tell()
		}
	}
	for _, o := range w.full { // last, as w may have to wait for them
		o.push(w, x)
	}
	w.full = w.full[:0]
	p.release(x)
	next := p.fresh()
	w.safe = sizes{}
	return next
}

// drainContext returns the context of the sinks' writes: it outlives ctx by
// Config.Drain.
func (p *Pipeline) drainContext(ctx context.Context) (context.Context, func()) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(p.cfg.Drain, cancel)
		context.AfterFunc(writing, func() { t.Stop() })
	})
	return writing, func() { stop(); cancel() }
}

// panicked counts and logs a contained panic.
func (p *Pipeline) panicked(where string, r any) {
	p.mu.Lock()
	p.panics++
	p.mu.Unlock()
	p.log.error("panic in "+where, fmt.Sprint(r), string(debug.Stack()))
}

// decoded and heldFlows sum over the workers. The caller has the lock.
func (p *Pipeline) decoded() (n uint64) {
	n = p.past.Flows
	for _, w := range p.workers {
		n += w.published.Flows
	}
	return n
}

func (p *Pipeline) heldFlows() (n uint64) {
	for _, w := range p.workers {
		n += w.held
	}
	return n
}

// Stats returns what has happened so far. It may be called at any time, from
// any goroutine.
func (p *Pipeline) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts.mu.RLock()
	ports, domains := p.accounts.newPorts, p.accounts.newDomains
	p.accounts.mu.RUnlock()
	s := Stats{Stats: p.past, NewPorts: ports, NewDomains: domains, Held: p.heldFlows(), Filtered: p.filtered, SourceErrors: p.sourceErrors, Panics: p.panics}
	for _, w := range p.workers {
		add(&s.Stats, &w.published)
	}
	now := time.Now()
	for i, o := range *p.outputs.Load() {
		s.Outputs = append(s.Outputs, o.stats(now))
		s.SinkErrors += o.sums.Errors
		if i == 0 {
			s.Queued, s.Written, s.Dropped, s.Failed = o.sums.Queued+s.Held, o.sums.Written, o.sums.Dropped, o.sums.Failed
		}
	}
	return s
}
