package plugin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/query"
)

// mostNodes is how many Grafana's panel shows.
const mostNodes = 1500

// A talk is a graph of who talks to whom, while it is put together.
type talk struct {
	side                         [2]string // before the ids of both columns' nodes
	at                           map[string]int
	ids, titles, from, to, edges []string
	stats, weights, widths       []float64
}

// graph is who talks to whom: nodes, and edges between them.
func (a *asked) graph(t *answer, uid string) []*dataFrame {
	const value = 2
	column := t.Columns[value]
	g := talk{at: map[string]int{}}
	// Both sides of one thing are the same nodes.
	same := sideless(t.Columns[0].Field)
	if same != sideless(t.Columns[1].Field) {
		g.side, same = [2]string{t.Columns[0].Name + " ", t.Columns[1].Name + " "}, ""
	}
	most, left := 0.0, 0
	for _, row := range t.Rows {
		most = max(most, row[value].Number())
	}
	for i, row := range t.Rows {
		weight, width := row[value].Number(), 1.0
		if most > 0 {
			width += 9 * weight / most
		}
		if !g.add(strconv.Itoa(i), row, weight, width) {
			left++
		}
	}
	stat := func(links []data.DataLink) *data.FieldConfig {
		return &data.FieldConfig{Unit: units[column.Unit], DisplayName: column.Name, Links: links}
	}
	var ofNode, ofEdge []data.DataLink
	if same != "" {
		ofNode = a.linkTo("Its flows", uid, fieldTerm(same, "id"))
		ofEdge = a.linkTo("Their flows", uid, fieldTerm(t.Columns[0].Field, "source"), fieldTerm(t.Columns[1].Field, "target"))
	}
	nodes, edges := tableFrame(data.FrameTypeTable), tableFrame(data.FrameTypeTable)
	nodes.Name, edges.Name = "nodes", "edges"
	nodes.RefID, edges.RefID = "nodes", "edges"
	nodes.Fields = []*data.Field{
		data.NewField("id", nil, g.ids), data.NewField("title", nil, g.titles), data.NewField("mainstat", nil, g.stats).SetConfig(stat(ofNode)),
	}
	edges.Fields = []*data.Field{
		data.NewField("id", nil, g.edges), data.NewField("source", nil, g.from), data.NewField("target", nil, g.to),
		data.NewField("mainstat", nil, g.weights).SetConfig(stat(ofEdge)), data.NewField("thickness", nil, g.widths),
	}
	for _, f := range []*dataFrame{nodes, edges} {
		f.Meta.PreferredVisualization = data.VisTypeNodeGraph
	}
	tell := func(format string, args ...any) {
		nodes.AppendNotices(data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf(format, args...)})
	}
	if t.Others > 0 {
		tell("the %d largest of %d edges are shown", len(t.Rows), len(t.Rows)+t.Others)
	}
	if left > 0 {
		tell("cut: %d of %d edges are left out, as a graph has %d nodes at most", left, len(t.Rows), mostNodes)
	}
	return []*dataFrame{nodes, edges}
}

// add adds an edge, and its nodes if they are new, for which there must be room.
func (g *talk) add(id string, row []query.Cell, weight, width float64) bool {
	ends := [2]string{g.side[0] + keyOf(row[0]), g.side[1] + keyOf(row[1])}
	n := len(g.ids)
	for i, end := range ends {
		if _, ok := g.at[end]; !ok && (i == 0 || end != ends[0]) {
			n++
		}
	}
	if n > mostNodes {
		return false
	}
	for i, end := range ends {
		if i == 1 && end == ends[0] {
			break
		}
		at, ok := g.at[end]
		if !ok {
			at = len(g.ids)
			g.at[end] = at
			g.ids, g.titles, g.stats = append(g.ids, end), append(g.titles, keyOf(row[i])), append(g.stats, 0)
		}
		g.stats[at] += weight
	}
	g.from, g.to, g.edges = append(g.from, ends[0]), append(g.to, ends[1]), append(g.edges, id)
	g.weights, g.widths = append(g.weights, weight), append(g.widths, width)
	return true
}

// sideless is a field's name without its side.
func sideless(name string) string {
	word, rest, ok := strings.Cut(name, " ")
	if ok && (word == "src" || word == "dst" || word == "in" || word == "out") {
		return rest
	}
	return name
}
