package template

import (
	"math"
	"sync/atomic"

	"github.com/weirflow/weir/shared/flow"
)

// Rates are the sampling rates that an exporter's options announced for one
// observation domain: N for 1 in N. Readers take no lock.
type Rates struct {
	domain     atomic.Uint32 // of the domain as a whole, 0 if unknown
	samplers   table[uint32] // by IE 48 samplerId or 302 selectorId
	interfaces table[uint32] // by ingress interface
}

// Rate returns the rate for a record of f's sampler and interface, 0 if unknown.
func (r *Rates) Rate(f *flow.Flow) uint32 {
	if f.Set.Has(flow.FieldSamplerID) && f.SamplerID != math.MaxUint32 {
		if n, ok := r.samplers.get(uint64(f.SamplerID)); ok {
			return n
		}
	}
	if f.Set.Has(flow.FieldInIf) {
		if n, ok := r.interfaces.get(uint64(f.InIf)); ok {
			return n
		}
	}
	return r.domain.Load()
}

// has tells whether the rate is known already.
func (r *Rates) has(sampler, iface *uint32, rate uint32) bool {
	n := uint32(0)
	switch {
	case sampler != nil:
		n, _ = r.samplers.get(uint64(*sampler))
	case iface != nil:
		n, _ = r.interfaces.get(uint64(*iface))
	default:
		n = r.domain.Load()
	}
	return n == rate
}

// set notes a rate; the caller holds the session's lock.
func (r *Rates) set(sampler, iface *uint32, rate uint32, limit int) {
	t, key := &r.interfaces, iface
	switch {
	case sampler != nil:
		t, key = &r.samplers, sampler
	case iface == nil:
		r.domain.Store(rate)
		return
	}
	if _, ok := t.get(uint64(*key)); ok || t.n < limit {
		t.put(uint64(*key), rate)
	}
}

// fill gives those of fl that state no rate the one that the options announced.
// Neighbours mostly have the same sampler and interface, so the last answer is
// kept.
func (r *Rates) fill(fl []flow.Flow) {
	byInterface := r.interfaces.slots.Load() != nil
	var last *flow.Flow
	rate := uint32(0)
	for i := range fl {
		f := &fl[i]
		if f.SamplingRate != 0 {
			continue
		}
		if last == nil || f.SamplerID != last.SamplerID || byInterface && f.InIf != last.InIf {
			last, rate = f, r.Rate(f)
		}
		if rate != 0 {
			f.SamplingRate = rate
			f.Set.Add(flow.FieldSamplingRate)
		}
	}
}

// ratio returns (a+b)/a rounded, the rate of a sampler that takes a and leaves
// b (RFC 5477 §8.2.1, §8.2.2), or 0 if that isn't one.
func ratio(a, b uint64) uint32 {
	if a == 0 || a > 1<<40 || b > 1<<40 {
		return 0
	}
	return clamp((a + b + a/2) / a)
}

// outOf returns the rate of a sampler that takes n of every population, or 0.
func outOf(n, population uint64) uint32 {
	if n > population {
		return 0
	}
	return ratio(n, population-n)
}

// inverse returns 1/p rounded, the rate of a sampler that takes each with
// probability p, or 0 if p is none.
func inverse(p float64) uint32 {
	if !(p > 0 && p <= 1) {
		return 0
	}
	return clamp(uint64(math.Min(1/p+0.5, 1<<33)))
}

// clamp cuts a number to 32 bits.
func clamp(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }
