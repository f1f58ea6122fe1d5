package input

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/internal/same"
)

// start starts an instance on a free port of loopback, with properties besides.
func start(t *testing.T, props map[string]string) *Instance {
	t.Helper()
	if props["listeners"] == "" {
		props["listeners"] = "udp://127.0.0.1:0"
	}
	if props["types"] == "" {
		props["types"] = "flows"
	}
	cfg, err := Read(func(name string) string { return props[name] })
	if err != nil {
		t.Fatal(err)
	}
	x, err := Start(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Stop(context.Background()) })
	return x
}

// wait waits until the ring has taken n events in all.
func wait(t *testing.T, x *Instance, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); x.Stats().Ring.In.Events < uint64(n); {
		if time.Now().After(deadline) {
			t.Fatalf("%d events after 10 s, want %d: %+v", x.Stats().Ring.In.Events, n, x.Stats())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestSameValues(t *testing.T) {
	for _, schema := range []string{"ecs", "ipfix"} {
		t.Run(schema, func(t *testing.T) {
			x := start(t, map[string]string{"schema": schema})
			same.Send(t, x.Addrs()[0])
			wait(t, x, same.Records(t))
			events, err := same.Events(x.Drain(nil, x.Batch()))
			if err != nil {
				t.Fatal(err)
			}
			same.Compare(t, schema, events)
			if got := x.Drain(nil, 1e6); len(got) != 0 {
				t.Errorf("%d octets more after all was drained", len(got))
			}
			s := x.Stats()
			if n := uint64(same.Records(t)); s.Ring.Out.Events != n || s.Collector.Written != n || s.Ring.Dropped.Events != 0 {
				t.Errorf("%d records, stats %+v", n, s)
			}
		})
	}
}

// Restarting an instance frees its port, and what waited is still there to be
// drained from the old one.
func TestRestart(t *testing.T) {
	x := start(t, map[string]string{})
	addr := x.Addrs()[0]
	same.Send(t, addr)
	wait(t, x, same.Records(t))
	if err := x.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.Stop(t.Context()); err != nil {
		t.Fatalf("stop twice: %v", err)
	}
	y := start(t, map[string]string{"listeners": addr.String()})
	same.Send(t, addr)
	wait(t, y, same.Records(t))
	for _, x := range []*Instance{x, y} {
		events, err := same.Events(x.Drain(nil, 1e6))
		if err != nil {
			t.Fatal(err)
		}
		same.Compare(t, "ecs", events)
	}
}

// Stop hands what is in the sockets and queues to the ring.
func TestStopKeepsReceived(t *testing.T) {
	x := start(t, map[string]string{})
	same.Send(t, x.Addrs()[0])
	for x.Stats().Collector.Datagrams == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := x.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := x.Stats()
	if s.Ring.Waiting.Events != s.Collector.Flows || s.Collector.Flows == 0 {
		t.Errorf("%d flows decoded, %d events wait", s.Collector.Flows, s.Ring.Waiting.Events)
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.LocalAddr().String()
	cfg, err := Read(func(name string) string { return map[string]string{"listeners": addr}[name] })
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(cfg, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), addr) || strings.Contains(err.Error(), "\n") {
		t.Errorf("port in use: %v", err)
	}
}
