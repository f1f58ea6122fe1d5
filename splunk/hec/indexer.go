package hec

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
)

// An indexer is one address that takes events. The sink's lock guards all below
// client.
type indexer struct {
	sink   *Sink
	slot   int
	text   string // its address
	url    string // that takes events
	ackURL string
	client *http.Client

	busy   int       // requests that it has
	fails  int       // in a row
	again  time.Time // not to be tried before
	why    error     // the last failure; nil: it is well
	said   bool      // that it isn't
	events uint64    // that it took

	channels []*channel // the last is the current one
	settled  sync.Cond  // a request has landed
}

func newIndexer(s *Sink, slot int, u *url.URL, secure *tls.Config) *indexer {
	x := &indexer{sink: s, slot: slot, text: u.String()}
	x.settled.L = &s.mu
	base := strings.TrimRight(x.text, "/") + collector
	x.url, x.ackURL = base+"/event", base+"/ack"
	x.client = &http.Client{
		Timeout: s.cfg.Timeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: min(s.cfg.Timeout, 10*time.Second)}).DialContext,
			TLSClientConfig:     secure,
			TLSHandshakeTimeout: s.cfg.Timeout,
			MaxIdleConnsPerHost: s.cfg.Connections + 1, // one asks for acknowledgements
			IdleConnTimeout:     10 * time.Second,      // Splunk hangs up after 12 s
			DisableCompression:  true,
			WriteBufferSize:     64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token stays here
	}
	return x
}

// ready tells whether x may have one more request. One that failed is tried with
// a single one. The caller has the lock.
func (x *indexer) ready(now time.Time) bool {
	most := x.sink.cfg.Connections
	if x.fails > 0 {
		most = 1
	}
	return x.busy < most && !x.again.After(now)
}

// works notes that x takes what it is sent. The caller has the lock.
func (x *indexer) works() {
	if x.said {
		x.sink.log.Info("the indexer takes events again", "indexer", x.text)
		x.said = false
	}
	x.fails, x.why, x.again = 0, nil, time.Time{}
}

// mostPatience bounds what an indexer may ask for with Retry-After.
const mostPatience = 5 * time.Minute

// failed notes that it doesn't, and returns when it is tried again. What was
// sent at the same time and fails too changes nothing. The caller has the lock.
func (x *indexer) failed(a answer) time.Duration {
	now := time.Now()
	x.why = a.err
	if x.again.After(now) {
		return x.again.Sub(now)
	}
	c := &x.sink.cfg
	wait := time.Duration(min(float64(c.Longest), float64(c.Backoff)*math.Exp2(float64(min(x.fails, 30)))))
	wait -= time.Duration(rand.Float64() * 0.2 * float64(wait)) // not all at once
	if x.sink.closing {
		wait = min(wait, 100*time.Millisecond)
	} else {
		wait = max(wait, min(a.wait, mostPatience))
	}
	x.fails++
	x.again = now.Add(wait)
	return wait
}

// trouble says why x isn't well. The caller has the lock.
func (x *indexer) trouble() error {
	if x.why == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", x.text, x.why)
}

// An answer is what came of a request.
type answer struct {
	kind   kind
	err    error         // unless accepted; a sentence with the next step
	event  int           // of badEvent
	id     *uint64       // of accepted: what it is acknowledged by
	wait   time.Duration // of busy: what the indexer asks for
	octets int           // that were sent
}

type kind uint8

const (
	busy     kind = iota // or down: to be sent again
	accepted             //
	badEvent             // one event can't be read
	tooLong              //
	invalid              // nobody would take it
	refused              // not by this indexer, as it or the token is set
)

// reply is the body of the event collector's answers.
type reply struct {
	Text  string  `json:"text"`
	Code  int     `json:"code"`
	Event *int    `json:"invalid-event-number"`
	Ack   *uint64 `json:"ackId"`
}

// post sends q over the channel c, and waits for the answer.
func (x *indexer) post(q *request, c *channel) answer {
	body := q.body
	if x.sink.cfg.Gzip {
		z := x.sink.zipper()
		defer x.sink.zip.Put(z)
		body = z.compress(q.body)
	}
	status, head, data, err := x.exchange(x.url, c, body, x.sink.cfg.Gzip)
	if err != nil {
		return answer{kind: busy, err: inWords(err)}
	}
	a := judge(status, data)
	a.octets = len(body)
	a.wait = patience(head.Get("Retry-After"))
	return a
}

// A loan is a body that net/http may read until it ends; where an answer comes
// early, it would go on.
type loan struct {
	mu   sync.Mutex
	data []byte
	over bool
}

func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data, l.over = nil, true
}

func (l *loan) reader() io.ReadCloser { return &loanReader{loan: l} }

type loanReader struct {
	*loan
	at int
}

func (r *loanReader) Read(dst []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
		return 0, io.ErrClosedPipe
	case r.at == len(r.data):
		return 0, io.EOF
	}
	n := copy(dst, r.data[r.at:])
	r.at += n
	return n, nil
}

func (r *loanReader) Close() error { return nil }

// longestReply bounds what is read of an answer.
const longestReply = 1 << 20

