package main

import "github.com/weirflow/weir/shared/query"

var interfaces = board{
	name: "interfaces", title: "Interfaces and capacity", span: "now-6h", annot: true,
	doc: "How full the links are, which way, and who fills them: 95th percentiles of bins of 5 minutes, as lines are billed",
	panels: []panel{
		{
			kind: "timeseries", title: "In, and out below", w: 24, h: 10, doc: "Traffic of the interfaces that are chosen: what came in above the line, what went out below it",
			asks: []ask{
				{Asked: query.Asked{Show: "series", Limit: 10, By: []string{"exporter", "in if"}, Metrics: []string{"bits"}, Where: exporters + " and $__in(in if, ${interface:weir})"}},
				{Asked: query.Asked{Show: "series", Limit: 10, By: []string{"exporter", "out if"}, Metrics: []string{"bits"}, Where: exporters + " and $__in(out if, ${interface:weir})"}},
			},
			custom:    object{"axisCenteredZero": true},
			overrides: []object{{"matcher": object{"id": "byFrameRefID", "options": "B"}, "properties": []object{property("custom.transform", "negative-Y")}}},
		},
		{
			kind: "timeseries", title: "Who fills it", w: 12, h: 9, doc: "Sources of what passes the interfaces that are chosen, in the direction that is chosen",
			asks:   []ask{{Asked: query.Asked{Show: "series", Limit: 10, By: []string{"src ip"}, Metrics: []string{"bits"}, Where: chosen}}},
			custom: object{"stacking": object{"mode": "normal", "group": "A"}, "fillOpacity": 60},
		},
		{
			kind: "timeseries", title: "All together, and the 95th percentile", w: 12, h: 9, doc: "The dashed line is the 95th percentile of the range, in bins of 5 minutes",
			asks: []ask{
				{Asked: query.Asked{Show: "series", Metrics: []string{"bits"}, Where: chosen}},
				{Asked: query.Asked{Metrics: []string{"bits p95"}, Where: chosen}},
			},
			custom: object{"thresholdsStyle": object{"mode": "dashed"}},
			transform: []object{{"id": "configFromData", "options": object{
				"configRefId": "B", "mappings": []object{{"fieldName": "bits_p95", "handlerKey": "threshold1", "handlerArguments": object{"threshold": object{"color": "red"}}}},
			}}},
		},
		capacity("In: how full", "in"),
		capacity("Out: how full", "out"),
		{
			kind: "bargauge", title: "95th percentile, in", w: 8, h: 9, doc: "By interface, in bins of 5 minutes",
			asks:      []ask{{Asked: query.Asked{Limit: 12, By: []string{"exporter", "in if"}, Metrics: []string{"bits p95"}, Where: exporters + " and $__in(in if, ${interface:weir})"}}},
			defaults:  object{"displayName": "${__data.fields.exporter} if ${__data.fields.in_if}"},
			transform: []object{without("error")},
		},
		{
			kind: "bargauge", title: "95th percentile, out", w: 8, h: 9, doc: "By interface, in bins of 5 minutes",
			asks:      []ask{{Asked: query.Asked{Limit: 12, By: []string{"exporter", "out if"}, Metrics: []string{"bits p95"}, Where: exporters + " and $__in(out if, ${interface:weir})"}}},
			defaults:  object{"displayName": "${__data.fields.exporter} if ${__data.fields.out_if}"},
			transform: []object{without("error")},
		},
		{
			kind: "heatmap", title: "When", w: 8, h: 9, doc: "What came in, by interface, over time", unit: "bps",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 12, By: []string{"exporter", "in if"}, Metrics: []string{"bits"}, Where: exporters + " and $__in(in if, ${interface:weir})"}, Format: "heatmap"}},
		},
	},
}

// capacity is a table of interfaces, and how much of its speed the 95th percentile
// of each takes. Speeds, in kbit/s, come from exporters' counters or from what an
// operator has told the collector.
func capacity(title, side string) panel {
	index, name, speed := side+"_if", side+"_if_name", side+"_if_speed"
	binary := func(alias, operator string, left, right object) object {
		return object{"id": "calculateField", "options": object{
			"mode": "binary", "alias": alias, "replaceFields": false, "binary": object{"left": left, "operator": operator, "right": right},
		}}
	}
	of := func(name string) object { return object{"matcher": object{"id": "byName", "options": name}} }
	return panel{
		kind: "table", title: title, w: 12, h: 10, doc: "95th percentile and largest rate of bins of 5 minutes, and how much of the interface's speed the former takes, where the speed is known",
		asks: []ask{{Asked: query.Asked{
			Limit: 100, By: []string{"exporter", side + " if", name, speed}, Metrics: []string{"bits p95", "bits max", "bytes"},
			Where: exporters + " and $__in(" + side + " if, ${interface:weir})",
		}}},
		transform: []object{
			{"id": "convertFieldType", "options": object{"fields": object{}, "conversions": []object{{"targetField": speed, "destinationType": "number"}}}},
			binary("capacity", "*", of(speed), object{"fixed": "1000"}),
			binary("use", "/", of("bits_p95"), of("capacity")),
			without("capacity", "bytes_rate", "error"),
		},
		overrides: append(columns("exporter=Exporter", index+"=Interface", name+"=Name", "bits_p95=95th percentile", "bits_max=Largest", "bytes=Octets"),
			field(speed, named("Speed"), property("unit", "Kbits")),
			field("use", append(gauge("percentunit", 1), named("Use"), property("mappings", []object{
				{"type": "range", "options": object{"from": 1000, "to": nil, "result": object{"text": "speed not known", "color": "text", "index": 0}}},
			}))...)),
	}
}
