package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A texts numbers texts over all blocks, from 1 on; "" is 0. What is not UTF-8 in
// them becomes U+FFFD.
type texts struct {
	all []string
	ids map[string]uint32

	block *Block
	known []uint32 // of each text of block: its number + 1
}

// id returns the number of text s of b.
func (t *texts) id(b *Block, s uint32) uint64 {
	if s == 0 {
		return 0
	}
	if t.block != b {
		t.block = b
		if cap(t.known) < b.Texts()+1 {
			t.known = make([]uint32, b.Texts()+1)
		}
		t.known = t.known[:b.Texts()+1]
		clear(t.known)
	}
	if id := t.known[s]; id != 0 {
		return uint64(id - 1)
	}
	v := bytes.ToValidUTF8(b.Text(uint64(s)), []byte("\uFFFD"))
	id, ok := t.ids[string(v)]
	if !ok {
		if t.ids == nil {
			t.ids = map[string]uint32{}
		}
		t.all = append(t.all, string(v))
		id = uint32(len(t.all))
		t.ids[string(v)] = id
	}
	t.known[s] = id + 1
	return uint64(id)
}

func (t *texts) text(id uint64) string {
	if id == 0 {
		return ""
	}
	return t.all[id-1]
}

// A part is a column that keys are made of: some words of a key.
type part struct {
	dim   query.Dim
	word  int // the first word
	words int
	mask4 uint64    // of the last word of an IPv4 address
	mask6 [2]uint64 // of an IPv6 address
}

// Keys make words of what rows have in common. The first word tells which parts
// are there, a bit for each; then come the parts: a number or a text is a word, an
// address two, a pair four. What is missing is zero.
type keys struct {
	parts  []part
	width  int
	either uint64 // the bits of parts of which either side has one
	pair   bool
	texts  texts

	words [2][]uint64 // scratch: the keys of rows, by side
	side  []uint8     // scratch: of each row of a pair
	has   []bool      // scratch: of each set of columns of a block
}

// What a row is for its key.
const (
	isOut = 1 << iota // the source side
	isIn              // the destination side
)

func newKeys(by []query.Dim) *keys {
	s := &keys{width: 1}
	for n, d := range by {
		p := part{dim: d, word: s.width, words: 1, mask4: math.MaxUint64, mask6: [2]uint64{math.MaxUint64, math.MaxUint64}}
		if d.Of.Kind == query.Address {
			p.words = 2
		}
		if d.Pair {
			p.words = 4
			s.pair = true
		}
		if d.Either() {
			s.either |= 1 << n
		}
		if d.Bits > 0 {
			p.mask4 <<= 32 - d.Bits
		}
		if n := d.Bit6; n > 0 && n <= 64 {
			p.mask6 = [2]uint64{math.MaxUint64 << (64 - n), 0}
		} else if n > 64 {
			p.mask6[1] <<= 128 - n
		}
		s.width += p.words
		s.parts = append(s.parts, p)
	}
	return s
}

// load sets words of a side to the keys of rows.
func (s *keys) load(b *Block, rows []uint16, side int) []uint64 {
	n := len(rows) * s.width
	if cap(s.words[side]) < n {
		s.words[side] = make([]uint64, n)
	}
	w := s.words[side][:n]
	s.words[side] = w
	for k := 0; k < n; k += s.width {
		w[k] = 0
	}
	for n := range s.parts {
		p := &s.parts[n]
		if p.dim.Pair {
			s.loadPair(b, rows, w, p, n)
			continue
		}
		x := p.dim.Of.Fields[0]
		if side == 1 && len(p.dim.Of.Fields) == 2 {
			x = p.dim.Of.Fields[1]
		}
		s.loadColumn(b, rows, w, x, p, p.word, n)
	}
	return w
}

// loadColumn puts column x of rows into the words from at on, and bit into the
// first of a key.
func (s *keys) loadColumn(b *Block, rows []uint16, w []uint64, x flow.Field, p *part, at int, bit int) {
	s.mark(b, rows, w, x, bit)
	d, c := w[at:], b.Column(x)
	shift, mask := p.dim.Of.Shift&63, p.dim.Of.Mask
	switch {
	case c.U8 != nil:
		loadNumbers(d, s.width, c.U8, rows, shift, mask)
	case c.U16 != nil:
		loadNumbers(d, s.width, c.U16, rows, shift, mask)
	case c.U32 != nil && flow.Fields[x].Kind == flow.KindStr:
		for k, i := range rows {
			d[k*s.width] = s.texts.id(b, c.U32[i])
		}
	case c.U32 != nil:
		loadNumbers(d, s.width, c.U32, rows, shift, mask)
	case c.U64 != nil:
		loadNumbers(d, s.width, c.U64, rows, shift, mask)
	case c.Addr != nil:
		for k, i := range rows {
			d[k*s.width], d[k*s.width+1] = p.address(&c.Addr[i])
		}
	default:
		for k := range rows {
			d[k*s.width] = 0
			if p.words > 1 {
				d[k*s.width+1] = 0
			}
		}
	}
}

