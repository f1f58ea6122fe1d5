package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// A segmentWriter writes segments, one after the other. It keeps scratch space.
type segmentWriter struct {
	version string // weir's
	sync    bool   // the disk has them before they are named
	origin  origin // of the next
	file    *fileWriter
	values  []uint64
	present []uint8
	numbers []uint32
}

// An origin says where a segment's flows come from, for a manifest that is lost.
type origin struct {
	generation uint64   // of the tail; 0: other segments
	replaces   []uint64 // the numbers of those
}

func newSegmentWriter(version string, sync bool) *segmentWriter {
	return &segmentWriter{version: version, sync: sync, file: newFileWriter()}
}

// write writes blocks as the segment of that name below dir. It is whole and
// verified once it has its name; an error leaves nothing.
func (w *segmentWriter) write(dir, file string, blocks []*engine.Block) (_ Segment, err error) {
	defer func() {
		if x := recover(); x != nil { // a bug of ours: it must not end the collector, whenever it starts
			os.Remove(filepath.Join(dir, file+asideSuffix))
			err = fmt.Errorf("write segment %s: panic: %v", file, x)
		}
	}()
	s := describe(blocks)
	s.File = file
	octets, sum, err := writeAside(filepath.Join(dir, file), w.sync, func(out io.Writer) error { return w.encode(out, blocks, &s) })
	if err != nil {
		return Segment{}, fmt.Errorf("write segment %s: %w", file, err)
	}
	s.Octets, s.Sum = octets, sum
	return s, nil
}

// describe says of blocks what a Segment does.
func describe(blocks []*engine.Block) Segment {
	none := Range{math.MaxInt64, math.MinInt64}
	s := Segment{Start: none, End: none, Received: none, Whole: flow.Set{math.MaxUint64, math.MaxUint64}}
	for _, b := range blocks {
		s.Rows += b.Rows()
		s.Columns = s.Columns.Union(b.Columns())
		whole := b.Whole()
		s.Whole[0] &= whole[0]
		s.Whole[1] &= whole[1]
		s.Marks = s.Marks || b.Marks() != nil
		s.Extra = s.Extra || b.HasExtras()
		first, last := b.Arrivals()
		s.Received.add(first, last)
		for i := range b.Rows() {
			start, end := b.Span(i)
			s.Start.add(start, start)
			s.End.add(end, end)
		}
		for _, v := range b.Column(flow.FieldBytes).U64 {
			s.MaxBytes = max(s.MaxBytes, v)
		}
		for _, v := range b.Column(flow.FieldPackets).U64 {
			s.MaxPackets = max(s.MaxPackets, v)
		}
		for _, v := range b.Column(flow.FieldSamplingRate).U32 {
			s.addRates(v, v)
		}
		s.SumBytes += scaledSum(b, flow.FieldBytes)
		s.SumPackets += scaledSum(b, flow.FieldPackets)
	}
	for _, r := range []*Range{&s.Start, &s.End, &s.Received} {
		r[0], r[1] = milliseconds(r[0]), milliseconds(r[1])
	}
	return s
}

// addRates adds sampling rates: the least above 1, if there is one, and the highest.
func (s *Segment) addRates(least, most uint32) {
	if least > 1 && (s.MinRate == 0 || least < s.MinRate) {
		s.MinRate = least
	}
	s.MaxRate = max(s.MaxRate, most)
}

// scaledSum is not less than the sum of a counter times the sampling rate.
func scaledSum(b *engine.Block, x flow.Field) (sum float64) {
	rates := b.Column(flow.FieldSamplingRate).U32
	for i, v := range b.Column(x).U64 {
		if rates != nil && rates[i] > 1 {
			sum += float64(v) * float64(rates[i])
		} else {
			sum += float64(v)
		}
	}
	return sum * (1 + 1e-9) // what was rounded on the way
}

// add widens r to hold what is from first to last.
func (r *Range) add(first, last int64) { r[0], r[1] = min(r[0], first), max(r[1], last) }

// milliseconds rounds nanoseconds down.
func milliseconds(ns int64) int64 {
	ms := ns / 1e6
	if ns%1e6 < 0 {
		ms--
	}
	return ms
}

// encode writes the file.
func (w *segmentWriter) encode(out io.Writer, blocks []*engine.Block, s *Segment) error {
	w.file.begin(out)
	w.group(blocks, leaves(s.Columns, s.Whole, s.Marks, s.Extra), s.Rows)
	return w.finish()
}

// group writes a row group of blocks, which have so many rows.
func (w *segmentWriter) group(blocks []*engine.Block, ls []leaf, rows int) {
	w.file.group(rows)
	for i := range ls {
		switch l := &ls[i]; l.part {
		case partText:
			texts, present := w.texts(blocks, l)
			w.file.texts(l, texts, w.numbers, present)
		case partExtra:
			texts, present := w.extras(blocks)
			w.file.texts(l, texts, w.numbers, present)
		default:
			present := w.column(blocks, l)
			w.file.numbers(l, w.values, present)
		}
	}
	w.file.endGroup()
}

