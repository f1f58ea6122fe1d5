package api

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

//go:embed openapi.yaml
var openAPI []byte

// A route is something to ask for.
type route struct {
	method, path string
	need         Role
	handler      func(*Server, http.ResponseWriter, *http.Request)
}

// routes are all of them.
var routes = []route{
	{"GET", "/", anyone, file("index.html", "text/html; charset=utf-8")},
	{"GET", "/page.js", anyone, file("page.js", "text/javascript; charset=utf-8")},
	{"GET", "/page.css", anyone, file("page.css", "text/css; charset=utf-8")},
	{"GET", "/api/v1/exporters", Viewer, (*Server).exporters},
	{"GET", "/api/v1/exporters/{address}", Viewer, (*Server).exporter},
	{"GET", "/api/v1/status", Viewer, (*Server).status},
	{"GET", "/api/v1/flows/tail", Viewer, (*Server).tail},
	{"GET", "/api/v1/flows/top", Viewer, (*Server).top},
	{"GET", "/api/v1/query", Viewer, (*Server).query},
	{"POST", "/api/v1/query", Viewer, (*Server).query},
	{"GET", "/api/v1/fields", Viewer, (*Server).fields},
	{"GET", "/api/v1/values", Viewer, (*Server).values},
	{"GET", "/api/v1/findings", Viewer, (*Server).findings},
	{"POST", "/api/v1/findings", Operator, (*Server).addFindings},
	{"POST", "/api/v1/reload", Operator, (*Server).reload},
	{"POST", "/api/v1/erase", Admin, (*Server).erase},
	{"GET", "/metrics", Viewer, (*Server).metrics},
	{"GET", "/health", Viewer, (*Server).health},
	{"GET", "/health/live", Viewer, (*Server).live},
	{"GET", "/openapi.yaml", Viewer, (*Server).openAPI},
}

// Handler returns all that the API answers, guarded.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range routes {
		path := r.path
		if path == "/" {
			path = "/{$}" // not what is below it
		}
		methods[path] = append(methods[path], r.method)
		mux.HandleFunc(r.method+" "+path, func(w http.ResponseWriter, q *http.Request) {
			if s.allow(w, q, r.need) {
				r.handler(s, w, q)
			}
		})
	}
	for path, allowed := range methods {
		mux.HandleFunc(path, func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			problem(w, http.StatusMethodNotAllowed, "%s is not for %s: use %s", q.Method, q.URL.Path, strings.Join(allowed, ", "))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		problem(w, http.StatusNotFound, "there is nothing here: see /openapi.yaml for what there is")
	})
	return s.guard(mux)
}

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Write(openAPI)
}

// Health says whether the collector does its work.
type Health struct {
	Status string `json:"status"` // ready, or not ready
	Reason string `json:"reason,omitempty"`
}

// health tells a load balancer whether to send anything here.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if err := s.deps.Ready(); err != nil {
		answer(w, http.StatusServiceUnavailable, Health{"not ready", err.Error()})
		return
	}
	answer(w, http.StatusOK, Health{Status: "ready"})
}

// live tells a supervisor that the process answers.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, Health{Status: "live"})
}

// ErrPartly is what Deps.Reload wraps where some of the configuration was applied.
var ErrPartly = errors.New("the rest is as the file says")

// reload reads the configuration anew.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if s.deps.Reload == nil {
		problem(w, http.StatusNotImplemented, "this weir was started without a configuration file: there is nothing to reload")
		return
	}
	if err := s.deps.Reload(r.Context()); err != nil {
		if !errors.Is(err, ErrPartly) {
			err = fmt.Errorf("%w; the configuration before still holds", err)
		}
		problem(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	answer(w, http.StatusOK, struct {
		Reloaded bool `json:"reloaded"`
	}{true})
}
