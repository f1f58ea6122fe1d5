package modinput

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type xmlScheme struct {
	XMLName    xml.Name `xml:"scheme"`
	Title      string   `xml:"title"`
	Text       string   `xml:"description"`
	Validation string   `xml:"use_external_validation"`
	Single     string   `xml:"use_single_instance"`
	Mode       string   `xml:"streaming_mode"`
	Args       []struct {
		Name     string   `xml:"name,attr"`
		Default  string   `xml:"defaultValue,attr"`
		Title    string   `xml:"title"`
		Text     string   `xml:"description"`
		Check    string   `xml:"validation"`
		Type     string   `xml:"data_type"`
		OnEdit   string   `xml:"required_on_edit"`
		OnCreate string   `xml:"required_on_create"`
		More     []string `xml:",any"`
	} `xml:"endpoint>args>arg"`
}

func TestScheme(t *testing.T) {
	var out bytes.Buffer
	if err := WriteScheme(&out); err != nil {
		t.Fatal(err)
	}
	var s xmlScheme
	if err := xml.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Title == "" || s.Text == "" || s.Validation != "true" || s.Single != "false" || s.Mode != "xml" || len(s.Args) != len(args) {
		t.Errorf("%+v", s)
	}
	defaults := Stanza{Name: "core"}
	for _, a := range s.Args {
		if a.Title == "" || a.Text == "" || a.OnEdit != "false" || a.OnCreate != "false" || a.More != nil ||
			a.Type != "string" && a.Type != "number" && a.Type != "boolean" {
			t.Errorf("%+v", a)
		}
		if a.Check != "" && !strings.Contains(a.Check, "'"+a.Name+"'") {
			t.Errorf("%s: validation %s", a.Name, a.Check)
		}
		defaults.Params = append(defaults.Params, Param{a.Name, a.Default})
	}
	// What Splunk shows as default is what weir does without the argument.
	got, err := Parse(defaults)
	want := Default()
	want.Stanza = "weir://core"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("defaults give %+v, %v, want %+v", got, err, want)
	}
}

// Our elements are those that Splunk's own add-on for OpenTelemetry has, and
// those of the SDK's examples.
func TestSchemeHasElementsOfOracle(t *testing.T) {
	elements := func(doc string) map[string]bool {
		all := map[string]bool{}
		d := xml.NewDecoder(strings.NewReader(doc))
		for {
			tok, err := d.Token()
			if tok == nil {
				_ = err // io.EOF
				return all
			}
			if e, ok := tok.(xml.StartElement); ok {
				all[e.Name.Local] = true
				for _, a := range e.Attr {
					all[e.Name.Local+"@"+a.Name.Local] = true
				}
			}
		}
	}
	want := elements(oracle(t, "splunk-otel-ta-v2/ta_scheme.xml"))
	for e := range elements(oracle(t, "splunk-sdk-python/scheme_without_defaults.xml")) {
		want[e] = true
	}
	var out bytes.Buffer
	if err := WriteScheme(&out); err != nil {
		t.Fatal(err)
	}
	got := elements(out.String())
	for e := range got {
		if !want[e] {
			t.Errorf("%s is not Splunk's", e)
		}
	}
	if len(got) != len(want) {
		t.Errorf("has %v, want %v", got, want)
	}
}

