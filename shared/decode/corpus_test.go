package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/pcap"
)

// The corpus of captures lies outside of the repository: real exporters' octets,
// and what other projects' tests are made of. Tests read it where it is.

// A capture is a line of its index.
type capture struct {
	protocol, transport string
	packets             int
	flows, options      int // records, as a reference decoder counts them in this file alone
	unresolved          int // data sets without a template in it, likewise
}

// corpusIndex returns the captures of the index, by path.
func corpusIndex(t *testing.T) map[string]capture {
	t.Helper()
	text := corpusFile(t, "INDEX.tsv")
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	column := map[string]int{}
	for i, name := range strings.Split(lines[0], "\t") {
		column[name] = i
	}
	all := map[string]capture{}
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if cells[column["protocol"]] == "golden/meta" {
			continue
		}
		number := func(name string) int {
			n, err := strconv.Atoi(cells[column[name]])
			if err != nil && cells[column[name]] != "" {
				t.Fatalf("%s: %s: %v", cells[0], name, err)
			}
			return n
		}
		all[cells[0]] = capture{
			protocol: cells[column["protocol"]], transport: cells[column["transport"]], packets: number("packets"),
			flows: number("flow_records_ref"), options: number("option_records"), unresolved: number("unresolved_sets"),
		}
	}
	return all
}

// Every capture decodes without a fault, without sets that wait for a template
// at its end, without times that had to be replaced; or why not stands in
// corpus_explained_test.go. The files of a case are decoded one behind the
// other, with one state; a capture of no case by itself.
func TestCorpus(t *testing.T) {
	index, cases := corpusIndex(t), corpusCases(t)
	alone := maps.Clone(index)
	for _, files := range cases {
		for _, file := range files {
			delete(alone, file)
		}
	}
	for file := range alone {
		cases[file] = []string{file}
	}
	unseen := map[string]string{}
	for _, e := range corpusExplained {
		for line := range strings.Lines(e.faults) {
			if line = strings.TrimSpace(line); line != "" {
				unseen[line] = e.why
			}
		}
	}
	seen := map[string]bool{}
	for name, files := range cases {
		d := newDecoder()
		var b flow.Batch
		for _, file := range files {
			before := d.Stats
			for _, dg := range messages(t, file) {
				b.Reset()
				_ = d.Decode(&b, dg)
			}
			if s := troubles(&before, &d.Stats); s != "" {
				line := file + ": " + s
				if line += " in " + name; unseen[line] == "" {
					line = file + ": " + s
				}
				if seen[line] = true; unseen[line] == "" {
					t.Error(line)
				}
			}
		}
	}
	for line, why := range unseen {
		if !seen[line] {
			t.Errorf("no longer: %s: %s", line, why)
		}
	}
}

// troubles names what was counted between two moments that asks for an
// explanation.
func troubles(before, after *Stats) string {
	var s []string
	note := func(name string, n uint64) {
		if n != 0 {
			s = append(s, fmt.Sprintf("%s=%d", name, n))
		}
	}
	for f := range after.Faults {
		note(Fault(f).Label(), after.Faults[f]-before.Faults[f])
	}
	waiting := func(s *Stats) uint64 { return s.Waiting - s.Recovered - s.Undecoded }
	note("waiting", waiting(after)-waiting(before))
	note("undecoded", after.Undecoded-before.Undecoded)
	note("replaced", after.Replaced-before.Replaced)
	return strings.Join(s, " ")
}

// A reference decoder has counted datagrams, records, and data sets without a
// template in each file by itself. What it counts otherwise stands in
// corpus_explained_test.go.
func TestCorpusCounts(t *testing.T) {
	unseen := map[string]string{}
	for _, e := range countsExplained {
		for line := range strings.Lines(e.counts) {
			if line = strings.TrimSpace(line); line != "" {
				unseen[line] = e.why
			}
		}
	}
	for file, want := range corpusIndex(t) {
		d := newDecoder()
		var b flow.Batch
		all := messages(t, file)
		records, options := 0, 0
		for _, dg := range all {
			b.Reset()
			_ = d.Decode(&b, dg)
			for i := range b.Flows {
				if b.Flows[i].Marks&flow.Reverse == 0 {
					records++
				}
			}
			options += len(b.Options)
		}
		var s []string
		differ := func(name string, got, want int) {
			if got != want {
				s = append(s, fmt.Sprintf("%s=%d,%d", name, got, want))
			}
		}
		if want.transport != "tcp,udp" { // the packets of TCP are BMP's and BGP's
			differ("packets", len(all), want.packets)
		}
		differ("flows", records, want.flows)
		differ("options", options, want.options)
		differ("unresolved", int(d.Stats.Faults[ErrNoTemplate]), want.unresolved)
		if len(s) == 0 {
			continue
		}
		line := file + ": " + strings.Join(s, " ")
		if unseen[line] == "" {
			t.Error(line)
		}
		delete(unseen, line)
	}
	for line, why := range unseen {
		t.Errorf("no longer: %s: %s", line, why)
	}
}

// corpusCases returns the files of each case, in the order they belong.
// Some captures of softflowd are named there that it doesn't hold.
func corpusCases(t *testing.T) (cases map[string][]string) {
	t.Helper()
	if err := json.Unmarshal(corpusFile(t, "CASES.json"), &cases); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(cases, func(name string, files []string) bool {
		_, err := os.Stat(filepath.Join(corpus, files[0]))
		return errors.Is(err, os.ErrNotExist) && strings.HasPrefix(name, "single/exporters-loopback__softflowd-")
	})
	return cases
}

func corpusFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus, name))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(corpus); err != nil {
			t.Skip("the corpus of captures is not here")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// messages returns what a capture holds: a pcap file's datagrams, or the
// messages of a raw file one behind the other.
func messages(t testing.TB, file string) (all []Datagram) {
	t.Helper()
	data := corpusFile(t, file)
	if !pcap.IsPcap(data) {
		for len(data) > 0 {
			n := message(data)
			all = append(all, Datagram{From: flowtest.From, Data: data[:n:n]})
			data = data[n:]
		}
		return all
	}
	return payloads(t, data)
}

// payloads returns the datagrams of a pcap file.
func payloads(t testing.TB, capture []byte) (all []Datagram) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Datagram{From: p.Src, Time: p.Time, Data: bytes.Clone(p.Payload)})
	}
}

// message returns the octets of the message that data begins with: where its own
// lengths lead to another of its version, those; otherwise all.
func message(data []byte) int {
	if len(data) < 16 {
		return len(data)
	}
	version, n := binary.BigEndian.Uint16(data), int(binary.BigEndian.Uint16(data[2:]))
	switch version {
	case 5:
		n = v5Header + n*v5Record
	case 9: // no FlowSet has the id 9: RFC 3954 §5.2
		n = v9Header
		for n+4 <= len(data) && binary.BigEndian.Uint16(data[n:]) != 9 {
			n += max(4, int(binary.BigEndian.Uint16(data[n+2:])))
		}
	case 10:
	default:
		return len(data)
	}
	if n < 16 || n+2 > len(data) || binary.BigEndian.Uint16(data[n:]) != version {
		return len(data)
	}
	return n
}
