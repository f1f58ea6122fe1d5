package main

import "github.com/weirflow/weir/shared/query"

var conversations = board{
	name: "conversations", title: "Conversations", span: "now-1h", annot: true,
	doc: "Who talks with whom, about what",
	panels: []panel{
		{
			kind: "netsage-sankey-panel", title: "From whom, about what, to whom", w: 14, h: 14, unit: "decbits",
			doc:  "The widest streams. The panel is a plugin of its own, netsage-sankey-panel; without it the table beside says the same.",
			asks: []ask{{Asked: query.Asked{Limit: 40, By: []string{"src ip", "app_name", "dst ip"}, Metrics: []string{"bits"}, Where: chosen}, Format: "sankey"}},
		},
		{
			kind: "table", title: "The same as a table", w: 10, h: 14, doc: "Source, application and destination, largest first",
			asks:      []ask{{Asked: query.Asked{Limit: 40, By: []string{"src ip", "app_name", "dst ip"}, Metrics: []string{"bits"}, Where: chosen}}},
			overrides: append(columns("src_addr=Source", "app_name=Application", "dst_addr=Destination", "bits=Traffic"), share),
			transform: []object{without("bits_rate", "error")},
		},
		{
			kind: "nodeGraph", title: "Talk graph", w: 12, h: 14, doc: "Pairs of hosts with the most traffic between them, whichever sends",
			asks: []ask{{Asked: query.Asked{Limit: 100, By: []string{"pair"}, Metrics: []string{"bits"}, Where: chosen}, Format: "nodegraph"}},
		},
		{
			kind: "table", title: "Both directions", w: 12, h: 14, doc: "Conversations: flows with the same addresses, ports and protocol either way, largest first",
			asks:      []ask{{Asked: query.Asked{Show: "conversations", Limit: 200, Where: chosen}}},
			overrides: columns("start=Start", "end=End", "proto=Protocol", "a=Host", "a_port=Port", "b=Other host", "b_port=Other port", "bytes_a=Sent", "bytes_b=Received"),
			transform: []object{without("packets_a", "packets_b", "flows_a", "flows_b")},
		},
		{
			kind: "timeseries", title: "Pairs over time", w: 12, h: 9, doc: "Traffic between two hosts, whichever sends",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"pair"}, Metrics: []string{"bits"}, Where: chosen}}},
		},
		{
			kind: "table", title: "Between networks", w: 12, h: 9, doc: "/24 of IPv4, /48 of IPv6",
			asks:      []ask{{Asked: query.Asked{Show: "matrix", Limit: 100, By: []string{"src/24/48", "dst/24/48"}, Metrics: []string{"bits"}, Where: chosen}}},
			overrides: append(columns("src_addr=From", "dst_addr=To", "bits=Traffic", "bits_rate=Rate"), share),
			transform: []object{without("error")},
		},
	},
}
