package modinput

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
)

// A made is an event that a Stitcher has made, with its texts.
type made struct {
	flow.Flow
	back  *back
	app   string
	net   string // the destination's
	extra string
}

type back struct{ Bytes, Packets uint64 }

// makings collect what a Stitcher makes.
type makings struct {
	events   []made
	options  int
	counters int
	closed   bool
}

func (m *makings) Write(_ context.Context, b *flow.Batch) error {
	for i := range b.Flows {
		f := &b.Flows[i]
		var a answer
		e := made{Flow: *f, app: string(b.Strings.Get(f.AppName)), net: string(b.Strings.Get(flow.Str(f.DstNet)))}
		if has := a.read(b, f); has&(hasBytesIn|hasPacketsIn) != 0 {
			e.back = &back{a.volume[0], a.volume[1]}
		}
		for c := a.behind; ; {
			x, v, ok := b.NextExtra(f, &c)
			if !ok {
				break
			}
			e.extra += fmt.Sprint(x, v)
		}
		m.events = append(m.events, e)
	}
	m.options += len(b.Options)
	m.counters += len(b.Counters)
	return nil
}

func (m *makings) Close() error { m.closed = true; return nil }

// A plainSink writes events as they come.
type plainSink struct {
	enc *Encoder
	out io.Writer
	buf []byte
}

func (p *plainSink) Write(_ context.Context, b *flow.Batch) (err error) {
	p.buf = p.buf[:0]
	for i := range b.Flows {
		p.buf = p.enc.Append(p.buf, b, &b.Flows[i])
	}
	_, err = p.out.Write(p.buf)
	return err
}

func (p *plainSink) Close() error { return nil }

func extraText(b *flow.Batch, f *flow.Flow) (s string) {
	for x, v := range b.Extra(f) {
		s += fmt.Sprint(x, v)
	}
	return s
}

// A clock is set by hand.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Duration { return time.Duration(c.Load()) }

// stitcher makes a Stitcher with a clock of its own.
func stitcher(t testing.TB, cfg StitchConfig, out pipeline.Sink) (*Stitcher, *clock) {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c := new(clock)
	s := NewStitcher(cfg, out)
	s.mu.Lock()
	s.now = c.now
	s.mu.Unlock()
	return s, c
}

// one returns a flow between two ends.
func one(src, dst byte, sport, dport uint16, start, end int64) flow.Flow {
	return flow.Flow{
		Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldExporter,
			flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldPackets, flow.FieldInIf, flow.FieldTCPFlags),
		SrcAddr: flow.AddrFrom4([4]byte{10, 0, 0, src}), DstAddr: flow.AddrFrom4([4]byte{10, 0, 0, dst}), SrcPort: sport, DstPort: dport,
		Proto: 6, Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 1}), Start: start * 1e9, End: end * 1e9, InIf: uint32(src), Bytes: uint64(src), Packets: 1,
	}
}

