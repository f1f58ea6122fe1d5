package encode

import (
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

func TestCounter(t *testing.T) {
	var b flow.Batch
	c := flow.Counter{Sequence: 7, Index: 3, HasInterface: true}
	c.Interface = flow.Interface{Index: 3, Speed: 1e9, InOctets: 5, OutOctets: 1<<64 - 1, InErrors: 1<<32 - 1, OutUnicast: 9}
	off, d := b.Arena(flow.ExtraHeader + 2)
	flow.PutExtraHeader(d, flow.Element{PEN: 14706, ID: 4000}, 2)
	copy(d[flow.ExtraHeader:], "\x01\x02")
	c.SetRecords(off, uint32(len(d)))
	got := readJSON(t, New(IPFIX).AppendCounterJSON(nil, &b, &c))
	want := map[string]any{"sequence": "7", "class": "0", "index": "3", "ifSpeed": "1000000000", "ifHCInOctets": "5", "ifIndex": "3", "ifOutUcastPkts": "9"}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %v, want %v", k, got[k], v)
		}
	}
	for _, k := range []string{"ifHCOutOctets", "ifInErrors"} { // not known to the agent
		if v, ok := got[k]; ok {
			t.Errorf("%s is %v, want nothing", k, v)
		}
	}
	if name := string(ie.AppendName(nil, 14706, 4000)); got[name] != "0x0102" {
		t.Errorf("%s is %v", name, got[name])
	}
}
