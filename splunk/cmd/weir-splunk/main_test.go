//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Splunk reads slower than flows come: the socket is read on, what doesn't fit
// is dropped and counted, and SIGTERM ends it in order.
func TestSplunkReadsSlowly(t *testing.T) {
	s := launch(t, stanza(t, "buffer_limit=1MiB"), nil)
	exporter := s.connect()
	type result struct {
		events int
		err    error
	}
	read := make(chan result, 1)
	go func() {
		n, err := events(slow{s.stdout, 5 * time.Millisecond}) // 800 kB/s at most
		read <- result{n, err}
	}()
	const datagrams, records = 1500, 30
	for i := range datagrams {
		if _, err := exporter.Write(v5(records, byte(i))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if code := s.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr)
	}
	took := time.Since(begin)
	got := <-read
	if got.err != nil {
		t.Errorf("after %d events: %v", got.events, got.err)
	}
	received, flows := s.number(`INFO stopped .*datagrams=(\d+)`), s.number(`INFO stopped .*flows=(\d+)`)
	written, dropped := s.number(`INFO stopped .*written=(\d+)`), s.number(`INFO stopped .*dropped=(\d+)`)
	// Under load the kernel drops a few. A socket that waits for stdout would
	// have had room for a tenth.
	if received < datagrams/2 || flows != received*records {
		t.Errorf("%d of %d datagrams, %d flows", received, datagrams, flows)
	}
	if dropped == 0 || written != got.events || flows != written+dropped {
		t.Errorf("%d flows, %d events (read %d), %d dropped", flows, written, got.events, dropped)
	}
	if n := s.number(`WARN flows were dropped .*dropped_total=(\d+)`); n != dropped {
		t.Errorf("warned of %d, dropped %d", n, dropped)
	}
	for line := range strings.Lines(s.stderr.String()) {
		level, _, _ := strings.Cut(line, " ")
		if level != "INFO" && level != "WARN" {
			t.Errorf("level of %q", line)
		}
	}
	free, err := net.ListenPacket("udp4", exporter.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	t.Logf("%d of %d datagrams, %d events, %d dropped, ended in %s", received, datagrams, written, dropped, took)
}

func TestInterrupt(t *testing.T) {
	s := launch(t, stanza(t), nil)
	exporter := s.connect()
	for range 3 {
		exporter.Write(v5(1, 0))
	}
	begun := s.await(3)
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr)
	}
	if n, err := events(io.MultiReader(begun, s.stdout)); n != 3 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
}

func TestSplunkHasClosedStdout(t *testing.T) {
	s := launch(t, stanza(t), nil)
	exporter := s.connect()
	s.stdout.Close()
	for range 20 {
		exporter.Write(v5(1, 0))
		time.Sleep(20 * time.Millisecond)
	}
	if code := s.exit(5 * time.Second); code != 1 {
		t.Errorf("exit code %d: %s", code, s.stderr)
	}
	s.find(`(?m)^ERROR (write events: .*broken pipe)`)
}

// When splunkd dies, nobody tells weir: it has to see for itself.
func TestSplunkHasDied(t *testing.T) {
	// The shell is splunkd here, and dies of what it reads on stdin last.
	s := launch(t, stanza(t), nil, "sh", "-c", `exec 3<&0; "$0" <&3 & echo "INFO pid=$!" >&2; wait`)
	pid := s.number(`INFO pid=(\d+)`)
	t.Cleanup(func() { // weir is no child of ours
		if p, err := os.FindProcess(pid); err == nil && t.Failed() {
			p.Kill()
		}
	})
	exporter := s.connect()
	exporter.Write(v5(2, 0))
	begun := s.await(2)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if n, err := events(io.MultiReader(begun, s.stdout)); n != 2 || err != nil {
		t.Errorf("%d events, %v: %s", n, err, s.stderr)
	}
	s.find(`(?m)^ERROR (parent process has gone)`)
}

func TestArguments(t *testing.T) {
	item := func(params string) string {
		return `<items><server_host>h</server_host><item name="core">` + params + `</item></items>`
	}
	f := func(document, want string, code int, args ...string) {
		t.Helper()
		s := launch(t, document, args)
		out, err := io.ReadAll(s.stdout)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.exit(5 * time.Second); got != code || !strings.Contains(string(out), want) || want == "" && len(out) > 0 {
			t.Errorf("%v: exit code %d, %q, %s", args, got, out, s.stderr)
		}
	}
	f("", "<scheme>", 0, "--scheme")
	f(item(`<param name="listeners">:2055</param><param name="index">net</param>`), "", 0, "--validate-arguments")
	f(item(`<param name="format">xml</param>`), `<message>no format &#34;xml&#34;: write psv, kv or json</message>`, 1, "--validate-arguments")
	f(item(`<param name="listeners">2055</param>`), "<message>listeners: listen address", 1, "--validate-arguments")
	f("<items>oops</item>", "<error>", 1, "--validate-arguments")
	f("", "", 2, "--version")
}

// v5 returns a NetFlow v5 datagram of n records.
func v5(n int, seed byte) []byte {
	now := time.Now().Unix()
	d := make([]byte, 24+48*n)
	d[1], d[3] = 5, byte(n)
	copy(d[8:], []byte{byte(now >> 24), byte(now >> 16), byte(now >> 8), byte(now)})
	for i := range n {
		copy(d[24+48*i:], []byte{10, seed, 0, byte(i), 192, 0, 2, byte(i)})
	}
	return d
}
