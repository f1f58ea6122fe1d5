//go:build cgo

package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
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
