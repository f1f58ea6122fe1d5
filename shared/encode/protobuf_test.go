package encode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// A field is what stands in a protobuf message under a number: a number of wire
// type 0 or 1, or octets.
type field struct {
	wire   uint64
	n      uint64
	octets []byte
}

// readProtobuf reads a message field by field, as the encoding's definition has
// it: a tag (number << 3 | wire type), then the value.
func readProtobuf(t *testing.T, d []byte) map[int][]field {
	t.Helper()
	varint := func() uint64 {
		n, size := binary.Uvarint(d)
		if size <= 0 {
			t.Fatalf("no varint at %x", d)
		}
		if size > 1 && d[size-1] == 0 {
			t.Errorf("a varint of %d octets could be shorter", size)
		}
		d = d[size:]
		return n
	}
	m := map[int][]field{}
	for len(d) > 0 {
		tag := varint()
		f := field{wire: tag & 7}
		switch f.wire {
		case 0:
			f.n = varint()
		case 1:
			f.n = binary.LittleEndian.Uint64(d)
			d = d[8:]
		case 2:
			size := varint()
			if size > uint64(len(d)) {
				t.Fatalf("field %d has %d octets, %d are left", tag>>3, size, len(d))
			}
			f.octets, d = d[:size], d[size:]
		default:
			t.Fatalf("wire type %d", f.wire)
		}
		m[int(tag>>3)] = append(m[int(tag>>3)], f)
	}
	return m
}

// one reads a Record that holds one of kind.
func one(t *testing.T, d []byte, kind int) map[int][]field {
	t.Helper()
	m := readProtobuf(t, d)
	if len(m) != 1 || len(m[kind]) != 1 {
		t.Fatalf("the record holds %v, want one field %d", m, kind)
	}
	return readProtobuf(t, m[kind][0].octets)
}

// checkProtobuf holds what is written of f against its columns.
func checkProtobuf(t *testing.T, b *flow.Batch, f *flow.Flow) {
	t.Helper()
	got := one(t, AppendProtobuf([]byte("before"), b, f)[len("before"):], 1)
	n := 0
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		c := &flow.Fields[x]
		n++
		v := got[int(c.Proto)]
		if len(v) != 1 {
			t.Errorf("%s is there %d times", c.Name, len(v))
			continue
		}
		want := field{n: f.Uint(x)}
		switch c.Kind {
		case flow.KindTime, flow.KindApp:
			want.wire = 1
		case flow.KindMAC:
			want = field{wire: 2, octets: binary.BigEndian.AppendUint64(nil, f.Uint(x))[2:]}
		case flow.KindAddr:
			want = field{wire: 2, octets: f.Addr(x).Netip().AsSlice()}
		case flow.KindStr:
			text := string([]rune(string(b.Strings.Get(flow.Str(f.Uint(x))))))
			want = field{wire: 2, octets: []byte(text)}
		}
		if v[0].wire != want.wire || v[0].n != want.n || !bytes.Equal(v[0].octets, want.octets) {
			t.Errorf("%s is %v, want %v", c.Name, v[0], want)
		}
	}
	var extras []string
	for x, v := range b.Extra(f) {
		extras = append(extras, fmt.Sprint(x, v))
	}
	if len(extras) > 0 {
		n++
	}
	for i, v := range got[extraNumber] {
		m := readProtobuf(t, v.octets)
		number := func(i int) (n uint64) {
			for _, f := range m[i] {
				n = f.n
			}
			return n
		}
		x := flow.Element{PEN: uint32(number(1)), ID: uint16(number(2)), Ord: uint16(number(3))}
		if text := fmt.Sprint(x, m[4][0].octets); i >= len(extras) || text != extras[i] {
			t.Errorf("extra %d is %s, want %v", i, text, extras)
		}
	}
	if f.Marks != 0 {
		n++
		if v := got[marksNumber]; len(v) != 1 || v[0].n != uint64(f.Marks) {
			t.Errorf("marks are %v, want %d", v, f.Marks)
		}
	}
	if len(got) != n || len(got[extraNumber]) != len(extras) {
		t.Errorf("%d fields and %d extras, want %d and %d", len(got), len(got[extraNumber]), n, len(extras))
	}
}

