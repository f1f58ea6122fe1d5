package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

const corpus = "../../../shared/corpus"

// at is when datagrams without a time of their own arrived.
const at = flowtest.Export * 1e9

// A capture is a file of datagrams.
type capture struct {
	name      string
	datagrams []decode.Datagram
}

// read returns the datagrams of a file: a pcap's, or the file as one.
func read(t testing.TB, name string, data []byte) (c capture) {
	t.Helper()
	c.name = name
	if !pcap.IsPcap(data) {
		if len(data) <= 1<<16 {
			c.datagrams = []decode.Datagram{{From: flowtest.From, Time: at, Data: data}}
		}
		return c
	}
	r, err := pcap.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return c
		}
		if err != nil {
			t.Logf("%s: %v", name, err)
			return c
		}
		c.datagrams = append(c.datagrams, decode.Datagram{From: p.Src, Time: p.Time, Data: bytes.Clone(p.Payload)})
	}
}

// captures returns what testdata holds, and the corpus where it is.
func captures(t testing.TB) (all []capture) {
	t.Helper()
	err := fs.WalkDir(testdata.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".pcap" {
			return err
		}
		data, err := testdata.FS.ReadFile(name)
		all = append(all, read(t, name, data))
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d captures in testdata, %v", len(all), err)
	}
	err = filepath.WalkDir(corpus, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, corpus+"/golden") {
			return filepath.SkipDir
		}
		switch filepath.Ext(name) {
		case ".pcap", ".pcapng", ".bin", ".dat", ".dump", ".raw":
		default:
			return nil
		}
		data, err := os.ReadFile(name)
		if err == nil && len(data) > 0 {
			all = append(all, read(t, strings.TrimPrefix(name, corpus+"/"), data))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// covered fails unless the leaves of x cover its octets in order, each once, and
// each node lies within its parent and is as long as its children.
func covered(t testing.TB, x *Explanation) {
	t.Helper()
	reached := 0
	x.Root.walk(func(n *Node) {
		if n.Offset < 0 || n.Length < 0 || n.Offset+n.Length > len(x.Octets) {
			t.Fatalf("%q is at %d with %d octets, of %d", n.Name, n.Offset, n.Length, len(x.Octets))
		}
		if len(n.Children) == 0 {
			if n.Offset != reached {
				t.Fatalf("%q begins at %d, the leaf before ends at %d", n.Name, n.Offset, reached)
			}
			reached += n.Length
			return
		}
		end := n.Offset
		for _, c := range n.Children {
			if c.Offset != end {
				t.Fatalf("%q in %q begins at %d, not at %d", c.Name, n.Name, c.Offset, end)
			}
			end += c.Length
		}
		if end != n.Offset+n.Length {
			t.Fatalf("%q ends at %d, what is in it at %d", n.Name, n.Offset+n.Length, end)
		}
	})
	if reached != len(x.Octets) {
		t.Fatalf("the leaves end at %d, the datagram at %d", reached, len(x.Octets))
	}
}

// printed fails unless x can be written, as text that is safe to print, bounded
// by the octets of the datagram, and as JSON.
func printed(t testing.TB, x *Explanation) {
	t.Helper()
	out := x.AppendText(nil, "title", Style{Records: -1, Full: true})
	lines := 0
	for line := range bytes.Lines(out) {
		lines++
		for _, c := range string(bytes.TrimSuffix(line, []byte("\n"))) {
			if c < ' ' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
				t.Fatalf("character %U in %q", c, line)
			}
		}
	}
	if most := 10 + 8*len(x.Octets); lines > most {
		t.Fatalf("%d lines for %d octets, more than %d", lines, len(x.Octets), most)
	}
	if text, err := json.Marshal(x); err != nil || !json.Valid(text) {
		t.Fatalf("JSON: %v", err)
	}
}

// A twin is a decoder beside an Explainer. It lets no data set wait, so that
// both give a record where it stands.
type twin struct {
	dec   *decode.Decoder
	batch flow.Batch
	e     *Explainer
}

func newTwin() *twin {
	return &twin{
		dec: decode.New(template.NewStore(template.Limits{Waiting: 1})),
		e:   New(template.NewStore(template.Limits{})),
	}
}

// same explains dg, and fails unless the decoder finds as many records and the
// same faults.
func (w *twin) same(t testing.TB, dg decode.Datagram) *Explanation {
	t.Helper()
	before := w.dec.Stats
	w.batch.Reset()
	w.dec.Decode(&w.batch, dg)
	x := w.e.Explain(dg)
	flows := 0
	for i := range w.batch.Flows {
		if w.batch.Flows[i].Marks&flow.Reverse == 0 {
			flows++
		}
	}
	if x.Flows != flows || x.Options != len(w.batch.Options) || x.Counters != len(w.batch.Counters) {
		t.Errorf("%d flows, %d options, %d counters; decoded are %d, %d, %d\n%s", x.Flows, x.Options, x.Counters,
			flows, len(w.batch.Options), len(w.batch.Counters), x.AppendText(nil, "", Style{}))
	}
	var faults [decode.NumFaults]uint64
	for _, n := range x.Faults {
		faults[n.Fault.Kind]++
	}
	for f := range faults {
		n := w.dec.Stats.Faults[f] - before.Faults[f]
		if f == int(decode.ErrList) || f == int(decode.ErrListTemplate) {
			n, faults[f] = min(n, 1), min(faults[f], 1) // a record of both directions is read twice
		}
		if n != faults[f] {
			t.Errorf("%d × %v, the decoder has %d\n%s", faults[f], decode.Fault(f), n, x.AppendText(nil, "", Style{}))
		}
	}
	return x
}

func TestSameAsDecode(t *testing.T) {
	n := 0
	for _, c := range captures(t) {
		w := newTwin()
		for i, dg := range c.datagrams {
			x := w.same(t, dg)
			covered(t, x)
			if !testing.Short() || n%8 == 0 { // the race detector makes it slow
				printed(t, x)
			}
			if n++; t.Failed() {
				t.Fatalf("%s, datagram %d", c.name, i+1)
			}
		}
	}
	t.Logf("%d datagrams", n)
}

// Data whose template comes later is explained where the templates were learned,
// as many records as a decoder that lets it wait finds in all.
func TestLearn(t *testing.T) {
	early := 0
	for _, c := range captures(t) {
		d := decode.New(template.NewStore(template.Limits{}))
		e := New(template.NewStore(template.Limits{}))
		var b flow.Batch
		for _, dg := range c.datagrams {
			e.Learn(dg)
		}
		options, flows := 0, 0
		for _, dg := range c.datagrams {
			b.Reset()
			d.Decode(&b, dg)
			x := e.Explain(dg)
			covered(t, x)
			flows += x.Flows
			for i := range b.Flows {
				if b.Flows[i].Marks&flow.Reverse == 0 {
					flows--
				}
			}
			options += x.Options - len(b.Options)
		}
		if flows != 0 || options != 0 {
			t.Errorf("%s: %d flows and %d options more than decoded", c.name, flows, options)
		}
		early += int(d.Stats.Recovered)
	}
	t.Logf("%d octets came before their template", early)
}

// texts returns the lines of an explanation that hold what is asked for.
func texts(x *Explanation, holds string) (lines []string) {
	for line := range strings.Lines(string(x.AppendText(nil, "", Style{Records: -1}))) {
		if strings.Contains(line, holds) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

func explained(data ...[]byte) *Explanation {
	e := New(template.NewStore(template.Limits{}))
	var x *Explanation
	for _, d := range data {
		x = e.Explain(decode.Datagram{From: flowtest.From, Time: at, Data: d})
	}
	return x
}
