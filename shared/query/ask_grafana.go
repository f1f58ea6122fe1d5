package query

import (
	"encoding/json"
	"fmt"
)

// Grafana returns the query of a panel of weir's datasource that asks the same. Its
// range is the dashboard's, and so are the bins of a series.
func (q *Question) Grafana() (string, error) {
	var x any
	if q.plainPanel() {
		x = q.panel()
	} else {
		a, err := q.asked()
		if err != nil {
			return "", err
		}
		x = a
	}
	b, err := json.Marshal(x)
	return string(b), err
}

// plainPanel tells whether the datasource's first kind of query suffices: one sum,
// by whole columns.
func (q *Question) plainPanel() bool {
	if q.Shape == Conversations || q.Matrix || q.Raw || q.Dedup || q.Sides || q.Present || q.Against != [2]int64{} ||
		q.Bin > 0 && !q.Series || len(q.Metrics) > 1 || len(q.Metrics) == 1 && (q.Metrics[0].Of == Distinct || q.Metrics[0].Fold != Total) ||
		q.Shape == Flows && len(q.Metrics) > 0 {
		return false
	}
	for i := range q.By {
		d := &q.By[i]
		if len(d.Of.Fields) != 1 || d.Of != columns[d.Of.Fields[0]] || d.Bits|d.Bit6 != 0 {
			return false
		}
	}
	return true
}

func (q *Question) panel() any {
	x := struct {
		Type    string   `json:"type"`
		Metric  string   `json:"metric,omitempty"`
		GroupBy []string `json:"groupBy,omitempty"`
		Limit   int      `json:"limit"`
		Filter  string   `json:"filter,omitempty"`
	}{Limit: q.Limit}
	x.Type = map[string]string{"top": "top", "series": "timeseries", "flows": "flows"}[q.Show()]
	if q.Shape == Groups {
		x.Metric = q.Metrics[0].name()
	}
	for i := range q.By {
		x.GroupBy = append(x.GroupBy, flatName(q.By[i].Of.Fields[0]))
	}
	if q.Filter != nil {
		x.Filter = q.Filter.String()
	}
	return x
}

// asked returns the parts of q without its range.
func (q *Question) asked() (*Asked, error) {
	a := &Asked{Show: q.Show(), Limit: q.Limit, Raw: q.Raw, Dedup: q.Dedup, Both: q.Sides, Present: q.Present}
	for i := range q.By {
		a.By = append(a.By, q.By[i].String())
	}
	for i := range q.Metrics {
		a.Metrics = append(a.Metrics, q.Metrics[i].String())
	}
	if q.Bin > 0 && !q.Series {
		a.Every = string(appendSpan(nil, uint64(q.Bin)))
	}
	if q.Shape == Conversations && q.Idle != DefaultIdle {
		a.Idle = string(appendSpan(nil, uint64(q.Idle)))
	}
	if q.Against != [2]int64{} {
		late := func(a, b int64) bool { return a > b+q.Bin || b > a+q.Bin } // apart by more than widening does
		if b := apart(q.From, q.To).before; late(b[0], q.Against[0]) || late(b[1], q.Against[1]) {
			return nil, fmt.Errorf("the datasource compares with what is as long before its range: ask with previous")
		}
		a.Previous = true
	}
	if q.Zone != nil {
		a.Zone = q.Zone.String()
	}
	if q.Filter != nil {
		a.Where = q.Filter.String()
	}
	return a, nil
}
