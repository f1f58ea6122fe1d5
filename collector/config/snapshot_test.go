package config

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// What was announced before a kill decodes the first datagram after it.
func TestTemplatesSurvive(t *testing.T) {
	c := Default()
	c.Listen = listens(t, "127.0.0.1:0")
	c.Data = t.TempDir()
	c.Pipeline.Flush = 5 * time.Millisecond
	m := flowtest.New(1)
	from, err := net.ListenPacket("udp", "127.0.0.1:0") // the exporter keeps its port
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	send := func(r *Running, packets ...[]byte) {
		t.Helper()
		for _, p := range packets {
			if _, err := from.WriteTo(p, net.UDPAddrFromAddrPort(r.Addrs()[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
	first, err := c.Start(&counter{flows: make(chan int, 10)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Stop(t.Context())
	send(first, flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty)))
	path := filepath.Join(c.Data, snapshotFile)
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if i, err := os.Stat(path); err == nil {
			if i.Mode().Perm() != 0o600 {
				t.Errorf("mode %v", i.Mode())
			}
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("no snapshot was written")
		}
	}
	// The first is not stopped: it might as well have been killed here.
	saved, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	if err := os.WriteFile(filepath.Join(again, snapshotFile), saved, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Data = again
	sink := &counter{flows: make(chan int, 10)}
	second, err := c.Start(sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	send(second, flowtest.Packet(9, 1, m.Data(260, 3, flowtest.Twenty)))
	select {
	case n := <-sink.flows:
		if n != 3 {
			t.Errorf("%d flows, want 3", n)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("the first datagram was not decoded: %+v", second.Stats())
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(again, snapshotFile+"*")); len(files) != 1 {
		t.Errorf("%d files are left, want one", len(files))
	}
}

func TestDamagedSnapshot(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	store := template.NewStore(template.Limits{})
	if err := restore(dir, store, log); err != nil {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(dir, snapshotFile)
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := restore(dir, store, log); err != nil {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := os.Stat(path + ".bad"); err != nil {
		t.Errorf("it was not put aside: %v", err)
	}
	c := Default()
	c.Listen = listens(t, "127.0.0.1:0")
	c.Data = filepath.Join(path+".bad", "below") // a file is no directory
	if _, err := c.Start(&counter{}, nil); err == nil {
		t.Error("a data directory that can't be made is no error")
	}
}

func listens(t *testing.T, texts ...string) source.Listens {
	t.Helper()
	all, err := source.ParseListens(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Data that waits for its template is decoded when a snapshot brings it, and
// accounted for as its exporter's.
func TestRestoreDecodesWhatWaits(t *testing.T) {
	m := flowtest.New(1)
	from, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	announced := template.NewStore(template.Limits{})
	dec := decode.New(announced)
	addr := from.LocalAddr().(*net.UDPAddr).AddrPort()
	if err := dec.Decode(new(flow.Batch), decode.Datagram{Data: flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty)), From: addr, Time: time.Now().UnixNano()}); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Listen = listens(t, "127.0.0.1:0")
	c.Pipeline.Flush = 5 * time.Millisecond
	sink := &counter{flows: make(chan int, 10)}
	r, err := c.Start(sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop(t.Context())
	const sets = 3
	for range sets {
		if _, err := from.WriteTo(flowtest.Packet(9, 1, m.Data(260, 3, flowtest.Twenty)), net.UDPAddrFromAddrPort(r.Addrs()[0])); err != nil {
			t.Fatal(err)
		}
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if ever, now := r.Store().Missed(); ever == sets && now == sets {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("nothing waits: %+v", r.Stats())
		}
	}
	if err := r.Store().Restore(announced.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 3*sets; {
		select {
		case more := <-sink.flows:
			n += more
		case <-time.After(10 * time.Second):
			t.Fatalf("%d flows: %+v", n, r.Stats())
		}
	}
	s, ledgers := r.Stats(), r.Pipeline().Ledgers()
	if _, now := r.Store().Missed(); now != 0 || s.Waiting == 0 || s.Waiting != s.Recovered || s.Undecoded != 0 {
		t.Errorf("%d wait, %+v", now, s)
	}
	if len(ledgers) != 1 || ledgers[0].Records != 3*sets || ledgers[0].Flows != 3*sets || ledgers[0].Recovered != s.Recovered || ledgers[0].Datagrams != sets {
		t.Errorf("%+v", ledgers)
	}
}
