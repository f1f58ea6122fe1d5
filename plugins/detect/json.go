package detect

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

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
// the metrics are sorted: equal findings give equal bytes. Lists that are empty
// are written as such, not as null.
func (f Finding) MarshalJSON() ([]byte, error) {
	j := findingJSON{
		f.ID, f.Detector, f.Version, f.Class, f.Severity, f.Confidence, utc(f.Start), utc(f.End), f.Key,
		f.Explanation, f.Entities, f.Metrics, f.Technique, f.Actions, f.Coverage, f.Evidence,
	}
	if j.Entities == nil {
		j.Entities = []Entity{}
	}
	if j.Metrics == nil {
		j.Metrics = map[string]float64{}
	}
	if j.Evidence == nil {
		j.Evidence = []FlowKey{}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *Finding) UnmarshalJSON(data []byte) error {
	var j findingJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	if err := countable(j.Start, j.End); err != nil {
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
	if err := countable(j.Start, j.End); err != nil {
		return err
	}
	*k = FlowKey{
		flow.AddrFrom(j.SrcAddr), flow.AddrFrom(j.DstAddr), j.SrcPort, j.DstPort, j.Proto,
		j.Start.UnixNano(), j.End.UnixNano(), flow.AddrFrom(j.Exporter),
	}
	return nil
}

// countable says which moment can't be counted in nanoseconds, or none.
func countable(all ...time.Time) error {
	for _, t := range all {
		if y := t.UTC().Year(); y < 1678 || y > 2261 {
			return fmt.Errorf("%s is not between 1678 and 2261", t.Format(time.RFC3339))
		}
	}
	return nil
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
