package plugin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/query/engine"
)

// What a panel stores is one question, in the dashboard's range.
func TestAsked(t *testing.T) {
	f := func(json, want string) {
		t.Helper()
		a, _, err := parse(testQuery(json), noon)
		if err != nil {
			t.Errorf("%s: %v", json, err)
			return
		}
		want = strings.ReplaceAll(want, "@", "from 2026-11-24T12:00:00Z to 2026-11-24T12:01:00Z")
		if got := a.String(); got != want {
			t.Errorf("%s\nis   %s\nwant %s", json, got, want)
		}
	}
	// Of the first kind.
	f(`{}`, "series 10 by bits @ every 20s")
	f(`{"type":"top","metric":"packets","groupBy":["SrcAddr","destinationTransportPort"],"limit":3,"filter":"proto tcp"}`,
		"top 3 src ip, dst port by packets @ where proto tcp")
	f(`{"type":"flows","filter":"$__timeFilter and port 53"}`, "flows 1000 @ where any and port 53")
	// Of the second.
	f(`{"question":"top 5 src/24/48, dst as by bits p95, flows where port 443"}`, "top 5 src ip/24/48, dst as by bits p95, flows from 2026-11-24T12:00:00Z to 2026-11-24T12:05:00Z every 5min where port 443")
	f(`{"question":"series 2 ip by bits max $__timeFilter() every $__interval"}`, "series 2 ip by bits max @ every 20s")
	f(`{"question":"top by flows from $__from to $__to every $__interval_ms ms"}`, "top 10 by flows @ every 20s")
	f(`{"question":"top by flows last 1h","show":"flows"}`, "top 10 by flows from 2026-11-24T11:00:00Z to 2026-11-24T12:00:00Z")
	f(`{"show":"series","by":["app_name"],"metrics":["bits"],"limit":8}`, "series 8 app_name by bits @ every 20s")
	f(`{"show":"matrix","by":["src as","dst as"],"previous":true,"where":"start > $__from"}`,
		"matrix 100 src as x dst as by bytes @ against 2026-11-24T11:59:00Z to 2026-11-24T12:00:00Z where start > 2026-11-24T12:00:00Z")
	f(`{"show":"top","by":["pair"],"both":true,"raw":true,"dedup":true,"metrics":["distinct proto"]}`, "top 10 pair by distinct proto @ raw dedup both")
	f(`{"show":"conversations","idle":"1min","format":"table","refId":"A","intervalMs":1}`, "conversations 10 @ idle 1min")
}

// shown is a frame as text: names and units, then row by row.
func shown(f *data.Frame) string {
	var lines, head []string
	for _, x := range f.Fields {
		name := x.Name
		if x.Config != nil && x.Config.Unit != "" {
			name += " [" + x.Config.Unit + "]"
		}
		for _, k := range []string{"proto", "src_addr", "SrcAddr"} {
			if v, ok := x.Labels[k]; ok {
				name += " " + k + "=" + v
			}
		}
		head = append(head, name)
	}
	lines = append(lines, strings.Join(head, ", "))
	for i := range f.Rows() {
		var cells []string
		for _, x := range f.Fields {
			v, ok := x.ConcreteAt(i)
			switch at := v.(type) {
			case time.Time:
				cells = append(cells, at.Format("15:04:05"))
			case json.RawMessage:
				cells = append(cells, string(at))
			default:
				if !ok {
					v = "-"
				}
				cells = append(cells, fmt.Sprint(v))
			}
		}
		lines = append(lines, strings.Join(cells, ", "))
	}
	return strings.Join(lines, "\n")
}

// notices are the texts of f's.
func notices(f *data.Frame) (all string) {
	for _, n := range f.Meta.Notices {
		all += n.Text + "\n"
	}
	return all
}

// answerOf asks a window.
func answerOf(t *testing.T, v engine.View, json string) []*data.Frame {
	t.Helper()
	a, _, err := parse(testQuery(json), noon)
	if err != nil {
		t.Fatal(err)
	}
	table, err := a.Run(t.Context(), viewEngine(v))
	if err != nil {
		t.Fatal(err)
	}
	return a.frames(&answer{Table: table, since: v.Since}, "uid")
}

