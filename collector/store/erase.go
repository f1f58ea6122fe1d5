package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/weirflow/weir/collector/erase"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// Erased says what Erase has done.
type Erased struct {
	Flows    uint64 // that named the address, and are gone
	Segments int    // that had such
	Rollups  int    // that summed such; they are gone, or written anew
	Bad      int    // files that had been set aside, in which nobody can look
}

// An Eraser takes what names an address out of a rollup's file. It returns the
// file that is to take its place, nil where nothing is left, and whether there is
// anything to change.
type Eraser func(ctx context.Context, r *RollupFile, a netip.Addr) (instead *RollupFile, changed bool, err error)

// Erase removes all flows that name an address: in a column of addresses, in a
// text, or as an element without a column. When it returns, no
// file below the store's folder has the address; flows that come later may bring it
// again. A rollup that sums such flows goes, to be made of the segments anew; one
// some of whose segments are gone already is left to rollups, or goes as well if
// that is nil.
func (s *Store) Erase(ctx context.Context, a netip.Addr, rollups Eraser, p Progress) (Erased, error) {
	var done Erased
	if err := s.Flush(ctx); err != nil {
		return done, err
	}
	m := newMatcher(a)
	w := newSegmentWriter(s.writer.version, s.cfg.Sync)
	seen := map[string]bool{}
	affected := map[string]bool{}
	var octets int64
	for {
		// Others merge segments, and new ones come: until all were looked into.
		x := s.Snapshot()
		parts := slices.DeleteFunc(slices.Clone(x.Segments), func(g *Segment) bool { return seen[g.File] })
		x.Release()
		if len(parts) == 0 {
			break
		}
		total := octets + octetsOf(parts)
		for _, g := range parts {
			p.tell(octets, total)
			if err := ctx.Err(); err != nil {
				return done, err
			}
			seen[g.File] = true
			octets += g.Octets
			switch n, err := s.eraseSegment(w, g, m, affected); {
			case errors.Is(err, errStale), errors.Is(err, fs.ErrNotExist): // another has its flows, or nobody
			case err != nil:
				return done, err
			case n > 0:
				done.Flows += n
				done.Segments++
			}
		}
		p.tell(octets, total)
	}
	if err := s.eraseRollups(ctx, a, rollups, affected, &done); err != nil {
		return done, err
	}
	if err := s.eraseBad(&done); err != nil {
		return done, err
	}
	return done, s.gone(ctx)
}

// eraseSegment writes g without the flows that name the address, and returns how
// many there were. The rollups that sum g get into affected.
func (s *Store) eraseSegment(w *segmentWriter, g *Segment, m *matcher, affected map[string]bool) (uint64, error) {
	name := filepath.Join(s.dir, g.File)
	n := uint64(0)
	err := readColumns(name, m.suspects, func(b *flow.Batch) error {
		for i := range b.Flows {
			if m.names(b, &b.Flows[i]) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		if gone, e := s.SetAside(g.File); gone && e == nil {
			return 0, errStale // what is set aside goes as well
		}
		return 0, err
	}
	if n == 0 {
		return 0, nil
	}
	builder := engine.NewBuilder(tailOptions)
	blocks, err := s.read(nil, builder, g, func(b *flow.Batch) {
		b.Flows = slices.DeleteFunc(b.Flows, func(f flow.Flow) bool { return m.names(b, &f) })
	})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	for _, r := range s.catalog.rollups {
		if slices.Contains(r.Segments, g.File) {
			affected[r.File] = true
		}
	}
	s.mu.Unlock()
	return n, s.replace(w, []*Segment{g}, blocks, builder)
}

// eraseRollups removes rollups in affected that can be made anew, and has the
// others written without the address.
func (s *Store) eraseRollups(ctx context.Context, a netip.Addr, rollups Eraser, affected map[string]bool, done *Erased) error {
	x := s.Snapshot()
	defer x.Release()
	have := map[string]bool{}
	for _, g := range x.Segments {
		have[g.File] = true
	}
	var remove []string
	var add []RollupFile
	for _, r := range x.Rollups {
		whole := len(r.Segments) > 0 && !slices.ContainsFunc(r.Segments, func(file string) bool { return !have[file] })
		switch {
		case affected[r.File] && (whole || rollups == nil):
			remove = append(remove, r.File)
		case rollups != nil && (affected[r.File] || !whole):
			instead, changed, err := rollups(ctx, r, a)
			if err != nil {
				return err
			}
			if changed {
				remove = append(remove, r.File)
			}
			if changed && instead != nil {
				add = append(add, *instead)
			}
		}
	}
	done.Rollups = len(remove)
	if len(remove) == 0 {
		return nil
	}
	if err := s.sumRollups(add); err != nil {
		return err
	}
	return s.update(func(*catalog) (*change, error) { return &change{RemoveRollups: remove, AddRollups: add}, nil }, nil)
}

// eraseBad removes the files that are set aside.
func (s *Store) eraseBad(done *Erased) error {
	files, err := s.aside()
	for _, file := range files {
		if e := os.Remove(filepath.Join(s.dir, file)); err == nil {
			err = e
		}
	}
	done.Bad = len(files)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Bad -= done.Bad
	return err
}

// gone waits until the files are removed that are in no catalog: until nobody reads
// them any more, and the journal has only what is in no segment.
func (s *Store) gone(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	upTo, edition := s.covered, s.edition
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.moved.Broadcast()
	})()
	waits := func() bool {
		return s.dropped < upTo || len(s.garbage) > 0 && s.garbage[0].edition < edition
	}
	for waits() && ctx.Err() == nil && !s.closed {
		s.moved.Wait()
	}
	return ctx.Err()
}

