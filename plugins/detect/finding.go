package detect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// MaxEvidence is the number of flow keys that a finding keeps; a host cuts off
// what is beyond.
const MaxEvidence = 100

// A Finding is something that a detector saw about a key during a window.
type Finding struct {
	// ID, Detector, Version and Coverage are filled in behind the detector's
	// back; it leaves them alone.
	ID       string  // see [ID]
	Detector string  //
	Version  string  // of the detector
	Coverage float64 // share of the window's flows that reached the detector, 0 to 1

	Key         string             // what the finding is about, canonical: "10.1.2.3 tcp 445"
	Class       string             // kind of finding, dotted: "scan.horizontal"
	Severity    Severity           //
	Confidence  float64            // 0 to 1
	Start, End  int64              // the window in event time, Unix nanoseconds; End is outside
	Entities    []Entity           // who takes part
	Evidence    []FlowKey          // flows that show it, MaxEvidence at most
	Metrics     map[string]float64 // the figures behind the verdict; finite
	Explanation string             // a sentence for a person
	Technique   string             // MITRE ATT&CK, such as "T1046", where one fits
	Actions     []string           // what one may do about it
}

// An Entity is somebody or something that a finding names.
type Entity struct {
	Role  string `json:"role"`  // part in it: "source", "target", "port"
	Kind  string `json:"kind"`  // "ip", "port", "protocol", "as", …
	Value string `json:"value"` //
}

// A FlowKey leads back to a flow record.
type FlowKey struct {
	SrcAddr, DstAddr flow.Addr
	SrcPort, DstPort uint16
	Proto            uint8
	Start, End       int64 // Unix nanoseconds
	Exporter         flow.Addr
}

// KeyOf returns the key of f.
func KeyOf(f *flow.Flow) FlowKey {
	return FlowKey{f.SrcAddr, f.DstAddr, f.SrcPort, f.DstPort, f.Proto, f.Start, f.End, f.Exporter}
}

// ID is the id of the finding that detector has about key in the window from
// start to end: the first half of a SHA-256, in hexadecimal.
func ID(detector, key string, start, end int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(start))
	b = binary.BigEndian.AppendUint64(b, uint64(end))
	b = binary.BigEndian.AppendUint64(b, uint64(len(detector)))
	b = append(append(b, detector...), key...)
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:16])
}

// Severity says how much a finding matters if it is true.
type Severity uint8

const (
	Info Severity = 1 + iota
	Low
	Medium
	High
	Critical
)

var severities = [...]string{"unknown", "info", "low", "medium", "high", "critical"}

func (s Severity) String() string {
	if int(s) >= len(severities) {
		s = 0
	}
	return severities[s]
}

// MarshalText writes s as its word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a word.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, w := range severities {
		if w == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", text)
}

// findingJSON is the JSON form of a Finding: times as RFC 3339 text in UTC.
type findingJSON struct {
	ID          string             `json:"id"`
	Detector    string             `json:"detector"`
	Version     string             `json:"version"`
	Class       string             `json:"class"`
	Severity    Severity           `json:"severity"`
	Confidence  float64            `json:"confidence"`
	Start       time.Time          `json:"start"`
	End         time.Time          `json:"end"`
	Key         string             `json:"key"`
	Explanation string             `json:"explanation"`
	Entities    []Entity           `json:"entities"`
	Metrics     map[string]float64 `json:"metrics"`
	Technique   string             `json:"technique,omitempty"`
	Actions     []string           `json:"actions,omitempty"`
	Coverage    float64            `json:"coverage"`
	Evidence    []FlowKey          `json:"evidence"`
}

// MarshalJSON writes f as one object. Its keys have a fixed order, and those of
// the metrics are sorted: equal findings give equal bytes.
func (f Finding) MarshalJSON() ([]byte, error) {
	return json.Marshal(findingJSON{
		f.ID, f.Detector, f.Version, f.Class, f.Severity, f.Confidence, utc(f.Start), utc(f.End), f.Key,
		f.Explanation, f.Entities, f.Metrics, f.Technique, f.Actions, f.Coverage, f.Evidence,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *Finding) UnmarshalJSON(data []byte) error {
	var j findingJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*f = Finding{
		ID: j.ID, Detector: j.Detector, Version: j.Version, Coverage: j.Coverage,
		Key: j.Key, Class: j.Class, Severity: j.Severity, Confidence: j.Confidence,
		Start: j.Start.UnixNano(), End: j.End.UnixNano(),
		Entities: j.Entities, Evidence: j.Evidence, Metrics: j.Metrics,
		Explanation: j.Explanation, Technique: j.Technique, Actions: j.Actions,
	}
	return nil
}

// flowKeyJSON is the JSON form of a FlowKey.
type flowKeyJSON struct {
	SrcAddr  netip.Addr `json:"src_addr"`
	DstAddr  netip.Addr `json:"dst_addr"`
	SrcPort  uint16     `json:"src_port"`
	DstPort  uint16     `json:"dst_port"`
	Proto    uint8      `json:"proto"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	Exporter netip.Addr `json:"exporter"`
}

// MarshalJSON writes k as an object, addresses as text.
func (k FlowKey) MarshalJSON() ([]byte, error) {
	return json.Marshal(flowKeyJSON{
		k.SrcAddr.Netip(), k.DstAddr.Netip(), k.SrcPort, k.DstPort, k.Proto,
		utc(k.Start), utc(k.End), k.Exporter.Netip(),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (k *FlowKey) UnmarshalJSON(data []byte) error {
	var j flowKeyJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*k = FlowKey{
		flow.AddrFrom(j.SrcAddr), flow.AddrFrom(j.DstAddr), j.SrcPort, j.DstPort, j.Proto,
		j.Start.UnixNano(), j.End.UnixNano(), flow.AddrFrom(j.Exporter),
	}
	return nil
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
