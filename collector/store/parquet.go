package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	magic = "PAR1"

	// pageRows is the number of rows of a page: what a reader decodes at once.
	pageRows = 1 << 16

	// bloomBits is what a Bloom filter spends on a value: about one in a hundred
	// segments that lack a value is read in vain.
	bloomBits = 10

	// maxStatistic is the length of the longest text that stands in statistics.
	maxStatistic = 64
)

var compact thrift.CompactProtocol

// A fileWriter writes a Parquet file, column by column: from columns, for what a
// segment consists of, at less than what parquet-go's row writer takes. Errors wait
// for finish. It keeps scratch space.
type fileWriter struct {
	out    io.Writer
	at     int64
	err    error
	rows   int // of the group
	all    int64
	schema []format.SchemaElement
	groups []format.RowGroup
	chunks []format.ColumnChunk // of the group
	blooms [][]byte             // by chunk; nil: none

	zstd    *zstd.Encoder
	dict    dictionary
	indexes []uint32
	raw     []byte
	packed  []byte
}

func newFileWriter() *fileWriter {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // our own options
	}
	return &fileWriter{zstd: z}
}

// begin starts a file.
func (w *fileWriter) begin(out io.Writer) {
	w.out, w.at, w.err, w.all = out, 0, nil, 0
	w.schema, w.groups = append(w.schema[:0], format.SchemaElement{Name: "flow"}), w.groups[:0]
	w.write([]byte(magic))
}

// group starts a row group of so many rows. All of a file have the same columns.
func (w *fileWriter) group(rows int) {
	w.rows, w.all = rows, w.all+int64(rows)
	w.chunks, w.blooms = nil, w.blooms[:0]
}

func (w *fileWriter) write(d []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(d)
		w.at += int64(len(d))
	}
}

// numbers adds the column l. A value is missing where present is 0; a nil present
// means that none is. v has only those that are there.
func (w *fileWriter) numbers(l *leaf, v []uint64, present []uint8) {
	wide := l.wide()
	c := w.column(l, format.Int32)
	if wide {
		c.Type = format.Int64
	}
	encoding := format.RLEDictionary
	if w.indexes = w.indexes[:0]; len(v) == 0 {
		encoding = format.Plain
	} else if l.part == partNumber && l.bits <= 16 || l.part == partMarks {
		w.indexes = w.dict.numberSmall(w.indexes, v)
	} else {
		limit := len(v)/2 + 256
		if l.part == partTime {
			limit = len(v)/16 + 256 // differences are shorter
		}
		var few bool
		if w.indexes, few = w.dict.number(w.indexes, v, limit); !few {
			encoding = format.Plain
			if l.part == partTime {
				encoding = format.DeltaBinaryPacked
			}
		}
	}
	distinct := v
	if encoding == format.RLEDictionary {
		distinct = w.dict.values
	}
	c.Statistics = statistics(l, distinct)
	c.Statistics.NullCount = int64(w.rows - len(v))
	if encoding == format.RLEDictionary {
		w.raw = w.raw[:0]
		for _, x := range w.dict.values {
			w.raw = appendPlain(w.raw, x, wide)
		}
		w.dictionaryPage(c, len(w.dict.values))
		w.indexPages(c, present, len(w.dict.values))
	} else {
		w.pages(c, present, len(v), encoding, func(dst []byte, from, to int) []byte {
			if encoding == format.DeltaBinaryPacked {
				return appendDelta(dst, v[from:to])
			}
			for _, x := range v[from:to] {
				dst = appendPlain(dst, x, wide)
			}
			return dst
		})
	}
	if l.bloomed() && len(v) > 0 {
		w.blooms[len(w.blooms)-1] = bloomOf(distinct)
	}
}

func appendPlain(dst []byte, x uint64, wide bool) []byte {
	if wide {
		return binary.LittleEndian.AppendUint64(dst, x)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(x))
}

func appendDelta(dst []byte, v []uint64) []byte {
	signed := make([]int64, len(v))
	for i, x := range v {
		signed[i] = int64(x)
	}
	d, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, signed)
	if err != nil {
		panic(err) // there is no input that it refuses
	}
	return append(dst, d...)
}

