//go:build real && linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/api"
)

// Where the exporters send from, and to.
const (
	softflowdAddr = "192.0.2.1"
	pmacctdAddr   = "192.0.2.2"
	fprobeAddr    = "192.0.2.3"
	weirAddr      = "192.0.2.14"
	nfcapdAddr    = "198.51.100.2"
)

// Real exporters see live traffic and send to weir run, all at once: what is
// stored is what was played, what weir says they sent is what they say, and
// nfcapd hears the same.
func TestRealDaemon(t *testing.T) {
	for _, x := range []struct{ softflowd, pmacctd, fprobe string }{
		{"9", "10", "5"},
		{"10", "9", "7"},
		{"5", "5", "1"},
	} {
		t.Run(fmt.Sprintf("softflowd-v%s_pmacctd-v%s_fprobe-v%s", x.softflowd, x.pmacctd, x.fprobe), func(t *testing.T) {
			realDaemon(t, newSite(t), x.softflowd, x.pmacctd, x.fprobe)
		})
	}
}

func realDaemon(t *testing.T, s *site, softflowdVersion, pmacctdVersion, fprobeVersion string) {
	softflowd := s.softflowd(t, softflowdVersion, "2055")
	pmacctd := s.pmacctd(t, pmacctdVersion)
	fprobe := s.edge.launch(t, "fprobe", "-i", "seen", "-n", fprobeVersion, "-f", "ip", "-B", "4096", "-q", "10000",
		"-s", "3600", "-d", "3600", "-e", "3600", "-l", "2", weirAddr+":2055/"+fprobeAddr)
	fprobe.out.shows(t, "collector #1")
	s.watched(t, 3)
	s.play(20)
	s.reads(t, softflowd)

	softflowd.expire(t)
	says := map[string]uint64{softflowdAddr: softflowd.sent(t)}
	tool(t, "softflowctl", "-c", softflowd.control, "shutdown")
	time.Sleep(1500 * time.Millisecond) // pmacctd reads once a second
	pmacctd.end(t, syscall.SIGINT)
	fprobe.end(t, syscall.SIGTERM)
	packets := uint64(0)
	for _, m := range pmacctdSent.FindAllStringSubmatch(pmacctd.errs.String(), -1) {
		n, _ := strconv.ParseUint(m[1], 10, 64)
		packets += n
	}

	domains := s.settled(t, 3)
	for a, d := range domains {
		if len(d) != 1 {
			t.Fatalf("%s has %d domains", a, len(d))
		}
	}
	was := map[string]totals{softflowdAddr: s.fed(s.seen(softflowdVersion)), pmacctdAddr: s.fed(s.seen(pmacctdVersion)), fprobeAddr: s.fed(s.seen(fprobeVersion))}
	says[fprobeAddr] = was[fprobeAddr].Flows
	if fprobeVersion == "1" {
		says[fprobeAddr] = 0 // it has no sequence numbers
	}
	says[pmacctdAddr] = was[pmacctdAddr].Flows + domains[pmacctdAddr][0].Traffic.Options
	if pmacctdVersion == "9" {
		says[pmacctdAddr] = packets
	}
	if n := domains[pmacctdAddr][0].Traffic.Datagrams; n != packets || n == 0 {
		t.Errorf("pmacctd sent %d datagrams, %d came", packets, n)
	}
	for a, want := range was {
		d := domains[a][0]
		if d.Transit.Sent != says[a] || d.Transit.Missing != 0 || d.Transit.Restarts != 0 || d.Transit.Duplicates != 0 || d.Transit.Stray != 0 {
			t.Errorf("%s: %+v, want %d sent, all received", a, d.Transit, says[a])
		}
		if d.Traffic.Flows != want.Flows || d.Inside.Records != want.Flows+d.Traffic.Options || len(d.Faults) != 0 {
			t.Errorf("%s: %+v %+v %v, want %d flows", a, d.Traffic, d.Inside, d.Faults, want.Flows)
		}
		t.Logf("%s: %s, %d %s, %d flows", a, d.Protocol, d.Transit.Sent, d.Transit.Unit, d.Traffic.Flows)
	}
	kept := s.kept(t)
	s.ends(t)
	stored := s.stored(t)
	for a, want := range was {
		if stored[a] != want || kept[a] != want {
			t.Errorf("%s: the file has %+v, the store %+v, it was fed %+v", a, stored[a], kept[a], want)
		}
	}
}

