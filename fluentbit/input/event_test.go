package input

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/fluentbit/internal/same"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// drained returns all events that wait.
func drained(t *testing.T, x *Instance) []same.Event {
	t.Helper()
	events, err := same.Events(x.Drain(nil, x.Batch()))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Options, and sFlow's counters, are events of their own, unless they are turned
// off.
func TestTypesOfEvents(t *testing.T) {
	b := batch(t, "pcap/v9/pmacctd-sampled.pcap")
	counters := batch(t, "pcap/sflow/openvswitch.pcap")
	if len(b.Options) == 0 || len(counters.Counters) == 0 {
		t.Fatal("captures lack what is tested")
	}
	for _, schema := range []string{"ecs", "flat", "ipfix", "otel", "cim"} {
		for types, want := range map[string]map[string]int{
			"all":              {"flow": len(b.Flows) + len(counters.Flows), "option": len(b.Options), "counter": len(counters.Counters)},
			"flows":            {"flow": len(b.Flows) + len(counters.Flows)},
			"options,counters": {"option": len(b.Options), "counter": len(counters.Counters)},
		} {
			cfg := configOf(t, map[string]string{"schema": schema, "types": types})
			r := newRing(64e6, 32e6, chunkSize)
			s := newSink(r, &cfg)
			s.Write(t.Context(), b)
			s.Write(t.Context(), counters)
			events, err := same.Events(r.drain(nil, 32e6))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, e := range events {
				kind := e.Type()
				if schema == "otel" {
					kind = strings.Trim(e.Record["flow.record"], `"`)
				}
				got[kind]++
				if e.Meta["exporter"] == nil || e.Meta["protocol"] == nil {
					t.Errorf("%s: metadata are %v", kind, e.Meta)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, %s: events are %v, want %v", schema, types, got, want)
			}
		}
	}
}

// What a full ring drops is in the ledger of whose it was, and the ledger adds up.
func TestDropsAreInTheLedger(t *testing.T) {
	x := start(t, map[string]string{})
	x.ring.resize(400_000, 300_000)
	for range 20 {
		same.Send(t, x.Addrs()[0])
	}
	wait(t, x, 20*same.Records(t))
	got := uint64(len(drained(t, x)))
	for x.Batch() > 0 {
		got += uint64(len(drained(t, x)))
	}
	until(t, "the last receipts", func() bool { return x.Stats().Collector.Queued == 0 })
	s := x.Stats()
	if s.Ring.Dropped.Events == 0 || got != s.Ring.Out.Events {
		t.Fatalf("%d events, %+v", got, s.Ring)
	}
	var written, dropped uint64
	for _, l := range x.running.Pipeline().Ledgers() {
		o := output(&l)
		if o.Written+o.Dropped+o.Queued+o.Failed+l.Held+l.Filtered != l.Records {
			t.Errorf("ledger doesn't add up: %+v", l)
		}
		written, dropped = written+o.Written, dropped+o.Dropped
	}
	if s.Ring.Lost != s.Collector.Dropped {
		t.Errorf("the ring lost %d flows, the ledger has %d", s.Ring.Lost, s.Collector.Dropped)
	}
	if written+dropped != s.Collector.Records || s.Collector.Written+s.Collector.Dropped != uint64(20*same.Records(t)) || s.Collector.Written == 0 || s.Collector.Dropped < s.Ring.Dropped.Events {
		t.Errorf("%d written and %d dropped of %d; ring %+v", written, dropped, s.Collector.Records, s.Ring)
	}
}

// spilling sends more than x's ring has room for, and returns how many records that was.
func spilling(t *testing.T, x *Instance) uint64 {
	t.Helper()
	const rounds = 60
	for range rounds {
		same.Send(t, x.Addrs()[0])
		time.Sleep(time.Millisecond)
	}
	n := uint64(rounds * same.Records(t))
	until(t, "all records", func() bool { return x.Stats().Collector.Flows == n })
	if s := x.Stats(); s.Collector.Outputs[0].Spilled == 0 {
		t.Errorf("nothing was spilled: %+v", s)
	}
	return n
}

// With a directory to spill to, a ring that is too small loses nothing.
func TestSpill(t *testing.T) {
	x := start(t, map[string]string{"spill_path": t.TempDir(), "config_file": file(t, "pipeline: {queue: 2, batch: 64, flush: 1ms}\n")})
	x.ring.resize(2*chunkSize, 100_000_000)
	n := spilling(t, x)
	got := 0
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d events: %+v", got, x.Stats())
		}
	})
	until(t, "all events", func() bool {
		got += len(drained(t, x))
		return uint64(got) >= n
	})
	if s := x.Stats(); s.Ring.Dropped.Events > 0 || s.Collector.Dropped > 0 || s.Ring.Out.Events != n {
		t.Errorf("%+v", s)
	}
}

