package detect_test

import (
	"fmt"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// telnet reports each flow to TCP port 23. Its main is one line:
//
//	func main() { detect.Serve(manifest, telnet{}) }
type telnet struct{}

var manifest = detect.Manifest{
	Name: "telnet", Version: "1", Doc: "hosts that are reached by telnet",
	Fields: []string{"SrcAddr", "DstAddr", "DstPort", "Proto", "Start", "End"},
}

func (telnet) Detect(dst []detect.Finding, in detect.Input) []detect.Finding {
	for i := range in.Flows.Flows {
		f := &in.Flows.Flows[i]
		if f.Proto != 6 || f.DstPort != 23 {
			continue
		}
		dst = append(dst, detect.Finding{
			Key: f.DstAddr.String(), Class: "policy.telnet", Severity: detect.Low, Confidence: 1,
			Start: f.Start, End: f.End + 1,
			Evidence:    []detect.FlowKey{detect.KeyOf(f)},
			Explanation: fmt.Sprintf("%s spoke telnet to %s.", f.SrcAddr, f.DstAddr),
		})
	}
	return dst
}

// A detector needs no process to be tried.
func Example() {
	b := &flow.Batch{Flows: []flow.Flow{
		{SrcAddr: flow.AddrFrom4([4]byte{192, 0, 2, 1}), DstAddr: flow.AddrFrom4([4]byte{198, 51, 100, 7}), DstPort: 23, Proto: 6},
		{SrcAddr: flow.AddrFrom4([4]byte{192, 0, 2, 1}), DstAddr: flow.AddrFrom4([4]byte{198, 51, 100, 7}), DstPort: 443, Proto: 6},
	}}
	for _, f := range (telnet{}).Detect(nil, detect.Input{Flows: b, Watermark: detect.Forever}) {
		fmt.Printf("%s: %s: %s\n", manifest.Name, f.Severity, f.Explanation)
	}
	// Output: telnet: low: 192.0.2.1 spoke telnet to 198.51.100.7.
}
