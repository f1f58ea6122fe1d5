package same

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/testdata"
)

// Records is how many flow records the capture has.
func Records(t testing.TB) (n int) {
	for _, rows := range expected(t) {
		n += len(rows)
	}
	return n
}

// A row is an expected record: IANA's names, values as JSON has them.
type row map[string]any

// expected returns the expected records of each exporter, in their order.
func expected(t testing.TB) map[string][]row {
	t.Helper()
	f, err := testdata.FS.Open("same/same.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]row{}
	for s := bufio.NewScanner(f); s.Scan(); {
		d := json.NewDecoder(strings.NewReader(s.Text()))
		d.UseNumber()
		var r row
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		exporter := r["exporter"].(string)
		all[exporter] = append(all[exporter], r)
	}
	return all
}

// Compare checks that the flows among events are the capture's, under the schema:
// ecs or ipfix. Every key that is expected must have its value, none may be there besides, and
// each exporter's records must be in order.
func Compare(t testing.TB, schema string, events []Event) {
	t.Helper()
	names := map[string]func(flow.Field, string) []flow.Path{"ecs": ecsNames, "ipfix": ipfixNames}[schema]
	exporter := names(flow.FieldExporter, "exporter")[0].Name
	received := names(flow.FieldReceived, "collectionTimeMilliseconds")[0].Name
	want := expected(t)
	for i, e := range Of("flow", events) {
		who := strings.Trim(e.Record[exporter], `"`)
		rows := want[who]
		if len(rows) == 0 {
			t.Errorf("event %d: more events of exporter %q than records", i, who)
			continue
		}
		r := rows[0]
		want[who] = rows[1:]

		wanted := said(schema, &e, who)
		for key, value := range r {
			field, ok := flow.FieldByName(key)
			if !ok {
				t.Fatalf("no column for %s", key)
			}
			for _, p := range names(field, key) {
				wanted[p.Name] = inForm(p.Form, value)
			}
		}
		if at, err := time.Parse(`"`+time.RFC3339Nano+`"`, e.Record[received]); err != nil || time.Since(at).Abs() > time.Hour {
			t.Errorf("event %d: %s is %s", i, received, e.Record[received])
		}
		wanted[received] = e.Record[received]
		for key, value := range wanted {
			if got, ok := e.Record[key]; got != value {
				t.Errorf("event %d: %s is %s (present: %t), want %s", i, key, got, ok, value)
			}
		}
		for key, value := range e.Record {
			if _, ok := wanted[key]; !ok {
				t.Errorf("event %d: %s is %s, and wasn't sent", i, key, value)
			}
		}
		if end := e.Time.Format("2006-01-02T15:04:05.000Z"); end != r["flowEndMilliseconds"] {
			t.Errorf("event %d: its time is %s, want the flow's end, %s", i, end, r["flowEndMilliseconds"])
		}
	}
	for who, rows := range want {
		if len(rows) > 0 {
			t.Errorf("%d records of exporter %s are missing", len(rows), who)
		}
	}
}

// said is what an event says of itself, beside what was sent.
func said(schema string, e *Event, exporter string) map[string]string {
	if schema != "ecs" {
		return map[string]string{"type": quote("flow")}
	}
	m := map[string]string{
		"event.kind": quote("event"), "event.category": "[network]", "event.type": "[connection]", "event.action": quote("netflow_flow"),
		"input.type": quote("netflow"), "data_stream.dataset": quote("netflow.log"), "agent.name": quote(exporter),
	}
	start, err := time.Parse(`"`+time.RFC3339Nano+`"`, e.Record["event.start"])
	end, err2 := time.Parse(`"`+time.RFC3339Nano+`"`, e.Record["event.end"])
	if err == nil && err2 == nil {
		m["event.duration"] = fmt.Sprint(end.Sub(start).Nanoseconds())
	}
	if ip, ok := e.Record["source.ip"]; ok {
		m["network.type"] = quote("ipv4")
		if strings.Contains(ip, ":") {
			m["network.type"] = quote("ipv6")
		}
	}
	return m
}

// ecsNames returns the names of x in ECS. Those that come from IANA's name of an
// IPv4 element have another for IPv6.
func ecsNames(x flow.Field, key string) []flow.Path {
	c := &flow.Fields[x]
	paths := slices.Clone(c.ECS)
	for i := range paths {
		if key == c.IPFIX6 && strings.HasPrefix(paths[i].Name, "netflow.") {
			paths[i].Name = strings.ReplaceAll(paths[i].Name, "ipv4", "ipv6")
		}
	}
	return paths
}

func ipfixNames(x flow.Field, key string) []flow.Path {
	if i := &flow.Fields[x]; key != i.IPFIX6 {
		key = i.IPFIX
	}
	return []flow.Path{{Name: key}}
}

// inForm writes an expected value as an event must have it.
func inForm(f flow.Form, v any) string {
	text := fmt.Sprint(v)
	_, number := v.(json.Number)
	switch f {
	case flow.FormText:
		return quote(text)
	case flow.FormProto:
		return quote(map[string]string{"1": "icmp", "6": "tcp", "17": "udp", "50": "esp", "58": "ipv6-icmp"}[text])
	case flow.FormDirection:
		return quote(map[string]string{"0": "inbound", "1": "outbound"}[text])
	case flow.FormECSMAC:
		return quote(strings.ToUpper(strings.ReplaceAll(text, ":", "-")))
	}
	if number {
		return text
	}
	return quote(text)
}
