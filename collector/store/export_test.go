package store

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

const ever = math.MaxInt64 / 4

func export(t *testing.T, s *Store, format string, from, to int64, filter *query.Filter) (string, uint64) {
	t.Helper()
	var out bytes.Buffer
	told := 0
	n, err := s.Export(t.Context(), &out, format, from, to, filter, func(done, total int64) { told++ })
	if err != nil || told == 0 {
		t.Fatalf("%v; progress told %d times", err, told)
	}
	name := filepath.Join(t.TempDir(), "weir."+format)
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, n
}

// What is exported comes back, in any other store.
func TestExportAndImport(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	r := rand.New(rand.NewPCG(4, 1))
	all, plain := newWritten(), newWritten()
	for i := range 6 {
		b := randomBatch(r, 400)
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		all.add(b)
		for j := range b.Flows { // JSON lines don't say what weir did, nor name elements for good
			b.Flows[j].Marks = 0
			b.Flows[j].SetExtra(0, 0)
			b.Flows[j].Set.Add(flow.FieldBytes) // a flow without a column is none there
		}
		plain.add(b)
		if i%2 == 0 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := all.texts()
	for _, format := range []string{"parquet", "jsonl"} {
		name, n := export(t, s, format, -ever, ever, nil)
		if int(n) != len(want) {
			t.Errorf("%s: %d flows, want %d", format, n, len(want))
		}
		other := open(t, testConfig(t.TempDir()))
		if n, err := other.Import(t.Context(), []string{name}, nil); err != nil || int(n) != len(want) {
			t.Fatalf("%s: %d flows come back, want %d: %v", format, n, len(want), err)
		}
		if format == "parquet" {
			same(t, content(t, other), want)
		}
	}

	f, err := query.Parse("src port < 3")
	if err != nil {
		t.Fatal(err)
	}
	from, to := epoch+100e9, epoch+300e9
	hit := 0
	x := s.Snapshot()
	b := &flow.Batch{}
	for _, g := range x.Segments {
		if err := readFile(filepath.Join(s.dir, g.File), func(b *flow.Batch) error {
			for i := range b.Flows {
				if f.Match(b, &b.Flows[i]) && seen(&b.Flows[i], from, to) {
					hit++
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range x.Tail {
		for i := range k.Rows() {
			b.Reset()
			k.AppendFlow(b, i)
			if f.Match(b, &b.Flows[0]) && seen(&b.Flows[0], from, to) {
				hit++
			}
		}
	}
	x.Release()
	name, n := export(t, s, "csv", from, to, f)
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(d)).ReadAll()
	if err != nil || len(lines) != hit+1 || int(n) != hit || hit == 0 {
		t.Errorf("%d lines, %d flows, want %d: %v", len(lines), n, hit, err)
	}
	if !slices.Contains(lines[0], "src_addr") {
		t.Errorf("columns %v", lines[0])
	}
	if _, err := s.Export(t.Context(), &bytes.Buffer{}, "xml", 0, 1, nil, nil); err == nil {
		t.Error("xml is written")
	}
}

// Each column of JSON lines and of CSV is as it was.
func TestExportValues(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	b := &flow.Batch{}
	f := &b.Grow(1)[0]
	*f = flow.Flow{
		Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcMAC, flow.FieldAppID, flow.FieldAppName, flow.FieldProto),
		Start: epoch + 250e6, End: epoch + 1e9, Bytes: math.MaxUint64, SrcAddr: flow.AddrFrom4([4]byte{192, 0, 2, 1}),
		DstAddr: flow.Addr{0: 0x20, 1: 0x01, 15: 1}, SrcMAC: 0x0a1b2c3d4e5f, AppID: 3<<56 | 443, AppName: b.Strings.Intern([]byte(`=a,"b"`)), Proto: 6,
	}
	all := newWritten()
	fill(t, s, all, b)
	name, _ := export(t, s, "csv", -ever, ever, nil)
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := "start,end,bytes,src_mac,app_id,src_addr,dst_addr,app_name,proto\n" +
		`2026-11-24T10:00:00.250Z,2026-11-24T10:00:01.000Z,18446744073709551615,0a:1b:2c:3d:4e:5f,3:443,192.0.2.1,2001::1,"'=a,""b""",6` + "\n"
	if string(d) != want {
		t.Errorf("CSV is\n%s, want\n%s", d, want)
	}
	name, _ = export(t, s, "jsonl", -ever, ever, nil)
	if d, err = os.ReadFile(name); err != nil || !json.Valid(d) {
		t.Fatalf("%s: %v", d, err)
	}
	other := open(t, testConfig(t.TempDir()))
	if _, err := other.Import(t.Context(), []string{name}, nil); err != nil {
		t.Fatal(err)
	}
	same(t, content(t, other), all.texts())
}

// Of nfcapd's files, as nfdump 1.7.1 writes them: a flow of TCP that was sampled,
// whose counters nfcapd has multiplied, and one of ICMPv6.
const nfdumpJSON = `[
{"type":"FLOW","sampled":1,"export_sysid":3,"first":"2026-11-02T10:00:01.950","last":"2026-11-02T10:00:04.125","received":"2026-11-26T19:25:41.133","in_packets":1200,"in_bytes":112400,"proto":6,"tcp_flags":"...AP.SF","src_port":40001,"dst_port":443,"src_tos":184,"src4_addr":"10.20.1.11","dst4_addr":"198.51.100.80","input_snmp":7,"output_snmp":0,"src_mask":24,"dst_mask":0,"src_net":"","dst_net":"","fwd_status":0,"direction":0,"dst_tos":0,"src_as":64500,"dst_as":23456,"ip4_router":"127.0.0.1","label":"<none>"},
{"type":"EXPORTER","sysid":1},
{"type":"FLOW","sampled":0,"export_sysid":1,"first":"2026-11-02T10:00:12.387","last":"2026-11-02T10:00:12.387","received":"2026-11-26T19:25:41.124","in_packets":1,"in_bytes":76,"proto":58,"icmp_type":128,"icmp_code":3,"src_tos":0,"src6_addr":"2001:db8:ff::1","dst6_addr":"2001:db8:20:1::13","input_snmp":7}
]`

func TestNfdumpJSON(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	x := &importing{s: s, ctx: t.Context()}
	if err := x.nfdump(strings.NewReader(nfdumpJSON)); err != nil || x.n != 2 {
		t.Fatalf("%d flows: %v", x.n, err)
	}
	ns := func(text string) int64 {
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixNano()
	}
	v6 := func(a ...byte) (x flow.Addr) { copy(x[:], a); return x }
	b := &flow.Batch{}
	b.Flows = []flow.Flow{{
		Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldPackets, flow.FieldBytes, flow.FieldProto, flow.FieldTCPFlags, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldTOS, flow.FieldSrcAddr, flow.FieldDstAddr,
			flow.FieldInIf, flow.FieldOutIf, flow.FieldSrcMask, flow.FieldDstMask, flow.FieldFwdStatus, flow.FieldDirection, flow.FieldSrcAS, flow.FieldDstAS, flow.FieldExporter, flow.FieldSamplingRate),
		Start: ns("2026-11-02T10:00:01.95Z"), End: ns("2026-11-02T10:00:04.125Z"), Received: ns("2026-11-26T19:25:41.133Z"), Packets: 1200, Bytes: 112400, Proto: 6, TCPFlags: 0x1b,
		SrcPort: 40001, DstPort: 443, TOS: 184, SrcAddr: flow.AddrFrom4([4]byte{10, 20, 1, 11}), DstAddr: flow.AddrFrom4([4]byte{198, 51, 100, 80}), InIf: 7, SrcMask: 24, SrcAS: 64500, DstAS: 23456,
		Exporter: flow.AddrFrom4([4]byte{127, 0, 0, 1}), SamplingRate: 1,
	}, {
		Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldPackets, flow.FieldBytes, flow.FieldProto, flow.FieldICMPType, flow.FieldTOS, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldInIf, flow.FieldSamplingRate),
		Start: ns("2026-11-02T10:00:12.387Z"), End: ns("2026-11-02T10:00:12.387Z"), Received: ns("2026-11-26T19:25:41.124Z"), Packets: 1, Bytes: 76, Proto: 58, ICMPType: 128<<8 | 3,
		SrcAddr: v6(0x20, 1, 0xd, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), DstAddr: v6(0x20, 1, 0xd, 0xb8, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x13), InIf: 7, SamplingRate: 1,
	}}
	want := newWritten()
	want.add(b)
	same(t, content(t, s), want.texts())
	for _, bad := range []string{"No matching flows\n", `{"a":1}`, `[{"proto":"tcp"}]`, `[{"tcp_flags":"S"}]`, `[{"first":"now"}]`, `[`} {
		if err := x.nfdump(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	for text, want := range map[string]string{
		`{"bytes":1}` + "\n" + `{"bytes":"x"}`: "line 2: bytes",
		`{"what":1}`:                           "profile flat",
		`hello`:                                "JSON",
		`{"src_addr":"10.0.0.300"}`:            "src_addr",
		`{"src_port":65536}`:                   "src_port",
		`PAR1 and no more`:                     "parquet file",
	} {
		name := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Import(t.Context(), []string{name}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// LZ4 is unpacked by doubling until it fits, so that one wrong octet takes any amount
// of memory.
func TestImportRefusesLZ4(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	type row struct {
		Bytes uint64 `parquet:"bytes"`
	}
	for codec, want := range map[compress.Codec]string{&parquet.Lz4Raw: "zstd, gzip or snappy", &parquet.Snappy: "", &parquet.Gzip: ""} {
		name := filepath.Join(t.TempDir(), "x.parquet")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w := parquet.NewGenericWriter[row](f, parquet.Compression(codec), parquet.KeyValueMetadata(metaSchema, strconv.Itoa(SchemaVersion)))
		_, err = w.Write([]row{{1}, {2}})
		if err = errors.Join(err, w.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		n, err := s.Import(t.Context(), []string{name}, nil)
		if want == "" && (err != nil || n != 2) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %d flows, %v", codec, n, err)
		}
	}
}

func TestCheck(t *testing.T) {
	s := open(t, testConfig(t.TempDir()))
	r := rand.New(rand.NewPCG(4, 2))
	var rows, octets, packets uint64
	for range 3 {
		b := randomBatch(r, 3000)
		for i := range b.Flows {
			f := &b.Flows[i]
			f.Bytes, f.Packets = f.Bytes%1e12, f.Packets%1e9
			if !f.Set.Has(flow.FieldBytes) {
				f.Bytes = 0
			}
			if !f.Set.Has(flow.FieldPackets) {
				f.Packets = 0
			}
			octets, packets, rows = octets+f.Bytes, packets+f.Packets, rows+1
		}
		fill(t, s, newWritten(), b)
	}
	x := s.Snapshot()
	x.Release()
	rollup(t, s, "a", time.Hour, Range{}, x.Segments[0].File)
	if x.Segments[0].MinRate == 0 {
		t.Fatal("no flow is sampled")
	}
	x.Segments[0].MinRate = 0 // an older weir's manifest doesn't tell
	got, err := s.Check(t.Context(), func(done, total int64) {
		if done > total {
			t.Errorf("%d of %d", done, total)
		}
	})
	if err != nil || got.Segments != 3 || got.Rows != rows || got.Bytes != octets || got.Packets != packets || got.Rollups != 1 || len(got.Wrong) > 0 || len(got.Aside) > 0 {
		t.Errorf("%+v: %v", got, err)
	}
	name := filepath.Join(s.dir, x.Segments[1].File)
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d[100] ^= 1
	if err := os.WriteFile(name, d, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.dir, x.Segments[2].File)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, segmentsDir, "a.parquet.bad"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = s.Check(t.Context(), nil)
	if err != nil || len(got.Wrong) != 2 || got.Rows != 3000 || !slices.Equal(got.Aside, []string{segmentsDir + "/a.parquet.bad"}) {
		t.Errorf("%+v: %v", got, err)
	}
}
