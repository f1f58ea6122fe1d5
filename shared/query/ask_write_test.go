package query

import (
	"strings"
	"testing"
)

func written(t *testing.T, x *Table) (csv, lines string) {
	t.Helper()
	var a, b strings.Builder
	if err := x.WriteCSV(&a); err != nil {
		t.Fatal(err)
	}
	if err := x.WriteLines(&b); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String()
}

func TestWriteTable(t *testing.T) {
	q := ask(t, "top app_name by bytes from 10:00 to 10:01")
	csv, lines := written(t, q.Table(&Answer{Groups: []Group{
		{Key: []Key{{Text: `=cmd|"x"`}}, Values: []uint64{600}},
		{Key: []Key{{Missing: true}}, Values: []uint64{6}},
	}, Total: []uint64{1200}}, nil))
	if want := "app_name,bytes,bytes_rate,share\n\"'=cmd|\"\"x\"\"\",600,10,50\n,6,0.1,0.5\n"; csv != want {
		t.Errorf("CSV is %q, want %q", csv, want)
	}
	if want := `{"app_name":"=cmd|\"x\"","bytes":600,"bytes_rate":10,"share":50}` + "\n" + `{"bytes":6,"bytes_rate":0.1,"share":0.5}` + "\n"; lines != want {
		t.Errorf("lines are %s, want %s", lines, want)
	}
}

func TestWriteSeries(t *testing.T) {
	q := ask(t, "series in_if by bytes, flows from 10:00 to 10:02 every 1min")
	csv, lines := written(t, q.Table(&Answer{Groups: []Group{
		{Key: []Key{{Uint: 3}}, Values: []uint64{180, 60}, Bins: [][]uint64{{60, 120}, {60, 0}}},
		{Key: []Key{{Uint: 4}}, Values: []uint64{60, 0}, Bins: [][]uint64{{0, 60}, {0, 0}}},
	}, Other: Group{Values: []uint64{6, 6}, Bins: [][]uint64{{6, 0}, {6, 0}}}, Others: 1}, nil))
	want := `time,in_if,bytes,flows
2026-11-26T10:00:00Z,3,1,1
2026-11-26T10:01:00Z,3,2,0
2026-11-26T10:00:00Z,4,0,0
2026-11-26T10:01:00Z,4,1,0
`
	if csv != want {
		t.Errorf("CSV is\n%s, want\n%s", csv, want)
	}
	if first, _, _ := strings.Cut(lines, "\n"); first != `{"time":"2026-11-26T10:00:00Z","in_if":3,"bytes":1,"flows":1}` || strings.Count(lines, "\n") != 4 {
		t.Errorf("lines are %s", lines)
	}
}
