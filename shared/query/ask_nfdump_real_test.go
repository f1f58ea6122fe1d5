//go:build real

package query

import (
	"maps"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// TestNfdumpQuestions asks nfdump as we say that it is asked: of a capture whose
// records it has, with sums that a loop makes of them.
func TestNfdumpQuestions(t *testing.T) {
	needsNfdump(t)
	datagrams, b := capture(t, "v9/pmacctd")
	dir := filepath.Dir(nfcapd(t, datagrams))
	from, to := b.Flows[0].Start, b.Flows[0].End
	for i := range b.Flows {
		from, to = min(from, b.Flows[i].Start), max(to, b.Flows[i].End)
	}
	// nfdump says what it has for a question: lines, and flows in all.
	nfdumpSays := func(text string) ([]string, string) {
		q, err := Ask(text, time.Unix(0, to).Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		q.From = from - int64(time.Second)
		command, err := q.Nfdump()
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sh", "-c", strings.Replace(command, "-R DIR", "-R "+dir+" -o csv", 1)).CombinedOutput()
		lines, summary, ok := strings.Cut(string(out), "Summary\n")
		_, counts, _ := strings.Cut(summary, "\n")
		if err != nil || !ok {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		n, _, _ := strings.Cut(counts, ",")
		return strings.Split(strings.TrimSpace(lines), "\n")[1:], n
	}
	sums := func(text, filter string, keys func(f *flow.Flow) []string) {
		t.Helper()
		x, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		want, flows := map[string]uint64{}, 0
		for i := range b.Flows {
			if f := &b.Flows[i]; x.Match(b, f) {
				flows++
				for _, k := range keys(f) {
					want[k] += f.Bytes
				}
			}
		}
		got := map[string]uint64{}
		lines, n := nfdumpSays(text + " where " + filter)
		for _, line := range lines { // ts,te,td,pr,val,fl,flP,pkt,pktP,byt,…
			cells := strings.Split(line, ",")
			bytes, err := strconv.ParseUint(cells[9], 10, 64)
			if err != nil {
				t.Fatalf("%s: %s", line, err)
			}
			got[cells[4]] = bytes
		}
		if !maps.Equal(got, want) || n != strconv.Itoa(flows) || flows == 0 {
			t.Errorf("%s: nfdump has %v of %s flows, want %v of %d", text, got, n, want, flows)
		}
	}
	sums("top 1000 src by bytes", "any", func(f *flow.Flow) []string { return []string{f.SrcAddr.String()} })
	sums("top 1000 dst", "proto tcp and ip in [10.0.0.0/8 2001:db8::/32]", func(f *flow.Flow) []string { return []string{f.DstAddr.String()} })
	sums("top 1000 ip", "not proto icmp and not flags SA", func(f *flow.Flow) []string { return []string{f.SrcAddr.String(), f.DstAddr.String()} })
	sums("top 1000 proto", "bytes > 100", func(f *flow.Flow) []string { return []string{strconv.Itoa(int(f.Proto))} })
	for text, lines := range map[string]int{"top 5 src, dst port by packets": 5, "flows 3 by bytes": 3, "conversations 4 by flows": 4} {
		if got, n := nfdumpSays(text); len(got) != lines || n != strconv.Itoa(len(b.Flows)) {
			t.Errorf("%s: nfdump has %d lines of %s flows:\n%s", text, len(got), n, strings.Join(got, "\n"))
		}
	}
}
