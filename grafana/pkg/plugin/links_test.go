package plugin

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// follow is what Explore asks behind an internal link: macros are replaced in the
// texts of its query, not in its JSON.
func follow(t *testing.T, l data.DataLink, value string, row map[string]string) *asked {
	t.Helper()
	text, err := json.Marshal(l.Internal.Query)
	if err != nil {
		t.Fatal(err)
	}
	var q any
	if err := json.Unmarshal(text, &q); err != nil {
		t.Fatal(err)
	}
	var replaced func(x any) any
	replaced = func(x any) any {
		switch x := x.(type) {
		case string:
			x = strings.ReplaceAll(x, "${__value.raw}", value)
			for name, v := range row {
				x = strings.ReplaceAll(x, `${__data.fields["`+name+`"]}`, v)
			}
			if strings.Contains(x, "${") {
				t.Errorf("what is %s?", x)
			}
			return x
		case []any:
			for i := range x {
				x[i] = replaced(x[i])
			}
			return x
		case map[string]any:
			for k := range x {
				x[k] = replaced(x[k])
			}
			return x
		}
		return x
	}
	text, err = json.Marshal(replaced(q))
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := parse(testQuery(string(text)), noon)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

// rowOf has a row's texts by their columns.
func rowOf(f *data.Frame, i int) map[string]string {
	m := map[string]string{}
	for _, x := range f.Fields {
		if s, ok := x.At(i).(string); ok {
			m[x.Name] = s
		}
	}
	return m
}

// Behind each group's link are as many flows as the group has: by all its columns,
// also where one isn't there. What is in no group has the flows of all.
func TestLinksOfGroups(t *testing.T) {
	v := goldenWindow(t)
	f := func(question string, column int, want ...string) {
		t.Helper()
		x := answerOf(t, v, question)[0]
		if x.Rows() != len(want) {
			t.Fatalf("%s has %d rows: %s", question, x.Rows(), shown(x))
		}
		for i, w := range want {
			value := x.Fields[column].At(i).(string)
			a := follow(t, x.Fields[column].Config.Links[0], value, rowOf(x, i))
			got := "all"
			if a.Filter != nil {
				got = a.Filter.String()
			}
			if got != w {
				t.Errorf("%s, row %d: %s, want %s", question, i, got, w)
			}
			if value == other {
				continue
			}
			flows, err := a.Run(t.Context(), viewEngine(v))
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := x.Fields[len(x.Fields)-1].ConcreteAt(i); n != float64(len(flows.Rows)) {
				t.Errorf("%s, row %d: %d flows behind the link, %v in the group", question, i, len(flows.Rows), n)
			}
		}
	}
	const flows = `"metrics":["flows"],"format":"sankey"`
	f(`{"show":"top","by":["app_name"],"where":"not proto icmp",`+flows+`}`, 0, `not proto icmp and not app_name exists`, `not proto icmp and app_name = "dns"`)
	f(`{"show":"top","by":["src","app_name"],"limit":2,`+flows+`}`, 0,
		"src ip 192.0.2.1 and not app_name exists", "src ip 192.0.2.2 and not app_name exists", "all")
	f(`{"show":"top","by":["src","app_name"],"where":"proto udp or proto gre",`+flows+`}`, 1,
		`(proto udp or proto gre) and src ip 2001:db8::1 and app_name = "dns"`)
	f(`{"show":"top","by":["src/24/48"],"where":"proto tcp",`+flows+`}`, 0, "proto tcp and src net 192.0.2.0/24")
	f(`{"show":"top","by":["app_id"],"where":"proto udp",`+flows+`}`, 0, "proto udp and app_id = 3:53")
	f(`{"show":"top","by":["mac"],"where":"proto udp",`+flows+`}`, 0, "proto udp and mac 00:5e:00:53:00:01")
	// The second link is of the column alone.
	x := answerOf(t, v, `{"show":"top","by":["src","proto"]}`)[0]
	if l := x.Fields[1].Config.Links; len(l) != 2 || follow(t, l[1], "udp", nil).Filter.String() != "proto udp" || l[1].Title != "All flows of this proto" {
		t.Errorf("%+v", l)
	}
	// Lines have their own, but not what is left over.
	x = answerOf(t, v, `{"show":"series","by":["app_name","proto"],"limit":1,"metrics":["flows"]}`)[0]
	if got := follow(t, x.Fields[1].Config.Links[0], "", nil).Filter.String(); got != "not app_name exists and proto tcp" || x.Fields[2].Config.Links != nil {
		t.Errorf("%s, %+v", got, x.Fields[2].Config.Links)
	}
	if x := answerOf(t, v, `{"show":"series"}`)[0]; x.Fields[1].Config.Links != nil {
		t.Errorf("%+v", x.Fields[1].Config.Links)
	}
}

// A flow is among those behind the link of each of its values.
func TestLinksOfFlows(t *testing.T) {
	v := goldenWindow(t)
	x := answerOf(t, v, `{"show":"flows"}`)[0]
	followed := 0
	for _, c := range x.Fields {
		for _, l := range c.Config.Links {
			for i := range x.Rows() {
				value, there := c.ConcreteAt(i)
				text, err := json.Marshal(value)
				if !there || err != nil {
					continue
				}
				a := follow(t, l, strings.Trim(string(text), `"`), nil)
				table, err := a.Run(t.Context(), viewEngine(v))
				if err != nil || len(table.Rows) == 0 {
					t.Errorf("no flow of %s: %v", a, err)
				}
				followed++
			}
		}
	}
	if followed < 20 {
		t.Errorf("%d links", followed)
	}
}

// Whatever is in a value, a link has it as one value.
func TestLinksQuote(t *testing.T) {
	links := linkOf("app_name", "uid")
	for _, value := range []string{`x" or any or app_name = "`, `it's`, `"'" or '`, "a\\", `a\"'b`, "[a b]", "#", "a\nb", ") or (", "$__from", "other", "", " "} {
		a := follow(t, links[0], value, nil)
		e := a.Filter.Expr()
		switch {
		case e.Op == query.In && len(e.Values) == 1 && e.Values[0].Text == value:
		case e.Op == query.Like && value == `"'" or '`, e.Op == query.Like && value == `a\"'b`:
		default:
			t.Errorf("%q: %s", value, a.Filter)
		}
	}
	if linkOf("src ip", "") != nil {
		t.Error("a link to no datasource")
	}
}

// A line whose name has what Grafana takes for a variable has no link: there is no way
// to write it in one.
func TestLinksOfVariables(t *testing.T) {
	b := &flow.Batch{}
	names := []string{"a $ b", "$exporter", "${x}", "[[x]]", "plain"}
	for _, name := range names {
		b.Flows = append(b.Flows, flow.Flow{
			Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldAppName), Start: noon.UnixNano(), End: noon.UnixNano(), Bytes: 1,
			AppName: b.Strings.Intern([]byte(name)),
		})
	}
	w := engine.NewWindow(engine.MinLimit, noon)
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	x := answerOf(t, w.View(), `{"show":"series","by":["app_name"]}`)[0]
	if len(x.Fields) != 1+len(names) {
		t.Fatal(shown(x))
	}
	for _, f := range x.Fields[1:] {
		if name := f.Labels["app_name"]; (f.Config.Links != nil) != (name == "plain") {
			t.Errorf("%s: %+v", name, f.Config.Links)
		}
	}
}

