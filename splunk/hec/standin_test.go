package hec

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const token = "11111111-2222-3333-4444-555555555555"

// A standin answers as Splunk's event collector does. What it is asked to do is
// set before the first request, or under mu.
type standin struct {
	*httptest.Server
	ca   string // file
	stop chan struct{}

	mu       sync.Mutex
	token    string
	index    string // the only one that it knows
	ack      bool
	ackAfter time.Duration
	mute     bool              // it acknowledges nothing
	longest  int               // octets of a body
	bad      func(string) bool // events that can't be read
	fault    func(n int, w http.ResponseWriter, r *http.Request) bool
	stall    chan struct{} // requests wait until it is closed

	requests int
	sizes    []int
	gzipped  int
	events   []envelopeOf
	channels map[string]*numbers
}

type envelopeOf struct {
	Time       json.Number `json:"time"`
	Host       string      `json:"host"`
	Source     string      `json:"source"`
	Sourcetype string      `json:"sourcetype"`
	Index      string      `json:"index"`
	Event      *string     `json:"event"`
}

type numbers struct {
	next    uint64
	written map[uint64]time.Time // when it is on disk
}

func serve(t testing.TB, change func(*standin)) *standin {
	s := &standin{token: token, stop: make(chan struct{}), index: "netflow", channels: map[string]*numbers{}}
	if change != nil {
		change(s)
	}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = quietLog
	s.StartTLS()
	t.Cleanup(func() {
		close(s.stop)
		s.CloseClientConnections()
		s.Close()
	})
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func answerTo(w http.ResponseWriter, status int, text string, code int, more string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"text":%q,"code":%d%s}`, text, code, more)
}

func (s *standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	stall := s.stall
	s.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-s.stop:
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch auth := r.Header.Get("Authorization"); {
	case auth == "":
		answerTo(w, 401, "Token is required", 2, "")
		return
	case !strings.HasPrefix(auth, "Splunk "):
		answerTo(w, 401, "Invalid authorization", 3, "")
		return
	case auth != "Splunk "+s.token:
		answerTo(w, 403, "Invalid token", 4, "")
		return
	}
	channel := r.Header.Get("X-Splunk-Request-Channel")
	if s.ack && channel == "" {
		answerTo(w, 400, "Data channel is missing", 10, "")
		return
	}
	switch r.URL.Path {
	case "/services/collector/event":
		s.take(w, r, channel)
	case "/services/collector/ack":
		s.tell(w, r, channel)
	default:
		http.NotFound(w, r)
	}
}

func (s *standin) take(w http.ResponseWriter, r *http.Request, channel string) {
	s.requests++
	if s.fault != nil && s.fault(s.requests, w, r) {
		return
	}
	if s.longest > 0 && r.ContentLength > int64(s.longest) {
		answerTo(w, 413, "Content-Length is too long", 27, "")
		return
	}
	body := io.Reader(bufio.NewReader(r.Body))
	if r.Header.Get("Content-Encoding") == "gzip" {
		s.gzipped++
		z, err := gzip.NewReader(body)
		if err != nil {
			answerTo(w, 400, "Error on gzip body", 6, "")
			return
		}
		body = z
	}
	d := json.NewDecoder(body)
	n := 0
	for ; ; n++ {
		var e envelopeOf
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		number := fmt.Sprintf(`,"invalid-event-number":%d`, n)
		switch {
		case err != nil:
			answerTo(w, 400, "Invalid data format", 6, number)
			return
		case e.Event == nil:
			answerTo(w, 400, "Event field is required", 12, number)
			return
		case *e.Event == "":
			answerTo(w, 400, "Event field cannot be blank", 13, number)
			return
		case e.Index != "" && e.Index != s.index:
			answerTo(w, 400, "Incorrect index", 7, number)
			return
		case s.bad != nil && s.bad(*e.Event):
			answerTo(w, 400, "Invalid data format", 6, number)
			return
		}
		s.events = append(s.events, e) // those before a bad one are taken
	}
	if n == 0 {
		answerTo(w, 400, "No data", 5, "")
		return
	}
	s.sizes = append(s.sizes, n)
	if !s.ack {
		answerTo(w, 200, "Success", 0, "")
		return
	}
	c := s.channels[channel]
	if c == nil {
		c = &numbers{written: map[uint64]time.Time{}}
		s.channels[channel] = c
	}
	c.written[c.next] = time.Now().Add(s.ackAfter)
	answerTo(w, 200, "Success", 0, fmt.Sprintf(`,"ackId":%d`, c.next))
	c.next++
}

// tell answers what is on disk, and forgets what it has told.
func (s *standin) tell(w http.ResponseWriter, r *http.Request, channel string) {
	if !s.ack {
		answerTo(w, 400, "ACK is disabled", 14, "")
		return
	}
	var q struct{ Acks []uint64 }
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		answerTo(w, 400, "Invalid data format", 6, "")
		return
	}
	a := struct {
		Acks map[string]bool `json:"acks"`
	}{map[string]bool{}}
	for _, id := range q.Acks {
		is := false
		if c := s.channels[channel]; c != nil && !s.mute {
			at, ok := c.written[id]
			if is = ok && time.Now().After(at); is {
				delete(c.written, id)
			}
		}
		a.Acks[fmt.Sprint(id)] = is
	}
	json.NewEncoder(w).Encode(a)
}

// restart forgets what isn't on disk, which is all, and all numbers; from now on
// it is quick.
func (s *standin) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels, s.events, s.ackAfter = map[string]*numbers{}, nil, 0
}

// got counts the events by their text.
func (s *standin) got() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, e := range s.events {
		n[*e.Event]++
	}
	return n
}

func (s *standin) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// reset cuts the connection without an answer.
func reset(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
	}
}
