package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/testdata"
)

// watched waits until n watch.
func (d *daemon) watched(t *testing.T, n int) {
	t.Helper()
	until(t, fmt.Sprint(n, " watchers"), func() bool { return len(*d.deps.Tail.watchers.Load()) == n })
}

// open starts a stream, and returns its lines.
func (d *daemon) open(t *testing.T, path string) *bufio.Scanner {
	t.Helper()
	before := len(*d.deps.Tail.watchers.Load())
	r, err := http.NewRequestWithContext(t.Context(), "GET", d.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Body.Close() })
	if w.StatusCode != http.StatusOK || w.Header.Get("Content-Type") != typeLines {
		t.Fatalf("%s: %s", path, w.Status)
	}
	d.watched(t, before+1)
	s := bufio.NewScanner(w.Body)
	s.Buffer(nil, 1<<20)
	return s
}

// expected reads the flows that another decoder found in a capture.
func expected(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	raw, err := testdata.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// What a tail shows is what is in the capture, all of it and in order; with a
// filter, what that leaves.
func TestTail(t *testing.T) {
	d := start(t, nil)
	all := d.open(t, "/api/v1/flows/tail")
	tcp := d.open(t, "/api/v1/flows/tail?profile=flat&filter=proto+tcp")
	d.play(t, "pcap/v5/softflowd.pcap")
	n := 0
	for i, want := range expected(t, "pcap/v5/softflowd.jsonl") {
		if !all.Scan() {
			t.Fatalf("stream ended at flow %d: %v", i+1, all.Err())
		}
		var got map[string]any
		if err := json.Unmarshal(all.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"sourceIPv4Address", "destinationIPv4Address", "sourceTransportPort", "octetDeltaCount"} {
			if fmt.Sprint(got[k]) != fmt.Sprint(want[k]) {
				t.Errorf("flow %d: %s is %v, want %v", i+1, k, got[k], want[k])
			}
		}
		if fmt.Sprint(want["protocolIdentifier"]) != "6" {
			continue
		}
		n++
		if !tcp.Scan() {
			t.Fatalf("filtered stream ended at flow %d: %v", i+1, tcp.Err())
		}
		var flat map[string]any
		if err := json.Unmarshal(tcp.Bytes(), &flat); err != nil {
			t.Fatal(err)
		}
		if flat["src_addr"] != got["sourceIPv4Address"] || fmt.Sprint(flat["proto"]) != "6" {
			t.Errorf("filtered flow is %s", tcp.Bytes())
		}
	}
	if n == 0 {
		t.Error("no flow of TCP in the capture")
	}
}

// A stream that lasts longer than any timeout of the server goes on, and ends
// when the server does, or the client leaves.
func TestTailLasts(t *testing.T) {
	d := start(t, nil)
	s := d.open(t, "/api/v1/flows/tail")
	time.Sleep(2 * d.readTimeout)
	d.play(t, "pcap/v5/softflowd.pcap")
	if !s.Scan() {
		t.Fatalf("stream ended: %v", s.Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		c := Client{URL: d.URL()}
		done <- c.Tail(ctx, "", func(*flow.Batch, uint64) error { return nil })
	}()
	d.watched(t, 2)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d.watched(t, 1)
}

func TestStreamRefuses(t *testing.T) {
	d := start(t, func(c *Config, _ *Deps) { c.Streams = 1 })
	f := func(path string, code int, words string) {
		t.Helper()
		w, body := d.ask(t, "GET", path, "")
		if w.StatusCode != code || !strings.Contains(body, words) {
			t.Errorf("%s: %s: %s", path, w.Status, body)
		}
	}
	f("/api/v1/flows/tail?filter=prot+tcp", 400, `filter: column 1`)
	f("/api/v1/flows/tail?format=xml", 400, "json or batches")
	f("/api/v1/flows/tail?profile=mine", 400, "profile: ")
	f("/api/v1/flows/top?interval=0", 400, "a number from 1 to 300")
	f("/api/v1/flows/top?limit=x", 400, "a number from 1 to 1000")
	f("/api/v1/flows/top?filter=(", 400, "filter: ")
	d.open(t, "/api/v1/flows/top")
	f("/api/v1/flows/tail", 503, "api.streams")
	f("/api/v1/flows/top", 503, "api.streams")
}

// batch makes n flows of TCP that say much.
func batch(n int) *flow.Batch {
	b := &flow.Batch{}
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		f.Proto, f.Bytes, f.SrcPort = 6, uint64(i), uint16(i)
		f.Set.Add(flow.FieldProto)
		f.Set.Add(flow.FieldBytes)
		f.Set.Add(flow.FieldSrcPort)
	}
	return b
}

// A client that doesn't read costs a bounded buffer; it is told how much it
// missed, and what it got and what it missed is all there was.
func TestSlowClient(t *testing.T) {
	d := start(t, nil)
	c, err := net.Dial("tcp", d.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /api/v1/flows/tail?notes=true HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	d.watched(t, 1)
	x := (*d.deps.Tail.watchers.Load())[0].(*stream)
	b := batch(1000)
	sent := 0
	for d.deps.Tail.missed.Load() == 0 { // it never waits
		if err := d.deps.Tail.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		sent += len(b.Flows)
		x.mu.Lock()
		if n := len(x.buf); n > mostHeld+1<<20 {
			t.Fatalf("%d octets are held", n)
		}
		x.mu.Unlock()
	}
	w, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, missed := 0, 0
	for s := bufio.NewScanner(w.Body); got+missed < sent && s.Scan(); {
		var note struct{ Weir struct{ Missed int } }
		if err := json.Unmarshal(s.Bytes(), &note); err != nil {
			t.Fatal(err)
		}
		if note.Weir.Missed > 0 {
			missed += note.Weir.Missed
		} else {
			got++
		}
	}
	if got+missed != sent || uint64(missed) != d.deps.Tail.missed.Load() || missed == 0 {
		t.Errorf("got %d, missed %d, of %d", got, missed, sent)
	}
}

// One that never reads again is given up.
func TestStuckClient(t *testing.T) {
	d := start(t, nil, func(s *Server) { s.writeTimeout = 50 * time.Millisecond })
	c, err := net.Dial("tcp", d.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /api/v1/flows/tail HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	d.watched(t, 1)
	b := batch(1000)
	until(t, "the end of a stuck client", func() bool {
		if err := d.deps.Tail.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		return len(*d.deps.Tail.watchers.Load()) == 0
	})
}

// A Tail that nobody watches costs nothing.
func TestTailAllocs(t *testing.T) {
	tail, b, ctx := NewTail(), batch(100), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if err := tail.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The client gets batches with the flows that match, strings and all, and leaves
// the batch that others see as it is.
func TestBatches(t *testing.T) {
	d := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []uint16
	stop := errors.New("enough")
	done := make(chan error, 1)
	go func() {
		c := Client{URL: d.URL()}
		done <- c.Tail(ctx, "src port > 1", func(b *flow.Batch, missed uint64) error {
			for i := range b.Flows {
				got = append(got, b.Flows[i].SrcPort)
				if s := string(b.Strings.Get(b.Flows[i].AppName)); s != "https" {
					t.Errorf("application is %q", s)
				}
			}
			return stop
		})
	}()
	d.watched(t, 1)
	b := batch(4)
	for i := range b.Flows {
		b.Flows[i].AppName = b.Strings.Intern([]byte("https"))
		b.Flows[i].Set.Add(flow.FieldAppName)
	}
	if err := d.deps.Tail.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[2 3]" || len(b.Flows) != 4 {
		t.Errorf("ports are %v", got)
	}
}

// Sums are exact, scaled by the sampling rate, and what is not shown is in the
// rest.
func TestTop(t *testing.T) {
	c := newCounter(nil)
	b := &flow.Batch{}
	add := func(src byte, port uint16, octets uint64, rate uint32) {
		b.Grow(1)
		f := &b.Flows[len(b.Flows)-1]
		f.SrcAddr, f.DstAddr, f.Exporter = addr(src), addr(99), addr(1)
		f.SrcPort, f.DstPort, f.Proto, f.Bytes, f.Packets, f.SamplingRate = 50000, port, 6, octets, 1, rate
		for _, x := range []flow.Field{flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldBytes, flow.FieldPackets} {
			f.Set.Add(x)
		}
	}
	add(10, 443, 100, 1)
	add(10, 443, 100, 1)
	add(11, 53, 50, 10) // 500
	add(12, 443, 20, 0) // rate unknown
	c.take(b)
	top := c.collect(1)
	if top.Total != (Volume{720, 13, 4}) || top.NoRate != 1 {
		t.Errorf("total is %+v, without a rate %d", top.Total, top.NoRate)
	}
	f := func(name, key string, want, other Volume) {
		t.Helper()
		x := top.Tables[name]
		if len(x.Rows) != 1 || x.Rows[0] != (Row{key, want}) || x.Other != other {
			t.Errorf("%s: %+v", name, x)
		}
	}
	f("source", "192.0.2.11", Volume{500, 10, 1}, Volume{220, 3, 3})
	f("destination", "192.0.2.99", Volume{720, 13, 4}, Volume{})
	f("port", "53/tcp", Volume{500, 10, 1}, Volume{220, 3, 3})
	f("exporter", "192.0.2.1", Volume{720, 13, 4}, Volume{})
	if again := c.collect(1); again.Total != (Volume{}) || len(again.Tables["source"].Rows) != 0 {
		t.Errorf("the next interval has %+v", again)
	}
}

// What a hostile exporter says is too much for 64 bits is the most that they hold,
// not little.
func TestTopIsSaturated(t *testing.T) {
	c := newCounter(nil)
	b := &flow.Batch{}
	for i := range b.Grow(3) {
		f := &b.Flows[i]
		f.SrcAddr, f.Bytes, f.Packets, f.SamplingRate = addr(byte(i)), 1<<40, 7, 1<<30
		f.Set.Add(flow.FieldSrcAddr)
	}
	b.Flows[2].Bytes, b.Flows[2].SamplingRate = math.MaxUint64-1, 1
	c.take(b)
	top := c.collect(2)
	if top.Total != (Volume{math.MaxUint64, 14<<30 + 7, 3}) {
		t.Errorf("total is %+v", top.Total)
	}
	x := top.Tables["source"]
	if len(x.Rows) != 2 || x.Rows[0].Octets != math.MaxUint64 || x.Other.Octets != 0 || x.Other.Flows != 1 {
		t.Errorf("%+v", x)
	}
}

// A clock that is set back in an interval doesn't turn it round.
func TestTopAfterClockJump(t *testing.T) {
	now := time.Now().UnixNano()
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Now = func() time.Time { return time.Unix(0, atomic.AddInt64(&now, -int64(time.Hour))) }
	}, func(s *Server) { s.second = 10 * time.Millisecond })
	lines := d.open(t, "/api/v1/flows/top?interval=1")
	for range 2 {
		var top Top
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &top); err != nil {
			t.Fatal(err)
		}
		if took := top.To.Sub(top.From); took <= 0 || took > time.Minute {
			t.Errorf("an interval of %s", took)
		}
	}
}

