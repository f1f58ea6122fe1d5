package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/flow"
)

// flowsAt makes n flows that arrive then.
func flowsAt(r *rand.Rand, n int, when time.Time) *flow.Batch {
	b := randomBatch(r, n)
	for i := range b.Flows {
		b.Flows[i].Set.Add(flow.FieldReceived)
		b.Flows[i].Received = when.UnixNano() + int64(i)*1e6
	}
	return b
}

// openAt opens a store whose clock stands still.
func openAt(t testing.TB, c config.Store, now time.Time) *Store {
	t.Helper()
	s, err := Open(c, Deps{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fill makes a segment for each batch.
func fill(t testing.TB, s *Store, all *written, batches ...*flow.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		all.add(b)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// rollup adds a file that sums segments.
func rollup(t testing.TB, s *Store, name string, bin time.Duration, bins Range, segments ...string) RollupFile {
	t.Helper()
	r := RollupFile{Name: name, File: s.NewFile(rollupsDir+"/"+name, bins[0]), Bin: bin.Milliseconds(), Bins: bins, Segments: segments, Octets: 10}
	full := filepath.Join(s.dir, r.File)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.AddRollups([]RollupFile{r}, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// Small segments of an hour that is over become one; the rollups that sum them sum
// it, and a rollup never has a part of one.
func TestCompact(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Rows = 1000
	s := openAt(t, c, epochTime.Add(90*time.Minute))
	r := rand.New(rand.NewPCG(2, 1))
	all := newWritten()
	for i := range 8 { // 10:00 to 10:56
		fill(t, s, all, flowsAt(r, 300, epochTime.Add(time.Duration(i)*8*time.Minute)))
	}
	fill(t, s, all, flowsAt(r, 1200, epochTime.Add(59*time.Minute)))                                              // large enough
	fill(t, s, all, flowsAt(r, 10, epochTime.Add(61*time.Minute)), flowsAt(r, 10, epochTime.Add(62*time.Minute))) // the hour goes on
	x := s.Snapshot()
	var files []string
	for _, g := range x.Segments {
		files = append(files, g.File)
	}
	x.Release()
	first := rollup(t, s, "a", time.Minute, Range{0, 0}, files[:6]...)
	rollup(t, s, "b", time.Hour, Range{0, 0}, files[:8]...)
	want := all.texts()

	// While somebody reads, the files stay.
	old := s.Snapshot()
	calls := 0
	if err := s.Compact(t.Context(), func(done, total int64) {
		if calls++; done > total || total <= 0 {
			t.Errorf("%d of %d", done, total)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if calls < 2 {
		t.Error("no progress is told")
	}
	for _, g := range old.Segments {
		if _, err := os.Stat(filepath.Join(s.dir, g.File)); err != nil {
			t.Error(err)
		}
	}
	old.Release()
	same(t, content(t, s), want)

	x = s.Snapshot()
	defer x.Release()
	var rows []int
	names := map[string]int{}
	for _, g := range x.Segments {
		rows = append(rows, g.Rows)
		names[g.File] = g.Rows
		if got := hourly(segmentsDir, g.Received[0]); path.Dir(g.File) != got {
			t.Errorf("%s has flows of %s", g.File, got)
		}
	}
	slices.Sort(rows)
	if !slices.Equal(rows, []int{10, 10, 600, 600, 1200, 1200}) {
		t.Errorf("segments of %v rows", rows)
	}
	for _, f := range x.Rollups {
		sum := 0
		for _, g := range f.Segments {
			if names[g] == 0 {
				t.Errorf("%s sums %s, which is not there", f.File, g)
			}
			sum += names[g]
		}
		if want := map[string]int{"a": 1800, "b": 2400}[f.Name]; sum != want {
			t.Errorf("%s sums %d flows, want %d", f.File, sum, want)
		}
		if f.Name == "a" && f.File != first.File {
			t.Errorf("%s is %s", first.File, f.File)
		}
	}
	// A second time there is nothing to do.
	if err := s.Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if y := s.Snapshot(); len(y.Segments) != len(x.Segments) || y.Segments[0] != x.Segments[0] {
		t.Error("what is merged is merged again")
	} else {
		y.Release()
	}
}

// Before the disk is full the oldest flows go, but for those of the last hour.
func TestRetainKeepsFree(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Keep = config.Keep{Free: 10}
	now := epochTime.Add(10 * time.Hour)
	s := openAt(t, c, now)
	r := rand.New(rand.NewPCG(2, 3))
	all := newWritten()
	for _, ago := range []time.Duration{5 * time.Hour, 4 * time.Hour, 3 * time.Hour, 10 * time.Minute} {
		fill(t, s, all, flowsAt(r, 10, now.Add(-ago)))
	}
	x := s.Snapshot()
	x.Release()
	oldest := x.Segments[0].Octets
	left := func(free int64) (n int) {
		t.Helper()
		s.space = func(string) (int64, int64, error) { return 1_000_000, free, nil }
		if err := s.Retain(); err != nil {
			t.Fatal(err)
		}
		x := s.Snapshot()
		defer x.Release()
		return len(x.Segments)
	}
	if n := left(100_000); n != 4 {
		t.Errorf("%d segments, with enough free", n)
	}
	if n := left(100_000 - oldest); n != 3 {
		t.Errorf("%d segments, with one too many", n)
	}
	if n := left(0); n != 1 {
		t.Errorf("%d segments, with nothing free", n)
	}
}

// A segment that can be read, but is not as it was written, gets into no other.
func TestCompactKeepsDamageOut(t *testing.T) {
	s := openAt(t, testConfig(t.TempDir()), epochTime.Add(3*time.Hour))
	r := rand.New(rand.NewPCG(2, 9))
	good := newWritten()
	fill(t, s, newWritten(), flowsAt(r, 100, epochTime))
	fill(t, s, good, flowsAt(r, 100, epochTime))
	x := s.Snapshot()
	name := filepath.Join(s.dir, x.Segments[0].File)
	x.Release()
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(d, []byte("devel")) // the version of weir that wrote it
	if at < 0 {
		t.Fatal("the file doesn't tell its version")
	}
	d[at] = 'D'
	if err := os.WriteFile(name, d, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context(), nil); !errors.Is(err, errStale) {
		t.Errorf("damage is merged: %v", err)
	}
	if err := s.Compact(t.Context(), nil); err != nil {
		t.Error(err)
	}
	same(t, content(t, s), good.texts())
	if n := s.Stats().Bad; n != 1 {
		t.Errorf("%d files are set aside", n)
	}
}

func TestRetain(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Keep = config.Keep{Flows: 3 * time.Hour, Minutes: 4 * time.Hour, Fives: 5 * time.Hour, Hours: 6 * time.Hour}
	now := epochTime.Add(10 * time.Hour)
	s := openAt(t, c, now)
	r := rand.New(rand.NewPCG(2, 2))
	all := newWritten()
	for _, ago := range []time.Duration{10 * time.Hour, 4 * time.Hour, 2 * time.Hour, time.Minute, -time.Hour} { // one is of a clock that was ahead
		fill(t, s, all, flowsAt(r, 10, now.Add(-ago)))
	}
	x := s.Snapshot()
	file := x.Segments[0].File
	x.Release()
	for _, age := range []time.Duration{2, 4, 6, 8} {
		for name, bin := range map[string]time.Duration{"1m": time.Minute, "5m": 5 * time.Minute, "1h": time.Hour} {
			end := now.Add(-age*time.Hour + 30*time.Minute).UnixMilli()
			rollup(t, s, name, bin, Range{end - 2*bin.Milliseconds(), end - bin.Milliseconds()}, file)
		}
	}
	if err := s.Retain(); err != nil {
		t.Fatal(err)
	}
	x = s.Snapshot()
	if len(x.Segments) != 3 {
		t.Errorf("%d segments", len(x.Segments))
	}
	kept := map[string]int{}
	for _, f := range x.Rollups {
		kept[f.Name]++
	}
	if kept["1m"] != 2 || kept["5m"] != 2 || kept["1h"] != 3 {
		t.Errorf("rollups %v", kept)
	}
	newest := x.Segments[2]
	x.Release()

	s.cfg.Keep.Size = 0
	for _, g := range x.Segments[1:] {
		s.cfg.Keep.Size += source.Size(g.Octets)
	}
	s.cfg.Keep.Sums = 40
	if err := s.Retain(); err != nil {
		t.Fatal(err)
	}
	x = s.Snapshot()
	defer x.Release()
	if len(x.Segments) != 2 || x.Segments[1] != newest || len(x.Rollups) != 4 {
		t.Errorf("by size: %d segments, %d rollups", len(x.Segments), len(x.Rollups))
	}
	names, err := filepath.Glob(filepath.Join(s.dir, segmentsDir, "*", "*", "*"))
	if err != nil || len(names) != 2 {
		t.Errorf("files %v: %v", names, err)
	}
}
