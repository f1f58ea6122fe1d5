package template

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
)

// A Session is all that is known of one exporter. Its methods may be called
// from any goroutine.
type Session struct {
	From    netip.AddrPort
	Version uint8

	limit int
	mu    sync.Mutex // held by writers
	plans atomic.Pointer[map[uint64]*Plan]
	rates atomic.Pointer[map[uint32]*Rates]
	boots atomic.Pointer[map[uint32]int64]
}

func planKey(domain uint32, id uint16) uint64 { return uint64(domain)<<16 | uint64(id) }

// Plan returns the plan for the data sets with this id in the domain, nil if
// its template is not known. It takes no lock.
func (s *Session) Plan(domain uint32, id uint16) *Plan {
	m := s.plans.Load()
	if m == nil {
		return nil
	}
	return (*m)[planKey(domain, id)]
}

// Plans returns all plans by domain and id. The map is not to be changed.
func (s *Session) Plans() map[uint64]*Plan {
	if m := s.plans.Load(); m != nil {
		return *m
	}
	return nil
}

// Put makes t the template for its id in the domain, in place of the one
// before; records decoded until now keep their meaning. Announcing the same
// again changes nothing and costs a comparison. It tells whether the session
// changed. t is not kept.
func (s *Session) Put(domain uint32, t *Template) (changed bool, err error) {
	if p := s.Plan(domain, t.ID); p != nil && p.Template.Equal(t) {
		return false, nil
	}
	p, err := Compile(t)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := planKey(domain, t.ID)
	old := s.Plans()
	if _, ok := old[key]; !ok && len(old) >= s.limit {
		return false, ErrFull
	}
	m := make(map[uint64]*Plan, len(old)+1)
	maps.Copy(m, old)
	m[key] = p
	s.plans.Store(&m)
	return true, nil
}

// Rates returns the sampling rates that were announced for the domain, nil if
// none were.
func (s *Session) Rates(domain uint32) *Rates {
	m := s.rates.Load()
	if m == nil {
		return nil
	}
	return (*m)[domain]
}

// SetRate notes a sampling rate of the domain: of a sampler, of an interface,
// or of the domain as a whole if neither is given.
func (s *Session) SetRate(domain uint32, sampler, iface *uint32, rate uint32) {
	if known(s.Rates(domain), sampler, iface, rate) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[uint32]*Rates{}
	if old := s.rates.Load(); old != nil {
		all = maps.Clone(*old)
	}
	r := Rates{Sampler: map[uint32]uint32{}, Interface: map[uint32]uint32{}}
	if old := all[domain]; old != nil {
		r = Rates{Domain: old.Domain, Sampler: maps.Clone(old.Sampler), Interface: maps.Clone(old.Interface)}
	} else if len(all) >= s.limit {
		return
	}
	switch {
	case sampler != nil && len(r.Sampler) < s.limit:
		r.Sampler[*sampler] = rate
	case sampler == nil && iface != nil && len(r.Interface) < s.limit:
		r.Interface[*iface] = rate
	case sampler == nil && iface == nil:
		r.Domain = rate
	}
	all[domain] = &r
	s.rates.Store(&all)
}

func known(r *Rates, sampler, iface *uint32, rate uint32) bool {
	switch {
	case r == nil:
		return false
	case sampler != nil:
		return r.Sampler[*sampler] == rate
	case iface != nil:
		return r.Interface[*iface] == rate
	}
	return r.Domain == rate
}

// Boot returns when the exporter's system was started, Unix nanoseconds, if its
// options said so (IE 160).
func (s *Session) Boot(domain uint32) (int64, bool) {
	m := s.boots.Load()
	if m == nil {
		return 0, false
	}
	t, ok := (*m)[domain]
	return t, ok
}

// SetBoot notes when the exporter's system was started.
func (s *Session) SetBoot(domain uint32, t int64) {
	if old, ok := s.Boot(domain); ok && old == t {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[uint32]int64{}
	if old := s.boots.Load(); old != nil {
		m = maps.Clone(*old)
	}
	if _, ok := m[domain]; ok || len(m) < s.limit {
		m[domain] = t
	}
	s.boots.Store(&m)
}
