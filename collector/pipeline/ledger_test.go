package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

// numbered makes datagrams of an exporter as v5 does, with their sequence
// numbers, each of n records.
type numbered struct {
	from netip.AddrPort
	next uint32
}

func (x *numbered) datagram(n int) decode.Datagram {
	d := v5(n, int(x.next))
	binary.BigEndian.PutUint32(d[8:], 1_700_000_000)
	binary.BigEndian.PutUint32(d[16:], x.next)
	x.next += uint32(n)
	return decode.Datagram{From: x.from, Time: 1_700_000_000e9, Data: d}
}

// A list is a source of datagrams; then it waits for ctx if stay is set.
type list struct {
	all  []decode.Datagram
	stay bool
}

func (l *list) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	n := copy(dst, l.all)
	l.all = l.all[n:]
	if n == 0 {
		if !l.stay {
			return 0, io.EOF
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return n, nil
}

func (l *list) Close() error { return nil }

func ledgerOf(t *testing.T, p *Pipeline, from netip.AddrPort) Ledger {
	t.Helper()
	for _, l := range p.Ledgers() {
		if l.From == from {
			return l
		}
	}
	t.Fatalf("no account of %v", from)
	return Ledger{}
}

// Both identities of SEMANTICS' ledger, for two exporters through a lossy way, a
// filter and two sinks, one of which fails at times.
func TestLedger(t *testing.T) {
	a, b := &numbered{from: netip.MustParseAddrPort("192.0.2.1:2000"), next: 0xfffffff0}, &numbered{from: netip.MustParseAddrPort("192.0.2.2:3000")}
	var in []decode.Datagram
	const each = 400
	lost, repeated := 0, 0
	for i := range each {
		x := a.datagram(3)
		switch {
		case i > 0 && i < each-1 && i%20 == 7:
			lost++
		case i%50 == 3:
			in = append(in, x, x)
			repeated++
		default:
			in = append(in, x)
		}
		in = append(in, b.datagram(5))
	}
	cfg := Default()
	cfg.Batch, cfg.Overflow = 64, Block
	good, bad := &taker{}, &taker{}
	writes := 0
	bad.write = func(context.Context, *flow.Batch) error {
		if writes++; writes%3 == 0 {
			return errors.New("no")
		}
		return nil
	}
	filter := stage(func(b *flow.Batch) { // takes out what 192.0.2.2 sent first in each part
		if len(b.Flows) > 0 && b.Flows[0].Exporter.String() == "192.0.2.2" {
			b.Flows = b.Flows[1:]
		}
	})
	p := newPipeline(t, cfg, Deps{
		Sources: []Source{&list{all: in}}, Stages: []Stage{filter}, Sink: good,
		Outputs: []Output{{Name: "bad", Sink: bad, Queue: Queue{Size: 4, Overflow: Block}}},
	})
	s := watch(t, t.Context(), p)
	records := map[netip.AddrPort]uint64{a.from: uint64(3 * (each - lost + repeated)), b.from: 5 * each}
	var sums [2]OutputLedger
	for from, n := range records {
		l := ledgerOf(t, p, from)
		if l.Records != n || l.Held != 0 || len(l.Outputs) != 2 {
			t.Errorf("%v: %+v, want %d records", from, l, n)
		}
		for i, o := range l.Outputs {
			if sum := l.Filtered + o.Skipped + o.Queued + o.Written + o.Dropped + o.Failed; sum != n || o.Queued != 0 || o.Skipped != 0 {
				t.Errorf("%v: %d of %d records are accounted for: %+v", from, sum, n, o)
			}
			sums[i].Written += o.Written
			sums[i].Failed += o.Failed
		}
		if l.Sent != l.Received+l.Missing+l.Waiting || l.Waiting != 0 {
			t.Errorf("%v: %+v", from, l.Transit)
		}
	}
	if l := ledgerOf(t, p, a.from); l.Missing != uint64(3*lost) || l.Duplicates != uint64(3*repeated) || l.Sent != 3*each || l.Filtered != 0 {
		t.Errorf("%+v, want %d missing, %d duplicates, %d sent", l.Transit, 3*lost, 3*repeated, 3*each)
	}
	if l := ledgerOf(t, p, b.from); l.Filtered == 0 || l.Filtered != s.Filtered || l.Missing != 0 {
		t.Errorf("%d filtered, %d in all", l.Filtered, s.Filtered)
	}
	if sums[0].Written != uint64(good.flows) || sums[1].Written != uint64(bad.flows) || sums[1].Failed == 0 {
		t.Errorf("%+v; the sinks took %d and %d", sums, good.flows, bad.flows)
	}
}

// A record of both directions counts once, whatever is taken of it.
func TestLedgerOfBiflows(t *testing.T) {
	var x parcel
	x.batch.Flows = []flow.Flow{{}, {Marks: flow.Reverse}, {}, {Marks: flow.Reverse}, {}}
	x.add(&Account{}, 2)
	x.parts[0].flows = 4
	x.add(&Account{}, 1)
	w := newWorker(newPipeline(t, Default(), Deps{Stay: true}), &feed{})
	x.stage(w, stage(func(b *flow.Batch) { b.Flows = b.Flows[1:] }))
	if x.parts[0].filtered != 1 || x.parts[1].filtered != 1 || len(x.batch.Flows) != 3 || x.parts[0].flows != 3 || x.parts[1].flows != 3 {
		t.Errorf("%+v, %d flows", x.parts, len(x.batch.Flows))
	}
	x.stage(w, stage(func(b *flow.Batch) { b.Flows = append(b.Flows, flow.Flow{}) }))
	if len(x.batch.Flows) != 3 {
		t.Errorf("a stage has added flows: %d", len(x.batch.Flows))
	}
}

// Sinks come and go while flows move; what came before or after is told.
func TestOutputsComeAndGo(t *testing.T) {
	cfg := Default()
	cfg.Batch, cfg.Flush = 10, time.Millisecond
	src := &list{stay: true}
	p := newPipeline(t, cfg, Deps{Sources: []Source{src}, Stay: true})
	x := &numbered{from: from}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	feedNow := func(n int) {
		var in []decode.Datagram
		for range n {
			in = append(in, x.datagram(10))
		}
		before := p.Stats().Flows
		more := &list{all: in}
		p.Add(more)
		for p.Stats().Flows != before+uint64(10*n) || p.Stats().Held != 0 {
			time.Sleep(time.Millisecond)
		}
		p.Remove(more)
	}
	feedNow(5)
	first, second := &taker{}, &taker{}
	queue := Queue{Size: 100, Overflow: Block}
	if err := p.AddOutput(Output{Name: "first", Sink: first, Queue: queue}); err != nil {
		t.Fatal(err)
	}
	feedNow(7)
	if err := p.AddOutput(Output{Name: "second", Sink: second, Queue: queue}); err != nil {
		t.Fatal(err)
	}
	feedNow(3)
	if err := p.RemoveOutput("first"); err != nil {
		t.Fatal(err)
	}
	if first.flows != 100 || !first.closed {
		t.Errorf("the first took %d flows, want 100; closed %v", first.flows, first.closed)
	}
	third := &taker{}
	if err := p.AddOutput(Output{Name: "third", Sink: third, Queue: queue}); err != nil { // in the first's place
		t.Fatal(err)
	}
	feedNow(2)
	if err := p.RemoveOutput("first"); err == nil {
		t.Error("an output was removed twice")
	}
	p.Remove(src)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s, l := p.Stats(), ledgerOf(t, p, from)
	if second.flows != 50 || third.flows != 20 || len(s.Outputs) != 2 {
		t.Errorf("took %d and %d, want 50 and 20; %+v", second.flows, third.flows, s.Outputs)
	}
	for i, o := range s.Outputs {
		if sum := o.Skipped + o.Queued + o.Written; sum != s.Flows || s.Flows != 170 {
			t.Errorf("%d of %d flows: %+v", sum, s.Flows, o)
		}
		if lo := l.Outputs[i]; lo.Skipped != o.Skipped || lo.Written != o.Written || lo.Queued != 0 {
			t.Errorf("%+v, in all %+v", lo, o)
		}
	}
}

// A sink that never comes back holds up neither its own removal nor that of a
// source, and what a worker still has for an output that is gone is not entered
// into that of the one in its place.
func TestStuckOutputIsRemoved(t *testing.T) {
	cfg := Default()
	cfg.Batch, cfg.Drain = 10, 20*time.Millisecond
	stuck := func() *taker {
		return &taker{write: func(ctx context.Context, _ *flow.Batch) error { <-ctx.Done(); return ctx.Err() }}
	}
	x := &numbered{from: from}
	var in []decode.Datagram
	for range 10 {
		in = append(in, x.datagram(10))
	}
	src := &list{all: in, stay: true}
	p := newPipeline(t, cfg, Deps{Sources: []Source{src}, Stay: true, Outputs: []Output{
		{Name: "blocks", Sink: stuck(), Queue: Queue{Size: 1, Overflow: Block}},
		{Name: "other", Sink: &taker{}, Queue: Queue{Size: 1, Overflow: DropOldest}},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	for p.Stats().Outputs[0].Queued != 30 { // in the sink, in the queue, and before it
		time.Sleep(time.Millisecond)
	}
	if err := p.RemoveOutput("other"); err != nil {
		t.Fatal(err)
	}
	if err := p.AddOutput(Output{Name: "in its place", Sink: stuck(), Queue: Queue{Size: 100, Overflow: DropOldest}}); err != nil {
		t.Fatal(err)
	}
	within := func(what string, f func()) {
		t.Helper()
		end := make(chan struct{})
		go func() { f(); close(end) }()
		select {
		case <-end:
		case <-time.After(10 * time.Second):
			t.Fatal(what + " waits for ever")
		}
	}
	within("Remove", func() { p.Remove(src) })
	for i, o := range ledgerOf(t, p, from).Outputs {
		if all := p.Stats().Outputs[i]; o.Queued != all.Queued || o.Skipped != all.Skipped || o.Dropped != all.Dropped {
			t.Errorf("the exporter's %+v, of all %+v", o, all)
		}
	}
	checkLedger(t, p.Stats())
	within("RemoveOutput", func() { p.RemoveOutput("blocks") })
	within("RemoveOutput", func() { p.RemoveOutput("in its place") })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// An output that blocks holds up the source, but what was read has gone to the
// others.
func TestBlockedOutputIsLast(t *testing.T) {
	cfg := Default()
	cfg.Batch, cfg.Drain = 10, 10*time.Millisecond
	x := &numbered{from: from}
	var in []decode.Datagram
	for range 5 {
		in = append(in, x.datagram(10))
	}
	stuck := &taker{write: func(ctx context.Context, _ *flow.Batch) error { <-ctx.Done(); return ctx.Err() }}
	p := newPipeline(t, cfg, Deps{Sources: []Source{&list{all: in, stay: true}}, Outputs: []Output{
		{Name: "blocks", Sink: stuck, Queue: Queue{Size: 1, Overflow: Block}},
		{Name: "other", Sink: &taker{}, Queue: Queue{Size: 100, Overflow: DropOldest}},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	for start := time.Now(); p.Stats().Outputs[1].Written < 30; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%+v", p.Stats().Outputs)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkLedger(t, p.Stats())
}

// An overflowing queue goes to disk, and comes back in order.
func TestSpill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	cfg := Default()
	cfg.Batch = 30
	gate := make(chan struct{})
	next := 0
	sink := &taker{write: func(_ context.Context, b *flow.Batch) error {
		<-gate
		for i := range b.Flows {
			if int(b.Flows[i].SrcPort) != next&0xffff {
				t.Errorf("flow %d has port %d: out of order", next, b.Flows[i].SrcPort)
				next = int(b.Flows[i].SrcPort)
			}
			next++
		}
		return nil
	}}
	x := &numbered{from: from}
	var in []decode.Datagram
	for range 400 {
		in = append(in, x.datagram(30))
	}
	src := &pacedList{list: list{all: in}}
	p := newPipeline(t, cfg, Deps{Sources: []Source{src}, Outputs: []Output{{Name: "disk", Sink: sink, Queue: Queue{Size: 4, Overflow: Spill, Dir: dir, Disk: 1 << 30}}}})
	src.p = p
	done := make(chan error)
	go func() { done <- p.Run(t.Context()) }()
	for p.Stats().Outputs[0].Spilled < 9000 {
		checkLedger(t, p.Stats())
		time.Sleep(time.Millisecond)
	}
	if files, _ := os.ReadDir(dir); len(files) == 0 {
		t.Error("nothing is on disk")
	}
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s := p.Stats()
	checkLedger(t, s)
	if o := s.Outputs[0]; sink.flows != 12000 || o.Written != 12000 || o.Dropped != 0 || o.Spilled != 0 {
		t.Errorf("the sink took %d flows, want 12000: %+v", sink.flows, o)
	}
	if l := ledgerOf(t, p, from); l.Outputs[0].Written != 12000 {
		t.Errorf("%+v", l.Outputs[0])
	}
	if _, err := os.ReadDir(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
}

// A pacedList gives a datagram once the disk has what came before.
type pacedList struct {
	list
	p *Pipeline
}

func (l *pacedList) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	for !l.idle() {
		time.Sleep(50 * time.Microsecond)
	}
	return l.list.Read(ctx, dst[:1])
}

func (l *pacedList) idle() bool {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return len((*l.p.outputs.Load())[0].spill.over) == 0
}

// A disk that is full, and an end that comes too soon, drop and count.
func TestSpillIsBounded(t *testing.T) {
	for _, disk := range []int64{1, 20_000, 1 << 30} {
		cfg := Default()
		cfg.Batch, cfg.Drain = 30, 10*time.Millisecond
		x := &numbered{from: from}
		var in []decode.Datagram
		for range 200 {
			in = append(in, x.datagram(30))
		}
		sink := &taker{write: func(ctx context.Context, _ *flow.Batch) error { <-ctx.Done(); return ctx.Err() }}
		dir := filepath.Join(t.TempDir(), "spill")
		p := newPipeline(t, cfg, Deps{Sources: []Source{&list{all: in, stay: true}}, Outputs: []Output{{Name: "disk", Sink: sink, Queue: Queue{Size: 4, Overflow: Spill, Dir: dir, Disk: disk}}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		for p.Stats().Flows < 6000 || p.Stats().Held > 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s := p.Stats()
		checkLedger(t, s)
		if o := s.Outputs[0]; o.Queued != 0 || o.Spilled != 0 || o.Dropped+o.Failed != 6000 {
			t.Errorf("disk of %d octets: %+v", disk, o)
		}
		if l := ledgerOf(t, p, from).Outputs[0]; l.Dropped+l.Failed != 6000 {
			t.Errorf("disk of %d octets: account %+v", disk, l)
		}
		if _, err := os.ReadDir(dir); !os.IsNotExist(err) {
			t.Errorf("disk of %d octets: the directory is left: %v", disk, err)
		}
	}
}

// Under pressure those go first that never delivered; never a named one.
func TestAccountsAreBounded(t *testing.T) {
	cfg := Default()
	cfg.Accounts, cfg.Overflow = 8, Block
	named := netip.MustParseAddr("192.0.2.200")
	var in []decode.Datagram
	steady := &numbered{from: netip.MustParseAddrPort("192.0.2.201:1")}
	for _, later := range []int64{0, int64(Steady)} { // ten minutes of records
		x := steady.datagram(2)
		x.Time += later
		in = append(in, x)
	}
	in = append(in, decode.Datagram{From: netip.AddrPortFrom(named, 1), Data: v5(0, 0)})
	for i := range 2000 { // spoofed: a header, and nothing behind it
		in = append(in, decode.Datagram{From: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7), Data: v5(0, 0)})
	}
	late := &numbered{from: netip.MustParseAddrPort("192.0.2.202:1")}
	in = append(in, late.datagram(3))
	p := newPipeline(t, cfg, Deps{Sources: []Source{&list{all: in}}, Sink: &taker{}, Named: func(a netip.Addr) bool { return a == named }})
	watch(t, t.Context(), p)
	if n := len(p.accounts.all); n > 8 {
		t.Errorf("%d accounts", n)
	}
	ledgerOf(t, p, netip.AddrPortFrom(named, 1))
	if l := ledgerOf(t, p, steady.from); l.Records != 4 {
		t.Errorf("%+v", l)
	}
	if l := ledgerOf(t, p, late.from); l.Records != 3 {
		t.Errorf("%+v", l)
	}
	if !p.Known(steady.from.Addr()) || !p.Known(late.from.Addr()) || p.Known(named) || p.Known(netip.AddrFrom4([4]byte{10, 0, 0, 1})) {
		t.Error("known is who has delivered a record")
	}
}

// Who sends in the name of an exporter that the operator knows, from ever new
// ports, takes nobody's room.
func TestNamedPortsAreBounded(t *testing.T) {
	cfg := Default()
	cfg.Accounts, cfg.Overflow = 8, Block
	named := &numbered{from: netip.MustParseAddrPort("192.0.2.200:1")}
	in := []decode.Datagram{named.datagram(2)}
	for port := range uint16(2000) {
		in = append(in, decode.Datagram{From: netip.AddrPortFrom(named.from.Addr(), 1000+port), Data: v5(0, 0)})
	}
	late := &numbered{from: netip.MustParseAddrPort("192.0.2.202:1")}
	in = append(in, late.datagram(3))
	p := newPipeline(t, cfg, Deps{Sources: []Source{&list{all: in}}, Sink: &taker{}, Named: func(a netip.Addr) bool { return a == named.from.Addr() }})
	watch(t, t.Context(), p)
	if l := ledgerOf(t, p, named.from); l.Records != 2 {
		t.Errorf("%+v", l)
	}
	if l := ledgerOf(t, p, late.from); l.Records != 3 {
		t.Errorf("%+v", l)
	}
}

// What is on its way when its account is evicted counts for the others.
func TestEvictedAccountsAddUp(t *testing.T) {
	const short = 100 // datagrams without a header: they are of no account
	cfg := Default()
	cfg.Accounts, cfg.Batch, cfg.Overflow = 2, 100, Block
	var in []decode.Datagram
	for i := range 500 {
		x := &numbered{from: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7)}
		in = append(in, x.datagram(1+i%3))
		if i%5 == 0 { // 2 are on the way, or lost
			x.datagram(2)
			in = append(in, x.datagram(1), decode.Datagram{From: x.from, Time: in[0].Time, Data: []byte{0, 5, 0}})
		}
	}
	p := newPipeline(t, cfg, Deps{Sources: []Source{&list{all: in}}, Sink: &taker{}})
	s := watch(t, t.Context(), p)
	var records, wrote, datagrams, octets, flows, faults, here, sent, received, missing uint64
	for _, d := range in {
		octets += uint64(len(d.Data))
	}
	for _, l := range p.Ledgers() {
		datagrams += l.Datagrams
		here += l.Octets
		flows += l.Traits.Flows
		for _, n := range l.Faults {
			faults += n
		}
		sent += l.Sent
		received += l.Received
		missing += l.Missing + l.Waiting
		records += l.Records
		wrote += l.Outputs[0].Written
		if l.Outputs[0].Queued != 0 || l.Held != 0 {
			t.Errorf("%+v", l)
		}
	}
	if records != s.Records || wrote != s.Written || s.Written != s.Flows {
		t.Errorf("%d records of %d, %d written of %d", records, s.Records, wrote, s.Written)
	}
	if datagrams+short != s.Datagrams || here+3*short != octets || flows != s.Flows {
		t.Errorf("%d datagrams of %d, %d octets of %d, %d flows of %d", datagrams, s.Datagrams, here, octets, flows, s.Flows)
	}
	if sent != received+missing || received != s.Flows || missing != 2*short {
		t.Errorf("sent %d, received %d, missing %d", sent, received, missing)
	}
	var all uint64
	for _, n := range s.Faults {
		all += n
	}
	if faults+short != all {
		t.Errorf("%d faults of %d", faults, all)
	}
}

type tapFunc func(dg *decode.Datagram, b *flow.Batch, from int)

func (f tapFunc) Datagram(dg *decode.Datagram, b *flow.Batch, from int) { f(dg, b, from) }

func TestTaps(t *testing.T) {
	x := &numbered{from: from}
	datagrams, flows := 0, 0
	tap := tapFunc(func(dg *decode.Datagram, b *flow.Batch, from int) {
		if datagrams++; datagrams == 2 {
			panic("tap is broken")
		}
		flows += len(b.Flows) - from
	})
	p := newPipeline(t, Default(), Deps{Sources: []Source{&list{all: []decode.Datagram{x.datagram(3), x.datagram(4), x.datagram(5)}}}, Sink: &taker{}, Taps: []Tap{tap}})
	if s := watch(t, t.Context(), p); datagrams != 3 || flows != 8 || s.Panics != 1 || s.Written != 12 {
		t.Errorf("%d datagrams, %d flows, %+v", datagrams, flows, s)
	}
}

// A new port or domain of an exporter that has delivered is counted: it may be
// a restart, or somebody else in its name.
func TestChangesOfExporters(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	at := func(port uint16, engine byte) decode.Datagram {
		x := &numbered{from: netip.AddrPortFrom(a, port)}
		d := x.datagram(2)
		d.Data[20] = engine
		return d
	}
	other := &numbered{from: netip.MustParseAddrPort("192.0.2.2:9")}
	in := []decode.Datagram{at(1, 0), at(1, 0), at(2, 0), at(2, 7), at(3, 0), at(1, 0), other.datagram(1)}
	p := newPipeline(t, Default(), Deps{Sources: []Source{&list{all: in}}, Sink: &taker{}})
	s := watch(t, t.Context(), p)
	if s.NewPorts != 2 || s.NewDomains != 1 {
		t.Errorf("%d new ports, %d new domains; want 2, 1", s.NewPorts, s.NewDomains)
	}

	p.Forget(func(x netip.Addr) bool { return x == a })
	all := p.Ledgers()
	if len(all) != 2 || all[0].From != other.from || all[1].Records != 12 || p.Known(a) || !p.Known(other.from.Addr()) {
		t.Errorf("after it was forgotten: %+v", all)
	}
}
