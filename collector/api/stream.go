package api

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A stream holds flows for one client until it has taken them.
type stream struct {
	filter *query.Filter // nil: all
	append func(dst []byte, b *flow.Batch, which []uint32) []byte
	which  []uint32 // of the sink's goroutine

	mu     sync.Mutex
	buf    []byte
	missed uint64
	ready  chan struct{} // there is something
}

// mostHeld is how many octets wait for a client.
const mostHeld = 4 << 20

func (x *stream) take(b *flow.Batch) (missed int) {
	x.which = selected(x.which[:0], x.filter, b)
	if len(x.which) == 0 {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.buf) >= mostHeld {
		x.missed += uint64(len(x.which))
		missed = len(x.which)
	} else {
		x.buf = x.append(x.buf, b, x.which)
	}
	select {
	case x.ready <- struct{}{}:
	default:
	}
	return missed
}

// swap returns what has come, for an empty buffer, and how many flows were
// missed since.
func (x *stream) swap(empty []byte) (full []byte, missed uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	full, missed = x.buf, x.missed
	x.buf, x.missed = empty[:0], 0
	return full, missed
}

// selected appends to dst the indexes of the flows of b that match.
func selected(dst []uint32, filter *query.Filter, b *flow.Batch) []uint32 {
	if filter != nil {
		return filter.Select(dst, b)
	}
	for i := range b.Flows {
		dst = append(dst, uint32(i))
	}
	return dst
}

// filterOf reads the request's filter. It answers one that can't be read, and
// returns false.
func filterOf(w http.ResponseWriter, r *http.Request) (*query.Filter, bool) {
	text := r.URL.Query().Get("filter")
	if text == "" {
		return nil, true
	}
	f, err := query.Parse(text)
	if err != nil {
		problem(w, http.StatusBadRequest, "filter: %v", err)
		return nil, false
	}
	return f, true
}

// Media types of streams.
const (
	typeLines   = "application/x-ndjson"
	typeBatches = "application/vnd.weir.batches" // see frames
)

// tail streams flows as they come.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	filter, ok := filterOf(w, r)
	if !ok {
		return
	}
	x := &stream{filter: filter, ready: make(chan struct{}, 1)}
	kind, note := typeLines, missedLine
	switch f := q.Get("format"); f {
	case "", "json":
		name := q.Get("profile")
		if name == "" {
			name = encode.IPFIX.String()
		}
		p, err := encode.ParseProfile(name)
		if err != nil {
			problem(w, http.StatusBadRequest, "profile: %v", err)
			return
		}
		x.append = lines(encode.New(p))
	case "batches":
		x.append, kind, note = frames(), typeBatches, appendMissed
	default:
		problem(w, http.StatusBadRequest, "no format %q: it is json or batches", f)
		return
	}
	if q.Get("notes") != "true" && kind == typeLines {
		note = func(dst []byte, _ uint64) []byte { return dst }
	}
	leave, err := s.deps.Tail.watch(x, s.cfg.Streams)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, "%v", err)
		return
	}
	defer leave()
	out := s.startStream(w, kind)
	var buf []byte
	for out.err == nil {
		select {
		case <-r.Context().Done():
			return
		case <-s.stopping:
			return
		case <-x.ready:
		}
		var missed uint64
		if buf, missed = x.swap(buf); missed > 0 {
			buf = note(buf, missed)
		}
		out.write(buf)
	}
}

// An outflow is the way to a client that may be slow.
type outflow struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	stall time.Duration // a write may take so long
	err   error
}

// startStream sends the head of an answer that goes on until the client leaves.
func (s *Server) startStream(w http.ResponseWriter, kind string) *outflow {
	o := &outflow{w: w, rc: http.NewResponseController(w), stall: s.writeTimeout}
	o.rc.SetReadDeadline(time.Time{}) // else its end looks like the client's
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	o.write(nil)
	return o
}

func (o *outflow) write(b []byte) {
	o.rc.SetWriteDeadline(time.Now().Add(o.stall))
	if len(b) > 0 {
		_, o.err = o.w.Write(b)
	}
	if o.err == nil {
		o.err = o.rc.Flush()
	}
}

// lines writes flows as JSON, one a line.
func lines(e *encode.Encoder) func(dst []byte, b *flow.Batch, which []uint32) []byte {
	return func(dst []byte, b *flow.Batch, which []uint32) []byte {
		for _, i := range which {
			dst = append(e.AppendJSON(dst, b, &b.Flows[i]), '\n')
		}
		return dst
	}
}

// missedLine is the note of flows that a client was too slow for.
func missedLine(dst []byte, n uint64) []byte {
	return append(strconv.AppendUint(append(dst, `{"weir":{"missed":`...), n, 10), "}}\n"...)
}

// A frame of a stream of batches is its kind, the number of its octets, and
// them.
const (
	frameBatch  = 'b' // flow.AppendBatch's form
	frameMissed = 'm' // a count of flows, 8 octets
	frameHead   = 5
	mostFrame   = 64 << 20
)

func appendFrame(dst []byte, kind byte) (frame []byte, at int) {
	dst = append(dst, kind, 0, 0, 0, 0)
	return dst, len(dst)
}

func endFrame(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at-4:], uint32(len(dst)-at))
	return dst
}

// frames writes flows as batches.
func frames() func(dst []byte, b *flow.Batch, which []uint32) []byte {
	var flows []flow.Flow
	return func(dst []byte, b *flow.Batch, which []uint32) []byte {
		x := *b // which shares b's strings, and changes nothing of it
		x.Options, x.Counters = nil, nil
		if len(which) < len(b.Flows) {
			flows = flows[:0]
			for _, i := range which {
				flows = append(flows, b.Flows[i])
			}
			x.Flows = flows
		}
		dst, at := appendFrame(dst, frameBatch)
		return endFrame(flow.AppendBatch(dst, &x), at)
	}
}

// appendMissed appends the frame that says how many flows a client has missed.
func appendMissed(dst []byte, n uint64) []byte {
	dst, at := appendFrame(dst, frameMissed)
	return endFrame(binary.BigEndian.AppendUint64(dst, n), at)
}

// number reads a query parameter within bounds.
func number(w http.ResponseWriter, r *http.Request, name string, usual, least, most int) (int, bool) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		problem(w, http.StatusBadRequest, "%s is %q: write a number from %d to %d", name, text, least, most)
		return 0, false
	}
	return n, true
}