func (w *segmentWriter) finish() error {
	about := []format.KeyValue{
		{Key: metaSchema, Value: strconv.Itoa(SchemaVersion)},
		{Key: metaVersion, Value: w.version},
	}
	if w.origin.generation > 0 {
		about = append(about, format.KeyValue{Key: metaGeneration, Value: strconv.FormatUint(w.origin.generation, 10)})
	}
	if len(w.origin.replaces) > 0 {
		about = append(about, format.KeyValue{Key: metaReplaces, Value: strings.Trim(fmt.Sprint(w.origin.replaces), "[]")})
	}
	return w.file.finish(about, "weir version "+w.version)
}

// column puts the values of l into w.values, and tells which rows have one; nil:
// all.
func (w *segmentWriter) column(blocks []*engine.Block, l *leaf) []uint8 {
	w.values, w.present = w.values[:0], w.present[:0]
	for _, b := range blocks {
		if l.part == partMarks {
			w.values = appendMarks(w.values, b)
			continue
		}
		if !b.Columns().Has(l.field) {
			w.present = append(w.present, make([]uint8, b.Rows())...)
			continue
		}
		at := len(w.values)
		w.values = appendColumn(w.values, b.Column(l.field), l.part)
		if l.whole {
			continue
		}
		if b.Whole().Has(l.field) {
			for range b.Rows() {
				w.present = append(w.present, 1)
			}
			continue
		}
		kept := w.values[at:at]
		for i, v := range w.values[at:] {
			p := uint8(0)
			if b.Set(i).Has(l.field) {
				p = 1
				kept = append(kept, v)
			}
			w.present = append(w.present, p)
		}
		w.values = w.values[:at+len(kept)]
	}
	if l.whole {
		return nil
	}
	return w.present
}

func appendMarks(dst []uint64, b *engine.Block) []uint64 {
	marks := b.Marks()
	if marks == nil {
		return append(dst, make([]uint64, b.Rows())...)
	}
	for _, m := range marks {
		dst = append(dst, uint64(m))
	}
	return dst
}

func appendColumn(dst []uint64, c engine.Column, p part) []uint64 {
	switch {
	case c.U8 != nil:
		for _, v := range c.U8 {
			dst = append(dst, uint64(v))
		}
	case c.U16 != nil:
		for _, v := range c.U16 {
			dst = append(dst, uint64(v))
		}
	case c.U32 != nil:
		for _, v := range c.U32 {
			dst = append(dst, uint64(v))
		}
	case p == partTime:
		for _, v := range c.U64 {
			dst = append(dst, uint64(milliseconds(int64(v))))
		}
	case c.U64 != nil:
		dst = append(dst, c.U64...)
	case p == partHigh:
		for i := range c.Addr {
			dst = append(dst, binary.BigEndian.Uint64(c.Addr[i][:8]))
		}
	default:
		for i := range c.Addr {
			dst = append(dst, binary.BigEndian.Uint64(c.Addr[i][8:]))
		}
	}
	return dst
}

// texts returns the distinct texts of l, and puts the number of each row that has
// one into w.numbers.
func (w *segmentWriter) texts(blocks []*engine.Block, l *leaf) (texts [][]byte, present []uint8) {
	w.numbers, w.present = w.numbers[:0], w.present[:0]
	known := map[string]uint32{}
	var of []uint32 // by the block's number: a number and one; 0: not known yet
	for _, b := range blocks {
		if !b.Columns().Has(l.field) {
			w.present = append(w.present, make([]uint8, b.Rows())...)
			continue
		}
		of = append(of[:0], make([]uint32, b.Texts()+1)...)
		whole := b.Whole().Has(l.field)
		for i, t := range b.Column(l.field).U32 {
			if !whole && !b.Set(i).Has(l.field) {
				w.present = append(w.present, 0)
				continue
			}
			w.present = append(w.present, 1)
			if of[t] == 0 {
				text := b.Text(uint64(t))
				n, ok := known[string(text)]
				if !ok {
					n = uint32(len(texts))
					texts = append(texts, text)
					known[string(text)] = n
				}
				of[t] = n + 1
			}
			w.numbers = append(w.numbers, of[t]-1)
		}
	}
	if l.whole {
		return texts, nil
	}
	return texts, w.present
}

// extras does it for elements without a column, which hardly ever repeat.
func (w *segmentWriter) extras(blocks []*engine.Block) (texts [][]byte, present []uint8) {
	w.numbers, w.present = w.numbers[:0], w.present[:0]
	for _, b := range blocks {
		for i := range b.Rows() {
			d := b.Extras(i)
			if len(d) == 0 {
				w.present = append(w.present, 0)
				continue
			}
			w.present = append(w.present, 1)
			w.numbers = append(w.numbers, uint32(len(texts)))
			texts = append(texts, d)
		}
	}
	return texts, w.present
}
