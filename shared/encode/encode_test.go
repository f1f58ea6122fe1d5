package encode

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

var allProfiles = []Profile{IPFIX, ECS, Flat, CIM, OTel}

// batch decodes a packet of n records.
func batch(tb testing.TB, version uint16, n int, fields []flowtest.Field) *flow.Batch {
	tb.Helper()
	var b flow.Batch
	d := decode.New(template.NewStore(template.Limits{}))
	p := flowtest.Packet(version, 5, flowtest.Template(version, 260, fields), flowtest.New(2).Data(260, n, fields))
	if err := d.Decode(&b, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: p}); err != nil {
		tb.Fatal(err)
	}
	return &b
}

// flatten turns nested maps into dotted names.
func flatten(prefix string, v any, into map[string]any) {
	if m, ok := v.(map[string]any); ok {
		for k, v := range m {
			flatten(prefix+k+".", v, into)
		}
		return
	}
	into[strings.TrimSuffix(prefix, ".")] = v
}

func readJSON(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	out := map[string]any{}
	flatten("", m, out)
	for k, v := range out {
		if n, ok := v.(json.Number); ok {
			out[k] = n.String()
		}
	}
	return out
}

func readMsgpack(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var m map[string]any
	r := bytes.NewReader(data)
	if err := msgpack.NewDecoder(r).Decode(&m); err != nil {
		t.Fatalf("%v in %x", err, data)
	}
	if r.Len() > 0 {
		t.Fatalf("%d octets behind the map", r.Len())
	}
	out := map[string]any{}
	flatten("", m, out)
	for k, v := range out {
		switch v := v.(type) {
		case uint8, uint16, uint32, uint64, int64:
			out[k] = strings.Trim(toString(v), " ")
		}
	}
	return out
}

func toString(v any) string {
	d, _ := json.Marshal(v)
	return string(d)
}

// wantText is what a column must look like, by the slow way.
func wantText(b *flow.Batch, f *flow.Flow, v value) string {
	n := f.Uint(v.field)
	switch v.how {
	case asAddr:
		return netip.AddrFrom16(*f.Addr(v.field)).Unmap().String()
	case asTime:
		t := time.Unix(0, int64(n)).UTC()
		switch {
		case int64(n)%1e6 == 0:
			return t.Format("2006-01-02T15:04:05.000Z")
		case int64(n)%1e3 == 0:
			return t.Format("2006-01-02T15:04:05.000000Z")
		}
		return t.Format("2006-01-02T15:04:05.000000000Z")
	case asNanos:
		return strconv.FormatInt(int64(n), 10)
	case asMAC, asDashedMAC:
		h := strconv.FormatUint(n|1<<48, 16)[1:]
		var parts []string
		for i := 0; i < 12; i += 2 {
			parts = append(parts, h[i:i+2])
		}
		if v.how == asDashedMAC {
			return strings.ToUpper(strings.Join(parts, "-"))
		}
		return strings.Join(parts, ":")
	case asStr:
		return string([]rune(string(b.Strings.Get(flow.Str(n)))))
	case asApp:
		return strconv.FormatUint(n>>56, 10) + ":" + strconv.FormatUint(n&(1<<56-1), 10)
	case asProto:
		if s := flow.ProtoName(uint8(n)); s != "" {
			return s
		}
	case asFamily:
		if netip.AddrFrom16(*f.Addr(v.field)).Unmap().Is4() {
			return "ipv4"
		}
		return "ipv6"
	case asInterface:
		if n < 2 {
			return []string{"ingress", "egress"}[n]
		}
	case asFlowType:
		if n == 10 || n == 105 {
			return map[uint64]string{10: "ipfix", 105: "sflow_5"}[n]
		}
		return "netflow_v" + strconv.FormatUint(n, 10)
	case asDirection:
		return map[uint64]string{0: "inbound", 1: "outbound"}[n] + map[bool]string{true: "unknown"}[n > 1]
	}
	return strconv.FormatUint(n, 10)
}

