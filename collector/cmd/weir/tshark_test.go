//go:build real

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// corpus are captures of devices. They are tested where they are.
const corpus = "../../../../shared/corpus"

// A sent is a datagram of a case.
type sent struct {
	name string
	decode.Datagram
}

// TestTshark decodes all captures, and has tshark do so: the same records in each
// datagram, and in each record the same 7-tuple, counters and times. What differs
// is in tsharkExplained. All datagrams go into one capture, as tshark is slow to
// start; the exporters of each case get addresses of their own.
func TestTshark(t *testing.T) {
	needs(t, "tshark")
	all := append(captured(t), devices(t)...)
	file := filepath.Join(t.TempDir(), "all.pcap")
	write(t, file, all)

	unseen := map[string]string{}
	for _, e := range tsharkExplained {
		for line := range strings.Lines(e.differs) {
			if line = strings.TrimSpace(line); line != "" {
				unseen[line] = e.why
			}
		}
	}
	store := template.NewStore(template.Limits{})
	d := decode.New(store)
	var b flow.Batch
	r := reader{options: map[string]bool{}}
	differences := map[string]*difference{}
	n, records, values := 0, 0, 0
	tshark := exec.Command("tshark", "-n", "-r", file, "-d", "udp.port==2055,cflow", "-d", "udp.port==6343,sflow", "-T", "pdml")
	out, err := tshark.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tshark.Start(); err != nil {
		t.Fatal(err)
	}
	err = readPDML(bufio.NewReaderSize(out, 1<<20), func(packet *node) {
		if n == len(all) {
			t.Fatal("tshark has more packets")
		}
		s := &all[n]
		n++
		b.Reset()
		d.Decode(&b, s.Datagram) // TestCorpus, of decode, looks at the faults
		ours := slices.DeleteFunc(slices.Clone(b.Flows), func(f flow.Flow) bool { return f.Marks&flow.Reverse != 0 })
		x := differences[s.name]
		if x == nil {
			x = &difference{fields: map[string]int{}}
			differences[s.name] = x
		}
		var theirs []said
		var counters int
		for _, k := range packet.kids {
			switch k.name {
			case "cflow":
				theirs = r.flows(t, packet, k)
			case "sflow":
				theirs, counters = samples(k)
			}
		}
		if counters != len(b.Counters) {
			x.fields["counters"]++
		}
		records += len(theirs)
		for _, w := range theirs {
			values += len(w)
		}
		x.compare(ours, theirs)
	})
	if err := errors.Join(err, tshark.Wait()); err != nil {
		t.Fatal(err)
	}
	if n != len(all) {
		t.Fatalf("tshark has %d packets, not %d", n, len(all))
	}
	for _, name := range slices.Sorted(maps.Keys(differences)) {
		x := differences[name]
		if s := x.String(); s != "" {
			line := name + ": " + s
			if unseen[line] == "" {
				t.Errorf("%s: %s", line, x.first)
			}
			delete(unseen, line)
		}
	}
	for line, why := range unseen {
		if name, _, _ := strings.Cut(line, ": "); differences[name] != nil {
			t.Errorf("no longer: %s: %s", line, why)
		}
	}
	t.Logf("%d cases, %d datagrams, %d records, %d values", len(differences), n, records, values)
}

// captured returns the datagrams of testdata.
func captured(t *testing.T) (all []sent) {
	err := fs.WalkDir(testdata.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(path, ".pcap")
		if err != nil || !ok {
			return err
		}
		data, err := fs.ReadFile(testdata.FS, path)
		all = append(all, datagrams(t, "testdata/"+name, data)...)
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d datagrams: %v", len(all), err)
	}
	return all
}

