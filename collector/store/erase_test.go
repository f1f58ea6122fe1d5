package store

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// holds looks for an address in all files below a folder: in their octets, and in
// the flows of those that are packed.
func holds(t *testing.T, dir string, a netip.Addr) (where []string) {
	t.Helper()
	m := newMatcher(a)
	wide := a.As16()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if m.text.In(raw) || bytes.Contains(raw, wide[:]) || strings.HasSuffix(name, journalSuffix) && bytes.Contains(raw, a.AsSlice()) {
			where = append(where, name)
		}
		if !strings.Contains(name, parquetSuffix) {
			return nil
		}
		return readFile(name, func(b *flow.Batch) error {
			for i := range b.Flows {
				if m.names(b, &b.Flows[i]) {
					where = append(where, name)
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}

func TestErase(t *testing.T) {
	victims := []netip.Addr{netip.MustParseAddr("203.0.113.77"), netip.MustParseAddr("2001:db8:4711::77")}
	c := testConfig(t.TempDir())
	s := openAt(t, c, epochTime.Add(2*time.Hour))
	r := rand.New(rand.NewPCG(3, 1))
	all := newWritten()
	put := func(victim netip.Addr, with bool) {
		b := flowsAt(r, 400, epochTime)
		if with {
			text := victim.String()
			for i, x := range []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldNATSrcAddr, flow.FieldExporter, flow.FieldSender, flow.FieldNextHop} {
				b.Flows[7*i].Set.Add(x)
				*b.Flows[7*i].Addr(x) = flow.AddrFrom(victim)
			}
			f := &b.Flows[100]
			f.Set.Add(flow.FieldUser)
			f.User = b.Strings.Intern([]byte("guest@" + text + " (wifi)"))
			f = &b.Flows[101]
			v := victim.AsSlice()
			off, d := b.Arena(flow.ExtraHeader + len(v))
			flow.PutExtraHeader(d, flow.Element{ID: 47}, uint16(len(v)))
			copy(d[flow.ExtraHeader:], v)
			f.SetExtra(off, uint32(len(d)))
			f = &b.Flows[102] // another address, whose text has this one's in it
			f.Set.Add(flow.FieldUser)
			f.User = b.Strings.Intern([]byte("1" + text + "9"))
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		m := newMatcher(victim)
		clean := *b
		clean.Flows = slices.DeleteFunc(slices.Clone(b.Flows), func(f flow.Flow) bool { return m.names(b, &f) })
		if n := len(b.Flows) - len(clean.Flows); with && n != 8 || !with && n != 0 {
			t.Fatalf("%d flows name the address", n)
		}
		all.add(&clean)
	}
	for _, victim := range victims {
		put(victim, true)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		put(victim, false)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		x := s.Snapshot()
		n := len(x.Segments)
		dirty, clean := x.Segments[n-2].File, x.Segments[n-1].File
		x.Release()
		rollup(t, s, "dirty", time.Hour, Range{}, dirty, clean)
		keep := rollup(t, s, "clean", time.Hour, Range{}, clean)
		put(victim, true) // in the tail and the journal
		eventually(t, "the journal is not written", func() bool { return s.Stats().Unwritten == 0 })
		bad := filepath.Join(s.dir, segmentsDir, "x"+parquetSuffix+badSuffix)
		if err := os.WriteFile(bad, []byte(victim.String()), 0o600); err != nil {
			t.Fatal(err)
		}

		// Whoever reads keeps the files, and the end of the erasure waits for him.
		reader := s.Snapshot()
		time.AfterFunc(50*time.Millisecond, reader.Release)
		told := 0
		done, err := s.Erase(t.Context(), victim, nil, func(done, total int64) { told++ })
		if err != nil {
			t.Fatal(err)
		}
		if done.Flows != 16 || done.Segments != 2 || done.Rollups != 1 || done.Bad != 1 || told == 0 {
			t.Errorf("%+v, progress told %d times", done, told)
		}
		if err := os.RemoveAll(filepath.Join(s.dir, rollupsDir)); err != nil { // these are no Parquet files
			t.Fatal(err)
		}
		if where := holds(t, s.dir, victim); len(where) > 0 {
			t.Errorf("%s is still in %v", victim, where)
		}
		same(t, content(t, s), all.texts())
		x = s.Snapshot()
		if len(x.Rollups) != 1 || x.Rollups[0].File != keep.File {
			t.Errorf("%d rollups", len(x.Rollups))
		}
		x.Release()
		if err := s.AddRollups(nil, []string{keep.File}); err != nil {
			t.Fatal(err)
		}
	}
}

// A rollup of segments that are gone is given to whoever can write it anew.
func TestEraseOldRollups(t *testing.T) {
	s := openAt(t, testConfig(t.TempDir()), epochTime)
	r := rand.New(rand.NewPCG(3, 2))
	fill(t, s, newWritten(), randomBatch(r, 10))
	x := s.Snapshot()
	file := x.Segments[0].File
	x.Release()
	old := rollup(t, s, "old", time.Hour, Range{}, file)
	if err := s.update(func(*catalog) (*change, error) { return &change{Remove: []string{file}}, nil }, nil); err != nil {
		t.Fatal(err)
	}
	victim := netip.MustParseAddr("203.0.113.77")
	var asked []string
	done, err := s.Erase(t.Context(), victim, func(_ context.Context, r *RollupFile, a netip.Addr) (*RollupFile, bool, error) {
		asked = append(asked, r.File)
		y := *r
		y.File = s.NewFile(rollupsDir+"/old", 0)
		name := filepath.Join(s.dir, y.File)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, false, err
		}
		return &y, a == victim, os.WriteFile(name, []byte("new"), 0o600)
	}, nil)
	if err != nil || done.Rollups != 1 || !slices.Equal(asked, []string{old.File}) {
		t.Errorf("%+v, %v, asked for %v", done, err, asked)
	}
	x = s.Snapshot()
	defer x.Release()
	if len(x.Rollups) != 1 || x.Rollups[0].File == old.File {
		t.Error("the rollup is not the new one")
	}
	if _, err := os.Stat(filepath.Join(s.dir, old.File)); err == nil {
		t.Error("the old one is there")
	}
}
