package input

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Fluent Bit's hot reload ends an input and makes a new one in the same process.
// In between the sockets stay open, and what comes is kept.

// lot is where instances are in between.
var lot parking

type parking struct {
	mu  sync.Mutex
	all []*parked
}

type parked struct {
	*Instance
	timer *time.Timer
}

// parkedFor is how long an instance waits for its successor.
const parkedFor = 30 * time.Second

// Park keeps x's sockets, templates and events for the next Start that listens at
// one of its addresses. After 30 seconds without one x is stopped, and its events
// are dropped. It takes the place of Stop.
func (x *Instance) Park() { lot.park(x, parkedFor) }

func (p *parking) park(x *Instance, long time.Duration) {
	x.hush()
	p.mu.Lock()
	defer p.mu.Unlock()
	one := &parked{Instance: x}
	one.timer = time.AfterFunc(long, func() {
		p.mu.Lock()
		n := len(p.all)
		p.all = slices.DeleteFunc(p.all, func(q *parked) bool { return q == one })
		gone := len(p.all) < n
		p.mu.Unlock()
		if gone {
			x.log.Warn("nobody has taken over after the reload")
			x.end()
		}
	})
	p.all = append(p.all, one)
}

// take returns a parked instance that listens where c wants to, or nil.
func (p *parking) take(c *Config) *Instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := c.Collector.Listen.Addresses()
	for i, one := range p.all {
		has := one.cfg.Collector.Listen.Addresses()
		if slices.ContainsFunc(has, func(a string) bool { return slices.Contains(want, a) }) {
			one.timer.Stop()
			p.all = slices.Delete(p.all, i, i+1)
			return one.Instance
		}
	}
	return nil
}

// end stops x and drops what waits.
func (x *Instance) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := x.running.Stop(ctx); err != nil {
		x.log.Error("stop: " + err.Error())
	}
	x.ring.giveUp()
}

// resume makes a parked instance go on as cfg says. If that needs a new pipeline,
// the exporters' templates and the events that wait are taken over.
func (x *Instance) resume(cfg Config, log *slog.Logger) error {
	x.voice.to(log)
	x.paused.Store(false)
	x.ring.resize(cfg.BufferLimit, cfg.MaxBatch)
	x.sink.configure(&cfg)
	if x.needsRestart(&cfg) {
		announced := x.running.Store().AppendSnapshot(nil)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := x.running.Stop(ctx); err != nil {
			return err
		}
		return x.start(cfg, announced)
	}
	changes, err := x.running.Reload(cfg.Collector)
	if err != nil {
		x.end()
		return err
	}
	for _, line := range changes {
		x.log.Info("reload: " + line)
	}
	x.cfg = cfg
	for _, a := range x.running.Addrs() {
		x.log.Info("still listening on "+a.String(), "schema", cfg.Schema)
	}
	x.tell()
	return nil
}

// needsRestart tells whether cfg changes what a running pipeline can't.
func (x *Instance) needsRestart(cfg *Config) bool {
	a, b := x.cfg.Collector, cfg.Collector
	return !reflect.DeepEqual(a.Pipeline, b.Pipeline) || !reflect.DeepEqual(a.Limits, b.Limits) || a.Data != b.Data ||
		!reflect.DeepEqual(a.Source.Settings(), b.Source.Settings()) || x.cfg.SpillPath != cfg.SpillPath || x.cfg.SpillLimit != cfg.SpillLimit
}

// A voice is a log's handler whose own log may be exchanged.
type voice struct {
	handler *atomic.Pointer[slog.Handler]
	attrs   []slog.Attr
}

func newVoice(log *slog.Logger) *voice {
	v := &voice{handler: new(atomic.Pointer[slog.Handler])}
	v.to(log)
	return v
}

func (v *voice) to(log *slog.Logger) {
	h := log.Handler()
	v.handler.Store(&h)
}

func (v *voice) Enabled(ctx context.Context, l slog.Level) bool {
	return (*v.handler.Load()).Enabled(ctx, l)
}

func (v *voice) Handle(ctx context.Context, r slog.Record) error {
	return (*v.handler.Load()).WithAttrs(v.attrs).Handle(ctx, r)
}

func (v *voice) WithAttrs(as []slog.Attr) slog.Handler {
	return &voice{v.handler, append(slices.Clip(v.attrs), as...)}
}

// WithGroup ignores the group: nobody here has any.
func (v *voice) WithGroup(string) slog.Handler { return v }
