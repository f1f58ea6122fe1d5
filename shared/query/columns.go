package query

import (
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
)

// A Vector holds a column: a value per record, in the one slice that has the column's width.
// Records that lack the column hold zero. Texts are numbers in U32.
type Vector struct {
	U8   []uint8
	U16  []uint16
	U32  []uint32
	U64  []uint64
	Addr []flow.Addr
}

// Columns are records as columns.
type Columns interface {
	Rows() int                      // at most 65536
	Column(x flow.Field) Vector     // no slice if no record has it
	Have(x flow.Field, to []uint64) // sets to to the records that have x, a bit for each, and no others
	Set(i int) flow.Set             // the columns that record i has
	Texts() int                     // how many different texts there are
	Text(n uint64) []byte           // text of that number, 1 to Texts; of 0 ""
	Extras(i int) []byte            // the elements of record i without a column, as a flow.Batch has them in its arena
}

// A Scan is a filter on its way through records in columns, 64 at a time. One
// goroutine uses it at a time; it keeps memory from one run to the next.
type Scan struct {
	p       *program
	pending [][]uint64 // of each test: the records that have come to it, a bit for each
	hits    []uint64
	known   []uint64
	texts   []uint8    // of each text: whether it was looked at, and hits
	row     flow.Flow  // one record, for what is computed from it
	batch   flow.Batch // its elements without a column
}

// Scan makes a Scan of x.
func (x *Filter) Scan() *Scan {
	return &Scan{p: &x.holds, pending: make([][]uint64, len(x.holds.tests))}
}

// Select leaves of the records in of, a bit for each of c, those for which the
// filter holds; see [Filter.Match].
func (s *Scan) Select(c Columns, of []uint64) {
	n := (c.Rows() + 63) / 64
	if cap(s.hits) < n {
		s.hits, s.known = make([]uint64, n), make([]uint64, n)
		for i := range s.pending {
			s.pending[i] = make([]uint64, n)
		}
	}
	s.hits, s.known = s.hits[:n], s.known[:n]
	for i := range s.pending {
		s.pending[i] = s.pending[i][:n]
		clear(s.pending[i])
	}
	copy(s.pending[s.p.start], of[:n])
	clear(of[:n])
	// What comes later in a record's way stands earlier in the program.
	for at := int(s.p.start); at >= 0; at-- {
		in := s.pending[at]
		if none(in) {
			continue
		}
		t := &s.p.tests[at]
		s.test(t, c, in)
		yes, no := s.target(t.yes, of), s.target(t.no, of)
		not := uint64(0)
		if t.not {
			not = ^not
		}
		for w := range in {
			pass := (s.hits[w] ^ not) & s.known[w]
			if yes != nil {
				yes[w] |= in[w] & pass
			}
			if no != nil {
				no[w] |= in[w] &^ pass
			}
		}
	}
}

// target is where records go: to a test, to what is accepted, or away.
func (s *Scan) target(at int32, accepted []uint64) []uint64 {
	switch {
	case at >= 0:
		return s.pending[at]
	case at == accept:
		return accepted
	}
	return nil
}

func none(set []uint64) bool {
	for _, w := range set {
		if w != 0 {
			return false
		}
	}
	return true
}

// test sets hits and known for the records in in; what they are for others means
// nothing.
func (s *Scan) test(t *test, c Columns, in []uint64) {
	switch t.code {
	case ofAnything:
		fill(s.hits)
		fill(s.known)
		return
	case hasColumn:
		c.Have(t.field, s.hits)
		fill(s.known)
		return
	case hasExtra, ofExtra, ofExtraAddress, ofExtraText:
		s.extras(t, c, in)
		return
	case ofICMP, ofFamily, ofDuration, ofPPS, ofBPS, ofBPP:
		s.derived(t, c, in)
		return
	}
	c.Have(t.field, s.known)
	x := c.Column(t.field)
	switch {
	case t.code == ofText:
		s.strings(t, c, x.U32, in)
	case x.Addr != nil:
		s.addresses(t, x.Addr, in)
	case x.U8 != nil:
		numbers(t, x.U8, in, s.hits)
	case x.U16 != nil:
		numbers(t, x.U16, in, s.hits)
	case x.U32 != nil:
		numbers(t, x.U32, in, s.hits)
	case x.U64 != nil:
		numbers(t, x.U64, in, s.hits)
	}
}

func fill(set []uint64) {
	for w := range set {
		set[w] = ^uint64(0)
	}
}

// dense is how many records of a word are compared one by one; for more, all of
// the word are, without asking which.
const dense = 12

// numbers compares the records in in.
func numbers[T uint8 | uint16 | uint32 | uint64](t *test, column []T, in, hits []uint64) {
	shift, mask, flip, lo, hi := t.shift&63, t.mask, t.flip, t.lo, t.hi
	for w := range in {
		if in[w] == 0 {
			continue
		}
		values := column[w*64 : min(w*64+64, len(column))]
		var hit uint64
		switch {
		case len(t.ranges) > 4 || bits.OnesCount64(in[w]) <= dense:
			for left := in[w]; left != 0; left &= left - 1 {
				i := bits.TrailingZeros64(left)
				v := uint64(values[i])>>shift&mask ^ flip
				if v-lo <= hi && (t.ranges == nil || inSpans(t.ranges, v)) {
					hit |= 1 << i
				}
			}
		case t.ranges == nil:
			hit = between(values, shift, mask, flip, lo, hi)
		default:
			for _, r := range t.ranges {
				hit |= between(values, shift, mask, flip, r.lo, r.hi-r.lo)
			}
		}
		hits[w] = hit
	}
}