// Half of the datagrams are lost on the way, in the middle of three rounds: what
// is missing is what the firewall has dropped.
func TestRealLoss(t *testing.T) {
	s := newSite(t)
	ports := map[string]string{"5": "2055", "9": "2056", "10": "2057"}
	versions := map[string]string{"netflow5": "5", "netflow9": "9", "ipfix": "10"}
	exporters := map[string]*softflowd{}
	for version, port := range ports {
		exporters[version] = s.softflowd(t, version, port)
	}
	s.watched(t, 3)
	round := func() {
		s.play(10)
		for _, x := range exporters {
			s.reads(t, x)
			x.expire(t)
		}
		s.settled(t, 1)
	}
	round()
	s.home.tool(t, "nft", "add table ip loss; add chain ip loss in { type filter hook input priority 0; }")
	for _, port := range ports {
		s.home.tool(t, "nft", "add rule ip loss in udp dport "+port+" numgen inc mod 2 == 1 counter drop")
	}
	round()
	lost := map[string]uint64{}
	for _, m := range dropped.FindAllStringSubmatch(s.home.tool(t, "nft", "list", "chain", "ip", "loss", "in"), -1) {
		lost[m[1]], _ = strconv.ParseUint(m[2], 10, 64)
	}
	s.home.tool(t, "nft", "delete", "table", "ip", "loss")
	round()

	for _, d := range s.settled(t, 1)[softflowdAddr] {
		version := versions[d.Protocol]
		x, datagrams := exporters[version], lost[ports[version]]
		units, flows, packets := x.sent(t), x.records(t), x.packets(t)
		if d.Transit.Sent != units || d.Transit.Stray != 0 || d.Transit.Restarts != 0 || d.Transit.Duplicates != 0 {
			t.Errorf("%s: %+v, softflowd says it sent %d", d.Protocol, d.Transit, units)
		}
		missing := datagrams
		if version != "9" {
			missing = flows - d.Traffic.Flows
		}
		if d.Transit.Missing != missing || d.Traffic.Datagrams != packets-datagrams || datagrams < 3 {
			t.Errorf("%s: %+v, %+v; %d of %d datagrams were lost, and %d of %d flows", d.Protocol, d.Transit, d.Traffic,
				datagrams, packets, flows-d.Traffic.Flows, flows)
		}
		t.Logf("%s: %d of %d %s are missing, in %d datagrams", d.Protocol, d.Transit.Missing, d.Transit.Sent, d.Transit.Unit, datagrams)
	}
	s.ends(t)
}

// dropped finds what nft has dropped on its way to a port.
var dropped = regexp.MustCompile(`udp dport (\d+) .* counter packets (\d+) `)

// A site is three machines: one whose traffic exporters see, one with weir run,
// and one with nfcapd, to which weir passes the datagrams on in the exporters'
// names.
type site struct {
	*traffic
	dir                string
	edge, home, behind machine
	weir, nfcapd       *process
	send               func([]byte)
	played             int // so often was the traffic sent
}

