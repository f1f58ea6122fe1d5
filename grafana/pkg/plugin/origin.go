package plugin

import (
	"context"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// An origin has flows: a [collector], or an [ear], which listens itself.
type origin interface {
	ask(context.Context, *query.Question) (*answer, error)
	// values returns values of a column that begin with prefix, as a filter takes
	// them, of flows seen from one moment to another.
	values(ctx context.Context, field, prefix string, from, to int64, limit int) ([]string, error)
	exporters(ctx context.Context, from, to int64) ([]exporter, error)
	// findings returns the newest, and how many more there are.
	findings(context.Context, *aside) (all []detect.Finding, more int, notices []data.Notice, err error)
	// report tells of each exporter, by address.
	report(context.Context) ([]report, []data.Notice, error)
	health(context.Context) (health, error)
	// tail fills x with flows as they come, until ctx ends or there is an error.
	tail(ctx context.Context, x *catch) error
}

// An exporter is one that a variable may name.
type exporter struct {
	Address  string     `json:"address"`
	Name     string     `json:"name,omitempty"`
	State    string     `json:"state,omitempty"`
	LastSeen *time.Time `json:"lastSeen,omitempty"`
}

// viewEngine answers from what was in a window at one moment.
func viewEngine(v engine.View) query.Engine {
	return func(ctx context.Context, r *query.Request) (*query.Answer, error) { return runIn(ctx, v, r) }
}

func (e *ear) ask(ctx context.Context, q *query.Question) (*answer, error) {
	v := e.window.View()
	t, err := q.Run(ctx, viewEngine(v))
	if err != nil {
		return nil, err
	}
	return &answer{t, v.Since, e.doubts(v, q.From)}, nil
}

// doubts says what is missing in an answer from v about [from, …).
func (e *ear) doubts(v engine.View, from int64) []data.Notice {
	r := e.now()
	return append(completeness(v, from, r.Stats()), arrival(r.Pipeline().Ledgers())...)
}

func (e *ear) values(ctx context.Context, field, prefix string, from, to int64, limit int) (all []string, err error) {
	q, ok := query.FieldNamed(field)
	if !ok || q.Of != query.Column {
		return nil, noColumn(field)
	}
	if q.HasNames() {
		all = q.Names(prefix)
		return all[:min(limit, len(all))], nil
	}
	for _, x := range q.Fields {
		some, err := query.Values(ctx, viewEngine(e.window.View()), x, prefix, from, to, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(q.Fields) > 1 {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all[:min(limit, len(all))], nil
}

func (e *ear) exporters(ctx context.Context, from, to int64) (all []exporter, err error) {
	list, err := query.Values(ctx, viewEngine(e.window.View()), flow.FieldExporter, "", from, to, mostValues)
	slices.Sort(list)
	for _, a := range list {
		all = append(all, exporter{Address: a})
	}
	return all, err
}
