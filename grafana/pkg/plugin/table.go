package plugin

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// An answer is what an origin says to a question.
type answer struct {
	*query.Table
	since   time.Time // before it, flows are missing; zero: not known
	notices []data.Notice
}

// units are Grafana's names of a table's.
var units = map[string]string{
	"bit": "decbits", "B": "decbytes", "packet": "short", "flow": "short",
	"bit/s": "bps", "B/s": "Bps", "packet/s": "pps", "flow/s": "si:flows/s", "%": "percent", "s": "s",
}

// frames makes frames of t for the datasource uid.
func (a *asked) frames(t *answer, uid string) (all []*dataFrame) {
	switch {
	case a.format == formatGraph:
		all = a.graph(t, uid)
	case a.format == formatHeat:
		all = []*dataFrame{a.heat(t)}
	case a.format == formatGeo:
		all = []*dataFrame{a.geo(t, uid)}
	case a.format == formatLogs:
		all = []*dataFrame{a.logs(t)}
	case a.Series && a.format != formatTable:
		all = []*dataFrame{a.series(t, uid)}
	default:
		all = []*dataFrame{a.table(t, uid)}
	}
	for _, f := range all {
		f.Meta.ExecutedQueryString = t.Question
		f.Meta.Custom = custom{Flows: int(t.Flows), Scaled: t.Scaled, UnknownRate: int(t.Unknown), OtherGroups: t.Others}
		f.Meta.Stats = []data.QueryStat{{FieldConfig: data.FieldConfig{DisplayName: "Rows read", Unit: "short"}, Value: float64(t.Scanned)}}
	}
	all[0].AppendNotices(a.doubts(t)...)
	return all
}

func tableFrame(kind data.FrameType) *dataFrame {
	f := data.NewFrame("")
	f.Meta = &data.FrameMeta{Type: kind, TypeVersion: data.FrameTypeVersion{0, 1}}
	return f
}

// keyNames are the names of t's first columns, which tell what groups have in common.
func (a *asked) keyNames(t *answer) (names []string) {
	for _, c := range t.Columns {
		if c.Role != query.KeyRole {
			break
		}
		if names = append(names, c.Name); len(names) <= len(a.names) {
			names[len(names)-1] = a.names[len(names)-1]
		}
	}
	return names
}

// keyOf is the text of a group's value.
func keyOf(c query.Cell) string {
	if c.IsNone() {
		return missing
	}
	return c.String()
}

// series is a line for each group and metric, as rates.
func (a *asked) series(t *answer, uid string) *dataFrame {
	f := tableFrame(data.FrameTypeTimeSeriesWide)
	lines := t.Series
	if len(lines) == 0 && len(a.By) == 0 { // silence is a value
		for _, m := range a.Metrics {
			lines = append(lines, query.Line{Row: -1, Metric: m.String(), Values: make([]float64, a.Bins())})
		}
	}
	if len(lines) == 0 {
		return f
	}
	times := make([]time.Time, a.Bins())
	for n := range times {
		times[n] = time.Unix(0, a.From+int64(n)*a.Bin).UTC()
	}
	step := float64(time.Duration(a.Bin).Milliseconds())
	f.Fields = append(f.Fields, data.NewField("time", nil, times).SetConfig(&data.FieldConfig{Interval: step}))
	names := a.keyNames(t)
	for _, l := range lines {
		values := make([]*float64, len(times))
		for n := range values {
			if n < len(l.Values) && (l.Values[n] != 0 || times[n].Add(time.Duration(a.Bin)).After(t.since)) {
				values[n] = &l.Values[n]
			}
		}
		metric := l.Metric
		if a.metric != "" {
			metric = a.metric
		}
		var labels data.Labels
		display := metric
		if len(names) > 0 {
			labels = data.Labels{}
			texts := make([]string, len(names))
			for n, name := range names {
				if texts[n] = other; l.Row >= 0 {
					texts[n] = keyOf(t.Rows[l.Row][n])
				}
				labels[name] = texts[n]
			}
			if display = strings.Join(texts, ", "); l.Row < 0 {
				display = other
			}
			if len(a.Metrics) > 1 {
				display += " " + metric
			}
		}
		config := &data.FieldConfig{Unit: units[l.Unit], DisplayNameFromDS: display, Links: a.lineLinks(t, l, uid)}
		f.Fields = append(f.Fields, data.NewField(metric, labels, values).SetConfig(config))
	}
	return f
}

// table is t's rows, and one of what is in none of them: of groups texts and
// numbers, as alert rules want them.
func (a *asked) table(t *answer, uid string) *dataFrame {
	kind := data.FrameTypeTable
	columns, rows := t.Columns, t.Rows
	switch {
	case a.Series:
		columns, rows = nil, nil
		flat, each := t.Flat()
		columns = flat
		for row := range each {
			rows = append(rows, append([]query.Cell{}, row...))
		}
	case a.Shape == query.Groups:
		kind = data.FrameTypeNumericLong
		if t.Other != nil { // folds and different values have none
			rows = append(rows[:len(rows):len(rows)], t.Other)
		}
		if len(rows) == 0 && len(a.By) == 0 {
			rows = [][]query.Cell{silence(columns)}
		}
	}
	f := tableFrame(kind)
	f.Meta.PreferredVisualization = data.VisTypeTable
	names := a.keyNames(t)
	values := 0
	for n, c := range columns {
		grouped := a.Shape == query.Groups && c.Role == query.KeyRole && c.Kind != query.TimeCell
		if c.Role != query.KeyRole {
			if values++; (a.sole || a.format == formatSankey) && values > 1 {
				break
			}
			if values == 1 && a.metric != "" {
				c.Name = a.metric
			}
		}
		var field *data.Field
		if grouped {
			if !a.Series && n < len(names) {
				c.Name = names[n]
			}
			field = textField(c.Name, n, rows, len(t.Rows), kind == data.FrameTypeNumericLong)
		} else {
			field = cellField(c, n, rows)
		}
		field.Config = &data.FieldConfig{Unit: units[c.Unit], Links: a.links(t, n, names, uid)}
		if x, ok := query.FieldNamed(field.Name); ok && x.Name == c.Field && field.Config.Links != nil {
			field.Config.SetFilterable(true) // Grafana's tables offer to filter for a value, or out, by the column's name
		}
		f.Fields = append(f.Fields, field)
	}
	return f
}

// silence is the row of no flow: sums of nothing, which alert rules can wait for.
func silence(columns []query.TableColumn) []query.Cell {
	row := make([]query.Cell, len(columns))
	for n, c := range columns {
		if c.Role == query.ValueRole || c.Role == query.RateRole {
			row[n].Kind = c.Kind
		}
	}
	return row
}

// textField has keys as texts. Rows from others on are of no group.
func textField(name string, n int, rows [][]query.Cell, others int, last bool) *data.Field {
	texts := make([]string, len(rows))
	for i, row := range rows {
		if texts[i] = keyOf(row[n]); last && i >= others {
			texts[i] = other
		}
	}
	return data.NewField(name, nil, texts)
}

// cellField has values as they are.
func cellField(c query.TableColumn, n int, rows [][]query.Cell) *data.Field {
	switch c.Kind {
	case query.UintCell:
		if c.Role == query.KeyRole {
			return data.NewField(c.Name, nil, pointersOf(n, rows, func(x *query.Cell) uint64 { return x.Uint }))
		}
		fallthrough // as Grafana reckons
	case query.FloatCell:
		return data.NewField(c.Name, nil, pointersOf(n, rows, func(x *query.Cell) float64 { return x.Number() }))
	case query.TimeCell:
		return data.NewField(c.Name, nil, pointersOf(n, rows, func(x *query.Cell) time.Time { return time.Unix(0, x.Time).UTC() }))
	}
	return data.NewField(c.Name, nil, pointersOf(n, rows, func(x *query.Cell) string { return x.String() }))
}

// pointersOf returns where the values of a column are, which are made at once.
func pointersOf[T any](n int, rows [][]query.Cell, value func(*query.Cell) T) []*T {
	values, at := make([]T, len(rows)), make([]*T, len(rows))
	for i, row := range rows {
		if x := &row[n]; !x.IsNone() {
			values[i] = value(x)
			at[i] = &values[i]
		}
	}
	return at
}

// severityOf is a line's: a warning is of a flow that a firewall has denied or a router
// has dropped (RFC 7270 §4.12).
func severityOf(event, status query.Cell) string {
	if n, err := strconv.ParseUint(status.String(), 10, 8); event.String() == "denied" || status.String() == "dropped" || err == nil && n>>6 == 2 {
		return "warning"
	}
	return "info"
}

// logs has a line for each flow.
func (a *asked) logs(t *answer) *dataFrame {
	f := tableFrame(data.FrameTypeLogLines)
	f.Meta.PreferredVisualization = data.VisTypeLogs
	at := map[string]int{}
	for n, c := range t.Columns {
		at[c.Name] = n
	}
	cell := func(row []query.Cell, x flow.Field) query.Cell {
		if n, ok := at[flow.Fields[x].Flat]; ok {
			return row[n]
		}
		return query.Cell{}
	}
	var times []time.Time
	var bodies, severities, ids []string
	var labels []json.RawMessage
	for i, row := range t.Rows {
		when := t.To
		for _, x := range []flow.Field{flow.FieldEnd, flow.FieldStart, flow.FieldReceived} {
			if c := cell(row, x); !c.IsNone() {
				when = time.Unix(0, c.Time).UTC()
				break
			}
		}
		all := map[string]query.Cell{}
		id := fnv.New64a()
		for n, c := range row {
			if !c.IsNone() {
				all[t.Columns[n].Name] = c
			}
			id.Write([]byte(c.String() + "\x00"))
		}
		text, err := json.Marshal(all)
		if err != nil {
			panic("a cell makes no JSON: " + err.Error())
		}
		var body strings.Builder
		for _, part := range []struct {
			before string
			x      flow.Field
		}{
			{"", flow.FieldProto}, {" ", flow.FieldSrcAddr}, {" ", flow.FieldSrcPort}, {" → ", flow.FieldDstAddr}, {" ", flow.FieldDstPort},
			{" bytes=", flow.FieldBytes}, {" packets=", flow.FieldPackets}, {" exporter=", flow.FieldExporter},
		} {
			if c := cell(row, part.x); !c.IsNone() {
				body.WriteString(part.before + c.String())
			}
		}
		times, bodies, labels = append(times, when), append(bodies, strings.TrimSpace(body.String())), append(labels, text)
		ids = append(ids, fmt.Sprintf("%016x-%d", id.Sum64(), i))
		severities = append(severities, severityOf(cell(row, flow.FieldFwEvent), cell(row, flow.FieldFwdStatus)))
	}
	f.Fields = []*data.Field{
		data.NewField("timestamp", nil, times), data.NewField("body", nil, bodies),
		data.NewField("severity", nil, severities), data.NewField("id", nil, ids), data.NewField("labels", nil, labels),
	}
	return f
}
