package plugin

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// worldWindow has flows between countries: 6,000 octets from DE to FR, 2,000 from DE to
// US, 1,000 from FR to DE, and 500 from nobody knows where.
func worldWindow(t *testing.T) engine.View {
	t.Helper()
	b := &flow.Batch{}
	add := func(src, from, dst, to string, bytes uint64) {
		f := flow.Flow{
			Set:   flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldSrcAddr, flow.FieldDstAddr),
			Start: noon.UnixNano(), End: noon.Add(40 * time.Second).UnixNano(), Bytes: bytes,
			SrcAddr: flow.AddrFrom(netip.MustParseAddr(src)), DstAddr: flow.AddrFrom(netip.MustParseAddr(dst)),
		}
		if from != "" {
			f.SrcCountry = flow.Name(b.Strings.Intern([]byte(from)))
			f.Set.Add(flow.FieldSrcCountry)
		}
		if to != "" {
			f.DstCountry = flow.Name(b.Strings.Intern([]byte(to)))
			f.Set.Add(flow.FieldDstCountry)
		}
		b.Flows = append(b.Flows, f)
	}
	add("192.0.2.1", "DE", "198.51.100.1", "FR", 6000)
	add("192.0.2.1", "DE", "203.0.113.1", "US", 2000)
	add("198.51.100.1", "FR", "192.0.2.1", "DE", 1000)
	add("10.0.0.1", "", "192.0.2.1", "DE", 500)
	w := engine.NewWindow(engine.MinLimit, noon.Add(-time.Hour))
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return w.View()
}

// A map has a row for each country; Geomap finds its code in the first column.
func TestGeo(t *testing.T) {
	v := worldWindow(t)
	f := func(json, want, notice string) *data.Frame {
		t.Helper()
		x := answerOf(t, v, json)[0]
		if got := shown(x); got != want || !strings.Contains(notices(x), notice) || x.Fields[0].Name != "lookup" || x.Fields[0].Type() != data.FieldTypeString {
			t.Errorf("%s is\n%s\nwant\n%s\n%s", json, got, want, notices(x))
		}
		return x
	}
	x := f(`{"show":"top","by":["src country"],"metrics":["bytes"],"format":"geo"}`,
		"lookup, bytes [decbytes], bytes_rate [Bps], share [percent]\nDE, 8000, 133.33333333333334, 84.21052631578948\nFR, 1000, 16.666666666666668, 10.526315789473685",
		"1 of 3 groups are on no map: they have no country, or are not among the largest")
	if a := follow(t, x.Fields[0].Config.Links[0], "FR", nil); a.Filter.String() != `src country "FR"` {
		t.Errorf("a country's flows are %s", a)
	}
	// The country comes first, wherever it was, and either side's do as well.
	x = f(`{"show":"top","by":["src","dst country"],"metrics":["flows"],"limit":2,"format":"geo"}`,
		"lookup, src_addr, flows [short], flows_rate [si:flows/s], share [percent]\nDE, 10.0.0.1, 1, 0.016666666666666666, 25\nFR, 192.0.2.1, 1, 0.016666666666666666, 25",
		"2 of 4 groups are on no map")
	if a := follow(t, x.Fields[1].Config.Links[0], "10.0.0.1", rowOf(x, 0)); a.Filter.String() != `src ip 10.0.0.1 and dst country "DE"` {
		t.Errorf("a row's flows are %s", a)
	}
	f(`{"show":"top","by":["country"],"metrics":["bytes"],"limit":1,"where":"bytes > 5000","format":"geo"}`,
		"lookup, bytes [decbytes], bytes_rate [Bps], share [percent]\nDE, 6000, 100, 100", "1 of 2 groups are on no map")
}

// A heatmap has a time, and a row for each group, named by it.
func TestHeatmap(t *testing.T) {
	v := worldWindow(t)
	x := answerOf(t, v, `{"show":"series","by":["src country"],"metrics":["bytes"],"limit":1,"format":"heatmap"}`)[0]
	// Two of three bins of 20 s: half of 8,000 octets, and of the others' 1,500.
	if got, want := shown(x), "time, DE [Bps], other [Bps]\n12:00:00, 200, 37.5\n12:00:20, 200, 37.5\n12:00:40, 0, 0"; got != want || x.Meta.Type != "heatmap-rows" {
		t.Errorf("%s\n%s\nwant\n%s", x.Meta.Type, got, want)
	}
	for _, f := range x.Fields[1:] {
		if f.Labels != nil || f.Type() != data.FieldTypeNullableFloat64 {
			t.Errorf("%s has labels %v and type %s", f.Name, f.Labels, f.Type())
		}
	}
	if x := answerOf(t, v, `{"show":"series","format":"heatmap"}`)[0]; len(x.Fields) != 2 || x.Fields[1].Name != "bits" {
		t.Errorf("without groups: %s", shown(x))
	}
}

// What has no form is refused.
func TestFormErrors(t *testing.T) {
	f := func(json, want string) {
		t.Helper()
		if _, _, err := parse(testQuery(json), noon); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", json, err)
		}
	}
	f(`{"show":"top","by":["src"],"format":"heatmap"}`, "a heatmap needs a series of one metric")
	f(`{"show":"series","metrics":["bits","flows"],"format":"heatmap"}`, "a heatmap needs a series of one metric")
	f(`{"show":"top","by":["src"],"format":"geo"}`, "a map needs a country")
	f(`{"show":"series","by":["country"],"format":"geo"}`, "a map needs a country and no time")
	f(`{"show":"flows","format":"geo"}`, "a map needs a country")
}

// Frames of the second kind as they are, with their links.
func TestGoldenForms(t *testing.T) {
	v := worldWindow(t)
	for name, json := range map[string]string{
		"asked-top":      `{"show":"top","by":["src","dst country"],"metrics":["bytes"],"limit":2}`,
		"asked-series":   `{"show":"series","by":["src country"],"limit":1}`,
		"asked-sankey":   `{"show":"matrix","by":["src country","dst country"],"format":"sankey"}`,
		"asked-graph":    `{"show":"matrix","by":["src country","dst country"],"format":"nodegraph"}`,
		"asked-heatmap":  `{"show":"series","by":["src country"],"limit":1,"format":"heatmap"}`,
		"asked-geo":      `{"show":"top","by":["dst country"],"format":"geo"}`,
		"asked-flows":    `{"show":"flows","where":"bytes 500"}`,
		"asked-logs":     `{"show":"flows","where":"bytes 500","format":"logs"}`,
		"asked-previous": `{"show":"top","by":["src country"],"previous":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range answerOf(t, v, json) {
				file := name
				if f.Name != "" {
					file += "-" + f.Name
				}
				experimental.CheckGoldenJSONFrame(t, "testdata", file, f, *update)
			}
		})
	}
}

// A table of groups stays one that alert rules read, with its links.
func TestNumbersWithLinks(t *testing.T) {
	r, err := numeric.CollectionReaderFromFrames(answerOf(t, worldWindow(t), `{"show":"top","by":["src country","dst country"],"metrics":["bytes"],"format":"sankey"}`))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.GetCollection(false); err != nil || c.Warning != nil || len(c.Refs) != 4 {
		t.Errorf("%d numbers, %v, %v", len(c.Refs), err, c.Warning)
	}
}
