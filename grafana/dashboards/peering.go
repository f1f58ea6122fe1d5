package main

import "github.com/weirflow/weir/shared/query"

var peering = board{
	name: "peering", title: "AS and peering", span: "now-24h", annot: true,
	doc: "Which networks traffic comes from and goes to, through which interfaces, and with whom peering would pay",
	panels: []panel{
		{
			kind: "timeseries", title: "From where", w: 12, h: 9, doc: "Traffic by source AS",
			asks:   []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"src as"}, Metrics: []string{"bits"}, Where: chosen}}},
			custom: object{"stacking": object{"mode": "normal", "group": "A"}, "fillOpacity": 60},
		},
		{
			kind: "timeseries", title: "To where", w: 12, h: 9, doc: "Traffic by destination AS",
			asks:   []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"dst as"}, Metrics: []string{"bits"}, Where: chosen}}},
			custom: object{"stacking": object{"mode": "normal", "group": "A"}, "fillOpacity": 60},
		},
		{
			kind: "table", title: "In: from which AS, through what", w: 12, h: 10, doc: "Source AS by exporter and interface, ranked by the 95th percentile of bins of 5 minutes",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"src as", "exporter", "in if"}, Metrics: []string{"bits p95", "bytes"}, Where: chosen}}},
			overrides: columns("src_as=AS", "exporter=Exporter", "in_if=Interface", "bits_p95=95th percentile", "bytes=Octets"),
			transform: []object{without("bytes_rate", "error")},
		},
		{
			kind: "table", title: "Out: to which AS, through what", w: 12, h: 10, doc: "Destination AS by exporter and interface, ranked by the 95th percentile of bins of 5 minutes",
			asks:      []ask{{Asked: query.Asked{Limit: 100, By: []string{"dst as", "exporter", "out if"}, Metrics: []string{"bits p95", "bytes"}, Where: chosen}}},
			overrides: columns("dst_as=AS", "exporter=Exporter", "out_if=Interface", "bits_p95=95th percentile", "bytes=Octets"),
			transform: []object{without("bytes_rate", "error")},
		},
		{
			kind: "nodeGraph", title: "Between AS", w: 12, h: 12, doc: "The most traffic from one AS to another",
			asks: []ask{{Asked: query.Asked{Show: "matrix", Limit: 60, By: []string{"src as", "dst as"}, Metrics: []string{"bits"}, Where: chosen}, Format: "nodegraph"}},
		},
		{
			kind: "geomap", title: "Countries", w: 12, h: 12, unit: "decbits",
			doc:  "Traffic by country of either end, where the collector has a database of countries",
			asks: []ask{{Asked: query.Asked{Limit: 250, By: []string{"country"}, Metrics: []string{"bits"}, Where: "country exists and " + chosen}, Format: "geo"}},
			options: object{"layers": []object{{
				"type": "markers", "name": "Traffic", "location": object{"mode": "auto"}, "tooltip": true,
				"config": object{"showLegend": false, "style": object{
					"color": object{"field": "bits", "fixed": "dark-green"}, "opacity": 0.6, "symbol": object{"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
					"size": object{"field": "bits", "fixed": 8, "min": 4, "max": 30}, "text": object{"mode": "field", "field": "lookup", "fixed": ""},
				}},
			}}},
			defaults: object{"color": object{"mode": "continuous-GrYlRd"}},
		},
		{
			kind: "table", title: "Next hops", w: 12, h: 9, doc: "Where routers handed traffic on, as far as they say so",
			asks:      []ask{{Asked: query.Asked{Limit: 50, By: []string{"next ip", "dst as"}, Metrics: []string{"bits"}, Where: chosen}}},
			overrides: append(columns("next_hop=Next hop", "dst_as=AS", "bits=Traffic", "bits_rate=Rate"), share),
			transform: []object{without("error")},
		},
		{
			kind: "table", title: "More than before", w: 12, h: 9, doc: "Source AS, and the same span of time before",
			asks:      []ask{{Asked: query.Asked{Limit: 50, By: []string{"src as"}, Metrics: []string{"bits"}, Previous: true, Where: chosen}}},
			overrides: append(columns("src_as=AS", "bits=Traffic", "bits_rate=Rate", "bits_before=Before"), share, grown),
			transform: []object{without("error")},
		},
	},
}
