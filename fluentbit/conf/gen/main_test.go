package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

const path = "../index-template.json"

// shipped reads the template as it is shipped: its mapped fields by their dotted
// names, and the whole of it.
func shipped(t *testing.T) (map[string]object, object) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var whole object
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	fields := map[string]object{}
	mappings := whole["template"].(object)["mappings"].(object)
	collect(t, fields, "", mappings["properties"].(object))
	return fields, whole
}

// collect checks that each object of properties is either a field, with a type,
// or has properties, and gathers the fields.
func collect(t *testing.T, fields map[string]object, prefix string, properties object) {
	t.Helper()
	if len(properties) == 0 {
		t.Errorf("%s has no properties", prefix)
	}
	for name, v := range properties {
		o, ok := v.(object)
		if !ok || strings.Contains(name, ".") {
			t.Fatalf("%s%s is %v", prefix, name, v)
		}
		inner, isObject := o["properties"]
		typ, isField := o["type"].(string)
		switch {
		case isObject == isField || isObject && len(o) != 1:
			t.Errorf("%s%s is neither a field nor an object: %v", prefix, name, o)
		case isObject:
			collect(t, fields, prefix+name+".", inner.(object))
		case typ == "":
			t.Errorf("%s%s has no type", prefix, name)
		default:
			fields[prefix+name] = o
		}
	}
}

func TestIsGenerated(t *testing.T) {
	v, err := template()
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != string(appendJSON(nil, v, ""))+"\n" {
		t.Error("index-template.json is out of date: make generate")
	}
}

// Every name that the struct of columns gives is mapped, as its Go type asks for.
func TestColumns(t *testing.T) {
	fields, _ := shipped(t)
	columns := 0
	for f := range reflect.TypeFor[flow.Flow]().Fields() {
		ies, ok := f.Tag.Lookup("ie")
		if !ok || ies == "-" {
			continue
		}
		columns++
		want := map[reflect.Type]string{
			reflect.TypeFor[uint8]():     "integer",
			reflect.TypeFor[uint16]():    "integer",
			reflect.TypeFor[uint32]():    "long",
			reflect.TypeFor[uint64]():    "long",
			reflect.TypeFor[int64]():     "date",
			reflect.TypeFor[flow.Addr](): "ip",
			reflect.TypeFor[flow.MAC]():  "keyword",
			reflect.TypeFor[flow.Str]():  "keyword",
			reflect.TypeFor[flow.Name](): "keyword",
		}[f.Type]
		if f.Tag.Get("as") == "app" { // engine:selector
			want = "keyword"
		}
		names := f.Tag.Get("ecs")
		if names == "" {
			x, ok := flow.FieldByName(f.Name)
			if !ok {
				t.Fatalf("no column %s", f.Name)
			}
			names = flow.Fields[x].ECS[0].Name
		}
		for name := range strings.SplitSeq(names, ",") {
			name, form, hasForm := strings.Cut(name, ":")
			typ := want
			if hasForm { // all forms are words
				typ = "keyword"
			}
			if got := fields[name]["type"]; got != typ {
				t.Errorf("%s: %s (%s) is mapped as %v, want %s", f.Name, name, form, got, typ)
			}
		}
	}
	if columns != flow.NumFields {
		t.Errorf("%d columns, want %d", columns, flow.NumFields)
	}
}

// Every value that the encoder writes is one that its field takes.
func TestValues(t *testing.T) {
	fields, _ := shipped(t)
	var every flow.Set
	for x := range flow.Fields {
		every.Add(flow.Field(x))
	}
	seen := map[string]any{}
	for _, ipv6 := range []bool{false, true} {
		for name, v := range record(every, ipv6) {
			seen[name] = v
		}
	}
	for x := range flow.Fields {
		for name, v := range record(flow.SetOf(flow.Field(x)), false) {
			seen[name] = v
		}
	}
	for name, v := range seen {
		text, isText := v.(string)
		var err error
		switch typ := fields[name]["type"]; typ {
		case "date":
			_, err = time.Parse(time.RFC3339Nano, text)
		case "ip":
			_, err = netip.ParseAddr(text)
		case "keyword", "constant_keyword":
			if !isText {
				t.Errorf("%s is a %v, and %v", name, typ, v)
			}
		case "integer", "long":
			if isText {
				t.Errorf("%s is a %v, and %v", name, typ, v)
			}
		default:
			t.Errorf("%s is written, and mapped as %v", name, typ)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"network.direction", "netflow.flow_direction", "netflow.source_ipv6_prefix_length", "observer.ip"} {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s was not written", name)
		}
	}
}