// Cells can be clicked to filter where the column's name is the field's.
func TestFilterable(t *testing.T) {
	f := func(json, want string) {
		t.Helper()
		var names []string
		for _, x := range answerOf(t, worldWindow(t), json)[0].Fields {
			if x.Config != nil && x.Config.Filterable != nil && *x.Config.Filterable {
				names = append(names, x.Name)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", json, got, want)
		}
	}
	f(`{"show":"top","by":["src","dst country"]}`, "src_addr dst_country")
	f(`{"show":"top","by":["pair"]}`, "")
	f(`{"show":"top","by":["ip"]}`, "ip")
	f(`{"show":"top","by":["src country"],"format":"geo"}`, "")
	f(`{"show":"conversations"}`, "proto")
	f(`{"type":"top","groupBy":["sourceIPv4Address"]}`, "sourceIPv4Address")
}

// A graph's nodes and edges lead to their flows.
func TestLinksOfGraph(t *testing.T) {
	v := talkWindow(t, 2)
	for question, want := range map[string][2]string{
		`{"show":"top","by":["pair"],"format":"nodegraph"}`:               {"ip 10.0.0.1", "ip 10.0.0.1 and ip 10.0.0.2"},
		`{"show":"matrix","by":["src","dst"],"format":"nodegraph"}`:       {"ip 10.0.0.1", "src ip 10.0.0.1 and dst ip 10.0.0.2"},
		`{"show":"matrix","by":["src as","dst as"],"format":"nodegraph"}`: {"not as exists", "not src as exists and not dst as exists"},
	} {
		x := answerOf(t, v, question)
		id := x[0].Fields[0].At(0).(string)
		node := follow(t, x[0].Fields[2].Config.Links[0], "7", map[string]string{"id": id})
		edge := follow(t, x[1].Fields[3].Config.Links[0], "7", rowOf(x[1], 0))
		if node.Filter.String() != want[0] || edge.Filter.String() != want[1] {
			t.Errorf("%s: %s and %s", question, node.Filter, edge.Filter)
		}
	}
	if x := answerOf(t, v, `{"show":"matrix","by":["src","dst port"],"format":"nodegraph"}`); x[0].Fields[2].Config.Links != nil {
		t.Error("nodes of two kinds have one link")
	}
	for _, f := range query.AllFields() {
		if _, ok := query.FieldNamed(sideless(f.Name)); !ok {
			t.Errorf("%s without its side is no field", f.Name)
		}
	}
}

// Explore's address is understood by Grafana 10 and later: panes by name, each with
// its datasource, its queries and its range.
func TestExploreURL(t *testing.T) {
	u, err := url.Parse(exploreURL("u&id", map[string]any{"show": "flows", "where": `app_name = "a&b"`}, 1_500_000, 2_000_001))
	if err != nil || u.Path != "/explore" || u.Query().Get("schemaVersion") != "1" {
		t.Fatal(u, err)
	}
	const want = `{"weir":{"datasource":"u\u0026id","queries":[{"datasource":{"type":"weir-flows-datasource","uid":"u\u0026id"},"refId":"A","show":"flows","where":"app_name = \"a\u0026b\""}],"range":{"from":"1","to":"3"}}}`
	if got := u.Query().Get("panes"); got != want {
		t.Errorf("panes are %s, want %s", got, want)
	}
}
