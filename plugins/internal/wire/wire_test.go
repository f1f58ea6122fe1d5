package wire

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/shared/flow"
)

// random makes n rows with values in about half of the columns of each.
func random(n int, seed uint64) *flow.Batch {
	rnd := rand.New(rand.NewPCG(seed, 7))
	b := &flow.Batch{}
	texts := []string{"https", "dns", "\xff\x00not text", "a longer name of an application"}
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		*f = flow.Flow{}
		for x := range flow.Field(flow.NumFields) {
			// Column 0 in every row, column 1 in none, the others here and there.
			if x == 1 || x > 1 && rnd.IntN(2) == 0 {
				continue
			}
			f.Set.Add(x)
			switch flow.Fields[x].Kind {
			case flow.KindAddr:
				a := flow.AddrFrom4([4]byte{10, byte(rnd.Uint32()), 0, byte(rnd.Uint32())})
				if x%2 == 0 && rnd.IntN(8) == 0 {
					a = flow.Addr{0x20, 1, 15: byte(rnd.Uint32())}
				}
				*f.Addr(x) = a
			case flow.KindStr:
				f.SetUint(x, uint64(b.Strings.Intern([]byte(texts[rnd.IntN(len(texts))]))))
			default:
				f.SetUint(x, rnd.Uint64())
			}
		}
	}
	return b
}

// same compares rows column by column, texts by their content.
func same(t *testing.T, got, want *flow.Batch, fields []flow.Field) {
	t.Helper()
	if len(got.Flows) != len(want.Flows) {
		t.Fatalf("%d rows, want %d", len(got.Flows), len(want.Flows))
	}
	asked := flow.SetOf(fields...)
	for i := range want.Flows {
		g, w := &got.Flows[i], &want.Flows[i]
		if set := (flow.Set{w.Set[0] & asked[0], w.Set[1] & asked[1]}); g.Set != set {
			t.Fatalf("row %d: columns %x, want %x", i, g.Set, set)
		}
		for x := range flow.Field(flow.NumFields) {
			name := flow.Fields[x].Name
			switch {
			case !asked.Has(x):
				if a := g.Addr(x); g.Uint(x) != 0 || a != nil && *a != (flow.Addr{}) {
					t.Fatalf("row %d: %s crossed, though nobody asked for it", i, name)
				}
			case g.Addr(x) != nil:
				if *g.Addr(x) != *w.Addr(x) {
					t.Fatalf("row %d: %s is %v, want %v", i, name, g.Addr(x), w.Addr(x))
				}
			case flow.Fields[x].Kind == flow.KindStr:
				a, b := got.Strings.Get(flow.Str(g.Uint(x))), want.Strings.Get(flow.Str(w.Uint(x)))
				if string(a) != string(b) {
					t.Fatalf("row %d: %s is %q, want %q", i, name, a, b)
				}
			case g.Uint(x) != w.Uint(x):
				t.Fatalf("row %d: %s is %d, want %d", i, name, g.Uint(x), w.Uint(x))
			}
		}
	}
}

func all() (f []flow.Field) {
	for x := range flow.Field(flow.NumFields) {
		f = append(f, x)
	}
	return f
}

// cross sends want over the wire and back, through the bytes of the message.
func cross(t *testing.T, e *Encoder, m *detectpb.Batch, d *Decoder, got, want *flow.Batch) {
	t.Helper()
	e.Encode(m, want, want.Flows)
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back detectpb.Batch
	if err := proto.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(got, &back); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	for name, fields := range map[string][]flow.Field{
		"all":  all(),
		"few":  {flow.FieldDstAddr, flow.FieldSrcAddr, flow.FieldEnd, flow.FieldUser, flow.FieldTTL, flow.FieldStart},
		"none": {},
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEncoder(fields)
			d, err := NewDecoder(e.Open())
			if err != nil {
				t.Fatal(err)
			}
			var m detectpb.Batch // one for all: what is left of the batch before must not show
			var got flow.Batch
			for i, n := range []int{1000, 1, 0, 63, 64, 65, MaxRows, 9} {
				want := random(n, uint64(i))
				cross(t, e, &m, d, &got, want)
				same(t, &got, want, fields)
			}
		})
	}
}

