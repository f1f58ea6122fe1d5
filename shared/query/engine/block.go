package engine

import (
	"math"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// blockRows is the number of rows of a full block: few enough that a column of
// it fits the first-level cache, enough that what a block costs beside its
// columns doesn't count.
const blockRows = 4096

// A Block is a run of flows, one slice per column. A column that no row has is
// not there. Blocks that a View or a Builder has handed out are immutable: any
// goroutines may use one at once, and nobody may change what its methods return.
type Block struct {
	rows int
	set  []uint16   // of each row: which of sets
	sets []flow.Set // the distinct sets of columns
	cols [flow.NumFields]*column

	text    []byte   // all strings, one behind the other
	textEnd []uint32 // where string i+1 ends in text; equal texts share a number

	marks    []flow.Mark // of each row; nil if none has any
	extra    []byte      // elements without a column, as flow.Batch has them in its arena
	extraEnd []uint32    // of each row: where its extras end; nil if none has any

	all         flow.Set // columns that some row has
	whole       flow.Set // columns that all rows have, and bits of no column
	allHaveEnds bool     // every row has Start and End
	start, end  int64    // the earliest and the latest time of any row
	leastRate   uint32   // the lowest sampling rate of any row, 0 where one has none, and the highest
	mostRate    uint32
	earliest    int64 // the first row's arrival
	received    int64 // the newest row's arrival
}

// A column has room for a value per row, in the one slice that has the column's width.
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

// What a Block and a column take by themselves, in octets, about.
const (
	blockHead  = 1024
	columnHead = 128
)

// size returns the octets that b takes, unused rows included.
func (b *Block) size() int64 {
	n := blockHead + 2*blockRows + int64(cap(b.text)) + 4*int64(cap(b.textEnd)) + 16*int64(cap(b.sets)) +
		int64(cap(b.marks)) + int64(cap(b.extra)) + 4*int64(cap(b.extraEnd))
	for x, ok := b.all.Next(0); ok && int(x) < flow.NumFields; x, ok = b.all.Next(x + 1) {
		n += columnHead + blockRows*int64(width(x))
	}
	return n
}

// put stores column x, which is no text, of the flows from row at on.
func (c *column) put(x flow.Field, at int, fl []flow.Flow) {
	to := at + len(fl)
	switch {
	case c.u8 != nil:
		flow.Copy8(c.u8[at:to], fl, x)
	case c.u16 != nil:
		flow.Copy16(c.u16[at:to], fl, x)
	case c.u32 != nil:
		flow.Copy32(c.u32[at:to], fl, x)
	case c.u64 != nil:
		flow.Copy64(c.u64[at:to], fl, x)
	default:
		flow.CopyAddr(c.addr[at:to], fl, x)
	}
}

// Rows returns the number of flows in b.
func (b *Block) Rows() int { return b.rows }

// Columns returns the columns that some row of b has.
func (b *Block) Columns() flow.Set { return b.all }

// Whole returns the columns that every row of b has.
func (b *Block) Whole() flow.Set { return flow.Set{b.all[0] & b.whole[0], b.all[1] & b.whole[1]} }

// Set returns the columns that row i has.
func (b *Block) Set(i int) flow.Set { return b.sets[b.set[i]] }

// A Column holds a value per row, in the one slice that has the column's width.
// Rows that lack the column hold zero, as [Block.Set] tells. Texts are numbers in
// U32 that [Block.Text] knows.
type Column = query.Vector

// Column returns column x of all rows; no slice if no row has it.
func (b *Block) Column(x flow.Field) (v Column) {
	c := b.cols[x]
	switch {
	case c == nil:
	case c.u8 != nil:
		v.U8 = c.u8[:b.rows]
	case c.u16 != nil:
		v.U16 = c.u16[:b.rows]
	case c.u32 != nil:
		v.U32 = c.u32[:b.rows]
	case c.u64 != nil:
		v.U64 = c.u64[:b.rows]
	default:
		v.Addr = c.addr[:b.rows]
	}
	return v
}

// Have sets to to the rows that have column x, a bit for each.
func (b *Block) Have(x flow.Field, to []uint64) {
	clear(to)
	switch {
	case !b.all.Has(x):
	case b.whole.Has(x):
		for w := range to {
			to[w] = math.MaxUint64
		}
		if n := b.rows % 64; n > 0 && len(to) > 0 {
			to[len(to)-1] = 1<<n - 1
		}
	default:
		var last uint16
		has := uint64(0)
		if b.sets[0].Has(x) {
			has = 1
		}
		for i, s := range b.set[:b.rows] {
			if s != last {
				last, has = s, 0
				if b.sets[s].Has(x) {
					has = 1
				}
			}
			to[i>>6] |= has << (i & 63)
		}
	}
}

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

// Texts returns how many different texts b has: Text knows the numbers 1 to that.
func (b *Block) Texts() int { return len(b.textEnd) }

// Text returns the string of that number; nil for 0.
func (b *Block) Text(s uint64) []byte {
	if s == 0 {
		return nil
	}
	from := uint32(0)
	if s > 1 {
		from = b.textEnd[s-2]
	}
	to := b.textEnd[s-1]
	return b.text[from:to:to]
}

// Marks returns what was done to each row; nil if nothing was to any.
func (b *Block) Marks() []flow.Mark {
	if b.marks == nil {
		return nil
	}
	return b.marks[:b.rows]
}

// HasExtras tells whether some row has elements without a column.
func (b *Block) HasExtras() bool { return b.extraEnd != nil && b.extraEnd[b.rows-1] > 0 }

// Extras returns the elements of row i that have no column, as a flow.Batch has
// them in its arena.
func (b *Block) Extras(i int) []byte {
	if b.extraEnd == nil {
		return nil
	}
	from, to := uint32(0), b.extraEnd[i]
	if i > 0 {
		from = b.extraEnd[i-1]
	}
	return b.extra[from:to:to]
}

// Span returns when row i began and ended. A time that it lacks is the other
// one; with neither, both are its arrival. An end before the start is the start.
func (b *Block) Span(i int) (start, end int64) {
	if b.allHaveEnds {
		start = int64(b.cols[flow.FieldStart].u64[i])
		return start, max(start, int64(b.cols[flow.FieldEnd].u64[i]))
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

// Times returns the earliest start and the latest end that Span has for any row.
func (b *Block) Times() (start, end int64) { return b.start, b.end }

// Arrivals returns when the first and when the last row came; 0 for one whose
// arrival is not known.
func (b *Block) Arrivals() (first, last int64) { return b.earliest, b.received }

// AppendFlow appends row i to dst with its strings and extras. A flow.Name for
// which dst has too many strings is left out.
func (b *Block) AppendFlow(dst *flow.Batch, i int) {
	f := &dst.Grow(1)[0]
	*f = flow.Flow{Set: b.Set(i)}
	for x, ok := f.Set.Next(0); ok && int(x) < flow.NumFields; x, ok = f.Set.Next(x + 1) {
		if a := f.Addr(x); a != nil {
			*a = b.Addr(x, i)
			continue
		}
		v := b.Uint(x, i)
		if flow.Fields[x].Kind == flow.KindStr {
			v = uint64(dst.Strings.Intern(b.Text(v)))
		}
		if f.SetUint(x, v); f.Uint(x) != v {
			f.SetUint(x, 0)
			f.Set.Del(x)
		}
	}
	if b.marks != nil {
		f.Marks = b.marks[i]
	}
	if d := b.Extras(i); len(d) > 0 {
		off, arena := dst.Arena(len(d))
		copy(arena, d)
		f.SetExtra(off, uint32(len(d)))
	}
}
