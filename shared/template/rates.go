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
		if n := r.samplers.get(uint64(f.SamplerID)); n != nil {
			return *n
		}
	}
	if f.Set.Has(flow.FieldInIf) {
		if n := r.interfaces.get(uint64(f.InIf)); n != nil {
			return *n
		}
	}
	return r.domain.Load()
}

// known tells whether there is any rate.
func (r *Rates) known() bool {
	return r.domain.Load() != 0 || !r.samplers.empty() || !r.interfaces.empty()
}

// has tells whether the rate is known already.
func (r *Rates) has(sampler, iface *uint32, rate uint32) bool {
	if sampler == nil && iface == nil {
		return r.domain.Load() == rate
	}
	t, key := &r.interfaces, iface
	if sampler != nil {
		t, key = &r.samplers, sampler
	}
	n := t.get(uint64(*key))
	return n != nil && *n == rate
}

// fill gives those of fl that state no rate the one that the options announced.
// Neighbours mostly have the same sampler and interface, so the last answer is
// kept.
func (r *Rates) fill(fl []flow.Flow) {
	byInterface := !r.interfaces.empty()
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