func bloomOf(distinct []uint64) []byte {
	bits := make([]byte, bloom.BlockSize*bloom.NumSplitBlocksOf(int64(len(distinct)), bloomBits))
	f := bloom.MakeSplitBlockFilter(bits)
	for _, x := range distinct {
		f.Insert(xxhash.Sum64Uint64(x))
	}
	return bits
}

// texts adds the column l, whose values are numbers of texts.
func (w *fileWriter) texts(l *leaf, texts [][]byte, v []uint32, present []uint8) {
	c := w.column(l, format.ByteArray)
	w.indexes = append(w.indexes[:0], v...)
	c.Statistics = format.Statistics{NullCount: int64(w.rows - len(v))}
	if l.part == partText && len(texts) > 0 {
		least, most := texts[0], texts[0]
		for _, t := range texts[1:] {
			if string(t) < string(least) {
				least = t
			}
			if string(t) > string(most) {
				most = t
			}
		}
		if len(least) <= maxStatistic && len(most) <= maxStatistic {
			c.Statistics.MinValue, c.Statistics.MaxValue = nonNil(least), nonNil(most)
		}
	}
	if len(v) == 0 || len(texts) > len(v)/2+256 {
		w.pages(c, present, len(v), format.Plain, func(dst []byte, from, to int) []byte {
			for _, x := range v[from:to] {
				dst = appendText(dst, texts[x])
			}
			return dst
		})
		return
	}
	w.raw = w.raw[:0]
	for _, t := range texts {
		w.raw = appendText(w.raw, t)
	}
	w.dictionaryPage(c, len(texts))
	w.indexPages(c, present, len(texts))
}

func nonNil(t []byte) []byte { return append([]byte{}, t...) }

func appendText(dst, t []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(t))), t...)
}

// column begins a column chunk.
func (w *fileWriter) column(l *leaf, t format.Type) *format.ColumnMetaData {
	e := format.SchemaElement{Name: l.name}
	if l.wide() {
		t = format.Int64
	}
	e.Type.V, e.Type.Valid = t, true
	e.RepetitionType.Valid = true
	if !l.whole {
		e.RepetitionType.V = format.Optional
	}
	unsigned := func(bits int, old deprecated.ConvertedType) {
		e.LogicalType.Value = &format.IntType{BitWidth: int8(bits)}
		e.ConvertedType.V, e.ConvertedType.Valid = old, true
	}
	switch {
	case l.part == partText:
		e.LogicalType.Value = &format.StringType{}
		e.ConvertedType.V, e.ConvertedType.Valid = deprecated.UTF8, true
	case l.part == partTime || l.part == partExtra:
	case l.wide():
		unsigned(64, deprecated.Uint64)
	case l.bits == 32:
		unsigned(32, deprecated.Uint32)
	case l.bits == 16:
		unsigned(16, deprecated.Uint16)
	default:
		unsigned(8, deprecated.Uint8)
	}
	if len(w.groups) == 0 {
		w.schema = append(w.schema, e)
	}
	w.chunks = append(w.chunks, format.ColumnChunk{MetaData: format.ColumnMetaData{
		Type: t, PathInSchema: []string{l.name}, Codec: format.Zstd, NumValues: int64(w.rows),
	}})
	w.blooms = append(w.blooms, nil)
	return &w.chunks[len(w.chunks)-1].MetaData
}

// statistics are those of values, of which each stands there once at least.
func statistics(l *leaf, v []uint64) (s format.Statistics) {
	if len(v) == 0 {
		return s
	}
	least, most := v[0], v[0]
	if l.part == partTime {
		for _, x := range v {
			least, most = uint64(min(int64(least), int64(x))), uint64(max(int64(most), int64(x)))
		}
	} else {
		for _, x := range v {
			least, most = min(least, x), max(most, x)
		}
	}
	s.MinValue, s.MaxValue = appendPlain(nil, least, l.wide()), appendPlain(nil, most, l.wide())
	return s
}

// dictionaryPage writes w.raw as the dictionary of n values.
func (w *fileWriter) dictionaryPage(c *format.ColumnMetaData, n int) {
	h := format.PageHeader{Type: format.DictionaryPage}
	h.DictionaryPageHeader.V, h.DictionaryPageHeader.Valid = format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain}, true
	c.DictionaryPageOffset = w.at
	c.Encoding = append(c.Encoding, format.Plain)
	w.page(c, &h)
}