func TestProtobuf(t *testing.T) {
	for _, b := range []*flow.Batch{batch(t, 9, 20, flowtest.Twenty), batch(t, 10, 20, flowtest.Named)} {
		for i := range b.Flows {
			checkProtobuf(t, b, &b.Flows[i])
		}
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	var b flow.Batch
	for range 2 { // of all sizes: the length has 1 to 3 octets
		runs(rnd, &b)
		for i := range b.Flows {
			b.Flows[i].Marks = flow.Mark(rnd.IntN(3))
			checkProtobuf(t, &b, &b.Flows[i])
		}
	}
	checkProtobuf(t, &b, &flow.Flow{})
}

func TestProtobufOption(t *testing.T) {
	var b flow.Batch
	o := flow.Option{Received: 5, Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 1}), Sender: flow.Addr{0: 0x20, 15: 1}, Domain: 300, Template: 256, Version: 9, Scopes: 1}
	off, d := b.Arena(flow.ExtraHeader + 2)
	flow.PutExtraHeader(d, flow.Element{PEN: 9, ID: 82, Ord: 1}, 2)
	copy(d[flow.ExtraHeader:], "if")
	o.SetFields(off, uint32(len(d)))
	got := one(t, AppendOptionProtobuf(nil, &b, &o), 2)
	want := map[int][]field{
		1: {{wire: 1, n: 5}}, 2: {{wire: 2, octets: []byte{192, 0, 2, 1}}}, 3: {{wire: 2, octets: o.Sender[:]}},
		4: {{n: 300}}, 5: {{n: 256}}, 6: {{n: 9}}, 7: {{n: 1}},
		8: {{wire: 2, octets: []byte{1 << 3, 9, 2 << 3, 82, 3 << 3, 1, 4<<3 | 2, 2, 'i', 'f'}}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestProtobufCounter(t *testing.T) {
	var b flow.Batch
	c := flow.Counter{Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 1}), Sequence: 7, Index: 3, HasInterface: true}
	c.Interface = flow.Interface{Index: 3, Speed: 1e9, InOctets: 5, OutOctets: 1<<64 - 1, InErrors: 1<<32 - 1, Promiscuous: 9}
	off, d := b.Arena(flow.ExtraHeader + 1)
	flow.PutExtraHeader(d, flow.Element{PEN: 14706, ID: 2}, 1)
	c.SetRecords(off, uint32(len(d)))
	got := one(t, AppendCounterProtobuf(nil, &b, &c), 3)
	if got[5][0].n != 7 || got[6] != nil || got[7][0].n != 3 || len(got[9]) != 1 || got[3] != nil {
		t.Errorf("got %v", got)
	}
	i := readProtobuf(t, got[8][0].octets)
	for number, want := range map[int]uint64{1: 3, 2: 0, 3: 1e9, 6: 5, 19: 9} {
		if len(i[number]) != 1 || i[number][0].n != want {
			t.Errorf("interface: field %d is %v, want %d", number, i[number], want)
		}
	}
	for _, number := range []int{11, 13} { // not known to the agent
		if i[number] != nil {
			t.Errorf("interface: field %d is %v, want nothing", number, i[number])
		}
	}
}

func TestDelimit(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 300, 20_000} {
		message := bytes.Repeat([]byte{'x'}, size)
		got := Delimit(append([]byte("before"), message...), len("before"))
		want := append(binary.AppendUvarint([]byte("before"), uint64(size)), message...)
		if !bytes.Equal(got, want) {
			t.Errorf("%d octets: %.20q, want %.20q", size, got, want)
		}
	}
}

// flow.proto has each column under its number, with the type that is written.
func TestFlowProto(t *testing.T) {
	text, err := os.ReadFile("flow.proto")
	if err != nil {
		t.Fatal(err)
	}
	start := bytes.Index(text, []byte("message Flow {"))
	text = text[start : start+bytes.Index(text[start:], []byte("\n}"))]
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^  optional (\w+ \w+ = \d+);$`).FindAllSubmatch(text, -1) {
		got = append(got, string(m[1]))
	}
	for i := range flow.Fields {
		c := &flow.Fields[i]
		typ := map[flow.Kind]string{flow.KindTime: "sfixed64", flow.KindAddr: "bytes", flow.KindMAC: "bytes", flow.KindStr: "string", flow.KindApp: "fixed64"}[c.Kind]
		if typ == "" {
			typ = map[bool]string{true: "uint64", false: "uint32"}[c.Size == 8]
		}
		want = append(want, typ+" "+c.Flat+" = "+strconv.Itoa(int(c.Proto)))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("flow.proto has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The numbers that were given out must stay: these have been written to disks.
func TestNumbersStay(t *testing.T) {
	for number, name := range map[uint16]string{1: "start", 2: "end", 3: "received", 4: "bytes", 5: "packets", 6: "src_addr", 7: "dst_addr",
		8: "src_port", 9: "dst_port", 10: "proto", 11: "tcp_flags", 12: "in_if", 13: "out_if", 14: "exporter", 15: "sampling_rate"} {
		if x, ok := flow.FieldByName(name); !ok || flow.Fields[x].Proto != number {
			t.Errorf("%s is not field %d", name, number)
		}
	}
}

func TestProtobufNoAllocations(t *testing.T) {
	fields := append(slices.Clone(flowtest.Named), flowtest.F(64999, 40, 3), flowtest.F(0, 82, 8))
	b := batch(t, 10, 4, fields)
	var dst []byte
	run := func() {
		dst = dst[:0]
		for i := range b.Flows {
			from := len(dst)
			dst = Delimit(AppendProtobuf(dst, b, &b.Flows[i]), from)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
