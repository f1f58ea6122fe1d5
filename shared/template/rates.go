package template

import "github.com/weirflow/weir/shared/flow"

// Rates are the sampling rates that an exporter's options announced for one
// observation domain: N for 1 in N. It is immutable.
type Rates struct {
	Domain    uint32            // of the domain as a whole, 0 if unknown
	Sampler   map[uint32]uint32 // by IE 48 samplerId or 302 selectorId
	Interface map[uint32]uint32 // by ingress interface
}

// Rate returns the rate for a record of f's sampler and interface, 0 if unknown.
func (r *Rates) Rate(f *flow.Flow) uint32 {
	if f.Set.Has(flow.FieldSamplerID) {
		if n, ok := r.Sampler[f.SamplerID]; ok {
			return n
		}
	}
	if len(r.Interface) > 0 && f.Set.Has(flow.FieldInIf) {
		if n, ok := r.Interface[f.InIf]; ok {
			return n
		}
	}
	return r.Domain
}

// fill gives those of fl that state no rate the one that the options announced.
// Neighbours mostly have the same sampler, so the last answer is kept.
func (r *Rates) fill(fl []flow.Flow) {
	var sampler, inIf, rate uint32
	for i := range fl {
		f := &fl[i]
		if f.SamplingRate != 0 {
			continue
		}
		if i == 0 || f.SamplerID != sampler || f.InIf != inIf && len(r.Interface) > 0 {
			sampler, inIf, rate = f.SamplerID, f.InIf, r.Rate(f)
		}
		if f.SamplingRate = rate; rate != 0 {
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

// clamp cuts a rate to 32 bits.
func clamp(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }
