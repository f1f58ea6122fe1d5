package host

import (
	"errors"
	"fmt"
	"math"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/shared/flow"
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
	if p.GetSeverity() > math.MaxUint8 || len(p.GetEntities()) > detect.MaxList {
		return f, fmt.Errorf("severity is %d, and there are %d entities", p.GetSeverity(), len(p.GetEntities()))
	}
	f.Severity = detect.Severity(p.GetSeverity())
	for _, e := range p.GetEntities() {
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
	return f, f.Validate()
}

func addr(b []byte) (a flow.Addr) {
	copy(a[:], b)
	return a
}
