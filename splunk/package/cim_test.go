package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/splunk/internal/addon"
	"github.com/weirflow/weir/splunk/internal/spl"
	"github.com/weirflow/weir/splunk/modinput"
	"github.com/weirflow/weir/testdata"
)

// oracle is where the data models may lie that Splunk tests add-ons with.
const oracle = "../../../shared/oracle/splunk/pytest-splunk-addon-7.0.5-data_models"

// built returns the add-on's files without its binaries, and its search-time
// part.
func built(t testing.TB) (fstest.MapFS, *spl.Addon) {
	t.Helper()
	made, err := addon.Files("../..")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for name, data := range made {
		files[name] = &fstest.MapFile{Data: data}
	}
	a, err := spl.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return files, a
}

// A model is a dataset of a data model, as pytest-splunk-addon describes it.
type model struct {
	Name     string
	Tags     [][]string
	Clusters [][]string `json:"fields_cluster"`
	Fields   []struct {
		Name, Type, Condition, Validity string
		Expected                        []string `json:"expected_values"`
	}
}

func readModel(t *testing.T, dir, name string) *model {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) && dir == oracle {
		t.Skip("the data models are not here; make test-real fetches them")
	}
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Objects []*model }
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Objects) != 1 || len(m.Objects[0].Fields) == 0 {
		t.Fatalf("%s has %d datasets", name, len(m.Objects))
	}
	return m.Objects[0]
}

// A problem is what a data model has against an event.
type problem struct{ field, what string }

