package sink

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flowtest"
)

// read decodes text as the key sinks of a file, whose unknown keys are errors.
func read(text string) (List, error) {
	var file struct {
		Sinks List `yaml:"sinks"`
	}
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(&file)
	return file.Sinks, err
}

func TestList(t *testing.T) {
	l, err := read(`sinks:
- type: file
  path: /tmp/%Y.jsonl
  every: 8760h
  size: 1GiB
  filter: proto tcp
  queue: {size: 16, overflow: spill, disk: 4GiB}
- type: stdout
  profile: flat
- name: logs
  type: forward
  servers: [tls://a, 'unix:///run/b']
  tls: {name: a.example.net}
  timeout: 5s
- type: file
  path: /tmp/all
`)
	if err != nil {
		t.Fatal(err)
	}
	file, out, fwd, all := DefaultFile(), DefaultFile(), DefaultForward(), DefaultFile()
	file.Path, file.Every, file.Size = "/tmp/%Y.jsonl", 8760*time.Hour, 1<<30
	out.Path, out.Profile = "-", "flat"
	fwd.Servers, fwd.TLS.Name, fwd.Timeout = []string{"tls://a", "unix:///run/b"}, "a.example.net", 5*time.Second
	all.Path = "/tmp/all"
	want := List{
		{Name: "file", Type: "file", Filter: "proto tcp", Queue: Queue{16, pipeline.Spill, 4 << 30}, Config: &file},
		{Name: "stdout", Type: "stdout", Config: &out},
		{Name: "logs", Type: "forward", Config: &fwd},
		{Name: "file-2", Type: "file", Config: &all},
	}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("got  %+v\nwant %+v", l, want)
	}
	if err := l.Validate(); err != nil {
		t.Error(err)
	}
}

// Errors name the line, and what is wrong there.
func TestListErrors(t *testing.T) {
	bad := func(text string, want ...string) {
		t.Helper()
		_, err := read(text)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("error %v, want %q", err, w)
			}
		}
	}
	bad("sinks: file", "line 1: sinks is a list")
	bad("sinks:\n- file", "line 2: a sink is a map")
	bad("sinks:\n- path: x", `line 2: type of a sink is ""`, "file, forward, stdout")
	bad("sinks:\n- type: fil", `line 2: type of a sink is "fil"`)
	bad("sinks:\n- type: file\n  path: x\n  every: soon", "line 4", "soon")
	bad("sinks:\n- type: file\n  path: x\n  size: lots", "size \"lots\" is not understood")
	bad("sinks:\n- type: file", "line 2: file: path is empty")
	bad("sinks:\n- type: file\n  path: x\n  filter: prot tcp", "line 2: filter: column 1", "^^^^")
	bad("sinks:\n- type: file\n  path: x\n  queue: {overflow: spill}", "write disk too")
	bad("sinks:\n- type: file\n  path: x\n  queue: {size: -1}", "queue: size is -1")
	for _, name := range []string{"../../etc", "a/b", `a\b`, "..", ".a", "a b", "naïve", "a\n", strings.Repeat("x", 65)} {
		bad(fmt.Sprintf("sinks:\n- {type: file, path: x, name: %q}", name), "line 2: name of a sink is", "write up to 64 letters, digits")
	}
}

func TestListValidate(t *testing.T) {
	for _, name := range []string{"a", "Logs-2_b.x", strings.Repeat("x", 64)} {
		if _, err := read("sinks:\n- {type: file, path: x, name: " + name + "}"); err != nil {
			t.Errorf("name %s: %v", name, err)
		}
	}
	l, err := read("sinks:\n- {type: file, path: a, name: x}\n- {type: file, path: b, name: x}")
	if err == nil {
		err = l.Validate()
	}
	if err == nil || !strings.Contains(err.Error(), `two sinks are named "x"`) {
		t.Errorf("error %v", err)
	}
	l, err = read("sinks:\n- {type: file, path: a}\n- {type: file, path: a}")
	if err == nil {
		err = l.Validate()
	}
	if err == nil || !strings.Contains(err.Error(), `sinks file and file-2 have one path, "a"`) {
		t.Errorf("error %v", err)
	}
}

// A source of one datagram.
type single struct{ all []decode.Datagram }

