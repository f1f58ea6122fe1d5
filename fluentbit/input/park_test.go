package input

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/internal/same"
	"github.com/weirflow/weir/shared/flowtest"
)

func configOf(t *testing.T, props map[string]string) Config {
	t.Helper()
	cfg, err := Read(func(name string) string { return props[name] })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A reload keeps sockets, templates and events: what comes between the two
// instances is decoded by templates of before. It does so too where the new
// properties need another pipeline.
func TestPark(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"same": {}, "schema": {"schema": "flat"}, "spill": {"spill_path": "DIR", "schema": "flat"}, "state": {"state_path": "DIR", "buffer_limit": "2m"},
	} {
		t.Run(name, func(t *testing.T) {
			free, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			listen := "udp://" + free.LocalAddr().String()
			free.Close()
			props := map[string]string{"listeners": listen, "types": "flows"}
			x, err := Start(configOf(t, props), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("udp4", x.Addrs()[0].String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send := func(d []byte) {
				t.Helper()
				if _, err := conn.Write(d); err != nil {
					t.Fatal(err)
				}
			}
			gen := flowtest.New(7)
			send(flowtest.Packet(10, 5, flowtest.Template(10, 300, flowtest.TwentyIPFIX), gen.Data(300, 3, flowtest.TwentyIPFIX)))
			wait(t, x, 3)
			x.Park()
			send(flowtest.Packet(10, 5, gen.Data(300, 4, flowtest.TwentyIPFIX))) // no template
			wait(t, x, 7)

			for k, v := range change {
				if v == "DIR" {
					v = t.TempDir()
				}
				props[k] = v
			}
			y, err := Start(configOf(t, props), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer y.Stop(t.Context())
			send(flowtest.Packet(10, 5, gen.Data(300, 5, flowtest.TwentyIPFIX)))
			wait(t, y, 12)
			events, err := same.Events(y.Drain(nil, 1e6))
			if err != nil || len(events) != 12 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			last := events[11].Record
			if _, flat := last["src_addr"]; flat != (props["schema"] == "flat") {
				t.Errorf("the last event is %v", last)
			}
			if n := y.Stats().Ring.Dropped.Events; n > 0 {
				t.Errorf("%d events dropped", n)
			}
		})
	}
}

// freePort returns a listener on a port of loopback that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// A reload may put listeners together, spread them otherwise, or write their
// addresses in other words: the ports are free for it, and what waited and what is
// known goes on.
func TestParkMoves(t *testing.T) {
	a, b, c := freePort(t), freePort(t), freePort(t)
	for name, f := range map[string]struct{ before, after []string }{
		"together":     {[]string{a, b, c}, []string{a + "," + b + "," + c}},
		"apart":        {[]string{a + "," + b, c}, []string{a, b + "," + c}},
		"from another": {[]string{a, b + "," + c}, []string{a + "," + b, c}},
		"other words":  {[]string{a, b, c}, []string{"udp://" + a, b + "?workers=1", c}},
	} {
		t.Run(name, func(t *testing.T) {
			gen := flowtest.New(7)
			conns := map[string]net.Conn{}
			send := func(to string, sets ...[]byte) {
				t.Helper()
				if conns[to] == nil {
					conn, err := net.Dial("udp4", to)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { conn.Close() })
					conns[to] = conn
				}
				if _, err := conns[to].Write(flowtest.Packet(10, 5, sets...)); err != nil {
					t.Fatal(err)
				}
			}
			in := func(xs []*Instance) (n uint64) {
				for _, x := range xs {
					n += x.Stats().Ring.In.Events
				}
				return n
			}
			var before, after []*Instance
			for _, l := range f.before {
				before = append(before, start(t, map[string]string{"listeners": l}))
			}
			for _, to := range []string{a, b, c} {
				send(to, flowtest.Template(10, 300, flowtest.TwentyIPFIX), gen.Data(300, 3, flowtest.TwentyIPFIX))
			}
			until(t, "what comes before", func() bool { return in(before) == 9 })
			for _, x := range before {
				x.Park()
			}
			for _, to := range []string{a, b, c} {
				send(to, gen.Data(300, 4, flowtest.TwentyIPFIX))
			}
			until(t, "what comes between", func() bool { return in(before) == 21 })
			for _, l := range f.after {
				after = append(after, start(t, map[string]string{"listeners": l}))
			}
			got := 0
			for _, to := range []string{a, b, c} {
				send(to, gen.Data(300, 5, flowtest.TwentyIPFIX))
			}
			until(t, "all events", func() bool {
				for _, x := range after {
					got += len(drained(t, x))
				}
				return got >= 36
			})
			if got != 36 {
				t.Errorf("%d events, want 36", got)
			}
			if len(lot.all) > 0 {
				t.Errorf("%d are still parked", len(lot.all))
			}
			lot.moved = nil // it is of no other test
		})
	}
}

// Without a successor a parked instance ends, and its events are dropped.
func TestParkedInVain(t *testing.T) {
	x := start(t, map[string]string{})
	same.Send(t, x.Addrs()[0])
	wait(t, x, same.Records(t))
	lot.park(x, time.Millisecond)
	until(t, "the end", func() bool { return x.Stats().Ring.Dropped.Events == uint64(same.Records(t)) })
	until(t, "the ledger", func() bool { return x.Stats().Collector.Dropped == uint64(same.Records(t)) })
	cfg := x.cfg
	if y, _ := lot.take(&cfg); y != nil {
		t.Error("it is still parked")
	}
	x.tell() // for the test's own Stop
}
