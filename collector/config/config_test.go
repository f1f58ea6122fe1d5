package config

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/enrich"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	c, err := Load(write(t, `
listen: [":9995", "udp://127.0.0.1:4739"]
source:
  buffer: 16MiB
pipeline:
  flush: 20ms
  overflow: block
limits:
  exporters: 10
  template_timeout: 90m
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen = source.Listens{{Address: ":9995"}, {Address: "udp://127.0.0.1:4739"}}
	want.Source.Buffer = 16 << 20
	want.Pipeline.Flush = 20 * time.Millisecond
	want.Pipeline.Overflow = pipeline.Block
	want.Limits.Sessions = 10
	want.Limits.Timeout = 90 * time.Minute
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for _, text := range []string{"", "# nothing\n"} {
		if c, err := Load(write(t, text)); err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("file %q: got %+v, %v, want the defaults", text, c, err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Load(write(t, text))
		for _, w := range append(want, "weir.yaml: ") {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%q: got error %v, want one with %q", text, err, w)
			}
		}
	}
	f("lissen: [':1']", `line 1: unknown key "lissen": did you mean "listen"?`)
	f("source:\n  bufer: 1", `line 2: unknown key "bufer": did you mean "buffer"?`)
	f("kafka: {}", `unknown key "kafka": the keys are listen, source, pipeline, enrich, limits, data, elements`)
	f("source: {idle: 1s}", `line 1: unknown key "idle": the keys are buffer, `)
	f("limits:\n  colour: red\n  shape: round", `line 2: unknown key "colour": the keys are `, `; line 3: unknown key "shape"`)
	f("source: yes", `line 1: source is a map: write its keys, as buffer: …`)
	f("just text", `line 1: the file is a map: write its keys, as listen: …`)
	f("- a", `line 1: the file is a map: write its keys, as listen: …`)
	f("listen: ':2055'", `line 1: listen is a list: write each behind a dash, as - address: …`)
	f("pipeline:\n  batch: many", `line 2: "many" stands where a whole number belongs`)
	f("pipeline:\n  batch: [1]", `line 2: a list stands where a whole number belongs`)
	f("pipeline:\n  flush: soon", `line 2: "soon" stands where a duration, as 500ms, belongs`)
	f("source:\n  buffer: {a: b}", `line 2: a map stands where a single value belongs`)
	f("enrich: {ports: perhaps}", `line 1: "perhaps" stands where true or false belongs`)
	f("enrich: {home: 10.0.0.0/8}", `line 1: "10.0.0.0/8" stands where a list belongs`)
	f("elements: {a: b}", `line 1: a map stands where a list belongs`)
	f("enrich:\n  networks:\n  - {prefix: 10.0.0.0/8, name: [x]}", `line 3: name: write a single value`)
	f("listen:\n- {address: ':1', tls: {cart: x}}", `line 2: unknown key "cart": did you mean "cert"?`)
	f("source:\n  buffer: lots", `size "lots" is not understood`, "8MiB")
	f("pipeline:\n  flush: soon", "line 2", "soon")
	f("pipeline:\n  overflow: drop", `overflow is "drop": write drop-oldest, block or spill`)
	f("pipeline:\n  batch: 0", "pipeline: batch is 0: write a number")
	f("enrich:\n  polls: 5s", `line 2: unknown key "polls": did you mean "poll"?`)
	f("enrich:\n  exporters:\n  - {addres: 192.0.2.1}", `line 3: unknown key "addres": did you mean "address"?`)
	f("enrich:\n  networks:\n  - {name: x}", "enrich: line 3: a network has no prefix")
	f("limits:\n  templates: -1", "limits: templates is -1: write a number")
	f("limits:\n  octets: -1", "limits: octets is -1: write a number")
	f("limits:\n  template_timeout: 5s", "limits: template_timeout is 5s: write a duration of 1m or more")
	f("listen: []", "listen is empty: write at least one address")
	f("listen: ['2055']", `"2055" is not understood: write host:port`)
	f("listen: [':2055', 'udp://:2055']", "listen has :2055 twice")
	f("listen: [':2055', 'udp://0.0.0.0:2055']", "listen has 0.0.0.0:2055 twice")
	f("listen: ['[::]:2055', ':2055']", "listen has :2055 twice")
	f("listen: ['192.0.2.1:2055', '[::ffff:192.0.2.1]:2055']", "twice")
	f("listen: ['tcp://:4740', 'tls://0.0.0.0:4740?cert=a&key=b']", "listen has 0.0.0.0:4740 twice")
	f("listen: [", "line 1")
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !os.IsNotExist(err) {
		t.Errorf("no file: got %v", err)
	}
}

func TestSet(t *testing.T) {
	c := Default()
	for _, kv := range [][2]string{
		{"Listeners", " :9995, udp://127.0.0.1:4739 ,"}, {"buffer", "1MiB"}, {"batch", "64"}, {"flush", "1s"},
		{"QUEUE", "8"}, {"overflow", "block"}, {"drain", "2s"}, {"exporters", "5"}, {"templates", "6"}, {"template_timeout", "-1s"},
	} {
		if err := c.Set(kv[0], kv[1]); err != nil {
			t.Errorf("%s: %v", kv[0], err)
		}
	}
	want := Default()
	want.Listen = source.Listens{{Address: ":9995"}, {Address: "udp://127.0.0.1:4739"}}
	want.Source.Buffer = 1 << 20
	want.Pipeline = pipeline.Config{Batch: 64, Flush: time.Second, Queue: 8, Overflow: pipeline.Block, Drain: 2 * time.Second, Accounts: pipeline.Default().Accounts}
	want.Limits.Sessions, want.Limits.Templates, want.Limits.Timeout = 5, 6, -time.Second
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}

	f := func(key, value, want string) {
		t.Helper()
		if err := new(Config).Set(key, value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s=%q: got error %v, want one with %q", key, value, err, want)
		}
	}
	f("listner", ":1", `unknown key "listner": did you mean "listeners"?`)
	f("colour", "red", `unknown key "colour": the keys are listeners, buffer`)
	f("batch", "many", `batch: "many" is not a whole number`)
	f("flush", "100", `flush: "100" is not a duration: write a number with a unit`)
	f("buffer", "8 MiBs", "buffer: size")
}

