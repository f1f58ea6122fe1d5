//go:build cgo

package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/weirflow/weir/shared/flow"
)

func plainDuckDB(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// DuckDB reads what weir wrote: types, values, missing values, statistics and
// Bloom filters.
func TestDuckDBReadsSegments(t *testing.T) {
	dir := t.TempDir()
	db := plainDuckDB(t)
	rows := 150_000
	if testing.Short() {
		rows = 20_000
	}
	blocks := trafficBlocks(rows)
	s, err := newSegmentWriter("test", false).write(dir, "a.parquet", blocks)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, s.File)

	var columns []string
	var sums []uint64
	add := func(l leaf, v uint64) {
		for i, c := range columns {
			if c == l.name {
				sums[i] += v>>24 + v&(1<<24-1) // 64 bits hold that sum
				return
			}
		}
		columns, sums = append(columns, l.name), append(sums, v>>24+v&(1<<24-1))
	}
	for _, l := range leaves(s.Columns, s.Whole, false, false) {
		for _, b := range blocks {
			for _, v := range appendColumn(nil, b.Column(l.field), l.part) {
				add(l, v)
			}
		}
	}
	for i, c := range columns {
		var n, sum uint64
		var kind string
		if err := db.QueryRow(fmt.Sprintf(`select count("%[1]s"), sum(("%[1]s" >> 24) + ("%[1]s" & 16777215))::ubigint, any_value(typeof("%[1]s")) from read_parquet(?)`, c), name).Scan(&n, &sum, &kind); err != nil {
			t.Fatal(err)
		}
		if n != uint64(rows) || sum != sums[i] {
			t.Errorf("%s: %d values, sum %d; want %d, %d", c, n, sum, rows, sums[i])
		}
		want := "UBIGINT"
		switch l := byName[c]; {
		case l.part == partTime:
			want = "BIGINT"
		case l.part == partNumber:
			want = map[int]string{8: "UTINYINT", 16: "USMALLINT", 32: "UINTEGER", 64: "UBIGINT"}[l.bits]
		}
		if kind != want {
			t.Errorf("%s is %s, want %s", c, kind, want)
		}
	}

	// An address of the needle's kind.
	a := appendColumn(nil, blocks[0].Column(flow.FieldSrcAddr), partLow)[17]
	want := 0
	for _, b := range blocks {
		for _, v := range appendColumn(nil, b.Column(flow.FieldSrcAddr), partLow) {
			if v == a {
				want++
			}
		}
	}
	got := 0
	if err := db.QueryRow(`select count(*) from read_parquet(?) where src_addr_lo = ?::ubigint`, name, fmt.Sprint(a)).Scan(&got); err != nil || got != want {
		t.Errorf("%d flows of %x, want %d: %v", got, a, want, err)
	}
	for value, want := range map[uint64]bool{a: false, a ^ 0x5a5a5a5a5a: true} {
		excluded := false
		if err := db.QueryRow(`select bool_and(bloom_filter_excludes) from parquet_bloom_probe(?, 'src_addr_lo', ?::ubigint)`, name, fmt.Sprint(value)).Scan(&excluded); err != nil || excluded != want {
			t.Errorf("the filter excludes %x: %v, want %v: %v", value, excluded, want, err)
		}
	}
	var least, most string
	if err := db.QueryRow(`select stats_min_value, stats_max_value from parquet_metadata(?) where path_in_schema = 'end'`, name).Scan(&least, &most); err != nil || least != fmt.Sprint(s.End[0]) || most != fmt.Sprint(s.End[1]) {
		t.Errorf("end is %s to %s by the statistics, %v: %v", least, most, s.End, err)
	}
}

func TestDuckDBReadsMissingValues(t *testing.T) {
	dir := t.TempDir()
	db := plainDuckDB(t)
	b := &flow.Batch{}
	for i := range b.Grow(1000) {
		f := flow.Flow{Set: flow.SetOf(flow.FieldReceived), Received: epoch}
		if i%3 == 0 {
			f.Set.Add(flow.FieldSrcPort)
			f.SrcPort = uint16(i)
		}
		if i >= 600 {
			f.Set.Add(flow.FieldAppName)
			f.AppName = b.Strings.Intern([]byte(strings.Repeat("x", i%4)))
		}
		b.Flows[i] = f
	}
	s, err := newSegmentWriter("test", false).write(dir, "a.parquet", blocksOf(b))
	if err != nil {
		t.Fatal(err)
	}
	var ports, names, empty, sum int
	if err := db.QueryRow(`select count(src_port), count(app_name), count(*) filter (app_name = ''), sum(src_port) from read_parquet(?)`, filepath.Join(dir, s.File)).Scan(&ports, &names, &empty, &sum); err != nil {
		t.Fatal(err)
	}
	if ports != 334 || names != 400 || empty != 100 || sum != 3*333*334/2 {
		t.Errorf("%d ports of sum %d, %d names, %d of them empty", ports, sum, names, empty)
	}
}
