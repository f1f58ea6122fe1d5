//go:build cgo

package store

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/weirflow/weir/shared/flow"
)

// An export with several row groups, one of which lacks columns that the other has,
// is a Parquet file to DuckDB.
func TestDuckDBReadsExports(t *testing.T) {
	first, second := &flow.Batch{}, &flow.Batch{}
	for i := range first.Grow(300) {
		first.Flows[i] = flow.Flow{Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldAppName), AppName: first.Strings.Intern([]byte("dns"))}
	}
	for i := range second.Grow(200) {
		second.Flows[i] = flow.Flow{Set: flow.SetOf(flow.FieldBytes, flow.FieldSrcPort), Bytes: uint64(i), SrcPort: uint16(i)}
	}
	all := describe(append(blocksOf(first), blocksOf(second)...))
	var out bytes.Buffer
	x := newParquetExporter(&out, &all, "test")
	for _, b := range []*flow.Batch{first, second} {
		for i := range b.Flows {
			if err := x.write(b, &b.Flows[i]); err != nil {
				t.Fatal(err)
			}
		}
		x.group()
	}
	if err := x.close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows, names, sum, ports, groups int
	if err := db.QueryRow(`select count(*), count(app_name), sum(bytes)::int, count(src_port) from read_parquet(?)`, name).Scan(&rows, &names, &sum, &ports); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow(`select num_row_groups from parquet_file_metadata(?)`, name).Scan(&groups); err != nil {
		t.Fatal(err)
	}
	if rows != 500 || names != 300 || sum != 199*200/2 || ports != 200 || groups != 2 {
		t.Errorf("%d rows, %d names, sum %d, %d ports, %d groups", rows, names, sum, ports, groups)
	}
	n := 0
	if err := readFile(name, func(b *flow.Batch) error { n += len(b.Flows); return nil }); err != nil || n != 500 {
		t.Errorf("%d flows come back: %v", n, err)
	}
}
