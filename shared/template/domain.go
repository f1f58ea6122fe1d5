package template

import "sync/atomic"

// A domain is what options said of one observation domain.
type domain struct {
	rates Rates
	boot  atomic.Int64          // when the exporter's system was started, Unix nanoseconds; 0: unknown
	names atomic.Pointer[names] // nil: none
}

// What a domain and an entry of one of its tables take, in octets, about.
const (
	domainCost = 1024
	entryCost  = 96
)

// about returns what is kept of the domain id, a new domain if nothing is yet,
// and nil if there are as many as the limits allow. The caller holds the
// session's lock.
func (s *Session) about(id uint32) *domain {
	if d := s.domains.get(uint64(id)); d != nil {
		return d
	}
	if s.domains.n >= s.store.limits.Templates || !s.store.reserve(s, domainCost) {
		return nil
	}
	e := &entry[domain]{key: uint64(id)}
	s.domains.put(e)
	return &e.value
}

// Rates returns the sampling rates that were announced for the domain, nil if
// none were.
func (s *Session) Rates(domain uint32) *Rates {
	if d := s.domains.get(uint64(domain)); d != nil && d.rates.known() {
		return &d.rates
	}
	return nil
}

// RateOf says what an announced sampling rate holds for.
type RateOf uint8

const (
	OfDomain    RateOf = iota // all of the domain
	OfSampler                 // a sampler, by IE 48 samplerId or 302 selectorId
	OfInterface               // what came in by an interface
)

// EachRate calls f with each sampling rate that options announced: the domain,
// what in it, and the id of the sampler or the interface.
func (s *Session) EachRate(f func(domain uint32, of RateOf, id uint64, rate uint32)) {
	s.domains.all(func(key uint64, d *domain) {
		domain := uint32(key)
		if n := d.rates.domain.Load(); n != 0 {
			f(domain, OfDomain, 0, n)
		}
		d.rates.samplers.all(func(id uint64, n *uint32) { f(domain, OfSampler, id, *n) })
		d.rates.interfaces.all(func(id uint64, n *uint32) { f(domain, OfInterface, id, *n) })
	})
}

// SetRate notes a sampling rate of the domain: of a sampler, of an interface,
// or of the domain as a whole if neither is given.
func (s *Session) SetRate(domain uint32, sampler, iface *uint32, rate uint32) {
	if d := s.domains.get(uint64(domain)); d != nil && d.rates.has(sampler, iface, rate) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.about(domain)
	if d == nil {
		return
	}
	if sampler == nil && iface == nil {
		d.rates.domain.Store(rate)
		return
	}
	t, key, n := &d.rates.interfaces, iface, &s.interfaces
	if sampler != nil {
		t, key, n = &d.rates.samplers, sampler, &s.samplers
	}
	if t.get(uint64(*key)) == nil {
		if *n >= s.store.limits.Templates || !s.store.reserve(s, entryCost) {
			return
		}
		*n++
	}
	t.put(&entry[uint32]{key: uint64(*key), value: rate})
}

// Boot returns when the exporter's system was started, Unix nanoseconds, if its
// options said so (IE 160), for the domain or for all, which is domain 0 (RFC
// 7011 §3.1).
func (s *Session) Boot(domain uint32) (int64, bool) {
	for _, id := range [2]uint32{domain, 0} {
		if d := s.domains.get(uint64(id)); d != nil {
			if t := d.boot.Load(); t != 0 {
				return t, true
			}
		}
	}
	return 0, false
}

// SetBoot notes when the exporter's system was started.
func (s *Session) SetBoot(domain uint32, t int64) {
	if d := s.domains.get(uint64(domain)); d != nil && d.boot.Load() == t {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.about(domain); d != nil {
		d.boot.Store(t)
	}
}
