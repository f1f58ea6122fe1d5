package decode

import (
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/testdata"
)

// The head of each kind of sample is read, of damaged ones too.
func TestSamples(t *testing.T) {
	d := newDecoder()
	d.SFlow.Samples = true
	var b flow.Batch
	datagram := sflowOf(
		tagged(1, u32(10, 2<<24|3, 1000, 50000, 7, 3, 4, 1), headerTCP),
		tagged(2, u32(20, 3, 0)),
		tagged(3, u32(30, 0, 5, 1000, 50000, 8, 0, 5, 0, 6, 1), headerTCP),
		tagged(4, u32(40, 1, 5, 0)),
		tagged(5, u32(50, 0, 6, 9, 5, 6, 258, 0)),
		tagged(1, u32(11, 2<<24|3, 1000, 50000, 9, 3, 4, 5)), // its records are missing
		tagged(1, u32(12, 3)),                                // no head
		tagged(77<<12|1, u32(1, 2, 3)),                       // a vendor's
	)
	want := []Sample{
		{10, 2, 3, FlowSamples, 7},
		{20, 0, 3, CounterSamples, 0},
		{30, 0, 5, FlowSamples, 8},
		{40, 1, 5, CounterSamples, 0},
		{50, 0, 6, DiscardSamples, 9},
		{11, 2, 3, FlowSamples, 9},
	}
	d.Decode(&b, Datagram{From: flowtest.From, Data: datagram})
	if got := d.Samples(); !slices.Equal(got, want) {
		t.Errorf("samples are\n%v, want\n%v", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { b.Reset(); d.Decode(&b, Datagram{From: flowtest.From, Data: datagram}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	d.Decode(&b, Datagram{From: flowtest.From, Data: datagram[:10]})
	if got := d.Samples(); len(got) > 0 {
		t.Errorf("samples of the datagram before: %v", got)
	}
}

// Counter samples in captures have the heads that are in the batch.
func TestSamplesOfCounters(t *testing.T) {
	found := 0
	for _, name := range []string{"pcap/sflow/openvswitch.pcap", "pcap/sflow/pmacctd.pcap", "made/sflow/records.pcap"} {
		d := newDecoder()
		d.SFlow.Samples = true
		data, err := testdata.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range payloads(t, data) {
			var b flow.Batch
			d.Decode(&b, m)
			flows := 0
			counters := b.Counters
			for _, s := range d.Samples() {
				if s.Kind != CounterSamples {
					flows++
					continue
				}
				found++
				if c := counters[0]; s != (Sample{c.Sequence, c.Class, c.Index, CounterSamples, 0}) {
					t.Errorf("%s: %v of %+v", name, s, c)
				}
				counters = counters[1:]
			}
			if flows != len(b.Flows) || len(counters) > 0 {
				t.Errorf("%s: %d samples of %d flows, %d counters without one", name, flows, len(b.Flows), len(counters))
			}
		}
	}
	if found == 0 {
		t.Error("no counter sample: the test tests nothing")
	}
}
