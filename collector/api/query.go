package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A Store answers questions about the flows that have come.
type Store interface {
	// Query ends early, with an error, when ctx does.
	Query(ctx context.Context, r *query.Request) (*query.Answer, error)
	// Values returns up to limit values of a column that begin with prefix, as a
	// filter takes them, of flows seen from one moment to another, Unix nanoseconds:
	// the most frequent ones, or those that are found first.
	Values(ctx context.Context, field flow.Field, prefix string, from, to int64, limit int) ([]string, error)
}

// Limits of questions.
const (
	mostQuestions = 16      // at once; the store may let fewer run
	mostRecords   = 100_000 // flows in an answer
	usualTimeout  = 30
	mostTimeout   = 300             // seconds
	valuesTimeout = 5 * time.Second // who completes a word doesn't wait longer
)

// stored tells whether there is a store, and else answers that there is none.
func (s *Server) stored(w http.ResponseWriter) bool {
	if s.deps.Store == nil {
		problem(w, http.StatusNotImplemented, "this weir keeps no flows: let its configuration have a store, or start it with one")
		return false
	}
	return true
}

// query answers a question.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	if !s.stored(w) {
		return
	}
	write, kind, ok := formatOf(w, r)
	if !ok {
		return
	}
	timeout, ok := number(w, r, "timeout", usualTimeout, 1, mostTimeout)
	if !ok {
		return
	}
	asked, ok := askedOf(w, r)
	if !ok {
		return
	}
	q, err := asked.Ask(s.deps.Now())
	if err == nil && q.Shape == query.Flows && q.Limit > mostRecords {
		err = errors.New("an answer has 100000 flows at most: ask for fewer, or for a shorter time")
	}
	if err != nil {
		badQuestion(w, err)
		return
	}
	select {
	case s.questions <- struct{}{}:
		defer func() { <-s.questions }()
	default:
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusServiceUnavailable, "%d questions are being answered: ask again in a moment", mostQuestions)
		return
	}
	ctx, cancel := s.asking(w, r, time.Duration(timeout)*time.Second)
	defer cancel()
	t, err := q.Run(ctx, s.deps.Store.Query)
	if err != nil {
		s.unanswered(w, ctx, err, timeout)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	if err := write(w, t); err != nil {
		s.deps.Log.Debug("api: an answer was not read to its end", "error", err)
	}
}

