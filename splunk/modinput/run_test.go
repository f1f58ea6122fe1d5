package modinput

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/testdata"
)

// A console collects what is written to it and lets others wait for a text.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// wait returns what stands between after and the next space or line end.
func (c *console) wait(t *testing.T, after string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, rest, ok := strings.Cut(c.String(), after); ok && strings.ContainsAny(rest, " \n") {
			return rest[:strings.IndexAny(rest, " \n")]
		}
	}
	t.Fatalf("no %q in %q", after, c.String())
	return ""
}

// start runs a stanza in this process, with stdin left open; unless params say
// otherwise, it doesn't stitch. The function that
// it returns ends it and returns its error.
func start(t *testing.T, params string, stdout io.Writer) (logs *console, to netip.AddrPort, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	logs = new(console)
	done := make(chan error, 1)
	doc := `<input><configuration><stanza name="weir://core"><param name="listeners">127.0.0.1:0</param><param name="types">flows</param>` + params + `<param name="stitch">false</param></stanza></configuration></input>`
	go func() { done <- Run(ctx, open(t, doc), stdout, NewLogger(logs, slog.LevelInfo)) }()
	t.Cleanup(cancel)
	to = netip.MustParseAddrPort(logs.wait(t, "address="))
	return logs, to, func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			t.Fatal("still there after 5s")
			return nil
		}
	}
}

// asExpected returns a column's value as the expected records have it. Its form
// is Splunk's; it is read back here with nothing of weir's.
func asExpected(kind flow.Kind, value string) any {
	switch kind {
	case flow.KindUint:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return err
		}
		return n
	case flow.KindTime:
		sec, frac, _ := strings.Cut(value, ".")
		s, err := strconv.ParseInt(sec, 10, 64)
		if err != nil {
			return err
		}
		return time.Unix(s, 0).UTC().Format("2006-01-02T15:04:05.") + frac[:3] + "Z"
	}
	return value
}

// keyOf returns the key under which the expected record has column x: the name
// of one of the column's elements.
func keyOf(x flow.Field, record map[string]any) string {
	c := &flow.Fields[x]
	if x == flow.FieldExporter {
		return "exporter"
	}
	for _, id := range c.IEs {
		if e, ok := ie.Lookup(0, id); ok && record[e.Name] != nil {
			return e.Name
		}
	}
	return c.IPFIX
}

// What the same capture gives in every host (SEMANTICS, Names).
func TestSame(t *testing.T) {
	file, err := testdata.FS.Open("same/same.pcap")
	if err != nil {
		t.Fatal(err)
	}
	expected, err := testdata.FS.ReadFile("same/same.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	for d := json.NewDecoder(bytes.NewReader(expected)); d.More(); {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		want = append(want, m)
	}

	var out console
	logs, to, stop := start(t, "", &out)
	r, err := pcap.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	exporters := map[netip.AddrPort]*net.UDPConn{}
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if exporters[p.Src] == nil {
			from := &net.UDPAddr{IP: p.Src.Addr().AsSlice()} // the port may be taken
			if exporters[p.Src], err = net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(to)); err != nil {
				t.Skipf("this machine has no %s on loopback: %v", p.Src.Addr(), err)
			}
			defer exporters[p.Src].Close()
		}
		if _, err := exporters[p.Src].Write(p.Payload); err != nil {
			t.Fatal(err)
		}
	}
	// An event may wait 200 ms; the rest is this machine's.
	for end := time.Now().Add(10 * time.Second); strings.Count(out.String(), "</event>") < len(want) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := stop(); err != nil {
		t.Fatalf("%v\n%s", err, logs)
	}

	var s xmlStream
	if err := xml.Unmarshal([]byte(out.String()), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != len(want) {
		t.Fatalf("%d events for %d records\n%s", len(s.Events), len(want), logs)
	}
	// What weir adds to a record.
	added := map[string]bool{"received_time": true, "sampling_rate": true}
	compared := 0
	for i, e := range s.Events {
		left := want[i]
		if e.Stanza != "weir://core" || e.Sourcetype != "weir:flow" || e.Host != left["exporter"] {
			t.Errorf("event %d: %+v", i, e)
		}
		got := byEvals(t, e)
		for c, x := range order {
			value, ok := got[columns[c]]
			if !ok || added[columns[c]] {
				continue
			}
			if x == duration {
				continue // start_time is made of it
			}
			if x >= extras {
				t.Errorf("event %d: %s %s", i, columns[c], value)
				continue
			}
			key, v := keyOf(x, left), asExpected(flow.Fields[x].Kind, value)
			if left[key] != v {
				t.Errorf("event %d: %s is %v, %s should be %v", i, columns[c], v, key, left[key])
			}
			delete(left, key)
			compared++
			if at := asExpected(flow.KindTime, e.Time); x == flow.FieldEnd && at != v {
				t.Errorf("event %d has time %s, ends %s", i, at, v)
			}
		}
		if len(left) > 0 {
			t.Errorf("event %d lacks %v", i, left)
		}
	}
	t.Logf("%d events, %d values", len(s.Events), compared)
}