// devices returns the datagrams of the corpus, none where it is not there.
func devices(t *testing.T) (all []sent) {
	text, err := os.ReadFile(filepath.Join(corpus, "CASES.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("the corpus of captures is not here")
		return nil
	}
	var cases map[string][]string
	if err := errors.Join(err, json.Unmarshal(text, &cases)); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		for _, file := range cases[name] {
			data, err := os.ReadFile(filepath.Join(corpus, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue // CASES.json names some that are not in the corpus
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, datagrams(t, name, data)...)
		}
	}
	return all
}

// datagrams returns what a file holds.
func datagrams(t *testing.T, name string, data []byte) (all []sent) {
	c, err := source.NewCapture(bytes.NewReader(data))
	for err == nil {
		var m source.Message
		if m, err = c.Next(); err == nil {
			m.Data = bytes.Clone(m.Data)
			m.Over = template.UDP
			all = append(all, sent{name, m.Datagram})
		}
	}
	if err != io.EOF && len(all) == 0 {
		t.Logf("%s: %v", name, err) // TestCorpus looks at these
	}
	return all
}

// write writes a capture of all, and gives them the senders and the times that
// they have there.
func write(t *testing.T, file string, all []sent) {
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	w, err := pcap.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	senders := map[string]netip.Addr{} // by case and address
	for i := range all {
		s := &all[i]
		key := s.name + " " + s.From.Addr().String()
		if _, ok := senders[key]; !ok {
			n := len(senders) + 1
			senders[key] = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		}
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 2055)
		if len(s.Data) > 2 && s.Data[0] == 0 && s.Data[1] == 0 { // the upper half of sFlow's version
			to = netip.AddrPortFrom(to.Addr(), 6343)
		}
		s.From, s.To = netip.AddrPortFrom(senders[key], max(s.From.Port(), 1024)), to
		if s.Time == 0 {
			s.Time = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC).UnixNano()
		}
		if err := w.WriteUDP(s.Time, s.From, s.To, s.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A difference is what differs in a case: how many records tshark has and we
// don't, how many we have and it doesn't, and in how many others a key differs.
type difference struct {
	missing, extra int
	fields         map[string]int
	first          string // an example
}

func (x *difference) String() string {
	var s []string
	if x.missing > 0 {
		s = append(s, fmt.Sprint("missing=", x.missing))
	}
	if x.extra > 0 {
		s = append(s, fmt.Sprint("extra=", x.extra))
	}
	for _, k := range slices.Sorted(maps.Keys(x.fields)) {
		s = append(s, fmt.Sprint(k, "=", x.fields[k]))
	}
	return strings.Join(s, " ")
}

// compare compares the records of a datagram: one by one if there are as many,
// else each with the first that agrees.
func (x *difference) compare(ours []flow.Flow, theirs []said) {
	if len(ours) == len(theirs) {
		for i := range ours {
			for _, k := range differ(&ours[i], theirs[i]) {
				x.fields[k]++
				if x.first == "" {
					x.first = fmt.Sprintf("%s: tshark says %v, weir %v", k, theirs[i], is(&ours[i]))
				}
			}
		}
		return
	}
	for _, w := range theirs {
		i := slices.IndexFunc(ours, func(f flow.Flow) bool { return len(differ(&f, w)) == 0 })
		if i < 0 {
			if x.missing++; x.first == "" {
				x.first = fmt.Sprintf("tshark has %v besides", w)
			}
			continue
		}
		ours = slices.Delete(ours, i, i+1)
	}
	if x.extra += len(ours); len(ours) > 0 && x.first == "" {
		x.first = fmt.Sprintf("weir has %v besides", is(&ours[0]))
	}
}

// differ returns the keys under which tshark says something else than f.
func differ(f *flow.Flow, w said) (all []string) {
	have := is(f)
	for _, k := range keys {
		if len(w[k]) == 0 || (k == "start" || k == "end") && f.Marks&flow.TimeReplaced != 0 {
			continue // it says nothing; or SEMANTICS, Time, does not believe it
		}
		if !slices.Contains(w[k], have[k]) {
			all = append(all, k)
		}
	}
	return all
}

// columns are ours for the keys.
var columns = map[string]flow.Field{
	"src": flow.FieldSrcAddr, "dst": flow.FieldDstAddr, "sport": flow.FieldSrcPort, "dport": flow.FieldDstPort,
	"proto": flow.FieldProto, "tos": flow.FieldTOS, "inif": flow.FieldInIf, "outif": flow.FieldOutIf,
	"bytes": flow.FieldBytes, "packets": flow.FieldPackets, "start": flow.FieldStart, "end": flow.FieldEnd,
}

// is returns what f says under each key.
func is(f *flow.Flow) map[string]string {
	m := map[string]string{}
	for k, x := range columns {
		switch a := f.Addr(x); {
		case !f.Set.Has(x):
		case a != nil:
			m[k] = a.String()
		case k == "start" || k == "end":
			m[k] = strconv.FormatInt(int64(f.Uint(x))/1e6, 10)
		default:
			m[k] = strconv.FormatUint(f.Uint(x), 10)
		}
	}
	return m
}
