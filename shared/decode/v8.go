package decode

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// NetFlow v8: a header of 28 octets that names an aggregation scheme, and
// records of many flows each, in a layout that follows from the scheme. The
// schemes are templates that we know by heart.
const (
	v8Header  = 28
	v8Version = 2 // of the aggregation; no other is documented
)

// A v8Field is an element's id and its octets, with the enterprise bit of IPFIX
// for an element of ours.
type v8Field struct{ id, n uint16 }

const ours = 0x8000

// v8Sums are the fields that come first where a router aggregates: flows,
// packets, octets, first and last.
var v8Sums = []v8Field{{3, 4}, {2, 4}, {1, 4}, {22, 4}, {21, 4}}

// v8Schemes holds the schemes by number. Routers have 1 to 5 and, with the
// class of service, 9 to 14; their records begin with v8Sums. Catalyst switches
// have 6 to 8.
//
// Who comes first of the two prefix lengths in 5, 13 and 14 is disputed: the
// destination's does in flow-tools and pmacct, which we follow, the source's in
// tshark, and Junos has a setting for it (caida-compliant). In 9, tshark has the
// class of service before the interfaces; Cisco's figure, behind them.
var v8Schemes = [...][]v8Field{
	// Autonomous systems.
	1: {{16, 2}, {17, 2}, {10, 2}, {14, 2}},
	// Protocol and ports.
	2: {{4, 1}, {210, 3}, {7, 2}, {11, 2}},
	// Source prefix, destination prefix, both.
	3: {{8, 4}, {9, 1}, {210, 1}, {16, 2}, {10, 2}, {210, 2}},
	4: {{12, 4}, {13, 1}, {210, 1}, {17, 2}, {14, 2}, {210, 2}},
	5: {{8, 4}, {12, 4}, {13, 1}, {9, 1}, {210, 2}, {16, 2}, {17, 2}, {10, 2}, {14, 2}},
	// Catalyst: destination, source and destination, full flow.
	6: {{12, 4}, {2, 4}, {1, 4}, {22, 4}, {21, 4}, {14, 2}, {5, 1},
		{ours | markedTOS, 1}, {ours | extraPackets, 4}, {43, 4}},
	7: {{12, 4}, {8, 4}, {2, 4}, {1, 4}, {22, 4}, {21, 4}, {14, 2}, {10, 2}, {5, 1},
		{ours | markedTOS, 1}, {210, 2}, {ours | extraPackets, 4}, {43, 4}},
	8: {{12, 4}, {8, 4}, {11, 2}, {7, 2}, {2, 4}, {1, 4}, {22, 4}, {21, 4}, {14, 2}, {10, 2}, {5, 1}, {4, 1},
		{ours | markedTOS, 1}, {210, 1}, {ours | extraPackets, 4}, {43, 4}},
	// ToS, and: autonomous systems; protocol and ports; the prefixes; prefixes,
	// protocol and ports.
	9:  {{16, 2}, {17, 2}, {10, 2}, {14, 2}, {5, 1}, {210, 3}},
	10: {{4, 1}, {5, 1}, {210, 2}, {7, 2}, {11, 2}, {10, 2}, {14, 2}},
	11: {{8, 4}, {9, 1}, {5, 1}, {16, 2}, {10, 2}, {210, 2}},
	12: {{12, 4}, {13, 1}, {5, 1}, {17, 2}, {14, 2}, {210, 2}},
	13: {{8, 4}, {12, 4}, {13, 1}, {9, 1}, {5, 1}, {210, 1}, {16, 2}, {17, 2}, {10, 2}, {14, 2}},
	14: {{8, 4}, {12, 4}, {13, 1}, {9, 1}, {5, 1}, {4, 1}, {7, 2}, {11, 2}, {10, 2}, {14, 2}},
}

// A v8Plan decodes one scheme.
type v8Plan struct {
	*template.Plan
	record int // octets
}

// v8Plans compiles the schemes when the first v8 datagram comes.
var v8Plans = sync.OnceValue(func() *[len(v8Schemes)]v8Plan {
	var plans [len(v8Schemes)]v8Plan
	for i := 1; i < len(v8Schemes); i++ {
		fields := v8Schemes[i]
		if i < 6 || i > 8 {
			fields = append(v8Sums[:len(v8Sums):len(v8Sums)], fields...)
		}
		t := template.Template{Version: 8}
		p := &plans[i]
		for _, f := range fields {
			e := flow.Element{ID: f.id &^ ours}
			if f.id&ours != 0 {
				e.PEN = reserved
			}
			t.Fields = append(t.Fields, template.Field{Element: e, Len: f.n})
			p.record += int(f.n)
		}
		var err error
		if p.Plan, err = template.Compile(&t); err != nil {
			panic(fmt.Sprintf("decode: bug: v8 scheme %d: %v", i, err))
		}
	}
	return &plans
})

// V8Template returns the layout of the records of an aggregation scheme of
// NetFlow v8, nil if there is no such scheme. It is not to be changed. Fields
// that IANA has no element for have the highest enterprise number, which nobody
// has.
func V8Template(scheme uint8) *template.Template {
	if scheme == 0 || int(scheme) >= len(v8Schemes) {
		return nil
	}
	return &v8Plans()[scheme].Template
}

func (d *Decoder) v8(b *flow.Batch, data []byte) {
	if len(data) < v8Header {
		d.failAt(ErrShort, len(data))
		return
	}
	scheme := data[22]
	if scheme == 0 || int(scheme) >= len(v8Schemes) || data[23] != v8Version {
		d.failAt(ErrVersion, 22)
		return
	}
	domain, rate := uint32(binary.BigEndian.Uint16(data[20:])), interval(data[24:])
	p := &v8Plans()[scheme]
	data, n := d.fixed(8, data, v8Header, p.record)
	d.msg.Domain = domain
	if n == 0 {
		return
	}
	p.Append(b, data, &d.msg)
	if rate != 0 {
		fl := b.Flows[len(b.Flows)-n:]
		for i := range fl {
			fl[i].SamplingRate = rate
			fl[i].Set.Add(flow.FieldSamplingRate)
		}
	}
	d.Stats.Flows += uint64(n)
}