// check returns what m has against ev.
func (m *model) check(t *testing.T, ev spl.Event) []problem {
	t.Helper()
	var all []problem
	tags := spl.Values(ev["tag"])
	if !slices.ContainsFunc(m.Tags, func(want []string) bool { return subset(want, tags) }) {
		all = append(all, problem{"tag", fmt.Sprint(tags)})
	}
	for _, f := range m.Fields {
		wanted := f.Type == "required" || f.Type == "conditional" && holds(t, f.Condition, ev)
		values := spl.Values(ev[f.Name])
		switch {
		case f.Type == "not_allowed_in_search" || len(values) == 0 && !wanted || f.Type == "conditional" && !wanted:
			continue
		case len(values) == 0:
			all = append(all, problem{f.Name, "missing"})
			continue
		}
		if f.Validity != "" {
			e, err := spl.ParseExpr(f.Validity)
			if err != nil {
				t.Fatal(err)
			}
			if e.Eval(ev) == nil {
				all = append(all, problem{f.Name, "not valid"})
			}
		}
		if f.Expected != nil && !subset(values, f.Expected) {
			all = append(all, problem{f.Name, "unexpected"})
		}
	}
	for _, c := range m.Clusters {
		var there []string
		for _, f := range c {
			if ev[f] != nil {
				there = append(there, f)
			}
		}
		if there != nil && len(there) < len(c) {
			all = append(all, problem{strings.Join(c, "+"), "incomplete"})
		}
	}
	return all
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

var (
	ipv4      = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
	upperMAC  = regexp.MustCompile(`^([0-9A-F]{2}[:-]){5}([0-9A-F]{2})$`)
	matched   = regexp.MustCompile(`match\((src|dest), ?"`)
	condition = regexp.MustCompile(`\w+="?[\w*]+"?|[()]|OR|AND`)
)

// holds tells whether the condition of a field holds: a search of field=value,
// AND, OR and brackets, or a match of src or dest with the pattern of an IP or a
// MAC address.
func holds(t *testing.T, c string, ev spl.Event) bool {
	t.Helper()
	if strings.HasPrefix(c, "| where match(") {
		for _, m := range matched.FindAllStringSubmatch(c, -1) {
			v, _ := spl.Text(ev[m[1]])
			if strings.Contains(c, "[0-9A-F]{2}[:-]") {
				if upperMAC.MatchString(v) {
					return true
				}
			} else if ipv4.MatchString(v) || strings.Contains(v, ":") && strings.Count(v, ":") != 5 {
				return true
			}
		}
		return false
	}
	if rest := strings.TrimSpace(condition.ReplaceAllString(c, "")); rest != "" {
		t.Fatalf("can't read the condition %q: %q", c, rest)
	}
	words := condition.FindAllString(c, -1)
	var or func() bool
	term := func() bool {
		w := words[0]
		words = words[1:]
		if w == "(" {
			v := or()
			words = words[1:]
			return v
		}
		f, want, _ := strings.Cut(strings.ReplaceAll(w, `"`, ""), "=")
		return slices.ContainsFunc(spl.Values(ev[f]), func(v string) bool { return want == "*" || strings.EqualFold(v, want) })
	}
	and := func() bool {
		v := term()
		for len(words) > 0 && words[0] == "AND" {
			words = words[1:]
			v = term() && v
		}
		return v
	}
	or = func() bool {
		v := and()
		for len(words) > 0 && words[0] == "OR" {
			words = words[1:]
			v = and() || v
		}
		return v
	}
	return or()
}

// exceptions are what the data model wants and flows can't give, and why.
var exceptions = []struct {
	why     string
	problem problem
	when    func(ev spl.Event) bool
}{
	{
		"a flow of one direction has nothing to say of the other, and 0 would be a lie",
		problem{"bytes+bytes_in+bytes_out", "incomplete"}, func(ev spl.Event) bool { return oneWay(ev, "bytes") },
	},
	{
		"a flow of one direction has nothing to say of the other, and 0 would be a lie",
		problem{"bytes", "not valid"}, func(ev spl.Event) bool { return oneWay(ev, "bytes") },
	},
	{
		"a flow of one direction has nothing to say of the other, and 0 would be a lie",
		problem{"packets_in+packets_out", "incomplete"}, func(ev spl.Event) bool { return oneWay(ev, "packets") },
	},
	{
		"an event that carries no volume (NSEL: created, denied), or one direction of a flow in which nothing came back",
		problem{"bytes", "not valid"}, func(ev spl.Event) bool { return ev["bytes_out"] == "0" || ev["bytes_in"] == "0" },
	},
	{
		"an event that carries no volume (NSEL: created, denied), or one direction of a flow in which nothing came back",
		problem{"bytes_out", "not valid"}, func(ev spl.Event) bool { return ev["bytes_out"] == "0" },
	},
	{
		"an event that carries no volume (NSEL: created, denied), or one direction of a flow in which nothing came back",
		problem{"bytes_in", "not valid"}, func(ev spl.Event) bool { return ev["bytes_in"] == "0" },
	},
	{
		"the model knows tcp, udp and icmp; IANA knows more",
		problem{"transport", "unexpected"}, otherTransport,
	},
	{
		"the model knows tcp, udp and icmp; IANA knows more",
		problem{"transport", "not valid"}, otherTransport,
	},
	{
		"the model knows tcp, udp and icmp; IANA knows more",
		problem{"protocol", "not valid"}, otherTransport,
	},
	{
		"an IP flow whose exporter doesn't tell the protocol",
		problem{"protocol", "not valid"}, func(ev spl.Event) bool { return ev["protocol"] == "ip" && ev["transport"] == nil },
	},
	{
		"the model's rule for icmp_type tests duration, which must lie between 0 and 254 seconds",
		problem{"icmp_type", "not valid"}, func(ev spl.Event) bool {
			n, ok := spl.Number(ev["icmp_type"])
			d, _ := spl.Number(ev["duration"])
			return ok && n >= 0 && n < 256 && (ev["duration"] == nil || d <= 0 || d >= 254)
		},
	},
}

func oneWay(ev spl.Event, of string) bool { return (ev[of+"_in"] == nil) != (ev[of+"_out"] == nil) }

func otherTransport(ev spl.Event) bool {
	return ev["protocol_number"] != nil && !slices.Contains([]any{"1", "6", "17", "58"}, ev["protocol_number"])
}

// absent are fields that the data model wants, and that whole captures have not:
// their exporters don't tell. Splunk's data model fills in "unknown".
var absent = []struct{ capture, fields, why string }{
	{"made/v8/", "src dest transport", "an aggregate has the fields that it is of, and no others"},
	{"made/ipfix/rfc6313-", "src dest transport", "made to show structured data: the templates have no protocol, some no address"},
	{"made/ipfix/rfc5610", "dest transport", "made to show described elements: the template has a source and nothing else"},
	{"pcap/ipfix/softflowd-psamp", "transport", "an ARP frame"},
	{"pcap/ipfix/pmacctd", "icmp_type icmp_code", "pmacctd's IPFIX has neither, and ports of 0"},
	{"same/same", "icmp_type icmp_code", "pmacctd's IPFIX has neither, and ports of 0"},
	{"made/sflow/records", "src_translated_port dest_translated_port", "sFlow's record of translated addresses has no ports"},
}

// captures calls f with the flows of each capture of testdata.
func captures(t *testing.T, f func(name string, b *flow.Batch)) {
	t.Helper()
	err := fs.WalkDir(testdata.FS, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") {
			return err
		}
		data, err := testdata.FS.ReadFile(name)
		if err != nil {
			return err
		}
		r, err := pcap.NewReader(bytes.NewReader(data))
		if err != nil {
			return err
		}
		d := decode.New(template.NewStore(template.Limits{}))
		var b flow.Batch
		for {
			p, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if err := d.Decode(&b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}); err != nil {
				return fmt.Errorf("%s: packet %d: %w", name, p.Index, err)
			}
		}
		f(name, &b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// indexed is an event as Splunk indexes it.
type indexed struct {
	Time       float64 `xml:"time"`
	Sourcetype string  `xml:"sourcetype"`
	Host       string  `xml:"host"`
	Data       string  `xml:"data"`
}

// A collector is a sink that keeps events as the modular input writes them.
type collector struct {
	enc *modinput.Encoder
	all []indexed
}

func (c *collector) Write(_ context.Context, b *flow.Batch) error {
	for i := range b.Flows {
		var e indexed
		if err := xml.Unmarshal(c.enc.Append(nil, b, &b.Flows[i]), &e); err != nil {
			return err
		}
		c.all = append(c.all, e)
	}
	return nil
}

func (c *collector) Close() error { return nil }

// events returns the flows of b as the modular input writes them.
func events(t *testing.T, format modinput.Format, stitch bool, b *flow.Batch) []indexed {
	t.Helper()
	c := &collector{enc: modinput.NewEncoder(format, "weir://core", format.Sourcetype())}
	var to pipeline.Sink = c
	if stitch {
		to = modinput.NewStitcher(modinput.DefaultStitch(), c)
	}
	if err := errors.Join(to.Write(t.Context(), b), to.Close()); err != nil {
		t.Fatal(err)
	}
	return c.all
}

// Every event of every capture is what CIM's Network Traffic wants, or one of
// the exceptions.
func TestCIM(t *testing.T) { checkCIM(t, oracle) }

func checkCIM(t *testing.T, dir string) {
	m := readModel(t, dir, "Network_Traffic.json")
	_, a := built(t)
	used, missing, clean, n := map[string]int{}, map[string]int{}, 0, 0
	forms := []struct {
		format modinput.Format
		stitch bool
	}{{modinput.PSV, true}, {modinput.PSV, false}, {modinput.KV, true}, {modinput.JSON, true}}
	captures(t, func(name string, b *flow.Batch) {
		for _, x := range forms {
			format := x.format
			for i, e := range events(t, format, x.stitch, b) {
				ev, err := a.Event(e.Sourcetype, e.Host, e.Time, e.Data)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				n++
				all := m.check(t, ev)
				if len(all) == 0 {
					clean++
				}
				for _, p := range all {
					if why := excused(name, p, ev, missing); why != "" {
						used[why]++
						continue
					}
					t.Errorf("%s: %s: flow %d: %s is %s: %v\n%s", name, format, i+1, p.field, p.what, ev[p.field], e.Data)
				}
			}
		}
	})
	t.Logf("%d events, %d without exception", n, clean)
	for _, why := range slices.Sorted(maps.Keys(used)) {
		t.Logf("%5d × %s", used[why], why)
	}
	for _, x := range exceptions {
		if used[x.why] == 0 {
			t.Errorf("no event needs the exception %q", x.why)
		}
	}
	for _, x := range absent {
		for f := range strings.FieldsSeq(x.fields) {
			if missing[x.capture+" "+f] == 0 {
				t.Errorf("%s: %s is not missing", x.capture, f)
			}
		}
	}
}

func excused(capture string, p problem, ev spl.Event, missing map[string]int) string {
	for _, x := range exceptions {
		if x.problem == p && x.when(ev) {
			return x.why
		}
	}
	if p.what == "missing" || p.what == "incomplete" {
		for _, x := range absent {
			if strings.HasPrefix(capture, x.capture) && slices.Contains(strings.Fields(x.fields), p.field) {
				missing[x.capture+" "+p.field]++
				return x.capture + ": " + x.why
			}
		}
	}
	return ""
}

// What is two-way, or not, and what a firewall says of it, needs no exception.
func TestCIMOfTwoWays(t *testing.T) {
	m := readModel(t, oracle, "Network_Traffic.json")
	_, a := built(t)
	f := func(data string, want map[string]any) {
		t.Helper()
		ev, err := a.Event("weir:flow:json", "192.0.2.1", 1795305600, data)
		if err != nil {
			t.Fatal(err)
		}
		if all := m.check(t, ev); all != nil {
			t.Errorf("%s: %v", data, all)
		}
		for k, v := range want {
			if fmt.Sprint(ev[k]) != fmt.Sprint(v) {
				t.Errorf("%s: %s is %v, want %v", data, k, ev[k], v)
			}
		}
	}
	f(`{"src_ip":"10.1.1.5","dest_ip":"203.0.113.9","src_port":50123,"dest_port":443,"protocol_number":6,"bytes_out":1000,"packets_out":4,
		"bytes_in":2200,"packets_in":5,"duration":12.5,"tcp_flag":27,"tos":184,"direction":1}`,
		map[string]any{
			"src": "10.1.1.5", "dest": "203.0.113.9", "transport": "tcp", "protocol": "ip", "protocol_version": "ipv4", "action": "allowed",
			"app": "https", "bytes": "3200", "packets": "9", "dvc": "192.0.2.1", "dvc_ip": "192.0.2.1", "direction": "outbound", "flow_direction": "egress",
			"tcp_flag": []string{"SYN", "ACK", "FIN", "PSH"}, "tcp_flags": "27", "tcp_flags_text": "SYN ACK PSH FIN", "dscp": "46", "dscp_name": "EF",
			"start_time": "1795305587.5", "end_time": "1795305600", "duration": "12.5", "vendor_product": "Weir Flow", "tag": []string{"network", "communicate"},
		})
	f(`{"src_ip":"2001:db8::1","dest_ip":"2001:db8::2","src_port":3389,"dest_port":61000,"protocol_number":17,"bytes_out":100,"packets_out":1,
		"bytes_in":200,"packets_in":1,"fwd_status":130,"perimeter":"internal","direction":0,"dvc":"edge-1"}`,
		map[string]any{"transport": "udp", "protocol_version": "ipv6", "action": "blocked", "app": "ms-wbt-server", "dvc": "edge-1", "direction": nil, "tcp_flag": nil})
	f(`{"src_ip":"10.1.1.5","dest_ip":"10.1.1.6","protocol_number":1,"src_port":0,"dest_port":771,"version":9,"bytes_out":64,"packets_out":1,
		"bytes_in":64,"packets_in":1,"duration":1,"src_translated_ip":"198.51.100.1"}`,
		map[string]any{
			"transport": "icmp", "protocol": "icmp", "app": "icmp", "icmp_type": "3", "icmp_code": "3", "icmp_text": "destination unreachable: port",
			"src_port": nil, "dest_port": nil, "dest_translated_ip": "10.1.1.6",
		})
	f(`{"src_ip":"10.1.1.5","dest_ip":"10.1.1.6","src_port":40001,"dest_port":40002,"protocol_number":6,"app":"ours","bytes_out":1,"bytes_in":1,"packets_out":1,"packets_in":1,"fw_event":3,"src_zone":"external"}`,
		map[string]any{"app": "ours", "action": "blocked", "src_zone": "external", "dest_zone": "unknown", "duration": nil, "start_time": nil})
	f(`{"src_ip":"10.1.1.5","dest_ip":"10.1.1.6","src_port":40001,"dest_port":40002,"protocol_number":6,"bytes_out":1,"bytes_in":1,"packets_out":1,"packets_in":1,"fw_event":2,"tcp_flag":0}`,
		map[string]any{"app": "unknown", "action": "teardown", "tcp_flag": nil, "tcp_flags_text": "none"})
}

// Findings by hand, as the input writes them.
func TestFindings(t *testing.T) {
	m := readModel(t, oracle, "Intrusion_Detection.json")
	_, a := built(t)
	f := func(x detect.Finding, want map[string]any, excused ...problem) {
		t.Helper()
		all := found(t, a, x)
		if len(all) != 1 {
			t.Fatalf("%d events", len(all))
		}
		ev := all[0]
		if all := m.check(t, ev); !slices.Equal(all, excused) {
			t.Errorf("%s: %v", ev["_raw"], all)
		}
		for k, v := range want {
			if fmt.Sprint(ev[k]) != fmt.Sprint(v) {
				t.Errorf("%s: %s is %v, want %v", ev["_raw"], k, ev[k], v)
			}
		}
	}
	x := scan()
	f(x, map[string]any{
		"signature": "scan.horizontal", "signature_id": "scan", "category": "scan", "severity": "medium", "ids_type": "network", "action": "allowed",
		"src": "10.1.2.3", "dest": "203.0.113.7", "dest_port": "445", "dvc": "192.0.2.1", "severity_id": "3", "finding_id": "0123", "confidence": "0.9",
		"coverage": "0.5", "description": "a scan", "mitre_technique_id": "T1046", "vendor_product": "Weir Flow", "tag": []string{"ids", "attack"},
	})
	x.Severity = detect.Info
	f(x, map[string]any{"severity": "informational", "severity_id": "1"})
	// A finding about several ports has them all; the data model reads one number.
	x.Evidence[1].DstPort, x.Evidence[1].Proto, x.Evidence[1].DstAddr = 53, 17, flow.AddrFrom4([4]byte{203, 0, 113, 8})
	x.Evidence[1].Exporter = flow.AddrFrom4([4]byte{192, 0, 2, 2})
	f(x, map[string]any{
		"dest": []string{"203.0.113.7", "203.0.113.8"}, "dest_port": []string{"445", "53"}, "transport": []string{"tcp", "udp"},
		"dvc": []string{"192.0.2.1", "192.0.2.2"},
	}, problem{"dest_port", "not valid"})
	// One without evidence is of the machine that found it.
	x.Evidence = nil
	x.Entities = append(x.Entities, detect.Entity{Role: "target", Kind: "ip", Value: "203.0.113.7"})
	f(x, map[string]any{"dest": "203.0.113.7", "src_port": "0", "dest_port": "0", "dvc": "forwarder", "transport": "unknown"})
}

// What is counted, and what exporters announce, is in no data model.
func TestNoModel(t *testing.T) {
	_, a := built(t)
	for _, name := range []string{"weir:stats", "weir:option", "weir:counter"} {
		for _, ev := range written(t, a)[name] {
			if ev["tag"] != nil || ev["dvc"] == nil {
				t.Errorf("%s: %v", name, ev)
			}
		}
	}
}
