package store

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// text writes a flow in a form that tells all of it.
func text(b *flow.Batch, f *flow.Flow) string {
	var out bytes.Buffer
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		switch a := f.Addr(x); {
		case a != nil:
			fmt.Fprintf(&out, "%s=%s ", flow.Fields[x].Name, a)
		case flow.Fields[x].Kind == flow.KindStr:
			fmt.Fprintf(&out, "%s=%q ", flow.Fields[x].Name, b.Strings.Get(flow.Str(f.Uint(x))))
		default:
			fmt.Fprintf(&out, "%s=%d ", flow.Fields[x].Name, f.Uint(x))
		}
	}
	fmt.Fprintf(&out, "marks=%d", f.Marks)
	for e, v := range b.Extra(f) {
		fmt.Fprintf(&out, " %v=%x", e, v)
	}
	return out.String()
}

func blockTexts(blocks []*engine.Block) (out []string) {
	b := &flow.Batch{}
	for _, k := range blocks {
		for i := range k.Rows() {
			b.Reset()
			k.AppendFlow(b, i)
			out = append(out, text(b, &b.Flows[0]))
		}
	}
	return out
}

// All that a block holds is in the file, as parquet-go reads it.
func TestSegmentKeepsAll(t *testing.T) {
	dir := t.TempDir()
	w := newSegmentWriter("test", true)
	r := rand.New(rand.NewPCG(1, 2))
	for i, rows := range []int{1, 7, 8, 100, 3, 5000, 70_000} {
		if testing.Short() && rows > 100 {
			continue
		}
		var batches []*flow.Batch
		for n := 0; n < rows; n += 700 {
			batches = append(batches, randomBatch(r, min(700, rows-n)))
		}
		blocks := blocksOf(batches...)
		s, err := w.write(dir, segmentName(uint64(i), epoch/1e6), blocks)
		if err != nil {
			t.Fatal(err)
		}
		want := blockTexts(blocks)
		if s.Rows != rows || len(want) != rows {
			t.Fatalf("%d rows, want %d", s.Rows, rows)
		}
		at := 0
		var columns flow.Set
		err = readFile(filepath.Join(dir, s.File), func(b *flow.Batch) error {
			for j := range b.Flows {
				columns = columns.Union(b.Flows[j].Set)
				if got := text(b, &b.Flows[j]); at >= rows || got != want[at] {
					return fmt.Errorf("row %d is\n%s, want\n%s", at, got, want[at])
				}
				at++
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%d rows: %v", rows, err)
		}
		if at != rows || columns != s.Columns {
			t.Errorf("%d rows of %d, columns %v of %v", at, rows, columns, s.Columns)
		}
	}
}

// What a Segment says of its rows is so.
func TestSegmentIsDescribed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		blocks := blocksOf(randomBatch(r, 1+r.IntN(300)))
		s := describe(blocks)
		var columns flow.Set
		whole := flow.Set{^uint64(0), ^uint64(0)}
		var bytes, packets, rate uint64
		least := uint64(0)
		for _, b := range blocks {
			for i := range b.Rows() {
				columns = columns.Union(b.Set(i))
				whole[0] &= b.Set(i)[0]
				whole[1] &= b.Set(i)[1]
				bytes, packets, rate = max(bytes, b.Uint(flow.FieldBytes, i)), max(packets, b.Uint(flow.FieldPackets, i)), max(rate, b.Uint(flow.FieldSamplingRate, i))
				if n := b.Uint(flow.FieldSamplingRate, i); n > 1 && (least == 0 || n < least) {
					least = n
				}
				start, end := b.Span(i)
				got := int64(b.Uint(flow.FieldReceived, i))
				for _, x := range []struct {
					r  Range
					ns int64
				}{{s.Start, start}, {s.End, end}, {s.Received, got}} {
					if x.ns < x.r[0]*1e6 || x.ns > x.r[1]*1e6 {
						t.Fatalf("%d is not in %v", x.ns, x.r)
					}
				}
			}
		}
		if s.Columns != columns || s.Whole != whole || s.MaxBytes != bytes || s.MaxPackets != packets || uint64(s.MaxRate) != rate || uint64(s.MinRate) != least {
			t.Fatalf("described as %+v", s)
		}
	}
}

// The files are for any reader: types, statistics and filters are as Parquet has
// them.
func TestSegmentIsParquet(t *testing.T) {
	dir := t.TempDir()
	blocks := trafficBlocks(20_000)
	s, err := newSegmentWriter("test", false).write(dir, "a.parquet", blocks)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(dir, "a.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() != s.Octets || st.Mode().Perm() != 0o600 {
		t.Errorf("%d octets, %v, want %d", st.Size(), st.Mode(), s.Octets)
	}
	f, err := os.Open(filepath.Join(dir, "a.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.RowGroups()); n != 1 || p.NumRows() != 20_000 {
		t.Fatalf("%d row groups, %d rows", n, p.NumRows())
	}
	schema := p.Schema()
	for name, want := range map[string]string{"src_addr_hi": "INT(64,false)", "src_port": "INT(16,false)", "proto": "INT(8,false)", "start": "INT64", "in_if": "INT(32,false)"} {
		l, ok := schema.Lookup(name)
		if !ok || l.Node.Type().String() != want || !l.Node.Required() {
			t.Errorf("%s is %v", name, l.Node)
		}
	}
	if _, ok := schema.Lookup("src_mac"); ok {
		t.Error("a column that no flow has is there")
	}
	l, _ := schema.Lookup("src_addr_lo")
	filter := p.RowGroups()[0].ColumnChunks()[l.ColumnIndex].BloomFilter()
	if filter == nil {
		t.Fatal("no filter for src_addr_lo")
	}
	known := map[uint64]bool{}
	for _, b := range blocks {
		for _, x := range appendColumn(nil, b.Column(flow.FieldSrcAddr), partLow) {
			known[x] = true
			if ok, err := filter.Check(parquet.Int64Value(int64(x))); !ok || err != nil {
				t.Fatalf("%x is not in the filter: %v", x, err)
			}
		}
	}
	wrong := 0
	for x := range uint64(10_000) {
		if ok, _ := filter.Check(parquet.Int64Value(int64(x << 20))); ok && !known[x<<20] {
			wrong++
		}
	}
	if wrong > 300 {
		t.Errorf("%d of 10,000 absent values pass the filter", wrong)
	}
}

// A bug in the writer is an error.
func TestSegmentPanics(t *testing.T) {
	dir := t.TempDir()
	w := newSegmentWriter("test", false)
	if _, err := w.write(dir, "a.parquet", []*engine.Block{nil}); err == nil {
		t.Error("a block that is none is written")
	}
	if _, err := w.write(dir, "b.parquet", trafficBlocks(100)); err != nil {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("files %v", names)
	}
}

func BenchmarkSegment(b *testing.B) {
	const rows = 250_000
	blocks := trafficBlocks(rows)
	w := newSegmentWriter("test", false)
	var s Segment
	for b.Loop() {
		s = describe(blocks)
		out := &summed{w: io.Discard}
		if err := w.encode(out, blocks, &s); err != nil {
			b.Fatal(err)
		}
		s.Octets = out.n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	b.ReportMetric(float64(s.Octets)/rows, "octets/row")
}
