package detect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/weirflow/weir/shared/flow"
)

// A Finding is something that a detector saw about a key during a window. What
// makes one wrong, [Finding.Validate] says.
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
