package config

import (
	"encoding"
	"reflect"
	"strings"
)

//go:generate go run ./gen . ../source ../pipeline ../enrich ../sink ../api ../findings ../daemon ../../shared/template

// A key is one of the YAML file, as the structs declare it.
type key struct {
	name  string
	doc   string
	value reflect.Value    // the default
	keys  []key            // of a section
	each  []key            // of the elements of a list, where these are maps
	kinds map[string][]key // of an element, beside those, by its type
}

// A list whose elements are of several types has the defaults of each.
type kinder interface{ Kinds() map[string]any }

// keysOf returns the keys of a struct.
func keysOf(v reflect.Value) (all []key) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, how, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if how == "inline" {
			all = append(all, keysOf(v.Field(i))...)
		}
		if name == "-" || name == "" {
			continue
		}
		k := key{name: name, doc: docs[t.String()+"."+f.Name], value: v.Field(i)}
		if rest, ok := strings.CutPrefix(k.doc, f.Name+" "); ok {
			k.doc = name + " " + rest
		}
		switch {
		case isMap(f.Type):
			k.keys = keysOf(k.value)
			k.document(f.Type)
		case f.Type.Kind() == reflect.Slice && isMap(f.Type.Elem()):
			k.each = keysOf(reflect.Zero(f.Type.Elem()))
			k.document(f.Type.Elem())
			if l, ok := k.value.Interface().(kinder); ok {
				k.kinds = map[string][]key{}
				for name, defaults := range l.Kinds() {
					k.kinds[name] = keysOf(reflect.Indirect(reflect.ValueOf(defaults)))
				}
			}
		}
		all = append(all, k)
	}
	return all
}

// find returns the key of a name, nil if there is none.
func find(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func names(keys []key) (all []string) {
	for _, k := range keys {
		all = append(all, k.name)
	}
	return all
}

// document falls back on the type's comment.
func (k *key) document(t reflect.Type) {
	if k.doc == "" {
		k.doc = docs[t.String()]
	}
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// isText tells whether a type is read from a text.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// isMap tells whether a type is a map in the file.
func isMap(t reflect.Type) bool { return t.Kind() == reflect.Struct && !isText(t) }
