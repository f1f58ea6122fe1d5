package decode

import (
	"sync"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// One exporter over four decoders at once, its templates changing in
// mid-stream: each datagram carries its own template, of one of two layouts, and
// none may be undecodable. Run it with -race.
func TestOneExporterManyDecoders(t *testing.T) {
	store := template.NewStore(template.Limits{})
	layouts := [][]flowtest.Field{flowtest.TwentyIPFIX, flowtest.Named}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			d := New(store)
			m := flowtest.New(uint64(w))
			var b flow.Batch
			for i := range 300 {
				l := layouts[i/10%2]
				id := uint16(256 + 10*w + i/10%2) // a layout keeps its id: data always fits its template
				data := flowtest.Packet(10, uint32(i%3), flowtest.Template(10, id, l), m.Data(id, 5, l),
					flowtest.OptionsTemplate(10, 400, 1, []flowtest.Field{flowtest.F(0, 302, 4), flowtest.F(0, 34, 4)}),
					flowtest.Set(400, join(be(uint64(w), 4), be(uint64(1+i), 4))))
				if err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data}); err != nil {
					t.Errorf("decoder %d: %v", w, err)
					return
				}
			}
			if len(b.Flows) != 1500 || len(b.Options) != 300 {
				t.Errorf("decoder %d: %d flows, %d options", w, len(b.Flows), len(b.Options))
			}
		})
	}
	wg.Wait()
	if n := store.Len(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	r := store.Session(flowtest.From, 10).Rates(0)
	for w := range uint32(4) {
		f := flow.Flow{Set: flow.SetOf(flow.FieldSamplerID), SamplerID: w}
		if n := r.Rate(&f); n != 298 && n != 299 && n != 300 { // domain 0 has every third
			t.Errorf("sampler %d has rate %d", w, n)
		}
	}
}

// The same with ids whose definition changes: IPv4, IPv6, a variable length,
// options. Each datagram holds what its own template says, whatever the other
// decoders read meanwhile; twice in one datagram too.
func TestManyDecodersRedefine(t *testing.T) {
	v4, v6 := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 7, 2)}, []flowtest.Field{flowtest.F(0, 27, 16)}
	name := []flowtest.Field{flowtest.F(0, 96, 0xffff), flowtest.F(0, 11, 2)}
	a6 := []byte{0x20, 1, 0xd, 0xb8, 15: 9}
	store := template.NewStore(template.Limits{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d := New(store)
			var b flow.Batch
			for i := range 500 {
				parts := [][]byte{
					join(flowtest.Template(10, 256, v4), flowtest.Set(256, join([]byte{10, 0, 0, 1}, be(80, 2), []byte{10, 0, 0, 2}, be(81, 2)))),
					join(flowtest.Template(10, 256, v6), flowtest.Set(256, join(a6, a6))),
					join(flowtest.Template(10, 256, name), flowtest.Set(256, join(text("dns"), be(53, 2), text("https"), be(443, 2)))),
				}
				b.Reset()
				n := i % 3
				data := flowtest.Packet(10, 1, parts[n], parts[(n+1)%3], flowtest.OptionsTemplate(10, 257, 1, v4), flowtest.Set(257, make([]byte, 6)))
				if err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data}); err != nil || len(b.Flows) != 4 || len(b.Options) != 1 {
					t.Errorf("%d flows, %d options, %v", len(b.Flows), len(b.Options), err)
					return
				}
				for j := range b.Flows {
					f := &b.Flows[j]
					good := false
					switch (n + j/2) % 3 {
					case 0:
						good = f.SrcAddr == flow.AddrFrom4([4]byte{10, 0, 0, byte(1 + j%2)}) && f.SrcPort == uint16(80+j%2)
					case 1:
						good = f.SrcAddr == flow.Addr(a6) && f.SrcPort == 0
					case 2:
						good = string(b.Strings.Get(f.AppName)) == []string{"dns", "https"}[j%2] && f.DstPort == []uint16{53, 443}[j%2]
					}
					if !good {
						t.Errorf("step %d, flow %d: %+v", i, j, f)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// What one decoder has read, the others know at once, while templates beside it
// come, change and go.
func TestManyDecodersLearn(t *testing.T) {
	store := template.NewStore(template.Limits{})
	dg := func(data []byte) Datagram {
		return Datagram{From: flowtest.From, Over: template.TCP, Time: at, Data: data}
	}
	decoders := [4]*Decoder{New(store), New(store), New(store), New(store)}
	var b flow.Batch
	for i := range 200 {
		fields := [][]flowtest.Field{addrField, portField}[i%2]
		if err := decoders[i%4].Decode(&b, dg(flowtest.Packet(10, 1, flowtest.Template(10, 256, fields)))); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for w, d := range decoders {
			wg.Go(func() {
				var b flow.Batch
				id := uint16(300 + i%5)
				for range 5 {
					d.Decode(&b, dg(flowtest.Packet(10, 1, flowtest.Template(10, id, [][]flowtest.Field{addrField, portField}[w%2]))))
					if err := d.Decode(&b, dg(flowtest.Packet(10, 1, flowtest.Set(256, four)))); err != nil {
						t.Error(err)
					}
					d.Decode(&b, dg(flowtest.Packet(10, 1, flowtest.Set(2, be(uint64(id)<<16, 4)))))
				}
				if n := 5 * (1 + i%2); len(b.Flows) != n {
					t.Errorf("step %d, decoder %d: %d flows, want %d", i, w, len(b.Flows), n)
				}
			})
		}
		wg.Wait()
	}
}
