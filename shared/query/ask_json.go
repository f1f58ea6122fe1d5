package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// An Asked is a question as programs send it: its text alone, or its parts, each
// in the language's words. Its JSON is what the API takes.
//
//	{"question": "top 10 src by bytes last 1h"}
//	{"show": "series", "limit": 8, "by": ["app_name"], "metrics": ["bits"],
//	 "range": "last 6h", "every": "5min", "where": "dst port 443"}
type Asked struct {
	Question string `json:"question,omitempty"` // then nothing else

	Show     string   `json:"show,omitempty"` // top, series, matrix, count, flows or conversations; empty: top
	Limit    int      `json:"limit,omitempty"`
	By       []string `json:"by,omitempty"`      // columns; of count: what counts is in Metrics, as distinct src
	Metrics  []string `json:"metrics,omitempty"` // bits p95
	Range    string   `json:"range,omitempty"`   // last 1h; or From and To
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Every    string   `json:"every,omitempty"`
	Idle     string   `json:"idle,omitempty"`
	Zone     string   `json:"zone,omitempty"`
	Where    string   `json:"where,omitempty"` // a filter
	Raw      bool     `json:"raw,omitempty"`
	Dedup    bool     `json:"dedup,omitempty"`
	Both     bool     `json:"both,omitempty"`
	Present  bool     `json:"present,omitempty"`
	Previous bool     `json:"previous,omitempty"`
	Against  string   `json:"against,omitempty"` // moment to moment
}

// ReadAsked reads an Asked's JSON. What it doesn't know is an error.
func ReadAsked(b []byte) (a Asked, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("the question is no JSON that is understood: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return a, errors.New("something stands behind the question's JSON")
	}
	return a, nil
}

// A FieldError is what is wrong with a part of an Asked.
type FieldError struct {
	Field string // its name in JSON
	Err   error  // often a *SyntaxError of the part's text
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// Ask makes the question, which is asked now. Errors are a *SyntaxError of
// Question, a *FieldError, or about the whole.
func (a *Asked) Ask(now time.Time) (*Question, error) { return a.AskIn(now, Scope{}) }

// AskIn makes the question as Ask does, with what it leaves open as in has it.
func (a *Asked) AskIn(now time.Time, in Scope) (*Question, error) {
	if a.Question != "" {
		rest := *a
		rest.Question = ""
		if !rest.empty() {
			return nil, errors.New("a question is asked by its text or by its parts: leave out one of them")
		}
		return askIn(a.Question, now, in)
	}
	p := &asker{now: now, in: in}
	part := func(field, text string, read func() error) error {
		tokens, err := scan(text)
		if err == nil && len(text) > MaxText {
			err = fmt.Errorf("it has more than %d octets", MaxText)
		}
		if err == nil {
			p.text, p.tokens = text, tokens
			err = read()
		}
		if err == nil && p.peek().kind != endToken {
			t := p.peek()
			err = p.fail(t, "%s does not belong here", quoted(t.text))
		}
		if err != nil {
			return &FieldError{field, err}
		}
		return nil
	}
	show := strings.ToLower(a.Show)
	if show == "" || show == "count" {
		show = "top"
	}
	if err := p.shape(show); err != nil {
		return nil, &FieldError{"show", err}
	}
	p.q.Limit = a.Limit
	p.q.Raw, p.q.Dedup, p.q.Sides, p.q.Present, p.before = a.Raw, a.Dedup, a.Both, a.Present, a.Previous
	if a.Zone != "" {
		if err := part("zone", a.Zone, func() error { return p.zone(p.next()) }); err != nil {
			return nil, err
		}
	}
	for _, text := range a.By {
		if err := part("by", text, p.dim); err != nil {
			return nil, err
		}
	}
	for _, text := range a.Metrics {
		err := part("metrics", text, func() error {
			t := p.peek()
			m, err := p.metric()
			if err != nil {
				return err
			}
			return p.add(t, m)
		})
		if err != nil {
			return nil, err
		}
	}
	over := a.Range
	if a.From != "" || a.To != "" {
		if over != "" || a.From == "" {
			return nil, &FieldError{"range", errors.New("write a range, or from and to")}
		}
		over = "from " + a.From
		if a.To != "" {
			over += " to " + a.To
		}
	}
	// Each is a clause without its word.
	for _, x := range []struct{ field, text, word string }{
		{"range", over, ""}, {"every", a.Every, "every"}, {"idle", a.Idle, "idle"}, {"against", a.Against, "against"},
	} {
		if x.text == "" {
			continue
		}
		err := part(x.field, x.text, func() error {
			t, word := p.peek(), x.word
			if word == "" {
				word = strings.ToLower(p.next().text)
				switch word {
				case "last", "this", "today", "yesterday", "from":
				default:
					return p.fail(t, "%s begins no range: write last 1h, today, this month, from … to …", quoted(t.text))
				}
			}
			return p.clause(t, word)
		})
		if err != nil {
			return nil, err
		}
	}
	if a.Where != "" {
		err := part("where", a.Where, func() error {
			if p.peek().kind == endToken {
				return nil
			}
			return p.where(p.peek())
		})
		if err != nil {
			return nil, err
		}
	}
	return p.asked()
}

// asked ends what was put together from parts.
func (p *asker) asked() (*Question, error) {
	switch {
	case p.q.Matrix && len(p.q.By) != 2:
		return nil, &FieldError{"by", errors.New("a matrix has two columns")}
	case p.before && p.q.Against != [2]int64{}:
		return nil, &FieldError{"against", errors.New("write it, or previous")}
	case p.q.Limit < 0:
		return nil, &FieldError{"limit", errors.New("it is negative")}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return &p.q, nil
}

func (a *Asked) empty() bool {
	b, err := json.Marshal(a)
	return err == nil && string(b) == "{}"
}
