//go:build real

package query

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// Filters that nfdump 1.7.1 knows as well, and finds the same records with.
//
// Left out are those in which it differs. A field that was not sent is 0 to
// nfdump. Ports of ICMP are the type and code for it, of ICMPv6 0, so that ports
// are those of TCP and UDP here; in v9 it does not find the type in the port, nor
// that of ICMPv6, and in v5 it has no prefix lengths. AS numbers it refuses
// without a database. Networks behind a comma in a list it does not read.
var (
	shared = []string{
		"any", "not any",
		"proto tcp", "proto udp", "proto icmp", "proto 17", "proto esp", "not proto tcp", "proto ICMP6",
		"ipv4", "ipv6", "inet", "inet6", "not ipv4",
		"src net 10.0.0.0/8", "dst net 10.0.0.0/8", "net 10.0.0.0/8", "net 198.51.100.0/24", "net 10.20.1.8/29", "net 10.20.0.0 255.255.254.0",
		"net 2001:db8::/32", "src net 2001:db8:20::/48", "dst net 2001:db8:20:1::/64", "net 2001:db8:ff::50/123", "net 0.0.0.0/1",
		"ip 10.20.1.10", "src ip 10.20.1.10", "dst host 2001:db8:20:1::10", "not ip 10.20.1.10", "ip 0.0.0.0",
		"ip in [10.20.1.0/24 2001:db8:20:1::/64]", "src ip in [10.20.2.0/24 198.51.100.53, 198.51.100.80]", "not ip in [10.20.1.0/28]",
		"flags S", "flags SA", "flags SAF", "flags AS", "flags F", "flags R", "flags P", "flags U", "flags X",
		"not flags S", "not flags R", "not flags AFRPU", "flags S and not flags AFRPU", "flags S and not flags R", "flags SA and not flags R",
		"flags = 2", "flags 18", "flags > 18", "flags < 27",
		"tos 0", "tos > 0", "tos 184", "not tos 0",
		"bytes > 1k", "bytes > 100", "bytes < 1000", "bytes 84", "bytes >= 10k", "packets > 1", "packets = 1", "packets < 5", "in packets > 3", "in bytes < 200",
		"pps > 0", "pps > 1", "pps < 2", "pps = 0", "bps > 1k", "bps > 100", "bps < 10m", "bps = 0", "bpp > 100", "bpp < 100", "bpp 84", "not bps > 1k",
		"duration > 0", "duration = 0", "duration > 1000", "duration >= 250", "duration < 5000", "duration 1000", "not duration > 1000",
		"if 7", "in if 7", "not if 7",
		"next ip 10.0.0.1",
		"proto tcp and bytes > 200 or proto udp", "proto tcp and (flags R or packets 1)", "not proto tcp and not proto udp", "not (proto tcp or proto udp)",
		"! proto tcp && ! proto udp || bytes > 1000", "PROTO TCP AND NOT BYTES > 500 # a comment", "not not proto tcp", "not (not proto tcp and ipv4)",
	}
	// What is unknown to us is true to nfdump where the field is not 0.
	unsent = []string{"not next ip 10.0.0.1", "not vlan 5", "not src mac 00:00:5e:00:53:01", "not vlan 5 and proto tcp", "not bgpnext ip 10.0.0.1"}
	icmps  = []string{
		"icmp-type 8", "icmp-type 0", "icmp-type 128", "icmp-type 3", "icmp-code 0", "icmp-code 3", "icmp-type 8 and icmp-code 0", "not icmp-type 8",
	}
	ports = []string{
		"port 53", "src port 53", "dst port 53", "port 443", "not port 443", "port > 1023", "src port > 1023", "dst port < 1024",
		"port >= 443", "port <= 53", "src and dst port > 1000", "src or dst port 53", "dst port in [80 443 22]", "port in [53, 123]",
		"not port in [53 123 443]", "port gt 1023", "port LE 80", "src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 100",
		"not (src port > 1000 and dst port > 1000)",
	}
)

