//go:build cgo

package store

import (
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// A host is looked for in so many files, to learn whether most have it: the more
// of them do, the less Bloom filters help.
const (
	busyProbes = 8
	busyFound  = 7
)

// busy tells whether most of the segments seen in [from, to) seem to have the host
// that f names, as source and as destination.
func (d *duckDB) busy(segments []*Segment, f *query.Filter, from, to int64) bool {
	host, sides, ok := duck.Host(f)
	if !ok {
		return false
	}
	var seen []*Segment
	for _, s := range segments {
		if touches(s, from, to) {
			seen = append(seen, s)
		}
	}
	if len(seen) < busyProbes {
		return false
	}
	m, found := newMatcher(host.Netip()), 0
	for i := range busyProbes {
		if d.mayHave(seen[i*(len(seen)-1)/(busyProbes-1)], m, sides) {
			found++
		}
	}
	return found >= busyFound
}

// mayHave tells whether a segment may have an address on both sides. What can't be
// read hasn't: DuckDB says so.
func (d *duckDB) mayHave(s *Segment, m *matcher, sides [2]flow.Field) (is bool) {
	f, err := os.Open(filepath.Join(d.dir, s.File))
	if err != nil {
		return false
	}
	defer f.Close()
	defer func() {
		if x := recover(); x != nil {
			is = false // the reader trusts what a file says of itself
		}
	}()
	p, err := parquet.OpenFile(f, s.Octets, parquet.SkipPageIndex(true))
	if err != nil {
		return false
	}
	return m.may(p, flow.Fields[sides[0]].Flat) && m.may(p, flow.Fields[sides[1]].Flat)
}
