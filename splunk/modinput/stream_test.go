package modinput

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// A stream as another XML reader sees it.
type xmlStream struct {
	XMLName xml.Name   `xml:"stream"`
	Events  []xmlEvent `xml:"event"`
}

// batch returns n flows.
func batch(n int) *flow.Batch {
	b, f := sample("ssh", "jane")
	for len(b.Flows) < n {
		b.Flows = append(b.Flows, *f)
	}
	return b
}

// unstitched lets flows become events at once.
var unstitched = Param{"stitch", "false"}

func parsed(t testing.TB, params ...Param) Config {
	t.Helper()
	c, err := Parse(Stanza{Name: "weir://core", Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A spy notes how it is written to.
type spy struct {
	mu   sync.Mutex
	text bytes.Buffer
	n    int
	fail error
}

func (s *spy) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.n++
	return s.text.Write(p)
}

func TestStream(t *testing.T) {
	var out spy
	s := NewStream(&out, parsed(t, unstitched), nil)
	ctx := context.Background()
	if err := errors.Join(s.Open(), s.Write(ctx, batch(1000)), s.Write(ctx, new(flow.Batch)), s.Write(ctx, batch(1)), s.End(ctx)); err != nil {
		t.Fatal(err)
	}
	var x xmlStream
	if err := xml.Unmarshal(out.text.Bytes(), &x); err != nil {
		t.Fatal(err)
	}
	if c, octets := s.ring.stats(); len(x.Events) != 1001 || c.out != 1001 || c != (counts{in: 1001, out: 1001}) || octets != 0 {
		t.Errorf("%d events, counted %+v, %d octets", len(x.Events), c, octets)
	}
	for _, e := range x.Events {
		byColumn(t, e.Data)
	}
	if out.n != 4 { // <stream>, two batches, </stream>
		t.Errorf("%d writes", out.n)
	}
}

func TestStreamStopsAtError(t *testing.T) {
	out := spy{}
	failed := make(chan error, 10)
	s := NewStream(&out, parsed(t, unstitched), func(err error) { failed <- err })
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	out.mu.Lock()
	out.fail = io.ErrClosedPipe
	out.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range 3 {
		if err := s.Write(ctx, batch(1)); err != nil {
			t.Error(err)
		}
	}
	if err := s.Drain(ctx); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, io.ErrClosedPipe) || len(failed) > 0 {
		t.Errorf("error %v, and %d more", err, len(failed))
	}
	if err := s.End(ctx); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
	if c, _ := s.ring.stats(); c != (counts{in: 3, dropped: 3}) {
		t.Errorf("%+v", c)
	}
}

// While nobody reads, memory stays within the limit, what is oldest goes first,
// and each event is counted.
func TestStreamThatNobodyReads(t *testing.T) {
	out := stuck{make(chan struct{})}
	s := NewStream(out, parsed(t, unstitched, Param{"buffer_limit", "1MiB"}), nil)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	const batches, each = 200, 256
	for range batches {
		if err := s.Write(t.Context(), batch(each)); err != nil {
			t.Fatal(err)
		}
		if _, octets := s.ring.stats(); octets > 1<<20 {
			t.Fatalf("%d octets", octets)
		}
	}
	c, _ := s.ring.stats()
	if c.in != batches*each || c.dropped == 0 || c.dropped%each != 0 || c.in != c.dropped+c.waiting {
		t.Errorf("%+v", c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.End(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if c, _ := s.ring.stats(); c.waiting != each || c.in != c.dropped+c.waiting {
		t.Errorf("at the end %+v", c)
	}
	close(out.free)
}

// What waits comes in its order.
func TestRingKeepsOrder(t *testing.T) {
	r := newRing(10 * (100 + entryCost))
	for i := range 100 {
		r.add(bytes.Repeat([]byte{byte(i)}, 100), 1, nil)
	}
	for i := 90; i < 100; i++ {
		e, ok := r.take()
		if !ok || e.data[0] != byte(i) || len(e.data) != 100 {
			t.Fatalf("%d: %v", i, e.data)
		}
		r.settle(e, true)
	}
	r.add(make([]byte, 1<<20), 1, nil) // more than the limit: alone
	if c, _ := r.stats(); c != (counts{101, 10, 90, 1}) {
		t.Errorf("%+v", c)
	}
}

func TestTypes(t *testing.T) {
	b := batch(2)
	b.Options = append(b.Options, flow.Option{Received: 1e18, Exporter: b.Flows[0].Exporter, Sender: b.Flows[0].Exporter, Domain: 7, Template: 300, Version: 9})
	b.Counters = append(b.Counters, flow.Counter{
		Received: 1e18, Exporter: b.Flows[0].Exporter, Domain: 1, Version: flow.SFlow5, Sequence: 4, Index: 12,
		HasInterface: true, Interface: flow.Interface{Index: 12, Speed: 1e9, InOctets: 5},
	})
	f := func(types string, want ...string) {
		t.Helper()
		var out spy
		s := NewStream(&out, parsed(t, unstitched, Param{"types", types}), nil)
		if err := errors.Join(s.Open(), s.Write(t.Context(), b), s.End(t.Context())); err != nil {
			t.Fatal(err)
		}
		var x xmlStream
		if err := xml.Unmarshal(out.text.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range x.Events {
			if e.Sourcetype == "weir:flow" {
				got = append(got, e.Sourcetype)
				continue
			}
			if e.Host != "192.0.2.1" || e.Time != "1000000000.000" || !json.Valid([]byte(e.Data)) {
				t.Errorf("%+v", e)
			}
			got = append(got, e.Sourcetype+" "+e.Data)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %q", types, got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %s, want %s", types, got[i], want[i])
			}
		}
	}
	option := `weir:option {"dvc_ip":"192.0.2.1","domain":7,"version":9,"template":300}`
	counter := `weir:counter {"dvc_ip":"192.0.2.1","domain":1,"version":105,"sequence":4,"class":0,"index":12,"ifSpeed":1000000000,"ifHCInOctets":5,"ifHCOutOctets":0,"ifIndex":12,"ifType":0,"ifDirection":0,"ifStatus":0,` +
		`"ifInUcastPkts":0,"ifInMulticastPkts":0,"ifInBroadcastPkts":0,"ifInDiscards":0,"ifInErrors":0,"ifInUnknownProtos":0,"ifOutUcastPkts":0,"ifOutMulticastPkts":0,"ifOutBroadcastPkts":0,"ifOutDiscards":0,"ifOutErrors":0,"ifPromiscuousMode":0}`
	f("flows", "weir:flow", "weir:flow")
	f("options", option)
	f("Counters, stats", counter)
	f("flows,options,counters", "weir:flow", "weir:flow", option, counter)
	f("findings")
}

func BenchmarkStream(b *testing.B) {
	s := NewStream(io.Discard, parsed(b, unstitched), nil)
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	events := batch(256)
	b.ReportAllocs()
	for b.Loop() {
		s.Write(context.Background(), events)
		s.Drain(context.Background())
	}
	c, _ := s.ring.stats()
	b.ReportMetric(float64(c.out)/b.Elapsed().Seconds(), "events/s")
}

// What a stanza says of the layout is what its events have.
func TestStreamHasLayout(t *testing.T) {
	b, f := sample("ssh", "jane")
	for _, params := range [][]Param{nil, {{"format", "kv"}}, {{"format", "json"}, {"columns", "all"}}, {{"bytes_out", "received"}}} {
		cfg := parsed(t, params...)
		var out spy
		s := NewStream(&out, cfg, nil)
		if err := errors.Join(s.Open(), s.Write(t.Context(), b), s.End(t.Context())); err != nil {
			t.Fatal(err)
		}
		var x xmlStream
		if err := xml.Unmarshal(out.text.Bytes(), &x); err != nil || len(x.Events) != 1 {
			t.Fatalf("%v, %d events", err, len(x.Events))
		}
		if e := x.Events[0]; e.Sourcetype != cfg.Format.Sourcetype() || e.Data != string(cfg.NewRaw().AppendRaw(nil, b, f)) {
			t.Errorf("%v: %+v", params, e)
		}
	}
}
