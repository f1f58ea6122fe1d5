package pipeline

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

func filter(t *testing.T, text string) *query.Filter {
	t.Helper()
	f, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What an output's own filter refuses is neither written nor failed there, to the
// record, for each exporter; other outputs get it.
func TestOutputFilter(t *testing.T) {
	cfg := Default()
	cfg.Batch = 25
	a, b := &numbered{from: netip.MustParseAddrPort("192.0.2.1:2000")}, &numbered{from: netip.MustParseAddrPort("192.0.2.2:3000"), next: 5}
	var in []decode.Datagram
	for range 20 {
		in = append(in, a.datagram(10), b.datagram(7))
	}
	var got []int
	writes := 0
	some := &taker{write: func(_ context.Context, b *flow.Batch) error {
		for i := range b.Flows {
			got = append(got, int(b.Flows[i].SrcPort))
		}
		if writes++; writes == 3 {
			return errors.New("no")
		}
		return nil
	}}
	keeper := &hoarder{}
	all := &taker{}
	queue := Queue{Size: 1000, Overflow: Block}
	low := filter(t, "src port < 50")
	p := newPipeline(t, cfg, Deps{Sources: []Source{&list{all: in}}, Outputs: []Output{
		{Name: "some", Sink: some, Queue: queue, Filter: low}, {Name: "keeper", Sink: keeper, Queue: queue, Filter: low},
		{Name: "none", Sink: &taker{}, Queue: queue, Filter: filter(t, "src port > 50000")}, {Name: "all", Sink: all, Queue: queue},
	}})
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range keeper.receipts {
		r.Written()
	}
	want := slices.Concat(ports(0, 50), ports(5, 50))
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) || keeper.flows != 95 || all.flows != 340 {
		t.Errorf("got %v; the keeper has %d flows, the last %d", got, keeper.flows, all.flows)
	}
	s := p.Stats()
	checkLedger(t, s)
	f := func(i int, filtered, arrived uint64) {
		t.Helper()
		o := s.Outputs[i]
		if o.Queued != 0 || o.Filtered != filtered || o.Written+o.Failed != arrived || (o.Failed > 0) != (i == 0) {
			t.Errorf("%+v", o)
		}
	}
	f(0, 245, 95)
	f(1, 245, 95)
	f(2, 340, 0)
	f(3, 0, 340)
	g := func(from netip.AddrPort, i int, filtered, arrived uint64) {
		t.Helper()
		l := ledgerOf(t, p, from)
		o := l.Outputs[i]
		if o.Queued != 0 || o.Filtered != filtered || o.Written+o.Failed != arrived || l.Records != filtered+arrived {
			t.Errorf("%v: %d records, %+v", from, l.Records, o)
		}
	}
	for i := range 2 {
		g(a.from, i, 150, 50)
		g(b.from, i, 95, 45)
	}
	g(a.from, 2, 200, 0)
	g(b.from, 3, 0, 140)
}

func ports(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// A record of both directions is refused with its first flow, once.
func TestChoiceOfBiflows(t *testing.T) {
	x := &parcel{parts: []part{{flows: 3}, {flows: 6}}, left: 6}
	for i, port := range []uint16{1, 9, 1, 9, 9, 1} {
		f := flow.Flow{SrcPort: port}
		f.Set.Add(flow.FieldSrcPort)
		if i == 1 || i == 4 || i == 5 {
			f.Marks = flow.Reverse
		}
		x.batch.Flows = append(x.batch.Flows, f)
	}
	var c choice
	b := c.of(filter(t, "src port 1"), x)
	if len(b.Flows) != 3 || c.flows != 3 || c.part(0) != 0 || c.part(1) != 1 {
		t.Errorf("%d flows pass, %d don't: %v records", len(b.Flows), c.flows, c.records)
	}
	some := filter(t, "src port 1")
	if n := testing.AllocsPerRun(100, func() { c.forget(); c.of(some, x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c.forget(); c.part(0) != 0 || c.part(1) != 0 || c.flows != 0 {
		t.Error("it refuses something still")
	}
}
