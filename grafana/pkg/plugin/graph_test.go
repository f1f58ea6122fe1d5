package plugin

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// talkWindow holds a flow from each of so many hosts, 10.0.0.0 and following, to the
// next, the first ones the largest.
func talkWindow(t *testing.T, n int) engine.View {
	t.Helper()
	b := &flow.Batch{}
	host := func(i int) flow.Addr {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 10<<24|uint32(i))
		return flow.AddrFrom4(a)
	}
	for i := 1; i < n; i++ {
		b.Flows = append(b.Flows, flow.Flow{
			Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldSrcAddr, flow.FieldDstAddr),
			Start: noon.UnixNano(), End: noon.Add(time.Second).UnixNano(), Bytes: uint64(10_000 - i), SrcAddr: host(i), DstAddr: host(i + 1),
		})
	}
	w := engine.NewWindow(engine.MinLimit, noon)
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return w.View()
}

// A graph has no more nodes than the panel shows; what is left out are the smallest
// edges, and edges between nodes that are there stay.
func TestGraphIsCut(t *testing.T) {
	v := talkWindow(t, mostNodes+10)
	x := answerOf(t, v, `{"show":"matrix","by":["src","dst"],"limit":3000,"format":"nodegraph"}`)
	if n, e := x[0].Rows(), x[1].Rows(); n != mostNodes || e != mostNodes-1 || !strings.Contains(notices(x[0]), "cut: 10 of 1509 edges are left out, as a graph has 1500 nodes at most") {
		t.Errorf("%d nodes, %d edges, %s", n, e, notices(x[0]))
	}
	if last := x[1].Fields[3].At(mostNodes - 2); last != float64(10_000-(mostNodes-1)) {
		t.Errorf("the last edge has %v", last)
	}
	seen := map[string]bool{}
	for i := range x[0].Rows() {
		seen[x[0].Fields[0].At(i).(string)] = true
	}
	for i := range x[1].Rows() {
		for _, end := range []int{1, 2} {
			if id := x[1].Fields[end].At(i).(string); !seen[id] {
				t.Errorf("an edge leads to %s, which is no node", id)
			}
		}
	}
	if x := answerOf(t, talkWindow(t, mostNodes), `{"show":"matrix","by":["src","dst"],"limit":3000,"format":"nodegraph"}`); x[0].Rows() != mostNodes || strings.Contains(notices(x[0]), "cut") {
		t.Errorf("%d nodes, %s", x[0].Rows(), notices(x[0]))
	}
}
