package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/findings"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Options is what a Daemon gets beside its Config.
type Options struct {
	// Load reads the configuration again, for Reload; nil: there is none to read.
	Load    func() (Config, error)
	Outputs []pipeline.Output // beside those of the Config
	Stdout  io.Writer         // of a sink to it; nil: standard output
	Version string
	Log     *slog.Logger // nil: nothing is logged
}

// A Daemon is a running collector.
type Daemon struct {
	*config.Running
	mu     sync.Mutex // of Reload
	cfg    Config
	opts   Options
	sinks  []pipeline.Output // those of cfg
	relays []*sink.Relayer
	store  *keeper         // nil: flows are not kept
	server *api.Server     // nil: no API
	found  *findings.Store // nil: findings are not kept

	cancel context.CancelFunc // of the API
	apiEnd chan struct{}
	stop   sync.Once
	end    error
}

// Start opens all that c names. An error leaves nothing open but the sinks of
// Options.
func Start(c Config, o Options) (*Daemon, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Daemon{cfg: c, opts: o, apiEnd: make(chan struct{})}
	close(d.apiEnd)
	if c.Data != "" { // before a file of a sink is touched
		unlock, err := config.LockData(c.Data, o.Log)
		if err != nil {
			return nil, err
		}
		defer unlock() // Running has its own then
	}
	left := pipeline.FindLeftover(d.spills())
	taps, err := d.openRelays()
	if err != nil {
		return nil, err
	}
	outputs, err := d.openSinks()
	if err != nil {
		d.closeRelays()
		return nil, err
	}
	opened := outputs
	if d.store, err = openStore(c, o); err != nil {
		d.closeRelays()
		closeSinks(opened)
		return nil, err
	}
	if d.store != nil {
		outputs = append(outputs, d.store.output(c))
		opened = outputs
	}
	outputs = append(outputs, o.Outputs...)
	tail := api.NewTail()
	if c.API.Listen != "" {
		outputs = append(outputs, tail.Output())
	}
	if d.Running, err = c.StartWith(config.Options{Outputs: outputs, Taps: taps, Log: o.Log, Stay: true}); err != nil {
		d.closeRelays()
		closeSinks(opened)
		d.store.end()
		return nil, err
	}
	if err := d.store.account(d.Pipeline()); err != nil {
		return nil, errors.Join(err, d.abandon())
	}
	left.Drop(d.opts.Log) // now that no other run can be there
	if c.API.Listen == "" {
		return d, nil
	}
	if err := d.serve(tail); err != nil {
		return nil, errors.Join(err, d.abandon())
	}
	return d, nil
}

// abandon stops what Start has begun.
func (d *Daemon) abandon() error {
	ctx, cancel := context.WithTimeout(context.Background(), d.cfg.Pipeline.Drain+time.Second)
	defer cancel()
	return d.Stop(ctx)
}

func (d *Daemon) openRelays() (taps []pipeline.Tap, err error) {
	for _, c := range d.cfg.Relay {
		var filter sink.RelayFilter
		if c.Filter != "" {
			f, err := query.Parse(c.Filter)
			if err != nil {
				return nil, err
			}
			filter = anyFlow(f)
		}
		r, err := sink.NewRelay(c.Relay, filter, d.opts.Log)
		if err != nil {
			d.closeRelays()
			return nil, fmt.Errorf("relay to %s: %w", c.To, err)
		}
		d.relays = append(d.relays, r)
		taps = append(taps, r)
	}
	return taps, nil
}

// anyFlow lets a datagram through if f lets one of its flows through.
func anyFlow(f *query.Filter) sink.RelayFilter {
	return func(_ *decode.Datagram, b *flow.Batch, from int) bool {
		for i := from; i < len(b.Flows); i++ {
			if f.Match(b, &b.Flows[i]) {
				return true
			}
		}
		return false
	}
}

func (d *Daemon) closeRelays() {
	for _, r := range d.relays {
		r.Close()
	}
}

