package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/query/engine"
)

// grace is how long sockets and window outlive their last user. The SDK makes
// the next instance before it disposes of the last, so this is for operators
// who change their mind.
const grace = time.Minute

// stopTime is how long a pipeline has to hand over what is queued.
const stopTime = 5 * time.Second

// A Hub owns the sockets and windows of a process. Datasources that listen on
// the same addresses share them; one whose addresses change takes its window
// along. Any number of goroutines may use it at once.
type Hub struct {
	mu    sync.Mutex
	ears  []*ear
	grace time.Duration
	log   *slog.Logger
	live  liveQueries

	defaults Settings // of datasources
	admin    Admin
	process  *Datasource // stands for the process, which listens for itself; nil: it doesn't
}

// An ear is a set of sockets with the window that they fill.
type ear struct {
	window   *engine.Window
	watchers *watchers
	uids     map[*Datasource]string // who uses it
	last     string                 // uid of the latest user
	timer    *time.Timer            // runs while there are no users

	mu        sync.Mutex
	addresses []string
	running   *config.Running
}

// NewHub makes a Hub that listens nowhere yet.
func NewHub(log *slog.Logger) *Hub {
	return &Hub{grace: grace, log: log, defaults: DefaultSettings()}
}

// acquire returns the ear on d's addresses, and listens there if nobody does.
// The caller releases it.
func (h *Hub) acquire(d *Datasource) (*ear, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	want := d.settings.addresses()
	e, err := h.find(d.uid, want)
	if err != nil {
		return nil, err
	}
	if e == nil {
		e = &ear{window: engine.NewWindow(d.settings.limit(), time.Now()), watchers: newWatchers(), uids: map[*Datasource]string{}}
	}
	if err := h.listen(e, d.settings, want); err != nil {
		return nil, err
	}
	if !slices.Contains(h.ears, e) {
		h.ears = append(h.ears, e)
	}
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	e.uids[d], e.last = d.uid, d.uid
	if _, admins := e.uids[h.process]; !admins || d == h.process || h.admin.WindowMB == "" {
		e.window.Resize(d.settings.limit())
	}
	return e, nil
}

// find returns the ear on these addresses, or else the one that only this
// datasource uses; nil if there is neither. An address that another datasource
// has in another list is an error.
func (h *Hub) find(uid string, want []string) (*ear, error) {
	var own *ear
	for _, e := range slices.Clone(h.ears) {
		have := e.listens()
		switch {
		case slices.Equal(have, want):
			return e, nil
		case e.only(uid):
			own = e
		case !common(have, want):
		case len(e.uids) == 0: // nobody needs it any more
			h.drop(e)
		default:
			who := "another datasource of this Grafana listens"
			if _, admins := e.uids[h.process]; admins {
				who = "its administrator lets this Grafana listen"
			}
			return nil, fmt.Errorf("listen on %s: %s on %s: give both the same list, or ports of their own",
				strings.Join(want, ", "), who, strings.Join(have, ", "))
		}
	}
	return own, nil
}

// common tells whether two lists share an address. A port 0 is a new one each
// time.
func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return !strings.HasSuffix(x, ":0") && slices.Contains(b, x) })
}

func (h *Hub) start(s Settings, e *ear) (*config.Running, error) {
	c, err := s.config()
	if err != nil {
		return nil, err
	}
	return c.StartWith(config.Options{Sink: e.window, Outputs: []pipeline.Output{e.watchers.output()}, Log: h.log})
}

// listen lets e listen on want, unless it does. If that is impossible e goes on
// as before.
func (h *Hub) listen(e *ear, s Settings, want []string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	alive := e.running != nil && !ended(e.running)
	if alive && slices.Equal(e.addresses, want) {
		return nil
	}
	if alive {
		h.stop(e.running)
	}
	defer func() { e.window.Gap(time.Now()) }() // sockets were closed, or are new
	r, err := h.start(s, e)
	if err == nil {
		e.running, e.addresses = r, want
		h.log.Info("listening", "addresses", r.Addrs())
		return nil
	}
	if alive {
		before := Settings{Listen: strings.Join(e.addresses, ",")}
		if back, err := h.start(before, e); err == nil {
			e.running = back
		} else {
			h.log.Error("not listening any more", "addresses", e.addresses, "error", err)
		}
	}
	return err
}

func ended(r *config.Running) bool {
	select {
	case <-r.Done():
		return true
	default:
		return false
	}
}

func (h *Hub) stop(r *config.Running) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		h.log.Warn("stopped listening", "error", err)
	}
}

// release gives back what acquire returned. Sockets and window go once nobody
// has wanted them for the grace period.
func (h *Hub) release(e *ear, d *Datasource) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(e.uids, d)
	if len(e.uids) > 0 || e.timer != nil {
		return
	}
	e.timer = time.AfterFunc(h.grace, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(e.uids) == 0 {
			h.drop(e)
		}
	})
}

func (h *Hub) drop(e *ear) {
	h.ears = slices.DeleteFunc(h.ears, func(x *ear) bool { return x == e })
	h.stop(e.now())
	h.log.Info("stopped listening", "addresses", e.listens())
}

// Close stops listening everywhere.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.ears) > 0 {
		h.drop(h.ears[0])
	}
}

// only tells whether e is used, or was last used, by this datasource and no
// other.
func (e *ear) only(uid string) bool {
	for _, u := range e.uids {
		if u != uid {
			return false
		}
	}
	return e.last == uid
}

// listens returns the addresses as they were asked for.
func (e *ear) listens() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addresses
}

// now returns what fills the window at present.
func (e *ear) now() *config.Running {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running
}
