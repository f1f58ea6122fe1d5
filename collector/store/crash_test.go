package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// crashDir is the variable that makes the test's own program write into a store
// until it is killed.
const crashDir = "WEIR_TEST_STORE_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver writes flows that are numbered in Bytes, from a number on, at full
// rate, and tells up to which they are acknowledged.
func writeForEver(dir string) error {
	from, err := strconv.ParseUint(os.Getenv(crashDir+"_FROM"), 10, 64)
	if err != nil {
		return err
	}
	c := testConfig(dir)
	c.Rows = 20_000
	s, err := Open(c, Deps{})
	if err != nil {
		return err
	}
	x := newTraffic(from)
	b := &flow.Batch{}
	next := from
	for {
		x.batch(b, 256, time.Now().UnixNano())
		for i := range b.Flows {
			b.Flows[i].Bytes = next
			next++
		}
		if err := s.Write(context.Background(), b); err != nil {
			return err
		}
		s.mu.Lock()
		kept := from + s.kept - s.stats.Recovered
		s.mu.Unlock()
		fmt.Println(kept, next)
	}
}

func TestKilled(t *testing.T) { killed(t, 2) }

// killed tells whether a store whose process is killed at full rate, so often, has
// every flow that it acknowledged, once, and none that was not written.
func killed(t *testing.T, kills int) {
	dir := filepath.Join(t.TempDir(), "store")
	from := uint64(1)
	var lost, all uint64
	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir, crashDir+"_FROM="+strconv.FormatUint(from, 10))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed after a number of batches: now in the journal, now in a segment,
		// now in the manifest.
		var kept, next uint64
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan() && n < 700+i*37; n++ {
			if _, err := fmt.Sscan(lines.Text(), &kept, &next); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Process.Kill()
		for lines.Scan() { // what it told until then
			_, _ = fmt.Sscan(lines.Text(), &kept, &next)
		}
		cmd.Wait()

		s := open(t, testConfig(dir))
		seen := map[uint64]int{}
		x := s.Snapshot()
		for _, g := range x.Segments {
			err := readFile(filepath.Join(dir, g.File), func(b *flow.Batch) error {
				for i := range b.Flows {
					seen[b.Flows[i].Bytes]++
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		for _, k := range x.Tail {
			for _, v := range k.Column(flow.FieldBytes).U64 {
				seen[v]++
			}
		}
		x.Release()
		if st := s.Stats(); st.Bad != 0 || st.Damaged != 0 {
			t.Errorf("kill %d: %d files are bad, %d stretches of the journal", i, st.Bad, st.Damaged)
		}
		for v := range seen {
			if seen[v] != 1 {
				t.Fatalf("kill %d: flow %d is there %d times", i, v, seen[v])
			}
			if v == 0 || v >= next+256 {
				t.Fatalf("kill %d: flow %d was not written, %d was the last", i, v, next)
			}
		}
		for v := from; v < kept; v++ {
			if seen[v] == 0 {
				t.Fatalf("kill %d: flow %d is gone, up to %d they were acknowledged", i, v, kept)
			}
		}
		for v := from; v < next; v++ {
			all++
			if seen[v] == 0 {
				lost++
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		from = next + 1000 // what it wrote and didn't get to tell
	}
	t.Logf("%d kills; of %d flows %d were not acknowledged yet, and are gone", kills, all, lost)
}
