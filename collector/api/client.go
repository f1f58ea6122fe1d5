package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A Client asks a Server.
type Client struct {
	URL   string // as http://127.0.0.1:8085
	Token string // may be empty on loopback
	HTTP  *http.Client
}

// ErrAbsent says that nobody listens at the URL.
var ErrAbsent = errors.New("no weir answers there")

// A ProblemError is what the server has to say against a request.
type ProblemError struct {
	Status int
	Text   string
	At     *Place // of a mistake in a question
}

func (e *ProblemError) Error() string { return e.Text }

// do sends a request. Its answer is one of success.
func (c *Client) do(ctx context.Context, method, path string, params url.Values) (*http.Response, error) {
	return c.send(ctx, method, path, params, nil)
}

// send sends a request with a body of JSON.
func (c *Client) send(ctx context.Context, method, path string, params url.Values, body []byte) (*http.Response, error) {
	at := strings.TrimSuffix(c.URL, "/") + path
	if len(params) > 0 {
		at += "?" + params.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", typeJSON)
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	w, err := h.Do(r)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%s: %w", c.URL, ErrAbsent)
	case err != nil:
		return nil, err
	case w.StatusCode == http.StatusOK:
		return w, nil
	}
	defer w.Body.Close()
	var p Problem
	text, err := io.ReadAll(io.LimitReader(w.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if json.Unmarshal(text, &p) != nil || p.Error == "" {
		p.Error = fmt.Sprintf("%s answers %s: it is no weir", c.URL, w.Status)
	}
	return nil, &ProblemError{w.StatusCode, p.Error, p.At}
}

// get reads a JSON answer into v.
func (c *Client) get(ctx context.Context, path string, params url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	w, err := c.do(ctx, http.MethodGet, path, params)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	if err := json.NewDecoder(w.Body).Decode(v); err != nil {
		return fmt.Errorf("%s%s: %w", c.URL, path, err)
	}
	return nil
}

// Exporters returns all exporters.
func (c *Client) Exporters(ctx context.Context) (x Exporters, err error) {
	return x, c.get(ctx, "/api/v1/exporters", nil, &x)
}

// Exporter returns one, with its templates.
func (c *Client) Exporter(ctx context.Context, address string) (x Exporter, err error) {
	return x, c.get(ctx, "/api/v1/exporters/"+url.PathEscape(address), nil, &x)
}

// Status returns what has come in all.
func (c *Client) Status(ctx context.Context) (x Status, err error) {
	return x, c.get(ctx, "/api/v1/status", nil, &x)
}

// Query asks a question, and returns the answer in one of the forms json, csv,
// ndjson and arrow. The server may take as long as timeout, in whole seconds.
func (c *Client) Query(ctx context.Context, a *query.Asked, format string, timeout time.Duration) (io.ReadCloser, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	q := url.Values{"format": {format}, "timeout": {fmt.Sprint(int(timeout / time.Second))}}
	w, err := c.send(ctx, http.MethodPost, "/api/v1/query", q, body)
	if err != nil {
		return nil, err
	}
	return w.Body, nil
}

// Table asks a question.
func (c *Client) Table(ctx context.Context, a *query.Asked, timeout time.Duration) (*query.Table, error) {
	body, err := c.Query(ctx, a, "json", timeout)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var t query.Table
	if err := json.NewDecoder(body).Decode(&t); err != nil {
		return nil, fmt.Errorf("%s: %w", c.URL, err)
	}
	return &t, nil
}

// Fields returns what questions and filters are about.
func (c *Client) Fields(ctx context.Context) (x Fields, err error) {
	return x, c.get(ctx, "/api/v1/fields", nil, &x)
}

// Values returns values of a field that begin with prefix, of the last hour.
func (c *Client) Values(ctx context.Context, field, prefix string, limit int) (x Values, err error) {
	return x, c.get(ctx, "/api/v1/values", url.Values{"field": {field}, "prefix": {prefix}, "limit": {fmt.Sprint(limit)}}, &x)
}

// Reload lets the server read its configuration anew.
func (c *Client) Reload(ctx context.Context) error {
	w, err := c.do(ctx, http.MethodPost, "/api/v1/reload", nil)
	if err != nil {
		return err
	}
	return w.Body.Close()
}

// Tail calls f with flows as they come, and how many were missed before them,
// until ctx ends, the server does, or f returns an error. f must not keep b.
func (c *Client) Tail(ctx context.Context, filter string, f func(b *flow.Batch, missed uint64) error) error {
	q := url.Values{"format": {"batches"}}
	if filter != "" {
		q.Set("filter", filter)
	}
	w, err := c.do(ctx, http.MethodGet, "/api/v1/flows/tail", q)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	var b flow.Batch
	var frame []byte
	missed := uint64(0)
	for r := bufio.NewReader(w.Body); ; {
		var head [frameHead]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return c.ended(ctx, err)
		}
		n := binary.BigEndian.Uint32(head[1:])
		if n > mostFrame {
			return fmt.Errorf("%s: %w", c.URL, errVersions)
		}
		if cap(frame) < int(n) {
			frame = make([]byte, n)
		}
		if _, err := io.ReadFull(r, frame[:n]); err != nil {
			return c.ended(ctx, err)
		}
		switch {
		case head[0] == frameMissed && n == 8:
			missed += binary.BigEndian.Uint64(frame[:n])
			continue
		case head[0] != frameBatch || flow.ReadBatch(&b, frame[:n]) != nil:
			return fmt.Errorf("%s: %w", c.URL, errVersions)
		}
		if err := f(&b, missed); err != nil {
			return err
		}
		missed = 0
	}
}

var (
	errVersions = errors.New("the weir that runs is of another version: use the same for both")
	errEnded    = errors.New("the weir that ran has ended")
)

// ended says why a stream did.
func (c *Client) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w", c.URL, errEnded)
	}
	return fmt.Errorf("%s: %w", c.URL, err)
}

// Top calls f with what came in each interval, until ctx ends, the server does,
// or f returns an error.
func (c *Client) Top(ctx context.Context, filter string, interval time.Duration, limit int, f func(*Top) error) error {
	q := url.Values{"interval": {fmt.Sprint(int(interval / time.Second))}, "limit": {fmt.Sprint(limit)}}
	if filter != "" {
		q.Set("filter", filter)
	}
	w, err := c.do(ctx, http.MethodGet, "/api/v1/flows/top", q)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	for d := json.NewDecoder(w.Body); ; {
		var t Top
		if err := d.Decode(&t); err != nil {
			return c.ended(ctx, err)
		}
		if err := f(&t); err != nil {
			return err
		}
	}
}
