package main

import "github.com/weirflow/weir/shared/query"

var talkers = board{
	name: "talkers", title: "Top talkers", span: "now-1h", annot: true,
	doc: "The hosts, networks and ports that send and get most, and the flows themselves",
	panels: []panel{
		{
			kind: "timeseries", title: "Who sends", w: 12, h: 9, doc: "Traffic by source address",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"src ip"}, Metrics: []string{"bits"}, Where: chosen}}},
		},
		{
			kind: "timeseries", title: "Who receives", w: 12, h: 9, doc: "Traffic by destination address",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"dst ip"}, Metrics: []string{"bits"}, Where: chosen}}},
		},
		{
			kind: "table", title: "Sources", w: 12, h: 10, doc: "Largest by octets; how many flow records, and the largest rate in 5 minutes",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"src ip"}, Metrics: []string{"bytes", "packets", "flows", "bits max"}, Where: chosen}}},
			overrides: append(columns("src_addr=Source", "bytes=Octets", "packets=Packets", "flows=Flows", "bits_max=Largest rate"), share),
			transform: []object{without("bytes_rate", "packets_rate", "flows_rate", "error")},
		},
		{
			kind: "table", title: "Destinations", w: 12, h: 10, doc: "Largest by octets; how many flow records, and the largest rate in 5 minutes",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"dst ip"}, Metrics: []string{"bytes", "packets", "flows", "bits max"}, Where: chosen}}},
			overrides: append(columns("dst_addr=Destination", "bytes=Octets", "packets=Packets", "flows=Flows", "bits_max=Largest rate"), share),
			transform: []object{without("bytes_rate", "packets_rate", "flows_rate", "error")},
		},
		{
			kind: "table", title: "Networks", w: 8, h: 9, doc: "Source networks: /24 of IPv4, /48 of IPv6",
			asks:      []ask{{Asked: query.Asked{Limit: 50, By: []string{"src/24/48"}, Metrics: []string{"bits"}, Where: chosen}}},
			overrides: append(columns("src_addr=Network", "bits=Traffic", "bits_rate=Rate"), share),
			transform: []object{without("error")},
		},
		{
			kind: "table", title: "Who talks with many", w: 8, h: 9, doc: "Sources by different destinations and ports: scans stand at the top",
			asks:      []ask{{Asked: query.Asked{Limit: 50, By: []string{"src ip"}, Metrics: []string{"distinct dst ip", "distinct dst port", "flows"}, Where: chosen}}},
			overrides: columns("src_addr=Source", "distinct_dst_addr=Destinations", "distinct_dst_port=Ports", "flows=Flows"),
			transform: []object{without("flows_rate")},
		},
		{
			kind: "barchart", title: "Destination ports", w: 8, h: 9, doc: "Traffic by port of the destination",
			asks:      []ask{{Asked: query.Asked{Limit: 12, By: []string{"dst port"}, Metrics: []string{"bits"}, Where: chosen}}},
			options:   object{"xField": "dst_port"},
			transform: []object{without("bits_rate", "share", "error")},
		},
		{
			kind: "logs", title: "The newest flows", w: 24, h: 10, doc: "One line a flow; its fields are behind the line",
			asks: []ask{{Asked: query.Asked{Show: "flows", Limit: 200, Where: chosen}, Format: "logs"}},
		},
	},
}