func addr(n byte) flow.Addr {
	return flow.Addr{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: n}
}

// A flood of addresses is bounded, and counted all the same.
func TestTopIsBounded(t *testing.T) {
	c := newCounter(nil)
	b := &flow.Batch{}
	const flows = mostKeys + 1000
	for i := range b.Grow(flows) {
		f := &b.Flows[i]
		f.SrcAddr = flow.Addr{12: byte(i >> 16), 13: byte(i >> 8), 14: byte(i)}
		f.Set.Add(flow.FieldSrcAddr)
		f.Bytes = 1
	}
	c.take(b)
	if n := len(c.sums[0]); n != mostKeys {
		t.Errorf("%d sources are told apart, want %d", n, mostKeys)
	}
	top := c.collect(10)
	if x := top.Tables["source"]; x.Other.Octets != flows-10 || top.Total.Octets != flows {
		t.Errorf("rest is %+v of %+v", x.Other, top.Total)
	}
}

func TestTopStream(t *testing.T) {
	d := start(t, nil)
	lines := make(chan *Top)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		c := Client{URL: d.URL()}
		done <- c.Top(ctx, "proto tcp", 20*time.Second, 5, func(x *Top) error {
			if x.Total.Flows > 0 {
				lines <- x
			}
			return nil
		})
	}()
	d.watched(t, 1)
	d.play(t, "pcap/v5/softflowd.pcap")
	var octets, want uint64
	for _, m := range expected(t, "pcap/v5/softflowd.jsonl") {
		if fmt.Sprint(m["protocolIdentifier"]) == "6" {
			want += uint64(m["octetDeltaCount"].(float64))
		}
	}
	for octets < want {
		x := <-lines
		octets += x.Total.Octets
		if x.To.Before(x.From) || len(x.Tables) != len(topTables) {
			t.Errorf("top is %+v", x)
		}
	}
	if octets != want {
		t.Errorf("%d octets, want %d", octets, want)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The client says what is wrong in words.
func TestClientErrors(t *testing.T) {
	d := start(t, nil)
	c := Client{URL: d.URL()}
	if _, err := c.Exporter(t.Context(), "192.0.2.9"); err == nil || !strings.Contains(err.Error(), "nothing has come from exporter 192.0.2.9") {
		t.Errorf("error is %v", err)
	}
	var p *ProblemError
	if err := c.Reload(t.Context()); !errors.As(err, &p) || p.Status != http.StatusUnauthorized {
		t.Errorf("error is %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c.URL = "http://" + l.Addr().String()
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Errorf("error is %v", err)
	}
}
