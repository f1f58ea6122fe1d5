package modinput

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/query"
)

// An arg is a setting of a stanza, as --scheme announces it and
// inputs.conf.spec describes it.
type arg struct {
	name, title, text string
	value             string                              // default
	form              string                              // what the spec shows for a value
	check             string                              // splunkd's own validation, before ours
	kind              string                              // string, number or boolean
	set               func(c *Config, value string) error // nil: the collector knows it by that name
}

// args lists all that there are, in the order in which they are heeded.
var args = []arg{
	{
		name: "config_file", title: "Configuration file", kind: "string", form: "path",
		text: "A YAML file of weir's collector, for all that has no argument here: names of exporters and networks (enrich), filters of listeners, limits. Arguments of the stanza win over it.",
		set: func(c *Config, v string) error {
			drain := c.Collector.Pipeline.Drain
			x, err := config.Load(os.ExpandEnv(v))
			if err != nil {
				return fmt.Errorf("config_file: %w", err)
			}
			x.Pipeline.Drain = drain
			c.Collector = x
			return nil
		},
	},
	{
		name: "listeners", title: "Listeners", kind: "string", form: "comma-separated list", value: strings.Join(config.Default().Listen.Addresses(), ","),
		text: "Where exporters send NetFlow, IPFIX and sFlow to: host:port or :port over UDP, or with a scheme: udp://, tcp://, tls:// or dtls://. TLS takes options: tls://:4740?cert=FILE&key=FILE&client_ca=FILE.",
		set:  func(c *Config, v string) error { return c.Collector.Set("listeners", os.ExpandEnv(v)) },
	},
	{
		name: "share_port", title: "Share the ports", kind: "boolean", form: "boolean", value: "false",
		text: "true: other stanzas may listen on the same UDP ports, each a process of its own, and the kernel spreads exporters over them (Linux). They share what exporters announce through the checkpoint directory.",
		set: func(c *Config, v string) (err error) {
			c.Collector.Source.Share, err = parseBool("share_port", v)
			return err
		},
	},
	{
		name: "filter", title: "Filter", kind: "string", form: "filter",
		text: "Which flows there are to be: nfdump's language over all fields of a record, as proto tcp and not dst net 10.0.0.0/8. The others are in no event and no sum, and count as filtered. Without it, all.",
		set: func(c *Config, v string) (err error) {
			if c.Filter, err = query.Parse(v); err != nil {
				return fmt.Errorf("filter: %w: write it as nfdump has it, as src net 10.0.0.0/8 and proto tcp", err)
			}
			return nil
		},
	},
	{
		name: "output", title: "Output", kind: "string", form: "stdout|hec", value: string(Stdout),
		text: "stdout: splunkd reads the events. hec: flows go to HTTP Event Collectors, for high volume; all other events go to splunkd.",
		set: func(c *Config, v string) (err error) {
			c.Output, err = ParseOutput(v)
			return err
		},
	},
	{
		name: "format", title: "Format of events", kind: "string", form: "psv|kv|json", value: "psv",
		text:  "psv: flows as values separated by pipes, as transforms.conf names them; the least licence volume; source type weir:flow. kv: name=value; source type weir:flow:kv. json: an object of named values; source type weir:flow:json.",
		check: `validate(match('format', '^(psv|kv|json)$'), "format is psv, kv or json")`,
		set: func(c *Config, v string) (err error) {
			c.Format, err = ParseFormat(v)
			return err
		},
	},
	{
		name: "columns", title: "Columns", kind: "string", form: "tight|all", value: "tight",
		text:  "tight: an event has no column that its time, its host and its duration say already. all: it has start_time, end_time, received_time and dvc_ip as well.",
		check: `validate(match('columns', '^(tight|all)$'), "columns is tight or all")`,
		set:   func(c *Config, v string) error { return c.ParseColumns(v) },
	},
	{
		name: "bytes_out", title: "Meaning of bytes_out", kind: "string", form: "sent|received", value: "sent",
		text:  "What bytes_out, packets_out and l2_bytes count. sent: what the source of a flow sent. received: what it got, and bytes_in, packets_in and l2_bytes_in are what it sent.",
		check: `validate(match('bytes_out', '^(sent|received)$'), "bytes_out is sent or received")`,
		set:   func(c *Config, v string) error { return c.ParseBytesOut(v) },
	},
	{
		name: "stitch", title: "Stitch conversations", kind: "boolean", form: "boolean", value: "true",
		text: "true: the two flows of a conversation become one event, with the volume of both directions. false: each flow is an event, at once.",
		set:  func(c *Config, v string) error { return c.Stitch.Set("stitch", v) },
	},
	{
		name: "stitch_timeout", title: "Wait for answers", kind: "string", form: "time", value: "15s",
		text: "How long a flow waits for its answer, and how far apart the two may lie: seconds, or with a unit (500ms, 1m).",
		set:  func(c *Config, v string) error { return c.Stitch.Set("stitch_timeout", v) },
	},
	{
		name: "stitch_flows", title: "Waiting flows", kind: "number", form: "positive integer", value: "100000",
		text:  "How many flows may wait for their answer. Beyond that the oldest become events without it.",
		check: `validate(is_pos_int('stitch_flows'), "stitch_flows is a positive number")`,
		set:   func(c *Config, v string) error { return c.Stitch.Set("stitch_flows", v) },
	},
	{
		name: "types", title: "Types of events", kind: "string", form: "comma-separated list", value: allTypes.String(),
		text: "Which events there are to be: flows; options, what exporters announce of themselves (source type weir:option); counters, of sFlow (weir:counter); stats, what was sent, received, missing, written and dropped, by exporter and minute (weir:stats); findings of detectors (weir:finding).",
		set: func(c *Config, v string) (err error) {
			c.Types, err = ParseTypes(v)
			return err
		},
	},
	{
		name: "metrics_index", title: "Metrics index", kind: "string", form: "index",
		text: "An index of the type metrics, which then gets the octets, packets and flows of each minute by interface, application and autonomous system, scaled by the sampling rate (source type weir:metric). Without it there are no such sums.",
		set: func(c *Config, v string) error {
			if !indexName.MatchString(v) {
				return fmt.Errorf("metrics_index is %q: write the name of a metrics index: small letters, digits, - and _", v)
			}
			c.MetricsIndex = v
			return nil
		},
	},
	{
		name: "buffer_limit", title: "Buffer limit", kind: "string", form: "size", value: "64MiB",
		text: "Memory of events that may wait while Splunk doesn't read. Beyond that the oldest are dropped, and counted by exporter.",
		set: func(c *Config, v string) error {
			if err := c.BufferLimit.UnmarshalText([]byte(v)); err != nil {
				return fmt.Errorf("buffer_limit: %w", err)
			}
			return nil
		},
	},
	{
		name: "buffer", title: "Socket buffer", kind: "string", form: "size", value: "32MiB",
		text: "What the kernel may hold for each socket: octets, or with a unit (KiB, MiB). Linux grants at most net.core.rmem_max.",
	},
	{
		name: "queue", title: "Queue", kind: "number", form: "positive integer", value: "256",
		text:  "Batches of flows that may wait for their turn to become events.",
		check: `validate(is_pos_int('queue'), "queue is a positive number")`,
	},
	hecArg("hec_url", "Event collectors", "string", "comma-separated list", "", "With output = hec: where the event collectors listen, as https://indexer.example.net:8088. Of several, weir takes turns."),
	hecArg("hec_secret", "Entry of the token", "string", "realm:name", "weir:hec", "The entry of Splunk's credential storage (storage/passwords) that has the token."),
	hecArg("hec_token", "Token", "string", "token", "", "The token itself, where it may stand in the clear. It wins over hec_secret."),
	hecArg("hec_ca", "Authorities of the collectors", "string", "path", "", "PEM file of the authorities that vouch for the event collectors. Without it, the system's do."),
	hecArg("hec_name", "Name of the collectors", "string", "name", "", "The name that the event collectors' certificates must have. Without it, the host's in hec_url."),
	hecArg("hec_gzip", "Compress requests", "boolean", "boolean", "false", "true: requests take about a sixth of the octets, and more CPU time on both sides."),
	hecArg("hec_ack", "Wait for acknowledgements", "boolean", "boolean", "false", "true: a flow counts as written once the indexer has acknowledged it. The token must have useACK = 1."),
	hecArg("hec_batch", "Events of a request", "number", "positive integer", "2000", "How many events a request has at most."),
	{
		name: "hec_spill", title: "Room on disk", kind: "string", form: "size", value: defaultSpill.String(),
		text: "How much of what the event collectors don't take may wait on disk, in the checkpoint directory, when memory and queue are full. 0: nothing. Beyond that the oldest flows are dropped.",
		set: func(c *Config, v string) error {
			if err := c.Spill.UnmarshalText([]byte(v)); err != nil {
				return fmt.Errorf("hec_spill: %w", err)
			}
			return nil
		},
	},
	hecArg("splunkd_ca", "Authorities of splunkd", "string", "path", "", "PEM file of the authorities that vouch for splunkd, from which the token is read. Without it, $SPLUNK_HOME/etc/auth/cacert.pem."),
	hecArg("splunkd_name", "Name of splunkd", "string", "name", "", "The name that splunkd's certificate must have. Without it, that of Splunk's own certificates or of this machine."),
}

