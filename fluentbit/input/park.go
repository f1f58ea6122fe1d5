package input

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/collector/source"
)

// Fluent Bit's hot reload ends an input and makes a new one in the same process.
// In between the sockets stay open, and what comes is kept.

// lot is where instances are in between.
var lot parking

type parking struct {
	mu    sync.Mutex
	all   []*parked
	moved [][]byte  // what exporters have announced to listeners that are to be another's
	until time.Time // when nobody wants that any more
}

type parked struct {
	*Instance
	timer *time.Timer
}

// parkedFor is how long an instance waits for its successor.
const parkedFor = 30 * time.Second

// Park keeps x's sockets, templates and events for the next Start that listens at
// one of its ports. After 30 seconds without one x is stopped, and its events are
// dropped. It takes the place of Stop.
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
			x.shut()
			x.log.Warn("nobody has taken over after the reload", "dropped", x.ring.counts().Waiting.Events)
			x.ring.giveUp()
		}
	})
	p.all = append(p.all, one)
}

// An heirloom is what parked instances leave to one that listens in their place.
type heirloom struct {
	announced [][]byte // by exporters, of those that listened before
	rings     []*ring  // of those that have ended
}

// take returns a parked instance that listens where c wants to, or nil. Others that
// do so too make room: they stop to listen there, and end if they listen nowhere
// else.
func (p *parking) take(c *Config) (x *Instance, left heirloom) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = slices.DeleteFunc(p.all, func(one *parked) bool {
		has := one.cfg.Collector.Listen
		rest := slices.DeleteFunc(slices.Clone(has), func(l source.Listen) bool {
			return slices.ContainsFunc(c.Collector.Listen, func(want source.Listen) bool { return l.Address == want.Address || l.Clashes(want) })
		})
		switch {
		case len(rest) == len(has):
			return false
		case x == nil:
			x = one.Instance
			if len(rest) > 0 {
				p.moved, p.until = append(p.moved, x.running.Store().AppendSnapshot(nil)), time.Now().Add(parkedFor)
			}
		default:
			left.announced = append(left.announced, one.running.Store().AppendSnapshot(nil))
			if len(rest) > 0 {
				one.cfg.Collector.Listen = rest
				if _, err := one.running.Reload(one.cfg.Collector); err != nil {
					one.log.Error("reload: " + err.Error())
				}
				return false
			}
			one.shut()
			left.rings = append(left.rings, one.ring)
		}
		one.timer.Stop()
		return true
	})
	if time.Now().After(p.until) {
		p.moved = nil
	}
	left.announced = append(left.announced, p.moved...)
	return x, left
}

// inherit takes over what others have left, once x listens in their place.
func (x *Instance) inherit(left heirloom) {
	for _, a := range left.announced {
		if err := x.running.Store().Restore(a); err != nil {
			x.log.Error("templates of another input: " + err.Error())
		}
	}
	for _, r := range left.rings {
		for c := r.take(r.limit); c != nil; c = r.take(r.limit) {
			x.ring.add(c.tag, int(c.events), c.data, nil)
			r.delivered(c)
		}
	}
}

// shut stops x; what waits stays in its ring.
func (x *Instance) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := x.running.Stop(ctx); err != nil {
		x.log.Error("stop: " + err.Error())
	}
	x.unlock()
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
		x.unlock()
		return x.start(cfg, announced)
	}
	changes, err := x.running.Reload(cfg.Collector)
	if err != nil {
		x.shut()
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
