package engine

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// groups numbers the distinct keys of a query, in the order of their coming. A
// key is some words: one whose bits tell which columns are there, then one for
// each column, two for an address. Strings are numbered over all blocks.
type groups struct {
	n      int
	by     []flow.Field
	width  int      // words of a key
	keys   []uint64 // of group g: width words from g·width on
	tab    []uint32 // open addressing; a group + 1, or 0 for a free place
	seed   uint64
	texts  []string          // of string number i+1
	textID map[string]uint64 // its inverse

	rows []uint64 // scratch: the keys of a block's rows
}

func newGroups(by []flow.Field) *groups {
	g := &groups{by: by, width: 1, tab: make([]uint32, 1024), seed: rand.Uint64() | 1, textID: map[string]uint64{}}
	for _, x := range by {
		g.width++
		if flow.Fields[x].Kind == flow.KindAddr {
			g.width++
		}
	}
	return g
}

// find appends the group of each selected row of b to ids.
func (g *groups) find(b *Block, sel []uint16, ids []uint32) []uint32 {
	if len(g.by) == 0 {
		g.n = 1
		return append(ids, make([]uint32, len(sel))...)
	}
	g.load(b, sel)
	for at := 0; at < len(g.rows); at += g.width {
		ids = append(ids, g.id(g.rows[at:at+g.width]))
	}
	return ids
}

// load sets rows to the keys of the selected rows, column by column.
func (g *groups) load(b *Block, sel []uint16) {
	g.rows = slices.Grow(g.rows[:0], len(sel)*g.width)[:len(sel)*g.width]
	for k, i := range sel {
		s, there := b.Set(int(i)), uint64(0)
		for n, x := range g.by {
			if s.Has(x) {
				there |= 1 << n
			}
		}
		g.rows[k*g.width] = there
	}
	word := 1
	for _, x := range g.by {
		d, c := g.rows[word:], b.cols[x]
		switch kind := flow.Fields[x].Kind; {
		case c == nil:
			for k := range sel {
				d[k*g.width] = 0
				if kind == flow.KindAddr {
					d[k*g.width+1] = 0
				}
			}
		case kind == flow.KindStr:
			ids := make([]uint64, len(b.textEnd)+1)
			for k, i := range sel {
				s := c.u32[i]
				if s != 0 && ids[s] == 0 {
					ids[s] = g.text(b.Text(uint64(s)))
				}
				d[k*g.width] = ids[s]
			}
		case c.addr != nil:
			for k, i := range sel {
				a := &c.addr[i]
				d[k*g.width] = binary.BigEndian.Uint64(a[:8])
				d[k*g.width+1] = binary.BigEndian.Uint64(a[8:])
			}
		case c.u8 != nil:
			for k, i := range sel {
				d[k*g.width] = uint64(c.u8[i])
			}
		case c.u16 != nil:
			for k, i := range sel {
				d[k*g.width] = uint64(c.u16[i])
			}
		case c.u32 != nil:
			for k, i := range sel {
				d[k*g.width] = uint64(c.u32[i])
			}
		default:
			for k, i := range sel {
				d[k*g.width] = c.u64[i]
			}
		}
		word++
		if flow.Fields[x].Kind == flow.KindAddr {
			word++
		}
	}
}

func (g *groups) text(v []byte) uint64 {
	id, ok := g.textID[string(v)]
	if !ok {
		g.texts = append(g.texts, string(v))
		id = uint64(len(g.texts))
		g.textID[string(v)] = id
	}
	return id
}

// hash mixes all bits of key: an IPv4 address has its entropy in the last four
// octets. The seed keeps an exporter from choosing keys that collide.
func (g *groups) hash(key []uint64) uint64 {
	h := g.seed
	for _, w := range key {
		hi, lo := bits.Mul64(w^h, 0x9e3779b97f4a7c15)
		h = hi ^ lo ^ g.seed
	}
	return h ^ h>>32
}

func (g *groups) id(key []uint64) uint32 {
	mask := uint64(len(g.tab) - 1)
	for h := g.hash(key); ; h++ {
		switch x := g.tab[h&mask]; {
		case x == 0:
			g.keys = append(g.keys, key...)
			g.n++
			g.tab[h&mask] = uint32(g.n)
			if g.n*2 > len(g.tab) {
				g.rehash()
			}
			return uint32(g.n - 1)
		case slices.Equal(g.words(x-1), key):
			return x - 1
		}
	}
}