// allNames are those of keys and of all below them.
func allNames(keys []key) (all []string) {
	for _, k := range keys {
		all = append(all, k.name)
		all = append(append(all, allNames(k.keys)...), allNames(k.each)...)
	}
	return all
}

// Every property is a key of the file: its doc names it.
func TestPropertiesAreKeys(t *testing.T) {
	keys := map[string]bool{}
	for _, k := range allNames(keysOf(reflect.ValueOf(Default()))) {
		keys[k] = true
	}
	for _, p := range properties {
		path, _, _ := strings.Cut(p.doc, ":")
		for part := range strings.SplitSeq(path, ".") {
			if !keys[part] {
				t.Errorf("property %s is %s, and %s is no key of the file", p.name, path, part)
			}
		}
	}
}

type counter struct {
	flows  chan int
	closed bool
}

func (c *counter) Write(_ context.Context, b *flow.Batch) error { c.flows <- len(b.Flows); return nil }
func (c *counter) Close() error                                 { c.closed = true; return nil }

func TestStart(t *testing.T) {
	c := Default()
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}, {Address: "udp://127.0.0.1:0"}}
	c.Pipeline.Flush = 5 * time.Millisecond
	sink := &counter{flows: make(chan int, 10)}
	r, err := c.Start(sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	v5 := make([]byte, 24+48)
	v5[1], v5[3] = 5, 1
	for _, a := range r.Addrs() {
		conn, err := net.Dial("udp", a.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(v5); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-sink.flows:
			if n != 1 {
				t.Errorf("sink got %d flows, want 1", n)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("nothing came through %s", a)
		}
	}
	for range 2 {
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.Stats(); !sink.closed || s.Flows != 2 || s.Written != 2 {
		t.Errorf("sink closed: %t; %+v", sink.closed, s)
	}
}

// What exporters tell of themselves is in the flows that come out.
func TestStartEnriches(t *testing.T) {
	c := Default()
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.Pipeline.Flush = 5 * time.Millisecond
	var loopback enrich.Prefix
	if err := loopback.UnmarshalText([]byte("127.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	c.Enrich.Exporters = []enrich.Exporter{{Address: loopback, Name: "here"}}
	got := make(chan string, 1)
	r, err := c.Start(namesSink(got), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop(context.Background())
	conn, err := net.Dial("udp", r.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fields := []flowtest.Field{flowtest.F(0, 10, 4)}
	options := []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 82, 4)}
	if _, err := conn.Write(flowtest.Packet(10, 7, flowtest.Template(10, 300, fields), flowtest.Set(300, []byte{0, 0, 0, 3}),
		flowtest.OptionsTemplate(10, 301, 1, options), flowtest.Set(301, []byte("\x00\x00\x00\x03eth3")))); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-got:
		if s != "here eth3" {
			t.Errorf("got %q, want here eth3", s)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
	}
	if n := r.Enrich().Stats().Flows; n != 1 {
		t.Errorf("%d flows counted", n)
	}
}

// namesSink tells the names of the exporter and the interface of each flow.
type namesSink chan string

func (s namesSink) Write(_ context.Context, b *flow.Batch) error {
	for i := range b.Flows {
		f := &b.Flows[i]
		s <- string(b.Strings.Get(flow.Str(f.ExporterName))) + " " + string(b.Strings.Get(flow.Str(f.InIfName)))
	}
	return nil
}
func (s namesSink) Close() error { return nil }

// A listener that can't be opened leaves none open.
func TestStartFails(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	spare, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := spare.LocalAddr().String()
	spare.Close()

	c := Default()
	c.Listen = source.Listens{{Address: free}, {Address: taken.LocalAddr().String()}}
	if _, err := c.Start(&counter{}, nil); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Fatalf("got error %v", err)
	}
	again, err := net.ListenPacket("udp", free)
	if err != nil {
		t.Fatalf("the first listener was left open: %v", err)
	}
	again.Close()
}

func TestLoadListen(t *testing.T) {
	c, err := Load(write(t, `
listen:
  - udp://:6343?protocol=sflow
  - address: ":2055"
    protocol: netflow
    workers: 3
    allow: [192.0.2.0/24, 2001:db8::1]
    deny: [192.0.2.9]
`))
	if err != nil {
		t.Fatal(err)
	}
	want, err := source.ParseListens("udp://:6343?protocol=sflow", ":2055?protocol=netflow&workers=3&allow=192.0.2.0/24,2001:db8::1&deny=192.0.2.9")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Listen, want) {
		t.Errorf("got %+v, want %+v", c.Listen, want)
	}
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Load(write(t, text))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%q: got error %v, want one with %q", text, err, w)
			}
		}
	}
	f("listen:\n  - address: ':1'\n    protokol: sflow", `line 3: unknown key "protokol": did you mean "protocol"?`)
	f("listen:\n  - address: ':1'\n    protocol: sflo", `protocol "sflo" is not known: write auto`)
	f("listen:\n  - address: ':1'\n    deny: [10.0.0.0/40]", `"10.0.0.0/40" is not a network`)
	f("listen:\n  - ':1?protocol=sflo'", `protocol "sflo" is not known`)
}
