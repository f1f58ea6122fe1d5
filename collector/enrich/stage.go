package enrich

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// Namer knows what options named; a template.Store does.
type Namer interface {
	Names(exporter netip.Addr, version uint8, domain uint32) template.Names
}

// Deps is what a Stage stands on.
type Deps struct {
	Names Namer        // nil: options name nothing
	Log   *slog.Logger // nil: nothing is logged
}

// A Stage fills columns. Apply may be called from any goroutine.
type Stage struct {
	names  Namer
	log    *slog.Logger
	tables atomic.Pointer[tables]
	speeds speeds
	said   atomic.Uint64 // batches that had options: names may have changed
	files  files
	sums   sums
	wake   chan struct{} // of Run: there is another configuration

	mu   sync.Mutex
	idle []*worker
}

// New makes a Stage, and reads the files that cfg names.
func New(cfg Config, deps Deps) (*Stage, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	s := &Stage{names: deps.Names, log: deps.Log, wake: make(chan struct{}, 1)}
	if err := s.Configure(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// Named tells whether the operator has a name for the exporter at an address.
func (s *Stage) Named(a netip.Addr) bool { return s.tables.Load().named(a) }

// Exporter returns what the operator has said of the exporter at an address: the
// zero Exporter if nothing.
func (s *Stage) Exporter(a netip.Addr) Exporter {
	e, _ := s.tables.Load().exporters.Lookup(a.Unmap())
	return e
}

// A worker is what a call of Apply needs. It keeps what it found for the next.
type worker struct {
	stage  *Stage
	tables *tables
	heard  uint64 // what options and counters had said when views began
	labels labels
	views  views
	addrs  []addrView
	places []map[uintptr]placeView // by database
	ports  []label                 // of the names in tables.ports
	edge   [4]label                // by source and destination: 2 and 1 are home
	veil   *veil
	tally
}

func (s *Stage) worker() *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		w := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return w
	}
	return &worker{stage: s, addrs: make([]addrView, memory)}
}

func (s *Stage) done(w *worker) {
	s.sums.add(&w.tally)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, w)
}

// Apply fills the columns of b's flows. Should it panic where addresses are to be
// hidden, no flow is left in b, and nothing in its options and counters: the
// pipeline hands on what is there.
func (s *Stage) Apply(b *flow.Batch) {
	finished := false
	defer func() {
		if !finished && s.tables.Load().hide != 0 {
			hideAll(b)
		}
	}()
	s.speeds.learn(b.Counters)
	if len(b.Options) > 0 {
		s.said.Add(1)
	}
	w := s.worker()
	w.begin()
	var key exporterKey
	var of exporterView
	for i := range b.Flows {
		f := &b.Flows[i]
		k := exporterKey{f.Exporter, f.Sender, f.Domain, f.Version}
		if i == 0 || k != key {
			key, of = k, w.exporter(&k)
		}
		if of.silent {
			w.pass(f)
		} else {
			w.flow(b, f, &of)
		}
	}
	if w.tables.hide != 0 {
		for i := range b.Flows {
			w.anonymise(b, &b.Flows[i])
		}
		for i := range b.Options {
			hideFields(b, &b.Options[i], w.tables.hide)
		}
		for i := range b.Counters {
			hideRecords(b, &b.Counters[i], w.tables.hide)
		}
	}
	s.done(w)
	finished = true
}

// begin makes w ready for a batch.
func (w *worker) begin() {
	s := w.stage
	if t := s.tables.Load(); t != w.tables || len(w.labels.texts) > maxLabels {
		if w.tables == nil || t.pan != w.tables.pan {
			w.veil = nil
			if t.pan != nil {
				w.veil = t.pan.veil()
			}
		}
		w.tables = t
		w.labels.reset()
		w.views.reset()
		clear(w.addrs)
		w.places = w.places[:0]
		for range t.geo {
			w.places = append(w.places, map[uintptr]placeView{})
		}
		w.ports = w.ports[:0]
		for _, name := range t.ports.names {
			w.ports = append(w.ports, w.labels.of(name))
		}
		for i, text := range [4]string{"external", "inbound", "outbound", "internal"} {
			w.edge[i] = w.labels.of(text)
		}
	}
	if heard := s.said.Load() + s.speeds.change.Load(); heard != w.heard {
		w.heard = heard
		w.views.reset()
	}
	w.labels.next()
}
