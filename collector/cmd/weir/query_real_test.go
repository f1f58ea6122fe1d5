//go:build real

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Debian's exporters send to weir run: what weir query adds up of its store is what
// they were fed.
func TestRealQuery(t *testing.T) {
	for _, x := range []struct{ exporter, program, version string }{
		{"softflowd", "softflowd", "9"}, {"pmacctd", "pmacctd", "10"}, {"fprobe", "fprobe", "5"},
	} {
		needs(t, x.program)
		t.Run(x.exporter+"-v"+x.version, func(t *testing.T) { realQuery(t, x.exporter, x.version) })
	}
}

func realQuery(t *testing.T, exporter, version string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	port := freePort(t)
	program := inTop(t, "bin", "weir")
	daemon := launch(t, program, "run", "--data", t.TempDir(), "--listen", "127.0.0.1:"+port, "--http", at)
	daemon.errs.shows(t, "listening")
	live := exec.Command(inTop(t, "testdata", "make", "live.sh"), exporter, version, port)
	live.Stderr = os.Stderr
	text, err := live.Output()
	if err != nil {
		t.Fatalf("live.sh: %v", err)
	}
	var fed totals
	if err := json.Unmarshal(text, &fed); err != nil || fed.Flows == 0 {
		t.Fatalf("live.sh said %s: %v", text, err)
	}
	ask := func(question string) string {
		out, err := exec.Command(program, "query", "--http", at, "--format", "csv", question).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", question, err, out)
		}
		_, rows, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return rows
	}
	want := fmt.Sprintf("%d,%d,%d", fed.Bytes, fed.Packets, fed.Flows)
	var got string
	for end := time.Now().Add(20 * time.Second); got != want && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		cells := strings.Split(ask("top by bytes, packets, flows raw from 2000-01-01"), ",") // bytes, rate, share, packets, rate, flows, rate
		if len(cells) == 7 {
			got = cells[0] + "," + cells[3] + "," + cells[5]
		}
	}
	if got != want {
		t.Errorf("the store has %s, %s was fed %s", got, exporter, want)
	}
	rows := strings.Split(ask("top 1000 src, dst, src port, dst port, proto by bytes raw from 2000-01-01"), "\n")
	sum := uint64(0)
	for _, row := range rows {
		var n uint64
		if _, err := fmt.Sscan(strings.Split(row, ",")[5], &n); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		sum += n
	}
	if sum != fed.Bytes {
		t.Errorf("%d groups have %d octets, %s was fed %d", len(rows), sum, exporter, fed.Bytes)
	}
	daemon.end(t, syscall.SIGTERM)
	t.Logf("%s version %s: bytes, packets, flows %s in %d groups", exporter, version, got, len(rows))
}