// serve opens the API and answers.
func (d *Daemon) serve(tail *api.Tail) error {
	deps := api.Deps{
		Pipeline: d.Pipeline(), Sessions: d.Store().Sessions, Tail: tail, Listeners: d.listeners,
		Known: d.known, Token: d.cfg.token(), Version: d.opts.Version, Log: d.opts.Log, Ready: d.ready,
		Reload: func(context.Context) error {
			changes, err := d.Reload()
			if err != nil && len(changes) > 0 {
				return fmt.Errorf("%w; %w: %s", err, api.ErrPartly, strings.Join(changes, "; "))
			}
			return err
		},
	}
	if d.store != nil {
		deps.Store, deps.Stored = d.store, d.store.stats
	}
	if dir := d.cfg.FindingsDir(); dir != "" {
		var err error
		if d.found, err = findings.Open(dir, d.cfg.Findings, findings.Deps{Log: d.opts.Log}); err != nil {
			return err
		}
		deps.Findings = d.found
	}
	if d.store != nil || d.found != nil {
		deps.Erase = d.erase
	}
	s, err := api.New(d.cfg.API, deps)
	if err != nil {
		return err
	}
	if err := s.Open(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.server, d.cancel, d.apiEnd = s, cancel, make(chan struct{})
	go func() {
		defer close(d.apiEnd)
		if d.found != nil {
			trimming := make(chan struct{})
			go func() { defer close(trimming); d.found.Run(ctx) }()
			defer func() { <-trimming }()
		}
		if err := s.Run(ctx); err != nil {
			d.opts.Log.Error("the API has ended", "error", err)
		}
	}()
	return nil
}

// listeners tells the API of the sockets.
func (d *Daemon) listeners() (all []api.Listener) {
	for _, l := range d.Listeners() {
		all = append(all, api.Listener{Address: l.Listen().String(), Stats: l.Stats()})
	}
	return all
}

// ready tells the API which outputs are in trouble.
func (d *Daemon) ready() error {
	var all []error
	for _, o := range d.Stats().Outputs {
		if o.Trouble != "" && o.Name != api.TailOutput {
			all = append(all, fmt.Errorf("output %s: %s", o.Name, o.Trouble))
		}
	}
	if d.store != nil {
		if err := d.store.Stats().Err; err != nil {
			all = append(all, fmt.Errorf("store: %w", err))
		}
	}
	return errors.Join(all...)
}

// known tells the API what the operator has said of an exporter.
func (d *Daemon) known(a netip.Addr) api.Known {
	e := d.Enrich().Exporter(a)
	return api.Known{Name: e.Name, RateSet: e.Sampling != 0}
}

// URL returns where the API is, "" if there is none.
func (d *Daemon) URL() string {
	if d.server == nil {
		return ""
	}
	return d.server.URL()
}

// Reload reads the configuration again and makes the collector as it says. It
// returns a line for each change: an error without one has changed nothing.
func (d *Daemon) Reload() (changes []string, err error) {
	if d.opts.Load == nil {
		return nil, errors.New("there is no file to reload: start with --config FILE")
	}
	c, err := d.opts.Load()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if changes, err = d.Running.Reload(c.Config); err != nil && len(changes) == 0 {
		return nil, err
	}
	more, e := d.reloadSinks(c.Sinks)
	changes, err = append(changes, more...), errors.Join(err, e)
	if c.Store != d.cfg.Store {
		changes = append(changes, "store has changed: restart to apply it")
	}
	if !reflect.DeepEqual(c.API, d.cfg.API) || !reflect.DeepEqual(c.Relay, d.cfg.Relay) || c.Findings != d.cfg.Findings {
		changes = append(changes, "api, findings or relay has changed: restart to apply it")
	}
	for _, line := range changes {
		d.opts.Log.Info("reload: " + line)
	}
	return changes, err
}

// Stop ends the collector: it reads no more, hands what is queued to the sinks,
// at most for pipeline.drain, and closes all. It may be called more than once.
func (d *Daemon) Stop(ctx context.Context) error {
	d.stop.Do(func() {
		if d.cancel != nil {
			d.cancel()
		}
		d.end = d.Running.Stop(ctx)
		d.closeRelays()
		<-d.apiEnd
		d.store.end()
	})
	return d.end
}
