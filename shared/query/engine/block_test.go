package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/weirflow/weir/shared/flow"
)

// What counts as a Block's and a column's own size is as much as they have.
func TestHeads(t *testing.T) {
	if n := unsafe.Sizeof(Block{}); n > blockHead {
		t.Errorf("a Block has %d octets, and counts %d", n, blockHead)
	}
	if n := unsafe.Sizeof(column{}); n > columnHead {
		t.Errorf("a column has %d octets, and counts %d", n, columnHead)
	}
}

// blocks returns all that a Builder makes of batches.
func blocks(o Options, batches ...*flow.Batch) (all []*Block) {
	w := NewBuilder(o)
	for _, b := range batches {
		all = w.Append(all, b)
	}
	if b := w.Seal(); b != nil {
		all = append(all, b)
	}
	return all
}

// Columns as slices hold what is asked row by row; a block knows what all its
// rows have, and its times.
func TestColumnSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 1))
	mixed, alike := randomBatch(r, 5000), typicalBatch(r, 100, epoch)
	for _, b := range append(blocks(Options{}, mixed), blocks(Options{}, alike)...) {
		whole, first, last := b.Whole(), int64(math.MaxInt64), int64(math.MinInt64)
		for i := range b.Rows() {
			start, end := b.Span(i)
			first, last = min(first, start), max(last, end)
		}
		if s, e := b.Times(); s != first || e != last {
			t.Errorf("times are %d to %d, not %d to %d", s, e, first, last)
		}
		for x := range flow.Field(flow.NumFields) {
			n, c := 0, b.Column(x)
			for i := range b.Rows() {
				if b.Set(i).Has(x) {
					n++
				}
				switch {
				case c.U8 != nil && uint64(c.U8[i]) == b.Uint(x, i):
				case c.U16 != nil && uint64(c.U16[i]) == b.Uint(x, i):
				case c.U32 != nil && uint64(c.U32[i]) == b.Uint(x, i):
				case c.U64 != nil && c.U64[i] == b.Uint(x, i):
				case c.Addr != nil && c.Addr[i] == b.Addr(x, i):
				case n == 0 && !b.Columns().Has(x):
				default:
					t.Fatalf("column %s, row %d", flow.Fields[x].Name, i)
				}
			}
			if whole.Has(x) != (n == b.Rows()) || b.Columns().Has(x) != (n > 0) {
				t.Errorf("%d of %d rows have %s", n, b.Rows(), flow.Fields[x].Name)
			}
			if l := len(c.U8) + len(c.U16) + len(c.U32) + len(c.U64) + len(c.Addr); n > 0 && l != b.Rows() {
				t.Errorf("%d values of %d", l, b.Rows())
			}
		}
	}
}

// A segment writer reads a block without allocating.
func TestReadingAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 2))
	b := blocks(Options{}, randomBatch(r, 1000))[0]
	sum := 0
	n := testing.AllocsPerRun(10, func() {
		for x := range flow.Field(flow.NumFields) {
			c := b.Column(x)
			sum += len(c.U8) + len(c.Addr)
		}
		for i := range b.Rows() {
			sum += b.Set(i).Len() + len(b.Extras(i)) + int(b.Marks()[i])
		}
		for s := range b.Texts() {
			sum += len(b.Text(uint64(s + 1)))
		}
	})
	if n != 0 || sum == 0 || !b.HasExtras() {
		t.Errorf("%v allocations", n)
	}
}

// What a store keeps: times of whole milliseconds, rounded down, texts of UTF-8.
func TestOptions(t *testing.T) {
	f := func(ns, want int64) {
		t.Helper()
		b := &flow.Batch{Flows: []flow.Flow{{Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived), Start: ns, End: ns, Received: ns}}}
		for _, x := range []flow.Field{flow.FieldStart, flow.FieldEnd, flow.FieldReceived} {
			if got := int64(blocks(Options{Milliseconds: true}, b)[0].Uint(x, 0)); got != want {
				t.Errorf("%s of %d is %d, not %d", flow.Fields[x].Name, ns, got, want)
			}
			if got := int64(blocks(Options{}, b)[0].Uint(x, 0)); got != ns {
				t.Errorf("%s of %d is %d", flow.Fields[x].Name, ns, got)
			}
		}
	}
	f(0, 0)
	f(999_999, 0)
	f(1_000_000, 1_000_000)
	f(-1, -1_000_000)
	f(-1_000_000, -1_000_000)
	f(math.MaxInt64, 9_223_372_036_854_000_000)
	f(math.MinInt64, -9_223_372_036_854_000_000)

	g := func(text, want string) {
		t.Helper()
		b := &flow.Batch{}
		b.Flows = []flow.Flow{{Set: flow.SetOf(flow.FieldUser), User: b.Strings.Intern([]byte(text))}}
		block := blocks(Options{UTF8: true}, b)[0]
		if got := string(block.Text(block.Uint(flow.FieldUser, 0))); got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
		block = blocks(Options{}, b)[0]
		if got := string(block.Text(block.Uint(flow.FieldUser, 0))); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	g("plain", "plain")
	g("gr\u00fcn", "gr\u00fcn")
	g("a\xff\xfeb", "a\uFFFDb")
	g("\xc3", "\uFFFD")
	g("", "")
}

// Open is a copy that stays; Seal starts anew.
func TestSeal(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 3))
	w := NewBuilder(Options{})
	if w.Open() != nil || w.Seal() != nil {
		t.Error("a Builder without rows has a block")
	}
	w.Append(nil, typicalBatch(r, 10, epoch))
	o := w.Open()
	w.Append(nil, typicalBatch(r, 10, epoch+5e9))
	if _, last := o.Arrivals(); o.Rows() != 10 || last != epoch {
		t.Errorf("%d rows until %d", o.Rows(), last)
	}
	s := w.Seal()
	if first, last := s.Arrivals(); s.Rows() != 20 || first != epoch || last != epoch+5e9 || w.Open() != nil {
		t.Errorf("%d rows from %d to %d", s.Rows(), first, last)
	}
	if all := w.Append(nil, typicalBatch(r, 3*blockRows, epoch)); len(all) != 2 || all[0].Rows() != blockRows || w.Seal().Rows() != blockRows {
		t.Errorf("%d blocks", len(all))
	}
}
