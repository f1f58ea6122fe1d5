//go:build real

package browser

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/weirflow/weir/grafana/drive"
)

// A host serves what Grafana's server does for a datasource: the plugin's files, its
// settings, queries, health, resources and Live.
type host struct {
	plugin  *drive.Plugin
	sources *datasources
	live    *live
	grafana string // the folder
	page    string // the folder of the page as it was bundled
}

// policy lets the page reach nothing but this host, and runs no script that is
// written in HTML.
const policy = "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:"

// fonts are Grafana's names of fonts that npm has.
var fonts = map[string]string{
	"inter/Inter-Regular.woff2":      "inter/files/inter-latin-400-normal.woff2",
	"inter/Inter-Medium.woff2":       "inter/files/inter-latin-500-normal.woff2",
	"inter/Inter-Italic.woff2":       "inter/files/inter-latin-400-italic.woff2",
	"inter/Inter-MediumItalic.woff2": "inter/files/inter-latin-500-italic.woff2",
	"roboto/L0xTDF4xlVMF-BfR8bXMIhJHg45mwgGEFl0_3vrtSM1J-gEPT5Ese6hmHSh0mQ.woff2": "roboto-mono/files/roboto-mono-latin-400-normal.woff2",
}

func (h *host) handler() http.Handler {
	m := http.NewServeMux()
	files := func(prefix, folder string) {
		m.Handle("GET "+prefix, http.StripPrefix(prefix, http.FileServer(http.Dir(folder))))
	}
	files("/public/plugins/"+pluginID+"/", filepath.Join(h.grafana, "dist"))
	m.HandleFunc("GET /public/build/img/icons/{icon...}", h.icon)
	files("/public/build/", h.page)
	for ours, theirs := range fonts {
		m.HandleFunc("GET /public/fonts/"+ours, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join(h.grafana, "node_modules/@fontsource", theirs))
		})
	}
	m.HandleFunc("GET /api/datasources", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, h.sources.of(orgOf(r)))
	})
	m.HandleFunc("GET /api/datasources/uid/{uid}", h.with(func(w http.ResponseWriter, _ *http.Request, s datasource) {
		answer(w, http.StatusOK, s)
	}))
	m.HandleFunc("PUT /api/datasources/uid/{uid}", h.save)
	m.HandleFunc("GET /api/datasources/uid/{uid}/health", h.with(h.health))
	m.HandleFunc("/api/datasources/uid/{uid}/resources/{path...}", h.with(h.resource))
	m.HandleFunc("POST /api/ds/query", h.query)
	m.HandleFunc("GET /api/live/ds/{uid}/{path...}", h.live.serve)
	m.HandleFunc("POST /api/live/publish/ds/{uid}/{path...}", h.live.publish)
	m.HandleFunc("/api/", http.NotFound)
	m.HandleFunc("/apis/", http.NotFound)
	m.HandleFunc("/public/", http.NotFound)
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(h.grafana, "browser/page/index.html"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		m.ServeHTTP(w, r)
	})
}

// icon serves an icon of Grafana's. Some are not in its npm package, and empty here.
func (h *host) icon(w http.ResponseWriter, r *http.Request) {
	icons, err := os.OpenRoot(filepath.Join(h.grafana, "node_modules/@grafana/ui/dist/public/img/icons"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer icons.Close()
	text, err := icons.ReadFile(r.PathValue("icon"))
	if err != nil {
		text = []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"></svg>`)
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Write(text)
}

// orgOf returns the organisation that a user is in.
func orgOf(r *http.Request) int64 {
	for _, text := range []string{r.Header.Get("X-Grafana-Org-Id"), r.URL.Query().Get("orgId")} {
		if org, err := strconv.ParseInt(text, 10, 64); err == nil {
			return org
		}
	}
	return 1
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

// with finds the datasource that a path names.
func (h *host) with(f func(http.ResponseWriter, *http.Request, datasource)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok := h.sources.find(orgOf(r), r.PathValue("uid"))
		if !ok {
			answer(w, http.StatusNotFound, map[string]string{"message": "Data source not found"})
			return
		}
		f(w, r, s)
	}
}

func (h *host) save(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		datasource
		SecureJSONData map[string]string `json:"secureJsonData"`
	}
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"message": "bad request data"})
		return
	}
	s, status := h.sources.save(orgOf(r), r.PathValue("uid"), sent.datasource, sent.SecureJSONData)
	if status != http.StatusOK {
		answer(w, status, map[string]string{"message": "Datasource has already been updated by someone else. Please reload and try again"})
		return
	}
	h.live.changed(s.OrgID, s.UID)
	answer(w, http.StatusOK, map[string]any{"datasource": s, "id": s.ID, "message": "Datasource updated", "name": s.Name})
}