// An address "::" that a row has differs from one that it doesn't have.
func TestZeroAddress(t *testing.T) {
	fields := []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr}
	want := &flow.Batch{}
	for i := range want.Grow(3) {
		want.Flows[i] = flow.Flow{}
	}
	want.Flows[0].SrcAddr = flow.AddrFrom4([4]byte{0, 0, 0, 0})
	want.Flows[0].Set.Add(flow.FieldSrcAddr)
	want.Flows[1].Set.Add(flow.FieldDstAddr) // "::"
	want.Flows[2].Set.Add(flow.FieldDstAddr)
	want.Flows[2].DstAddr = flow.AddrFrom4([4]byte{192, 0, 2, 1})
	e := NewEncoder(fields)
	d, _ := NewDecoder(e.Open())
	var m detectpb.Batch
	var got flow.Batch
	cross(t, e, &m, d, &got, want)
	same(t, &got, want, fields)
	if m.Columns[0].Encoding != detectpb.Column_IPV4 || m.Columns[1].Encoding != detectpb.Column_PLAIN {
		t.Fatalf("encodings %v and %v", m.Columns[0].Encoding, m.Columns[1].Encoding)
	}
}

// A column has another number, or is not known, on the other side.
func TestOtherVersion(t *testing.T) {
	want := random(100, 1)
	e := NewEncoder([]flow.Field{flow.FieldDstPort, flow.FieldSrcPort})
	o := e.Open()
	o.Columns[0].Name = "Weather"
	d, err := NewDecoder(o)
	if err != nil {
		t.Fatal(err)
	}
	var m detectpb.Batch
	var got flow.Batch
	cross(t, e, &m, d, &got, want)
	same(t, &got, want, []flow.Field{flow.FieldSrcPort})

	o.Columns[1].Width = 4
	if _, err := NewDecoder(o); err == nil {
		t.Error("a port of four octets was taken")
	}
}

// Whatever the message says, the decoder errs and doesn't panic.
func FuzzDecode(f *testing.F) {
	e := NewEncoder(all())
	for _, n := range []int{0, 3, 70} {
		var m detectpb.Batch
		b := random(n, 3)
		e.Encode(&m, b, b.Flows)
		raw, _ := proto.Marshal(&m)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m detectpb.Batch
		if proto.Unmarshal(raw, &m) != nil {
			return
		}
		d, _ := NewDecoder(e.Open())
		var b flow.Batch
		if err := d.Decode(&b, &m); err == nil && len(b.Flows) != int(m.Rows) {
			t.Fatalf("%d rows of %d", len(b.Flows), m.Rows)
		}
	})
}

func TestNoAllocs(t *testing.T) {
	fields := TwentyOne
	e := NewEncoder(fields)
	d, _ := NewDecoder(e.Open())
	b := random(1000, 1)
	var m detectpb.Batch
	var got flow.Batch
	run := func() {
		e.Encode(&m, b, b.Flows)
		if err := d.Decode(&got, &m); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// TwentyOne are the columns of a usual record.
var TwentyOne = []flow.Field{
	flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldTOS,
	flow.FieldTCPFlags, flow.FieldInIf, flow.FieldOutIf, flow.FieldBytes, flow.FieldPackets, flow.FieldStart,
	flow.FieldEnd, flow.FieldSrcAS, flow.FieldDstAS, flow.FieldSrcMask, flow.FieldDstMask, flow.FieldNextHop,
	flow.FieldDirection, flow.FieldSamplerID, flow.FieldExporter,
}

// usual makes n rows that all have the TwentyOne columns.
func usual(n int) *flow.Batch {
	rnd := rand.New(rand.NewPCG(1, 7))
	b := &flow.Batch{}
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		*f = flow.Flow{Set: flow.SetOf(TwentyOne...)}
		for _, x := range TwentyOne {
			if a := f.Addr(x); a != nil {
				*a = flow.AddrFrom4([4]byte{10, byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())})
			} else {
				f.SetUint(x, rnd.Uint64())
			}
		}
	}
	return b
}

func BenchmarkEncode(b *testing.B) {
	rows := usual(1000)
	e := NewEncoder(TwentyOne)
	var m detectpb.Batch
	for b.Loop() {
		e.Encode(&m, rows, rows.Flows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}

func BenchmarkDecode(b *testing.B) {
	rows := usual(1000)
	e := NewEncoder(TwentyOne)
	d, _ := NewDecoder(e.Open())
	var m detectpb.Batch
	var got flow.Batch
	e.Encode(&m, rows, rows.Flows)
	for b.Loop() {
		if err := d.Decode(&got, &m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
