package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
)

// Schema returns a JSON Schema of the file that is read into a struct, by which
// editors complete and check it. What values may be together only Validate
// knows.
func Schema(defaults any) []byte {
	root := object(keysOf(reflect.ValueOf(defaults)))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "weir"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: schema: " + err.Error())
	}
	return append(out, '\n')
}

// A schema is JSON Schema's keywords.
type schema map[string]any

// object is the schema of a map.
func object(keys []key) schema {
	properties := schema{}
	for _, k := range keys {
		s := k.schema()
		if k.doc != "" {
			s["description"] = k.doc
		}
		properties[k.name] = s
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func (k key) schema() schema {
	switch {
	case k.keys != nil:
		return object(k.keys)
	case k.each != nil:
		items := object(k.each)
		if k.value.Type().Elem() == reflect.TypeFor[source.Listen]() { // has a short form
			items = schema{"anyOf": []schema{{"type": "string"}, items}}
		}
		if k.kinds != nil {
			items = k.ofKinds()
		}
		return schema{"type": "array", "items": items}
	}
	return ofType(k.value.Type())
}

// ofKinds is the schema of an element, which is of one of the types.
func (k key) ofKinds() schema {
	var all []schema
	for _, kind := range slices.Sorted(maps.Keys(k.kinds)) {
		s := object(slices.Concat(k.each, k.kinds[kind]))
		s["properties"].(schema)["type"] = schema{"const": kind}
		s["required"] = []string{"type"}
		all = append(all, s)
	}
	return schema{"anyOf": all}
}

// ofType is the schema of a value that is no map.
func ofType(t reflect.Type) schema {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return schema{"type": "string", "pattern": `^-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`}
	case t == reflect.TypeFor[pipeline.Overflow]():
		return schema{"enum": []pipeline.Overflow{pipeline.DropOldest, pipeline.Block, pipeline.Spill}}
	case isText(t):
		return schema{"type": []string{"string", "integer"}}
	}
	switch t.Kind() {
	case reflect.Slice:
		return schema{"type": "array", "items": ofType(t.Elem())}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return schema{"type": "integer", "minimum": 0}
	}
	panic("config: no schema for " + t.String())
}