func hecArg(name, title, kind, form, value, text string) arg {
	return arg{
		name: name, title: title, kind: kind, form: form, value: value, text: text,
		set: func(c *Config, v string) error { return c.HEC.Set(name, v) },
	}
}

var indexName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// parseBool reads a boolean as Splunk writes it.
func parseBool(name, v string) (bool, error) {
	switch strings.ToLower(v) {
	case "1", "true", "t", "yes", "y", "on":
		return true, nil
	case "0", "false", "f", "no", "n", "off":
		return false, nil
	}
	return false, fmt.Errorf("%s is %q: write true or false", name, v)
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
		Title:      "NetFlow, IPFIX and sFlow (weir)",
		Text:       schemeText,
		Validation: true,
		Mode:       "xml",
	}
	for _, a := range args {
		s.Args = append(s.Args, xmlArg{Name: a.name, Default: a.value, Title: a.title, Text: a.text, Check: a.check, Type: a.kind})
	}
	return writeDocument(w, s)
}

// spec returns inputs.conf.spec, which tells of the same arguments.
func spec() []byte {
	b := []byte("[weir://<name>]\n")
	b = appendNote(b, schemeText+" Each stanza is a process of its own.")
	for _, a := range args {
		b = fmt.Appendf(b, "\n%s = <%s>\n", a.name, a.form)
		b = appendNote(b, a.text)
		if a.value != "" {
			b = fmt.Appendf(b, "* Default: %s\n", a.value)
		}
	}
	return b
}

// appendNote appends text as a note of a spec file, in lines of 80 columns.
func appendNote(b []byte, text string) []byte {
	line := "*"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 79 {
			b = append(append(b, line...), '\n')
			line = " "
		}
		line += " " + word
	}
	return append(append(b, line...), '\n')
}

const schemeText = "Receives NetFlow, IPFIX and sFlow and indexes each flow record."

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
