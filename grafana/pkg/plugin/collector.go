package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/weirflow/weir/shared/query"
)

// A collector is a weir that is asked over HTTP.
type collector struct {
	url     string
	token   string
	http    *http.Client
	streams *http.Client  // for what has no end
	timeout time.Duration // of http; weir has a second less, so that it can say so
}

const (
	maxAnswer = 256 << 20 // octets of an answer
	maxError  = 1 << 20
	lookTime  = 10 * time.Second // for what is no question
)

// A problem is what a collector has to say against a request.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

// send asks, and returns the body of an answer of success.
func (c *collector) send(ctx context.Context, method, path string, params url.Values, body any) (io.ReadCloser, error) {
	w, err := c.sendBy(ctx, c.http, method, path, params, body)
	if err != nil {
		return nil, err
	}
	return limited{io.LimitReader(w, maxAnswer), w}, nil
}

// sendBy is send by one of the clients, for a body of any size.
func (c *collector) sendBy(ctx context.Context, by *http.Client, method, path string, params url.Values, body any) (io.ReadCloser, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path+"?"+params.Encode(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	w, err := by.Do(r)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("ask weir: %w", err)
	case w.StatusCode == http.StatusOK:
		return w.Body, nil
	}
	defer w.Body.Close()
	return nil, c.problem(w)
}

// limited is a body of which no more is read than is borne.
type limited struct {
	io.Reader
	io.Closer
}

// problem reads what an answer says against a request.
func (c *collector) problem(w *http.Response) error {
	var p struct {
		Error string `json:"error"`
		At    *struct {
			Field string `json:"field"`
			Caret string `json:"caret"`
		} `json:"at"`
	}
	text, err := io.ReadAll(io.LimitReader(w.Body, maxError))
	if to := w.Header.Get("Location"); to != "" && w.StatusCode/100 == 3 {
		return &problem{w.StatusCode, fmt.Sprintf("%s leads to %.200q: write the URL of the weir itself", c.url, to)}
	}
	if err != nil || json.Unmarshal(text, &p) != nil || p.Error == "" {
		return &problem{w.StatusCode, fmt.Sprintf("%s answers %s: it is no weir", c.url, w.Status)}
	}
	if p.At != nil {
		p.Error += "\n" + p.At.Caret
	}
	return &problem{w.StatusCode, p.Error}
}

func (c *collector) get(ctx context.Context, path string, params url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	body, err := c.send(ctx, http.MethodGet, path, params, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("%s%s: %w", c.url, path, err)
	}
	return nil
}

// ask asks in the question's usual form, which means the same at any time.
func (c *collector) ask(ctx context.Context, q *query.Question) (*answer, error) {
	params := url.Values{"format": {"arrow"}, "timeout": {strconv.Itoa(max(1, int(c.timeout/time.Second)-1))}}
	body, err := c.send(ctx, http.MethodPost, "/api/v1/query", params, &query.Asked{Question: unfiltered(q).String()})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	t, err := readArrow(body, q)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%s/api/v1/query: %w", c.url, err)
	}
	return &answer{Table: t}, nil
}

func (c *collector) values(ctx context.Context, field, prefix string, from, to int64, limit int) ([]string, error) {
	var x struct {
		Values []string `json:"values"`
	}
	params := url.Values{
		"field": {field}, "prefix": {prefix}, "limit": {strconv.Itoa(limit)}, "from": {moment(from)}, "to": {moment(to)},
	}
	err := c.get(ctx, "/api/v1/values", params, &x)
	return x.Values, err
}

// heard is what a collector tells of an exporter.
type heard struct {
	Address  string    `json:"address"`
	Name     string    `json:"name,omitempty"`
	State    string    `json:"state,omitempty"`
	LastSeen time.Time `json:"last_seen"`
	Domains  []struct {
		Domain      uint32     `json:"domain"`
		Protocol    string     `json:"protocol"`
		State       string     `json:"state"`
		LastDecoded *time.Time `json:"last_decoded"`
		Inside      struct {
			Waiting   uint64 `json:"waiting_octets"`
			Undecoded uint64 `json:"undecoded_octets"`
		} `json:"inside"`
	} `json:"domains"`
}

func (c *collector) heard(ctx context.Context) ([]heard, error) {
	var x struct {
		Exporters []heard `json:"exporters"`
	}
	err := c.get(ctx, "/api/v1/exporters", nil, &x)
	return x.Exporters, err
}