func newSite(t *testing.T) *site {
	t.Helper()
	needs(t, "ip", "sysctl", "nft", "python3", "softflowd", "softflowctl", "pmacctd", "fprobe", "nfcapd")
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("namespaces need root")
	}
	s := &site{
		traffic: newTraffic(t), dir: t.TempDir(),
		edge: newMachine(t, "edge"), home: newMachine(t, "home"), behind: newMachine(t, "behind"),
	}
	wire(t, s.edge, "home", s.home, "edge")
	wire(t, s.home, "behind", s.behind, "home")
	wire(t, s.edge, "seen", s.edge, "play")
	for _, a := range []string{softflowdAddr, pmacctdAddr, fprobeAddr} { // the first is the one that is chosen
		s.edge.tool(t, "ip", "addr", "add", a+"/28", "dev", "home")
	}
	s.home.tool(t, "ip", "addr", "add", weirAddr+"/28", "dev", "edge")
	s.home.tool(t, "ip", "addr", "add", "198.51.100.1/24", "dev", "behind")
	s.behind.tool(t, "ip", "addr", "add", nfcapdAddr+"/24", "dev", "home")
	s.send = s.edge.tap(t, "play")

	s.nfcapd = s.behind.launch(t, "nfcapd", "-w", t.TempDir(), "-b", nfcapdAddr, "-p", "2055", "-B", "4194304", "-t", "3600")
	eventually(t, func() bool { return strings.Contains(s.behind.tool(t, "cat", "/proc/net/udp"), ":0807 ") },
		func() string { return "nfcapd doesn't listen: " + s.nfcapd.errs.String() })
	config := s.path("weir.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
listen: [%[1]s:2055, %[1]s:2056, %[1]s:2057]
data: %[2]s/data
pipeline: {overflow: block}
relay: [{to: %[3]s:2055}]
sinks:
- {type: file, path: %[2]s/flows.jsonl, profile: flat}
`, weirAddr, s.dir, nfcapdAddr), 0o600); err != nil {
		t.Fatal(err)
	}
	s.weir = s.home.launch(t, inTop(t, "bin", "weir"), "run", "--config", config)
	s.weir.errs.shows(t, "listening")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// play sends the traffic, so often.
func (s *site) play(times int) {
	s.traffic.play(s.send, 20+s.played, times)
	s.played += times
}

// fed returns what was played in all, if one time is of.
func (s *site) fed(of totals) totals {
	n := uint64(s.played)
	return totals{of.Flows * n, of.Packets * n, of.Bytes * n}
}

// watched waits until so many exporters have opened the port.
func (s *site) watched(t *testing.T, exporters int) {
	t.Helper()
	index := strings.TrimSpace(s.edge.tool(t, "cat", "/sys/class/net/seen/ifindex"))
	eventually(t, func() bool {
		n := 0
		for line := range strings.Lines(s.edge.tool(t, "cat", "/proc/net/packet")) {
			if f := strings.Fields(line); len(f) > 5 && f[4] == index && f[5] == "1" {
				n++
			}
		}
		return n == exporters
	}, func() string { return s.edge.tool(t, "cat", "/proc/net/packet") })
	time.Sleep(200 * time.Millisecond) // the last reads on
}

// A softflowd is one that runs, and what it has told of itself.
type softflowd struct {
	*process
	version string
	control string
}

func (s *site) softflowd(t *testing.T, version, port string) *softflowd {
	x := &softflowd{version: version, control: s.path("softflowd" + version + ".ctl")}
	x.process = s.edge.launch(t, "softflowd", "-i", "seen", "-d", "-v", version, "-n", weirAddr+":"+port,
		"-c", x.control, "-p", s.path("softflowd"+version+".pid"), "-t", "tcp.fin=3600", "-t", "tcp.rst=3600")
	x.errs.shows(t, "Exporting flows")
	return x
}

func (x *softflowd) statistics(t *testing.T) string {
	t.Helper()
	return tool(t, "softflowctl", "-c", x.control, "statistics")
}

// told returns a number of its statistics.
func (x *softflowd) told(t *testing.T, pattern string) uint64 {
	t.Helper()
	text := x.statistics(t)
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("softflowd tells no %q:\n%s", pattern, text)
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (x *softflowd) processed(t *testing.T) uint64 { return x.told(t, `Packets processed: (\d+)`) }
func (x *softflowd) packets(t *testing.T) uint64   { return x.told(t, `records\) in (\d+) packets`) }
func (x *softflowd) records(t *testing.T) uint64   { return x.told(t, `exported: \d+ \((\d+) records`) }

// sent returns how many units of the sequence numbers it has sent. In IPFIX it
// leaves its options out.
func (x *softflowd) sent(t *testing.T) uint64 {
	if x.version == "9" {
		return x.packets(t)
	}
	return x.records(t)
}

// reads waits until it has read what was played. It gets packets in blocks of 128
// KiB: frames that are not IP fill the last.
func (s *site) reads(t *testing.T, x *softflowd) {
	filler := make([]byte, 1400)
	copy(filler[12:], "\x88\xb5") // for experiments
	want := s.fed(s.seen(x.version)).Packets
	eventually(t, func() bool {
		for range 50 {
			s.send(filler)
		}
		return x.processed(t) >= want
	}, func() string {
		return fmt.Sprintf("softflowd has read less than %d packets: %s", want, x.statistics(t))
	})
	if n := x.processed(t); n != want {
		t.Errorf("softflowd has read %d packets of %d", n, want)
	}
}

// expire has it send all that it has.
func (x *softflowd) expire(t *testing.T) { tool(t, "softflowctl", "-c", x.control, "expire-all") }

// exporters asks weir run, as an operator does.
func (s *site) exporters(t *testing.T) map[string][]api.Domain {
	t.Helper()
	var x api.Exporters
	if err := json.Unmarshal([]byte(s.home.tool(t, inTop(t, "bin", "weir"), "exporters", "--format", "json")), &x); err != nil {
		t.Fatal(err)
	}
	all := map[string][]api.Domain{}
	for _, e := range x.Exporters {
		all[e.Address.String()] = e.Domains
	}
	return all
}

// balanced tells whether both identities of SEMANTICS, The loss ledger, hold to
// the record, and nothing is on its way any more.
func balanced(d *api.Domain) bool {
	x, in := &d.Transit, &d.Inside
	ok := x.Sent == x.Received+x.Missing && x.Waiting == 0 && in.Held == 0 && in.Waiting == 0 && len(in.Outputs) == 2
	for _, o := range in.Outputs {
		ok = ok && in.Records == in.Held+in.Filtered+o.Skipped+o.Queued+o.Filtered+o.Written+o.Dropped+o.Failed && o.Queued == 0
	}
	return ok
}

// settled waits until all accounts are balanced and none changes any more.
func (s *site) settled(t *testing.T, exporters int) map[string][]api.Domain {
	t.Helper()
	var text, before string
	var all map[string][]api.Domain
	eventually(t, func() bool {
		before = text
		time.Sleep(200 * time.Millisecond)
		all = s.exporters(t)
		for _, domains := range all {
			for i := range domains {
				if !balanced(&domains[i]) {
					return false
				}
			}
		}
		b, _ := json.Marshal(all)
		text = string(b)
		return text == before && len(all) == exporters
	}, func() string {
		return fmt.Sprintf("not balanced: %s", s.home.tool(t, inTop(t, "bin", "weir"), "exporters", "--format", "json"))
	})
	return all
}

// kept asks the store what it has of each exporter, as an operator does.
func (s *site) kept(t *testing.T) map[string]totals {
	t.Helper()
	var x struct{ Rows [][]json.RawMessage }
	answer := s.home.tool(t, inTop(t, "bin", "weir"), "query", "--format", "json", "top 10 exporter by flows, packets, bytes last 1h raw")
	if err := json.Unmarshal([]byte(answer), &x); err != nil {
		t.Fatal(err)
	}
	all := map[string]totals{}
	for _, row := range x.Rows { // the key, flows and their rate and share, packets and bytes and their rates
		var exporter string
		var y totals
		for i, to := range map[int]any{0: &exporter, 1: &y.Flows, 4: &y.Packets, 6: &y.Bytes} {
			if err := json.Unmarshal(row[i], to); err != nil {
				t.Fatalf("%s: %v", row, err)
			}
		}
		all[exporter] = y
	}
	return all
}

// stored returns what the sink has of each exporter.
func (s *site) stored(t *testing.T) map[string]totals {
	t.Helper()
	d, err := os.ReadFile(s.path("flows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]totals{}
	for line := range strings.Lines(string(d)) {
		var f struct {
			Exporter       netip.Addr
			Bytes, Packets uint64
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		x := all[f.Exporter.String()]
		x.Flows, x.Packets, x.Bytes = x.Flows+1, x.Packets+f.Packets, x.Bytes+f.Bytes
		all[f.Exporter.String()] = x
	}
	return all
}

var nfcapdTold = regexp.MustCompile(`(?m)^Ident: .* Flows: (\d+), Packets: (\d+), Bytes: (\d+), Sequence Errors: \d+, Bad Packets: (\d+)`)

// ends ends weir and nfcapd, and compares what they have. nfcapd tells flows,
// packets and octets.
func (s *site) ends(t *testing.T) {
	t.Helper()
	s.weir.end(t, syscall.SIGTERM)
	s.nfcapd.end(t, syscall.SIGINT)
	heard, bad := totals{}, "0"
	for _, m := range nfcapdTold.FindAllStringSubmatch(s.nfcapd.out.String()+s.nfcapd.errs.String(), -1) { // more than one if the hour was full
		n := [3]uint64{}
		for i := range n {
			n[i], _ = strconv.ParseUint(m[1+i], 10, 64)
		}
		heard = totals{heard.Flows + n[0], heard.Packets + n[1], heard.Bytes + n[2]}
		if m[4] != "0" {
			bad = m[4]
		}
	}
	var sum totals
	for _, x := range s.stored(t) {
		sum = totals{sum.Flows + x.Flows, sum.Packets + x.Packets, sum.Bytes + x.Bytes}
	}
	if heard != sum || bad != "0" || sum.Flows == 0 {
		t.Errorf("nfcapd has %+v, weir %+v; %s bad packets", heard, sum, bad)
	}
	s.weir.errs.shows(t, `faults="no faults"`)
}

// seen returns what exporters of a version see when the traffic is played once.
func (s *site) seen(version string) totals {
	if version == "9" || version == "10" {
		return s.all
	}
	return s.ipv4
}

func (s *site) pmacctd(t *testing.T, version string) *process {
	t.Helper()
	config := s.path("pmacctd.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
daemonize: false
debug: true
pcap_interface: seen
pcap_filter: ip or ip6
plugins: nfprobe[a]
nfprobe_receiver: %s:2055
nfprobe_source_ip: %s
nfprobe_version: %s
nfprobe_direction[a]: in
nfprobe_ifindex[a]: 7
nfprobe_timeouts: tcp=3600:tcp.rst=3600:tcp.fin=3600:udp=3600:icmp=3600:general=3600:maxlife=3600:expint=3600
aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags
`, weirAddr, pmacctdAddr, version), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.edge.launch(t, "pmacctd", "-f", config)
	p.errs.shows(t, "Exporting flows")
	return p
}

// pmacctdSent is what pmacctd tells in its log: packets, as many as lie under one
// number in v9.
var pmacctdSent = regexp.MustCompile(`Sent (\d+) netflow packets`)
