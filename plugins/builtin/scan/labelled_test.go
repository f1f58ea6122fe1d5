package scan

import (
	"encoding/csv"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// labelled is where the labelled captures lie: beside the repository, not in it.
const labelled = "../../../../shared/labelled"

// load reads the flows of a capture, both directions, ordered by end, and how
// many lines have each label.
func load(t *testing.T, name string) (*flow.Batch, map[string]int) {
	t.Helper()
	in, err := os.Open(filepath.Join(labelled, name))
	if os.IsNotExist(err) {
		t.Skip("the labelled captures are not here: their licences keep them out of the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	b := &flow.Batch{}
	labels := map[string]int{}
	for _, l := range lines[1:] {
		labels[l[12]]++
		src, err1 := netip.ParseAddr(l[3])
		dst, err2 := netip.ParseAddr(l[5])
		proto, ok := map[string]uint8{"tcp": 6, "udp": 17, "icmp": 1}[l[2]]
		if err1 != nil || err2 != nil || !ok {
			continue // ARP, LLC …
		}
		f := flow.Flow{
			Proto: proto, SrcAddr: flow.AddrFrom(src), DstAddr: flow.AddrFrom(dst),
			SrcPort: uint16(num(l[4])), DstPort: uint16(num(l[6])), Start: int64(num(l[0]) * 1e9),
		}
		f.End = f.Start + int64(num(l[1])*1e9)
		r := f
		r.SrcAddr, r.DstAddr, r.SrcPort, r.DstPort = f.DstAddr, f.SrcAddr, f.DstPort, f.SrcPort
		f.Packets, r.Packets = uint64(num(l[7])), uint64(num(l[9]))
		if proto == 6 {
			f.TCPFlags, r.TCPFlags = flags(l[11])
		}
		// Some captures have the packets of both directions in one column.
		if f.Packets > 0 || num(l[8]) > 0 || f.TCPFlags > 0 {
			b.Flows = append(b.Flows, f)
		}
		if r.Packets > 0 {
			b.Flows = append(b.Flows, r)
		}
	}
	slices.SortStableFunc(b.Flows, func(a, b flow.Flow) int { return int(max(-1, min(1, a.End-b.End))) })
	return b, labels
}

func num(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64)
	return v
}

// flags are the TCP flags of both directions behind a state of Zeek's or Argus'.
func flags(state string) (fwd, rev uint16) {
	const s, a, f, r, p = 2, 16, 1, 4, 8
	zeek := map[string][2]uint16{
		"S0": {s, 0}, "REJ": {s, r | a}, "S1": {s | a, s | a}, "S2": {s | a | f, s | a}, "S3": {s | a, s | a | f},
		"SF": {s | a | p | f, s | a | p | f}, "RSTO": {s | a | r, s | a}, "RSTR": {s | a, s | a | r},
		"RSTOS0": {s | r, 0}, "RSTRH": {0, s | a | r}, "SH": {s | f, 0}, "SHR": {0, s | a | f}, "OTH": {a, a}, "FIN": {s | a | f, s | a | f},
	}
	if x, ok := zeek[state]; ok {
		return x[0], x[1]
	}
	one := func(letters string) (v uint16) {
		for _, c := range letters {
			v |= map[rune]uint16{'S': s, 'A': a, 'F': f, 'R': r, 'P': p}[c]
		}
		return v
	}
	from, to, _ := strings.Cut(state, "_")
	return one(from), one(to)
}

// detectAll runs a detector over the whole capture. All that it finds makes
// sense to a host.
func detectAll(t *testing.T, cfg Config, b *flow.Batch) []detect.Finding {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	found := d.Detect(nil, detect.Input{Flows: b, Watermark: detect.Forever})
	for i := range found {
		if err := found[i].Validate(); err != nil {
			t.Errorf("%s: %v", found[i].Key, err)
		}
	}
	return found
}

// The one capture with a horizontal scan, at the default.
func TestLabelledScan(t *testing.T) {
	b, _ := load(t, "slips_pshoriz.csv")
	got := detectAll(t, Default(), b)
	if len(got) != 1 || got[0].Key != "10.0.2.112 tcp 80" || got[0].Metrics["destinations"] != 10 {
		t.Fatalf("found %+v", got)
	}
}

// Benign captures, and benign hosts in captures of attacks from outside: every
// finding is false. The attackers there try many ports of one host, which is
// not what this detector looks for.
func TestLabelledBenign(t *testing.T) {
	for _, name := range []string{
		"normal_2013_10_21.csv", "normal_2015_dns.csv", "unsw_part.csv", // all benign
		"s008_mixed.csv", "s010_mixed.csv", "s001_njrat.csv", "nfl5_malware.csv",
	} {
		t.Run(name, func(t *testing.T) {
			b, labels := load(t, name)
			if got := detectAll(t, Default(), b); len(got) != 0 {
				t.Errorf("%d false findings, the first: %+v", len(got), got[0])
			}
			// How near benign traffic comes to the threshold.
			cfg := Default()
			cfg.Threshold, cfg.Share = 2, 0
			var most float64
			for _, f := range detectAll(t, cfg, b) {
				most = max(most, f.Metrics["destinations"])
			}
			days := float64(b.Flows[len(b.Flows)-1].End-b.Flows[0].End) / 86400e9
			t.Logf("%v, %d rows, %.2f days; most unanswered destinations of a source and port in a window: %v", labels, len(b.Flows), days, most)
		})
	}
}