// needsNfdump skips the test if nfdump is not installed, and fails it where it has
// to be.
func needsNfdump(t *testing.T) {
	t.Helper()
	for _, c := range []string{"nfcapd", "nfdump"} {
		if _, err := exec.LookPath(c); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed: run testdata/make/install.sh", c)
			}
			t.Skipf("%s is not installed: run testdata/make/install.sh", c)
		}
	}
}

// TestNfdump has nfcapd store captures and nfdump filter them: both find as many
// records with each filter.
func TestNfdump(t *testing.T) {
	needsNfdump(t)
	for _, name := range []string{"v5/pmacctd", "v5/softflowd", "v9/pmacctd", "v9/softflowd", "ipfix/pmacctd"} {
		t.Run(name, func(t *testing.T) {
			datagrams, b := capture(t, name)
			file := nfcapd(t, datagrams)
			all, hit := slices.Clone(shared), 0
			if !strings.HasPrefix(name, "v9/") {
				all = append(all, icmps...)
			}
			for _, text := range ports {
				all = append(all, "(proto tcp or proto udp) and ("+text+")")
			}
			for _, text := range all {
				x, err := Parse(text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				got, want := len(x.Select(nil, b)), nfdump(t, file, text)
				if got != want {
					t.Errorf("%s: %d records, nfdump has %d of %d", text, got, want, len(b.Flows))
				}
				if want > 0 && want < len(b.Flows) {
					hit++
				}
			}
			for _, text := range unsent {
				x, err := Parse(text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				got := 0
				for i := range b.Flows {
					if x.Eval(b, &b.Flows[i]) != False {
						got++
					}
				}
				if want := nfdump(t, file, text); got != want {
					t.Errorf("%s: %d records are true or unknown, nfdump has %d", text, got, want)
				}
			}
			if hit < len(all)/2 {
				t.Errorf("only %d of %d filters tell records apart", hit, len(all))
			}
		})
	}
}

// capture returns the datagrams of a capture, and what they hold.
func capture(t *testing.T, name string) (all [][]byte, b *flow.Batch) {
	data, err := testdata.FS.ReadFile("pcap/" + name + ".pcap")
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcap.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b = new(flow.Batch)
	d := decode.New(template.NewStore(template.Limits{}))
	for {
		p, err := r.Next()
		if err != nil {
			break
		}
		all = append(all, bytes.Clone(p.Payload))
		if err := d.Decode(b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}); err != nil {
			t.Fatal(err)
		}
	}
	return all, b
}

// nfcapd sends datagrams to nfcapd and returns the file that it makes of them.
func nfcapd(t *testing.T, datagrams [][]byte) string {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().(*net.UDPAddr)
	l.Close()
	dir := t.TempDir()
	cmd := exec.Command("nfcapd", "-w", dir, "-b", "127.0.0.1", "-p", fmt.Sprint(addr.Port), "-t", "3600")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	c, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	until(t, "nfcapd listens", func() bool { return waiting(t, addr.Port) == 0 })
	for _, d := range datagrams {
		if _, err := c.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "nfcapd has read all", func() bool { return waiting(t, addr.Port) == 0 })
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	files, _ := filepath.Glob(filepath.Join(dir, "nfcapd.2*"))
	if len(files) != 1 {
		t.Fatalf("nfcapd left %v: %s", files, log.Bytes())
	}
	return files[0]
}

func until(t *testing.T, what string, cond func() bool) {
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s until %s", what)
		}
	}
}

// waiting returns how many octets wait to be read at a UDP port, -1 if nobody
// listens there.
func waiting(t *testing.T, port int) int {
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		// sl local_address rem_address st tx_queue:rx_queue …
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			continue
		}
		_, queue, _ := strings.Cut(f[4], ":")
		n, err := strconv.ParseInt(queue, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	return -1
}

// nfdump counts the records of a file that a filter lets through.
func nfdump(t *testing.T, file, filter string) int {
	out, err := exec.Command("nfdump", "-r", file, "-q", "-N", "-o", "fmt:%byt", filter).CombinedOutput()
	if err != nil {
		t.Fatalf("nfdump %s: %v: %s", filter, err, out)
	}
	text := strings.TrimSpace(string(out))
	if text == "" || strings.Contains(text, "No match") {
		return 0
	}
	return strings.Count(text, "\n") + 1
}
