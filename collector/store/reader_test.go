//go:build cgo

package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
	"github.com/weirflow/weir/shared/query/querytest"
)

// What was written is answered, before and after it is in a segment, and after its
// hour was summed; values are those that flows have.
func TestReader(t *testing.T) {
	cfg := config.DefaultStore()
	cfg.Dir = t.TempDir()
	s, err := Open(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := NewReader(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	ctx := context.Background()
	b := querytest.Flows(rand.New(rand.NewPCG(8, 5)), 300)
	sane(b)
	stored := querytest.Stored(b)
	if err := s.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	r := &query.Request{
		From: querytest.Epoch - int64(7*time.Hour), To: querytest.Epoch + int64(7*time.Hour), Limit: 5,
		By: []query.Dim{{Of: quantityOf(t, "src ip")}}, Metrics: []query.Metric{{Of: query.Bytes}},
	}
	ask := func(when string) *query.Answer {
		t.Helper()
		a, err := x.Query(ctx, r)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if diff := querytest.Diff(r, a, querytest.Oracle(stored, r)); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		return a
	}
	ask("in the tail")
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	ask("in a segment")
	x.duck.eager = true
	if err := x.Sum(ctx, time.Now().Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if a := ask("summed"); len(a.Notes) == 0 {
		t.Error("no rollup was used")
	}
	n := len(s.Snapshot().Rollups)
	if err := x.Sum(ctx, time.Now().Add(3*time.Hour)); err != nil || len(s.Snapshot().Rollups) != n {
		t.Errorf("%d rollups, and then %d: %v", n, len(s.Snapshot().Rollups), err)
	}

	values := func(column flow.Field, prefix string, want ...string) {
		t.Helper()
		got, err := query.Values(ctx, x.Query, column, prefix, r.From, r.To, 3)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s %s: %q, want %q", flow.Fields[column].Flat, prefix, got, want)
		}
	}
	values(flow.FieldAppName, "DNS", "dns", "dnssec")
	values(flow.FieldAppName, "w", "web")
	values(flow.FieldExporter, "192.0.2.", "192.0.2.0", "192.0.2.1", "192.0.2.2")
	values(flow.FieldExporter, "193.")
	values(flow.FieldSrcPort, "5000", "50000", "50001")

	r.Limit = cfg.Answer
	r.To = r.From
	if _, err := x.Query(ctx, r); err == nil {
		t.Error("a range without length is answered")
	}
}

// Files that are gone, cut short or altered while weir runs don't keep the others
// from answering.
func TestAnswersWithoutDamagedFiles(t *testing.T) {
	cfg := config.DefaultStore()
	cfg.Dir = t.TempDir()
	s, err := Open(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := NewReader(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(8, 7))
	total := 0
	for range 4 {
		b := querytest.Flows(rng, 3000)
		sane(b)
		total = len(b.Flows)
		if err := s.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	snap := s.Snapshot()
	defer snap.Release()
	name := func(i int) string { return filepath.Join(cfg.Dir, snap.Segments[i].File) }
	if err := os.Remove(name(0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name(1), snap.Segments[1].Octets/2); err != nil {
		t.Fatal(err)
	}
	d, err := os.ReadFile(name(2))
	if err != nil {
		t.Fatal(err)
	}
	for i := range d[:len(d)/2] { // the end tells where things are
		d[i] ^= 0x55
	}
	if err := os.WriteFile(name(2), d, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &query.Request{From: querytest.Epoch - int64(24*time.Hour), To: querytest.Epoch + int64(24*time.Hour), Metrics: []query.Metric{{Of: query.Records}, {Of: query.Distinct, Column: flow.FieldSrcAddr}}, Limit: 10}
	a, err := x.Query(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if a.Flows != uint64(total) || s.Stats().Segments != 1 || s.Stats().Bad != 3 {
		t.Errorf("%d flows of %d, %+v", a.Flows, total, s.Stats())
	}
}

// A folder may have any name.
func TestFolderNames(t *testing.T) {
	for _, name := range []string{"a b", "it's", `"q"`, "[a]", "a*", "what?", "ü;--", "{a,b}", "a%20b", "#x", "$y", "~", "a=b"} {
		d, err := openDuckDB(filepath.Join(t.TempDir(), name), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b := querytest.Flows(rand.New(rand.NewPCG(8, 9)), 20)
		sane(b)
		segments := put(t, d, b, len(b.Flows))
		s := &Snapshot{Segments: segments, Rollups: rolled(t, d, segments), Tail: tailOf(b, 0, len(b.Flows))}
		r := &query.Request{From: querytest.Epoch - int64(12*time.Hour), To: querytest.Epoch + int64(12*time.Hour), Limit: 1, Metrics: []query.Metric{{}}}
		if a, err := d.ask(context.Background(), s, r); err != nil || a.Flows != uint64(2*len(b.Flows)) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		d.close()
	}
}

// An hour that can't be summed, as a file of it is damaged, keeps no other from it.
// It is summed without that file later.
func TestSumsOfOtherHours(t *testing.T) {
	cfg := config.DefaultStore()
	cfg.Dir = t.TempDir()
	s, err := Open(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := NewReader(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(8, 8))
	for hour := range 3 {
		b := flowsAt(r, 200, epochTime.Add(time.Duration(hour)*time.Hour))
		sane(b)
		if err := s.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	snap := s.Snapshot()
	snap.Release()
	if err := os.Truncate(filepath.Join(cfg.Dir, snap.Segments[0].File), 100); err != nil {
		t.Fatal(err)
	}
	if err := x.Sum(ctx, epochTime.Add(24*time.Hour)); err == nil {
		t.Error("a damaged hour is summed")
	}
	if got, want := s.Stats().Rollups, 2*len(duck.Rollups); got != want || s.Stats().Bad != 1 {
		t.Errorf("%d rollups, want %d: %+v", got, want, s.Stats())
	}
	if err := x.Sum(ctx, epochTime.Add(24*time.Hour)); err != nil {
		t.Errorf("again: %v", err)
	}
}

// An address goes from a rollup with the rows that name it, and others stay.
func TestEraseFromRollups(t *testing.T) {
	cfg := config.DefaultStore()
	cfg.Dir = t.TempDir()
	s, err := Open(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := NewReader(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	ctx := context.Background()
	b := querytest.Flows(rand.New(rand.NewPCG(8, 6)), 300)
	sane(b)
	if err := s.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := x.Sum(ctx, time.Now().Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	victim := netip.MustParseAddr("10.0.0.1")
	addr := flow.AddrFrom(victim)
	rows := func(r *RollupFile, condition string) (n uint64) {
		t.Helper()
		err := x.duck.query(ctx, "SELECT count(*) FROM read_parquet($1) WHERE "+condition, []any{[]string{x.duck.pathOf(r.File)}}, func(rows *rows) error {
			c := rows.column(0)
			n = c.uint(0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	low := binary.BigEndian.Uint64(addr[8:])
	changes := 0
	for _, r := range s.Snapshot().Rollups {
		condition := "FALSE"
		switch r.Name {
		case "interface", "interfaces":
			condition = fmt.Sprintf("exporter_hi = 0 AND exporter_lo = %d", low)
		case "source":
			condition = fmt.Sprintf("src_addr_hi = 0 AND src_addr_lo = %d", low)
		case "destination":
			condition = fmt.Sprintf("dst_addr_hi = 0 AND dst_addr_lo = %d", low)
		case "pairs":
			condition = fmt.Sprintf("src_addr_hi = 0 AND src_addr_lo = %[1]d OR dst_addr_hi = 0 AND dst_addr_lo = %[1]d", low)
		}
		n := rows(r, condition)
		y, changed, err := x.Erase(ctx, r, victim)
		if err != nil || changed != (n > 0) {
			t.Fatalf("%s: %d rows, changed %v: %v", r.Name, n, changed, err)
		}
		if !changed {
			continue
		}
		changes++
		if y.Rows != r.Rows-int(n) || rows(y, condition) != 0 || y.Bin != r.Bin || !slices.Equal(y.Segments, r.Segments) || rows(y, "TRUE") != uint64(y.Rows) {
			t.Errorf("%s: of %d rows %d with the address, left %+v", r.Name, r.Rows, n, y)
		}
	}
	if changes < 3 {
		t.Errorf("only %d rollups changed", changes)
	}
}
