package encode

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// An eventRead is what a reader makes of an event.
type eventRead struct {
	meta, record map[string]any
}

// readEvents reads events by another's decoder.
func readEvents(t *testing.T, data []byte) (all []eventRead) {
	t.Helper()
	for d := msgpack.NewDecoder(bytes.NewReader(data)); ; {
		n, err := d.DecodeArrayLen()
		if err != nil {
			return all
		}
		if m, err := d.DecodeArrayLen(); n != 2 || m != 2 || err != nil {
			t.Fatalf("arrays of %d, %d: %v", n, m, err)
		}
		if id, length, err := d.DecodeExtHeader(); id != 0 || length != 8 || err != nil {
			t.Fatalf("extension %d of %d octets: %v", id, length, err)
		}
		var when [8]byte
		if err := d.ReadFull(when[:]); err != nil {
			t.Fatal(err)
		}
		var e eventRead
		for _, m := range []*map[string]any{&e.meta, &e.record} {
			var nested map[string]any
			if err := d.Decode(&nested); err != nil {
				t.Fatal(err)
			}
			*m = map[string]any{}
			flatten("", nested, *m)
			for k, v := range *m {
				(*m)[k] = fmt.Sprint(v)
			}
		}
		all = append(all, e)
	}
}

// Typed adds to ECS what Elastic's assets look for, and nothing else changes.
func TestTyped(t *testing.T) {
	b := batch(t, 10, 3, flowtest.TwentyIPFIX)
	for i := range b.Flows {
		b.Flows[i].Start = b.Flows[i].End - int64(i)*1e9
	}
	plain := readEvents(t, New(ECS).AppendEvents(nil, b, b.Flows))
	typed := readEvents(t, NewWith(ECS, Options{Typed: true}).AppendEvents(nil, b, b.Flows))
	for i, e := range typed {
		want := maps.Clone(plain[i].record)
		maps.Copy(want, map[string]any{
			"event.action": "netflow_flow", "event.category": "[network]", "event.kind": "event", "event.type": "[connection]",
			"input.type": "netflow", "data_stream.dataset": "netflow.log", "network.type": "ipv4",
			"agent.name": plain[i].record["observer.ip"], "event.duration": fmt.Sprint(i * 1e9),
		})
		if !maps.Equal(e.record, want) {
			t.Errorf("record is\n%v, want\n%v", e.record, want)
		}
	}
	flat := readEvents(t, NewWith(Flat, Options{Typed: true}).AppendEvents(nil, b, b.Flows))
	if flat[0].record["type"] != "flow" {
		t.Errorf("type is %v", flat[0].record["type"])
	}
}

// Metadata say who observed a flow, by which protocol, and how.
func TestMeta(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b flow.Batch
	for i := range 300 {
		f := flow.Flow{Set: someColumns(rnd)}
		setRandom(rnd, &b, &f)
		f.Set.Add(flow.FieldExporter)
		f.Version = []uint8{1, 5, 9, 10, flow.SFlow5}[i/50%5]
		f.Exporter = flow.AddrFrom4([4]byte{10, 0, 0, byte(i / 20)})
		if i%7 == 0 {
			f.Exporter[0] = 0x20
		}
		b.Flows = append(b.Flows, f)
	}
	for _, p := range allProfiles {
		plain := readEvents(t, New(p).AppendEvents(nil, &b, b.Flows))
		with := readEvents(t, NewWith(p, Options{Meta: true}).AppendEvents(nil, &b, b.Flows))
		if len(with) != len(b.Flows) {
			t.Fatalf("%d events", len(with))
		}
		for i := range with {
			f := &b.Flows[i]
			want := map[string]any{"exporter": f.Exporter.Netip().String(), "protocol": Protocol(f.Version)}
			if f.Set.Has(flow.FieldDomain) {
				want["domain"] = fmt.Sprint(f.Domain)
			}
			if f.Set.Has(flow.FieldSamplingRate) {
				want["sampling"] = fmt.Sprint(f.SamplingRate)
			}
			if !maps.Equal(with[i].meta, want) {
				t.Fatalf("%s: metadata of %d are %v, want %v", p, i, with[i].meta, want)
			}
			if !maps.Equal(with[i].record, plain[i].record) {
				t.Fatalf("%s: record %d is\n%v, want\n%v", p, i, with[i].record, plain[i].record)
			}
		}
	}
}