func TestErrorIsOracles(t *testing.T) {
	want := oracle(t, "splunk-sdk-python/validation_error.xml")
	var out bytes.Buffer
	if err := WriteError(&out, errors.New("Big fat validation error!")); err != nil {
		t.Fatal(err)
	}
	if got := strings.NewReplacer("\n", "", "  ", "").Replace(out.String()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParse(t *testing.T) {
	t.Setenv("SPLUNK_HOME", "/opt/splunk")
	f := func(params, want string) {
		t.Helper()
		s := Stanza{Name: "weir://core"}
		for p := range strings.FieldsSeq(params) {
			k, v, _ := strings.Cut(p, "=")
			s.Params = append(s.Params, Param{k, v})
		}
		switch _, err := Parse(s); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", params, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", params, err, want)
		}
	}
	f("", "")
	f("index=net interval=0 host=$decideOnStartup python.version=python3 disabled=0", "")
	f("listeners=127.0.0.1:9995,udp://:2055 format=json buffer=1MiB queue=10", "")
	f("listeners=udp://:2055,tcp://:4739 types=flows,Options buffer_limit=16MiB output=stdout share_port=0", "")
	f("listeners=udp://:2055,udp://:4739 share_port=true", "")
	f("listeners=tcp://:4739 share_port=1", "no UDP listener")
	f("listeners=tls://:4740", "cert")
	f("share_port=maybe", "true or false")
	f("types=flows,flaws", "some of flows,options,counters,stats,findings")
	f("types=,", "types is empty")
	f("output=hec", "hec_url is empty")
	f("filter=port_53", "filter: ")
	f("hec_spill=0", "")
	if _, err := Parse(Stanza{Name: "core", Params: []Param{{"filter", "proto tcp and not dst net 10.0.0.0/8"}}}); err != nil {
		t.Error(err)
	}
	f("hec_spill=much", "hec_spill: size")
	f("output=hec hec_url=https://a.example.net:8088,https://b.example.net:8088 hec_gzip=1 hec_ack=true hec_batch=500", "")
	f("output=hec hec_url=ftp://a.example.net", "write https://")
	f("output=hec hec_url=https://a.example.net:8088 hec_secret=hec", "write realm:name")
	f("output=hec hec_url=https://a.example.net:8088 hec_batch=0", "hec_batch is 0")
	f("output=hec hec_url=https://a.example.net:8088 hec_token=é", "the token has a character")
	f("hec_batch=lots", "write a number")
	f("hec_gzip=maybe", "hec_gzip is \"maybe\": write true or false")
	f("output=file", "write stdout")
	f("metrics_index=net_metrics", "")
	f("metrics_index=Net,", "name of a metrics index")
	f("buffer_limit=1k", "write 1MiB or more")
	f("buffer_limit=x", "buffer_limit: size")
	f("config_file=/nonexistent/weir.yaml", "config_file: open /nonexistent/weir.yaml")
	f("listeners=sctp://:2055", "sctp is not supported")
	f("output=hec hec_url=https://a:8088 hec_ca=/nonexistent.pem", "hec_ca: open /nonexistent.pem")
	f("output=hec hec_url=https://a:8088 splunkd_ca=$SPLUNK_HOME/nonexistent.pem", "splunkd_ca: open /opt/splunk/nonexistent.pem")
	f("listeners=tls://:4740?cert=scheme_test.go&key=/nonexistent.pem", "key: open /nonexistent.pem")
	f("listeners=tls://:4740?cert=$SPLUNK_HOME/c.pem&key=$SPLUNK_HOME/k.pem,sctp://$SPLUNK_HOME", `"sctp:///opt/splunk"`)
	f("listeners=2055", `"2055"`)
	f("listeners=,", "at least one")
	f("listeners=:2055,:2055", "twice")
	f("format=xml", "write psv, kv or json")
	f("format=kv columns=all bytes_out=received", "")
	f("stitch=0 stitch_timeout=30 stitch_flows=5000", "")
	f("stitch=perhaps", "write true or false")
	f("stitch_timeout=0", "write 100ms to 1h")
	f("stitch_timeout=soon", "write a time as 15s")
	f("stitch_flows=0", "write 1 to 10000000")
	f("columns=few", "write tight or all")
	f("bytes_out=both", "write sent or received")
	f("buffer=lots", `"lots"`)
	f("queue=0", "queue is 0")
	f("queue=many", "queue")

	c, err := Parse(Stanza{Name: "core", Params: []Param{{"sourcetype", "weir"}, {"format", "json"}}})
	if err != nil || c.Stanza != "weir://core" || c.sourcetype() != "weir:flow:json" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Parse(Stanza{Name: "core", Params: []Param{{"format", "kv"}, {"columns", "all"}, {"bytes_out", "received"}}})
	if err != nil || c.sourcetype() != "weir:flow:kv" || c.Layout != (Layout{Format: KV, AllColumns: true, Turned: true}) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Parse(Stanza{Name: "weir://core", Params: []Param{{"sourcetype", "mine"}}})
	if err != nil || c.sourcetype() != "mine" {
		t.Errorf("%+v, %v", c, err)
	}
}

// What the stanza says wins over the file, whatever the order.
func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte("listen: [':9995']\npipeline: {queue: 7, batch: 9}\nenrich: {exporters: [{address: 192.0.2.1, name: edge}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(Stanza{Name: "core", Params: []Param{{"queue", "8"}, {"config_file", path}}})
	x := &c.Collector
	if err != nil || x.Listen[0].Address != ":9995" || x.Pipeline.Queue != 8 || x.Pipeline.Batch != 9 || len(x.Enrich.Exporters) != 1 || x.Pipeline.Drain != drainTime {
		t.Errorf("%+v, %v", c, err)
	}
	if err := os.WriteFile(path, []byte("listne: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Parse(Stanza{Name: "core", Params: []Param{{"config_file", path}}})
	if err == nil || !strings.Contains(err.Error(), "config_file: ") || !strings.Contains(err.Error(), `did you mean "listen"?`) {
		t.Error(err)
	}
}

var update = flag.Bool("update", false, "write inputs.conf.spec and the README's table of arguments")

// The spec and the README's table are what the arguments say.
func TestDocuments(t *testing.T) {
	f := func(path string, make func(old []byte) []byte) {
		t.Helper()
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := make(old)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if string(old) != string(want) {
			t.Errorf("%s is not what the arguments say: go test ./splunk/modinput -run Documents -update", path)
		}
	}
	f("../app/README/inputs.conf.spec", func([]byte) []byte { return spec() })
	f("../README.md", func(old []byte) []byte {
		const from, to = "<!-- arguments -->\n", "<!-- /arguments -->"
		head, rest, ok := strings.Cut(string(old), from)
		_, tail, ok2 := strings.Cut(rest, to)
		if !ok || !ok2 {
			t.Fatal("README.md has no marks for the arguments")
		}
		table := "| argument | default | |\n|---|---|---|\n"
		for _, a := range args {
			value := ""
			if a.value != "" {
				value = "`" + a.value + "`"
			}
			table += "| `" + a.name + "` | " + value + " | " + a.text + " |\n"
		}
		return []byte(head + from + table + to + tail)
	})
}