// check holds what e writes of f against the columns.
func check(t *testing.T, p Profile, b *flow.Batch, f *flow.Flow, extras int) {
	t.Helper()
	e := New(p)
	want := map[string]string{}
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		for _, path := range p.paths(x) {
			name := path.Name
			if a := f.Addr(x); a != nil && !a.Is4() || a == nil && f.IsIPv6() {
				if six := flow.Fields[x].IPFIX6; six != "" && p == IPFIX {
					name = six
				} else if p == ECS && six != "" {
					name = strings.Replace(name, "ipv4", "ipv6", 1) // netflow.… only: others don't say
				}
			}
			how := p.how(x, path.Form)
			if _, taken := want[name]; taken {
				name, how = "netflow."+string(snake([]byte(flow.Fields[x].IPFIX))), asUint
			}
			want[name] = wantText(b, f, value{x, how})
		}
	}
	for format, got := range map[string]map[string]any{
		"json":    readJSON(t, e.AppendJSON(nil, b, f)),
		"msgpack": readMsgpack(t, e.AppendMsgpack(nil, b, []flow.Flow{*f})),
	} {
		for name, w := range want {
			if got[name] != w {
				t.Errorf("%s %s: %s is %v, want %s", p, format, name, got[name], w)
			}
		}
		if len(got) != len(want)+extras {
			t.Errorf("%s %s: %d values, want %d and %d extras: %v", p, format, len(got), len(want), extras, got)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, p := range allProfiles {
		for _, b := range []*flow.Batch{batch(t, 9, 20, flowtest.Twenty), batch(t, 10, 20, flowtest.TwentyIPFIX), batch(t, 10, 20, flowtest.Named)} {
			for i := range b.Flows {
				check(t, p, b, &b.Flows[i], 0)
			}
		}
	}
}

// setRandom gives f, of b, random values, hostile strings among them, in the
// columns of f.Set.
func setRandom(rnd *rand.Rand, b *flow.Batch, f *flow.Flow) {
	hostile := []string{"", "plain", "\"quoted\\\"", "line\nend\r\t", "\xff\xfe bad", "\x00mid\x00dle", strings.Repeat("é", 200), "</script>\u2028"}
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		if a := f.Addr(x); a != nil {
			*a = flow.AddrFrom4([4]byte{byte(rnd.Uint32()), byte(rnd.Uint32()), 0, byte(rnd.Uint32())})
			if rnd.IntN(2) == 0 {
				*a = flow.Addr{0x20, 1, 0xd, 0xb8, 15: byte(rnd.Uint32())}
			}
			continue
		}
		switch flow.Fields[x].Kind {
		case flow.KindStr:
			f.SetUint(x, uint64(b.Strings.Intern([]byte(hostile[rnd.IntN(len(hostile))]))))
		case flow.KindTime:
			t := rnd.Int64N(4e18) / []int64{1, 1e3, 1e6}[rnd.IntN(3)] * []int64{1, 1e3, 1e6}[rnd.IntN(3)] % 4e18
			if rnd.IntN(8) == 0 { // before 1970
				t = -t
			}
			f.SetUint(x, uint64(t))
		case flow.KindMAC:
			f.SetUint(x, rnd.Uint64()>>16)
		default:
			f.SetUint(x, rnd.Uint64()>>rnd.IntN(64))
		}
	}
}

// someColumns returns a set of random columns.
func someColumns(rnd *rand.Rand) (s flow.Set) {
	of := 1 + rnd.IntN(8)
	for x := range flow.Field(flow.NumFields) {
		if rnd.IntN(of) == 0 {
			s.Add(x)
		}
	}
	return s
}

func TestRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b flow.Batch
	for range 600 {
		b.Reset()
		f := &b.Grow(1)[0]
		*f = flow.Flow{Set: someColumns(rnd)}
		setRandom(rnd, &b, f)
		for _, p := range allProfiles {
			check(t, p, &b, f, 0)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestExtras(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(64999, 40, 3), flowtest.F(0, 82, 8), flowtest.F(0, 8, 4), flowtest.F(0, 85, 8), flowtest.F(0, 1, 8), flowtest.F(0, 20000, 2)}
	b := batch(t, 10, 5, fields)
	want := map[Profile][]string{
		IPFIX: {"64999_40", "interfaceName", "sourceIPv4Address_2", "octetTotalCount", "0_20000"},
		ECS:   {"netflow.64999_40", "netflow.interface_name", "netflow.source_ipv4_address_2", "netflow.octet_total_count", "netflow.0_20000"},
		CIM:   {"64999_40", "interface_name", "source_ipv4_address_2", "octet_total_count", "0_20000"},
		OTel:  {"flow.64999_40", "flow.interface_name", "flow.source_ipv4_address_2", "flow.octet_total_count", "flow.0_20000"},
		Flat:  {"64999_40", "interface_name", "source_ipv4_address_2", "octet_total_count", "0_20000"},
	}
	for _, p := range allProfiles {
		for i := range b.Flows {
			check(t, p, b, &b.Flows[i], 5)
			got := readJSON(t, New(p).AppendJSON(nil, b, &b.Flows[i]))
			for _, name := range want[p] {
				if _, ok := got[name]; !ok {
					t.Errorf("%s: no %s in %v", p, name, got)
				}
			}
		}
	}
}

// A record of nothing but extras, and one of nothing.
func TestBare(t *testing.T) {
	var b flow.Batch
	f := &b.Grow(1)[0]
	*f = flow.Flow{}
	for _, p := range allProfiles {
		check(t, p, &b, f, 0)
	}
	off, d := b.Arena(flow.ExtraHeader + 2)
	flow.PutExtraHeader(d, flow.Element{ID: 20000}, 2)
	f.SetExtra(off, uint32(len(d)))
	for _, p := range allProfiles {
		check(t, p, &b, f, 1)
	}
	f.Set.Add(flow.FieldSrcPort)
	for _, p := range allProfiles {
		check(t, p, &b, f, 1)
	}
}

func TestEvent(t *testing.T) {
	b := batch(t, 10, 1, flowtest.TwentyIPFIX)
	f := &b.Flows[0]
	f.End = 1_795_305_600_123_456_789
	d := New(ECS).AppendEvents(nil, b, b.Flows)
	head := []byte{0x92, 0x92, 0xd7, 0, 0x6b, 0x02, 0x30, 0x80, 0x07, 0x5b, 0xcd, 0x15, 0x80}
	if !bytes.Equal(d[:13], head) {
		t.Errorf("event begins with %x, want %x", d[:13], head)
	}
	readMsgpack(t, d[13:])
	// The Forward protocol's specification, version 1, "Entry" and "EventTime
	// Ext Format".
	d2 := New(ECS).AppendEntries(nil, b, b.Flows)
	head = []byte{0x92, 0xd7, 0, 0x6b, 0x02, 0x30, 0x80, 0x07, 0x5b, 0xcd, 0x15}
	if !bytes.Equal(d2[:11], head) || !bytes.Equal(d2[11:], d[13:]) {
		t.Errorf("entry begins with %x, want %x", d2[:11], head)
	}
}

// Within a profile a name means one thing, but for what a record has in its
// place: see flow's tag ecs.
func TestNamesAreUnique(t *testing.T) {
	for _, p := range allProfiles {
		has := map[string]string{}
		for x := range flow.Field(flow.NumFields) {
			for _, path := range p.paths(x) {
				c := &flow.Fields[x]
				if other, ok := has[path.Name]; ok && path.Name != "network.direction" {
					t.Errorf("%s: %s is %s and %s", p, path.Name, other, c.Name)
				}
				has[path.Name] = c.Name
			}
		}
	}
}

// The attributes of the OpenTelemetry collector's netflow receiver (contrib
// v0.121), those that a flow has: same keys, same types.
func TestOTel(t *testing.T) {
	var b flow.Batch
	f := &b.Grow(1)[0]
	*f = flow.Flow{SrcAddr: flow.AddrFrom4([4]byte{132, 189, 238, 100}), DstAddr: flow.AddrFrom4([4]byte{241, 171, 33, 110}),
		SrcPort: 1255, DstPort: 64744, Proto: 6, Bytes: 853, Packets: 83, Version: 5, Received: 1736309689918929427,
		Start: 1736309689830846400, End: 1736309689871846400, SamplingRate: 100, Exporter: flow.AddrFrom4([4]byte{172, 28, 176, 1})}
	f.Set = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldBytes,
		flow.FieldPackets, flow.FieldVersion, flow.FieldReceived, flow.FieldStart, flow.FieldEnd, flow.FieldSamplingRate, flow.FieldExporter)
	var got, want map[string]any
	if err := json.Unmarshal(New(OTel).AppendJSON(nil, &b, f), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"source.address":"132.189.238.100","source.port":1255,"destination.address":"241.171.33.110",
		"destination.port":64744,"network.transport":"tcp","network.type":"ipv4","flow.io.bytes":853,"flow.io.packets":83,
		"flow.type":"netflow_v5","flow.time_received":1736309689918929427,"flow.start":1736309689830846400,
		"flow.end":1736309689871846400,"flow.sampling_rate":100,"flow.sampler_address":"172.28.176.1"}`), &want); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The names that the generator writes and those that extras get must follow
// one rule.
func TestSnake(t *testing.T) {
	for i := range flow.Fields {
		c := &flow.Fields[i]
		if len(c.ECS) == 1 && strings.HasPrefix(c.ECS[0].Name, "netflow.") && !strings.HasPrefix(c.ECS[0].Name, "netflow.exporter.") {
			if got := "netflow." + string(snake([]byte(c.IPFIX))); got != c.ECS[0].Name {
				t.Errorf("%s: %s, the generator says %s", c.IPFIX, got, c.ECS[0].Name)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	fields := append(slices.Clone(flowtest.Named), flowtest.F(64999, 40, 3), flowtest.F(0, 82, 8))
	b := batch(t, 10, 4, fields)
	var dst []byte
	for _, p := range allProfiles {
		e, full := New(p), NewWith(p, Options{Typed: true, Meta: true})
		run := func() {
			dst = dst[:0]
			for i := range b.Flows {
				dst = e.AppendJSON(dst, b, &b.Flows[i])
			}
			dst = e.AppendEvents(dst, b, b.Flows)
			dst = full.AppendEvents(dst, b, b.Flows)
			dst = e.AppendEntries(dst, b, b.Flows)
			dst = e.AppendMsgpack(dst, b, b.Flows)
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", p, n)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	x := batch(b, 9, 24, flowtest.Twenty)
	var dst []byte
	json := func(e *Encoder, dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
		for i := range fl {
			dst = e.AppendJSON(dst, b, &fl[i])
		}
		return dst
	}
	for _, c := range []struct {
		name string
		e    *Encoder
		f    func(*Encoder, []byte, *flow.Batch, []flow.Flow) []byte
	}{
		{"msgpack/flat", New(Flat), (*Encoder).AppendMsgpack},
		{"msgpack/ecs", New(ECS), (*Encoder).AppendMsgpack},
		{"events/flat", NewWith(Flat, Options{Typed: true, Meta: true}), (*Encoder).AppendEvents},
		{"events/ecs", NewWith(ECS, Options{Typed: true, Meta: true}), (*Encoder).AppendEvents},
		{"json/ipfix", New(IPFIX), json},
		{"json/flat", New(Flat), json},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := c.e
			n := 0
			for b.Loop() {
				dst = c.f(e, dst[:0], x, x.Flows)
				n += len(x.Flows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
			b.ReportMetric(float64(len(dst))/float64(len(x.Flows)), "B/record")
		})
	}
}
