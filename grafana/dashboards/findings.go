package main

import "github.com/weirflow/weir/shared/query"

var findings = board{
	name: "findings", title: "Findings", span: "now-24h", annot: true,
	doc: "What detectors have found, how much it matters, and what the traffic did then",
	panels: []panel{
		{
			kind: "stat", title: "By severity", w: 12, h: 5, doc: "Findings in the range", unit: "short",
			asks:      []ask{{Asked: query.Asked{Show: "findings", Limit: 1000}}},
			defaults:  object{"noValue": "0", "displayName": "${__data.fields.severity}"},
			options:   object{"graphMode": "none", "reduceOptions": usualReduce},
			transform: []object{counted("severity", "id")},
		},
		{
			kind: "barchart", title: "By class", w: 12, h: 5, doc: "Kinds of finding", unit: "short",
			asks:      []ask{{Asked: query.Asked{Show: "findings", Limit: 1000}}},
			options:   object{"xField": "class"},
			transform: []object{counted("class", "id")},
		},
		{
			kind: "table", title: "Findings", w: 24, h: 12, doc: "Newest first",
			asks: []ask{{Asked: query.Asked{Show: "findings", Limit: 500}}},
			overrides: append(columns("time=Start", "timeEnd=End", "class=Class", "key=About", "detector=Detector", "explanation=What was seen", "technique=Technique", "actions=What one may do", "flows=Flows"),
				field("severity", named("Severity"), property("custom.cellOptions", object{"type": "color-background", "mode": "basic"})),
				field("confidence", append(gauge("percentunit", 1), named("Confidence"))...)),
			transform: []object{without("id")},
		},
		{
			kind: "timeseries", title: "The traffic then", w: 24, h: 9, doc: "Findings are marked over the traffic of the largest sources",
			asks: []ask{{Asked: query.Asked{Show: "series", Limit: 8, By: []string{"src ip"}, Metrics: []string{"bits"}, Where: chosen}}},
		},
	},
}

// counted makes of findings or exporters how many there are of each value of a column.
func counted(column, id string) object {
	return object{"id": "groupBy", "options": object{"fields": object{
		column: object{"operation": "groupby", "aggregations": []string{}}, id: object{"operation": "aggregate", "aggregations": []string{"count"}},
	}}}
}
