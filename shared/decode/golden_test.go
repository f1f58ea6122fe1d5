package decode_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// What tshark reads in the captures of exporters with records of a fixed shape,
// through the profile ipfix: each key of an expected record, in their order.
func TestGolden(t *testing.T) {
	for _, name := range []string{"v1/softflowd", "v5/softflowd", "v5/pmacctd", "v5/pmacctd-reboot", "v5/pmacctd-sampled"} {
		t.Run(name, func(t *testing.T) {
			got, want := decoded(t, "pcap/"+name+".pcap"), expected(t, "pcap/"+name+".jsonl")
			if len(got) != len(want) || len(want) == 0 {
				t.Fatalf("%d flows, want %d", len(got), len(want))
			}
			for i := range want {
				for k, v := range want[i] {
					if k == "flowStartMilliseconds" || k == "flowEndMilliseconds" {
						got[i][k] = got[i][k].(string)[:len("2006-01-02T15:04:05.000")] + "Z" // more digits are cut there
					}
					if !reflect.DeepEqual(got[i][k], v) {
						t.Errorf("flow %d: %s is %v, want %v", i+1, k, got[i][k], v)
					}
				}
			}
		})
	}
}

func decoded(t *testing.T, path string) (all []map[string]any) {
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
	for i := range b.Flows {
		m := object(t, e.AppendJSON(nil, &b, &b.Flows[i]))
		m["exporter"] = m["exporterIPv4Address"]
		all = append(all, m)
	}
	return all
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
