package main

import (
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/splunk/internal/spl"
	"github.com/weirflow/weir/splunk/modinput"
)

// A text is the same on the search head as it was sent, whatever stands in it and
// in whatever form it went.
func TestTextsComeBack(t *testing.T) {
	_, a := built(t)
	columns := strings.Join(modinput.Columns(), " ")
	for _, text := range []string{
		"plain", "10G | core; 100 %", "50%7C", "%25%41", `DOMAIN\user "the" one, a=b`, "C++ a+b", "***SPLUNK*** host=x", "{brace", "tab\there\x7f\u0085", "Zürich – 東京", "<&>",
	} {
		b := new(flow.Batch)
		f := flow.Flow{Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldProto), SrcAddr: flow.AddrFrom4([4]byte{192, 0, 2, 1}), Proto: 6}
		want := map[string]string{}
		for i := range flow.Fields {
			c := &flow.Fields[i]
			switch {
			case c.Kind != flow.KindStr:
				continue
			case strings.HasSuffix(c.CIM, "_country") || c.CIM == "perimeter": // no words but ours
				continue
			case !strings.Contains(columns, c.CIM):
				t.Errorf("no column %s", c.CIM)
			}
			value := text + " of " + c.CIM
			f.Set.Add(flow.Field(i))
			f.SetUint(flow.Field(i), uint64(b.Strings.Intern([]byte(value))))
			want[c.CIM] = value
		}
		b.Flows = append(b.Flows, f)
		for _, format := range []modinput.Format{modinput.PSV, modinput.KV, modinput.JSON} {
			raw := string(modinput.Layout{Format: format}.NewRaw().AppendRaw(nil, b, &b.Flows[0]))
			ev, err := a.Event(format.Sourcetype(), "192.0.2.9", 1795305600, raw)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range want {
				if got, _ := spl.Text(ev[name]); got != value {
					t.Errorf("%s: %s is %q, want %q: %q", format, name, got, value, raw)
				}
			}
		}
	}
}
