package plugin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirflow/weir/shared/query"
)

// How a panel puts a stream's frames together.
const (
	liveAppend  = "append"  // rows behind those that it has
	liveReplace = "replace" // each frame is all
)

// Limits of streams.
const (
	mostKept    = 256 // questions of an organisation that nobody watches, and of which streams may begin
	mostStreams = 64  // at once
)

// liveCustom is what a stream's frames say of themselves to programs.
type liveCustom struct {
	Live string `json:"live"`
}

// A liveKey names a question that was asked live: what a channel's path says, and
// whose it is.
type liveKey struct {
	org     int64
	uid, id string
}

// A liveQuery is a panel's query whose answer goes on. It never changes but for what
// its registry guards.
type liveQuery struct {
	backend.DataQuery // RefID is empty
	asked             asked

	used    uint64 // when it was last named; guarded by liveQueries
	running int    // streams; likewise
}

// liveQueries are the questions of which streams may begin: who subscribes names one,
// and sends none. Any number of goroutines may use it at once.
type liveQueries struct {
	mu      sync.Mutex
	all     map[liveKey]*liveQuery
	clock   uint64
	streams int
}

// keep keeps q under k. Of an organisation's questions that nobody watches, those
// that were not named for longest make room.
func (l *liveQueries) keep(k liveKey, q *liveQuery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	if old := l.all[k]; old != nil {
		old.used = l.clock
		return
	}
	if l.all == nil {
		l.all = map[liveKey]*liveQuery{}
	}
	var idle []liveKey
	for x, q := range l.all {
		if x.org == k.org && q.running == 0 {
			idle = append(idle, x)
		}
	}
	if len(idle) >= mostKept {
		delete(l.all, slices.MinFunc(idle, func(a, b liveKey) int { return int(l.all[a].used) - int(l.all[b].used) }))
	}
	q.used = l.clock
	l.all[k] = q
}

// known tells whether there is such a question.
func (l *liveQueries) known(k liveKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.all[k]
	if q == nil {
		return false
	}
	l.clock++
	q.used = l.clock
	return true
}

// run returns the question for a stream, which calls done when it ends.
func (l *liveQueries) run(k liveKey) (q *liveQuery, done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch q = l.all[k]; {
	case q == nil:
		return nil, nil, status.Error(codes.NotFound, "this stream is not known: let the panel ask again")
	case l.streams >= mostStreams:
		return nil, nil, status.Errorf(codes.ResourceExhausted, "%d streams run already: close a panel that has one", l.streams)
	}
	q.running++
	l.streams++
	return q, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		q.running--
		l.streams--
	}, nil
}

// running is how many streams run.
func (l *liveQueries) running() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams
}

// unmeant are keys of a query that don't change its answer.
var unmeant = []string{"refId", "datasource", "datasourceId", "hide", "key", "editor", "intervalMs", "maxDataPoints", "queryType", "requestId", "utcOffsetSec", "timeRange"}

// newLiveQuery returns q as one that goes on, with the name of the question; nil if it
// isn't asked live.
func newLiveQuery(q backend.DataQuery, a *asked) (*liveQuery, string) {
	var m map[string]json.RawMessage
	if json.Unmarshal(q.JSON, &m) != nil || string(bytes.TrimSpace(m["live"])) != "true" {
		return nil, ""
	}
	for _, k := range unmeant {
		delete(m, k)
	}
	text, err := json.Marshal(m) // in the keys' order
	if err != nil {
		return nil, ""
	}
	q.RefID, q.QueryType, q.JSON = "", "", text
	span := q.TimeRange.Duration().Round(time.Second)
	sum := sha256.Sum256(fmt.Appendf(text, "\x00%d %d %d", span, q.Interval, q.MaxDataPoints))
	return &liveQuery{DataQuery: q, asked: *a}, hex.EncodeToString(sum[:16])
}

// appends tells whether the stream has flows as they come.
func (q *liveQuery) appends() bool {
	return q.asked.aside == nil && q.asked.Shape == query.Flows && (q.asked.format == "" || q.asked.format == formatTable || q.asked.format == formatLogs)
}

// at is q for the range of its length that ends now.
func (q *liveQuery) at(now time.Time) backend.DataQuery {
	x := q.DataQuery
	x.TimeRange = backend.TimeRange{From: now.Add(-q.TimeRange.Duration()), To: now}
	return x
}

// orgOf is the organisation that a request is of.
func orgOf(c backend.PluginContext) int64 {
	//lint:ignore SA1019 its successor is a text of the server's making
	return c.OrgID
}

// channelOf is the Live channel of frame n of a question.
func channelOf(k liveKey, n int) string {
	c := "ds/" + k.uid + "/tail/" + strconv.FormatInt(k.org, 10) + "/" + k.id
	if n > 0 {
		c += "." + strconv.Itoa(n)
	}
	return c
}

// pathOf reads a channel's path: whose question is meant, and which of its frames.
func (d *Datasource) pathOf(path string) (k liveKey, n int, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 || parts[0] != "tail" {
		return k, 0, false
	}
	org, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return k, 0, false
	}
	id, frame, more := strings.Cut(parts[2], ".")
	if more {
		if n, err = strconv.Atoi(frame); err != nil || n < 1 || n > 9 {
			return k, 0, false
		}
	}
	return liveKey{org, d.uid, id}, n, true
}

// begin answers a question that is asked live, and says where its answer goes on. Of
// flows, the newest come last, as those that follow.
func (d *Datasource) begin(ctx context.Context, s origin, org int64, q *liveQuery, id string) ([]*dataFrame, error) {
	var frames []*dataFrame
	if q.appends() {
		t, err := s.ask(ctx, &q.asked.Question)
		if err != nil {
			return nil, err
		}
		slices.Reverse(t.Rows)
		frames = []*dataFrame{q.rows(t, d.uid)}
	} else {
		var err error
		if frames, err = d.reply(ctx, s, &q.asked); err != nil {
			return nil, err
		}
	}
	k := liveKey{org, d.uid, id}
	d.hub.live.keep(k, q)
	for n, f := range frames {
		f.Meta.Channel, f.Meta.Custom = channelOf(k, n), liveCustom{q.mode()}
	}
	return frames, nil
}

func (q *liveQuery) mode() string {
	if q.appends() {
		return liveAppend
	}
	return liveReplace
}

// SubscribeStream lets those in who are of the organisation that has asked.
func (d *Datasource) SubscribeStream(_ context.Context, r *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	k, _, ok := d.pathOf(r.Path)
	switch {
	case !ok:
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	case k.org != orgOf(r.PluginContext):
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusPermissionDenied}, nil
	case !d.hub.live.known(k):
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	}
	return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK}, nil
}

// PublishStream lets nobody.
func (d *Datasource) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends what comes until nobody watches, or the datasource's settings have
// changed: Grafana begins again then.
func (d *Datasource) RunStream(ctx context.Context, r *backend.RunStreamRequest, to *backend.StreamSender) error {
	k, n, ok := d.pathOf(r.Path)
	if !ok || k.org != orgOf(r.PluginContext) {
		return status.Error(codes.PermissionDenied, "this stream is of another organisation")
	}
	q, done, err := d.hub.live.run(k)
	if err != nil {
		return err
	}
	defer done()
	s := &stream{Datasource: d, q: q, frame: n, to: to}
	if q.appends() {
		err = s.tail(ctx)
	} else {
		err = s.renew(ctx)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
