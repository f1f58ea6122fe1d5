package main

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/weirflow/weir/shared/query"
)

// A panel is one on a dashboard.
type panel struct {
	kind, title, doc string
	w, h             int // of 24 columns; rows
	asks             []ask
	unit             string
	defaults         object // of fields
	custom           object // of fields, as the kind has them
	options          object // beside the kind's usual ones
	overrides        []object
	transform        []object
}

// An ask is a panel's query.
type ask struct {
	query.Asked
	Format   string `json:"format,omitempty"`
	Severity string `json:"severity,omitempty"`
}

// layout puts panels beside one another while there is room, then below.
func layout(all []panel) (out []object) {
	x, y, below := 0, 0, 0
	for n, p := range all {
		if x+p.w > 24 {
			x, y = 0, below
		}
		m := p.model()
		m["id"], m["gridPos"] = n+1, object{"x": x, "y": y, "w": p.w, "h": p.h}
		out = append(out, m)
		x += p.w
		below = max(below, y+p.h)
	}
	return out
}

func (p panel) model() object {
	defaults := object{"color": object{"mode": "palette-classic"}, "custom": merge(usualCustom[p.kind], p.custom), "thresholds": thresholds(), "mappings": []object{}}
	if p.unit != "" {
		defaults["unit"] = p.unit
	}
	targets := []object{}
	for n, a := range p.asks {
		text, err := json.Marshal(a)
		target := object{}
		if err == nil {
			err = json.Unmarshal(text, &target)
		}
		if err != nil {
			panic("dashboards: bug: " + err.Error())
		}
		target["refId"], target["datasource"], target["editor"] = string(rune('A'+n)), datasource, "builder"
		targets = append(targets, target)
	}
	m := object{
		"type": p.kind, "title": p.title, "description": p.doc, "options": merge(usualOptions(p.kind), p.options),
		"fieldConfig": object{"defaults": merge(defaults, p.defaults), "overrides": append([]object{}, p.overrides...)},
	}
	if len(targets) > 0 {
		m["datasource"], m["targets"] = datasource, targets
	}
	if len(p.transform) > 0 {
		m["transformations"] = p.transform
	}
	return m
}

func merge(all ...object) object {
	out := object{}
	for _, o := range all {
		maps.Copy(out, o)
	}
	return out
}

// thresholds has colours from values on: green, then what is given.
func thresholds(steps ...any) object {
	all := []object{{"color": "green", "value": nil}}
	for n := 0; n+1 < len(steps); n += 2 {
		all = append(all, object{"color": steps[n], "value": steps[n+1]})
	}
	return object{"mode": "absolute", "steps": all}
}

var usualCustom = map[string]object{
	"timeseries": {
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 15, "showPoints": "never", "spanNulls": false,
		"axisCenteredZero": false, "axisPlacement": "auto", "thresholdsStyle": object{"mode": "off"},
	},
	"table":    {"align": "auto", "cellOptions": object{"type": "auto"}, "filterable": true, "inspect": false},
	"barchart": {"fillOpacity": 80, "lineWidth": 1, "axisPlacement": "auto"},
	"heatmap":  {"hideFrom": object{"legend": false, "tooltip": false, "viz": false}, "scaleDistribution": object{"type": "linear"}},
}

// usualReduce shows each number of a table. A pattern in fields would be matched
// with the name that is shown, not with the column's.
var usualReduce = object{"calcs": []string{"lastNotNull"}, "fields": "", "values": true}

