package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/weirflow/weir/collector/findings"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/query"
)

// Findings keeps what detectors have found.
type Findings interface {
	// List returns the newest, and how many more there are.
	List(ctx context.Context, q findings.Query) (all []detect.Finding, more int, err error)
	// Add keeps all, or none if one makes no sense, and returns their ids.
	Add(all []detect.Finding) (ids []string, err error)
	Stats() findings.Stats
}

// mostFindings is how many are listed, and how many are added at once.
const mostFindings = 10_000

// Found is the answer to GET /api/v1/findings.
type Found struct {
	Findings []detect.Finding `json:"findings"` // the newest first
	More     int              `json:"more"`     // that are not listed
}

// Added is the answer to POST /api/v1/findings.
type Added struct {
	IDs []string `json:"ids"` // of all that were sent, in their order
}

// keepsFindings tells whether findings are kept, and else answers that they are not.
func (s *Server) keepsFindings(w http.ResponseWriter) bool {
	if s.deps.Findings == nil {
		problem(w, http.StatusNotImplemented, "this weir keeps no findings: let its configuration have a data directory, or start it with one")
		return false
	}
	return true
}

func (s *Server) findings(w http.ResponseWriter, r *http.Request) {
	if !s.keepsFindings(w) {
		return
	}
	get := r.URL.Query().Get
	q := findings.Query{To: math.MaxInt64, Class: get("class"), Detector: get("detector")}
	var ok bool
	if q.Limit, ok = number(w, r, "limit", 100, 1, mostFindings); !ok {
		return
	}
	if q.From, q.To, ok = s.span(w, r, q.From, q.To); !ok {
		return
	}
	if text := get("severity"); text != "" {
		if err := q.Severity.UnmarshalText([]byte(text)); err != nil || q.Severity < detect.Info {
			problem(w, http.StatusBadRequest, "severity is %q: write info, low, medium, high or critical, of which it is the least", text)
			return
		}
	}
	var out Found
	var err error
	if out.Findings, out.More, err = s.deps.Findings.List(r.Context(), q); err != nil {
		problem(w, http.StatusInternalServerError, "the findings can't be read: %v", err)
		return
	}
	answer(w, http.StatusOK, out)
}

// span reads from and to: moments of the language, or milliseconds since 1970. What is
// not there is as given.
func (s *Server) span(w http.ResponseWriter, r *http.Request, from, to int64) (int64, int64, bool) {
	for _, x := range []struct {
		name string
		at   *int64
	}{{"from", &from}, {"to", &to}} {
		text := r.URL.Query().Get(x.name)
		if text == "" {
			continue
		}
		at, err := s.moment(text)
		if err != nil {
			problem(w, http.StatusBadRequest, "%s is %q: write a moment as 2026-11-26T12:00:00Z, or milliseconds since 1970", x.name, text)
			return 0, 0, false
		}
		*x.at = at
	}
	if from >= to {
		problem(w, http.StatusBadRequest, "the time range ends before it begins")
		return 0, 0, false
	}
	return from, to, true
}

// moment reads one.
func (s *Server) moment(text string) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		if ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
			return 0, errors.New("out of range")
		}
		return ms * int64(time.Millisecond), nil
	}
	now := s.deps.Now()
	q, err := (&query.Asked{From: text, To: now.AddDate(100, 0, 0).UTC().Format(time.RFC3339Nano)}).Ask(now)
	if err != nil {
		return 0, err
	}
	return q.From, nil
}

func (s *Server) addFindings(w http.ResponseWriter, r *http.Request) {
	if !s.keepsFindings(w) {
		return
	}
	all, err := readFindings(r.Body)
	if err != nil {
		problem(w, http.StatusBadRequest, "%v", err)
		return
	}
	var out Added
	switch out.IDs, err = s.deps.Findings.Add(all); {
	case errors.Is(err, findings.ErrInvalid):
		problem(w, http.StatusBadRequest, "%v", err)
	case errors.Is(err, findings.ErrFull):
		problem(w, http.StatusInsufficientStorage, "%v", err)
	case err != nil:
		problem(w, http.StatusInternalServerError, "the findings can't be written: %v", err)
	default:
		answer(w, http.StatusOK, out)
	}
}

// readFindings reads a finding, or a list of them.
func readFindings(r io.Reader) (all []detect.Finding, err error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("[")) {
		err = json.Unmarshal(body, &all)
	} else {
		all = make([]detect.Finding, 1)
		err = json.Unmarshal(body, &all[0])
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body is no finding, and no list of findings: %w", err)
	case len(all) == 0:
		return nil, errors.New("there is no finding in the list")
	case len(all) > mostFindings:
		return nil, fmt.Errorf("there are %d findings: send %d at most", len(all), mostFindings)
	}
	return all, nil
}

// Findings lists findings. Texts that are empty are left out of the question.
func (c *Client) Findings(ctx context.Context, from, to, severity, class, detector string, limit int) (x Found, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, text := range map[string]string{"from": from, "to": to, "severity": severity, "class": class, "detector": detector} {
		if text != "" {
			q.Set(name, text)
		}
	}
	return x, c.get(ctx, "/api/v1/findings", q, &x)
}

// AddFindings has findings kept: JSON of one, or of a list.
func (c *Client) AddFindings(ctx context.Context, text []byte) (x Added, err error) {
	w, err := c.send(ctx, http.MethodPost, "/api/v1/findings", nil, text)
	if err != nil {
		return x, err
	}
	defer w.Body.Close()
	if err := json.NewDecoder(w.Body).Decode(&x); err != nil {
		return x, fmt.Errorf("%s/api/v1/findings: %w", c.URL, err)
	}
	return x, nil
}
