package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a YAML file over the defaults.
func Load(path string) (Config, error) {
	c := Default()
	if err := Read(path, &c); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Read reads a YAML file over v, which points to a struct. A key that doesn't
// exist is an error, which names it and its line; so is a second document.
func Read(path string, v any) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	if err := read(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// mostText is how long a file of settings may be: a list of 100,000 networks has
// room. A device or a pipe may have no end.
const mostText = 16 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostText+1))
	if err == nil && len(text) > mostText {
		err = fmt.Errorf("read %s: it is longer than 16 MiB: is it a file of settings?", path)
	}
	return text, err
}

func read(text []byte, v any) error {
	keys := keysOf(reflect.ValueOf(v).Elem())
	d := yaml.NewDecoder(bytes.NewReader(text))
	var file, more yaml.Node
	if err := d.Decode(&file); err != nil && err != io.EOF { // EOF: nothing but comments
		return plain(err, keys)
	}
	switch err := d.Decode(&more); {
	case err == nil:
		return fmt.Errorf("line %d: another document: write all into one, without --- between", more.Line)
	case err != io.EOF:
		return plain(err, keys)
	}
	if wrong := checkMap(&file, "the file", keys); len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	d = yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && err != io.EOF {
		return plain(err, keys)
	}
	return nil
}

// checkMap says what is wrong with the keys of n, which is to be the map called
// name, and with those below it.
func checkMap(n *yaml.Node, name string, keys []key) (wrong []string) {
	switch n = target(n); {
	case n.Kind == 0 || n.Tag == "!!null":
		return nil
	case n.Kind != yaml.MappingNode:
		return []string{fmt.Sprintf("line %d: %s is a map: write its keys, as %s: …", n.Line, name, keys[0].name)}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at, value := n.Content[i], n.Content[i+1]
		k := find(keys, at.Value)
		switch {
		case at.Tag == "!!merge":
		case k == nil:
			wrong = append(wrong, fmt.Sprintf("line %d: unknown key %q%s", at.Line, at.Value, meant(at.Value, names(keys))))
		case k.keys != nil:
			wrong = append(wrong, checkMap(value, k.name, k.keys)...)
		case k.each != nil:
			wrong = append(wrong, checkList(value, k)...)
		}
	}
	return wrong
}

// checkList does so for a list. Elements that are no map have other forms.
func checkList(n *yaml.Node, k *key) (wrong []string) {
	switch n = target(n); {
	case n.Tag == "!!null":
		return nil
	case n.Kind != yaml.SequenceNode:
		return []string{fmt.Sprintf("line %d: %s is a list: write each behind a dash, as - %s: …", n.Line, k.name, k.each[0].name)}
	}
	for _, x := range n.Content {
		if x = target(x); x.Kind != yaml.MappingNode {
			continue
		}
		keys := k.each
		if k.kinds != nil {
			more, ok := k.kinds[kindOf(x)]
			if !ok {
				continue // who reads it says so
			}
			keys = slices.Concat(keys, more)
		}
		wrong = append(wrong, checkMap(x, k.name, keys)...)
	}
	return wrong
}

// kindOf returns the value of the key type.
func kindOf(n *yaml.Node) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// target is what n stands for.
func target(n *yaml.Node) *yaml.Node {
	switch {
	case n.Kind == yaml.DocumentNode:
		return target(n.Content[0])
	case n.Kind == yaml.AliasNode:
		return n.Alias
	}
	return n
}

var (
	unknownField = regexp.MustCompile(`^(line \d+): field (\S+) not found in type \S+$`)
	wrongType    = regexp.MustCompile("^(line \\d+): cannot unmarshal !!(\\S+)(?: `(.*)`)? into (\\S+)$")
)

// plain says in an operator's words what the YAML package says in Go's; keys are
// those of what was read.
func plain(err error, keys []key) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []string
	for _, e := range te.Errors {
		if m := unknownField.FindStringSubmatch(e); m != nil {
			e = fmt.Sprintf("%s: unknown key %q", m[1], m[2])
		} else if m := wrongType.FindStringSubmatch(e); m != nil {
			is := map[string]string{"map": "a map", "seq": "a list"}[m[2]]
			if is == "" {
				is = strconv.Quote(m[3])
			}
			e = fmt.Sprintf("%s: %s stands where %s belongs", m[1], is, wanted(typeNamed(keys, m[4]), m[4]))
		}
		all = append(all, e)
	}
	return errors.New(strings.Join(all, "; "))
}

// typeNamed returns the type of a value, or of an element, that Go calls name; nil
// if there is none.
func typeNamed(keys []key, name string) reflect.Type {
	for _, k := range keys {
		for t := k.value.Type(); ; t = t.Elem() {
			if t.String() == name {
				return t
			}
			if t.Kind() != reflect.Slice {
				break
			}
		}
		for _, below := range append(slices.Collect(maps.Values(k.kinds)), k.keys, k.each) {
			if t := typeNamed(below, name); t != nil {
				return t
			}
		}
	}
	return nil
}

// wanted says what a value of a type is in the file; t is nil for those that are
// no key's.
func wanted(t reflect.Type, name string) string {
	switch {
	case name == "time.Duration":
		return "a duration, as 500ms,"
	case t != nil && isText(t):
		return "a single value"
	case strings.HasPrefix(name, "[]") || t != nil && t.Kind() == reflect.Slice:
		return "a list"
	case t != nil && t.Kind() == reflect.Struct:
		return "a map"
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "int") || strings.HasPrefix(name, "uint"):
		return "a whole number"
	case strings.HasPrefix(name, "float"):
		return "a number"
	}
	return "a single value"
}
