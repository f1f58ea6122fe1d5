//go:build cgo

package store

import (
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// rates are between which numbers the sampling rates above 1 of flows are: what the
// catalog has of them, so that nothing is read for it.
type rates struct {
	least, most uint32 // 0: there are none
	unknown     bool   // a file doesn't tell
}

// add adds what a Segment has.
func (x *rates) add(least, most uint32) {
	switch {
	case most <= 1:
		return
	case least == 0:
		x.unknown = true
	case x.most == 0 || least < x.least:
		x.least = least
	}
	x.most = max(x.most, most)
}

// addSums adds those of the flows that f sums.
func (x *rates) addSums(f *RollupFile) {
	x.unknown = x.unknown || f.MaxRate == 0
	x.add(f.MinRate, f.MaxRate)
}

// addAnswer adds those that an answer has.
func (x *rates) addAnswer(a *query.Answer) {
	x.unknown = x.unknown || a.Sampled > 0 && a.MostRate == 0
	x.add(a.LeastRate, a.MostRate)
}

// ratesOf returns the rates of all flows that have part in an answer to r: of those
// that are kept no longer, as the sums by u tell, which may be nil.
func ratesOf(segments []*Segment, rollups []*RollupFile, u *duck.Rollup, r *query.Request) (x rates) {
	from, to := r.From, r.To
	if r.Dedup {
		from, to = from-query.DedupBin, to+query.DedupBin
	}
	have := map[string]bool{}
	for _, s := range segments {
		if have[s.File] = true; touches(s, from, to) {
			x.add(s.MinRate, s.MaxRate)
		}
	}
	if u == nil {
		return x
	}
	for _, f := range rollups {
		if f.Name != u.Name || f.Bins[0] >= ceilMS(to) || f.Bins[1]+f.Bin <= milliseconds(from) {
			continue
		}
		for _, file := range f.Segments {
			if !have[file] {
				x.addSums(f)
				break
			}
		}
	}
	return x
}

// set puts x into an answer that has all else.
func (x *rates) set(a *query.Answer) {
	if a.Sampled > 0 && !x.unknown {
		a.LeastRate, a.MostRate = x.least, x.most
	}
}