// Fields are those that were asked for; Dotted changes how names are laid out, not
// what they are.
func TestFieldsAndDotted(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var b flow.Batch
	for range 300 {
		f := flow.Flow{Set: someColumns(rnd)}
		setRandom(rnd, &b, &f)
		off, d := b.Arena(flow.ExtraHeader + 2)
		flow.PutExtraHeader(d, flow.Element{ID: 500 + uint16(rnd.IntN(3))}, 2)
		f.SetExtra(off, uint32(len(d)))
		b.Flows = append(b.Flows, f)
	}
	for _, p := range allProfiles {
		all := readEvents(t, New(p).AppendEvents(nil, &b, b.Flows))
		dotted := readEvents(t, NewWith(p, Options{Dotted: true}).AppendEvents(nil, &b, b.Flows))
		for i := range all {
			if !maps.Equal(all[i].record, dotted[i].record) {
				t.Fatalf("%s: dotted, record %d is\n%v, want\n%v", p, i, dotted[i].record, all[i].record)
			}
		}
		fields := flow.SetOf(flow.FieldBytes, flow.FieldDstAddr, flow.FieldSrcMask, flow.FieldProto, flow.FieldEnd, flow.FieldExporter)
		some := readEvents(t, NewWith(p, Options{Fields: fields, NoExtras: true, Meta: true}).AppendEvents(nil, &b, b.Flows))
		for i := range all {
			var g flow.Flow
			g.Take(&b.Flows[i], flow.Set{b.Flows[i].Set[0] & fields[0], b.Flows[i].Set[1] & fields[1]})
			if !g.Set.Has(flow.FieldDstAddr) || b.Flows[i].Set.Has(flow.FieldSrcAddr) { // its family gives names
				g.SrcAddr = b.Flows[i].SrcAddr
			}
			for k, v := range some[i].record {
				if all[i].record[k] != v {
					t.Fatalf("%s: %s of record %d is %v, want %v", p, k, i, v, all[i].record[k])
				}
			}
			one := New(p).AppendEvents(nil, &b, []flow.Flow{g})
			if want := readEvents(t, one)[0].record; len(want) != len(some[i].record) {
				t.Fatalf("%s: record %d has %v, want %v", p, i, slices.Sorted(maps.Keys(some[i].record)), slices.Sorted(maps.Keys(want)))
			}
		}
	}
}

func TestEventTime(t *testing.T) {
	f := flow.Flow{Start: 1, End: 2, Received: 3}
	is := func(o EventTime, want int64) {
		t.Helper()
		if got := (&Options{Time: o}).time(&f); got != want {
			t.Errorf("time is %d, want %d", got, want)
		}
	}
	is(End, 3)
	f.Set.Add(flow.FieldStart)
	is(End, 1)
	f.Set.Add(flow.FieldEnd)
	is(End, 2)
	is(Start, 1)
	is(Received, 3)
	f.End = 1 << 62
	is(End, 3)
}

// Options and counters of all captures are in events what they are in JSON.
func TestOptionAndCounterEvents(t *testing.T) {
	options, counters := 0, 0
	for _, name := range []string{"pcap/v9/pmacctd-sampled.pcap", "pcap/ipfix/softflowd.pcap", "pcap/sflow/openvswitch.pcap", "made/sflow/records.pcap"} {
		data, err := testdata.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := pcap.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		d := decode.New(template.NewStore(template.Limits{}))
		var b flow.Batch
		for {
			p, err := r.Next()
			if err != nil {
				break
			}
			d.Decode(&b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload})
		}
		for _, p := range allProfiles {
			for _, o := range []Options{{}, {Typed: true, Meta: true}, {Typed: true, Dotted: true}} {
				e := NewWith(p, o)
				exporter := p.paths(flow.FieldExporter)[0].Name
				for i, got := range readEvents(t, e.AppendOptionEvents(nil, &b, b.Options)) {
					options++
					x := &b.Options[i]
					want := readJSON(t, New(IPFIX).AppendOptionJSON(nil, &b, x))
					matches(t, fmt.Sprintf("%s %s option %d", name, p, i), p, got, want, map[string]string{exporter: x.Exporter.Netip().String()})
					if o.Meta && (got.meta["exporter"] != x.Exporter.Netip().String() || got.meta["protocol"] != Protocol(x.Version)) {
						t.Errorf("metadata are %v", got.meta)
					}
				}
				for i, got := range readEvents(t, e.AppendCounterEvents(nil, &b, b.Counters)) {
					counters++
					x := &b.Counters[i]
					want := readJSON(t, New(IPFIX).AppendCounterJSON(nil, &b, x))
					matches(t, fmt.Sprintf("%s %s counter %d", name, p, i), p, got, want, map[string]string{exporter: x.Exporter.Netip().String()})
				}
			}
		}
	}
	if options == 0 || counters == 0 {
		t.Errorf("%d options and %d counters: the test tests nothing", options, counters)
	}
}

// matches holds a record to its JSON: as many values, the same ones, under names
// that may be spelt another way.
func matches(t *testing.T, what string, p Profile, got eventRead, want map[string]any, columns map[string]string) {
	t.Helper()
	for k, v := range columns {
		if got.record[k] != v {
			t.Errorf("%s: %s is %v, want %v", what, k, got.record[k], v)
		}
	}
	values := map[string]int{}
	for k, v := range got.record {
		k = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(k, "netflow.scope."), "netflow.options."), "netflow.counters.")
		values[strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k, "flow.")), "_", "")+"="+fmt.Sprint(v)]++
	}
	for k, v := range want {
		text := fmt.Sprint(v)
		if values[strings.ReplaceAll(strings.ToLower(k), "_", "")+"="+text] == 0 {
			t.Errorf("%s: %s is not %v in %v", what, k, text, got.record)
		}
	}
}
