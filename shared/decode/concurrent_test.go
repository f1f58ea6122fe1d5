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
