package query

import (
	"encoding/json"
	"fmt"
)

// Grafana returns the query of a panel of weir's datasource that asks the same. Its
// range is the dashboard's.
func (q *Question) Grafana() (string, error) {
	x := struct {
		Type    string   `json:"type"`
		Metric  string   `json:"metric,omitempty"`
		GroupBy []string `json:"groupBy,omitempty"`
		Limit   int      `json:"limit"`
	}{Limit: q.Limit}
	switch {
	case q.Shape == Conversations || q.Matrix:
		return "", fmt.Errorf("the datasource shows top, series and flows")
	case q.Raw || q.Dedup || q.Sides || q.Present || q.Against != [2]int64{} || q.Bin > 0 && !q.Series:
		return "", fmt.Errorf("the datasource has no raw, dedup, both, present, previous, max and percentiles")
	case q.Filter != nil:
		return "", fmt.Errorf("the datasource has no filters yet")
	case len(q.Metrics) > 1 || len(q.Metrics) == 1 && q.Metrics[0].Of == Distinct:
		return "", fmt.Errorf("the datasource measures one of bits, bytes, packets and flows")
	}
	x.Type = map[string]string{"top": "top", "series": "timeseries", "flows": "flows"}[q.Show()]
	if q.Shape == Groups {
		x.Metric = q.Metrics[0].name()
	}
	for i := range q.By {
		d := &q.By[i]
		if len(d.Of.Fields) != 1 || d.Of != columns[d.Of.Fields[0]] || d.Bits|d.Bit6 != 0 {
			return "", fmt.Errorf("the datasource groups by whole columns, not by %s", quoted(d.String()))
		}
		x.GroupBy = append(x.GroupBy, flatName(d.Of.Fields[0]))
	}
	b, err := json.Marshal(x)
	return string(b), err
}