func TestConversation(t *testing.T) {
	// stitch returns the events of flows that come one after the other.
	stitch := func(flows ...flow.Flow) []made {
		var m makings
		s, _ := stitcher(t, DefaultStitch(), &m)
		for _, f := range flows {
			if err := s.Write(context.Background(), &flow.Batch{Flows: []flow.Flow{f}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil || !m.closed {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Waiting != 0 || 2*st.Pairs+st.Alone != uint64(len(flows)) || st.Pairs+st.Alone != uint64(len(m.events)) {
			t.Errorf("%+v", st)
		}
		return m.events
	}
	both := func(name string, initiator byte, f, g flow.Flow) {
		t.Helper()
		for _, flows := range [][]flow.Flow{{f, g}, {g, f}} {
			e := stitch(flows...)
			if len(e) != 1 || e[0].back == nil {
				t.Errorf("%s: %d events", name, len(e))
				continue
			}
			if e[0].Bytes != uint64(initiator) || e[0].back.Bytes != f.Bytes+g.Bytes-uint64(initiator) || e[0].SrcAddr[15] != initiator {
				t.Errorf("%s: %+v", name, e[0])
			}
			if e[0].Start != min(f.Start, g.Start) || e[0].End != max(f.End, g.End) || e[0].TCPFlags != f.TCPFlags|g.TCPFlags {
				t.Errorf("%s: %+v", name, e[0])
			}
			if e[0].InIf != uint32(initiator) || e[0].OutIf != f.InIf+g.InIf-uint32(initiator) || !e[0].Set.Has(flow.FieldOutIf) {
				t.Errorf("%s: interfaces %d and %d", name, e[0].InIf, e[0].OutIf)
			}
		}
	}
	apart := func(name string, f, g flow.Flow) {
		t.Helper()
		for _, flows := range [][]flow.Flow{{f, g}, {g, f}} {
			if e := stitch(flows...); len(e) != 2 || e[0].back != nil || e[1].back != nil {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	with := func(f flow.Flow, change func(*flow.Flow)) flow.Flow {
		change(&f)
		return f
	}
	f, g := one(1, 2, 50000, 443, 100, 110), one(2, 1, 443, 50000, 101, 112)
	both("earlier start", 1, f, g)
	both("earlier start, lower port", 2, with(f, func(f *flow.Flow) { f.Start += 5e9 }), g)
	g.Start = f.Start
	both("higher port", 1, f, g)
	g.TCPFlags, f.TCPFlags = 0x02, 0x12
	both("SYN", 2, f, g)
	both("fifteen seconds apart", 1, f, with(g, func(g *flow.Flow) { g.Start, g.End = f.End+15e9, f.End+16e9 }))
	apart("more", f, with(g, func(g *flow.Flow) { g.Start, g.End = f.End+15e9+1, f.End+16e9 }))
	apart("other port", f, with(g, func(g *flow.Flow) { g.DstPort++ }))
	apart("other domain", f, with(g, func(g *flow.Flow) { g.Domain++; g.Set.Add(flow.FieldDomain) }))
	apart("other exporter", f, with(g, func(g *flow.Flow) { g.Exporter[15]++ }))
	apart("other rate", f, with(g, func(g *flow.Flow) { g.SamplingRate = 10; g.Set.Add(flow.FieldSamplingRate) }))
	apart("same direction", f, f)
	apart("answer dropped", f, with(g, func(g *flow.Flow) { g.FwdStatus = 130; g.Set.Add(flow.FieldFwdStatus) }))
	forwarded := func(f *flow.Flow) { f.FwdStatus = 64; f.Set.Add(flow.FieldFwdStatus) }
	both("answer forwarded", 2, f, with(g, forwarded))
	apart("multicast", with(f, func(f *flow.Flow) { f.DstAddr[12] = 224 }), with(g, func(g *flow.Flow) { g.SrcAddr[12] = 224 }))
	apart("without protocol", with(f, func(f *flow.Flow) { f.Set.Del(flow.FieldProto) }), with(g, func(g *flow.Flow) { g.Set.Del(flow.FieldProto) }))

	ping := func(f flow.Flow, kind uint16) flow.Flow {
		f.Proto, f.SrcPort, f.DstPort, f.TCPFlags = icmp, 0, kind<<8, 0
		return f
	}
	both("ping", 2, ping(f, 0), ping(g, 8))
	apart("two pings", ping(f, 8), ping(g, 8))
	apart("unreachable", ping(f, 3), ping(g, 3))
}

// What the flow of the initiator lacks, its answer may have: of the ends, with the
// sides exchanged; texts too.
func TestAnswerLends(t *testing.T) {
	var m makings
	s, _ := stitcher(t, DefaultStitch(), &m)
	b := new(flow.Batch)
	set := func(f *flow.Flow, x flow.Field, v uint64) {
		f.SetUint(x, v)
		f.Set.Add(x)
	}
	f, g := one(1, 2, 50000, 443, 100, 110), one(2, 1, 443, 50000, 101, 112)
	set(&f, flow.FieldSrcAS, 64512)
	set(&f, flow.FieldTOS, 8)
	set(&g, flow.FieldSrcAS, 64513)
	set(&g, flow.FieldDstAS, 64999) // f has that
	set(&g, flow.FieldTTL, 60)      // the answer's own
	set(&g, flow.FieldAppName, uint64(b.Strings.Intern([]byte("teams"))))
	set(&g, flow.FieldSrcNet, uint64(b.Strings.Intern([]byte("cloud"))))
	plain, back := one(1, 2, 50001, 443, 100, 110), one(2, 1, 443, 50001, 101, 112)
	b.Flows = append(b.Flows, plain, back, f, g)
	if err := errors.Join(s.Write(t.Context(), b), s.Close()); err != nil {
		t.Fatal(err)
	}
	if len(m.events) != 2 {
		t.Fatalf("%+v", m.events)
	}
	e := m.events[1]
	want := f.Set
	for _, x := range []flow.Field{flow.FieldDstAS, flow.FieldAppName, flow.FieldDstNet, flow.FieldOutIf} {
		want.Add(x)
	}
	if e.Set != want || e.SrcAS != 64512 || e.DstAS != 64513 || e.TOS != 8 || e.app != "teams" || e.net != "cloud" {
		t.Errorf("%+v, want the columns %v", e, want)
	}
	if p := m.events[0]; p.Set.Has(flow.FieldDstAS) || p.app != "" {
		t.Errorf("%+v", p)
	}
}

// Of several that could be the answer, it is the one that has waited longest, but
// rather one that was seen in the same direction.
func TestConversationOfSeveral(t *testing.T) {
	var m makings
	s, _ := stitcher(t, DefaultStitch(), &m)
	var b flow.Batch
	for i, direction := range []uint8{1, 0, 0} {
		f := one(1, 2, 50000, 443, 100, 110)
		f.Bytes, f.Direction = uint64(i), direction
		b.Flows = append(b.Flows, f)
	}
	b.Flows = append(b.Flows, one(2, 1, 443, 50000, 101, 112))
	if err := s.Write(context.Background(), &b); err != nil || len(m.events) != 1 || m.events[0].Bytes != 1 {
		t.Errorf("%v, %+v", err, m.events)
	}
	s.Close()
}

// Each flow is in exactly one event, and volume is what it was, whatever comes.
func TestStitchingLosesNothing(t *testing.T) {
	pushed := uint64(0)
	for seed := range uint64(9) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		cfg := StitchConfig{On: true, Timeout: 15 * time.Second, Flows: []int{1, 3000, 100_000}[seed%3]}
		var m makings
		s, c := stitcher(t, cfg, &m)
		hosts := []int{3, 20, 200}[rnd.IntN(3)]
		type sent struct {
			flow.Flow
			app, extra string
		}
		var all []sent
		for range 60 {
			b := new(flow.Batch)
			for range rnd.IntN(500) {
				at := int64(c.Load()/1e9) + int64(rnd.IntN(40))
				f := one(byte(rnd.IntN(hosts)), byte(rnd.IntN(hosts)), uint16(rnd.IntN(3)), uint16(rnd.IntN(3)), at, at+int64(rnd.IntN(20)))
				f.TCPFlags, f.Proto, f.Direction = uint16(rnd.IntN(64)), []uint8{6, 17, 1}[rnd.IntN(3)], uint8(rnd.IntN(2))
				f.Set.Add(flow.FieldDirection)
				if rnd.IntN(8) == 0 {
					f.Set.Del(flow.Field(rnd.IntN(flow.NumFields)))
				}
				n := 1
				if rnd.IntN(10) == 0 {
					n = 2 // a biflow
				}
				for i := range n {
					g := f
					if i == 1 {
						g.SrcAddr, g.DstAddr, g.SrcPort, g.DstPort = f.DstAddr, f.SrcAddr, f.DstPort, f.SrcPort
						g.Marks = flow.Reverse
					}
					g.Bytes, g.Packets = uint64(len(all))+1, rnd.Uint64N(1<<40)
					g.Set = g.Set.Union(flow.SetOf(flow.FieldBytes, flow.FieldPackets))
					if rnd.IntN(2) == 0 {
						g.AppName = b.Strings.Intern(fmt.Appendf(nil, "app %d", rnd.IntN(50)))
						g.Set.Add(flow.FieldAppName)
					}
					if rnd.IntN(4) == 0 {
						addExtras(b, &g, flow.Element{ID: 82}, flow.Element{PEN: 64999, ID: 1})(fmt.Sprint("eth", len(all)), string(make([]byte, rnd.IntN(2000))))
					}
					all = append(all, sent{g, string(b.Strings.Get(g.AppName)), extraText(b, &g)})
					b.Flows = append(b.Flows, g)
				}
			}
			if err := s.Write(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			for i := range b.Strings.Len() { // what was given back is overwritten
				copy(b.Strings.Get(flow.Str(i+1)), "????????")
			}
			c.Add(int64(rnd.IntN(4e9)))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		seen := make([]int, len(all)+1)
		pairs := 0
		for _, e := range m.events {
			seen[e.Bytes]++
			f := all[e.Bytes-1]
			app := f.app
			if app == "" && e.back != nil { // the answer's
				app = all[e.back.Bytes-1].app
			}
			if e.app != app || e.extra != f.extra || e.Packets != f.Packets || e.SrcAddr != f.SrcAddr || e.DstPort != f.DstPort {
				t.Fatalf("seed %d: %+v, want %+v", seed, e, f)
			}
			if e.back == nil {
				if e.Flow.Start != f.Start || e.Flow.End != f.End || e.Set != f.Set {
					t.Fatalf("seed %d: alone: %+v, want %+v", seed, e, f)
				}
				continue
			}
			pairs++
			seen[e.back.Bytes]++
			g := all[e.back.Bytes-1]
			if e.back.Packets != g.Packets || f.SrcAddr != g.DstAddr || f.DstAddr != g.SrcAddr || f.Proto != g.Proto ||
				f.Proto != 1 && (f.SrcPort != g.DstPort || f.DstPort != g.SrcPort) || apart(&f.Flow, &g.Flow) > cfg.Timeout {
				t.Fatalf("seed %d: %+v and %+v", seed, f, g)
			}
			if f.Set.Has(flow.FieldStart) && g.Set.Has(flow.FieldStart) && f.Start > g.Start {
				t.Fatalf("seed %d: %+v did not begin before %+v", seed, f, g)
			}
		}
		for id, n := range seen[1:] {
			if n != 1 {
				t.Fatalf("seed %d: flow %d is in %d events", seed, id+1, n)
			}
		}
		if st := s.Stats(); pairs == 0 || st.Pairs != uint64(pairs) || 2*st.Pairs+st.Alone != uint64(len(all)) || st.Waiting != 0 || st.Pushed > 0 && cfg.Flows == 100_000 {
			t.Errorf("seed %d: %+v of %d flows, %d pairs", seed, st, len(all), pairs)
		}
		pushed += s.Stats().Pushed
	}
	if pushed == 0 {
		t.Error("there was room for all")
	}
}

// The captures' volume is the same with and without stitching.
func TestStitchingKeepsVolumeOfCaptures(t *testing.T) {
	var m makings
	s, c := stitcher(t, DefaultStitch(), &m)
	var bytes, packets, flows uint64
	captures(t, func(_ string, b *flow.Batch) {
		for i := range b.Flows {
			bytes += b.Flows[i].Bytes
			packets += b.Flows[i].Packets
			flows++
		}
		if err := s.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		c.Add(1e9)
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for _, e := range m.events {
		n++
		bytes -= e.Bytes
		packets -= e.Packets
		if e.back != nil {
			n++
			bytes -= e.back.Bytes
			packets -= e.back.Packets
		}
	}
	if bytes != 0 || packets != 0 || n != flows {
		t.Errorf("%d octets and %d packets are missing, %d of %d flows", bytes, packets, n, flows)
	}
	t.Logf("%d flows, %+v", flows, s.Stats())
}

// A flow waits no longer than the timeout, and the oldest go first when there are
// too many.
func TestStitcherLetsGo(t *testing.T) {
	var m makings
	s, c := stitcher(t, StitchConfig{On: true, Timeout: 15 * time.Second, Flows: 1024}, &m)
	write := func(n int) {
		t.Helper()
		b := new(flow.Batch)
		for i := range n {
			b.Flows = append(b.Flows, one(1, 2, uint16(i), 443, 100, 110))
		}
		if err := s.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	want := func(events int, waiting, pushed uint64) {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		if st := s.Stats(); len(m.events) != events || st.Waiting != waiting || st.Pushed != pushed {
			t.Errorf("%d events, %+v; want %d, %d waiting, %d pushed", len(m.events), st, events, waiting, pushed)
		}
	}
	write(100)
	c.Add(int64(15*time.Second) - 1)
	write(1)
	want(0, 101, 0)
	c.Add(1)
	write(0)
	want(100, 1, 0)
	// Records that are no flows pass through.
	other := &flow.Batch{Options: make([]flow.Option, 2), Counters: make([]flow.Counter, 3)}
	if err := s.Write(context.Background(), other); err != nil || m.options != 2 || m.counters != 3 {
		t.Errorf("%d options, %d counters, %v", m.options, m.counters, err)
	}
	write(1024)
	want(100+412, 613, 412) // the page of the first 512, less those that had gone
	if m.events[100].SrcPort != 0 || m.events[101].SrcPort != 0 || m.events[102].SrcPort != 1 {
		t.Error("not the oldest first")
	}
	// Without a Write, the ticker does it.
	c.Add(int64(15 * time.Second))
	for end := time.Now().Add(10 * time.Second); s.Stats().Waiting > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	want(100+1025, 0, 412)
	if err := s.Close(); err != nil || !m.closed {
		t.Error(err)
	}
}

// References begin anew after 2³² flows.
func TestStitcherWraps(t *testing.T) {
	var m makings
	s, _ := stitcher(t, DefaultStitch(), &m)
	const last = 1<<32/pageFlows - 1
	s.waits.pages[last%len(s.waits.pages)] = s.waits.newest()
	s.waits.from, s.waits.to = last, last
	b := new(flow.Batch)
	const n = 2 * pageFlows
	for i := range n {
		b.Flows = append(b.Flows, one(1, 2, uint16(i), 443, 100, 110))
	}
	for i := range n {
		b.Flows = append(b.Flows, one(2, 1, 443, uint16(i), 101, 109))
	}
	if err := errors.Join(s.Write(t.Context(), b), s.Close()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Pairs != n || st.Alone != 0 || len(m.events) != n || s.waits.to == last {
		t.Errorf("%d events, %+v", len(m.events), st)
	}
}

// Many flows of one key cost no more than others.
func TestStitcherIsNotSlowedByOneKey(t *testing.T) {
	s, _ := stitcher(t, DefaultStitch(), &makings{})
	b := new(flow.Batch)
	for range 50_000 {
		b.Flows = append(b.Flows, one(1, 2, 50000, 443, 100, 110))
	}
	within(t, 20*time.Second, func() { s.Write(context.Background(), b) })
	s.Close()
}

// nothing takes events.
type nothing struct{}

func (nothing) Write(context.Context, *flow.Batch) error { return nil }
func (nothing) Close() error                             { return nil }

func TestStitcherDoesNotAllocate(t *testing.T) {
	s, c := stitcher(t, StitchConfig{On: true, Timeout: 15 * time.Second, Flows: 4096}, nothing{})
	defer s.Close()
	b := new(flow.Batch)
	for i := range 1000 {
		f := one(1, 2, uint16(i), 443, 100, 110)
		if i%4 == 3 {
			f = one(2, 1, 443, uint16(i-1), 100, 110)
		}
		f.AppName = b.Strings.Intern(fmt.Appendf(nil, "app %d", i%7))
		f.Set.Add(flow.FieldAppName)
		addExtras(b, &f, flow.Element{ID: 82})("eth0")
		b.Flows = append(b.Flows, f)
	}
	x := new(bill)
	step := func() {
		s.Write(context.Background(), b)
		s.Take(context.Background(), b, x)
		c.Add(4e9)
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is read from the events of conversations is what was sent, in every format.
func TestStitchedEvents(t *testing.T) {
	for _, format := range []Format{PSV, KV, JSON} {
		for _, turned := range []bool{false, true} {
			var out bytes.Buffer
			out.WriteString("<stream>")
			enc := Layout{Format: format, Turned: turned}.NewEncoder("weir://core", format.Sourcetype())
			s, c := stitcher(t, DefaultStitch(), &plainSink{enc: enc, out: &out})
			sent := map[string]uint64{}
			captures(t, func(_ string, b *flow.Batch) {
				for i := range b.Flows {
					sent["bytes"] += b.Flows[i].Bytes
					sent["packets"] += b.Flows[i].Packets
					sent["flows"]++
				}
				if err := s.Write(context.Background(), b); err != nil {
					t.Fatal(err)
				}
				c.Add(1e9)
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			out.WriteString("</stream>")
			var stream xmlStream
			if err := xml.Unmarshal(out.Bytes(), &stream); err != nil {
				t.Fatal(err)
			}
			got := map[string]uint64{}
			for _, e := range stream.Events {
				var m map[string]string
				switch format {
				case PSV:
					m = byColumn(t, e.Data)
				case KV:
					m = byPair(t, e.Data)
				case JSON:
					var values map[string]any
					d := json.NewDecoder(strings.NewReader(e.Data))
					d.UseNumber()
					if err := d.Decode(&values); err != nil {
						t.Fatal(err)
					}
					m = map[string]string{}
					for k, v := range values {
						m[k] = fmt.Sprint(v)
					}
				}
				for k, v := range m {
					what, _, ok := strings.Cut(k, "_")
					if ok && (k == what+"_in" || k == what+"_out") && sent[what] > 0 {
						n, err := strconv.ParseUint(v, 10, 64)
						if err != nil {
							t.Fatal(err)
						}
						got[what] += n
					}
				}
				if strings.Contains(e.Data, "reverse") {
					t.Errorf("%q", e.Data)
				}
			}
			st := s.Stats()
			got["flows"] = 2*st.Pairs + st.Alone
			if !maps.Equal(got, sent) || len(stream.Events) != int(st.Pairs+st.Alone) {
				t.Errorf("%s: %v in %d events, sent %v", format, got, len(stream.Events), sent)
			}
		}
	}
}

// Memory of flows that wait.
func TestStitcherIsSmall(t *testing.T) {
	one := reflect.TypeFor[flow.Flow]().Size() + reflect.TypeFor[waiting]().Size()
	page := int(one) * pageFlows
	t.Logf("a flow that waits takes %d octets, all of them %d MiB", one, page*DefaultStitch().Flows/pageFlows>>20)
	if page > 512*pageFlows {
		t.Errorf("%d octets a page", page)
	}
}
