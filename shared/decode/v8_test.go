package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// schemes says of each v8 aggregation scheme where a column begins in a record,
// and which extras it has where: written down by offset, not by order, from
// Cisco's figures and flow-tools.
var schemes = [...]struct {
	octets  int
	columns map[string]int
	extras  []place
}{
	1: {28, with(sums, map[string]int{"SrcAS": 20, "DstAS": 22, "InIf": 24, "OutIf": 26}), counted},
	2: {28, with(sums, map[string]int{"Proto": 20, "SrcPort": 24, "DstPort": 26}), counted},
	3: {32, with(sums, map[string]int{"SrcAddr": 20, "SrcMask": 24, "SrcAS": 26, "InIf": 28}), counted},
	4: {32, with(sums, map[string]int{"DstAddr": 20, "DstMask": 24, "DstAS": 26, "OutIf": 28}), counted},
	5: {40, with(sums, map[string]int{"SrcAddr": 20, "DstAddr": 24, "DstMask": 28, "SrcMask": 29, "SrcAS": 32, "DstAS": 34, "InIf": 36, "OutIf": 38}), counted},
	6: {32, map[string]int{"DstAddr": 0, "Packets": 4, "Bytes": 8, "Start": 12, "End": 16, "OutIf": 20, "TOS": 22},
		[]place{{nobody, 5, 23, 24}, {nobody, 6, 24, 28}, {0, 43, 28, 32}}},
	7: {40, map[string]int{"DstAddr": 0, "SrcAddr": 4, "Packets": 8, "Bytes": 12, "Start": 16, "End": 20, "OutIf": 24, "InIf": 26, "TOS": 28},
		[]place{{nobody, 5, 29, 30}, {nobody, 6, 32, 36}, {0, 43, 36, 40}}},
	8: {44, map[string]int{"DstAddr": 0, "SrcAddr": 4, "DstPort": 8, "SrcPort": 10, "Packets": 12, "Bytes": 16, "Start": 20, "End": 24,
		"OutIf": 28, "InIf": 30, "TOS": 32, "Proto": 33}, []place{{nobody, 5, 34, 35}, {nobody, 6, 36, 40}, {0, 43, 40, 44}}},
	9:  {32, with(sums, map[string]int{"SrcAS": 20, "DstAS": 22, "InIf": 24, "OutIf": 26, "TOS": 28}), counted},
	10: {32, with(sums, map[string]int{"Proto": 20, "TOS": 21, "SrcPort": 24, "DstPort": 26, "InIf": 28, "OutIf": 30}), counted},
	11: {32, with(sums, map[string]int{"SrcAddr": 20, "SrcMask": 24, "TOS": 25, "SrcAS": 26, "InIf": 28}), counted},
	12: {32, with(sums, map[string]int{"DstAddr": 20, "DstMask": 24, "TOS": 25, "DstAS": 26, "OutIf": 28}), counted},
	13: {40, with(sums, map[string]int{"SrcAddr": 20, "DstAddr": 24, "DstMask": 28, "SrcMask": 29, "TOS": 30, "SrcAS": 32, "DstAS": 34, "InIf": 36, "OutIf": 38}), counted},
	14: {40, with(sums, map[string]int{"SrcAddr": 20, "DstAddr": 24, "DstMask": 28, "SrcMask": 29, "TOS": 30, "Proto": 31, "SrcPort": 32, "DstPort": 34, "InIf": 36, "OutIf": 38}), counted},
}

var (
	sums    = map[string]int{"Packets": 4, "Bytes": 8, "Start": 12, "End": 16}
	counted = []place{{0, 3, 0, 4}} // deltaFlowCount
)

func TestV8(t *testing.T) {
	for i, x := range schemes {
		if i == 0 {
			continue
		}
		t.Run(fmt.Sprintf("scheme %d", i), func(t *testing.T) {
			data := packetV8(byte(i), 3)
			var b flow.Batch
			decodeAll(t, newDecoder(), &b, data)
			holds(t, &b, 8, data[28:], x.octets, x.columns, map[string]uint64{"Domain": 0x0307, "SamplingRate": 100}, x.extras)
		})
	}
}

func TestV8UnknownSampling(t *testing.T) {
	data := packetV8(1, 2)
	binary.BigEndian.PutUint16(data[24:], 1<<14)
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	for _, f := range b.Flows {
		if f.Set.Has(flow.FieldSamplingRate) || f.SamplingRate != 0 {
			t.Errorf("sampling rate %d, want unknown", f.SamplingRate)
		}
	}
}

func TestV8UnknownScheme(t *testing.T) {
	for scheme := range 256 {
		for _, version := range []byte{0, 1, 2, 3, 255} {
			known := scheme >= 1 && scheme <= 14 && version == 2
			data := packetV8(1, 2)
			data[22], data[23] = byte(scheme), version
			var b flow.Batch
			d := newDecoder()
			err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
			if errors.Is(err, ErrVersion) == known || d.Stats.Faults[ErrVersion] == 1 == known || len(b.Flows) > 0 != known {
				t.Errorf("scheme %d, aggregation version %d: %v, %d flows", scheme, version, err, len(b.Flows))
			}
		}
	}
}