// What is not a column.
func TestFixed(t *testing.T) {
	fields, whole := shipped(t)
	for name, want := range fixed {
		if fields[name]["type"] != want["type"] {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	for _, name := range []string{"sub_template_multi_list", "extended_gateway", "output_interface", "counters.host_cpu"} {
		if got := fields["netflow."+name]["type"]; got != "object" {
			t.Errorf("netflow.%s is %v", name, got)
		}
	}
	for name, m := range fields {
		switch m["type"] {
		case "ip", "long", "integer", "double", "keyword", "constant_keyword", "date", "geo_point", "object":
		default:
			t.Errorf("%s is %v", name, m)
		}
	}
	settings := whole["template"].(object)["settings"].(object)["index"].(object)
	if limit := settings["mapping"].(object)["total_fields"].(object)["limit"].(float64); limit < 2*float64(len(fields)) {
		t.Errorf("%d fields are mapped, of %v", len(fields), limit)
	}
}

// What no mapping names gets the type of the first dynamic template that fits.
func TestDynamic(t *testing.T) {
	_, whole := shipped(t)
	templates := whole["template"].(object)["mappings"].(object)["dynamic_templates"].([]any)
	patterns := map[string]*regexp.Regexp{}
	for _, v := range templates {
		for _, v := range v.(object) {
			if p, ok := v.(object)["match"].(string); ok {
				patterns[p] = regexp.MustCompile(p)
			}
		}
	}
	typeOf := func(name, json string) any {
		for _, v := range templates {
			for _, v := range v.(object) {
				d := v.(object)
				if p, ok := d["match"].(string); ok && !patterns[p].MatchString(name) {
					continue
				}
				if d["match_mapping_type"] == json {
					return d["mapping"].(object)["type"]
				}
			}
		}
		return nil
	}
	f := func(name, json, want string) {
		t.Helper()
		if got := typeOf(name, json); got != want {
			t.Errorf("%s, a %s, becomes %v, want %s", name, json, got, want)
		}
	}
	f("mpls_top_label_ipv4_address", "string", "ip")
	f("exporter_ipv6_address_2", "string", "ip")
	f("system_init_time_milliseconds", "string", "date")
	f("sampling_probability", "long", "double")
	f("sampling_probability", "double", "double")
	f("load_one", "long", "double")
	f("9_12345", "string", "keyword")
	f("application_description", "string", "keyword")
	f("sampler_random_interval", "long", "long")
	f("anything", "double", "double")
	for e := range ie.All() {
		for name := range extra(flow.Element{PEN: e.PEN, ID: e.ID}) {
			name := strings.TrimPrefix(name, "netflow.")
			address := e.Type == ie.IPv4Address || e.Type == ie.IPv6Address
			if typ := typeOf(name, "string"); typ == "ip" && !address || e.PEN == 0 && e.ID < 1<<15 && address && typ != "ip" {
				t.Errorf("%s, element %d of enterprise %d, becomes %v", name, e.ID, e.PEN, typ)
			}
		}
	}
}

func TestNestRefuses(t *testing.T) {
	if v, err := nest(map[string]object{"a.b": keyword, "a.b.c": keyword}); err == nil {
		t.Errorf("no error: %v", v)
	}
	all := map[string]object{"a": keyword}
	if err := add(all, "a", of("ip")); err == nil {
		t.Error("one name has two types")
	}
}
