package plugin

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/concurrent"
)

// ID is the plugin's, in plugin.json and everywhere.
const ID = "weir-flows-datasource"

// parallel is how many queries of a request run at once.
const parallel = 4

// New returns what makes the datasources of this process, over one Hub.
func New() datasource.InstanceFactoryFunc {
	return NewHub(slog.New(logHandler{backend.Logger})).NewDatasource
}

// A Datasource is one configured datasource until its settings change. It
// listens from the first request on; where it can't, each request tries again,
// so that a port that has become free needs no change of the settings.
type Datasource struct {
	hub      *Hub
	uid      string
	settings Settings
	invalid  error // what is wrong with the settings

	mu       sync.Mutex
	ear      *ear
	disposed bool
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// NewDatasource makes the Datasource of some settings, and lets it listen. It
// returns no error: CheckHealth tells it better.
func (h *Hub) NewDatasource(_ context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	d := &Datasource{hub: h, uid: s.UID}
	if d.settings, d.invalid = ParseSettings(s.JSONData); d.invalid != nil {
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
		return nil, errors.New("the datasource's settings have changed: ask again")
	case d.ear != nil && !ended(d.ear.now()):
		return d.ear, nil
	}
	e, err := d.hub.acquire(d)
	if err == nil {
		d.ear = e
	}
	return e, err
}

// QueryData answers the queries of a panel, several at once.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	return concurrent.QueryData(ctx, req, d.query, parallel)
}

func (d *Datasource) query(ctx context.Context, q concurrent.Query) backend.DataResponse {
	m, err := parseQuery(q.DataQuery)
	if err != nil {
		return backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, err.Error())
	}
	e, err := d.listening()
	if err != nil {
		return backend.ErrDataResponseWithSource(backend.StatusBadGateway, backend.ErrorSourceDownstream, err.Error())
	}
	v := e.window.View()
	frame, err := m.answer(ctx, v)
	switch {
	case errors.Is(err, context.Canceled):
		return backend.ErrDataResponseWithSource(499, backend.ErrorSourceDownstream, "canceled")
	case err != nil:
		return backend.ErrDataResponseWithSource(backend.StatusTimeout, backend.ErrorSourceDownstream, err.Error())
	}
	frame.AppendNotices(completeness(v, m.From, e.now().Stats())...)
	return backend.DataResponse{Frames: []*dataFrame{frame}}
}
