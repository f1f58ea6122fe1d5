package main

import "strings"

// An object is one of JSON's.
type object = map[string]any

// ignoreAbove is how long a text may be to be indexed; a longer one is kept and
// can't be searched. ECS has the same number.
const ignoreAbove = 1024

var (
	keyword = object{"type": "keyword", "ignore_above": ignoreAbove}
	inner   = object{"type": "object"}
)

func of(typ string) object { return object{"type": typ} }

// always is a field that has the same value in all documents of the data stream.
// OpenSearch knows it since 2.14, and wants the value said.
func always(value string) object { return object{"type": "constant_keyword", "value": value} }

// fixed are the fields that are not columns. The locations are for a geoip
// processor in front of the index, which would make plain numbers of them.
var fixed = map[string]object{
	"@timestamp":                     of("date"),
	"agent.name":                     keyword,
	"data_stream.type":               always("logs"),
	"data_stream.dataset":            always("netflow.log"),
	"data_stream.namespace":          keyword, // each stream has its own
	"destination.geo.location":       of("geo_point"),
	"destination.locality":           keyword,
	"ecs.version":                    keyword,
	"event.action":                   keyword,
	"event.category":                 keyword,
	"event.dataset":                  keyword,
	"event.duration":                 of("long"),
	"event.id":                       keyword,
	"event.kind":                     keyword,
	"event.severity":                 of("long"),
	"event.type":                     keyword,
	"flow.id":                        keyword,
	"flow.locality":                  keyword,
	"input.type":                     keyword,
	"message":                        keyword,
	"netflow.exporter.address":       keyword, // with a port
	"netflow.exporter.timestamp":     of("date"),
	"netflow.exporter.uptime_millis": of("long"),
	"netflow.type":                   keyword,
	"network.community_id":           keyword,
	"network.type":                   keyword,
	"related.ip":                     of("ip"),
	"rule.category":                  keyword,
	"rule.name":                      keyword,
	"rule.version":                   keyword,
	"source.geo.location":            of("geo_point"),
	"source.locality":                keyword,
	"threat.framework":               keyword,
	"threat.technique.id":            keyword,
	"weir.finding.confidence":        of("double"),
	"weir.finding.coverage":          of("double"),
	"weir.finding.end":               of("date"),
	"weir.finding.start":             of("date"),
	"weir.stats.clock_skew_seconds":  of("double"),
}

// settings hold for OpenSearch and Elasticsearch. A value that its field can't
// take costs that field, not the document; names of elements may be many, and
// a field beyond the limit costs its document.
var settings = object{
	"index": object{
		"codec":            "best_compression",
		"refresh_interval": "10s",
		"mapping": object{
			"ignore_malformed": true,
			"total_fields":     object{"limit": 5000},
		},
	},
}

// dynamic says what becomes of fields that no mapping names: nothing is a text.
// names are those of elements by their type. A second element of a name in a
// record has a number behind it.
func dynamic(names map[string][]string) []any {
	called := func(typ string) string { return "^(" + strings.Join(names[typ], "|") + ")(_[0-9]+)?$" }
	return []any{
		object{"metrics": object{"path_match": "weir.finding.metrics.*", "mapping": of("double")}},
		object{"addresses": object{"match_mapping_type": "string", "match_pattern": "regex", "match": called("ip"), "mapping": of("ip")}},
		object{"times": object{"match_mapping_type": "string", "match_pattern": "regex", "match": called("date"), "mapping": of("date")}},
		object{"texts": object{"match_mapping_type": "string", "mapping": keyword}},
		object{"wholes": object{"match_mapping_type": "long", "match_pattern": "regex", "match": called("double"), "mapping": of("double")}},
		object{"numbers": object{"match_mapping_type": "long", "mapping": of("long")}},
		object{"fractions": object{"match_mapping_type": "double", "mapping": of("double")}},
	}
}
