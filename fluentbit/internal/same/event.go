package same

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// An Event is one of Fluent Bit's, its record flattened: keys of inner maps
// behind those of outer ones, with a dot between. Values are texts, numbers as
// in JSON.
type Event struct {
	Time   time.Time
	Meta   map[string]any
	Record map[string]string
	Map    map[string]any // the record as it came
}

// Type says what the event is: flow, option, counter, stats or finding.
func (e *Event) Type() string {
	if t, ok := e.Record["type"]; ok {
		return strings.Trim(t, `"`)
	}
	switch t := strings.Trim(e.Record["event.action"], `"`); t {
	case "netflow_flow":
		return "flow"
	case "netflow_options":
		return "option"
	case "sflow_counters":
		return "counter"
	default:
		return strings.TrimPrefix(t, "weir_")
	}
}

// Of returns the events of a type.
func Of(kind string, all []Event) (some []Event) {
	for _, e := range all {
		if e.Type() == kind {
			some = append(some, e)
		}
	}
	return some
}

// Events decodes [[time, {metadata}], {record}] as often as it stands in data. An error
// comes with the events before it; io.ErrUnexpectedEOF says that the last event
// is not whole.
func Events(data []byte) (events []Event, err error) {
	d := msgpack.NewDecoder(bytes.NewReader(data))
	for {
		e, err := event(d)
		if errors.Is(err, io.EOF) && d.Buffered().(*bytes.Reader).Len() == 0 {
			return events, nil
		}
		if err != nil {
			return events, fmt.Errorf("event %d: %w", len(events), err)
		}
		events = append(events, e)
	}
}

// JSONEvents decodes what Fluent Bit's output stdout writes with the properties
// format json_lines and json_date_format iso8601.
func JSONEvents(data []byte) (events []Event, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		var record map[string]any
		if err := d.Decode(&record); errors.Is(err, io.EOF) {
			return events, nil
		} else if err != nil {
			return events, fmt.Errorf("event %d: %w", len(events), err)
		}
		at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(record["date"]))
		if err != nil {
			return events, fmt.Errorf("event %d: %w", len(events), err)
		}
		delete(record, "date")
		e := Event{Time: at, Record: map[string]string{}, Map: record}
		if m, ok := record["__internal__"].(map[string]any); ok { // so Fluent Bit writes metadata
			e.Meta, _ = m["log_metadata"].(map[string]any)
			delete(record, "__internal__")
		}
		if err := flatten(e.Record, "", record); err != nil {
			return events, fmt.Errorf("event %d: %w", len(events), err)
		}
		events = append(events, e)
	}
}

func event(d *msgpack.Decoder) (e Event, err error) {
	for range 2 {
		n, err := d.DecodeArrayLen()
		if err != nil {
			return e, err
		}
		if n != 2 {
			return e, fmt.Errorf("an array of %d where one of 2 must be", n)
		}
	}
	id, size, err := d.DecodeExtHeader()
	if err != nil {
		return e, err
	}
	if id != 0 || size != 8 {
		return e, fmt.Errorf("extension %d of %d octets is no time", id, size)
	}
	var at [8]byte
	if err := d.ReadFull(at[:]); err != nil {
		return e, err
	}
	e.Time = time.Unix(int64(binary.BigEndian.Uint32(at[:])), int64(binary.BigEndian.Uint32(at[4:]))).UTC()
	if e.Meta, err = d.DecodeMap(); err != nil {
		return e, err
	}
	record, err := d.DecodeMap()
	if err != nil {
		return e, err
	}
	e.Record, e.Map = map[string]string{}, record
	return e, flatten(e.Record, "", record)
}

func flatten(dst map[string]string, prefix string, m map[string]any) error {
	for k, v := range m {
		k = prefix + k
		if _, twice := dst[k]; twice {
			return fmt.Errorf("key %s twice", k)
		}
		switch v := v.(type) {
		case map[string]any:
			if err := flatten(dst, k+".", v); err != nil {
				return err
			}
		case string:
			dst[k] = quote(v)
		default:
			dst[k] = fmt.Sprint(v)
		}
	}
	return nil
}

// quote keeps a text apart from a number.
func quote(s string) string { return `"` + s + `"` }
