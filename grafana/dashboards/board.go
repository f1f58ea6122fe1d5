package main

import (
	"fmt"

	"github.com/weirflow/weir/grafana/pkg/plugin"
)

type object = map[string]any

// A board is a dashboard.
type board struct {
	name   string // of the file; with "weir-" before it, the uid
	title  string
	doc    string
	span   string // its range, to now: now-6h
	annot  bool   // findings are marked over time
	panels []panel
}

// What panels ask with: those that the variables choose.
const (
	chosen    = "$__in(exporter ip, ${exporter:weir}) and $__in(${direction:raw}, ${interface:weir})"
	exporters = "$__in(exporter ip, ${exporter:weir})"
)

// datasource is the datasource that is chosen on the page.
var datasource = object{"type": plugin.ID, "uid": "${datasource}"}

func (b board) file() string { return b.name + ".json" }
func (b board) uid() string  { return "weir-" + b.name }

// model is b as Grafana 12 has dashboards.
func (b board) model() object {
	annotations := []object{{
		"builtIn": 1, "datasource": object{"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
		"iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
	}}
	if b.annot {
		annotations = append(annotations, object{
			"datasource": datasource, "enable": true, "iconColor": "red", "name": "Findings",
			"target": object{"refId": "Anno", "show": "findings", "format": "annotations", "limit": 100},
		})
	}
	return object{
		"annotations": object{"list": annotations}, "description": b.doc, "editable": true, "fiscalYearStartMonth": 0,
		"graphTooltip": 1, "links": b.links(), "panels": layout(b.panels), "preload": false, "refresh": "1m", "schemaVersion": 41,
		"tags": []string{"weir", "flows"}, "templating": object{"list": variables()}, "time": object{"from": b.span, "to": "now"},
		"timepicker": object{}, "timezone": "", "title": "Flows: " + b.title, "uid": b.uid(), "version": 1,
	}
}

// links lead to the other dashboards, with the time and what is chosen.
func (b board) links() []object {
	return []object{{
		"asDropdown": true, "icon": "external link", "includeVars": true, "keepTime": true, "tags": []string{"weir"},
		"targetBlank": false, "title": "Flows", "tooltip": "", "type": "dashboards", "url": "",
	}}
}

func variables() []object {
	all := func(name, label, doc string, query object) object {
		query["refId"] = "WeirVariableQuery"
		return object{
			"type": "query", "name": name, "label": label, "description": doc, "datasource": datasource, "query": query,
			"multi": true, "includeAll": true, "allValue": "any", "current": object{"text": []string{"All"}, "value": []string{"$__all"}},
			"options": []object{}, "refresh": 2, "regex": "", "sort": 7, "hide": 0, "skipUrlSync": false,
		}
	}
	return []object{
		{
			"type": "datasource", "name": "datasource", "label": "Datasource", "description": "A collector, or a datasource that listens itself",
			"query": plugin.ID, "multi": false, "includeAll": false, "current": object{}, "options": []object{}, "refresh": 1, "regex": "", "hide": 0, "skipUrlSync": false,
		},
		all("exporter", "Exporter", "Who observed the flows", object{"kind": "exporters"}),
		all("interface", "Interface", "ifIndex of the exporters that are chosen", object{"kind": "values", "field": "if", "where": exporters}),
		direction(),
		{
			"type": "adhoc", "name": "filters", "label": "Filters", "description": "On any field of flows", "datasource": datasource,
			"filters": []object{}, "hide": 0, "skipUrlSync": false,
		},
	}
}

// direction says which side of a flow the interface is on.
func direction() object {
	options, query := []object{}, ""
	for n, x := range []struct{ text, field string }{{"both", "if"}, {"in", "in if"}, {"out", "out if"}} {
		options = append(options, object{"selected": n == 0, "text": x.text, "value": x.field})
		query += fmt.Sprintf(", %s : %s", x.text, x.field)
	}
	return object{
		"type": "custom", "name": "direction", "label": "Direction", "description": "Of the flows at the interfaces that are chosen",
		"multi": false, "includeAll": false, "current": options[0], "options": options, "query": query[2:], "hide": 0, "skipUrlSync": false,
	}
}
