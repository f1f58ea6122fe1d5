package modinput

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"testing"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

func TestFindings(t *testing.T) {
	addr := func(d byte) flow.Addr { return flow.AddrFrom4([4]byte{10, 0, 0, d}) }
	key := func(dst byte, port uint16, exporter byte) detect.FlowKey {
		return detect.FlowKey{SrcAddr: addr(1), DstAddr: addr(dst), SrcPort: 40000, DstPort: port, Proto: 6, Start: 1e18, End: 1e18 + 1, Exporter: addr(exporter)}
	}
	scan := detect.Finding{
		ID: "0123", Detector: "scan", Version: "1", Coverage: 1, Key: "10.0.0.1 tcp 445", Class: "scan.horizontal", Severity: detect.High,
		Confidence: 0.9, Start: 1_795_305_600e9, End: 1_795_305_660e9, Technique: "T1046", Explanation: `10.0.0.1 asks <"everybody">`,
		Entities: []detect.Entity{{Role: "source", Kind: "ip", Value: "10.0.0.1"}, {Role: "target", Kind: "ip", Value: "10.0.0.2"},
			{Role: "target", Kind: "ip", Value: "10.0.0.3"}, {Role: "port", Kind: "port", Value: "445"}},
		Evidence: []detect.FlowKey{key(2, 445, 250), key(3, 445, 250)}, Metrics: map[string]float64{"targets": 2},
	}
	seen := detect.Finding{Class: "volume", Severity: detect.Info, End: 1e18, Evidence: []detect.FlowKey{key(2, 80, 250), key(2, 81, 251)}}

	var out spy
	s := NewStream(&out, parsed(t, Param{"types", "findings"}), nil)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	s.Findings([]detect.Finding{scan, seen})
	if err := errors.Join(s.Write(t.Context(), batch(1)), s.End(t.Context())); err != nil {
		t.Fatal(err)
	}
	var x xmlStream
	if err := xml.Unmarshal(out.text.Bytes(), &x); err != nil || len(x.Events) != 2 {
		t.Fatalf("%v, %s", err, &out.text)
	}
	f := func(e xmlEvent, time, host, want string, whole detect.Finding) {
		t.Helper()
		if e.Sourcetype != "weir:finding" || e.Time != time || e.Host != host {
			t.Errorf("%+v", e)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(e.Data), &got); err != nil {
			t.Fatal(err)
		}
		w, _ := json.Marshal(whole)
		var own map[string]json.RawMessage
		json.Unmarshal(w, &own)
		for k, v := range own { // what the finding says itself is there as well
			if string(got[k]) != string(v) && k != "severity" {
				t.Errorf("%s is %s, want %s", k, got[k], v)
			}
			if k != "severity" {
				delete(got, k)
			}
		}
		if rest, _ := json.Marshal(got); string(rest) != want {
			t.Errorf("%s, want %s", rest, want)
		}
	}
	f(x.Events[0], "1795305660.000", "10.0.0.250", `{"action":"allowed","category":"scan","dest":["10.0.0.2","10.0.0.3"],"dest_port":445,`+
		`"dvc":"10.0.0.250","ids_type":"network","severity":"high","signature":"scan.horizontal","signature_id":"scan","src":"10.0.0.1","src_port":40000,"transport":"tcp"}`, scan)
	f(x.Events[1], "1000000000.000", "", `{"action":"allowed","category":"volume","dest":"10.0.0.2","dest_port":[80,81],`+
		`"dvc":["10.0.0.250","10.0.0.251"],"ids_type":"network","severity":"informational","signature":"volume","signature_id":"","src":"10.0.0.1","src_port":40000,"transport":"tcp"}`, seen)
}
