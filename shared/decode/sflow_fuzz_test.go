package decode

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/packet"
)

func FuzzSFlow(f *testing.F) {
	f.Add(sflowOf(compactOf(3, 4, headerTCP, switchRec, routerRec, gatewayRec)), false)
	f.Add(sflowOf(tagged(3, u32(1, 0, 70000, 10, 1, 0, 0, 80000, 2, 5, 1), headerTCP), tagged(5, u32(1, 0, 3, 0, 3, 0, 257, 1), headerTCP)), true)
	f.Add(sflowOf(tagged(2, u32(5, 3, 2), tagged(1, make([]byte, 88)), tagged(2000, []byte("abcd"))), tagged(4, u32(5, 0, 3, 1), tagged(9<<12|1, u32(1)))), false)
	f.Add(sflowOf(compactOf(0, 0, tagged(2, make([]byte, 24)), tagged(3, make([]byte, 32)), tagged(4, make([]byte, 56)), tagged(1004, u32(1, 4, 0, 1, 0)),
		tagged(1006, u32(1, 1, 1, 2, 0)), tagged(1007, u32(1, 1, 1, 2)), tagged(1020, u32(1, 2)), tagged(2100, make([]byte, 20)))), false)
	f.Add(flowtest.New(2).SFlow(2), false)
	f.Add(sflowOf(compactOf(0, 0, tagged(2101, make([]byte, 44)))), true)
	captured(f, 0, func(_, d []byte) { f.Add(d, false) }) // the upper half of sFlow's version
	f.Fuzz(func(t *testing.T, data []byte, inner bool) {
		run := func(data []byte) (*flow.Batch, Stats, error) {
			d := newDecoder()
			d.SFlow.Packet = packet.Options{Inner: inner}
			var b flow.Batch
			d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: sflowOf(compactOf(9, 9, headerTCP))}) // leaves old values
			b.Reset()
			err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
			return &b, d.Stats, err
		}
		if len(data) < 4 || binary.BigEndian.Uint16(data) != 0 {
			return
		}
		sameAsSlowSFlow(t, Datagram{From: flowtest.From, Time: at, Data: data}, SFlow{Packet: packet.Options{Inner: inner}})
		b, stats, err := run(data[:len(data):len(data)])
		again, statsAgain, errAgain := run(slices.Concat(data, bytes.Repeat([]byte{0xff}, 64))[:len(data)])
		if stats != statsAgain || err != errAgain || !reflect.DeepEqual(b.Flows, again.Flows) || !reflect.DeepEqual(b.Counters, again.Counters) {
			t.Fatal("decoding twice gives two results")
		}
		if uint64(len(b.Flows))+1 != stats.Flows || uint64(len(b.Counters)) != stats.Counters {
			t.Fatalf("%d flows and %d counters, counted %d and %d", len(b.Flows), len(b.Counters), stats.Flows-1, stats.Counters)
		}
		if size, _ := b.Arena(0); int(size) > 4096+8*len(data) {
			t.Fatalf("%d octets take %d in the arena", len(data), size)
		}
		for i := range b.Flows {
			fl := &b.Flows[i]
			for x := range flow.Field(flow.NumFields) {
				if a := fl.Addr(x); !fl.Set.Has(x) && (a != nil && *a != (flow.Addr{}) || a == nil && fl.Uint(x) != 0) {
					t.Fatalf("%s is absent but not zero", flow.Fields[x].Name)
				}
			}
			if fl.Packets != 1 || fl.Version != flow.SFlow5 {
				t.Fatalf("%d packets, version %d", fl.Packets, fl.Version)
			}
			distinct(t, b.Extra(fl))
		}
		for i := range b.Counters {
			distinct(t, b.Records(&b.Counters[i]))
		}
	})
}

// distinct checks that no two elements of a record have one name.
func distinct(t *testing.T, seq func(func(flow.Element, []byte) bool)) {
	seen := map[flow.Element]bool{}
	for e := range seq {
		if seen[e] {
			t.Fatalf("%v is there twice", e)
		}
		seen[e] = true
	}
}
