package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/enrich"
	"github.com/weirflow/weir/shared/flowtest"
)

// Listeners come and go without losing the others.
func TestReload(t *testing.T) {
	port := func() string {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	stays, goes, comes := port(), port(), port()
	c := Default()
	c.Listen = listens(t, stays, goes)
	c.Pipeline.Flush = 5 * time.Millisecond
	sink := &counter{flows: make(chan int, 1000)}
	r, err := c.StartWith(Options{Sink: sink, Stay: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop(t.Context())
	m := flowtest.New(1)
	conn, err := net.Dial("udp", stays)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := uint64(0)
	send := func(n int) {
		t.Helper()
		for range n {
			if _, err := conn.Write(m.V5(1)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	arrived := func() {
		t.Helper()
		for start := time.Now(); r.Stats().Flows != sent; time.Sleep(time.Millisecond) {
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%d flows of %d", r.Stats().Flows, sent)
			}
		}
	}
	send(3)
	arrived()
	c.Listen = listens(t, stays, comes)
	c.Pipeline.Batch = 100
	send(5) // they wait in the socket, or not: it is the same one
	changes, err := r.Reload(c)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(changes)
	if got := strings.Join(changes, "; "); !strings.Contains(got, goes+" is closed") || !strings.Contains(got, comes+" is open") ||
		!strings.Contains(got, "pipeline has changed: restart") || len(changes) != 3 {
		t.Errorf("changes: %s", got)
	}
	send(4)
	arrived()
	addrs := r.Addrs()
	if len(addrs) != 2 || addrs[0] != netip.MustParseAddrPort(stays) || addrs[1] != netip.MustParseAddrPort(comes) {
		t.Errorf("listening on %v", addrs)
	}
	if again, err := net.ListenPacket("udp", goes); err != nil {
		t.Errorf("the old one is not closed: %v", err)
	} else {
		again.Close()
	}
	if conn, err = net.Dial("udp", comes); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(2)
	arrived()

	// An address that is taken is an error; the others go on.
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c.Listen = listens(t, comes, taken.LocalAddr().String())
	if _, err := r.Reload(c); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("got error %v", err)
	}
	send(2)
	arrived()
	if changes, err := r.Reload(Config{}); err == nil {
		t.Errorf("an empty configuration was taken: %v", changes)
	}
}

// A reload brings other tables; where they are wrong, the old ones stay.
func TestReloadTables(t *testing.T) {
	c := Default()
	c.Listen = listens(t, "127.0.0.1:0")
	r, err := c.Start(&counter{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop(t.Context())
	edge := netip.MustParseAddr("192.0.2.1")
	if r.Enrich().Named(edge) {
		t.Error("it has a name already")
	}
	c.Enrich.Exporters = []enrich.Exporter{{Address: enrich.Prefix{Prefix: netip.PrefixFrom(edge, 32)}, Name: "edge"}}
	changes, err := r.Reload(c)
	if err != nil || !slices.Equal(changes, []string{"enrich has changed"}) || !r.Enrich().Named(edge) {
		t.Errorf("changes %q, error %v, named %t", changes, err, r.Enrich().Named(edge))
	}
	c.Enrich.Exporters, c.Enrich.Files.Networks = nil, []string{"/no/such/file.csv"}
	changes, err = r.Reload(c)
	if err == nil || !strings.Contains(err.Error(), "enrich: ") || len(changes) > 0 || !r.Enrich().Named(edge) {
		t.Errorf("changes %q, error %v, named %t", changes, err, r.Enrich().Named(edge))
	}
}
