package main

import (
	"encoding/json"
	"maps"
	"slices"
)

// appendJSON appends v with its keys in order: an object of scalars on one line,
// all else indented.
func appendJSON(dst []byte, v any, indent string) []byte {
	o, isObject := v.(object)
	list, isList := v.([]any)
	if !isObject && !isList {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return append(dst, text...)
	}
	sep, end := ", ", ""
	deeper := indent + "  "
	if !isFlat(slices.Collect(maps.Values(o))) || !isFlat(list) {
		sep, end = ",\n"+deeper, "\n"+indent
	}
	closing := byte('}')
	if isList {
		dst, closing = append(dst, '['), ']'
	} else {
		dst = append(dst, '{')
	}
	lead := sep[1:] // without the comma
	if end == "" {
		lead = ""
	}
	next := func() {
		dst = append(dst, lead...)
		lead = sep
	}
	for _, v := range list {
		next()
		dst = appendJSON(dst, v, deeper)
	}
	for _, k := range slices.Sorted(maps.Keys(o)) {
		next()
		key, _ := json.Marshal(k)
		dst = appendJSON(append(append(dst, key...), ": "...), o[k], deeper)
	}
	return append(append(dst, end...), closing)
}

// isFlat tells whether all of vs are scalars.
func isFlat(vs []any) bool {
	return !slices.ContainsFunc(vs, func(v any) bool {
		switch v := v.(type) {
		case object:
			return len(v) > 0
		case []any:
			return true
		}
		return false
	})
}