func TestRunWithoutStanza(t *testing.T) {
	var out, logs console
	err := Run(context.Background(), open(t, "<input><configuration/></input>"), &out, NewLogger(&logs, slog.LevelInfo))
	if err != nil || out.String() != "<stream>\n</stream>\n" || !strings.HasPrefix(logs.String(), "WARN ") {
		t.Errorf("%v, %q, %q", err, &out, &logs)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stanza := func(name, value string) string {
		return `<stanza name="weir://core"><param name="` + name + `">` + value + `</param></stanza>`
	}
	f := func(stanzas, want, stdout string) {
		t.Helper()
		var out console
		err := Run(context.Background(), open(t, "<input><configuration>"+stanzas+"</configuration></input>"), &out, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || out.String() != stdout {
			t.Errorf("%v, %q, want %q, %q", err, &out, want, stdout)
		}
	}
	f(stanza("format", "xml"), "weir://core", "")
	f(stanza("listeners", taken.LocalAddr().String()), "taken", "<stream>\n</stream>\n")
	f(stanza("a", "b")+stanza("a", "b"), "2 stanzas", "")
}

func TestRunEndsWhileStdinIsSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	within(t, 5*time.Second, func() {
		if err := Run(ctx, open(t, "<input>"), io.Discard, slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
	})
}

// A stdout that was closed ends the input, whoever is still there.
func TestRunEndsWithStdout(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var logs console
	done := make(chan error, 1)
	cfg := Default()
	cfg.Stanza, cfg.Collector.Listen = "weir://core", source.Listens{{Address: "127.0.0.1:0"}}
	cfg.Stitch.On = false // events come at once
	go func() { done <- run(ctx, cfg, w, NewLogger(&logs, slog.LevelInfo), os.Getppid(), lossReport) }()
	to := logs.wait(t, "address=")
	r.Close()
	conn, err := net.Dial("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for end := time.After(10 * time.Second); ; {
		conn.Write(v5(1))
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "write events") {
				t.Errorf("error %v", err)
			}
			return
		case <-end:
			t.Fatalf("still there\n%s", &logs)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestRunEndsWithParent(t *testing.T) {
	cfg := Default()
	cfg.Stanza, cfg.Collector.Listen = "weir://core", source.Listens{{Address: "127.0.0.1:0"}}
	cfg.Stitch.On = false // events come at once
	var out console
	within(t, 5*time.Second, func() {
		err := run(context.Background(), cfg, &out, slog.New(slog.DiscardHandler), os.Getppid()+1, lossReport)
		if !errors.Is(err, ErrParent) || !strings.HasPrefix(out.String(), "<stream>\n") || !strings.HasSuffix(out.String(), "\n</stream>\n") {
			t.Errorf("%v, %q", err, &out)
		}
	})
}

// A stuck reads nothing until it is told to.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(p, []byte("<stream>")) {
		<-s.free
	}
	return len(p), nil
}

// Losses are reported every so often, with their counts.
func TestRunReportsLosses(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var logs console
	out := stuck{make(chan struct{})}
	cfg := Default()
	cfg.Stanza, cfg.Collector.Listen = "weir://core", source.Listens{{Address: "127.0.0.1:0"}}
	cfg.Stitch.On = false                                      // events come at once
	cfg.Collector.Pipeline.Batch, cfg.BufferLimit = 30, 20_000 // two batches, about
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, cfg, out, NewLogger(&logs, slog.LevelInfo), os.Getppid(), 50*time.Millisecond)
	}()
	conn, err := net.Dial("udp4", logs.wait(t, "address="))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte{0, 77})
	const datagrams = 40
	for range datagrams {
		conn.Write(v5(30))
		time.Sleep(time.Millisecond)
	}
	n, err := strconv.Atoi(logs.wait(t, " dropped="))
	if err != nil || n == 0 || n%30 != 0 {
		t.Errorf("dropped %d, %v\n%s", n, err, &logs)
	}
	logs.wait(t, "WARN datagrams could not be decoded as a whole version=1")
	close(out.free)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// Every flow is an event or counted as dropped.
	flows, events := logs.wait(t, " flows="), logs.wait(t, " written=")
	dropped := logs.wait(t, "written="+events+" dropped=")
	if sum(events, dropped) != sum(flows) || sum(flows)%30 != 0 {
		t.Errorf("%s flows, %s events, %s dropped", flows, events, dropped)
	}
}