// A matcher finds an address in flows.
type matcher struct {
	addr      flow.Addr
	octets    []byte // in an element: four or sixteen
	text      erase.Text
	high, low uint64
}

func newMatcher(a netip.Addr) *matcher {
	a = a.Unmap().WithZone("")
	m := &matcher{addr: flow.AddrFrom(a), octets: a.AsSlice(), text: erase.NewText(a)}
	m.high, m.low = binary.BigEndian.Uint64(m.addr[:8]), binary.BigEndian.Uint64(m.addr[8:])
	return m
}

// names tells whether f names the address.
func (m *matcher) names(b *flow.Batch, f *flow.Flow) bool {
	for x, ok := f.Set.Next(0); ok && int(x) < flow.NumFields; x, ok = f.Set.Next(x + 1) {
		switch a := f.Addr(x); {
		case a != nil:
			if *a == m.addr {
				return true
			}
		case flow.Fields[x].Kind == flow.KindStr:
			if m.text.In(b.Strings.Get(flow.Str(f.Uint(x)))) {
				return true
			}
		}
	}
	for _, v := range b.Extra(f) {
		if bytes.Equal(v, m.octets) || bytes.Equal(v, m.addr[:]) || m.text.In(v) {
			return true
		}
	}
	return false
}

// suspects tells whether a column may have the address, by the file's statistics
// and filters.
func (m *matcher) suspects(f *parquet.File, l *leaf) bool {
	switch l.part {
	case partText, partExtra:
		return true
	case partHigh, partLow:
		return m.may(f, flow.Fields[l.field].Flat)
	}
	return false
}

// may tells whether the two columns of an address may have it.
func (m *matcher) may(f *parquet.File, flat string) bool {
	for _, half := range []struct {
		name  string
		value uint64
	}{{flat + "_hi", m.high}, {flat + "_lo", m.low}} {
		c, ok := f.Schema().Lookup(half.name)
		if !ok {
			return false
		}
		found := false
		for i, g := range f.RowGroups() {
			st := &f.Metadata().RowGroups[i].Columns[c.ColumnIndex].MetaData.Statistics
			if len(st.MinValue) == 8 && len(st.MaxValue) == 8 &&
				(half.value < binary.LittleEndian.Uint64(st.MinValue) || half.value > binary.LittleEndian.Uint64(st.MaxValue)) {
				continue
			}
			if filter := g.ColumnChunks()[c.ColumnIndex].BloomFilter(); filter != nil {
				if is, err := filter.Check(parquet.Int64Value(int64(half.value))); err == nil && !is {
					continue
				}
			}
			found = true
		}
		if !found {
			return false
		}
	}
	return true
}
