//go:build real

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// totals is what an exporter was fed, or what weir printed of it.
type totals struct {
	Flows, Packets, Bytes uint64
}

// TestRealExporters runs Debian's exporters into weir listen: what they were fed
// and what weir prints must add up to the same. make test-real installs them and
// builds bin/weir.
func TestRealExporters(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		exporter, program string
		versions          []string
	}{
		{"softflowd", "softflowd", []string{"1", "5", "9", "10"}},
		{"pmacctd", "pmacctd", []string{"5", "9", "10"}},
		{"fprobe", "fprobe", []string{"1", "5", "7"}},
		{"openvswitch", "ovs-vswitchd", []string{"5", "sflow"}},
	} {
		needs(t, x.program)
		for _, version := range x.versions {
			t.Run(x.exporter+"-v"+version, func(t *testing.T) { realExporter(t, root, x.exporter, version) })
		}
	}
}

// needs skips the test if a program is not installed, and fails it where it has
// to be.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: run testdata/make/install.sh", program)
		}
		t.Skipf("%s is not installed: run testdata/make/install.sh", program)
	}
}

func realExporter(t *testing.T, root, exporter, version string) {
	port := freePort(t)
	listen := exec.Command(filepath.Join(root, "bin", "weir"), "listen", "--format", "json", "127.0.0.1:"+port)
	out, err := listen.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := listen.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listen.Start(); err != nil {
		t.Fatalf("%v: make build", err)
	}
	defer listen.Process.Kill()
	stderr := bufio.NewReader(notes)
	for {
		line, err := stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("weir listen ended: %v", err)
		}
		if strings.Contains(line, "listening") {
			break
		}
	}
	said := make(chan []byte)
	go func() {
		rest, _ := io.ReadAll(stderr)
		said <- rest
	}()

	live := exec.Command(filepath.Join(root, "testdata", "make", "live.sh"), exporter, version, port)
	live.Stderr = os.Stderr
	text, err := live.Output()
	if err != nil {
		t.Fatalf("live.sh: %v", err)
	}
	var want totals
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatalf("live.sh said %s: %v", text, err)
	}
	if want.Flows == 0 {
		t.Fatalf("live.sh fed nothing: %s", text)
	}

	lines := make(chan []byte)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- bytes.Clone(s.Bytes())
		}
	}()
	var got totals
	deadline := time.After(10 * time.Second)
	stop := time.NewTimer(10 * time.Second) // set to a second when all is there, to see that no more comes
	for open := true; open; {
		select {
		case line, ok := <-lines:
			if !ok {
				open = false
				break
			}
			var f struct{ OctetDeltaCount, PacketDeltaCount uint64 }
			if err := json.Unmarshal(line, &f); err != nil {
				t.Fatalf("weir printed %s: %v", line, err)
			}
			got.Flows++
			got.Bytes += f.OctetDeltaCount
			got.Packets += f.PacketDeltaCount
			if got.Flows == want.Flows {
				stop.Reset(time.Second)
			}
		case <-stop.C:
			listen.Process.Signal(syscall.SIGINT)
		case <-deadline:
			listen.Process.Signal(syscall.SIGINT)
		}
	}
	rest := <-said
	if err := listen.Wait(); err != nil {
		t.Errorf("weir listen: %v\n%s", err, rest)
	}
	if got != want {
		t.Errorf("weir has %+v, %s was fed %+v\n%s", got, exporter, want, rest)
	}
	t.Logf("%s version %s: %d flows, %d packets, %d octets", exporter, version, got.Flows, got.Packets, got.Bytes)
}

func freePort(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
}
