package query

import (
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// transposed are the flows of a batch as columns, the plain way.
type transposed struct {
	b     *flow.Batch
	texts [][]byte
	extra [][]byte
}

func transpose(b *flow.Batch) *transposed {
	c := &transposed{b: b}
	for n := range b.Strings.Len() {
		c.texts = append(c.texts, b.Strings.Get(flow.Str(n+1)))
	}
	for i := range b.Flows {
		var all []byte
		for e, v := range b.Extra(&b.Flows[i]) {
			var head [flow.ExtraHeader]byte
			flow.PutExtraHeader(head[:], e, uint16(len(v)))
			all = append(append(all, head[:]...), v...)
		}
		c.extra = append(c.extra, all)
	}
	return c
}

func (c *transposed) Rows() int            { return len(c.b.Flows) }
func (c *transposed) Set(i int) flow.Set   { return c.b.Flows[i].Set }
func (c *transposed) Texts() int           { return len(c.texts) }
func (c *transposed) Extras(i int) []byte  { return c.extra[i] }
func (c *transposed) Text(n uint64) []byte { return append([][]byte{nil}, c.texts...)[n] }

func (c *transposed) Have(x flow.Field, to []uint64) {
	clear(to)
	for i := range c.b.Flows {
		if c.b.Flows[i].Set.Has(x) {
			to[i/64] |= 1 << (i % 64)
		}
	}
}

func (c *transposed) Column(x flow.Field) (v Vector) {
	some := false
	for i := range c.b.Flows {
		f := &c.b.Flows[i]
		some = some || f.Set.Has(x)
		switch {
		case f.Addr(x) != nil:
			v.Addr = append(v.Addr, *f.Addr(x))
		case flow.Fields[x].Kind == flow.KindStr || flow.Fields[x].Size == 4:
			v.U32 = append(v.U32, uint32(f.Uint(x)))
		case flow.Fields[x].Size == 1:
			v.U8 = append(v.U8, uint8(f.Uint(x)))
		case flow.Fields[x].Size == 2:
			v.U16 = append(v.U16, uint16(f.Uint(x)))
		default:
			v.U64 = append(v.U64, f.Uint(x))
		}
	}
	if !some {
		return Vector{}
	}
	return v
}

// A filter picks from columns what it picks from records.
func TestScan(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 200
	}
	rnd := rand.New(rand.NewPCG(3, 1))
	var all []*transposed
	for n := range 8 {
		b := randomBatch(rnd, 1+rnd.IntN(150))
		if n == 0 { // columns that nobody has
			for i := range b.Flows {
				f := &b.Flows[i]
				f.Set, f.Proto, f.AppName, f.SrcAddr = flow.SetOf(flow.FieldBytes), 0, 0, flow.Addr{}
			}
		}
		all = append(all, transpose(b))
	}
	picked := 0
	for range rounds {
		x, err := Parse(randomFilter(rnd, 4))
		if err != nil {
			t.Fatal(err)
		}
		s := x.Scan()
		for _, c := range all {
			of := make([]uint64, (c.Rows()+63)/64)
			for i := range c.Rows() {
				if rnd.IntN(8) > 0 {
					of[i/64] |= 1 << (i % 64)
				}
			}
			asked := append([]uint64(nil), of...)
			s.Select(c, of)
			for i := range c.b.Flows {
				was, got := asked[i/64]>>(i%64)&1 != 0, of[i/64]>>(i%64)&1 != 0
				if want := was && x.Match(c.b, &c.b.Flows[i]); got != want {
					t.Fatalf("%s\nflow %d of %d: %v, not %v: %+v", x, i, len(c.b.Flows), got, want, c.b.Flows[i])
				}
				if got {
					picked++
				}
			}
		}
	}
	if picked < rounds {
		t.Errorf("only %d are picked", picked)
	}
}

// A Scan that has its memory needs no more.
func TestScanAllocatesNothing(t *testing.T) {
	c := transpose(randomBatch(rand.New(rand.NewPCG(3, 2)), 200))
	for _, text := range []string{"src net 10.0.0.0/8 and port in [3 5-9] and not bytes > 3", "bps > 3 or icmp-type 3 or ipv4", `app_name = dns or natEvent = 2`} {
		x, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s, of := x.Scan(), make([]uint64, 4)
		var columns Columns = plain{c, map[flow.Field]Vector{}}
		run := func() {
			fill(of)
			of[3] = 1<<8 - 1
			s.Select(columns, of)
		}
		run()
		if n := testing.AllocsPerRun(10, run); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// plain are columns that were made once.
type plain struct {
	*transposed
	made map[flow.Field]Vector
}

func (p plain) Text(n uint64) []byte {
	if n == 0 {
		return nil
	}
	return p.texts[n-1]
}

func (p plain) Column(x flow.Field) Vector {
	v, ok := p.made[x]
	if !ok {
		v = p.transposed.Column(x)
		p.made[x] = v
	}
	return v
}