func (o *single) Read(_ context.Context, dst []decode.Datagram) (int, error) {
	n := copy(dst, o.all)
	if o.all = nil; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (o *single) Close() error { return nil }

// Each sink of a pipeline gets what its filter lets through.
func TestFilters(t *testing.T) {
	const n = 10
	d := flowtest.New(1).V5(n)
	for i := range n {
		binary.BigEndian.PutUint16(d[24+48*i+32:], uint16(i)) // source port
	}
	s := new(forwardServer).serve(t, "tcp")
	dir := t.TempDir()
	l, err := read("sinks:\n- {type: file, path: " + filepath.Join(dir, "x") + ", profile: flat, filter: src port 2 or src port 4}\n" +
		"- {type: forward, profile: flat, servers: ['" + s.url() + "'], filter: 'src port in [3 7 8]'}")
	if err != nil {
		t.Fatal(err)
	}
	deps := pipeline.Deps{Sources: []pipeline.Source{&single{[]decode.Datagram{{From: flowtest.From, Time: at, Data: d}}}}}
	for _, x := range l {
		o, err := Open(x, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		deps.Outputs = append(deps.Outputs, o)
	}
	p, err := pipeline.New(pipeline.Default(), deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string][]int{"x": {2, 4}})
	if got := ports(s.got()); !slices.Equal(got, []int{3, 7, 8}) || len(s.got()) != 1 {
		t.Errorf("ports %v", got)
	}
	for i, written := range []uint64{2, 3} {
		if o := p.Stats().Outputs[i]; o.Written != written || o.Filtered != n-written {
			t.Errorf("%+v", o)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	l, err := read("sinks:\n- {type: file, path: " + filepath.Join(dir, "f") + ", profile: flat, filter: src port 2, queue: {size: 3, overflow: block}}")
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(l[0], Deps{Queue: pipeline.Queue{Size: 9, Overflow: pipeline.DropOldest, Dir: "/d", Disk: 7}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (pipeline.Queue{Size: 3, Overflow: pipeline.Block, Dir: "/d", Disk: 7}); o.Name != "file" || o.Queue != want {
		t.Errorf("output %q with queue %+v", o.Name, o.Queue)
	}
	if err := o.Sink.Write(context.Background(), flows(1, 3)); err != nil {
		t.Fatal(err)
	}
	if err := o.Sink.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string][]int{"f": {1, 2, 3}}) // the filter is before it
	if got := o.Filter.Select(nil, flows(1, 3)); !slices.Equal(got, []uint32{1}) {
		t.Errorf("the filter lets %v through", got)
	}

	o, err = Open(Spec{Name: "f", Type: "forward", Config: &Forward{}}, Deps{})
	if err == nil || !strings.Contains(err.Error(), "sink f: servers is empty") || o.Sink != nil {
		t.Errorf("error %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := DefaultFile()
	c.Path = filepath.Join(dir, "d")
	if _, err = Open(Spec{Name: "g", Type: "file", Config: &c}, Deps{}); err == nil || !strings.Contains(err.Error(), "sink g: open "+c.Path) {
		t.Errorf("error %v", err)
	}
	c.Path = filepath.Join(dir, "h")
	if _, err = Open(Spec{Name: "h", Type: "file", Config: &c, Queue: Queue{Overflow: pipeline.Spill, Disk: 1}}, Deps{}); err == nil || !strings.Contains(err.Error(), "no data directory") {
		t.Errorf("error %v", err)
	}
}

// The examples in the README and in this package's page can be read.
func TestExamples(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, inReadme, _ := strings.Cut(string(readme), "```yaml\nsinks:")
	inReadme, _, _ = strings.Cut(inReadme, "```")
	_, inDoc, _ := strings.Cut(strings.ReplaceAll(string(doc), "\n//\t", "\n"), "\nsinks:")
	inDoc, _, _ = strings.Cut(inDoc, "\n//")
	for text, n := range map[string]int{inReadme: 3, inDoc: 2} {
		l, err := read("sinks:" + text)
		if err != nil || len(l) != n {
			t.Errorf("%d sinks, %v, in %s", len(l), err, text)
		}
		if err := l.Validate(); err != nil {
			t.Error(err)
		}
	}
}
