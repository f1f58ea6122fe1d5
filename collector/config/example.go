package config

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Example returns a file with every key of a struct of defaults and what it
// means. To load it is to have the defaults.
func Example(defaults any) []byte {
	var b bytes.Buffer
	b.WriteString("# Configuration of weir: every key, with its default. What is left out has its\n" +
		"# default too. weir config check FILE tells what is wrong with a file.\n")
	writeKeys(&b, keysOf(reflect.ValueOf(defaults)), "")
	return b.Bytes()
}

func writeKeys(b *bytes.Buffer, keys []key, indent string) {
	for _, k := range keys {
		if indent == "" {
			b.WriteByte('\n')
		}
		writeDoc(b, k.doc, indent+"# ", "")
		if k.keys != nil {
			fmt.Fprintf(b, "%s%s:\n", indent, k.name)
			writeKeys(b, k.keys, indent+"  ")
			continue
		}
		if k.each != nil {
			fmt.Fprintf(b, "%s# The keys of each:\n", indent)
			writeEach(b, k.each, indent+"#   ")
			for _, kind := range slices.Sorted(maps.Keys(k.kinds)) {
				fmt.Fprintf(b, "%s# and with type: %s\n", indent, kind)
				writeEach(b, k.kinds[kind], indent+"#   ")
			}
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, k.name, text(k.value))
	}
}

// writeEach writes the keys of a list's elements as a comment, each with its
// default if it has one.
func writeEach(b *bytes.Buffer, keys []key, indent string) {
	for _, k := range keys {
		name := k.name
		if !k.value.IsZero() && k.keys == nil {
			name += " (" + text(k.value) + ")"
		}
		if k.doc != "" {
			name += ": "
		}
		writeDoc(b, name+k.doc, indent, "    ")
		writeEach(b, append(k.keys, k.each...), indent+"  ")
	}
}

// width is how wide comments may be.
const width = 100

// writeDoc writes a comment in lines; those after the first are indented by more.
func writeDoc(b *bytes.Buffer, doc, indent, more string) {
	line := ""
	for word := range strings.FieldsSeq(doc) {
		if line != "" && len(indent)+len(line)+1+len(word) > width {
			b.WriteString(indent + line + "\n")
			indent, line, more = indent+more, "", ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		b.WriteString(indent + line + "\n")
	}
}

// text returns a value as the file has it.
func text(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return short(d)
	}
	if v.Kind() == reflect.Slice && isMap(v.Type().Elem()) { // a list whose elements have a short form
		all := make([]string, v.Len())
		for i := range all {
			all[i] = fmt.Sprint(v.Index(i))
		}
		v = reflect.ValueOf(all)
	}
	if v.Kind() == reflect.Slice && v.Len() == 0 {
		return "[]"
	}
	var n yaml.Node
	if err := n.Encode(v.Interface()); err != nil {
		panic("config: " + v.Type().String() + " has no text: " + err.Error())
	}
	n.Style = yaml.FlowStyle
	out, err := yaml.Marshal(&n)
	if err != nil {
		panic("config: " + v.Type().String() + " has no text: " + err.Error())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// short leaves out the units that are 0: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if rest, ok := strings.CutSuffix(s, "m0s"); ok {
		s = rest + "m"
	}
	if rest, ok := strings.CutSuffix(s, "h0m"); ok {
		s = rest + "h"
	}
	return s
}