// At the end nobody drains any more: what was spilled is accounted for at once, and
// its files are gone.
func TestSpillEnds(t *testing.T) {
	dir := t.TempDir()
	x := start(t, map[string]string{"spill_path": dir, "buffer_limit": "1m", "config_file": file(t, "pipeline: {queue: 2, batch: 64, flush: 1ms}\n")})
	n := spilling(t, x)
	if err := x.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if c := x.ring.counts(); c.In.Events != n || c.Dropped.Events == 0 || c.Dropped.Events+c.Waiting.Events != n {
		t.Errorf("%+v, want %d events", c, n)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "spill", pipeline.SpillPrefix+"*")); len(left) > 0 {
		t.Errorf("%q are there still", left)
	}
}

// A directory that can't hold what is spilled is refused at the start.
func TestSpillPathRefused(t *testing.T) {
	for _, path := range []string{file(t, ""), "/proc/none"} {
		_, err := Start(configOf(t, map[string]string{"listeners": "udp://127.0.0.1:0", "spill_path": path}), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), `"spill_path"`) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What a run that was killed has spilled goes.
func TestLeftover(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "spill"), 0o700); err != nil {
		t.Fatal(err)
	}
	old, other := filepath.Join(dir, "spill", pipeline.SpillPrefix+"1"), filepath.Join(dir, "spill", "mine")
	for _, path := range []string{old, other} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, map[string]string{"spill_path": dir})
	if _, err := os.Stat(old); err == nil {
		t.Error("it is there still")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// The ledger is an event for each exporter, and a line in the log.
func TestLedgerEvents(t *testing.T) {
	for _, schema := range []string{"ecs", "flat"} {
		x := start(t, map[string]string{"schema": schema, "types": "all"})
		var lines []string
		x.voice.to(NewLog(func(_ slog.Level, line string) { lines = append(lines, line) }))
		same.Send(t, x.Addrs()[0])
		until(t, "all events", func() bool {
			s := x.Stats()
			return s.Collector.Flows == uint64(same.Records(t)) && s.Ring.In.Events == s.Collector.Records
		})
		x.Drain(nil, x.Batch())
		sum := x.Stats().Ring.Out.Events
		x.tellLedger(time.Now())
		var records, delivered uint64
		all := same.Of("stats", drained(t, x))
		for _, e := range all {
			var a, b uint64
			fmt.Sscan(e.Record["weir.stats.inside.records"], &a)
			fmt.Sscan(e.Record["weir.stats.inside.written"], &b)
			records, delivered = records+a, delivered+b
		}
		s := x.Stats()
		if records != s.Collector.Records || delivered == 0 || len(all) < 3 {
			t.Errorf("%s: %d events of %d records, %d delivered; want %d", schema, len(all), records, delivered, s.Collector.Records)
		}
		told := strings.Join(lines, "\n")
		for _, w := range []string{"ledger: datagrams=", "ledger of 127.0.", "missing=0", "delivered=" + fmt.Sprint(sum)} {
			if !strings.Contains(told, w) {
				t.Errorf("log lacks %q:\n%s", w, told)
			}
		}
	}
}

// The ledger of many exporters is as many events, in chunks like any other's: it
// is not dropped because it is more than Fluent Bit gets at once.
func TestLedgerOfMany(t *testing.T) {
	const domains = 2000
	x := start(t, map[string]string{"types": "stats", "buffer_limit": "8m", "max_batch": "1m"})
	conn, err := net.Dial("udp4", x.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range domains {
		if _, err := conn.Write(flowtest.Packet(9, uint32(i), flowtest.Template(9, 300, flowtest.Twenty[:4]))); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 {
			until(t, "the datagrams", func() bool { return x.Stats().Collector.Datagrams == uint64(i+1) })
		}
	}
	x.tellLedger(time.Now())
	got := 0
	for x.Batch() > 0 {
		d := x.Drain(nil, x.Batch())
		if len(d) > 1e6 {
			t.Errorf("%d octets at once", len(d))
		}
		events, err := same.Events(d)
		if err != nil {
			t.Fatal(err)
		}
		got += len(events)
	}
	if c := x.ring.counts(); got != domains+1 || c.Dropped.Events > 0 {
		t.Errorf("%d events, want %d; %+v", got, domains+1, c)
	}
}

// An exporter that nobody knows any more is in the others' ledger.
func TestLedgerOfOthers(t *testing.T) {
	x := start(t, map[string]string{})
	r, meta := x.ledgerRecord(&pipeline.Ledger{}, time.Now())
	if len(meta) > 0 || r.all["observer"] != nil || r.all["weir"] == nil {
		t.Errorf("%v, %v", r.all, meta)
	}
	l := pipeline.Ledger{Key: pipeline.Key{Exporter: netip.MustParseAddr("::ffff:192.0.2.1"), Version: 9}}
	if _, meta := x.ledgerRecord(&l, time.Now()); meta["exporter"] != "192.0.2.1" || meta["protocol"] != "netflow9" {
		t.Errorf("%v", meta)
	}
}

// A finding is an alert in ECS, and whole under every schema.
func TestFindings(t *testing.T) {
	f := detect.Finding{
		ID: "0f", Detector: "scan", Version: "2", Class: "scan.horizontal", Severity: detect.High, Confidence: 0.9, Key: "10.0.0.1 tcp 445",
		Start: 1_795_305_600e9, End: 1_795_305_900e9, Explanation: "10.0.0.1 tried 200 hosts", Technique: "T1046", Coverage: 1,
		Entities: []detect.Entity{{Role: "source", Kind: "ip", Value: "10.0.0.1"}, {Role: "port", Kind: "port", Value: "445"}},
		Evidence: []detect.FlowKey{{SrcAddr: flow.AddrFrom4([4]byte{10, 0, 0, 1}), DstPort: 445, Proto: 6}},
		Metrics:  map[string]float64{"hosts": 200},
	}
	for schema, at := range map[string]string{"ecs": "weir.finding.", "flat": "finding.", "ipfix": "finding."} {
		x := start(t, map[string]string{"schema": schema, "types": "all"})
		if err := x.AddFindings([]detect.Finding{f, f}); err != nil {
			t.Fatal(err)
		}
		events := drained(t, x)
		if len(events) != 2 || events[0].Type() != "finding" || !events[0].Time.Equal(time.Unix(0, f.End)) {
			t.Fatalf("%s: %+v", schema, events)
		}
		r := events[0].Record
		var whole map[string]any
		if err := msgpack.Unmarshal(f.AppendMsgpack(nil), &whole); err != nil {
			t.Fatal(err)
		}
		for k, v := range whole {
			switch v := v.(type) {
			case string:
				if r[at+k] != `"`+v+`"` {
					t.Errorf("%s: %s is %v, want %v", schema, k, r[at+k], v)
				}
			case float64:
				if r[at+k] != fmt.Sprint(v) {
					t.Errorf("%s: %s is %v, want %v", schema, k, r[at+k], v)
				}
			}
		}
		if schema == "ecs" && (r["event.kind"] != `"alert"` || r["source.ip"] != "[10.0.0.1]" || r["threat.technique.id"] != "[T1046]" || r["event.severity"] != "73" ||
			r["event.start"] != `"2026-11-22T00:00:00.000Z"` || r["message"] != `"10.0.0.1 tried 200 hosts"` || r["rule.name"] != `"scan"`) {
			t.Errorf("alert is %v", r)
		}
	}
	x := start(t, map[string]string{"types": "flows"})
	if x.AddFindings([]detect.Finding{f}); x.Batch() != 0 {
		t.Error("findings are turned off")
	}
}

// Templates survive a restart with a state_path.
func TestStatePath(t *testing.T) {
	dir := t.TempDir()
	x := start(t, map[string]string{"state_path": dir})
	same.Send(t, x.Addrs()[0])
	wait(t, x, same.Records(t))
	if err := x.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	y := start(t, map[string]string{"state_path": dir})
	if n := len(y.running.Store().Sessions()); n == 0 {
		t.Error("no exporter is known")
	}
}
