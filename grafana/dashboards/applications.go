package main

import "github.com/weirflow/weir/shared/query"

var applications = board{
	name: "applications", title: "Applications and protocols", span: "now-1h", annot: true,
	doc: "What the traffic is made of",
	panels: []panel{
		{
			kind: "timeseries", title: "Applications", w: 16, h: 10, doc: "As the exporter names them, or the collector by their ports",
			asks:   []ask{{Asked: query.Asked{Show: "series", Limit: 10, By: []string{"app_name"}, Metrics: []string{"bits"}, Where: chosen}}},
			custom: object{"stacking": object{"mode": "normal", "group": "A"}, "fillOpacity": 60},
		},
		{
			kind: "piechart", title: "Share", w: 8, h: 10, doc: "Of the traffic, by application",
			asks:      []ask{{Asked: query.Asked{Limit: 10, By: []string{"app_name"}, Metrics: []string{"bits"}, Where: chosen}}},
			transform: []object{without("bits_rate", "share", "error")}, // which else would be named beside it
		},
		{
			kind: "table", title: "Applications in figures", w: 12, h: 10, doc: "How much, how many flows, from how many hosts to how many",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"app_name"}, Metrics: []string{"bits", "flows", "distinct src ip", "distinct dst ip"}, Where: chosen}}},
			overrides: append(columns("app_name=Application", "bits=Traffic", "bits_rate=Rate", "flows=Flows", "distinct_src_addr=Sources", "distinct_dst_addr=Destinations"), share),
			transform: []object{without("flows_rate", "error")},
		},
		{
			kind: "table", title: "Ports", w: 12, h: 10, doc: "Destination ports by protocol: what has no name may be found here",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"proto", "dst port"}, Metrics: []string{"bits", "packets", "flows"}, Where: chosen}}},
			overrides: append(columns("proto=Protocol", "dst_port=Port", "bits=Traffic", "packets=Packets", "flows=Flows"), share),
			transform: []object{without("bits_rate", "packets_rate", "flows_rate", "error")},
		},
		{
			kind: "timeseries", title: "Protocols", w: 8, h: 9, doc: "Packets a second by IP protocol",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 6, By: []string{"proto"}, Metrics: []string{"packets"}, Where: chosen}}},
		},
		{
			kind: "timeseries", title: "IPv4 and IPv6", w: 8, h: 9, doc: "Traffic by version of IP",
			asks: []ask{
				{Asked: query.Asked{Show: "series", Metrics: []string{"bits"}, Where: "ipv4 and " + chosen}},
				{Asked: query.Asked{Show: "series", Metrics: []string{"bits"}, Where: "ipv6 and " + chosen}},
			},
			overrides: []object{
				{"matcher": object{"id": "byFrameRefID", "options": "A"}, "properties": []object{named("IPv4")}},
				{"matcher": object{"id": "byFrameRefID", "options": "B"}, "properties": []object{named("IPv6")}},
			},
		},
		{
			kind: "heatmap", title: "When", w: 8, h: 9, doc: "Flows a second by application, over time", unit: "short",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 12, By: []string{"app_name"}, Metrics: []string{"flows"}, Where: chosen}, Format: "heatmap"}},
		},
		{
			kind: "barchart", title: "TCP flags", w: 8, h: 9, doc: "Flows by all flags that were seen in them: S alone are connections that nobody answered",
			asks:      []ask{{Asked: query.Asked{Limit: 12, By: []string{"tcp_flags"}, Metrics: []string{"flows"}, Where: "proto tcp and " + chosen}}},
			options:   object{"xField": "tcp_flags"},
			transform: []object{without("flows_rate", "share")},
		},
		{
			kind: "barchart", title: "Classes of service", w: 8, h: 9, doc: "Traffic by DSCP",
			asks:      []ask{{Asked: query.Asked{Limit: 12, By: []string{"dscp"}, Metrics: []string{"bits"}, Where: chosen}}},
			options:   object{"xField": "dscp"},
			transform: []object{without("bits_rate", "share", "error")},
		},
		{
			kind: "table", title: "More than before", w: 8, h: 9, doc: "Applications by packets, and the same span of time before",
			asks:      []ask{{Asked: query.Asked{Limit: 20, By: []string{"app_name"}, Metrics: []string{"packets"}, Previous: true, Where: chosen}}},
			overrides: append(columns("app_name=Application", "packets=Packets", "packets_before=Before"), grown),
			transform: []object{without("packets_rate", "share", "error")},
		},
	},
}
