package api

import (
	"bufio"
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
}

func (e *ProblemError) Error() string { return e.Text }

// do sends a request. Its answer is one of success.
func (c *Client) do(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	at := strings.TrimSuffix(c.URL, "/") + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, err
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
	var p struct {
		Error string `json:"error"`
	}
	body, err := io.ReadAll(io.LimitReader(w.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if json.Unmarshal(body, &p) != nil || p.Error == "" {
		p.Error = fmt.Sprintf("%s answers %s: it is no weir", c.URL, w.Status)
	}
	return nil, &ProblemError{w.StatusCode, p.Error}
}

// get reads a JSON answer into v.
func (c *Client) get(ctx context.Context, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	w, err := c.do(ctx, http.MethodGet, path, nil)
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
	return x, c.get(ctx, "/api/v1/exporters", &x)
}

// Exporter returns one, with its templates.
func (c *Client) Exporter(ctx context.Context, address string) (x Exporter, err error) {
	return x, c.get(ctx, "/api/v1/exporters/"+url.PathEscape(address), &x)
}

// Status returns what has come in all.
func (c *Client) Status(ctx context.Context) (x Status, err error) {
	return x, c.get(ctx, "/api/v1/status", &x)
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
