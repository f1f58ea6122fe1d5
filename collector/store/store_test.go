package store

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

func testConfig(dir string) config.Store {
	c := config.DefaultStore()
	c.Dir, c.Rows = dir, 5000
	return c
}

func open(t testing.TB, c config.Store) *Store {
	t.Helper()
	s, err := Open(c, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// content returns all flows of s, sorted.
func content(t testing.TB, s *Store) (out []string) {
	t.Helper()
	x := s.Snapshot()
	defer x.Release()
	for _, g := range x.Segments {
		n := 0
		err := readFile(filepath.Join(x.Dir, g.File), func(b *flow.Batch) error {
			n += len(b.Flows)
			for i := range b.Flows {
				out = append(out, text(b, &b.Flows[i]))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n != g.Rows {
			t.Errorf("%s has %d rows, the manifest says %d", g.File, n, g.Rows)
		}
	}
	out = append(out, blockTexts(x.Tail)...)
	slices.Sort(out)
	return out
}

// A written is what tests have put into a store, as it must come back.
type written struct {
	builder *engine.Builder
	blocks  []*engine.Block
}

func newWritten() *written { return &written{builder: engine.NewBuilder(tailOptions)} }

func (w *written) add(b *flow.Batch) { w.blocks = w.builder.Append(w.blocks, b) }

func (w *written) texts() []string {
	blocks := slices.Clone(w.blocks)
	if b := w.builder.Open(); b != nil {
		blocks = append(blocks, b)
	}
	out := blockTexts(blocks)
	slices.Sort(out)
	return out
}

func same(t testing.TB, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d flows, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("flow %d is\n%s, want\n%s", i, got[i], want[i])
		}
	}
}

// copyDir copies a store as it is, as a crash leaves it.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(filepath.Join(to, "store"), os.DirFS(from)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return filepath.Join(to, "store")
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for i := 0; !f(); i++ {
		if i > 2000 {
			t.Fatal(what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestStoreKeepsAll(t *testing.T) {
	c := testConfig(filepath.Join(t.TempDir(), "store"))
	s := open(t, c)
	r := rand.New(rand.NewPCG(1, 1))
	all := newWritten()
	for range 40 {
		b := randomBatch(r, 1+r.IntN(600))
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		all.add(b)
	}
	want := all.texts()
	same(t, content(t, s), want) // at once
	eventually(t, "the journal is not written", func() bool { return s.Stats().Unwritten == 0 })
	crashed := open(t, testConfig(copyDir(t, c.Dir)))
	same(t, content(t, crashed), want)
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(c.Dir, journalDir, "*")); len(names) > 0 {
		t.Errorf("the journal has %v after an end", names)
	}
	s = open(t, c)
	same(t, content(t, s), want)
	if x := s.Stats(); x.Recovered != 0 || x.Rows != uint64(len(want)) || x.Tail != 0 || x.Err != nil {
		t.Errorf("%+v", x)
	}
	err := filepath.WalkDir(c.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; st.Mode().Perm() != want {
			t.Errorf("%s is %v", name, st.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFlushAndAge(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Age = time.Second
	s := open(t, c)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := randomBatch(rand.New(rand.NewPCG(1, 2)), 10)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x := s.Stats(); x.Segments != 1 || x.Rows != 10 || x.Tail != 0 || x.Unwritten != 0 {
		t.Errorf("after a flush: %+v", x)
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a flow waits for others for ever", func() bool { return s.Stats().Segments == 2 })
	eventually(t, "the journal stays", func() bool { return s.Stats().Journal == 0 })
}

// What a crash leaves at any step is each flow once.
func TestLeftovers(t *testing.T) {
	c := testConfig(t.TempDir())
	s := open(t, c)
	all := newWritten()
	r := rand.New(rand.NewPCG(1, 3))
	for range 3 {
		b := randomBatch(r, 500)
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		all.add(b)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b := randomBatch(r, 500)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all.add(b)
	want := all.texts()
	eventually(t, "the journal is not written", func() bool { return s.Stats().Unwritten == 0 })

	dir := copyDir(t, c.Dir)
	x := s.Snapshot()
	first := x.Segments[0].File
	x.Release()
	orphan := segmentName(99, epoch/1e6)
	for name, d := range map[string]string{
		orphan:                     "a segment that the manifest didn't get to name",
		orphan + asideSuffix:       "half a segment",
		scratchDir + "/a":          "of a query",
		manifestName + ".tmp":      "half a manifest",
		"rollups/x/b" + ".parquet": "a rollup without a name",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(d), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := os.OpenFile(filepath.Join(dir, manifestName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.WriteString(`0badc0de {"add":[{"file":"` + orphan); err != nil {
		t.Fatal(err)
	}
	m.Close()
	y := open(t, testConfig(dir))
	same(t, content(t, y), want)
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{orphan, orphan + asideSuffix, "rollups/x"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
	y = open(t, testConfig(dir))
	same(t, content(t, y), want)

	// A segment that was cut short is set aside; the others answer.
	y.Close()
	if err := os.Truncate(filepath.Join(dir, first), 100); err != nil {
		t.Fatal(err)
	}
	y = open(t, testConfig(dir))
	if got := content(t, y); len(got) != len(want)-500 {
		t.Errorf("%d flows without a segment, want %d", len(got), len(want)-500)
	}
	if _, err := os.Stat(filepath.Join(dir, first+badSuffix)); err != nil || y.Stats().Bad != 1 {
		t.Errorf("%v, %d bad", err, y.Stats().Bad)
	}
	// So is one whose octets changed, once somebody can't read it.
	snap := y.Snapshot()
	second := snap.Segments[0]
	name := filepath.Join(dir, second.File)
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := y.SetAside(second.File); gone || err != nil {
		t.Errorf("a good file is set aside: %v", err)
	}
	d[len(d)/2] ^= 1
	if err := os.WriteFile(name, d, 0o600); err != nil {
		t.Fatal(err)
	}
	if gone, err := y.SetAside(second.File); !gone || err != nil {
		t.Errorf("a damaged file is not set aside: %v", err)
	}
	snap.Release()
	if got := content(t, y); len(got) != len(want)-1000 || y.Stats().Bad != 2 {
		t.Errorf("%d flows without two segments, %d bad", len(got), y.Stats().Bad)
	}
	s.Close()
}

func TestRefusals(t *testing.T) {
	c := testConfig(t.TempDir())
	s := open(t, c)
	if _, err := Open(c, Deps{}); err == nil || !strings.Contains(err.Error(), "open already") {
		t.Errorf("a folder is opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), randomBatch(rand.New(rand.NewPCG(1, 4)), 1)); !errors.Is(err, errClosed) {
		t.Errorf("a closed store takes flows: %v", err)
	}
	line, err := appendLine(nil, &change{Schema: SchemaVersion + 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, manifestName), line, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c, Deps{}); err == nil || !strings.Contains(err.Error(), "newer weir") {
		t.Errorf("a folder of a newer weir is opened: %v", err)
	}
	if _, err := Open(config.Store{}, Deps{}); err == nil {
		t.Error("a store without a folder")
	}
}

// A manifest that is damaged is made anew of what the segments say of themselves:
// each flow is there once, whatever was going on.
func TestManifestIsRemade(t *testing.T) {
	c := testConfig(t.TempDir())
	s := openAt(t, c, epochTime.Add(2*time.Hour))
	r := rand.New(rand.NewPCG(1, 8))
	all := newWritten()
	for i := range 4 {
		fill(t, s, all, flowsAt(r, 300, epochTime.Add(time.Duration(i)*time.Minute)))
	}
	before := copyDir(t, c.Dir)
	if err := s.Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	fill(t, s, all, flowsAt(r, 300, epochTime.Add(time.Minute)))
	b := flowsAt(r, 300, epochTime)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all.add(b)
	eventually(t, "the journal is not written", func() bool { return s.Stats().Unwritten == 0 })
	dir := copyDir(t, c.Dir)
	// The parts of the merged segment are there yet, as if a query had had them.
	if err := filepath.WalkDir(before, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != parquetSuffix {
			return err
		}
		file, err := filepath.Rel(before, name)
		if err != nil {
			return err
		}
		return os.Link(name, filepath.Join(dir, file))
	}); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, segmentName(77, epoch/1e6))
	if err := os.WriteFile(half, []byte("PAR1 no segment PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, manifestName)
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d[len(d)/3] ^= 1
	if err := os.WriteFile(name, d, 0o600); err != nil {
		t.Fatal(err)
	}
	y := open(t, testConfig(dir))
	same(t, content(t, y), all.texts())
	for _, name := range []string{name + badSuffix, half + badSuffix} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if got, err := y.Check(t.Context(), nil); err != nil || len(got.Wrong) > 0 || int(got.Rows)+got.Tail != 1800 {
		t.Errorf("%+v: %v", got, err)
	}
}

// A manifest that is gone, or has nothing in it, takes no segment with it. A store
// that is closed leaves the folder to others.
func TestManifestIsGone(t *testing.T) {
	c := testConfig(t.TempDir())
	s := open(t, c)
	all := newWritten()
	fill(t, s, all, flowsAt(rand.New(rand.NewPCG(1, 12)), 300, epochTime))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(c.Dir, manifestName)
	for _, damage := range []func() error{
		func() error { return os.Remove(name) },
		func() error { return os.Truncate(name, 0) },
		func() error { return os.Truncate(name, 5) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		y, err := Open(c, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, content(t, y), all.texts())
		if err := y.Close(); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.AddRollups(nil, []string{"rollups/x/1.parquet"}); !errors.Is(err, errClosed) {
			t.Errorf("a closed store is changed: %v", err)
		}
	}
	if after, err := os.ReadFile(name); err != nil || string(after) != string(before) {
		t.Errorf("the manifest is another: %v", err)
	}
}

// A clock that is set back loses nothing, and keeps nothing from being merged.
func TestClockStepsBack(t *testing.T) {
	c := testConfig(t.TempDir())
	s := openAt(t, c, epochTime.Add(-5*time.Hour))
	r := rand.New(rand.NewPCG(1, 9))
	all := newWritten()
	for _, ago := range []time.Duration{0, time.Minute, 3 * time.Hour, 2*time.Hour + 59*time.Minute, -time.Minute} {
		fill(t, s, all, flowsAt(r, 100, epochTime.Add(-ago)))
	}
	if err := s.Retain(); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	same(t, content(t, s), all.texts())
	if n := s.Stats().Segments; n != 3 {
		t.Errorf("%d segments", n)
	}
}

// Snapshots have each flow once, while flows come, become segments and are merged.
func TestSnapshotsAreWhole(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Rows = 1000
	s := openAt(t, c, time.Now().Add(2*time.Hour))
	stop, done := make(chan struct{}), make(chan error, 2)
	go func() {
		x := newTraffic(1)
		b := &flow.Batch{}
		for n := uint64(0); ; {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			x.batch(b, 100, time.Now().UnixNano())
			for i := range b.Flows {
				b.Flows[i].Bytes = n
				n++
			}
			if err := s.Write(context.Background(), b); err != nil {
				done <- err
				return
			}
		}
	}()
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := s.Compact(context.Background(), nil); err != nil && !errors.Is(err, errStale) {
				done <- err
				return
			}
		}
	}()
	last := 0
	for range 20 {
		x := s.Snapshot()
		seen := map[uint64]bool{}
		n := 0
		for _, g := range x.Segments {
			if err := readFile(filepath.Join(s.dir, g.File), func(b *flow.Batch) error {
				for i := range b.Flows {
					seen[b.Flows[i].Bytes] = true
					n++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range x.Tail {
			for _, v := range k.Column(flow.FieldBytes).U64 {
				seen[v] = true
				n++
			}
		}
		x.Release()
		for v := range uint64(n) {
			if !seen[v] {
				t.Fatalf("of %d flows the %dth is not there", n, v)
			}
		}
		if len(seen) != n || n < last {
			t.Fatalf("%d flows, %d different ones, %d before", n, len(seen), last)
		}
		last = n
		if n > 200_000 {
			break
		}
	}
	close(stop)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// The files of a snapshot stay until it is released.
func TestSnapshotPins(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	r := rand.New(rand.NewPCG(1, 5))
	for range 2 {
		if err := s.Write(t.Context(), randomBatch(r, 10)); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	x, y := s.Snapshot(), s.Snapshot()
	file := x.Segments[0].File
	name := filepath.Join(x.Dir, file)
	if err := s.update(func(*catalog) (*change, error) { return &change{Remove: []string{file}}, nil }, nil); err != nil {
		t.Fatal(err)
	}
	z := s.Snapshot()
	if len(z.Segments) != 1 || len(x.Segments) != 2 {
		t.Errorf("%d and %d segments", len(z.Segments), len(x.Segments))
	}
	x.Release()
	x.Release()
	z.Release()
	if _, err := os.Stat(name); err != nil {
		t.Errorf("a file of a snapshot is gone: %v", err)
	}
	y.Release()
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that nobody has is there: %v", err)
	}
}

// While the disk takes nothing, flows are refused and counted; what came before is
// kept, and goes on when there is room.
func TestDiskRefuses(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere: the test with a full disk does it")
	}
	c := testConfig(t.TempDir())
	s := open(t, c)
	all := newWritten()
	r := rand.New(rand.NewPCG(1, 6))
	b := randomBatch(r, 100)
	if err := os.Chmod(filepath.Join(c.Dir, journalDir), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all.add(b)
	eventually(t, "nobody says that the journal can't be written", func() bool { return s.Stats().Err != nil })
	if err := s.Write(t.Context(), b); err == nil {
		t.Error("flows are taken that can't be kept")
	}
	if x := s.Stats(); x.Refused != 100 || x.Unwritten != 100 || x.UnwrittenFor <= 0 {
		t.Errorf("%+v", x)
	}
	if err := os.Chmod(filepath.Join(c.Dir, journalDir), 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store stays ill", func() bool { return s.Stats().Err == nil && s.Stats().Unwritten == 0 })
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all.add(b)
	same(t, content(t, s), all.texts())
}

// Write waits for segments, but not for ever.
func TestWriteWaits(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Rows = 1000
	s := open(t, c)
	s.disk.Lock() // no segment gets into the manifest
	r := rand.New(rand.NewPCG(1, 7))
	all := newWritten()
	for range 2*maxSealed + 1 { // the last is the first of the next segment
		b := randomBatch(r, 500)
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		all.add(b)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, randomBatch(r, 500)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("memory grows on: %v", err)
	}
	s.disk.Unlock()
	same(t, content(t, s), all.texts())
	if err := s.Write(t.Context(), &flow.Batch{}); err != nil {
		t.Error(err)
	}
}

func TestManifestCompacts(t *testing.T) {
	dir := t.TempDir()
	m, err := openManifest(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for i := range uint64(3000) {
		x := &change{Next: i + 1, Journal: i, Add: []Segment{{File: segmentName(i, epoch/1e6), Columns: flow.SetOf(flow.FieldBytes, flow.FieldStart), Whole: flow.SetOf(flow.FieldStart)}}}
		if i > 0 {
			x.Remove = files
		}
		files = []string{x.Add[0].File}
		if err := m.commit(x); err != nil {
			t.Fatal(err)
		}
	}
	if m.n > 1200 || m.size > 1<<20 {
		t.Errorf("%d lines, %d octets for a segment", m.n, m.size)
	}
	m.close()
	m, err = openManifest(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if len(m.segments) != 1 || m.next != 3000 || m.journal != 2999 {
		t.Fatalf("%+v", m.catalog)
	}
	if g := m.segments[0]; g.File != files[0] || g.Columns != flow.SetOf(flow.FieldBytes, flow.FieldStart) || g.Whole != flow.SetOf(flow.FieldStart) {
		t.Errorf("%+v", g)
	}
}