// between returns which of values are from lo to lo + more.
func between[T uint8 | uint16 | uint32 | uint64](values []T, shift uint8, mask, flip, lo, more uint64) (hit uint64) {
	for i, v := range values {
		// The borrow says whether it is above.
		_, above := bits.Sub64(more, (uint64(v)>>(shift&63)&mask^flip)-lo, 0)
		hit |= (above ^ 1) << (i & 63)
	}
	return hit
}

func (s *Scan) addresses(t *test, column []flow.Addr, in []uint64) {
	// A network of IPv4, or one of IPv6 within 64 bits, is a range of the second half.
	prefix, lo, more := t.around.lo.hi, t.around.lo.lo, t.around.hi.lo-t.around.lo.lo
	half := t.addresses == nil && prefix == t.around.hi.hi
	for w := range in {
		hit := uint64(0)
		if half {
			for left := in[w]; left != 0; left &= left - 1 {
				i := bits.TrailingZeros64(left)
				a := wordsOf(&column[w*64+i])
				_, above := bits.Sub64(more, a.lo-lo, 0)
				_, other := bits.Sub64(0, a.hi^prefix, 0)
				hit |= ((above | other) ^ 1) << i
			}
			s.hits[w] = hit
			continue
		}
		for left := in[w]; left != 0; left &= left - 1 {
			i := bits.TrailingZeros64(left)
			if t.address(&column[w*64+i]) {
				hit |= 1 << i
			}
		}
		s.hits[w] = hit
	}
}

// strings looks at each text once.
func (s *Scan) strings(t *test, c Columns, column []uint32, in []uint64) {
	if column == nil {
		return
	}
	const looked, hits = 1, 2
	n := c.Texts() + 1
	if cap(s.texts) < n {
		s.texts = make([]uint8, n)
	}
	s.texts = s.texts[:n]
	clear(s.texts)
	for w := range in {
		hit := uint64(0)
		for left := in[w]; left != 0; left &= left - 1 {
			i := bits.TrailingZeros64(left)
			x := &s.texts[column[w*64+i]]
			if *x == 0 {
				*x = looked
				if t.text(c.Text(uint64(column[w*64+i]))) {
					*x |= hits
				}
			}
			if *x&hits != 0 {
				hit |= 1 << i
			}
		}
		s.hits[w] = hit
	}
}

// read are the columns that numbers are computed from.
var read = map[code][]flow.Field{
	ofICMP:     {flow.FieldICMPType, flow.FieldDstPort},
	ofFamily:   {flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldIPVersion},
	ofDuration: {flow.FieldStart, flow.FieldEnd},
	ofPPS:      {flow.FieldStart, flow.FieldEnd, flow.FieldPackets},
	ofBPS:      {flow.FieldStart, flow.FieldEnd, flow.FieldBytes},
	ofBPP:      {flow.FieldBytes, flow.FieldPackets},
}

// derived computes numbers record by record.
func (s *Scan) derived(t *test, c Columns, in []uint64) {
	var columns [3]Vector
	fields := read[t.code]
	for k, x := range fields {
		columns[k] = c.Column(x)
	}
	for w := range in {
		hit, known := uint64(0), uint64(0)
		for left := in[w]; left != 0; left &= left - 1 {
			i := bits.TrailingZeros64(left)
			s.row.Set = c.Set(w*64 + i)
			for k, x := range fields {
				columns[k].get(w*64+i, &s.row, x)
			}
			v, k := t.derive(&s.row)
			v = v>>(t.shift&63)&t.mask ^ t.flip
			if k {
				known |= 1 << i
			}
			if v-t.lo <= t.hi && (t.ranges == nil || inSpans(t.ranges, v)) {
				hit |= 1 << i
			}
		}
		s.hits[w], s.known[w] = hit, known
	}
}

// get puts the value of record i into f as column x.
func (c *Vector) get(i int, f *flow.Flow, x flow.Field) {
	switch {
	case c.Addr != nil:
		*f.Addr(x) = c.Addr[i]
	case c.U8 != nil:
		f.SetUint(x, uint64(c.U8[i]))
	case c.U16 != nil:
		f.SetUint(x, uint64(c.U16[i]))
	case c.U32 != nil:
		f.SetUint(x, uint64(c.U32[i]))
	case c.U64 != nil:
		f.SetUint(x, c.U64[i])
	case f.Addr(x) != nil:
		*f.Addr(x) = flow.Addr{}
	default:
		f.SetUint(x, 0)
	}
}

func (s *Scan) extras(t *test, c Columns, in []uint64) {
	for w := range in {
		hit, known := uint64(0), uint64(0)
		for left := in[w]; left != 0; left &= left - 1 {
			i := bits.TrailingZeros64(left)
			s.batch.Reset()
			d := c.Extras(w*64 + i)
			off, arena := s.batch.Arena(len(d))
			copy(arena, d)
			s.row.SetExtra(off, uint32(len(d)))
			h, k := t.extra(&s.batch, &s.row)
			if h {
				hit |= 1 << i
			}
			if k {
				known |= 1 << i
			}
		}
		s.hits[w], s.known[w] = hit, known
	}
}
