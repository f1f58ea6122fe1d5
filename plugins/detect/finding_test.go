package detect

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// Ids are in stores and tickets: they never change.
func TestID(t *testing.T) {
	const want = "131f4ed8f3d1894257de902c3f7cedac"
	if got := ID("scan", "10.0.0.1 tcp 445", 1_795_305_600e9, 1_795_305_900e9); got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	seen := map[string]bool{}
	for _, id := range []string{
		ID("a", "b", 1, 2), ID("ab", "", 1, 2), ID("", "ab", 1, 2), ID("a", "b", 1, 3), ID("a", "b", 0, 2), ID("a", "c", 1, 2),
	} {
		if seen[id] {
			t.Errorf("id %s of two findings", id)
		}
		seen[id] = true
	}
}

// whole is a finding with every field filled.
func whole() Finding {
	return Finding{
		ID: ID("scan", "k", 1_795_305_600e9, 1_795_305_900e9+1), Detector: "scan", Version: "1", Coverage: 0.5, Key: "k", Class: "scan.horizontal", Severity: High, Confidence: 0.9,
		Start: 1_795_305_600e9, End: 1_795_305_900e9 + 1,
		Entities: []Entity{{"source", "ip", "10.0.0.1"}},
		Evidence: []FlowKey{{
			SrcAddr: flow.AddrFrom4([4]byte{10, 0, 0, 1}), DstAddr: flow.Addr{0x20, 1, 15: 1}, SrcPort: 1, DstPort: 445, Proto: 6,
			Start: 5, End: 1e9, Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 1}),
		}},
		Metrics: map[string]float64{"b": 2, "a": 1.5}, Explanation: "<so>", Technique: "T1046", Actions: []string{"look"},
	}
}

func TestFindingJSON(t *testing.T) {
	f := whole()
	f.ID = "0f"
	const want = `{"id":"0f","detector":"scan","version":"1","class":"scan.horizontal","severity":"high","confidence":0.9,` +
		`"start":"2026-11-22T00:00:00Z","end":"2026-11-22T00:05:00.000000001Z","key":"k","explanation":"\u003cso\u003e",` +
		`"entities":[{"role":"source","kind":"ip","value":"10.0.0.1"}],"metrics":{"a":1.5,"b":2},"technique":"T1046","actions":["look"],` +
		`"coverage":0.5,"evidence":[{"src_addr":"10.0.0.1","dst_addr":"2001::1","src_port":1,"dst_port":445,"proto":6,` +
		`"start":"1970-01-01T00:00:00.000000005Z","end":"1970-01-01T00:00:01Z","exporter":"192.0.2.1"}]}`
	got, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var back Finding
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("back it is %+v, %v", back, err)
	}
}

// A moment that nanoseconds don't reach, or none, is no other moment.
func TestFindingJSONTimes(t *testing.T) {
	whole, err := json.Marshal(whole())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{`"start":"2026-11-22T00:00:00Z"`, `"start":"2600-11-22T00:00:00Z"`}, {`"start":"2026-11-22T00:00:00Z",`, ``},
		{`"end":"1970-01-01T00:00:01Z"`, `"end":"0001-01-01T00:00:01Z"`},
	} {
		text := strings.Replace(string(whole), c[0], c[1], 1)
		var f Finding
		if err := json.Unmarshal([]byte(text), &f); text == string(whole) || err == nil || !strings.Contains(err.Error(), "is not between 1678 and 2261") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A finding that says little has the same keys, and no null.
func TestEmptyFindingJSON(t *testing.T) {
	got, err := json.Marshal(Finding{Severity: Info, End: 1})
	const want = `{"id":"","detector":"","version":"","class":"","severity":"info","confidence":0,` +
		`"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:00.000000001Z","key":"","explanation":"",` +
		`"entities":[],"metrics":{},"coverage":0,"evidence":[]}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestSeverity(t *testing.T) {
	for s := Info; s <= Critical; s++ {
		text, _ := s.MarshalText()
		var back Severity
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	var s Severity
	if s.UnmarshalText([]byte("awful")) == nil || Severity(99).String() != "unknown" {
		t.Error("a severity that isn't one")
	}
}
