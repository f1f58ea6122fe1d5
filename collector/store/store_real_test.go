//go:build real

package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

func TestRealKilled(t *testing.T) { killed(t, 20) }

// A full disk stops the store, which says so, and not the collector: flows are
// refused and counted. When there is room it goes on, and has all that it took.
func TestRealDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		t.Skipf("a file system of its own takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	full := func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for n := 1 << 20; n > 0; {
			if _, err := f.Write(make([]byte, n)); errors.Is(err, syscall.ENOSPC) {
				n /= 2
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	c := testConfig(filepath.Join(dir, "store"))
	c.Rows = 20_000
	s := open(t, c)
	x := newTraffic(1)
	b := &flow.Batch{}
	all := newWritten()
	refused := uint64(0)
	write := func(n int) {
		for range n {
			x.batch(b, 250, epoch)
			if err := s.Write(t.Context(), b); err != nil {
				refused += 250
				continue
			}
			all.add(b)
		}
	}

	// The journal finds no room.
	write(30)
	eventually(t, "the journal is not written", func() bool { return s.Stats().Unwritten == 0 })
	full()
	write(1)
	eventually(t, "nobody says that the disk is full", func() bool { return errors.Is(s.Stats().Err, syscall.ENOSPC) })
	write(10)
	if st := s.Stats(); st.Refused != 2500 || st.Unwritten != 250 {
		t.Errorf("%+v", st)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store stays ill", func() bool { return s.Stats().Err == nil })
	write(1)
	eventually(t, "the journal is not written", func() bool { return s.Stats().Unwritten == 0 })
	same(t, content(t, s), all.texts())

	// The segment finds none.
	full()
	if err := s.Flush(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a segment on a full disk: %v", err)
	}
	crashed := copyDir(t, c.Dir)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no segment is made", func() bool { return s.Stats().Segments == 1 && s.Stats().Err == nil })
	same(t, content(t, s), all.texts())
	same(t, content(t, open(t, testConfig(crashed))), all.texts())

	// Until it is full by itself.
	for refused < 10_000 {
		write(10)
	}
	if st := s.Stats(); st.Refused != refused {
		t.Errorf("%d flows are refused, the store counts %d", refused, st.Refused)
	}
	same(t, content(t, s), all.texts())

	// What it took last and could not keep is all that an end may lose, and told.
	lost := int(s.Stats().Unwritten)
	failed := s.Close()
	got, want := len(content(t, open(t, c))), len(all.texts())
	if got > want || got < want-lost || got < want && !errors.Is(failed, syscall.ENOSPC) {
		t.Errorf("%d flows after an end, of %d, %d of them in memory alone: %v", got, want, lost, failed)
	}
}
