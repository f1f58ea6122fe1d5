package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/query"
)

// What the ledger counted is there after a restart, minute by minute; the time
// between is named.
func TestCoverage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "coverage")
	var all []pipeline.Ledger
	look := func() []pipeline.Ledger { return all }
	start := time.Date(2026, 11, 26, 23, 58, 0, 0, time.UTC)
	at := func(minutes float64) time.Time { return start.Add(time.Duration(minutes * float64(time.Minute))) }
	open := func(now time.Time) *Ledger {
		l, err := OpenLedger(dir, "store", look, now)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open(at(0))
	ipfix := pipeline.Ledger{Key: pipeline.Key{Version: 10}, Records: 900}
	ipfix.Missing = 100
	v9 := pipeline.Ledger{Key: pipeline.Key{Version: 9}, Records: 1000, Outputs: []pipeline.OutputLedger{{Name: "other", Dropped: 7}, {Name: "store", Dropped: 20, Failed: 5}}}
	v9.Received, v9.Missing = 50, 2 // packets of 20 records
	all = []pipeline.Ledger{ipfix, v9}
	note := func(now time.Time) {
		t.Helper()
		if err := l.Note(now); err != nil {
			t.Fatal(err)
		}
	}
	note(at(1))
	all[0].Records += 50
	all[0].Missing -= 10 // came late
	note(at(2))
	all[0].Records += 5

	check := func(from, to float64, now time.Time, want query.Coverage, notes ...string) {
		t.Helper()
		c, n := l.Coverage(at(from).UnixNano(), at(to).UnixNano(), now)
		if c != want || !slices.Equal(n, notes) {
			t.Errorf("%g to %g: %+v %q, want %+v %q", from, to, c, n, want, notes)
		}
	}
	check(0, 1, at(2.5), query.Coverage{Known: true, Records: 1900, Missing: 140, Lost: 25})
	check(0, 9, at(2.5), query.Coverage{Known: true, Records: 1955, Missing: 130, Lost: 25})
	check(1, 2, at(2.5), query.Coverage{Known: true, Records: 50})
	check(-1, 1, at(2.5), query.Coverage{Records: 1900, Missing: 140, Lost: 25}, "there are flows since 2026-11-26T23:58:00Z")

	check(-9, -5, at(2.5), query.Coverage{}, "there are flows since 2026-11-26T23:58:00Z")

	file, err := os.OpenFile(filepath.Join(dir, "2026-11-27.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"from":1,"t`); err != nil { // a crash
		t.Fatal(err)
	}
	file.Close()
	all = nil
	l = open(at(10))
	note(at(10.5))
	l = open(at(10.5))
	check(0, 12, at(11), query.Coverage{Records: 1950, Missing: 130, Lost: 25}, "weir did not run from 2026-11-27T00:00:00Z to 2026-11-27T00:08:00Z")
	if err := l.Forget(at(60)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "2026-11-27.jsonl" {
		t.Errorf("%v", left)
	}
}

func TestShare(t *testing.T) {
	for _, x := range []struct {
		query.Coverage
		want float64
	}{
		{query.Coverage{}, 1},
		{query.Coverage{Records: 90, Missing: 10}, 0.9},
		{query.Coverage{Records: 90, Missing: 10, Lost: 40}, 0.5},
	} {
		if got := x.Share(); got != x.want {
			t.Errorf("%+v: %g, want %g", x.Coverage, got, x.want)
		}
	}
}
