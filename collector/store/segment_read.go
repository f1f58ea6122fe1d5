package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/weirflow/weir/shared/flow"
)

// readRows is how many flows of a file are read at once: so few that the names of
// all columns fit a batch.
const readRows = 2048

// errNewer is what a file of a later weir's schema gives.
var errNewer = errors.New("the file is of a newer weir, which knows more than this one")

// readFile calls yield with the flows of a segment's file, in their order. The
// batch is valid until yield returns. Columns that this weir doesn't know are
// passed over.
func readFile(name string, yield func(*flow.Batch) error) error {
	return readColumns(name, func(*parquet.File, *leaf) bool { return true }, yield)
}

// readColumns does it for the columns that want chooses. Flows lack the others.
func readColumns(name string, want func(*parquet.File, *leaf) bool, yield func(*flow.Batch) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if err := readFlows(f, st.Size(), want, yield); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func readFlows(r io.ReaderAt, size int64, want func(*parquet.File, *leaf) bool, yield func(*flow.Batch) error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("not a Parquet file: %v", x) // the reader trusts what a file says of itself
		}
	}()
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	version, ok := f.Lookup(metaSchema)
	switch {
	case !ok:
		return fmt.Errorf("the file is none of weir's: it has no %s", metaSchema)
	case !readable(version):
		return fmt.Errorf("schema %.20q: %w", version, errNewer)
	}
	if err := checkCounts(f); err != nil {
		return err
	}
	b := &flow.Batch{}
	for _, g := range f.RowGroups() {
		if err := readGroup(g, b, func(l *leaf) bool { return want(f, l) }, yield); err != nil {
			return err
		}
	}
	return nil
}

// Of files that others wrote: more than either has no file of ours, by far.
const (
	mostGroupRows   = 16 << 20
	mostGroupOctets = 8 << 30 // of a column, unpacked
)

// checkCounts refuses what a file says of itself where to believe it would take any
// amount of memory: so does an unpacker of LZ4, which doubles what it has until the
// octets fit.
func checkCounts(f *parquet.File) error {
	for i := range f.Metadata().RowGroups {
		g := &f.Metadata().RowGroups[i]
		if g.NumRows < 0 || g.NumRows > mostGroupRows {
			return fmt.Errorf("a row group of %d rows: %d are the most", g.NumRows, mostGroupRows)
		}
		for k := range g.Columns {
			m := &g.Columns[k].MetaData
			if _, known := leafOf(strings.Join(m.PathInSchema, ".")); !known {
				continue
			}
			switch m.Codec {
			case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
			default:
				return fmt.Errorf("a column is packed with %s: write it with zstd, gzip or snappy, or as it is", m.Codec)
			}
			if m.NumValues != g.NumRows || m.TotalUncompressedSize < 0 || m.TotalUncompressedSize > mostGroupOctets {
				return fmt.Errorf("column %s of %d values and %d octets in %d rows", m.PathInSchema[0], m.NumValues, m.TotalUncompressedSize, g.NumRows)
			}
		}
	}
	return nil
}

// A stream is a column that is read.
type stream struct {
	leaf
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
}

func readGroup(g parquet.RowGroup, b *flow.Batch, want func(*leaf) bool, yield func(*flow.Batch) error) error {
	var streams []*stream
	defer func() {
		for _, s := range streams {
			parquet.Release(s.page)
			s.pages.Close()
		}
	}()
	chunks := g.ColumnChunks()
	for i, field := range g.Schema().Fields() {
		l, ok := leafOf(field.Name())
		if !ok || !field.Leaf() || !want(&l) {
			continue
		}
		if l.kind() != field.Type().Kind() {
			return fmt.Errorf("column %s is of type %s", l.name, field.Type())
		}
		streams = append(streams, &stream{leaf: l, pages: chunks[i].Pages()})
	}
	if len(streams) == 0 {
		return nil
	}
	values := make([]parquet.Value, readRows)
	for left := g.NumRows(); left > 0; {
		n := int(min(left, readRows))
		left -= int64(n)
		b.Reset()
		clear(b.Grow(n))
		for _, s := range streams {
			if err := s.read(values[:n]); err != nil {
				return fmt.Errorf("column %s: %w", s.name, err)
			}
			s.put(b, values[:n])
		}
		if err := yield(b); err != nil {
			return err
		}
	}
	return nil
}

func (l *leaf) kind() parquet.Kind {
	switch {
	case l.part == partText || l.part == partExtra:
		return parquet.ByteArray
	case l.wide():
		return parquet.Int64
	}
	return parquet.Int32
}

// read fills dst.
func (s *stream) read(dst []parquet.Value) error {
	for len(dst) > 0 {
		if s.values == nil {
			page, err := s.pages.ReadPage()
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			} else if err != nil {
				return err
			}
			parquet.Release(s.page)
			s.page, s.values = page, page.Values()
		}
		n, err := s.values.ReadValues(dst)
		dst = dst[n:]
		if err == io.EOF {
			s.values = nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// put stores the column in the flows of b.
func (s *stream) put(b *flow.Batch, values []parquet.Value) {
	for i, v := range values {
		if v.IsNull() {
			continue
		}
		f := &b.Flows[i]
		switch s.part {
		case partMarks:
			f.Marks = flow.Mark(v.Uint32())
			continue
		case partExtra:
			if d := v.ByteArray(); validExtras(d) {
				off, arena := b.Arena(len(d))
				copy(arena, d)
				f.SetExtra(off, uint32(len(d)))
			}
			continue
		case partTime:
			f.SetUint(s.field, uint64(v.Int64()*1e6))
		case partText:
			f.SetUint(s.field, uint64(b.Strings.Intern(v.ByteArray())))
		case partHigh:
			binary.BigEndian.PutUint64(f.Addr(s.field)[:8], v.Uint64())
		case partLow:
			binary.BigEndian.PutUint64(f.Addr(s.field)[8:], v.Uint64())
		default:
			if s.wide() {
				f.SetUint(s.field, v.Uint64())
			} else {
				f.SetUint(s.field, uint64(v.Uint32()))
			}
		}
		f.Set.Add(s.field)
	}
}

// validExtras tells whether d is elements as a batch has them in its arena.
func validExtras(d []byte) bool {
	for len(d) > 0 {
		if len(d) < flow.ExtraHeader {
			return false
		}
		n := flow.ExtraHeader + int(binary.BigEndian.Uint16(d[8:]))
		if n > len(d) {
			return false
		}
		d = d[n:]
	}
	return true
}
