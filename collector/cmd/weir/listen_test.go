package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
)

// A session is a command that runs.
type session struct {
	stdout, stderr lockedBuffer
	cancel         context.CancelFunc
	done           chan int
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start runs weir listen.
func start(t *testing.T, args ...string) *session {
	t.Helper()
	return startCommand(t, append([]string{"listen"}, args...)...)
}

func startCommand(t *testing.T, args ...string) *session {
	t.Helper()
	s := &session{done: make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	go func() { s.done <- run(ctx, args, nil, &s.stdout, &s.stderr) }()
	t.Cleanup(cancel)
	return s
}

// until waits for cond.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

var listening = regexp.MustCompile(`listening on UDP (127\.0\.0\.1:\d+)\n`)

func (s *session) addr(t *testing.T) netip.AddrPort {
	t.Helper()
	var m []string
	until(t, "a listener", func() bool { m = listening.FindStringSubmatch(s.stderr.String()); return m != nil })
	return netip.MustParseAddrPort(m[1])
}

func (s *session) wait(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.done:
		return code
	case <-time.After(10 * time.Second):
		t.Fatalf("weir did not end: %s", s.stderr.String())
		panic("unreachable")
	}
}

func replay(t *testing.T, to netip.AddrPort, path string) {
	t.Helper()
	_, err := source.Replay(t.Context(), func(uint16) netip.AddrPort { return to }, source.ReplayOptions{}, bytes.NewReader(capture(t, path)))
	if err != nil {
		t.Fatal(err)
	}
}

// What comes over the network is what decode reads from the file.
func TestListenSame(t *testing.T) {
	s := start(t, "--format", "json", "127.0.0.1:0")
	replay(t, s.addr(t), "same/same.pcap")
	want := objects(t, string(capture(t, "same/same.jsonl")))
	until(t, "all flows", func() bool { return strings.Count(s.stdout.String(), "\n") >= len(want) })
	s.cancel() // as Ctrl-C does
	if code := s.wait(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	got := objects(t, s.stdout.String())
	if len(got) != len(want) {
		t.Fatalf("%d flows, want %d", len(got), len(want))
	}
	for i := range want {
		for _, k := range []string{"version", "sourceIPv4Address", "sourceIPv6Address", "sourceTransportPort", "octetDeltaCount", "flowEndMilliseconds"} {
			if want[i][k] != got[i][k] {
				t.Errorf("flow %d: %s is %v, want %v", i+1, k, got[i][k], want[i][k])
			}
		}
	}
	for _, w := range []string{"datagrams  24 ", fmt.Sprintf("flows      %d\n", len(want)), fmt.Sprintf("printed    %d\n", len(want)), "dropped    0\n", "exporter   127.0.0."} {
		if !strings.Contains(s.stderr.String(), w) {
			t.Errorf("summary lacks %q:\n%s", w, s.stderr.String())
		}
	}
}

func TestListenCount(t *testing.T) {
	s := start(t, "--count", "7", "127.0.0.1:0")
	replay(t, s.addr(t), "pcap/v5/pmacctd.pcap")
	if code := s.wait(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(s.stdout.String(), "\n"); n != 8 {
		t.Errorf("%d lines, want a title and 7:\n%s", n, s.stdout.String())
	}
}

func TestListenDemo(t *testing.T) {
	s := start(t, "--demo", "--count", "5", "127.0.0.1:0")
	if code := s.wait(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(s.stdout.String(), "\n"); n != 6 {
		t.Errorf("%d lines, want a title and 5:\n%s", n, s.stdout.String())
	}
	if !strings.Contains(s.stderr.String(), "demo: replaying ") || strings.Contains(s.stderr.String(), "fault") {
		t.Errorf("stderr is %s", s.stderr.String())
	}
}

func TestListenQuietAndStats(t *testing.T) {
	s := start(t, "--quiet", "--stats-every", "5ms", "127.0.0.1:0")
	a := s.addr(t)
	replay(t, a, "pcap/v5/pmacctd.pcap")
	c, err := net.Dial("udp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{0, 77, 1, 2}); err != nil {
		t.Fatal(err)
	}
	until(t, "statistics", func() bool {
		return strings.Contains(s.stderr.String(), "3 datagrams, 31 flows, 0 queued, 0 dropped, faults: version 1\n")
	})
	s.cancel()
	if code := s.wait(t); code != exitOK || s.stdout.String() != "" {
		t.Errorf("exit code %d, stdout %q", code, s.stdout.String())
	}
	if !strings.Contains(s.stderr.String(), "fault      1 × "+decode.ErrVersion.Error()) {
		t.Errorf("summary lacks the fault:\n%s", s.stderr.String())
	}
}

func TestListenPortTaken(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	port := c.LocalAddr().(*net.UDPAddr).Port
	_, errs, code := weir(t, nil, "listen", c.LocalAddr().String())
	if code != exitError {
		t.Errorf("exit code %d, want %d", code, exitError)
	}
	for _, want := range []string{fmt.Sprintf("UDP port %d is taken", port), fmt.Sprintf("for example: weir listen 127.0.0.1:%d\n", (port+10000)%65536)} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr %q lacks %q", errs, want)
		}
	}
}

// head is an output that is closed after the first write.
type head struct{ writes int }

func (h *head) Write(p []byte) (int, error) {
	if h.writes++; h.writes > 1 {
		return 0, fmt.Errorf("write stdout: %w", syscall.EPIPE)
	}
	return len(p), nil
}

func TestClosedStdoutEndsQuietly(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		var errs lockedBuffer
		done := make(chan int, 1)
		go func() {
			done <- run(t.Context(), args, bytes.NewReader(bytes.Repeat(v5Capture, 3000)), new(head), &errs)
		}()
		select {
		case code := <-done:
			if code != exitOK {
				t.Errorf("%q: exit code %d: %s", args, code, errs.String())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q did not end", args)
		}
		for _, bad := range []string{"pipe", "error", "datagrams"} {
			if strings.Contains(errs.String(), bad) {
				t.Errorf("%q: stderr is %q", args, errs.String())
			}
		}
	}
	f("listen", "--demo", "127.0.0.1:0")
	f("decode", "-")
}

// v5Capture is a raw datagram of one record.
var v5Capture = append([]byte{0, 5, 0, 1}, make([]byte, 68)...)

func TestListenConfig(t *testing.T) {
	_, errs, code := weir(t, nil, "listen", "--config", "/no/such/file.yaml")
	if code != exitError || !strings.Contains(errs, "/no/such/file.yaml") {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
}

func TestList(t *testing.T) {
	var all []*source.Listener
	for _, text := range []string{"127.0.0.1:0?protocol=sflow", "tcp://127.0.0.1:0", "127.0.0.1:0?protocol=netflow,ipfix", ":0"} {
		l, err := source.ParseListen(text)
		if err != nil {
			t.Fatal(err)
		}
		x, err := source.Open(l, source.Default())
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		all = append(all, x)
	}
	a := func(i int) netip.AddrPort { return all[i].Addr() }
	if got, want := list(all), fmt.Sprintf("UDP %s, %s, :%d; TCP %s", a(0), a(2), a(3).Port(), a(1)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	to := demoTargets(all)
	for version, want := range map[uint16]netip.AddrPort{0: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a(3).Port()), 5: a(2), 9: a(2)} {
		if got := to(version); got != want {
			t.Errorf("version %d goes to %s, want %s", version, got, want)
		}
	}
	if got := demoTargets(all[:2])(9); got.IsValid() {
		t.Errorf("NetFlow goes to %s, which doesn't take it", got)
	}
}
