package modinput

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/weirflow/weir/collector/config"
)

// An arg is a setting of a stanza, as --scheme announces it and
// inputs.conf.spec describes it.
type arg struct {
	name, title, text string
	value             string                              // default
	check             string                              // splunkd's own validation, before ours
	kind              string                              // string, number or boolean
	set               func(c *Config, value string) error // nil: the collector knows it by that name
}

var args = []arg{
	{
		name: "listeners", title: "Listeners", kind: "string", value: strings.Join(config.Default().Listen.Addresses(), ","),
		text: "UDP addresses that exporters send NetFlow v5, v9 and IPFIX to: host:port, or :port for all addresses; commas between.",
	},
	{
		name: "format", title: "Format of events", kind: "string", value: "psv",
		text:  "psv: values separated by pipes, the least licence volume. json: an object of named values.",
		check: `validate(match('format', '^(psv|json)$'), "format is psv or json")`,
		set: func(c *Config, v string) (err error) {
			c.Format, err = ParseFormat(v)
			return err
		},
	},
	{
		name: "buffer", title: "Socket buffer", kind: "string", value: "32MiB",
		text: "What the kernel may hold for each socket.",
	},
	{
		name: "queue", title: "Queue", kind: "number", value: "256",
		text:  "Batches of flows that may wait while Splunk doesn't read. Beyond that the oldest are dropped and counted.",
		check: `validate(is_pos_int('queue'), "queue is a positive number")`,
	},
}

// WriteScheme writes what --scheme answers.
func WriteScheme(w io.Writer) error {
	type xmlArg struct {
		Name     string `xml:"name,attr"`
		Default  string `xml:"defaultValue,attr"`
		Title    string `xml:"title"`
		Text     string `xml:"description"`
		Check    string `xml:"validation,omitempty"`
		Type     string `xml:"data_type"`
		OnEdit   bool   `xml:"required_on_edit"`
		OnCreate bool   `xml:"required_on_create"`
	}
	type scheme struct {
		XMLName    xml.Name `xml:"scheme"`
		Title      string   `xml:"title"`
		Text       string   `xml:"description"`
		Validation bool     `xml:"use_external_validation"`
		Single     bool     `xml:"use_single_instance"`
		Mode       string   `xml:"streaming_mode"`
		Args       []xmlArg `xml:"endpoint>args>arg"`
	}
	s := scheme{
		Title:      "NetFlow and IPFIX (weir)",
		Text:       "Receives NetFlow v5, v9 and IPFIX and indexes each flow record.",
		Validation: true,
		Mode:       "xml",
	}
	for _, a := range args {
		s.Args = append(s.Args, xmlArg{Name: a.name, Default: a.value, Title: a.title, Text: a.text, Check: a.check, Type: a.kind})
	}
	return writeDocument(w, s)
}

// WriteError writes what --validate-arguments answers where err is wrong with
// the arguments.
func WriteError(w io.Writer, err error) error {
	return writeDocument(w, struct {
		XMLName xml.Name `xml:"error"`
		Message string   `xml:"message"`
	}{Message: err.Error()})
}

func writeDocument(w io.Writer, doc any) error {
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