// asking returns the context of a question: it ends with the client's patience,
// the client, or the server.
func (s *Server) asking(w http.ResponseWriter, r *http.Request, timeout time.Duration) (context.Context, context.CancelFunc) {
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{}) // else its end looks like the client's
	rc.SetWriteDeadline(time.Now().Add(timeout + s.writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	go func() {
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// unanswered says why there is no answer.
func (s *Server) unanswered(w http.ResponseWriter, ctx context.Context, err error, timeout int) {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		problem(w, http.StatusGatewayTimeout, "the answer takes longer than %d s: ask about a shorter time, or set timeout to as many seconds as it may take, up to %d", timeout, mostTimeout)
	case ctx.Err() != nil:
		problem(w, http.StatusServiceUnavailable, "weir ends, or nobody waits for the answer")
	default:
		s.deps.Log.Warn("api: a question was not answered", "error", err)
		problem(w, http.StatusInternalServerError, "the store does not answer: %v", err)
	}
}

// askedOf reads the question of a request: q, or a body of JSON.
func askedOf(w http.ResponseWriter, r *http.Request) (a query.Asked, ok bool) {
	if r.Method != http.MethodPost {
		if a.Question = r.URL.Query().Get("q"); strings.TrimSpace(a.Question) == "" {
			problem(w, http.StatusBadRequest, "there is no question: set q, as in q=top 10 src by bytes last 1h; weir help query tells the language")
			return a, false
		}
		return a, true
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		problem(w, http.StatusBadRequest, "read the question: %v", err)
		return a, false
	}
	if a, err = query.ReadAsked(body); err != nil {
		problem(w, http.StatusBadRequest, "%v", err)
		return a, false
	}
	return a, true
}

// A Problem is what the server has to say against a request.
type Problem struct {
	Error string `json:"error"`
	At    *Place `json:"at,omitempty"` // of a mistake in a question
}

// A Place is where a mistake is.
type Place struct {
	Field  string `json:"field,omitempty"` // of the question's JSON
	Line   int    `json:"line"`            // both from 1
	Column int    `json:"column"`
	Caret  string `json:"caret"` // what was written, and under it a mark
}

// badQuestion answers what is wrong with one.
func badQuestion(w http.ResponseWriter, err error) {
	p := Problem{Error: err.Error()}
	var at *query.SyntaxError
	if errors.As(err, &at) {
		p.At = &Place{Line: at.Line, Column: at.Column, Caret: at.Caret()}
		var of *query.FieldError
		if errors.As(err, &of) {
			p.At.Field = of.Field
		}
	}
	answer(w, http.StatusBadRequest, p)
}

// Media types of answers.
const (
	typeJSON  = "application/json"
	typeCSV   = "text/csv"
	typeArrow = "application/vnd.apache.arrow.stream"
)

// tableFormats are the forms of an answer. The first is what one gets who doesn't
// say.
var tableFormats = []struct {
	name, kind string
	write      func(io.Writer, *query.Table) error
}{
	{"json", typeJSON, writeJSON},
	{"csv", typeCSV, func(w io.Writer, t *query.Table) error { return t.WriteCSV(w) }},
	{"ndjson", typeLines, func(w io.Writer, t *query.Table) error { return t.WriteLines(w) }},
	{"arrow", typeArrow, writeArrow},
}

// formatOf chooses the form by the parameter, or else by what is accepted.
func formatOf(w http.ResponseWriter, r *http.Request) (write func(io.Writer, *query.Table) error, kind string, ok bool) {
	name := r.URL.Query().Get("format")
	accept := strings.Join(r.Header.Values("Accept"), ",")
	var names []string
	for _, f := range tableFormats {
		if f.name == name || name == "" && f.kind != typeJSON && accepts(accept, f.kind) {
			return f.write, f.kind, true
		}
		names = append(names, f.name)
	}
	if name != "" {
		problem(w, http.StatusBadRequest, "no format %q: it is one of %s", name, strings.Join(names, ", "))
		return nil, "", false
	}
	return writeJSON, typeJSON, true
}

// accepts tells whether an Accept header names a media type itself.
func accepts(accept, kind string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), kind) {
			return true
		}
	}
	return false
}

// Fields is the answer to GET /api/v1/fields.
type Fields struct {
	Fields []query.FieldInfo `json:"fields"`
}

func (s *Server) fields(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, Fields{query.AllFields()})
}

// Values is the answer to GET /api/v1/values.
type Values struct {
	Values []string `json:"values"`
}

// values completes a value of a field.
func (s *Server) values(w http.ResponseWriter, r *http.Request) {
	if !s.stored(w) {
		return
	}
	get := r.URL.Query().Get
	field, ok := query.FieldNamed(get("field"))
	if !ok || field.Of != query.Column {
		problem(w, http.StatusBadRequest, "field is %q, which is no column: see /api/v1/fields", get("field"))
		return
	}
	limit, ok := number(w, r, "limit", 20, 1, 1000)
	if !ok {
		return
	}
	over := query.Asked{From: get("from"), To: get("to")}
	q, err := over.Ask(s.deps.Now())
	if err != nil {
		badQuestion(w, err)
		return
	}
	all := field.Names(get("prefix"))
	ctx, cancel := s.asking(w, r, valuesTimeout)
	defer cancel()
	for _, x := range field.Fields {
		if field.HasNames() {
			break
		}
		some, err := s.deps.Store.Values(ctx, x, get("prefix"), q.From, q.To, limit)
		if err != nil && ctx.Err() == nil {
			s.unanswered(w, ctx, err, 0)
			return
		}
		all = append(all, some...)
	}
	if len(field.Fields) > 1 {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	answer(w, http.StatusOK, Values{append([]string{}, all[:min(limit, len(all))]...)})
}
