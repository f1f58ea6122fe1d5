//go:build real

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRealExporters runs Debian's exporters into weir listen: what they were fed
// and what weir prints must add up to the same. make test-real installs them and
// builds bin/weir.
func TestRealExporters(t *testing.T) {
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
			t.Run(x.exporter+"-v"+version, func(t *testing.T) { realExporter(t, x.exporter, version) })
		}
	}
}

func realExporter(t *testing.T, exporter, version string) {
	port := freePort(t)
	listen := launch(t, inTop(t, "bin", "weir"), "listen", "--format", "json", "127.0.0.1:"+port)
	listen.errs.shows(t, "listening")

	live := exec.Command(inTop(t, "testdata", "make", "live.sh"), exporter, version, port)
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

	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if strings.Count(listen.out.String(), "\n") >= int(want.Flows) {
			break
		}
	}
	time.Sleep(time.Second) // no more comes
	listen.end(t, syscall.SIGINT)
	var got totals
	for line := range strings.Lines(listen.out.String()) {
		var f struct{ OctetDeltaCount, PacketDeltaCount uint64 }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("weir printed %s: %v", line, err)
		}
		got.Flows++
		got.Bytes += f.OctetDeltaCount
		got.Packets += f.PacketDeltaCount
	}
	if got != want || !listen.cmd.ProcessState.Success() {
		t.Errorf("weir has %+v, %s was fed %+v; %v\n%s", got, exporter, want, listen.cmd.ProcessState, listen.errs.String())
	}
	t.Logf("%s version %s: %d flows, %d packets, %d octets", exporter, version, got.Flows, got.Packets, got.Bytes)
}
