package modinput

import (
	"bytes"
	"encoding/xml"
	"errors"
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
	f("listeners=sctp://:2055", "sctp is not supported")
	f("listeners=2055", `"2055"`)
	f("listeners=,", "at least one")
	f("listeners=:2055,:2055", "twice")
	f("format=xml", "psv or json")
	f("buffer=lots", `"lots"`)
	f("queue=0", "queue is 0")
	f("queue=many", "queue")

	c, err := Parse(Stanza{Name: "core", Params: []Param{{"sourcetype", "weir"}, {"format", "json"}}})
	if err != nil || c.Stanza != "weir://core" || c.sourcetype() != "weir:flow:json" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Parse(Stanza{Name: "weir://core", Params: []Param{{"sourcetype", "mine"}}})
	if err != nil || c.sourcetype() != "mine" {
		t.Errorf("%+v, %v", c, err)
	}
}
