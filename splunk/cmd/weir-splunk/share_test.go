//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// freePort returns a UDP port that nobody has, above 29000.
func freePort(t *testing.T) string {
	t.Helper()
	for port := 29800; port < 30800; port++ {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			defer c.Close()
			return c.LocalAddr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// A reader reads a stream all the time.
type reader struct {
	mu   sync.Mutex
	n    int    // events
	part []byte // of the end of one
}

func (s *splunkd) readAll() *reader {
	const end = "</event>"
	r := new(reader)
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := s.stdout.Read(buf)
			r.mu.Lock()
			d := append(r.part, buf[:n]...)
			r.n += bytes.Count(d, []byte(end))
			r.part = append(r.part[:0], d[max(0, len(d)-len(end)+1):]...)
			r.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return r
}

func (r *reader) events() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// Two processes share a port, each with a stanza of its own. When one stops, the
// other gets exporters whose templates it has never seen, and when it is back it
// gets some of them again: nothing is undecodable for longer than a second.
func TestStanzasShareAPort(t *testing.T) {
	checkpoints, address := t.TempDir(), freePort(t)
	run := func(name string) (*splunkd, *reader) {
		s := launch(t, document("weir://"+name, checkpoints, "listeners="+address, "share_port=true", "types=flows", "stitch=false"), nil)
		s.find(`INFO listening .*address=(\S+)`)
		return s, s.readAll()
	}
	a, readA := run("a")
	b, readB := run("b")

	const exporters, records = 64, 5
	var from [exporters]net.Conn
	for i := range from {
		c, err := net.Dial("udp4", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from[i] = c
	}
	m := flowtest.New(1)
	sequence := uint32(0)
	send := func(sets ...[]byte) {
		t.Helper()
		d := flowtest.Packet(9, 1, sets...)
		binary.BigEndian.PutUint32(d[8:], uint32(time.Now().Unix()))
		binary.BigEndian.PutUint32(d[12:], sequence)
		sequence++
		for _, c := range from {
			if _, err := c.Write(d); err != nil {
				t.Fatal(err)
			}
		}
	}
	total := func() int { return readA.events() + readB.events() }
	sent := 0
	// decoded waits until all that was sent is an event, and returns for how long.
	decoded := func(what string) time.Duration {
		t.Helper()
		start := time.Now()
		for total() < sent {
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%s: %d of %d events\n%s\n%s", what, total(), sent, a.stderr, b.stderr)
			}
			time.Sleep(2 * time.Millisecond)
		}
		return time.Since(start)
	}
	send(flowtest.Template(9, 260, flowtest.Twenty), m.Data(260, records, flowtest.Twenty))
	sent += exporters * records
	decoded("at first")
	if readA.events() == 0 || readB.events() == 0 {
		t.Skipf("the kernel gave all exporters to one process: %d and %d events", readA.events(), readB.events())
	}
	// The snapshots are written a second after the announcement.
	for _, name := range []string{"a", "b"} {
		dir := filepath.Join(checkpoints, "stanza-"+name)
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			i, err := os.Stat(filepath.Join(dir, "templates"))
			if err == nil {
				d, err := os.Stat(dir)
				if err != nil || i.Mode().Perm() != 0o600 || d.Mode().Perm() != 0o700 {
					t.Errorf("%s: modes %v, %v, %v", dir, i.Mode(), d.Mode(), err)
				}
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(1200 * time.Millisecond) // a snapshot may have been written in the middle of it

	before := readB.events()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := a.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, a.stderr)
	}
	send(m.Data(260, records, flowtest.Twenty))
	sent += exporters * records
	took := decoded("after the stop")
	if got := readB.events() - before; got != exporters*records {
		t.Errorf("the other decoded %d of %d", got, exporters*records)
	}
	a, again := run("a")
	before = again.events()
	old := total()
	send(m.Data(260, records, flowtest.Twenty))
	start := time.Now()
	for total()-old+again.events() < exporters*records {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("after the start: %d and %d events\n%s\n%s", total()-old, again.events(), a.stderr, b.stderr)
		}
		time.Sleep(2 * time.Millisecond)
	}
	back := time.Since(start)
	if again.events() == before {
		t.Logf("the kernel gave the process that came back no exporter")
	}
	// What is flushed and read takes 200 ms of its own.
	if limit := 1500 * time.Millisecond; took > limit || back > limit {
		t.Errorf("decoded %s after the stop, %s after the start", took, back)
	}
	t.Logf("decoded %s after the stop, %s after the start (%d of it by the new process)", took, back, again.events())
	for _, s := range []*splunkd{a, b} {
		if strings.Contains(s.stderr.String(), "ERROR") || strings.Contains(s.stderr.String(), "another stanza") {
			t.Errorf("%s", s.stderr)
		}
	}
}

// A restart loses no template, whatever the stanza is called.
func TestRestart(t *testing.T) {
	checkpoints, address := t.TempDir(), freePort(t)
	from, err := net.Dial("udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	m := flowtest.New(1)
	for i, sets := range [][][]byte{{flowtest.Template(9, 260, flowtest.Twenty), m.Data(260, 3, flowtest.Twenty)}, {m.Data(260, 3, flowtest.Twenty)}} {
		s := launch(t, document("weir://../My Router", checkpoints, "listeners="+address, "types=flows", "stitch=false"), nil)
		s.find(`INFO listening .*address=(\S+)`)
		if _, err := from.Write(flowtest.Packet(9, 1, sets...)); err != nil {
			t.Fatal(err)
		}
		s.await(3)
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := s.exit(5 * time.Second); code != 0 {
			t.Errorf("run %d: exit code %d: %s", i, code, s.stderr)
		}
	}
	if all, _ := filepath.Glob(filepath.Join(checkpoints, "*", "templates")); len(all) != 1 || !strings.HasPrefix(filepath.Base(filepath.Dir(all[0])), "stanza-%2e%2e%2f%4dy") {
		t.Errorf("state in %v", all)
	}
}

// Exporters send all the while, and one of two processes on the port stops, then
// the other: each flow is an event.
func TestStopLosesNothing(t *testing.T) {
	checkpoints, address := t.TempDir(), freePort(t)
	run := func(name string) (*splunkd, *reader) {
		s := launch(t, document("weir://"+name, checkpoints, "listeners="+address, "share_port=true", "types=flows", "stitch=false"), nil)
		s.find(`INFO listening .*address=(\S+)`)
		return s, s.readAll()
	}
	a, readA := run("a")
	b, readB := run("b")
	const records, window = 5, 2000 // datagrams that may be on their way
	m := flowtest.New(1)
	sent := 0
	send := func(n int) {
		t.Helper()
		d := flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty), m.Data(260, records, flowtest.Twenty))
		binary.BigEndian.PutUint32(d[8:], uint32(time.Now().Unix()))
		var from [32]net.Conn
		for i := range from {
			c, err := net.Dial("udp4", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			from[i] = c
		}
		for i := range n {
			for end := time.Now().Add(10 * time.Second); sent-readA.events()-readB.events() > window*records; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d of %d events\n%s\n%s", readA.events()+readB.events(), sent, a.stderr, b.stderr)
				}
			}
			if _, err := from[i%len(from)].Write(d); err != nil {
				t.Fatalf("datagram %d: %v\n%s\n%s", i, err, a.stderr, b.stderr)
			}
			sent += records
			if i == n/2 {
				if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	send(20_000)
	if code := a.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, a.stderr)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil { // with what was sent just now in the kernel
		t.Fatal(err)
	}
	if code := b.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, b.stderr)
	}
	for end := time.Now().Add(10 * time.Second); readA.events()+readB.events() < sent && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	if readA.events() == 0 || readA.events()+readB.events() != sent {
		t.Errorf("%d and %d events of %d\n%s\n%s", readA.events(), readB.events(), sent, a.stderr, b.stderr)
	}
	t.Logf("%d and %d events", readA.events(), readB.events())
}
