package template

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// A Session is all that is known of one exporter. Its methods may be called
// from any goroutine.
type Session struct {
	From    netip.AddrPort
	Version uint8

	store   *Store
	mu      sync.Mutex         // held by writers
	plans   table[*definition] // by domain and template id
	rates   table[*Rates]      // by domain
	boots   table[int64]       // by domain
	commons table[*common]     // by domain and commonPropertiesId
	held    atomic.Int64       // octets of the plans, as the store has them in its books
	gone    atomic.Bool        // the store has let go of it
	seen    atomic.Int64       // when it last sent, to the second
	decoded atomic.Bool        // a data set of it was decoded
}

func planKey(domain uint32, id uint16) uint64 { return uint64(domain)<<16 | uint64(id) }

// A definition is a template as announced, and its plan once a data set has
// needed it: many templates never see one, least of all spoofed ones.
type definition struct {
	template Template
	plan     atomic.Pointer[Plan]
	layout   atomic.Pointer[layout] // for lists of its records
}

func (d *definition) compiled() *Plan {
	if p := d.plan.Load(); p != nil {
		return p
	}
	p, err := Compile(&d.template)
	if err != nil {
		return nil // Put has checked it
	}
	d.plan.Store(p)
	return p
}

// Plan returns the plan for the data sets with this id in the domain, nil if
// its template is not known. It takes no lock.
func (s *Session) Plan(domain uint32, id uint16) *Plan {
	d, ok := s.plans.get(planKey(domain, id))
	if !ok {
		return nil
	}
	return d.compiled()
}

// Plans calls f with each plan and the domain that it belongs to.
func (s *Session) Plans(f func(domain uint32, p *Plan)) {
	s.plans.all(func(key uint64, d *definition) {
		if p := d.compiled(); p != nil {
			f(uint32(key>>16), p)
		}
	})
}

// Put makes t the template for its id in the domain, in place of the one
// before; records decoded until now keep their meaning. Announcing the same
// again changes nothing and costs a comparison. It tells whether the session
// changed. t is not kept.
func (s *Session) Put(domain uint32, t *Template) (changed bool, err error) {
	key := planKey(domain, t.ID)
	if d, ok := s.plans.get(key); ok && d.template.Equal(t) {
		return false, nil
	}
	if len(t.Fields) > s.store.limits.Fields {
		return false, ErrFields
	}
	if err := t.check(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.plans.get(key)
	switch {
	case known && old.template.Equal(t):
		return false, nil
	case !known && s.plans.n >= s.store.limits.Templates:
		return false, ErrFull
	}
	more := t.cost()
	if known {
		more -= old.template.cost()
	}
	if !s.store.reserve(s, more) {
		return false, ErrFull
	}
	d := &definition{template: *t}
	d.template.Fields = slices.Clone(t.Fields)
	s.plans.put(key, d)
	return true, nil
}

// Saw notes that the exporter sent something at t, Unix nanoseconds, and
// whether a data set of it could be decoded. When the store is full, who never
// delivered goes first, and then who has long been silent.
func (s *Session) Saw(t int64, decoded bool) {
	if old := s.seen.Load(); t-old > 1e9 || t < old {
		s.seen.Store(t)
	}
	if decoded && !s.decoded.Load() {
		s.decoded.Store(true)
	}
}

// Gone tells whether the store has let go of the session.
func (s *Session) Gone() bool { return s.gone.Load() }

// Rates returns the sampling rates that were announced for the domain, nil if
// none were.
func (s *Session) Rates(domain uint32) *Rates {
	r, _ := s.rates.get(uint64(domain))
	return r
}

// SetRate notes a sampling rate of the domain: of a sampler, of an interface,
// or of the domain as a whole if neither is given.
func (s *Session) SetRate(domain uint32, sampler, iface *uint32, rate uint32) {
	r := s.Rates(domain)
	if r != nil && r.has(sampler, iface, rate) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.store.limits.Templates
	if r = s.Rates(domain); r == nil {
		if s.rates.n >= limit {
			return
		}
		r = &Rates{}
		s.rates.put(uint64(domain), r)
	}
	r.set(sampler, iface, rate, limit)
}

// Boot returns when the exporter's system was started, Unix nanoseconds, if its
// options said so (IE 160), for the domain or for all, which is domain 0 (RFC
// 7011 §3.1).
func (s *Session) Boot(domain uint32) (int64, bool) {
	if t, ok := s.boots.get(uint64(domain)); ok {
		return t, true
	}
	return s.boots.get(0)
}

// SetBoot notes when the exporter's system was started.
func (s *Session) SetBoot(domain uint32, t int64) {
	if old, ok := s.boots.get(uint64(domain)); ok && old == t {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.boots.get(uint64(domain)); ok || s.boots.n < s.store.limits.Templates {
		s.boots.put(uint64(domain), t)
	}
}
