package plugin

import (
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// frameTypeHeatmapRows is Grafana's: a time, and a number for each row of the map.
const frameTypeHeatmapRows data.FrameType = "heatmap-rows"

// heat is a row over time for each group, named by it.
func (a *asked) heat(t *answer) *dataFrame {
	f := a.series(t, "")
	f.Meta.Type = frameTypeHeatmapRows
	for _, x := range f.Fields {
		if x.Type() != data.FieldTypeTime {
			x.Name, x.Labels = x.Config.DisplayNameFromDS, nil
		}
	}
	return f
}
