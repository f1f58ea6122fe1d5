//go:build cgo

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const endless = "SELECT sum(hash(a.range + b.range)::DOUBLE) FROM range(10000000) a, range(10000000) b"

// A question that nobody waits for any more ends at once.
func TestCancel(t *testing.T) {
	d := openTest(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.query(ctx, endless, nil, nil) }()
	waitFor(t, "a question", func() bool { d.turns.mu.Lock(); defer d.turns.mu.Unlock(); return d.turns.free == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ends with %v", err)
	}
	// The connection is as good as before.
	n := uint64(0)
	err := d.query(context.Background(), "SELECT count(*) FROM range(7)", nil, func(r *rows) error {
		c := r.column(0)
		n = c.uint(0)
		return nil
	})
	if err != nil || n != 7 {
		t.Errorf("counts %d: %v", n, err)
	}
}

func TestTimeout(t *testing.T) {
	d, err := openDuckDB(t.TempDir(), Limits{Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.query(context.Background(), endless, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ends with %v", err)
	}
}

// Two questions at once; the others come in in their order, and one that is given
// up takes no turn.
func TestTurns(t *testing.T) {
	ts := turns{free: 2}
	ctx := context.Background()
	for range 2 {
		if err := ts.wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	queued := func(n int) func() bool {
		return func() bool { ts.mu.Lock(); defer ts.mu.Unlock(); return len(ts.queue) == n }
	}
	order := make(chan int)
	short, cancel := context.WithCancel(ctx)
	for i := range 3 {
		go func() {
			c := ctx
			if i == 1 {
				c = short
			}
			if err := ts.wait(c); err != nil {
				order <- -i
				return
			}
			order <- i
		}()
		waitFor(t, "a place in the queue", queued(i+1))
	}
	cancel()
	if i := <-order; i != -1 {
		t.Errorf("%d came in", i)
	}
	for _, want := range []int{0, 2} {
		ts.done()
		if i := <-order; i != want {
			t.Errorf("%d came in, want %d", i, want)
		}
	}
	ts.done()
	ts.done()
	if ts.free != 2 {
		t.Errorf("%d turns are free", ts.free)
	}
}

func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for range 5000 {
		if there() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("no %s", what)
}

// DuckDB reads and writes below the store's folder, and changes nothing of that.
func TestLockedDown(t *testing.T) {
	d := openTest(t)
	other := filepath.Join(t.TempDir(), "other.csv")
	if err := os.WriteFile(other, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"SELECT * FROM read_csv(" + literal(other) + ")",
		"SELECT * FROM read_text('/etc/hostname')",
		"COPY (SELECT 1) TO " + literal(other),
		"SELECT * FROM glob('/*')",
		"ATTACH " + literal(other+".db"),
		"INSTALL httpfs",
		"LOAD httpfs",
		"SET enable_external_access = true",
		"SET allowed_directories = ['/']",
		"SET memory_limit = '100GB'",
		"SET threads = 100",
		"RESET lock_configuration",
	} {
		if err := d.query(context.Background(), s, nil, nil); err == nil {
			t.Errorf("%s: no error", s)
		}
	}
	if err := d.query(context.Background(), "COPY (SELECT 1 AS a) TO "+literal(filepath.Join(d.dir, "tmp", "a.parquet")), nil, nil); err != nil {
		t.Errorf("within the folder: %v", err)
	}
}

// Errors name neither folders nor files.
func TestErrorsTellNoNames(t *testing.T) {
	d := openTest(t)
	name := filepath.Join(d.dir, "segments", "lost.parquet")
	err := d.query(context.Background(), "SELECT * FROM read_parquet($1)", []any{[]string{name}}, nil)
	if err == nil || strings.Contains(err.Error(), "lost") || strings.Contains(err.Error(), d.dir) {
		t.Errorf("the error is %v", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("PAR1 broken PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = d.query(context.Background(), "SELECT * FROM read_parquet($1)", []any{[]string{name}}, nil)
	if err == nil || strings.Contains(err.Error(), "lost") || strings.Contains(err.Error(), d.dir) {
		t.Errorf("the error is %v", err)
	}
}
