package engine

import (
	"bytes"
	"math"
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// maxVar bounds the octets of strings and extras in a block; a row that has more
// gets a block of its own.
const maxVar = 512 << 10

// Options say what a [Builder] changes in flows. The zero value changes nothing.
type Options struct {
	Milliseconds bool // times are rounded down to whole milliseconds
	UTF8         bool // in texts, each run of octets that is not UTF-8 becomes U+FFFD
}

// A Builder transposes flows into Blocks: the one that it fills is open, and is
// sealed when it is full. One goroutine uses it at a time; what it hands out is
// for any.
type Builder struct {
	options Options
	open    *Block
	setIDs  map[flow.Set]uint16
	texts   map[string]uint32 // of the open block
	strs    []uint32          // scratch: the open block's number of each string of a batch
}

// NewBuilder makes a Builder without flows.
func NewBuilder(o Options) *Builder {
	w := &Builder{options: o}
	w.start()
	return w
}

// Append adds the flows of b, and appends the blocks that were sealed on the way
// to dst. Nothing of b is kept.
func (w *Builder) Append(dst []*Block, b *flow.Batch) []*Block {
	w.strs = slices.Grow(w.strs[:0], b.Strings.Len()+1)[:b.Strings.Len()+1]
	clear(w.strs)
	for fl := b.Flows; len(fl) > 0; {
		n := w.fitting(b, fl)
		if n == 0 {
			dst = append(dst, w.Seal())
			clear(w.strs)
			continue
		}
		w.append(b, fl[:n])
		fl = fl[n:]
	}
	return dst
}

// Seal ends the open block and returns it; nil if it has no rows.
func (w *Builder) Seal() *Block {
	if w.open.rows == 0 {
		return nil
	}
	b := w.open
	w.start()
	return b
}

// Open returns the open block as it is now; nil if it has no rows. What w appends
// later is not in it.
func (w *Builder) Open() *Block {
	if w.open.rows == 0 {
		return nil
	}
	// What the copy can see of the open block is never written again.
	b := *w.open
	return &b
}

// size returns the octets that the open block takes.
func (w *Builder) size() int64 { return w.open.size() }

func (w *Builder) start() {
	w.open = &Block{
		set:       make([]uint16, blockRows),
		whole:     flow.Set{math.MaxUint64, math.MaxUint64},
		start:     math.MaxInt64,
		end:       math.MinInt64,
		earliest:  math.MaxInt64,
		leastRate: math.MaxUint32,
	}
	w.setIDs = map[flow.Set]uint16{}
	w.texts = map[string]uint32{}
}

// fitting returns how many of fl fit the open block: all octets of an empty
// block may go to one row.
func (w *Builder) fitting(b *flow.Batch, fl []flow.Flow) int {
	n := min(len(fl), blockRows-w.open.rows)
	room := maxVar - len(w.open.text) - len(w.open.extra)
	for i := range fl[:n] {
		f := &fl[i]
		room -= len(b.Strings.Get(f.AppName)) + len(b.Strings.Get(f.User))
		if f.HasExtra() {
			for _, v := range b.Extra(f) {
				room -= flow.ExtraHeader + len(v)
			}
		}
		if room < 0 {
			if i == 0 && w.open.rows == 0 {
				return 1
			}
			return i
		}
	}
	return n
}

// append adds fl, which fits, to the open block.
func (w *Builder) append(b *flow.Batch, fl []flow.Flow) {
	o, at := w.open, w.open.rows
	var all flow.Set
	last, id := flow.Set{}, uint16(math.MaxUint16)
	for i := range fl {
		f := &fl[i]
		if f.Set != last || id == math.MaxUint16 {
			last, id = f.Set, w.setID(f.Set)
			all = all.Union(f.Set)
		}
		o.set[at+i] = id
	}
	o.all = o.all.Union(all)
	for x, ok := all.Next(0); ok && int(x) < flow.NumFields; x, ok = all.Next(x + 1) {
		if o.cols[x] == nil {
			o.cols[x] = newColumn(x)
		}
		c := o.cols[x]
		switch kind := flow.Fields[x].Kind; {
		case kind == flow.KindStr:
			for i := range fl {
				c.u32[at+i] = w.intern(b, flow.Str(fl[i].Uint(x)))
			}
		case kind == flow.KindTime && w.options.Milliseconds:
			for i := range fl {
				c.u64[at+i] = uint64(floor(int64(fl[i].Uint(x)), 1e6))
			}
		default:
			c.put(x, at, fl)
		}
	}
	w.marks(fl)
	w.extras(b, fl)
	o.rows += len(fl)
	for i := at; i < o.rows; i++ {
		start, end := o.Span(i)
		o.start, o.end = min(o.start, start), max(o.end, end)
		received := int64(o.Uint(flow.FieldReceived, i))
		o.earliest, o.received = min(o.earliest, received), max(o.received, received)
		rate := fl[i-at].SamplingRate
		o.leastRate, o.mostRate = min(o.leastRate, rate), max(o.mostRate, rate)
	}
}

// floor rounds t down to a multiple of unit, the very lowest up: there is none
// below.
func floor(t, unit int64) int64 {
	m := t % unit
	if t -= m; m < 0 && t >= math.MinInt64+unit {
		t -= unit
	}
	return t
}

func (w *Builder) setID(s flow.Set) uint16 {
	id, ok := w.setIDs[s]
	if !ok {
		id = uint16(len(w.open.sets))
		w.open.sets = append(w.open.sets, s)
		w.setIDs[s] = id
		w.open.whole[0] &= s[0]
		w.open.whole[1] &= s[1]
		w.open.allHaveEnds = w.open.whole.Has(flow.FieldStart) && w.open.whole.Has(flow.FieldEnd)
	}
	return id
}

// intern returns the open block's number of a string of b.
func (w *Builder) intern(b *flow.Batch, s flow.Str) uint32 {
	if s == 0 || int(s) >= len(w.strs) {
		return 0
	}
	if id := w.strs[s]; id != 0 {
		return id
	}
	v := b.Strings.Get(s)
	if w.options.UTF8 {
		v = bytes.ToValidUTF8(v, []byte("\uFFFD")) // v itself if it is
	}
	id, ok := w.texts[string(v)]
	if !ok {
		w.open.text = append(w.open.text, v...)
		w.open.textEnd = append(w.open.textEnd, uint32(len(w.open.text)))
		id = uint32(len(w.open.textEnd))
		w.texts[string(v)] = id
	}
	w.strs[s] = id
	return id
}

func (w *Builder) marks(fl []flow.Flow) {
	o := w.open
	for i := range fl {
		if o.marks == nil && fl[i].Marks != 0 {
			o.marks = make([]flow.Mark, blockRows)
		}
		if o.marks != nil {
			o.marks[o.rows+i] = fl[i].Marks
		}
	}
}

func (w *Builder) extras(b *flow.Batch, fl []flow.Flow) {
	o := w.open
	for i := range fl {
		f := &fl[i]
		if o.extraEnd == nil {
			if !f.HasExtra() {
				continue
			}
			o.extraEnd = make([]uint32, blockRows)
		}
		for c := (flow.Cursor{}); ; {
			e, v, ok := b.NextExtra(f, &c)
			if !ok {
				break
			}
			var head [flow.ExtraHeader]byte
			flow.PutExtraHeader(head[:], e, uint16(len(v)))
			o.extra = append(append(o.extra, head[:]...), v...)
		}
		o.extraEnd[o.rows+i] = uint32(len(o.extra))
	}
}
