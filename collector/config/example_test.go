package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The example holds the defaults, and says what each key means.
func TestExample(t *testing.T) {
	text := string(Example(Default()))
	c, err := Load(write(t, text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got, err := yaml.Marshal(c) // in which an empty list is as good as none
	if err != nil {
		t.Fatal(err)
	}
	want, err := yaml.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, k := range allNames(keysOf(reflect.ValueOf(Default()))) {
		if !regexp.MustCompile(`(?m)^[ #]*` + k + `(:|$)`).MatchString(text) {
			t.Errorf("key %q is not in the example", k)
		}
	}
	for _, line := range []string{
		`listen: [':2055', ':4739', ':6343']`,
		"  # octets that the kernel may hold for a socket (SO_RCVBUF); 0: its default\n  buffer: 32MiB\n",
		"  template_timeout: 24h\n",
		"  # template_timeout is how long after",
		"#   workers: at most so many share the work",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
}

// Every package of a struct in the file is one whose comments are collected.
func TestDocs(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for f := range typ.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key == "" || key == "-" {
				continue
			}
			if _, ok := docs[typ.String()+"."+f.Name]; !ok {
				t.Errorf("%s.%s is not in zdocs.go: add its package to key.go, and run go generate", typ, f.Name)
			}
			x := f.Type
			if x.Kind() == reflect.Slice {
				x = x.Elem()
			}
			if isMap(x) {
				walk(x)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// The schema takes what Load takes, and refuses what is misspelt.
func TestSchema(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(Schema(Default()), &s); err != nil {
		t.Fatal(err)
	}
	f := func(text, want string) {
		t.Helper()
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if got := violation(s, v, ""); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	f(string(Example(Default())), "")
	f("listen:\n  - :2055\n  - address: tls://:4740\n    allow: [192.0.2.0/24]\n    tls: {cert: a, key: b}\nsource: {buffer: 1000000}", "")
	f("pipeline: {flush: 1m30s, overflow: block}", "")
	f("lissen: [':1']", "/lissen")
	f("source: {bufer: 1}", "/source/bufer")
	f("pipeline: {flush: soon}", "/pipeline/flush")
	f("pipeline: {overflow: drop}", "/pipeline/overflow")
	f("pipeline: {batch: many}", "/pipeline/batch")
	f("listen: [{address: ':1', protokol: sflow}]", "/listen")
}

// violation returns where v breaks a schema. It knows the keywords that Schema
// writes.
func violation(s map[string]any, v any, at string) string {
	if of, ok := s["anyOf"].([]any); ok {
		if !slices.ContainsFunc(of, func(x any) bool { return violation(x.(map[string]any), v, at) == "" }) {
			return at
		}
		return ""
	}
	if values, ok := s["enum"].([]any); ok && !slices.Contains(values, v) {
		return at
	}
	types, _ := s["type"].([]any)
	if one, ok := s["type"].(string); ok {
		types = []any{one}
	}
	typ := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean", reflect.Slice: "array", reflect.Map: "object"}[reflect.ValueOf(v).Kind()]
	if len(types) > 0 && !slices.Contains(types, any(typ)) {
		return at
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v.(string)) {
		return at
	}
	if m, ok := v.(map[string]any); ok {
		properties := s["properties"].(map[string]any)
		for k, x := range m {
			p, ok := properties[k].(map[string]any)
			if !ok {
				return at + "/" + k
			}
			if bad := violation(p, x, at+"/"+k); bad != "" {
				return bad
			}
		}
	}
	if l, ok := v.([]any); ok {
		for _, x := range l {
			if violation(s["items"].(map[string]any), x, at) != "" {
				return at
			}
		}
	}
	return ""
}
