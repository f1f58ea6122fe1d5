package window

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// MinLimit is the smallest limit of a Window, in octets: the open block, with
// every column and its share of strings and extras, always fits.
const MinLimit = 4 << 20

// maxVar bounds the octets of strings and extras in a block.
const maxVar = 512 << 10

// A Window holds the newest flows within a limit of memory. Any number of
// goroutines may use it at once.
type Window struct {
	mu      sync.Mutex
	limit   int64
	size    int64
	sealed  []*Block // oldest first
	open    *Block
	rows    int    // in sealed and open
	dropped uint64 // rows of dropped blocks
	since   int64  // nothing that arrived later has been dropped
	setIDs  map[flow.Set]uint16
	texts   map[string]uint32 // of the open block
	strs    []uint32          // scratch: the open block's number of each string of a batch
}

// New makes an empty Window of limit octets, MinLimit at least, that is
// complete since the given time. The limit is for blocks; an index of the open
// one, of the order of its strings, comes on top.
func New(limit int64, since time.Time) *Window {
	w := &Window{since: since.UnixNano()}
	w.Resize(limit)
	w.start()
	return w
}

// Resize changes the limit. A smaller one drops the oldest flows at once.
func (w *Window) Resize(limit int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = max(limit, MinLimit)
	w.makeRoom(0)
}

// Gap notes that flows may have been missed until t.
func (w *Window) Gap(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = max(w.since, t.UnixNano())
}

// Write appends the flows of b. It implements pipeline.Sink.
func (w *Window) Write(_ context.Context, b *flow.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strs = slices.Grow(w.strs[:0], b.Strings.Len()+1)[:b.Strings.Len()+1]
	clear(w.strs)
	for fl := b.Flows; len(fl) > 0; {
		n := w.fitting(b, fl)
		if n == 0 {
			w.seal()
			clear(w.strs)
			continue
		}
		w.append(b, fl[:n])
		fl = fl[n:]
	}
	return nil
}

// Close implements pipeline.Sink. The Window stays readable.
func (w *Window) Close() error { return nil }

// fitting returns how many of fl fit the open block: all octets of an empty
// block may go to one row.
func (w *Window) fitting(b *flow.Batch, fl []flow.Flow) int {
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
func (w *Window) append(b *flow.Batch, fl []flow.Flow) {
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
			w.makeRoom(columnSize(x))
			o.cols[x] = newColumn(x)
		}
		if flow.Fields[x].Kind == flow.KindStr {
			for i := range fl {
				o.cols[x].u32[at+i] = w.intern(b, flow.Str(fl[i].Uint(x)))
			}
			continue
		}
		o.cols[x].put(x, at, fl)
	}
	w.extras(b, fl)
	o.rows += len(fl)
	w.rows += len(fl)
	for i := at; i < o.rows; i++ {
		start, end := o.Span(i)
		o.start, o.end = min(o.start, start), max(o.end, start, end)
		o.received = max(o.received, int64(o.Uint(flow.FieldReceived, i)))
	}
}

func (w *Window) setID(s flow.Set) uint16 {
	id, ok := w.setIDs[s]
	if !ok {
		id = uint16(len(w.open.sets))
		w.open.sets = appendRoom(w, w.open.sets, s)
		w.setIDs[s] = id
		if !s.Has(flow.FieldStart) || !s.Has(flow.FieldEnd) {
			w.open.allHaveEnds = false
		}
	}
	return id
}

// intern returns the open block's number of a string of b.
func (w *Window) intern(b *flow.Batch, s flow.Str) uint32 {
	if s == 0 {
		return 0
	}
	if id := w.strs[s]; id != 0 {
		return id
	}
	v := b.Strings.Get(s)
	id, ok := w.texts[string(v)]
	if !ok {
		w.open.text = appendRoom(w, w.open.text, v...)
		w.open.textEnd = appendRoom(w, w.open.textEnd, uint32(len(w.open.text)))
		id = uint32(len(w.open.textEnd))
		w.texts[string(v)] = id
	}
	w.strs[s] = id
	return id
}

func (w *Window) extras(b *flow.Batch, fl []flow.Flow) {
	o := w.open
	if o.extraEnd == nil && !slices.ContainsFunc(fl, func(f flow.Flow) bool { return f.HasExtra() }) {
		return
	}
	if o.extraEnd == nil {
		w.makeRoom(4 * blockRows)
		o.extraEnd = make([]uint32, blockRows)
	}
	for i := range fl {
		for e, v := range b.Extra(&fl[i]) {
			var head [flow.ExtraHeader]byte
			flow.PutExtraHeader(head[:], e, uint16(len(v)))
			o.extra = appendRoom(w, o.extra, head[:]...)
			o.extra = appendRoom(w, o.extra, v...)
		}
		o.extraEnd[o.rows+i] = uint32(len(o.extra))
	}
}

// appendRoom is append that makes room in w for what dst grows by.
func appendRoom[T byte | uint32 | flow.Set](w *Window, dst []T, v ...T) []T {
	if n := len(dst) + len(v); n > cap(dst) {
		n = max(n, 2*cap(dst), 16)
		var x T
		w.makeRoom(int64(n-cap(dst)) * sizeOf(x))
		dst = append(make([]T, 0, n), dst...)
	}
	return append(dst, v...)
}

func sizeOf(x any) int64 {
	switch x.(type) {
	case byte:
		return 1
	case uint32:
		return 4
	}
	return 16
}

// makeRoom counts need octets more, and first drops as many of the oldest
// blocks as the limit asks for.
func (w *Window) makeRoom(need int64) {
	for w.size+need > w.limit && len(w.sealed) > 0 {
		b := w.sealed[0]
		w.sealed = slices.Delete(w.sealed, 0, 1)
		w.size -= b.size()
		w.rows -= b.rows
		w.dropped += uint64(b.rows)
		w.since = max(w.since, b.received)
	}
	w.size += need
}

// seal ends the open block and starts the next.
func (w *Window) seal() {
	w.sealed = append(w.sealed, w.open)
	w.start()
}

func (w *Window) start() {
	w.makeRoom(blockSize)
	w.open = &Block{
		set:         make([]uint16, blockRows),
		start:       math.MaxInt64,
		end:         math.MinInt64,
		allHaveEnds: true,
	}
	w.setIDs = map[flow.Set]uint16{}
	w.texts = map[string]uint32{}
}

// size returns the octets that b was counted with.
func (b *Block) size() int64 {
	n := blockSize + int64(cap(b.text)) + 4*int64(cap(b.textEnd)) + 16*int64(cap(b.sets)) +
		int64(cap(b.extra)) + 4*int64(cap(b.extraEnd))
	for x, c := range b.cols {
		if c != nil {
			n += columnSize(flow.Field(x))
		}
	}
	return n
}
