package flow_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// full has flows of both families with strings and extras, options, counters.
func full(t testing.TB) *flow.Batch {
	m := flowtest.New(5)
	var b flow.Batch
	d := decode.New(template.NewStore(template.Limits{}))
	fields := append(flowtest.Named[:len(flowtest.Named):len(flowtest.Named)], flowtest.F(0, 82, 0xffff), flowtest.F(9, 77, 4))
	option := flowtest.Twenty[:4]
	counters := []byte{0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 2, 0, 0, 0, 108, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 88}
	for i := range 88 {
		counters = append(counters, byte(i))
	}
	for _, p := range [][]byte{
		m.V5(3), m.SFlow(2), counters,
		flowtest.Packet(10, 1, flowtest.Template(10, 260, fields), m.Data(260, 4, fields)),
		flowtest.Packet(9, 2, flowtest.OptionsTemplate(9, 261, 1, option), m.Data(261, 2, option)),
	} {
		if err := d.Decode(&b, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: p}); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.Flows) != 9 || len(b.Options) != 2 || len(b.Counters) != 1 {
		t.Fatalf("%d flows, %d options, %d counters", len(b.Flows), len(b.Options), len(b.Counters))
	}
	return &b
}

func TestBatchRoundTrip(t *testing.T) {
	b := full(t)
	d := flow.AppendBatch([]byte("x"), b)[1:]
	var got flow.Batch
	got.Grow(3) // what it held before goes
	if err := flow.ReadBatch(&got, d); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Flows, b.Flows) || !reflect.DeepEqual(got.Options, b.Options) || !reflect.DeepEqual(got.Counters, b.Counters) {
		t.Error("records differ")
	}
	for i := range b.Flows {
		if !bytes.Equal(got.Strings.Get(got.Flows[i].AppName), b.Strings.Get(b.Flows[i].AppName)) {
			t.Errorf("flow %d: another string", i)
		}
		var x, y flow.Cursor
		for {
			e, v, ok := b.NextExtra(&b.Flows[i], &x)
			f, w, more := got.NextExtra(&got.Flows[i], &y)
			if e != f || !bytes.Equal(v, w) || ok != more {
				t.Fatalf("flow %d: extra %v %x, want %v %x", i, f, w, e, v)
			}
			if !ok {
				break
			}
		}
	}
	for i := range d {
		if err := flow.ReadBatch(&got, d[:i]); !errors.Is(err, flow.ErrBatch) || len(got.Flows) != 0 {
			t.Fatalf("%d of %d octets: %v, %d flows", i, len(d), err, len(got.Flows))
		}
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add(flow.AppendBatch(nil, full(f)))
	f.Add(flow.AppendBatch(nil, &flow.Batch{}))
	f.Fuzz(func(t *testing.T, d []byte) {
		var b flow.Batch
		if flow.ReadBatch(&b, d) != nil {
			return
		}
		for i := range b.Flows {
			for range b.Extra(&b.Flows[i]) {
			}
			b.Strings.Get(b.Flows[i].AppName)
		}
		var again flow.Batch
		if err := flow.ReadBatch(&again, flow.AppendBatch(nil, &b)); err != nil || len(again.Flows) != len(b.Flows) {
			t.Fatalf("what was read can't be written and read again: %v", err)
		}
	})
}