// exchange posts body to an address of the indexer.
func (x *indexer) exchange(to string, c *channel, body []byte, zipped bool) (status int, head http.Header, data []byte, err error) {
	l := &loan{data: body}
	defer l.end()
	r, err := http.NewRequestWithContext(x.sink.sending, http.MethodPost, to, l.reader())
	if err != nil {
		return 0, nil, nil, err
	}
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return l.reader(), nil }
	r.Header["Authorization"] = []string{"Splunk " + x.sink.cfg.Token}
	r.Header["Content-Type"] = []string{"application/json"}
	r.Header["User-Agent"] = []string{"weir"}
	if zipped {
		r.Header["Content-Encoding"] = []string{"gzip"}
	}
	if c != nil {
		r.Header["X-Splunk-Request-Channel"] = []string{c.id}
	}
	a, err := x.client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer a.Body.Close()
	data, err = io.ReadAll(io.LimitReader(a.Body, longestReply))
	return a.StatusCode, a.Header, data, err
}

// judge says what an answer means. Codes are those of Splunk's "Possible error
// codes" of the event collector.
func judge(status int, data []byte) answer {
	var r reply
	understood := json.Unmarshal(data, &r) == nil
	says := fmt.Sprintf("it answers %d", status)
	if understood && r.Text != "" {
		says += fmt.Sprintf(" %s (code %d)", strconv.QuoteToASCII(r.Text[:min(len(r.Text), 200)]), r.Code)
	}
	no := func(k kind, next string) answer {
		if next != "" {
			next = ": " + next
		}
		return answer{kind: k, err: errors.New(says + next)}
	}
	switch {
	case status == http.StatusOK && understood && r.Code == 0:
		return answer{kind: accepted, id: r.Ack}
	case status == http.StatusOK:
		return no(refused, "it isn't an event collector: write its address in hec_url, with the port, usually 8088")
	case status >= 300 && status < 400:
		return no(refused, "it wants to send us elsewhere: write the address in hec_url that the events are to go to")
	case status == http.StatusRequestEntityTooLarge:
		return no(tooLong, "")
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return no(busy, "")
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return no(refused, "there is no event collector: switch it on in Splunk's Settings, Data inputs, HTTP Event Collector, Global Settings, and write its port in hec_url, usually 8088")
	}
	if !understood {
		return no(refused, "what answers is no event collector: compare host and port in hec_url, and write https:// in hec_url if it speaks TLS")
	}
	switch r.Code {
	case 1:
		return no(refused, "enable the token in Splunk's Settings, Data inputs, HTTP Event Collector")
	case 2, 3, 4:
		return no(refused, "compare the token that is stored here with Splunk's Settings, Data inputs, HTTP Event Collector; all indexers need the same")
	case 7:
		return no(refused, "let the token have the index, and let the index exist, or write another index in the stanza")
	case 10:
		return no(refused, "the token wants acknowledgements: write hec_ack = true, or switch off indexer acknowledgement in the token")
	case 11:
		return no(refused, "write a GUID as hec_channel, or leave it out")
	case 14:
		return no(refused, "the token has no indexer acknowledgement: switch it on, useACK = 1, or write hec_ack = false")
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return no(refused, "compare the token that is stored here with Splunk's Settings, Data inputs, HTTP Event Collector")
	case r.Event != nil && *r.Event >= 0:
		a := no(badEvent, fmt.Sprintf("event %d of the request; splunkd.log of the indexer says what is wrong with it, under HttpInputDataHandler", *r.Event))
		a.event = *r.Event
		return a
	}
	return no(invalid, "splunkd.log of the indexer says what is wrong, under HttpInputDataHandler")
}

// patience is what Retry-After asks for: seconds, or a date.
func patience(text string) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return time.Duration(min(n, 86400)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// inWords says in words why there is no answer.
func inWords(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // we say the address ourselves
	}
	var unknown *tls.CertificateVerificationError
	var other tls.RecordHeaderError
	var t interface{ Timeout() bool }
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("its certificate is not accepted: write the file of those that vouch for it as hec_ca, and the name that it has as hec_name if that isn't its host's: %w", err)
	case errors.As(err, &other):
		return fmt.Errorf("it speaks no TLS: write enableSSL = 1 there, or http:// in hec_url: %w", err)
	case errors.As(err, &t) && t.Timeout() && !errors.Is(err, context.Canceled):
		return fmt.Errorf("it did not answer in time: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("it closed the connection: if it goes on like this, it may want https:// in hec_url: %w", err)
	}
	return err
}

// A zipper compresses requests, one at a time.
type zipper struct {
	buf bytes.Buffer
	zip *gzip.Writer
}

func (s *Sink) zipper() *zipper {
	if z, ok := s.zip.Get().(*zipper); ok {
		return z
	}
	z := new(zipper)
	z.zip, _ = gzip.NewWriterLevel(&z.buf, gzip.BestSpeed) // which is a level
	return z
}

// compress returns v compressed, until the next call.
func (z *zipper) compress(v []byte) []byte {
	z.buf.Reset()
	z.zip.Reset(&z.buf)
	_, _ = z.zip.Write(v) // a Buffer returns no errors
	_ = z.zip.Close()
	return z.buf.Bytes()
}
