package window

import (
	"iter"
	"unsafe"

	"github.com/weirflow/weir/shared/flow"
)

// blockRows is the number of rows of a full block: few enough that a column of
// it fits the first-level cache, enough that what a block costs beside its
// columns doesn't count.
const blockRows = 4096

// A Block is a run of flows, one slice per column. A column that no row has is
// not there. Blocks from a View are immutable.
type Block struct {
	rows int
	set  []uint16   // of each row: which of sets
	sets []flow.Set // the distinct sets of columns
	cols [flow.NumFields]*column

	text    []byte   // all strings, one behind the other
	textEnd []uint32 // where string i+1 ends in text; equal texts share a number

	extra    []byte   // elements without a column, as flow.Batch has them in its arena
	extraEnd []uint32 // of each row: where its extras end; nil if none has any

	all         flow.Set // columns that some row has
	start, end  int64    // the earliest and the latest time of any row
	received    int64    // the newest row's arrival
	allHaveEnds bool     // every row has Start and End
}

// A column holds a value per row, in the one slice that has the column's width.
// Rows that lack it hold zero.
type column struct {
	u8   []uint8
	u16  []uint16
	u32  []uint32
	u64  []uint64
	addr []flow.Addr
}

func newColumn(x flow.Field) *column {
	c := &column{}
	switch width(x) {
	case 1:
		c.u8 = make([]uint8, blockRows)
	case 2:
		c.u16 = make([]uint16, blockRows)
	case 4:
		c.u32 = make([]uint32, blockRows)
	case 8:
		c.u64 = make([]uint64, blockRows)
	default:
		c.addr = make([]flow.Addr, blockRows)
	}
	return c
}

// width returns the octets of a value of column x in a block, which numbers its
// texts by itself.
func width(x flow.Field) uint8 {
	if flow.Fields[x].Kind == flow.KindStr {
		return 4
	}
	return flow.Fields[x].Size
}

// What a block holds before its first column, and what a column takes.
const blockSize = int64(unsafe.Sizeof(Block{})) + 2*blockRows

func columnSize(x flow.Field) int64 {
	return int64(unsafe.Sizeof(column{})) + blockRows*int64(width(x))
}

// put stores column x of the flows from row at on.
func (c *column) put(x flow.Field, at int, fl []flow.Flow) {
	switch {
	case c.u8 != nil:
		for i, d := 0, c.u8[at:at+len(fl)]; i < len(d); i++ {
			d[i] = uint8(fl[i].Uint(x))
		}
	case c.u16 != nil:
		for i, d := 0, c.u16[at:at+len(fl)]; i < len(d); i++ {
			d[i] = uint16(fl[i].Uint(x))
		}
	case c.u32 != nil:
		for i, d := 0, c.u32[at:at+len(fl)]; i < len(d); i++ {
			d[i] = uint32(fl[i].Uint(x))
		}
	case c.u64 != nil:
		for i, d := 0, c.u64[at:at+len(fl)]; i < len(d); i++ {
			d[i] = fl[i].Uint(x)
		}
	default:
		for i, d := 0, c.addr[at:at+len(fl)]; i < len(d); i++ {
			d[i] = *fl[i].Addr(x)
		}
	}
}

// Rows returns the number of flows in b.
func (b *Block) Rows() int { return b.rows }

// Columns returns the columns that some row of b has.
func (b *Block) Columns() flow.Set { return b.all }

// Set returns the columns that row i has.
func (b *Block) Set(i int) flow.Set { return b.sets[b.set[i]] }

// Uint returns column x of row i, which isn't an address; 0 if the row lacks
// it. A string is a number that Text knows.
func (b *Block) Uint(x flow.Field, i int) uint64 {
	c := b.cols[x]
	switch {
	case c == nil || c.addr != nil:
		return 0
	case c.u8 != nil:
		return uint64(c.u8[i])
	case c.u16 != nil:
		return uint64(c.u16[i])
	case c.u32 != nil:
		return uint64(c.u32[i])
	}
	return c.u64[i]
}

// Addr returns the address column x of row i, the zero Addr if the row lacks it.
func (b *Block) Addr(x flow.Field, i int) flow.Addr {
	if c := b.cols[x]; c != nil && c.addr != nil {
		return c.addr[i]
	}
	return flow.Addr{}
}

// Text returns the string of that number; nil for 0. It is not to be changed.
func (b *Block) Text(s uint64) []byte {
	if s == 0 {
		return nil
	}
	from := uint32(0)
	if s > 1 {
		from = b.textEnd[s-2]
	}
	return b.text[from:b.textEnd[s-1]]
}

// Extra ranges over the elements of row i that have no column.
func (b *Block) Extra(i int) iter.Seq2[flow.Element, []byte] {
	return func(yield func(flow.Element, []byte) bool) {
		if b.extraEnd == nil {
			return
		}
		from := uint32(0)
		if i > 0 {
			from = b.extraEnd[i-1]
		}
		for d := b.extra[from:b.extraEnd[i]]; len(d) > 0; {
			e, v := flow.ReadExtraHeader(d)
			if !yield(e, v) {
				return
			}
			d = d[flow.ExtraHeader+len(v):]
		}
	}
}

// Span returns when row i began and ended. A time that it lacks is the other
// one; with neither, both are its arrival.
func (b *Block) Span(i int) (start, end int64) {
	if b.allHaveEnds {
		return int64(b.cols[flow.FieldStart].u64[i]), int64(b.cols[flow.FieldEnd].u64[i])
	}
	s := b.Set(i)
	hasStart, hasEnd := s.Has(flow.FieldStart), s.Has(flow.FieldEnd)
	start, end = int64(b.Uint(flow.FieldStart, i)), int64(b.Uint(flow.FieldEnd, i))
	switch {
	case hasStart && hasEnd:
		return start, max(start, end)
	case hasStart:
		return start, start
	case hasEnd:
		return end, end
	}
	at := int64(b.Uint(flow.FieldReceived, i))
	return at, at
}