// The flows of goldenWindow in each form. By hand: 192.0.2.1 has 6,501 octets,
// 192.0.2.2 has 100 at a rate of 10, 192.0.2.3 half of 100, 2001:db8::1 300.
func TestForms(t *testing.T) {
	v := goldenWindow(t)
	f := func(json string, kind data.FrameType, want string) *data.Frame {
		t.Helper()
		x := answerOf(t, v, json)[0]
		if got := shown(x); got != want || x.Meta.Type != kind {
			t.Errorf("%s is of type %s\n%s\nwant\n%s", json, x.Meta.Type, got, want)
		}
		return x
	}
	x := f(`{"show":"top","limit":2,"by":["src"],"metrics":["bytes"],"format":"sankey"}`, data.FrameTypeNumericLong,
		"src_addr, bytes [decbytes]\n192.0.2.1, 6501\n192.0.2.2, 1000\nother, 350")
	if n := notices(x); !strings.Contains(n, "scaled ×10: 1 of 4 flow records are sampled; 2 have an unknown rate") {
		t.Errorf("notices are %s", n)
	}
	links := x.Fields[0].Config.Links
	if len(links) != 1 || links[0].Internal.DatasourceUID != "uid" {
		t.Fatalf("links are %+v", links)
	}
	if got := follow(t, links[0], "192.0.2.1", nil); got.Filter.String() != "src ip 192.0.2.1" {
		t.Errorf("a host's flows are %s", got)
	}
	f(`{"show":"top","by":["proto"],"metrics":["packets","flows"],"where":"proto tcp or proto udp","raw":true}`, data.FrameTypeNumericLong,
		"proto, packets [short], packets_rate [pps], share [percent], flows [short], flows_rate [si:flows/s]\n"+
			"tcp, 66, 1.1, 95.65217391304348, 3, 0.05\nudp, 3, 0.05, 4.3478260869565215, 1, 0.016666666666666666")
	f(`{"show":"top","metrics":["packets"],"where":"proto gre"}`, data.FrameTypeNumericLong, "packets [short], packets_rate [pps], share [percent]\n0, 0, -")
	// What is left over has no number of different values.
	f(`{"show":"top","limit":1,"by":["src"],"metrics":["distinct proto"],"where":"proto tcp"}`, data.FrameTypeNumericLong,
		"src_addr, distinct_proto\n192.0.2.1, 1")
	// Bins of 20 s: of the 300 octets half lie in the first, half in the second.
	f(`{"show":"series","by":["proto"],"metrics":["bytes"],"where":"proto udp"}`, data.FrameTypeTimeSeriesWide,
		"time, bytes [Bps] proto=udp\n12:00:00, 7.5\n12:00:20, 7.5\n12:00:40, 0")
	f(`{"show":"series","by":["proto"],"metrics":["bytes"],"where":"proto udp","format":"table"}`, data.FrameTypeTable,
		"time, proto, bytes [Bps]\n12:00:00, udp, 7.5\n12:00:20, udp, 7.5\n12:00:40, udp, 0")
	f(`{"show":"top","by":["app_name"],"metrics":["flows"],"format":"sankey"}`, data.FrameTypeNumericLong, "app_name, flows [short]\n(none), 3\ndns, 1")
	x = f(`{"show":"flows","limit":1,"where":"src ip 192.0.2.2"}`, data.FrameTypeTable,
		"start, end, proto, src_addr, bytes [decbytes], packets [short], sampling_rate, received, src_mac, app_id\n"+
			"12:00:10, 12:00:30, tcp, 192.0.2.2, 100, 1, 10, 12:01:06, 00:5e:00:53:00:01, 3:53")
	if x.Fields[4].Type() != data.FieldTypeNullableFloat64 || x.Fields[0].Type() != data.FieldTypeNullableTime {
		t.Errorf("fields are %s and %s", x.Fields[4].Type(), x.Fields[0].Type())
	}
	x = answerOf(t, v, `{"show":"flows","limit":1,"where":"bytes 6001 or bytes 500","format":"logs"}`)[0]
	if at, body := x.Fields[0].At(0).(time.Time), x.Fields[1].At(0).(string); x.Rows() != 1 || x.Meta.Type != data.FrameTypeLogLines ||
		!strings.HasPrefix(body, "tcp 192.0.2.1 bytes=") || !at.Equal(noon.Add(30*time.Second)) && !at.Equal(noon.Add(time.Minute)) {
		t.Errorf("lines are %s", shown(x))
	}
	if n := notices(x); !strings.Contains(n, "cut: 1 of 2 rows are shown") {
		t.Errorf("notices are %s", n)
	}
}
