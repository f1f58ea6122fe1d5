package host

import (
	"errors"
	"fmt"
	"math"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/shared/flow"
)

// Bounds on what a detector may say. They are far above what makes sense, and
// keep a broken one from filling the store.
const (
	maxKey     = 1 << 10
	maxText    = 4 << 10
	maxList    = 100 // entities, actions
	maxMetrics = 100
)

// finding makes a Finding of what detector m said, or says why it makes no
// sense. Too much evidence is cut off.
func finding(m detect.Manifest, p *detectpb.Finding) (detect.Finding, error) {
	f := detect.Finding{
		Detector: m.Name, Version: m.Version,
		Key: p.GetKey(), Class: p.GetClass(), Confidence: p.GetConfidence(),
		Start: p.GetStart(), End: p.GetEnd(), Metrics: p.GetMetrics(),
		Explanation: p.GetExplanation(), Technique: p.GetTechnique(), Actions: p.GetActions(),
	}
	switch {
	case f.Key == "" || len(f.Key) > maxKey:
		return f, fmt.Errorf("key has %d octets, not 1 to %d", len(f.Key), maxKey)
	case f.Class == "" || len(f.Class) > maxKey || len(f.Technique) > maxKey:
		return f, errors.New("class is empty, or class or technique too long")
	case len(f.Explanation) > maxText:
		return f, fmt.Errorf("explanation has %d octets of at most %d", len(f.Explanation), maxText)
	case p.GetSeverity() < uint32(detect.Info) || p.GetSeverity() > uint32(detect.Critical):
		return f, fmt.Errorf("severity is %d", p.GetSeverity())
	case !(f.Confidence >= 0 && f.Confidence <= 1):
		return f, fmt.Errorf("confidence is %v", f.Confidence)
	case f.Start < 0 || f.Start >= f.End:
		return f, errors.New("window ends before it starts")
	case len(f.Metrics) > maxMetrics || len(p.GetEntities()) > maxList || len(f.Actions) > maxList:
		return f, errors.New("too many metrics, entities or actions")
	}
	for k, v := range f.Metrics {
		if len(k) > maxKey || math.IsNaN(v) || math.IsInf(v, 0) {
			return f, fmt.Errorf("metric %.40q is %v", k, v)
		}
	}
	for _, a := range f.Actions {
		if len(a) > maxText {
			return f, errors.New("action is too long")
		}
	}
	f.Severity = detect.Severity(p.GetSeverity())
	for _, e := range p.GetEntities() {
		if len(e.GetRole()) > maxKey || len(e.GetKind()) > maxKey || len(e.GetValue()) > maxKey {
			return f, errors.New("entity is too long")
		}
		f.Entities = append(f.Entities, detect.Entity{Role: e.GetRole(), Kind: e.GetKind(), Value: e.GetValue()})
	}
	evidence := p.GetEvidence()
	for _, k := range evidence[:min(len(evidence), detect.MaxEvidence)] {
		if k.GetSrcPort() > math.MaxUint16 || k.GetDstPort() > math.MaxUint16 || k.GetProto() > math.MaxUint8 {
			return f, errors.New("evidence has a port or protocol that can't be")
		}
		f.Evidence = append(f.Evidence, detect.FlowKey{
			SrcAddr: addr(k.GetSrcAddr()), DstAddr: addr(k.GetDstAddr()), Exporter: addr(k.GetExporter()),
			SrcPort: uint16(k.GetSrcPort()), DstPort: uint16(k.GetDstPort()), Proto: uint8(k.GetProto()),
			Start: k.GetStart(), End: k.GetEnd(),
		})
	}
	f.ID = detect.ID(f.Detector, f.Key, f.Start, f.End)
	return f, nil
}

func addr(b []byte) (a flow.Addr) {
	copy(a[:], b)
	return a
}
