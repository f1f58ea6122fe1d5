//go:build real

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/weirflow/weir/grafana/drive"
)

// A live is Grafana's Live for the channels of datasources: all who subscribe to a
// channel of an organisation share a run of it, which ends with the last of them
// and begins anew when the datasource's settings change. Grafana has a websocket;
// here each channel is an event stream.
type live struct {
	plugin  *drive.Plugin
	sources *datasources

	mu   sync.Mutex
	runs map[channel]*run
}

type channel struct {
	org       int64
	uid, path string
}

type run struct {
	stop        context.CancelFunc
	subscribers map[chan []byte]bool
}

// serve is GET /api/live/ds/UID/PATH.
func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	c := channel{orgOf(r), r.PathValue("uid"), r.PathValue("path")}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(event string, data []byte) {
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data)
		w.(http.Flusher).Flush()
	}
	fail := func(code int, text string) {
		m, _ := json.Marshal(map[string]any{"code": code, "message": text})
		send("refused", m)
	}
	s, ok := l.sources.find(c.org, c.uid)
	if !ok {
		fail(http.StatusNotFound, "not found")
		return
	}
	a, err := l.plugin.Stream.SubscribeStream(r.Context(), &pluginv2.SubscribeStreamRequest{PluginContext: s.context(), Path: c.path, Data: []byte(r.URL.Query().Get("data"))})
	switch {
	case err != nil:
		fail(http.StatusInternalServerError, err.Error())
		return
	case a.Status == pluginv2.SubscribeStreamResponse_PERMISSION_DENIED:
		fail(http.StatusForbidden, "permission denied")
		return
	case a.Status != pluginv2.SubscribeStreamResponse_OK:
		fail(http.StatusNotFound, "not found")
		return
	}
	packets := make(chan []byte, 1024)
	l.join(c, packets)
	defer l.leave(c, packets)
	first := a.Data
	if len(first) == 0 {
		first = []byte("null")
	}
	send("subscribed", first)
	for {
		select {
		case <-r.Context().Done():
			return
		case p := <-packets:
			send("packet", p)
		}
	}
}

func (l *live) join(c channel, packets chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.runs[c]
	if x == nil {
		x = &run{subscribers: map[chan []byte]bool{}}
		l.runs[c] = x
		l.start(c, x)
	}
	x.subscribers[packets] = true
}

func (l *live) leave(c channel, packets chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.runs[c]
	delete(x.subscribers, packets)
	if len(x.subscribers) == 0 {
		x.stop()
		delete(l.runs, c)
	}
}

// changed begins the channels of a datasource anew.
func (l *live) changed(org int64, uid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, x := range l.runs {
		if c.org == org && c.uid == uid {
			x.stop()
			l.start(c, x)
		}
	}
}

// start is called with the lock.
func (l *live) start(c channel, x *run) {
	var ctx context.Context
	ctx, x.stop = context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			l.receive(ctx, c, x)
			select { // a run that has ended is begun anew
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
}

func (l *live) receive(ctx context.Context, c channel, x *run) {
	s, ok := l.sources.find(c.org, c.uid)
	if !ok {
		return
	}
	from, err := l.plugin.Stream.RunStream(ctx, &pluginv2.RunStreamRequest{PluginContext: s.context(), Path: c.path})
	if err != nil {
		return
	}
	for {
		p, err := from.Recv()
		if err != nil {
			return
		}
		data := []byte(strings.ReplaceAll(string(p.Data), "\n", " ")) // it's JSON: no newline matters
		l.mu.Lock()
		for to := range x.subscribers {
			select {
			case to <- data:
			default: // too slow
			}
		}
		l.mu.Unlock()
	}
}

// publish is POST /api/live/publish/ds/UID/PATH.
func (l *live) publish(w http.ResponseWriter, r *http.Request) {
	s, ok := l.sources.find(orgOf(r), r.PathValue("uid"))
	if !ok {
		answer(w, http.StatusNotFound, map[string]string{"message": "not found"})
		return
	}
	a, err := l.plugin.Stream.PublishStream(r.Context(), &pluginv2.PublishStreamRequest{PluginContext: s.context(), Path: r.PathValue("path"), Data: []byte("{}")})
	switch {
	case err != nil:
		answer(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
	case a.Status != pluginv2.PublishStreamResponse_OK:
		answer(w, http.StatusForbidden, map[string]string{"message": "permission denied"})
	default:
		answer(w, http.StatusOK, map[string]string{})
	}
}