func (h *host) health(w http.ResponseWriter, r *http.Request, s datasource) {
	a, err := h.plugin.Diagnostics.CheckHealth(r.Context(), &pluginv2.CheckHealthRequest{PluginContext: s.context()})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"message": "Plugin health check failed"})
		return
	}
	body := map[string]any{"status": backend.FromProto().CheckHealthResponse(a).Status.String(), "message": a.Message}
	if len(a.JsonDetails) > 0 {
		body["details"] = json.RawMessage(a.JsonDetails)
	}
	status := http.StatusOK
	if a.Status != pluginv2.CheckHealthResponse_OK {
		status = http.StatusBadRequest
	}
	answer(w, status, body)
}

func (h *host) resource(w http.ResponseWriter, r *http.Request, s datasource) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	path := r.PathValue("path")
	url := path
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	headers := map[string]*pluginv2.StringList{}
	for name, values := range r.Header {
		headers[name] = &pluginv2.StringList{Values: values}
	}
	from, err := h.plugin.Resource.CallResource(r.Context(), &pluginv2.CallResourceRequest{
		PluginContext: s.context(), Path: path, Method: r.Method, Url: url, Headers: headers, Body: body,
	})
	for first := true; err == nil; first = false {
		var a *pluginv2.CallResourceResponse
		if a, err = from.Recv(); err != nil {
			break
		}
		if first {
			for name, values := range a.Headers {
				w.Header()[name] = values.Values
			}
			w.WriteHeader(int(a.Code))
		}
		w.Write(a.Body)
	}
	if !errors.Is(err, io.EOF) && r.Context().Err() == nil {
		answer(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
	}
}

// query is POST /api/ds/query.
func (h *host) query(w http.ResponseWriter, r *http.Request) {
	refuse := func(text string) { answer(w, http.StatusBadRequest, map[string]string{"message": text}) }
	var sent struct {
		Queries  []json.RawMessage
		From, To string
	}
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || len(sent.Queries) == 0 {
		refuse("no queries found")
		return
	}
	moment := func(text string) time.Time {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}
		}
		return time.UnixMilli(ms)
	}
	span := backend.TimeRange{From: moment(sent.From), To: moment(sent.To)}
	if span.From.IsZero() || span.To.IsZero() {
		refuse("time range is not given in milliseconds")
		return
	}
	q := &backend.QueryDataRequest{Headers: map[string]string{}}
	var s datasource
	for _, text := range sent.Queries {
		m := struct {
			RefID, QueryType string
			Datasource       struct{ Type, UID string }
			IntervalMs       float64
			MaxDataPoints    int64
		}{IntervalMs: 1000, MaxDataPoints: 100}
		if err := json.Unmarshal(text, &m); err != nil || m.RefID == "" {
			refuse("a query has no refId, or is none")
			return
		}
		var ok bool
		if s, ok = h.sources.find(orgOf(r), m.Datasource.UID); !ok {
			refuse("query has no datasource that exists")
			return
		}
		q.Queries = append(q.Queries, backend.DataQuery{
			RefID: m.RefID, QueryType: m.QueryType, MaxDataPoints: m.MaxDataPoints,
			Interval: time.Duration(m.IntervalMs) * time.Millisecond, TimeRange: span, JSON: text,
		})
	}
	p := backend.ToProto().QueryDataRequest(q)
	p.PluginContext = s.context()
	a, err := h.plugin.Data.QueryData(r.Context(), p)
	if err != nil {
		if r.Context().Err() == nil {
			answer(w, http.StatusInternalServerError, map[string]string{"message": "Query data error", "error": err.Error()})
		}
		return
	}
	response, err := backend.FromProto().QueryDataResponse(a)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
		return
	}
	status := http.StatusOK
	for _, x := range response.Responses {
		if x.Error != nil {
			status = http.StatusBadRequest
		}
	}
	answer(w, status, response)
}
