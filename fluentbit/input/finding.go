package input

import (
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/encode"
)

// findingTag is the tag of findings where tags can be given (append direct).
const findingTag = "weir.finding"

// AddFindings makes an event of each finding, at the end of its window. In ECS it
// is an alert, whose own words are in weir.finding.
func (x *Instance) AddFindings(all []detect.Finding) error {
	if !x.cfg.Types.Has(Findings) {
		return nil
	}
	var buf []byte
	for i := range all {
		f := &all[i]
		var err error
		if buf, err = x.cfg.finding(f).appendEvent(buf, time.Unix(0, f.End), map[string]any{}); err != nil {
			return err
		}
	}
	x.ring.add(findingTag, len(all), buf, nil)
	return nil
}

// severities are those of Elastic's own alerts.
var severities = map[detect.Severity]int{detect.Info: 10, detect.Low: 21, detect.Medium: 47, detect.High: 73, detect.Critical: 99}

// finding returns the record of f.
func (c *Config) finding(f *detect.Finding) tree {
	t := c.record("alert", "finding")
	whole := msgpack.RawMessage(f.AppendMsgpack(nil))
	if c.Schema != encode.ECS {
		t.set("finding", whole)
		return t
	}
	t.set("weir.finding", whole)
	t.set("event.id", f.ID)
	t.set("event.severity", severities[f.Severity])
	t.time("event.start", f.Start)
	t.time("event.end", f.End)
	t.set("message", f.Explanation)
	t.set("rule.name", f.Detector)
	t.set("rule.version", f.Version)
	t.set("rule.category", f.Class)
	if f.Technique != "" {
		t.set("threat.framework", "MITRE ATT&CK")
		t.set("threat.technique.id", []string{f.Technique})
	}
	for role, path := range map[string]string{"source": "source.ip", "target": "destination.ip"} {
		var ips []string
		for _, e := range f.Entities {
			if e.Role == role && e.Kind == "ip" {
				ips = append(ips, e.Value)
			}
		}
		if len(ips) > 0 {
			t.set(path, ips)
		}
	}
	return t
}
