package decode_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// counts is what a capture must leave in a decoder, as testdata's counts.json
// has it. None leaves a fault.
type counts struct {
	Datagrams, Records, Options, Counters, Templates uint64
}

// What another decoder reads in each capture of testdata, through the profile
// ipfix: each key of an expected record, in their order, and the counts.
func TestGolden(t *testing.T) {
	want := map[string]counts{}
	data, err := testdata.FS.ReadFile("counts.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	captures := 0
	err = fs.WalkDir(testdata.FS, ".", func(file string, _ fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(file, ".pcap")
		if err != nil || !ok {
			return err
		}
		captures++
		t.Run(name, func(t *testing.T) {
			golden(t, name, want[name])
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if captures != len(want) {
		t.Errorf("%d captures, counts.json has %d", captures, len(want))
	}
}

// golden compares one capture with what is expected of it.
func golden(t *testing.T, name string, want counts) {
	got, s := decoded(t, name+".pcap")
	lines := expected(t, name+".jsonl")
	if n := uint64(len(lines)); n != want.Records {
		t.Fatalf("%d records are expected here, %d in counts.json", n, want.Records)
	}
	records := slices.Clone(lines)
	for _, r := range lines {
		if o := other(r); o != nil {
			records = append(records, o)
		}
	}
	if len(got) != len(records) || len(got) == 0 {
		t.Fatalf("%d flows, want %d", len(got), len(records))
	}
	var replaced uint64
	if name == "pcap/v9/nfreplay" {
		replaced = uint64(len(records))
		nfreplay(records)
	}
	for i := range records {
		for k, v := range records[i] {
			if len(records) > len(lines) && strings.HasPrefix(k, "reverse") {
				continue
			}
			if v := cut(v); !reflect.DeepEqual(cut(got[i][k]), v) {
				t.Errorf("flow %d: %s is %v, want %v", i+1, k, got[i][k], v)
			}
		}
	}
	if s.Datagrams != want.Datagrams || s.Flows != uint64(len(records)) || s.Options != want.Options || s.Counters != want.Counters || s.Templates != want.Templates {
		t.Errorf("counted %+v, want %+v", s, want)
	}
	if s.Replaced != replaced {
		t.Errorf("%d times were replaced, want %d", s.Replaced, replaced)
	}
	if s.Faults != [decode.NumFaults]uint64{} || s.Waiting != 0 {
		t.Errorf("faults: %+v", s)
	}
}

// nfreplay makes what is expected of nfreplay's v9 what SEMANTICS wants of it. It
// stamps its headers a day before its flows, which therefore lie more than an
// hour after the datagram's own time: that of its arrival stands in (Time). And
// it gives ICMPv6's type in IPv4's element: the record's family names it.
func nfreplay(records []map[string]any) {
	for _, r := range records {
		r["flowStartMilliseconds"] = "2026-11-02T10:00:55.000Z"
		r["flowEndMilliseconds"] = "2026-11-02T10:00:55.000Z"
		if r["sourceIPv6Address"] != nil {
			r["icmpTypeCodeIPv6"] = r["icmpTypeCodeIPv4"]
			delete(r, "icmpTypeCodeIPv4")
		}
	}
}

// exchanged are the keys that change places in the other direction of a biflow,
// as far as the captures have them.
var exchanged = map[string]string{
	"sourceIPv4Address": "destinationIPv4Address", "sourceIPv6Address": "destinationIPv6Address",
	"sourceTransportPort": "destinationTransportPort", "ingressInterface": "egressInterface",
	"postNATSourceIPv4Address": "postNATDestinationIPv4Address", "postNAPTSourceTransportPort": "postNAPTDestinationTransportPort",
}

// other returns the other direction of a biflow (RFC 5103), source and
// destination exchanged, and nil if the record has none or no octets in it.
func other(r map[string]any) map[string]any {
	if n, ok := r["reverseOctetDeltaCount"].(json.Number); !ok || n == "0" {
		return nil
	}
	o := map[string]any{}
	for k, v := range r {
		if name, ok := strings.CutPrefix(k, "reverse"); ok {
			o[strings.ToLower(name[:1])+name[1:]] = v
		}
	}
	for _, k := range []string{"version", "exporter", "observationDomainId", "protocolIdentifier", "flowStartMilliseconds", "flowEndMilliseconds", "userName"} {
		if v, ok := r[k]; ok {
			o[k] = v
		}
	}
	for a, b := range exchanged {
		if v, ok := r[a]; ok {
			o[a], o[b] = r[b], v
		}
	}
	return o
}

// cut returns v, and a time without the digits behind its milliseconds.
func cut(v any) any {
	s, _ := v.(string)
	if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
		return v
	}
	return s[:len("2006-01-02T15:04:05.000")] + "Z"
}

// decoded returns the flows of a capture, those of the other direction of biflows
// behind all others.
func decoded(t *testing.T, path string) (all []map[string]any, _ *decode.Stats) {
	t.Helper()
	data, err := testdata.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcap.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	d, e := decode.New(template.NewStore(template.Limits{})), encode.New(encode.IPFIX)
	var b flow.Batch
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(&b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}); err != nil {
			t.Fatalf("packet %d: %v", p.Index, err)
		}
	}
	var others []map[string]any
	for i := range b.Flows {
		m := object(t, e.AppendJSON(nil, &b, &b.Flows[i]))
		m["exporter"] = m["exporterIPv4Address"]
		if b.Flows[i].Marks&flow.Reverse != 0 {
			others = append(others, m)
		} else {
			all = append(all, m)
		}
	}
	return append(all, others...), &d.Stats
}

func expected(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	data, err := testdata.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		all = append(all, object(t, line))
	}
	return all
}

func object(t *testing.T, line []byte) (m map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return m
}
