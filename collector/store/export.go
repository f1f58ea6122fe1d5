package store

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// Formats are what Export writes.
var Formats = []string{"parquet", "jsonl", "csv"}

// An exporter writes flows in a format.
type exporter interface {
	write(b *flow.Batch, f *flow.Flow) error
	close() error
}

// Export writes the flows that were seen in [from, to), Unix nanoseconds, and pass
// the filter (nil: all), in the order of their files. It returns how many they are.
//
// Parquet has all that the store has of them, in the store's schema. JSON lines are
// those of the profile flat, CSV the columns that some segment in the range has.
func (s *Store) Export(ctx context.Context, w io.Writer, format string, from, to int64, filter *query.Filter, p Progress) (n uint64, err error) {
	x := s.Snapshot()
	defer x.Release()
	parts := x.Segments[:0:0]
	tail := describe(x.Tail)
	all := Segment{Columns: tail.Columns, Marks: tail.Marks, Extra: tail.Extra}
	for _, g := range x.Segments {
		if g.Start[0]*1e6 < to && g.End[1]*1e6 >= from {
			parts = append(parts, g)
			all.Columns, all.Marks, all.Extra = all.Columns.Union(g.Columns), all.Marks || g.Marks, all.Extra || g.Extra
		}
	}
	var out exporter
	switch format {
	case "parquet":
		out = newParquetExporter(w, &all, s.writer.version)
	case "jsonl":
		out = &jsonExporter{out: bufio.NewWriterSize(w, 1<<16), e: encode.New(encode.Flat)}
	case "csv":
		out, err = newCSVExporter(w, &all)
	default:
		err = fmt.Errorf("there is no format %q: write one of %q", format, Formats)
	}
	if err != nil {
		return 0, err
	}
	take := func(b *flow.Batch) error {
		for i := range b.Flows {
			f := &b.Flows[i]
			if !seen(f, from, to) || filter != nil && !filter.Match(b, f) {
				continue
			}
			n++
			if err := out.write(b, f); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	total, done := octetsOf(parts), int64(0)
	for _, g := range parts {
		p.tell(done, total)
		done += g.Octets
		if err := readFile(filepath.Join(s.dir, g.File), take); err != nil {
			return n, err
		}
	}
	b := &flow.Batch{}
	for _, k := range x.Tail {
		for i := 0; i < k.Rows(); {
			b.Reset()
			for ; i < k.Rows() && len(b.Flows) < readRows; i++ {
				k.AppendFlow(b, i)
			}
			if err := take(b); err != nil {
				return n, err
			}
		}
	}
	p.tell(done, total)
	return n, out.close()
}

// seen tells whether f was seen in [from, to), as query.Request has it.
func seen(f *flow.Flow, from, to int64) bool {
	start, end := f.Start, f.End
	hasStart, hasEnd := f.Set.Has(flow.FieldStart), f.Set.Has(flow.FieldEnd)
	switch {
	case !hasStart && !hasEnd:
		start, end = f.Received, f.Received
	case !hasStart:
		start = end
	case !hasEnd:
		end = start
	}
	if end <= start {
		return start >= from && start < to
	}
	return start < to && end > from
}

// A parquetExporter writes a row group for each groupRows flows.
type parquetExporter struct {
	w       *segmentWriter
	leaves  []leaf
	builder *engine.Builder
	blocks  []*engine.Block
	rows    int
	one     flow.Batch
}

const groupRows = 250_000

func newParquetExporter(w io.Writer, all *Segment, version string) *parquetExporter {
	x := &parquetExporter{
		w: newSegmentWriter(version, false), builder: engine.NewBuilder(tailOptions),
		leaves: leaves(all.Columns, flow.Set{}, all.Marks, all.Extra),
	}
	x.w.file.begin(w)
	return x
}

func (x *parquetExporter) write(b *flow.Batch, f *flow.Flow) error {
	one := *b
	one.Flows = append(x.one.Flows[:0], *f)
	x.one.Flows = one.Flows
	x.blocks = x.builder.Append(x.blocks, &one)
	if x.rows++; x.rows == groupRows {
		x.group()
	}
	return x.w.file.err
}

func (x *parquetExporter) group() {
	if b := x.builder.Seal(); b != nil {
		x.blocks = append(x.blocks, b)
	}
	x.w.group(x.blocks, x.leaves, x.rows)
	x.blocks, x.rows = nil, 0
}

func (x *parquetExporter) close() error {
	if x.rows > 0 || len(x.w.file.groups) == 0 {
		x.group()
	}
	return x.w.finish()
}

// A jsonExporter writes lines of JSON.
type jsonExporter struct {
	out *bufio.Writer
	e   *encode.Encoder
	buf []byte
}

func (x *jsonExporter) write(b *flow.Batch, f *flow.Flow) error {
	x.buf = append(x.e.AppendJSON(x.buf[:0], b, f), '\n')
	_, err := x.out.Write(x.buf)
	return err
}

func (x *jsonExporter) close() error { return x.out.Flush() }

// A csvExporter writes a line of names, and one for each flow. A column that a flow
// lacks is empty; elements without a column are left out.
type csvExporter struct {
	out     *csv.Writer
	columns []flow.Field
	line    []string
}

func newCSVExporter(w io.Writer, all *Segment) (*csvExporter, error) {
	x := &csvExporter{out: csv.NewWriter(w)}
	for f, ok := all.Columns.Next(0); ok && int(f) < flow.NumFields; f, ok = all.Columns.Next(f + 1) {
		x.columns = append(x.columns, f)
		x.line = append(x.line, flow.Fields[f].Flat)
	}
	return x, x.out.Write(x.line)
}

func (x *csvExporter) write(b *flow.Batch, f *flow.Flow) error {
	x.line = x.line[:0]
	for _, c := range x.columns {
		v := ""
		if f.Set.Has(c) {
			v = valueText(b, f, c)
		}
		x.line = append(x.line, v)
	}
	return x.out.Write(x.line)
}

func (x *csvExporter) close() error {
	x.out.Flush()
	return x.out.Error()
}

// valueText writes column c of f as JSON lines do, but times for people, and texts
// so that they are none of a spreadsheet's formulas.
func valueText(b *flow.Batch, f *flow.Flow, c flow.Field) string {
	v := f.Uint(c)
	switch flow.Fields[c].Kind {
	case flow.KindAddr:
		return f.Addr(c).String()
	case flow.KindTime:
		return time.Unix(0, int64(v)).UTC().Format("2006-01-02T15:04:05.000Z")
	case flow.KindMAC:
		return net.HardwareAddr{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}.String()
	case flow.KindStr:
		return query.NoFormula(string(b.Strings.Get(flow.Str(v))))
	case flow.KindApp:
		return strconv.FormatUint(v>>56, 10) + ":" + strconv.FormatUint(v<<8>>8, 10)
	}
	return strconv.FormatUint(v, 10)
}
