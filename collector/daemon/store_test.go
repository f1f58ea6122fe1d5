package daemon

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/collector/store"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/query"
)

// What is received can be asked for a moment later, and after a restart; the
// answer tells how complete it is.
func TestFlowsAreKept(t *testing.T) {
	if !store.Built {
		t.Skip("built without the store")
	}
	c := Default()
	c.Data = t.TempDir()
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = "127.0.0.1:0"
	begin := func() *Daemon {
		t.Helper()
		d, err := Start(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Stop(context.Background()) })
		return d
	}
	d := begin()
	out, err := net.Dial("udp", d.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	m := flowtest.New(1)
	for range 10 {
		if _, err := out.Write(m.V5(30)); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(d *Daemon) *query.Answer {
		t.Helper()
		r := &query.Request{From: 0, To: time.Now().Add(1000 * 24 * time.Hour).UnixNano(), Metrics: []query.Metric{{Of: query.Records}}}
		r.Align()
		a, err := d.store.Query(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := ask(d)
	for start := time.Now(); a.Flows < 300 && time.Since(start) < 20*time.Second; a = ask(d) {
		time.Sleep(10 * time.Millisecond)
	}
	if a.Flows != 300 || len(a.Groups) != 1 || a.Groups[0].Values[0] != 300 || a.Coverage.Records != 300 || a.Coverage.Lost != 0 {
		t.Errorf("%+v", a)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = begin()
	if a = ask(d); a.Flows != 300 || a.Coverage.Records != 300 || a.Coverage.Known {
		t.Errorf("after a restart: %+v", a)
	}
}

// Who asks while weir ends gets an error, or an answer; nothing is closed under it.
func TestAskedToTheEnd(t *testing.T) {
	if !store.Built {
		t.Skip("built without the store")
	}
	c := Default()
	c.Data = t.TempDir()
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = ""
	d, err := Start(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &query.Request{To: time.Now().UnixNano()}
	r.Align()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				if _, err := d.store.Query(context.Background(), r); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := d.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	asking.Wait()
	if _, err := d.erase(t.Context(), netip.MustParseAddr("192.0.2.1"), nil); err == nil {
		t.Error("a store that is closed erases")
	}
}

// Without a store weir runs as before, and says that it keeps nothing.
func TestStoreOff(t *testing.T) {
	c := Default()
	c.Data = t.TempDir()
	c.Store.Off = true
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = ""
	d, err := Start(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop(t.Context())
	if _, err := os.Stat(filepath.Join(c.Data, "store")); !os.IsNotExist(err) || d.store != nil {
		t.Errorf("there is a store: %v", err)
	}
}

// Two daemons don't share a store, wherever their data are.
func TestStoreIsLocked(t *testing.T) {
	if !store.Built {
		t.Skip("built without the store")
	}
	c := Default()
	c.Data = t.TempDir()
	c.Store.Dir = filepath.Join(t.TempDir(), "flows")
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = ""
	first, err := Start(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Stop(t.Context())
	c.Data = t.TempDir()
	second, err := Start(c, Options{})
	if err == nil {
		second.Stop(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), c.Store.Dir) || !strings.Contains(err.Error(), "store: {off: true}") {
		t.Errorf("%v", err)
	}
}
