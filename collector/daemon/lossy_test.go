package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/gen"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// A lossyWay is a UDP proxy between one exporter and the collector that loses,
// repeats and exchanges datagrams, and knows what it did, in the exporter's own
// unit.
type lossyWay struct {
	conn    *net.UDPConn
	rnd     *rand.Rand
	dec     *decode.Decoder // counts what is sent
	batch   flow.Batch
	late    []byte
	passed  int
	missing uint64 // units, of datagrams that something came after
	gap     uint64 // of those that nothing came after yet
	twice   uint64
	sent    uint64
	records uint64 // data records that were passed on, repeated ones too
	again   uint64 // of them, the repeated ones
}

// units returns what a datagram adds to the sequence numbers, and its records.
func (w *lossyWay) units(t *testing.T, d []byte) (units, records uint64) {
	t.Helper()
	w.batch.Reset()
	before := w.dec.Stats.Records
	if err := w.dec.Decode(&w.batch, decode.Datagram{From: netip.MustParseAddrPort("127.0.0.1:1"), Time: time.Now().UnixNano(), Data: d}); err != nil {
		t.Fatal(err)
	}
	h, _ := w.dec.Head()
	return uint64(h.Units), w.dec.Stats.Records - before
}

func (w *lossyWay) write(t *testing.T, d []byte, records uint64) {
	t.Helper()
	if _, err := w.conn.Write(d); err != nil {
		t.Fatal(err)
	}
	w.records += records
}

// pass takes a datagram. The first few pass: they carry the templates.
func (w *lossyWay) pass(t *testing.T, d []byte) {
	t.Helper()
	units, records := w.units(t, d)
	w.passed++
	if dice := w.rnd.IntN(100); w.passed > 5 {
		switch {
		case dice < 5:
			w.gap += units
			return
		case dice < 10 && w.late == nil: // it comes after the next one
			w.late = append([]byte(nil), d...)
			w.sent += w.gap + units
			w.missing, w.gap = w.missing+w.gap, 0
			return
		case dice < 15 && units > 0:
			w.write(t, d, records)
			w.twice += units
			w.again += records
		}
	}
	w.write(t, d, records)
	w.sent += w.gap + units
	w.missing, w.gap = w.missing+w.gap, 0
	w.flush(t)
}

// flush passes on what was held back.
func (w *lossyWay) flush(t *testing.T) {
	t.Helper()
	if late := w.late; late != nil {
		w.late = nil
		_, records := w.units(t, late)
		w.write(t, late, records)
	}
}

// nowhere is a sink that takes all.
type nowhere struct{}

func (nowhere) Write(context.Context, *flow.Batch) error { return nil }
func (nowhere) Close() error                             { return nil }

// SEMANTICS, The loss ledger: both identities hold to the record, over sockets,
// for each protocol, with one worker and with two that share an exporter.
func TestLossyWay(t *testing.T) {
	for _, protocol := range gen.Protocols {
		if protocol == "netflow1" {
			continue // it has no sequence numbers
		}
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", protocol, workers), func(t *testing.T) { lossy(t, protocol, workers) })
		}
	}
}

func lossy(t *testing.T, protocol string, workers int) {
	c := Default()
	c.Store.Off = true
	c.Data, c.API.Listen = t.TempDir(), ""
	c.Pipeline.Flush, c.Pipeline.Overflow = 5*time.Millisecond, pipeline.Block
	load := configured(t, c.Data+"/weir.yaml", fmt.Sprintf("listen: ['127.0.0.1:0?workers=%d']", workers))
	file, err := load()
	if err != nil {
		t.Fatal(err)
	}
	c.Listen = file.Listen
	d, err := Start(c, Options{Outputs: []pipeline.Output{{Name: "nowhere", Sink: nowhere{}, Queue: pipeline.Queue{Size: 4, Overflow: pipeline.Block}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop(t.Context())
	const exporters = 3
	ways := map[*gen.Exporter]*lossyWay{}
	scene := gen.Plain(protocol, exporters, 3000, 7)
	now := time.Now()
	if err := scene.Start(now); err != nil {
		t.Fatal(err)
	}
	for i, e := range scene.Exporters {
		conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(d.Addrs()[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ways[e] = &lossyWay{conn: conn, rnd: rand.New(rand.NewPCG(uint64(i), 1)), dec: decode.New(template.NewStore(template.Limits{}))}
	}
	records := func() (n uint64) {
		for _, w := range ways {
			n += w.records
		}
		return n
	}
	for i := range 30 {
		if err := scene.Step(now.Add(time.Duration(i)*gen.Tick), func(e *gen.Exporter, datagram []byte) error {
			ways[e].pass(t, datagram)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for start := time.Now(); d.Stats().Records < records(); time.Sleep(time.Millisecond) { // no more than the socket holds
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%d of %d records came", d.Stats().Records, records())
			}
		}
	}
	for _, w := range ways {
		w.flush(t)
	}
	settled := func() bool {
		s := d.Stats()
		return s.Records == records() && s.Held == 0
	}
	for start := time.Now(); !settled(); time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d of %d records came", d.Stats().Records, records())
		}
	}
	for e, w := range ways {
		from := w.conn.LocalAddr().(*net.UDPAddr).AddrPort()
		l, found := pipeline.Ledger{}, false
		for _, x := range d.Pipeline().Ledgers() {
			if x.From == from {
				l, found = x, true
			}
		}
		if !found {
			t.Fatalf("%s has no account", e.Name)
		}
		missing := l.Missing + l.Waiting // what waits had no time to come
		if l.Sent != w.sent || missing != w.missing || l.Duplicates != w.twice || l.Sent != l.Received+l.Missing+l.Waiting || l.Restarts != 0 || l.Stray != 0 {
			t.Errorf("%s: %+v; want %d sent, %d missing, %d twice", e.Name, l.Transit, w.sent, w.missing, w.twice)
		}
		if w.missing == 0 || w.twice == 0 {
			t.Errorf("%s: nothing was lost or repeated: the test tests nothing", e.Name)
		}
		if l.Records != w.records || l.Held != 0 {
			t.Errorf("%s: %d records, want %d", e.Name, l.Records, w.records)
		}
		if s := l.Samples; protocol == "sflow" && (s.Sent != s.Received+s.Missing || s.Received != w.records-w.again || s.Missing == 0 || s.DataSources == 0) {
			t.Errorf("%s: %d samples, %d of them twice: %+v", e.Name, w.records, w.again, s)
		}
		if len(l.Outputs) != 1 {
			t.Fatalf("%d outputs", len(l.Outputs))
		}
		for _, o := range l.Outputs {
			if sum := l.Held + l.Filtered + o.Skipped + o.Queued + o.Written + o.Dropped + o.Failed; sum != l.Records {
				t.Errorf("%s: %d of %d records are accounted for: %+v", e.Name, sum, l.Records, o)
			}
		}
	}
}
