//go:build cgo

package store

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/querytest"
)

// A host that most segments have, on either side, is told from one that few have,
// and both are answered alike.
func TestBusyHost(t *testing.T) {
	d, b := openTest(t), &flow.Batch{}
	rng := rand.New(rand.NewPCG(3, 5))
	address := func(last byte) (a flow.Addr) {
		copy(a[10:], []byte{255, 255, 10, 0, 0, last})
		return a
	}
	for i := range int64(400) {
		f := &b.Grow(1)[0]
		*f = flow.Flow{
			Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets, flow.FieldSrcAddr, flow.FieldDstAddr),
			Start: querytest.Epoch + i*1e9, End: querytest.Epoch + i*1e9 + 5e8, Received: querytest.Epoch + i*1e9 + 6e8,
			Bytes: rng.Uint64N(1000), Packets: 1, SrcAddr: address(byte(10 + rng.IntN(3))), DstAddr: address(byte(10 + rng.IntN(3))),
		}
	}
	b.Flows[200].SrcAddr = address(1)
	s := &Snapshot{Segments: put(t, d, b, 20)}
	for text, busy := range map[string]bool{"host 10.0.0.10": true, "host 10.0.0.10 and bytes > 500": true, "host 10.0.0.1": false, "src host 10.0.0.10": false} {
		filter, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*query.Request{
			{Shape: query.Flows, Limit: 30},
			{Metrics: []query.Metric{{Of: query.Bytes}, {Of: query.Records}}, Limit: 5},
		} {
			r.Filter, r.From, r.To = filter, querytest.Epoch+1e10, querytest.Epoch+390e9
			if got := d.busy(s.Segments, filter, r.From, r.To); got != busy {
				t.Errorf("%s: busy is %v", text, got)
			}
			got, err := d.ask(context.Background(), s, r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := querytest.Diff(r, got, querytest.Oracle(querytest.Stored(b), r)); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
		}
	}
}
