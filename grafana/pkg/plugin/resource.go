package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/weirflow/weir/shared/query"
)

// Limits of what is asked for by editors.
const (
	usualValues = 20
	mostValues  = 1000
	mostBody    = 64 << 10
	usualRange  = time.Hour
)

// noColumn is the error of a field that flows have no values of.
type noColumn string

func (f noColumn) Error() string { return fmt.Sprintf("field is %q, which is no column", string(f)) }

// resources are what editors and variables ask for:
//
//	GET  /fields                             what questions and filters are about
//	GET  /values?field=&prefix=&from=&to=&limit=   values of a field, as a filter takes them
//	GET  /exporters?from=&to=                who sends
//	POST /validate                           a panel's query: its usual form, or what is wrong with it
//
// Moments are milliseconds since 1970, as Grafana has them; without them it is the
// last hour.
func (d *Datasource) resources() backend.CallResourceHandler {
	m := http.NewServeMux()
	m.HandleFunc("GET /fields", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]any{"fields": query.AllFields()})
	})
	m.HandleFunc("GET /values", d.valuesOf)
	m.HandleFunc("GET /exporters", d.exportersOf)
	m.HandleFunc("POST /validate", validate)
	return httpadapter.New(m)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // an error is the connection's: there is nobody to tell
}

func refuse(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}

// origin returns where r's flows are, and the range that r asks about.
func (d *Datasource) originFor(w http.ResponseWriter, r *http.Request) (s origin, from, to int64, ok bool) {
	now := time.Now()
	from, to = now.Add(-usualRange).UnixNano(), now.UnixNano()
	for _, x := range []struct {
		name string
		at   *int64
	}{{"from", &from}, {"to", &to}} {
		text := r.URL.Query().Get(x.name)
		if text == "" {
			continue
		}
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || ms < 0 || ms > 1<<42 {
			refuse(w, http.StatusBadRequest, fmt.Errorf("%s is %q: write milliseconds since 1970", x.name, text))
			return nil, 0, 0, false
		}
		*x.at = ms * 1e6
	}
	if from >= to {
		refuse(w, http.StatusBadRequest, errors.New("the time range ends before it begins"))
		return nil, 0, 0, false
	}
	s, err := d.origin()
	if err != nil {
		refuse(w, http.StatusBadGateway, err)
		return nil, 0, 0, false
	}
	return s, from, to, true
}

func (d *Datasource) valuesOf(w http.ResponseWriter, r *http.Request) {
	s, from, to, ok := d.originFor(w, r)
	if !ok {
		return
	}
	get := r.URL.Query().Get
	limit := usualValues
	if text := get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostValues {
			refuse(w, http.StatusBadRequest, fmt.Errorf("limit is %q: write a number from 1 to %d", text, mostValues))
			return
		}
	}
	if q, ok := query.FieldNamed(get("field")); !ok || q.Of != query.Column {
		refuse(w, http.StatusBadRequest, noColumn(get("field")))
		return
	}
	all, err := s.values(r.Context(), get("field"), get("prefix"), from, to, limit)
	if err != nil {
		refuse(w, int(statusOf(err)), err)
		return
	}
	reply(w, http.StatusOK, map[string][]string{"values": append([]string{}, all...)})
}

func (d *Datasource) exportersOf(w http.ResponseWriter, r *http.Request) {
	s, from, to, ok := d.originFor(w, r)
	if !ok {
		return
	}
	all, err := s.exporters(r.Context(), from, to)
	if err != nil {
		refuse(w, int(statusOf(err)), err)
		return
	}
	reply(w, http.StatusOK, map[string][]exporter{"exporters": append([]exporter{}, all...)})
}

// A verdict is what there is to say about a query.
type verdict struct {
	Valid    bool   `json:"valid"`
	Question string `json:"question,omitempty"` // its usual form, for the last hour
	Error    string `json:"error,omitempty"`
	Field    string `json:"field,omitempty"` // of the query
	Line     int    `json:"line,omitempty"`  // of the mistake, both from 1
	Column   int    `json:"column,omitempty"`
	Caret    string `json:"caret,omitempty"`
}

// validate judges a panel's query, which need not be asked.
func validate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	now := time.Now()
	a, _, err := parse(backend.DataQuery{
		JSON: body, Interval: time.Minute, TimeRange: backend.TimeRange{From: now.Add(-usualRange), To: now},
	}, now)
	if err == nil {
		reply(w, http.StatusOK, verdict{Valid: true, Question: a.String()})
		return
	}
	v := verdict{Error: err.Error()}
	var of *query.FieldError
	if errors.As(err, &of) {
		v.Field = of.Field
	}
	var at *query.SyntaxError
	if errors.As(err, &at) {
		v.Error, v.Line, v.Column, v.Caret = at.Message, at.Line, at.Column, at.Caret()
	}
	reply(w, http.StatusOK, v)
}