func usualOptions(kind string) object {
	switch kind {
	case "timeseries":
		return object{
			"legend":  object{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"max", "mean", "lastNotNull"}, "sortBy": "Mean", "sortDesc": true},
			"tooltip": object{"mode": "multi", "sort": "desc", "hideZeros": true},
		}
	case "table":
		return object{"cellHeight": "sm", "showHeader": true}
	case "stat":
		return object{
			"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": "auto", "wideLayout": true,
			"reduceOptions": object{"calcs": []string{"mean"}, "fields": "", "values": false},
		}
	case "bargauge":
		return object{
			"displayMode": "gradient", "orientation": "horizontal", "valueMode": "color", "showUnfilled": true, "namePlacement": "auto", "sizing": "auto",
			"minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 300, "reduceOptions": usualReduce,
		}
	case "piechart":
		return object{
			"pieType": "donut", "reduceOptions": usualReduce, "tooltip": object{"mode": "single", "sort": "none"}, "displayLabels": []string{},
			"legend": object{"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{}, "values": []string{"percent"}},
		}
	case "barchart":
		return object{
			"orientation": "horizontal", "showValue": "auto", "stacking": "none", "groupWidth": 0.7, "barWidth": 0.9, "xTickLabelRotation": 0,
			"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []string{}}, "tooltip": object{"mode": "single", "sort": "none"},
		}
	case "heatmap":
		return object{
			"calculate": false, "cellGap": 1, "color": object{"mode": "scheme", "scheme": "Spectral", "steps": 64, "reverse": true, "exponent": 0.5, "fill": "dark-orange"},
			"legend": object{"show": true}, "rowsFrame": object{"layout": "auto"}, "showValue": "never", "tooltip": object{"mode": "single", "showColorScale": true},
			"yAxis": object{"axisPlacement": "left", "reverse": true}, "filterValues": object{"le": 1e-9}, "cellValues": object{},
		}
	case "nodeGraph":
		return object{"zoomMode": "cooperative", "layoutAlgorithm": "force", "nodes": object{}, "edges": object{}}
	case "logs":
		return object{
			"showTime": true, "wrapLogMessage": false, "prettifyLogMessage": false, "enableLogDetails": true, "dedupStrategy": "none",
			"sortOrder": "Descending", "showLabels": false, "showCommonLabels": false, "enableInfiniteScrolling": false,
		}
	case "geomap":
		return object{
			"view": object{"id": "zero", "lat": 20, "lon": 0, "zoom": 1}, "basemap": object{"type": "default", "name": "Basemap"},
			"controls": object{"mouseWheelZoom": false, "showAttribution": true, "showZoom": true, "showScale": false, "showDebug": false, "showMeasure": false},
			"tooltip":  object{"mode": "details"},
		}
	case "netsage-sankey-panel":
		return object{"monochrome": false, "labelSize": 12, "nodeWidth": 12, "nodePadding": 12, "iteration": 16}
	case "text":
		return object{"mode": "markdown"}
	}
	return object{}
}

// field overrides what Grafana makes of the field called name.
func field(name string, properties ...object) object {
	return object{"matcher": object{"id": "byName", "options": name}, "properties": properties}
}

func property(id string, value any) object { return object{"id": id, "value": value} }

func named(text string) object { return property("displayName", text) }

// gauge shows values of a table as bars, from 0 to most.
func gauge(unit string, most float64) []object {
	return []object{
		property("unit", unit), property("min", 0), property("max", most), property("custom.cellOptions", object{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
		property("color", object{"mode": "continuous-GrYlRd"}),
	}
}

// share is the column that says how much of all traffic a row is.
var share = field("share", append(gauge("percent", 100), named("Share"))...)

// grown is the column that says by how much a row has grown.
var grown = field("change", named("Change"), property("unit", "percent"), property("custom.cellOptions", object{"type": "color-text"}),
	property("thresholds", thresholds("orange", 50, "red", 200)))

// columns names the columns of a table: "src_addr=Source".
func columns(names ...string) (all []object) {
	for _, n := range names {
		name, text, _ := strings.Cut(n, "=")
		properties := []object{named(text)}
		if links := drill[name]; links != nil {
			properties = append(properties, property("links", links))
		}
		all = append(all, field(name, properties...))
	}
	return all
}

// drill leads from a value to what else there is about it.
var drill = map[string][]object{
	"src_addr": about("src_addr"), "dst_addr": about("dst_addr"), "ip_a": about("ip"), "ip_b": about("ip"), "a": about("ip"), "b": about("ip"),
	"app_name": about("app_name"), "dst_port": about("dst_port"), "src_as": about("src_as"), "dst_as": about("dst_as"),
	"exporter": {to("Its interfaces", "interfaces", "${datasource:queryparam}&var-exporter=${__value.raw:percentencode}")},
}

// about leads to dashboards with one more filter.
func about(field string) []object {
	params := "${__all_variables}&var-filters=" + field + "%7C%3D%7C${__value.raw:percentencode}"
	return []object{to("Who it talks with", "conversations", params), to("Its flows", "talkers", params)}
}

// to leads to a dashboard, at the same time.
func to(title, board, params string) object {
	return object{"title": title, "url": "/d/weir-" + board + "?${__url_time_range}&" + params}
}

// without leaves out columns of a table.
func without(names ...string) object {
	exclude := object{}
	for _, n := range names {
		exclude[n] = true
	}
	return object{"id": "organize", "options": object{"excludeByName": exclude, "indexByName": object{}, "renameByName": object{}}}
}
