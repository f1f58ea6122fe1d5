package main

import "github.com/weirflow/weir/shared/query"

var overview = board{
	name: "overview", title: "Overview", span: "now-1h", annot: true,
	doc: "Who filled the link, with what, and is that more than before",
	panels: []panel{
		{
			kind: "stat", title: "Traffic", w: 4, h: 4, doc: "Bits a second, on average over the range. What several exporters saw counts for each of them: choose one.",
			asks: []ask{{Asked: query.Asked{Show: "series", Metrics: []string{"bits"}, Where: chosen}}},
		},
		{
			kind: "stat", title: "95th percentile", w: 4, h: 4, doc: "Of the traffic in bins of 5 minutes: what many lines are billed by",
			asks:    []ask{{Asked: query.Asked{Metrics: []string{"bits p95"}, Where: chosen}}},
			options: object{"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "/^bits_p95$/", "values": false}},
		},
		{
			kind: "stat", title: "Packets", w: 4, h: 4, doc: "Packets a second, on average over the range",
			asks: []ask{{Asked: query.Asked{Show: "series", Metrics: []string{"packets"}, Where: chosen}}},
		},
		{
			kind: "stat", title: "Sources", w: 4, h: 4, doc: "Different source addresses in the range",
			asks: []ask{{Asked: query.Asked{Show: "count", Metrics: []string{"distinct src ip"}, Where: chosen}}}, unit: "short",
		},
		{
			kind: "stat", title: "Exporters", w: 4, h: 4, doc: "Exporters whose flows are in the range",
			asks: []ask{{Asked: query.Asked{Show: "count", Metrics: []string{"distinct exporter"}, Where: chosen}}}, unit: "short",
		},
		{
			kind: "stat", title: "Findings", w: 4, h: 4, doc: "What detectors have found, from medium severity on. They come from a collector.",
			asks: []ask{{Asked: query.Asked{Show: "findings", Limit: 1000}, Severity: "medium"}}, unit: "short",
			defaults: object{"noValue": "0", "thresholds": thresholds("orange", 1)},
			options:  object{"graphMode": "none", "reduceOptions": object{"calcs": []string{"count"}, "fields": "/^id$/", "values": false}},
		},
		{
			kind: "timeseries", title: "Who filled the link", w: 16, h: 10, doc: "Traffic of the ten hosts that sent most, and of all others",
			asks:   []ask{{Asked: query.Asked{Show: "series", Limit: 10, By: []string{"src ip"}, Metrics: []string{"bits"}, Where: chosen}}},
			custom: object{"stacking": object{"mode": "normal", "group": "A"}, "fillOpacity": 60},
		},
		{
			kind: "bargauge", title: "Busiest interfaces", w: 8, h: 10, doc: "95th percentile of what came in, in bins of 5 minutes",
			asks:      []ask{{Asked: query.Asked{Show: "top", Limit: 12, By: []string{"exporter", "in if"}, Metrics: []string{"bits p95"}, Where: chosen}}},
			defaults:  object{"displayName": "${__data.fields.exporter} if ${__data.fields.in_if}"},
			transform: []object{without("error")},
		},
		{
			kind: "timeseries", title: "With what", w: 12, h: 9, doc: "Traffic of the eight largest applications, and of all others",
			asks:   []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"app_name"}, Metrics: []string{"bits"}, Where: chosen}}},
			custom: object{"stacking": object{"mode": "normal", "group": "A"}, "fillOpacity": 60},
		},
		{
			kind: "table", title: "Between whom", w: 12, h: 9, doc: "Pairs of hosts, whichever sends",
			asks:      []ask{{Asked: query.Asked{Limit: 50, By: []string{"pair"}, Metrics: []string{"bits"}, Where: chosen}}},
			overrides: append(columns("ip_a=Host", "ip_b=Other host", "bits=Traffic", "bits_rate=Rate"), share),
			transform: []object{without("error")},
		},
		{
			kind: "table", title: "More than before", w: 12, h: 9, doc: "Applications, and the same span of time before",
			asks:      []ask{{Asked: query.Asked{Limit: 20, By: []string{"app_name"}, Metrics: []string{"bits"}, Previous: true, Where: chosen}}},
			overrides: append(columns("app_name=Application", "bits=Traffic", "bits_rate=Rate", "bits_before=Before"), share, grown),
			transform: []object{without("error")},
		},
		{
			kind: "heatmap", title: "When", w: 8, h: 9, doc: "Traffic of the largest applications over time: hours of back-ups, nights that are not quiet", unit: "bps",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"app_name"}, Metrics: []string{"bits"}, Where: chosen}, Format: "heatmap"}},
		},
		{
			kind: "piechart", title: "Protocols", w: 4, h: 9, doc: "Share of the traffic by IP protocol",
			asks:      []ask{{Asked: query.Asked{Limit: 5, By: []string{"proto"}, Metrics: []string{"bits"}, Where: chosen}}},
			options:   object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}, "values": []string{"percent"}}},
			transform: []object{without("bits_rate", "share", "error")}, // which else would be named beside it
		},
	},
}
