package main

import "github.com/weirflow/weir/shared/query"

var health = board{
	name: "exporters", title: "Exporter health and loss ledger", span: "now-6h",
	doc: "Who sends, whether it can be read, what was lost on the way and where, and what to do about it",
	panels: []panel{
		{
			kind: "stat", title: "By state", w: 8, h: 5, doc: "Exporters that a weir has heard since it began: up, silent, or unreadable for want of a template", unit: "short",
			asks:      []ask{{Asked: query.Asked{Show: "exporters"}}},
			defaults:  object{"displayName": "${__data.fields.state}"},
			options:   object{"graphMode": "none", "reduceOptions": usualReduce},
			transform: []object{counted("state", "address")},
		},
		ledger("Missing", "missing", "sum", "Export packets, records or datagrams, as an exporter numbers them, that were sent and didn't arrive", thresholds("red", 1)),
		ledger("Worst exporter", "missing_share", "max", "Share of what an exporter sent that didn't arrive", thresholds("orange", 0.1, "red", 1)),
		ledger("Waiting", "waiting", "sum", "Octets of data whose template has not come yet", thresholds("orange", 1)),
		ledger("Faults", "errors", "sum", "What is wrong with exporters, and needs somebody to act: see their advice", thresholds("red", 1)),
		{
			kind: "table", title: "Exporters", w: 24, h: 11, doc: "State, the ledger of what was sent, came and could be read, the clock (above 0 it is behind), and advice",
			asks: []ask{{Asked: query.Asked{Show: "exporters"}}},
			overrides: append(columns("name=Name", "protocol=Protocol", "flows=Flows", "received=Received", "missing=Missing", "unit=Counted in", "duplicates=Twice", "waiting=Waiting", "undecoded=Given up",
				"clock_skew=Clock", "last_seen=Last heard", "warnings=Warnings"),
				field("address", named("Exporter"), property("links", []object{to("Its interfaces", "interfaces", "${datasource:queryparam}&var-exporter=${__value.raw:percentencode}")})),
				field("state", named("State"), property("custom.cellOptions", object{"type": "color-background", "mode": "basic"})),
				field("missing_share", append(gauge("percent", 100), named("Missing, share"))...),
				field("errors", named("Faults"), property("custom.cellOptions", object{"type": "color-text"}), property("thresholds", thresholds("red", 1))),
				field("advice", named("Advice"), property("custom.width", 500), property("custom.cellOptions", object{"type": "auto", "wrapText": true}))),
		},
		{
			kind: "timeseries", title: "Flow records", w: 12, h: 9, doc: "A second, by exporter: a gap is an exporter that was silent, or could not be read",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 20, By: []string{"exporter"}, Metrics: []string{"flows"}, Where: exporters}}},
		},
		{
			kind: "heatmap", title: "Who was silent when", w: 12, h: 9, doc: "Flow records a second, by exporter", unit: "short",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 40, By: []string{"exporter"}, Metrics: []string{"flows"}, Where: exporters}, Format: "heatmap"}},
		},
		{
			kind: "table", title: "Sampling", w: 12, h: 8, doc: "Rates that flows came with; volume is multiplied by them. Where there is none, none is known: the flows count as they are.",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"exporter", "sampling_rate"}, Metrics: []string{"flows", "bits"}, Where: exporters}}},
			overrides: append(columns("exporter=Exporter", "sampling_rate=1 packet of", "flows=Flows", "bits=Traffic"), share),
			transform: []object{without("flows_rate", "bits_rate", "error")},
		},
		{
			kind: "table", title: "Protocols", w: 12, h: 8, doc: "What exporters speak, and in which observation domains",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"exporter", "version", "domain"}, Metrics: []string{"flows"}, Where: exporters}}},
			overrides: append(columns("exporter=Exporter", "version=Version", "domain=Domain", "flows=Flows"), share),
			transform: []object{without("flows_rate")},
		},
	},
}

// ledger is one number of all exporters' ledgers.
func ledger(title, name, reduce, doc string, colours object) panel {
	return panel{
		kind: "stat", title: title, w: 4, h: 5, doc: doc,
		asks:     []ask{{Asked: query.Asked{Show: "exporters"}}},
		defaults: object{"color": object{"mode": "thresholds"}, "thresholds": colours, "noValue": "0"},
		options:  object{"graphMode": "none", "reduceOptions": object{"calcs": []string{reduce}, "fields": "/^" + name + "$/", "values": false}},
	}
}
