package main

import "github.com/weirflow/weir/shared/query"

var health = board{
	name: "exporters", title: "Exporter health and loss ledger", span: "now-6h",
	doc: "Who sends, whether it can be read, what was lost on the way and where, and what to do about it",
	panels: []panel{
		{
			kind: "table", title: "Exporters", w: 24, h: 11, doc: "State, the ledger of what was sent, came and is stored, the clock, and advice",
			asks: []ask{{Asked: query.Asked{Show: "exporters"}}},
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
			kind: "stat", title: "Exporters with flows", w: 4, h: 8, doc: "In the range", unit: "short",
			asks: []ask{{Asked: query.Asked{Show: "count", Metrics: []string{"distinct exporter"}, Where: exporters}}},
		},
		{
			kind: "table", title: "Sampling", w: 10, h: 8, doc: "Rates that flows came with; volume is multiplied by them. Where there is none, none is known: the flows count as they are.",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"exporter", "sampling_rate"}, Metrics: []string{"flows", "bits"}, Where: exporters}}},
			overrides: append(columns("exporter=Exporter", "sampling_rate=1 packet of", "flows=Flows", "bits=Traffic"), share),
			transform: []object{without("flows_rate", "bits_rate", "error")},
		},
		{
			kind: "table", title: "Protocols", w: 10, h: 8, doc: "What exporters speak, and in which observation domains",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"exporter", "version", "domain"}, Metrics: []string{"flows"}, Where: exporters}}},
			overrides: append(columns("exporter=Exporter", "version=Version", "domain=Domain", "flows=Flows"), share),
			transform: []object{without("flows_rate")},
		},
	},
}
