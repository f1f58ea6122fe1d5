package input

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// A tree is a record that is made by hand: there are few of them.
type tree struct {
	cfg *Config
	all map[string]any
}

// record begins one that says of itself what it is: kind is ECS's event.kind, name
// the value of type elsewhere, and weir_ and name that of event.action.
func (c *Config) record(kind, name string) tree {
	t := tree{c, map[string]any{}}
	if c.Schema != encode.ECS {
		t.all["type"] = name
		return t
	}
	t.set("event.kind", kind)
	t.set("event.category", []string{"network"})
	t.set("event.type", []string{"info"})
	t.set("event.action", "weir_"+name)
	t.set("input.type", "netflow")
	t.set("data_stream.dataset", "netflow.log")
	return t
}

// set puts v where the path says.
func (t tree) set(path string, v any) {
	m := t.all
	if t.cfg.Schema == encode.ECS && !t.cfg.Options.Dotted {
		parts := strings.Split(path, ".")
		for _, p := range parts[:len(parts)-1] {
			if _, ok := m[p].(map[string]any); !ok {
				m[p] = map[string]any{}
			}
			m = m[p].(map[string]any)
		}
		path = parts[len(parts)-1]
	}
	m[path] = v
}

// column puts v where the schema has a column.
func (t tree) column(x flow.Field, v any) { t.set(t.cfg.Schema.Name(x), v) }

// time puts a time there, as flows have it.
func (t tree) time(path string, ns int64) {
	switch t.cfg.Schema {
	case encode.Flat, encode.OTel:
		t.set(path, ns)
	default:
		t.set(path, time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
}

// appendEvent appends an event of Fluent Bit.
func (t tree) appendEvent(dst []byte, at time.Time, meta map[string]any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	e := msgpack.NewEncoder(buf)
	e.SetSortMapKeys(true)
	e.UseCompactInts(true)
	err := e.EncodeArrayLen(2)
	if err == nil {
		err = e.EncodeArrayLen(2)
	}
	if err == nil {
		err = e.EncodeExtHeader(0, 8)
	}
	if err != nil {
		return dst, fmt.Errorf("encode event: %w", err)
	}
	buf.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix())<<32|uint64(at.Nanosecond())))
	if err := e.Encode(meta); err != nil {
		return dst, fmt.Errorf("encode metadata: %w", err)
	}
	if err := e.Encode(t.all); err != nil {
		return dst, fmt.Errorf("encode record: %w", err)
	}
	return buf.Bytes(), nil
}