func sum(numbers ...string) (n int) {
	for _, s := range numbers {
		i, _ := strconv.Atoi(s)
		n += i
	}
	return n
}

// Run is back within its time even if stdout blocks for ever.
func TestRunEndsWhileStdoutBlocks(t *testing.T) {
	out := stuck{make(chan struct{})}
	t.Cleanup(func() { close(out.free) })
	_, to, stop := start(t, "", out)
	conn, err := net.Dial("udp4", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(v5(30))
	time.Sleep(300 * time.Millisecond)
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// v5 returns a NetFlow v5 datagram of n records.
func v5(n int) []byte {
	now := time.Now().Unix()
	d := make([]byte, 24+48*n)
	d[1], d[3] = 5, byte(n)
	copy(d[8:], []byte{byte(now >> 24), byte(now >> 16), byte(now >> 8), byte(now)})
	for i := range n {
		copy(d[24+48*i:], []byte{10, 0, 0, byte(i), 192, 0, 2, byte(i)})
	}
	return d
}

// The ledger comes as events every so often, and at the end.
func TestRunTellsOfTheLedger(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out, logs console
	cfg := Default()
	cfg.Stanza, cfg.Collector.Listen = "weir://core", source.Listens{{Address: "127.0.0.1:0"}}
	cfg.Stitch.On = false // events come at once
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, cfg, &out, NewLogger(&logs, slog.LevelInfo), os.Getppid(), 50*time.Millisecond)
	}()
	conn, err := net.Dial("udp4", logs.wait(t, "address="))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(v5(7))
	conn.Write([]byte{0, 77})
	out.wait(t, `"written":7,"dropped":0`)
	inputs := func() int { return strings.Count(out.String(), `"kind":"input"`) }
	for n, end := inputs()+2, time.Now().Add(10*time.Second); inputs() < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no more events")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var s xmlStream
	if err := xml.Unmarshal([]byte(out.String()), &s); err != nil {
		t.Fatal(err)
	}
	// Counts add up over the events.
	sums := map[string]map[string]float64{"exporter": {}, "input": {}}
	for _, e := range s.Events {
		if e.Sourcetype != "weir:stats" {
			continue
		}
		var f map[string]any
		if err := json.Unmarshal([]byte(e.Data), &f); err != nil || f["stanza"] != "weir://core" || f["interval"].(float64) <= 0 {
			t.Fatalf("%v, %s", err, e.Data)
		}
		kind := f["kind"].(string)
		if kind == "exporter" && sums[kind]["written"] == 7 { // what brings nothing new is none
			t.Errorf("one more: %s", e.Data)
		}
		for k, v := range f {
			if n, ok := v.(float64); ok {
				sums[kind][k] += n
			}
		}
		if kind == "exporter" && (e.Host != "127.0.0.1" || f["exporter"] != "127.0.0.1" || f["from"] != conn.LocalAddr().String() || f["unit"] != "flows") {
			t.Errorf("%+v", e)
		}
	}
	check := func(kind string, want map[string]float64) {
		t.Helper()
		for k, v := range want {
			if sums[kind][k] != v {
				t.Errorf("%s: %s is %v, want %v", kind, k, sums[kind][k], v)
			}
		}
	}
	check("input", map[string]float64{"datagrams": 2, "flows": 7, "written": 7, "dropped": 0, "faults": 1, "kernel_dropped": 0})
	check("exporter", map[string]float64{"datagrams": 1, "sent": 7, "received": 7, "missing": 0, "records": 7, "written": 7, "dropped": 0, "faults": 0})
}
