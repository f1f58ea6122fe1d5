package plugin

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/concurrent"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirflow/weir/shared/query"
)

// ID is the plugin's, in plugin.json and everywhere.
const ID = "weir-flows-datasource"

// parallel is how many queries of a request run at once.
const parallel = 4

// New returns what makes the datasources of this process, over one Hub, which
// listens already if the administrator wants it to.
func New(a Admin) datasource.InstanceFactoryFunc {
	h := NewHub(slog.New(logHandler{backend.Logger}))
	h.Administer(a)
	prometheus.MustRegister(meter{h})
	return h.NewDatasource
}

// A Datasource is one configured datasource until its settings change. It
// listens from the first request on; where it can't, each request tries again,
// so that a port that has become free needs no change of the settings.
type Datasource struct {
	hub      *Hub
	uid      string
	settings Settings
	invalid  error      // what is wrong with the settings
	weir     *collector // nil: it listens itself

	backend.CallResourceHandler

	mu       sync.Mutex
	ear      *ear
	disposed bool
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ backend.StreamHandler         = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// NewDatasource makes the Datasource of some settings, and lets it listen unless a
// collector does. It returns no error: CheckHealth tells it better.
func (h *Hub) NewDatasource(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	d := &Datasource{hub: h, uid: s.UID}
	d.CallResourceHandler = d.resources()
	if d.settings, d.invalid = parseSettings(s, h.defaults); d.invalid != nil {
		return d, nil
	}
	if d.settings.Mode == modeCollector {
		d.weir, d.invalid = newCollector(ctx, d.settings, s)
		return d, nil
	}
	if _, err := d.listening(); err != nil {
		h.log.Warn("not listening", "datasource", s.Name, "error", err)
	}
	return d, nil
}

// Dispose gives back sockets and window. It may be called more than once.
func (d *Datasource) Dispose() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disposed = true
	if d.ear != nil {
		d.hub.release(d.ear, d)
		d.ear = nil
	}
}

// listening returns the ear of d, and listens if nobody does yet.
func (d *Datasource) listening() (*ear, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.invalid != nil:
		return nil, d.invalid
	case d.disposed:
		return nil, errDisposed
	case d.ear != nil && !ended(d.ear.now()):
		return d.ear, nil
	}
	e, err := d.hub.acquire(d)
	if err == nil {
		d.ear = e
	}
	return e, err
}

// QueryData answers the queries of a panel or of a rule, several at once.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	if len(req.Queries) > mostQueries {
		return nil, backend.DownstreamErrorf("a request has %d queries at most, this one has %d", mostQueries, len(req.Queries))
	}
	sole := reckons(req)
	var size budget
	return concurrent.QueryData(ctx, req, func(ctx context.Context, q concurrent.Query) backend.DataResponse {
		if err := size.left(); err != nil {
			return refused(backend.StatusBadRequest, err)
		}
		r := d.query(ctx, q, sole)
		size.spend(r.Frames)
		return r
	}, parallel)
}

// reckons tells whether Grafana asks for an alert rule or an expression: there, a number
// is known by its labels alone, so that a group must have one.
func reckons(req *backend.QueryDataRequest) bool {
	return req.Headers[backend.FromAlertHeaderName] == "true" || req.GetHTTPHeader("X-Grafana-From-Expr") == "true"
}

// origin returns where d's flows are.
func (d *Datasource) origin() (origin, error) {
	d.hub.wake()
	if d.invalid == nil && d.weir != nil {
		return d.weir, nil
	}
	e, err := d.listening()
	if err != nil {
		return nil, err // not an ear that is nil
	}
	return e, nil
}

func (d *Datasource) query(ctx context.Context, q concurrent.Query, sole bool) backend.DataResponse {
	a, first, err := parse(q.DataQuery, time.Now())
	if err != nil {
		return refused(backend.StatusBadRequest, err)
	}
	a.sole = a.sole || sole
	goesOn, id := newLiveQuery(q.DataQuery, a)
	s, err := d.origin()
	if err != nil {
		return refused(backend.StatusBadGateway, err)
	}
	var frames []*dataFrame
	switch e, ok := s.(*ear); {
	case goesOn != nil:
		frames, err = d.begin(ctx, s, orgOf(q.PluginContext), goesOn, id)
	case ok && first != nil:
		frames, err = first.hear(ctx, e)
	default:
		frames, err = d.reply(ctx, s, a)
	}
	if err != nil {
		return refused(statusOf(err), err)
	}
	return backend.DataResponse{Frames: frames}
}

// reply asks s, and makes frames of the answer.
func (d *Datasource) reply(ctx context.Context, s origin, a *asked) ([]*dataFrame, error) {
	if a.aside != nil {
		f, err := a.aside.answer(ctx, s, a.format, d.uid)
		if err != nil {
			return nil, err
		}
		return []*dataFrame{f}, nil
	}
	t, err := traced(ctx, s, &a.Question)
	if err != nil {
		return nil, err
	}
	_, span := tracing.DefaultTracer().Start(ctx, "frames")
	defer span.End()
	return a.frames(t, d.uid), nil
}

// traced asks s within a span of Grafana's tracing.
func traced(ctx context.Context, s origin, q *query.Question) (*answer, error) {
	ctx, span := tracing.DefaultTracer().Start(ctx, "ask "+q.Show())
	defer span.End()
	t, err := s.ask(ctx, q)
	if err != nil {
		span.RecordError(err)
	}
	return t, err
}

// refused is the answer to a query that there is none to. It isn't the plugin's
// fault.
func refused(status backend.Status, err error) backend.DataResponse {
	return backend.ErrDataResponseWithSource(status, backend.ErrorSourceDownstream, err.Error())
}

// hear answers a query of the first kind from e.
func (q *panel) hear(ctx context.Context, e *ear) ([]*dataFrame, error) {
	v := e.window.View()
	f, err := q.answer(ctx, v)
	if err != nil {
		return nil, err
	}
	f.AppendNotices(e.doubts(v, q.From)...)
	return []*dataFrame{f}, nil
}
