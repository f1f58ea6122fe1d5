package main

import (
	"fmt"
	"strings"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// own are the fields of the schema ecs that are not columns, with what they mean.
var own = []struct{ name, doc string }{
	{"event.kind", "`event`; `metric` of counters and statistics; `alert` of findings"},
	{"event.category", "`network`"},
	{"event.type", "`connection` of flows, else `info`"},
	{"event.action", "`netflow_flow`, `netflow_options`, `sflow_counters`, `weir_stats` or `weir_finding`; the other schemas have `type`: `flow`, `option`, `counter`, `stats` or `finding`"},
	{"event.duration", "nanoseconds from the start to the end of a flow"},
	{"input.type", "`netflow`"},
	{"data_stream.dataset", "`netflow.log`"},
	{"agent.name", "the exporter: its name, if the configuration has one, else its address"},
	{"network.type", "`ipv4` or `ipv6`"},
	{"network.community_id", "with `community_id on`; `community_id` in flat and cim, `communityId` in ipfix"},
	{"netflow.scope.*, netflow.options.*", "fields of options records, under the names of elements"},
	{"netflow.counters.*", "counters of sFlow, under the names of their documents and MIBs"},
	{"weir.stats.*", "the ledger of an exporter's domain, or of all: `transit` counts what was sent by sequence numbers, `inside` data records; since the start"},
	{"weir.finding.*", "a finding, with all its own words"},
	{"event.id, event.severity, message, rule.*, threat.*", "of findings"},
}

// fields is the reference of all fields, for people.
func fields() string {
	var b strings.Builder
	b.WriteString(`# Fields

What is in an event, by schema. A field is there only if the exporter sent it, or the configuration knows it: absent and zero differ. Times are UTC, RFC 3339 with milliseconds or more, in flat and otel Unix nanoseconds; bytes and packets are as sampled. Elements without a column are there too: under IANA's name (in snake case but for ipfix; in ecs within ` + "`netflow`" + `), or as ` + "`pen_id`" + `.

## Columns

| ipfix | ecs | flat | otel | |
|---|---|---|---|---|
`)
	for i := range flow.Fields {
		c := &flow.Fields[i]
		if c.IPFIX == "" {
			continue
		}
		var ecs, otel []string
		for _, p := range c.ECS {
			ecs = append(ecs, code(p.Name))
		}
		for _, p := range c.OTel {
			otel = append(otel, code(p.Name))
		}
		ipfix := code(c.IPFIX)
		if c.IPFIX6 != "" {
			ipfix += " " + code(c.IPFIX6)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", ipfix, strings.Join(ecs, " "), code(encode.Flat.Name(flow.Field(i))), strings.Join(otel, " "), c.Doc)
	}
	b.WriteString("\n## Beside columns, in the schema ecs\n\n| field | |\n|---|---|\n")
	for _, f := range own {
		names := strings.Split(f.name, ", ")
		for i := range names {
			names[i] = code(names[i])
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, ", "), f.doc)
	}
	b.WriteString("\n## Metadata\n\n`exporter`, `protocol` (`netflow5`, `netflow9`, `ipfix`, `sflow5`, …), `domain` (observation domain, source id, engine or sub-agent) and `sampling` (1 packet in so many), where they are known.\n")
	return b.String()
}

func code(s string) string { return "`" + s + "`" }