// indexPages writes w.indexes into a dictionary of n values.
func (w *fileWriter) indexPages(c *format.ColumnMetaData, present []uint8, n int) {
	width := max(1, bits.Len(uint(max(n, 1)-1)))
	w.pages(c, present, len(w.indexes), format.RLEDictionary, func(dst []byte, from, to int) []byte {
		return appendHybrid(append(dst, byte(width)), w.indexes[from:to], width)
	})
}

// pages writes data pages of n values, which encode appends.
func (w *fileWriter) pages(c *format.ColumnMetaData, present []uint8, n int, encoding format.Encoding, encode func(dst []byte, from, to int) []byte) {
	c.DataPageOffset = w.at
	c.Encoding = append(c.Encoding, encoding, format.RLE)
	value := 0
	for row := 0; row < w.rows; row += pageRows {
		rows := min(pageRows, w.rows-row)
		to := value + rows
		w.raw = w.raw[:0]
		if present != nil {
			levels := make([]uint32, rows)
			to = value
			for i, p := range present[row : row+rows] {
				levels[i] = uint32(p)
				to += int(p)
			}
			w.raw = appendHybrid(append(w.raw, 0, 0, 0, 0), levels, 1)
			binary.LittleEndian.PutUint32(w.raw, uint32(len(w.raw)-4))
		}
		w.raw = encode(w.raw, value, to)
		value = to
		h := format.PageHeader{Type: format.DataPage}
		h.DataPageHeader.V, h.DataPageHeader.Valid = format.DataPageHeader{
			NumValues: int32(rows), Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
		}, true
		w.page(c, &h)
	}
	if value != n {
		panic(fmt.Sprintf("column %v has %d values for %d rows that have it", c.PathInSchema, n, value))
	}
}

// page writes w.raw behind h.
func (w *fileWriter) page(c *format.ColumnMetaData, h *format.PageHeader) {
	w.packed = w.zstd.EncodeAll(w.raw, w.packed[:0])
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(w.raw)), int32(len(w.packed))
	head := w.thrift(h)
	w.write(head)
	w.write(w.packed)
	c.TotalUncompressedSize += int64(len(head) + len(w.raw))
	c.TotalCompressedSize += int64(len(head) + len(w.packed))
}

func (w *fileWriter) thrift(v any) []byte {
	d, err := thrift.Marshal(&compact, v)
	if err != nil && w.err == nil {
		w.err = err
	}
	return d
}

// endGroup writes what follows a group's columns.
func (w *fileWriter) endGroup() {
	group := format.RowGroup{NumRows: int64(w.rows), Ordinal: int16(len(w.groups)), Columns: w.chunks}
	for i := range w.chunks {
		c := &w.chunks[i].MetaData
		if w.blooms[i] != nil {
			h := format.BloomFilterHeader{NumBytes: int32(len(w.blooms[i]))}
			h.Algorithm.Value, h.Hash.Value, h.Compression.Value = &format.SplitBlockAlgorithm{}, &format.XxHash{}, &format.BloomFilterUncompressed{}
			head := w.thrift(&h)
			c.BloomFilterOffset, c.BloomFilterLength = w.at, int32(len(head)+len(w.blooms[i]))
			w.write(head)
			w.write(w.blooms[i])
		}
		group.TotalByteSize += c.TotalUncompressedSize
		group.TotalCompressedSize += c.TotalCompressedSize
		if i == 0 {
			group.FileOffset = c.DataPageOffset
			if c.DictionaryPageOffset > 0 {
				group.FileOffset = c.DictionaryPageOffset
			}
		}
	}
	w.groups = append(w.groups, group)
}

// finish writes what follows the groups.
func (w *fileWriter) finish(metadata []format.KeyValue, createdBy string) error {
	w.schema[0].NumChildren.V, w.schema[0].NumChildren.Valid = int32(len(w.schema)-1), true
	meta := format.FileMetaData{Version: 2, Schema: w.schema, NumRows: w.all, RowGroups: w.groups, KeyValueMetadata: metadata, CreatedBy: createdBy}
	for range len(w.schema) - 1 {
		meta.ColumnOrders = append(meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	foot := w.thrift(&meta)
	w.write(foot)
	w.write(binary.LittleEndian.AppendUint32(nil, uint32(len(foot))))
	w.write([]byte(magic))
	w.out = nil
	return w.err
}
