//go:build real

package daemon

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/gen"
	"github.com/weirflow/weir/collector/pipeline"
)

// nfcapdCounts is what nfcapd has counted.
type nfcapdCounts struct{ flows, gaps, bad int }

var nfcapdLine = regexp.MustCompile(`(?m)^Ident: .* Flows: (\d+), Packets: \d+, Bytes: \d+, Sequence Errors: (\d+), Bad Packets: (\d+)`)

// counted adds up the lines of statistics: nfcapd writes one for each file, and
// begins another when the hour turns.
func counted(told string) (sum nfcapdCounts, lines int) {
	for _, m := range nfcapdLine.FindAllStringSubmatch(told, -1) {
		for i, n := range []*int{&sum.flows, &sum.gaps, &sum.bad} {
			x, _ := strconv.Atoi(m[i+1]) // digits
			*n += x
		}
		lines++
	}
	return sum, lines
}

func TestNfcapdCounts(t *testing.T) {
	const told = `Add extension: 2 byte input/output interface index
Ident: 'none' Flows: 2000, Packets: 30, Bytes: 40, Sequence Errors: 1, Bad Packets: 0, Blocks: 1
Ident: 'none' Flows: 501, Packets: 3, Bytes: 4, Sequence Errors: 0, Bad Packets: 2, Blocks: 1
Terminating nfcapd.
`
	if sum, lines := counted(told); sum != (nfcapdCounts{2501, 1, 2}) || lines != 2 {
		t.Errorf("%+v of %d lines", sum, lines)
	}
	if _, lines := counted("Terminating nfcapd.\n"); lines != 0 {
		t.Errorf("%d lines of none", lines)
	}
}

// nfcapd hears the same datagrams through the relay, and its totals agree.
func TestNfcapdBehindRelay(t *testing.T) {
	port := func() string {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, p, _ := net.SplitHostPort(c.LocalAddr().String())
		return p
	}
	for _, protocol := range []string{"netflow5", "netflow9", "ipfix"} {
		t.Run(protocol, func(t *testing.T) {
			behind := port()
			nfcapd := exec.Command("nfcapd", "-w", t.TempDir(), "-b", "127.0.0.1", "-p", behind, "-B", "4194304", "-t", "3600")
			var told bytes.Buffer
			nfcapd.Stdout, nfcapd.Stderr = &told, &told
			if err := nfcapd.Start(); err != nil {
				t.Fatal(err)
			}
			defer nfcapd.Process.Kill()
			n, _ := strconv.Atoi(behind)
			for start := time.Now(); ; time.Sleep(10 * time.Millisecond) { // until it listens
				sockets, err := os.ReadFile("/proc/net/udp")
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(sockets, fmt.Appendf(nil, ":%04X ", n)) {
					break
				}
				if time.Since(start) > 20*time.Second {
					t.Fatalf("nfcapd doesn't listen: %s", told.String())
				}
			}
			load := configured(t, t.TempDir()+"/weir.yaml", "data: "+t.TempDir()+"\nlisten: ['127.0.0.1:0']\napi: {listen: ''}\nrelay: [{to: '127.0.0.1:"+behind+"', keep_source: false}]")
			c, err := load()
			if err != nil {
				t.Fatal(err)
			}
			d, err := Start(c, Options{Outputs: []pipeline.Output{{Name: "nowhere", Sink: nowhere{}, Queue: pipeline.Queue{Size: 64, Overflow: pipeline.Block}}}})
			if err != nil {
				t.Fatal(err)
			}
			to := d.Addrs()[0]
			sent, err := gen.Plain(protocol, 1, 2000, 3).Run(t.Context(), func(string) netip.AddrPort { return to }, 20)
			if err != nil {
				t.Fatal(err)
			}
			for start := time.Now(); int(d.Stats().Datagrams) < sent; time.Sleep(10 * time.Millisecond) {
				if time.Since(start) > 20*time.Second {
					t.Fatalf("%d of %d datagrams came", d.Stats().Datagrams, sent)
				}
			}
			if err := d.Stop(t.Context()); err != nil { // the relay has passed on all
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			nfcapd.Process.Signal(os.Interrupt)
			nfcapd.Wait()
			got, lines := counted(told.String())
			if lines == 0 {
				t.Fatalf("nfcapd told nothing:\n%s", told.String())
			}
			want := nfcapdCounts{flows: int(d.Stats().Flows)}
			if protocol == "ipfix" {
				want.gaps = 1 // it leaves out the options record, which RFC 7011 §3.1 counts
			}
			if got != want || want.flows < 2500 {
				t.Errorf("nfcapd counted %+v, weir %+v", got, want)
			}
		})
	}
}
