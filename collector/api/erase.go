package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Erased is what became of an address: one line, the last, of POST /api/v1/erase.
type Erased struct {
	Flows    uint64 `json:"flows"`    // that named it, and are gone
	Segments int    `json:"segments"` // that had such
	Rollups  int    `json:"rollups"`  // that summed such
	Findings int    `json:"findings"` // that named it, and are gone
	Bad      int    `json:"bad"`      // files that had been set aside, and are gone
}

// An erasing is a line of it: how far it has come, or what was done, or why not.
type erasing struct {
	Done   int64   `json:"done"`  // octets
	Total  int64   `json:"total"` // octets, so far
	Erased *Erased `json:"erased,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// tellEvery is how often who waits is told how far something has come.
const tellEvery = time.Second

// erase removes all that names an address from what is stored. It goes on when the
// client has gone: half of it is of no use.
func (s *Server) erase(w http.ResponseWriter, r *http.Request) {
	if s.deps.Erase == nil {
		problem(w, http.StatusNotImplemented, "this weir keeps nothing that could be erased")
		return
	}
	a, err := netip.ParseAddr(r.URL.Query().Get("address"))
	if err != nil || a.Zone() != "" {
		problem(w, http.StatusBadRequest, "address is %q: write one IP address, as 192.0.2.1", r.URL.Query().Get("address"))
		return
	}
	ends := http.NewResponseController(w)
	_ = ends.SetWriteDeadline(time.Time{}) // it takes as long as it takes
	w.Header().Set("Content-Type", typeLines)
	var last time.Time
	tell := func(x erasing) {
		line, _ := json.Marshal(x)
		_, _ = w.Write(append(line, '\n'))
		_ = ends.Flush()
	}
	done, err := s.deps.Erase(context.WithoutCancel(r.Context()), a, func(done, total int64) {
		if time.Since(last) >= tellEvery {
			last = time.Now()
			tell(erasing{Done: done, Total: total})
		}
	})
	if err != nil {
		tell(erasing{Error: err.Error()})
		return
	}
	tell(erasing{Erased: &done})
}

// Erase has the server erase an address, and calls progress with how many octets
// of how many were looked into.
func (c *Client) Erase(ctx context.Context, a netip.Addr, progress func(done, total int64)) (Erased, error) {
	w, err := c.do(ctx, http.MethodPost, "/api/v1/erase", url.Values{"address": {a.String()}})
	if err != nil {
		return Erased{}, err
	}
	defer w.Body.Close()
	for lines := json.NewDecoder(w.Body); ; {
		var x erasing
		switch err := lines.Decode(&x); {
		case err != nil:
			return Erased{}, fmt.Errorf("%s: it has not told the end: %w", c.URL, err)
		case x.Error != "":
			return Erased{}, errors.New(x.Error)
		case x.Erased != nil:
			return *x.Erased, nil
		}
		progress(x.Done, x.Total)
	}
}
