package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Two processes don't share a data directory; a host that starts the next
// pipeline before the last has ended may.
func TestDataIsLocked(t *testing.T) {
	c := Default()
	c.Listen = listens(t, "127.0.0.1:0")
	c.Data = filepath.Join(t.TempDir(), "data")
	name := filepath.Join(c.Data, lockName)
	if err := os.Mkdir(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	other, err := lockFile(name) // as another process would
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if r, err := c.Start(&counter{flows: make(chan int, 10)}, log); err == nil {
		r.Stop(t.Context())
		t.Error("a data directory in use is taken")
	} else if !strings.Contains(err.Error(), "is in use by ") || !strings.Contains(err.Error(), "name another directory") {
		t.Error(err)
	} else if id := "process " + strconv.Itoa(os.Getpid()); !strings.Contains(err.Error(), id) && !strings.Contains(err.Error(), "another process") {
		t.Errorf("%v, want %s", err, id)
	}
	other.Close()

	first, err := c.Start(&counter{flows: make(chan int, 10)}, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(name); !errors.Is(err, errLocked) {
		t.Errorf("while it runs: %v", err)
	}
	second, err := c.Start(&counter{flows: make(chan int, 10)}, log)
	if err != nil {
		t.Fatalf("in the same process: %v", err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := lockFile(name); !errors.Is(err, errLocked) {
		t.Errorf("while the second runs: %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	other, err = lockFile(name)
	if err != nil {
		t.Fatalf("after both: %v", err)
	}
	other.Close()

	// What can't be started leaves nothing locked.
	c.Enrich.Files.Networks = []string{filepath.Join(c.Data, "none.csv")}
	if _, err := c.Start(&counter{flows: make(chan int, 10)}, log); err == nil {
		t.Error("a table that is not there is read")
	}
	other, err = lockFile(name)
	if err != nil {
		t.Fatalf("after a start that failed: %v", err)
	}
	other.Close()
}