func loadNumbers[T uint8 | uint16 | uint32 | uint64](d []uint64, width int, c []T, rows []uint16, shift uint8, mask uint64) {
	for k, i := range rows {
		d[k*width] = uint64(c[i]) >> shift & mask
	}
}

// address returns the words of an address, masked.
func (p *part) address(a *flow.Addr) (hi, lo uint64) {
	hi, lo = binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	if hi == 0 && lo>>32 == 0xffff {
		return hi, lo & p.mask4
	}
	return hi & p.mask6[0], lo & p.mask6[1]
}

// mark sets a bit in the first word of the key of each row that has column x.
func (s *keys) mark(b *Block, rows []uint16, w []uint64, x flow.Field, bit int) {
	if !b.all.Has(x) {
		return
	}
	if b.whole.Has(x) {
		for k := 0; k < len(rows)*s.width; k += s.width {
			w[k] |= 1 << bit
		}
		return
	}
	has := s.having(b, x)
	for k, i := range rows {
		if has[b.set[i]] {
			w[k*s.width] |= 1 << bit
		}
	}
}

// having returns which of b's sets of columns have x. It is valid until the next call.
func (s *keys) having(b *Block, x flow.Field) []bool {
	s.has = s.has[:0]
	for _, set := range b.sets {
		s.has = append(s.has, set.Has(x))
	}
	return s.has
}

func (s *keys) loadPair(b *Block, rows []uint16, w []uint64, p *part, n int) {
	const other = 63 // a bit that no part has
	s.loadColumn(b, rows, w, p.dim.Of.Fields[0], p, p.word, n)
	s.loadColumn(b, rows, w, p.dim.Of.Fields[1], p, p.word+2, other)
	s.side = s.side[:0]
	for k := range rows {
		key := w[k*s.width : (k+1)*s.width]
		pair := key[p.word : p.word+4 : p.word+4]
		side := uint8(isOut)
		switch there := key[0]; {
		case there>>n&1 == 0 || there>>other == 0:
			key[0] &^= 1 << n
			clear(pair)
			side = isOut | isIn
		default:
			switch cmp.Or(cmp.Compare(pair[0], pair[2]), cmp.Compare(pair[1], pair[3])) {
			case 0:
				side = isOut | isIn
			case 1:
				side = isIn
				pair[0], pair[1], pair[2], pair[3] = pair[2], pair[3], pair[0], pair[1]
			}
		}
		key[0] &^= 1 << other
		s.side = append(s.side, side)
	}
}

// compare orders keys, part by part: what is missing comes last.
func (s *keys) compare(a, b []uint64) int {
	for n := range s.parts {
		hasA, hasB := a[0]>>n&1, b[0]>>n&1
		if hasA != hasB {
			return cmp.Compare(hasB, hasA)
		}
		p := &s.parts[n]
		if c := p.compare(s, a[p.word:p.word+p.words], b[p.word:p.word+p.words]); c != 0 {
			return c
		}
	}
	return 0
}

func (p *part) compare(s *keys, a, b []uint64) int {
	switch p.dim.Of.Kind {
	case query.Text:
		return cmp.Compare(s.texts.text(a[0]), s.texts.text(b[0]))
	case query.Time:
		return cmp.Compare(int64(a[0]), int64(b[0]))
	}
	for i := range a {
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return 0
}

// values returns what a key stands for.
func (s *keys) values(key []uint64) (all []query.Key) {
	for n := range s.parts {
		p := &s.parts[n]
		w := key[p.word : p.word+p.words]
		k := query.Key{Missing: key[0]>>n&1 == 0}
		switch {
		case k.Missing:
		case p.dim.Pair:
			k.Addr, k.Peer = addr(w[0], w[1]), addr(w[2], w[3])
		case p.dim.Of.Kind == query.Address:
			k.Addr = addr(w[0], w[1])
		case p.dim.Of.Kind == query.Text:
			k.Text = s.texts.text(w[0])
		default:
			k.Uint = w[0]
		}
		all = append(all, k)
	}
	return all
}

func addr(hi, lo uint64) (a flow.Addr) {
	binary.BigEndian.PutUint64(a[:8], hi)
	binary.BigEndian.PutUint64(a[8:], lo)
	return a
}