func (c *collector) exporters(ctx context.Context, _, _ int64) (all []exporter, err error) {
	list, err := c.heard(ctx)
	for _, x := range list {
		all = append(all, exporter{x.Address, x.Name, x.State, &x.LastSeen})
	}
	return all, err
}

// health says what the collector is, whether it keeps flows, and what it hears.
func (c *collector) health(ctx context.Context) (h health, err error) {
	h.URL = c.url
	var status struct {
		Version string `json:"version"`
		Traffic struct {
			Datagrams, Flows uint64
		} `json:"traffic"`
		Faults map[string]uint64 `json:"faults"`
	}
	if err := c.get(ctx, "/api/v1/status", nil, &status); err != nil {
		return h, err
	}
	h.Datagrams, h.Decoded, h.Faults = status.Traffic.Datagrams, status.Traffic.Flows, status.Faults
	list, err := c.heard(ctx)
	if err != nil {
		return h, err
	}
	h.Exporters = len(list)
	for i := range list {
		for _, d := range list[i].Domains {
			if t := d.LastDecoded; t != nil && (h.Newest == nil || t.After(*h.Newest)) {
				h.Newest = t
			}
			in := d.Inside
			h.WaitingOctets += in.Waiting
			if in.Waiting > 0 || d.State == "unreadable" && in.Undecoded > 0 {
				h.Templates = append(h.Templates, untaught{list[i].Address, d.Domain, d.Protocol, in.Waiting})
			}
		}
	}
	now := time.Now()
	q, err := (&query.Asked{Show: "top", Metrics: []string{"flows"}, Range: "last 1h"}).Ask(now)
	if err != nil {
		return h, err
	}
	t, err := c.ask(ctx, q)
	if err != nil {
		return h, err
	}
	h.Flows = int(t.Flows)
	h.Message = fmt.Sprintf("weir %s at %s; flows of the last hour: %d; exporters: %d", status.Version, c.url, h.Flows, h.Exporters)
	if h.Newest != nil {
		h.Message += fmt.Sprintf(", the newest flow came %s ago", now.Sub(*h.Newest).Round(time.Second))
	}
	h.teach()
	h.VerboseMessage = fmt.Sprintf("%d datagrams and %d flows have come since it began", h.Datagrams, h.Decoded)
	return h, nil
}

// newCollector makes the client of a collector, with TLS, basic authentication,
// proxy and time limits as Grafana has them of a datasource.
func newCollector(ctx context.Context, s Settings, d backend.DataSourceInstanceSettings) (*collector, error) {
	c := &collector{url: strings.TrimSuffix(s.URL, "/"), token: s.token}
	o, err := d.HTTPClientOptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	c.timeout = usualTimeout
	if o.Timeouts != nil && o.Timeouts.Timeout > 0 {
		c.timeout = min(max(o.Timeouts.Timeout, time.Second), mostTimeout)
	}
	if c.http, err = newClient(o); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	times := httpclient.DefaultTimeoutOptions
	if o.Timeouts != nil {
		times = *o.Timeouts
	}
	times.Timeout = 0
	o.Timeouts = &times
	if c.streams, err = newClient(o); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return c, nil
}

// newClient makes a client that asks where the settings say and nowhere else: a weir
// leads to no other address, and whoever answers in its place doesn't choose what this
// machine asks.
func newClient(o httpclient.Options) (*http.Client, error) {
	c, err := httpclient.New(o)
	if err == nil {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c, err
}

// How long weir may take for an answer: what it takes by itself, and the most that it
// lets one ask for.
const (
	usualTimeout = 30 * time.Second
	mostTimeout  = 300 * time.Second
)

// statusOf tells whose fault err is, for Grafana.
func statusOf(err error) backend.Status {
	var p *problem
	switch {
	case errors.Is(err, context.Canceled):
		return 499
	case errors.Is(err, context.DeadlineExceeded):
		return backend.StatusTimeout
	case !errors.As(err, &p):
		return backend.StatusBadGateway
	case p.status == http.StatusGatewayTimeout:
		return backend.StatusTimeout
	case p.status >= 400 && p.status < 500:
		return backend.Status(p.status)
	}
	return backend.StatusBadGateway
}