func (g *groups) words(id uint32) []uint64 {
	return g.keys[int(id)*g.width : (int(id)+1)*g.width]
}

func (g *groups) rehash() {
	g.tab = make([]uint32, 4*len(g.tab))
	mask := uint64(len(g.tab) - 1)
	for id := range uint32(g.n) {
		h := g.hash(g.words(id))
		for g.tab[h&mask] != 0 {
			h++
		}
		g.tab[h&mask] = id + 1
	}
}

// less orders two groups by their keys, so that an answer doesn't depend on the
// order in which flows came.
func (g *groups) less(a, b uint32) bool {
	x, y := g.words(a), g.words(b)
	if x[0] != y[0] { // what is there comes first
		return x[0] > y[0]
	}
	word := 1
	for _, f := range g.by {
		switch flow.Fields[f].Kind {
		case flow.KindStr:
			if x[word] != y[word] {
				return x[word] == 0 || y[word] != 0 && g.texts[x[word]-1] < g.texts[y[word]-1]
			}
		case flow.KindAddr:
			if x[word] != y[word] {
				return x[word] < y[word]
			}
			word++
		}
		if x[word] != y[word] {
			return x[word] < y[word]
		}
		word++
	}
	return false
}

// key returns the values of a group's key.
func (g *groups) key(id uint32) []Value {
	if len(g.by) == 0 {
		return nil
	}
	words := g.words(id)
	there := words[0]
	words = words[1:]
	key := make([]Value, len(g.by))
	for n, x := range g.by {
		v := Value{Field: x, Set: there>>n&1 != 0}
		switch flow.Fields[x].Kind {
		case flow.KindAddr:
			binary.BigEndian.PutUint64(v.Addr[:8], words[0])
			binary.BigEndian.PutUint64(v.Addr[8:], words[1])
			words = words[1:]
		case flow.KindStr:
			if words[0] != 0 {
				v.Str = g.texts[words[0]-1]
			}
		default:
			v.Uint = words[0]
		}
		words = words[1:]
		key[n] = v
	}
	return key
}

// A Value is a column's value of some flow: in Uint, Addr or Str, by its kind.
type Value struct {
	Field flow.Field
	Set   bool // whether the flow has the column
	Uint  uint64
	Addr  flow.Addr
	Str   string // as the exporter sent it
}

// Value returns column x of row i.
func (b *Block) Value(x flow.Field, i int) Value {
	v := Value{Field: x, Set: b.Set(i).Has(x), Addr: b.Addr(x, i)}
	if n := b.Uint(x, i); flow.Fields[x].Kind == flow.KindStr {
		v.Str = string(b.Text(n))
	} else {
		v.Uint = n
	}
	return v
}

// Missing is the text of a column that a flow doesn't have.
const Missing = "(none)"

// String returns the value as weir writes it everywhere: addresses in RFC 5952
// form, times in RFC 3339, applications as engine:selector.
func (v Value) String() string {
	if !v.Set {
		return Missing
	}
	switch flow.Fields[v.Field].Kind {
	case flow.KindAddr:
		return v.Addr.String()
	case flow.KindStr:
		return strings.ToValidUTF8(v.Str, "\uFFFD")
	case flow.KindTime:
		layout := "2006-01-02T15:04:05.000Z"
		switch {
		case v.Uint%1e3 != 0:
			layout = "2006-01-02T15:04:05.000000000Z"
		case v.Uint%1e6 != 0:
			layout = "2006-01-02T15:04:05.000000Z"
		}
		return time.Unix(0, int64(v.Uint)).UTC().Format(layout)
	case flow.KindMAC:
		return mac(flow.MAC(v.Uint))
	case flow.KindApp:
		return strconv.FormatUint(v.Uint>>56, 10) + ":" + strconv.FormatUint(v.Uint&(1<<56-1), 10)
	}
	return strconv.FormatUint(v.Uint, 10)
}

func mac(m flow.MAC) string {
	const hex = "0123456789abcdef"
	var t []byte
	for shift := 44; shift >= 0; shift -= 4 {
		t = append(t, hex[m>>shift&15])
		if shift%8 == 0 && shift > 0 {
			t = append(t, ':')
		}
	}
	return string(t)
}
