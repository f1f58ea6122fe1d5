package detect

import (
	"math"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	f := whole()
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	f.ID, f.Detector, f.Version, f.Technique = "", "", "", ""
	if err := f.Validate(); err != nil {
		t.Errorf("without what weir fills in: %v", err)
	}
	bad := func(want string, change func(f *Finding)) {
		t.Helper()
		f := whole()
		change(&f)
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	bad("key is empty", func(f *Finding) { f.Key = "" })
	bad("key has 1025 octets", func(f *Finding) { f.ID, f.Key = "", strings.Repeat("k", MaxKey+1) })
	for _, class := range []string{"", "Scan", "scan.", ".scan", "scan..x", "a scan"} {
		bad("class is", func(f *Finding) { f.Class = class })
	}
	bad("severity is 0", func(f *Finding) { f.Severity = 0 })
	bad("severity is 6", func(f *Finding) { f.Severity = Critical + 1 })
	bad("confidence is NaN", func(f *Finding) { f.Confidence = math.NaN() })
	bad("confidence is 1.5", func(f *Finding) { f.Confidence = 1.5 })
	bad("coverage is -1", func(f *Finding) { f.Coverage = -1 })
	bad("window", func(f *Finding) { f.End = f.Start })
	bad("window", func(f *Finding) { f.Start = -1 })
	bad("explanation is empty", func(f *Finding) { f.Explanation = "" })
	bad("explanation has 4097", func(f *Finding) { f.Explanation = strings.Repeat("e", MaxText+1) })
	bad("explanation is not UTF-8", func(f *Finding) { f.Explanation = "\xff" })
	for _, c := range []string{"\x1b[2J", "\n", "\t", "\x00", "\x7f", "\u009b"} {
		bad("key has a control character", func(f *Finding) { f.ID, f.Key = "", "k"+c })
		bad("explanation has a control character", func(f *Finding) { f.Explanation += c })
		bad("entity's role has a control character", func(f *Finding) { f.Entities[0].Role += c })
		bad("entity's kind has a control character", func(f *Finding) { f.Entities[0].Kind += c })
		bad("entity's value has a control character", func(f *Finding) { f.Entities[0].Value += c })
		bad("action has a control character", func(f *Finding) { f.Actions = []string{c} })
		bad("name of a metric has a control character", func(f *Finding) { f.Metrics["a"+c] = 1 })
	}
	for _, technique := range []string{"1046", "T104", "T10460", "T1046.", "T1046.01", "T1046-001", "t1046", "T1046.001x"} {
		bad("technique is", func(f *Finding) { f.Technique = technique })
	}
	bad("102 entities", func(f *Finding) { f.Entities = append(f.Entities, make([]Entity, MaxList+1)...) })
	bad("no role", func(f *Finding) { f.Entities[0].Role = "" })
	bad("evidence", func(f *Finding) { f.Evidence = make([]FlowKey, MaxEvidence+1) })
	bad("metric", func(f *Finding) { f.Metrics["a"] = math.Inf(1) })
	bad("metric", func(f *Finding) { f.Metrics[""] = 1 })
	bad("action has", func(f *Finding) { f.Actions = []string{strings.Repeat("a", MaxText+1)} })
	bad("is not that of", func(f *Finding) { f.End++ })
	bad("is not that of", func(f *Finding) { f.Detector = "other" })
}

func TestTechnique(t *testing.T) {
	for _, s := range []string{"T1046", "T1498.001"} {
		if !isTechnique(s) {
			t.Error(s)
		}
	}
}
