package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// How often streams send.
const (
	tailPace   = 250 * time.Millisecond // flows, at most mostCaught each time
	renewPace  = time.Second            // whole answers; those that take longer less often
	renewShare = 10                     // an answer is worked on for one in so many seconds
	slowest    = time.Minute            //
	leastWait  = time.Second            // until an origin that failed is asked again, and
	mostWait   = 30 * time.Second       // at most
)

var (
	errDisposed = errors.New("the datasource's settings have changed: ask again")
	errStopped  = errors.New("listening has stopped")
)

// A stream sends what comes to a channel.
type stream struct {
	*Datasource
	q     *liveQuery
	frame int // which one of an answer's
	to    *backend.StreamSender
}

// backoff is how long an origin is left alone after so many failures.
func backoff(failures int) time.Duration {
	return min(leastWait<<min(failures-1, 5), mostWait)
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// renew sends the answer again and again, for a range that ends now.
func (s *stream) renew(ctx context.Context) error {
	failures := 0
	last := data.NewFrame("")
	last.Meta = &data.FrameMeta{}
	for {
		began := time.Now()
		frames, err := s.again(ctx)
		wait := renewPace
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errDisposed):
			return err
		case err != nil:
			failures++
			wait = backoff(failures)
			meta := *last.Meta
			meta.Notices = append(slices.Clone(meta.Notices), troubled(err.Error()))
			f := *last
			f.Meta = &meta
			err = s.to.SendFrame(&f, data.IncludeAll)
		default:
			failures = 0
			last = data.NewFrame("")
			last.Meta = &data.FrameMeta{}
			if s.frame < len(frames) {
				last = frames[s.frame]
			}
			last.Meta.Custom = liveCustom{liveReplace}
			err = s.to.SendFrame(last, data.IncludeAll)
			wait = min(max(wait, renewShare*time.Since(began)), slowest)
		}
		if err == nil {
			err = sleep(ctx, wait-min(wait, time.Since(began)))
		}
		if err != nil {
			return err
		}
	}
}

func (s *stream) again(ctx context.Context) ([]*dataFrame, error) {
	now := time.Now()
	a, _, err := parse(s.q.at(now), now)
	if err != nil {
		return nil, err
	}
	o, err := s.origin()
	if err != nil {
		return nil, err
	}
	return s.reply(ctx, o, a)
}

// tail sends flows as they come.
func (s *stream) tail(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	x := newCatch(s.q.asked.Filter)
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer end(nil) // before that
	feeding.Go(func() {
		if err := s.feed(ctx, x); err != nil {
			end(err)
		}
	})
	b := &flow.Batch{}
	var said told
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-x.ready:
			}
		}
		var now told
		b, now = x.swap(b)
		f := s.rows(b)
		include := data.IncludeDataOnly
		if first || now != said {
			include = data.IncludeAll
			f.Meta.Notices = now.notices()
			if s.q.asked.format == formatLogs && now != said {
				warn(f, now.since(said))
			}
			said = now
		}
		if err := s.to.SendFrame(f, include); err != nil {
			return err
		}
		if err := sleep(ctx, tailPace); err != nil {
			return context.Cause(ctx)
		}
	}
}

// feed fills x until ctx ends. An origin that goes away is asked again.
func (s *stream) feed(ctx context.Context, x *catch) error {
	failures := 0
	for {
		began := time.Now()
		o, err := s.origin()
		if err == nil {
			err = o.tail(ctx, x)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errDisposed):
			return err
		}
		if time.Since(began) > mostWait {
			failures = 0
		}
		failures++
		x.trouble(err.Error())
		if sleep(ctx, backoff(failures)) != nil {
			return nil
		}
	}
}

// troubled is the notice of an origin that doesn't answer.
func troubled(text string) data.Notice {
	return data.Notice{Severity: data.NoticeSeverityWarning, Text: "flows are missing until it goes on: " + text}
}

// notices says what a stream's frames lack.
func (t told) notices() (all []data.Notice) {
	for _, text := range t.missing() {
		all = append(all, data.Notice{Severity: data.NoticeSeverityWarning, Text: text})
	}
	if t.trouble != "" {
		all = append(all, troubled(t.trouble))
	}
	return all
}

func (t told) missing() (all []string) {
	if t.missed > 0 {
		all = append(all, fmt.Sprintf("%d flows came faster than they are shown", t.missed))
	}
	if t.unseen > 0 {
		all = append(all, fmt.Sprintf("%d flows came too fast to look at", t.unseen))
	}
	return all
}

// since is what is new against before, in a sentence.
func (t told) since(before told) string {
	all := told{missed: t.missed - before.missed, unseen: t.unseen - before.unseen}.missing()
	if t.trouble != before.trouble {
		if t.trouble == "" {
			all = append(all, "flows come again")
		} else {
			all = append(all, troubled(t.trouble).Text)
		}
	}
	return strings.Join(all, "; ")
}

// warn adds a line to a log's frame that is no flow.
func warn(f *dataFrame, text string) {
	now := time.Now().UTC()
	row := f.Rows()
	for _, x := range f.Fields {
		x.Extend(1)
		switch x.Name {
		case "timestamp":
			x.SetConcrete(row, now)
		case "body":
			x.SetConcrete(row, text)
		case "severity":
			x.SetConcrete(row, "warning")
		case "id":
			x.SetConcrete(row, fmt.Sprintf("weir-%d", now.UnixNano()))
		case "labels":
			x.SetConcrete(row, json.RawMessage(`{"severity":"warning"}`))
		}
	}
}

// tailColumns are those of a tail's table, whose frames must all have the same ones.
var tailColumns = []flow.Field{
	flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldExporter, flow.FieldExporterName,
	flow.FieldProto, flow.FieldSrcAddr, flow.FieldSrcPort, flow.FieldDstAddr, flow.FieldDstPort,
	flow.FieldBytes, flow.FieldPackets, flow.FieldTCPFlags, flow.FieldSamplingRate, flow.FieldInIf, flow.FieldOutIf,
	flow.FieldInIfName, flow.FieldOutIfName, flow.FieldSrcAS, flow.FieldDstAS, flow.FieldSrcNet, flow.FieldDstNet,
	flow.FieldSrcCountry, flow.FieldDstCountry, flow.FieldAppName, flow.FieldUser, flow.FieldDirection, flow.FieldTOS, flow.FieldICMPType,
}

// rows is the frame of some flows.
func (s *stream) rows(b *flow.Batch) *dataFrame {
	t := s.q.asked.Table(&query.Answer{Batch: *b}, nil)
	return s.q.rows(&answer{Table: t}, s.uid)
}

// rows is the frame of t's flows, with the same fields whatever they are.
func (q *liveQuery) rows(t *answer, uid string) *dataFrame {
	if q.asked.format != formatLogs {
		t.Table = q.asked.fixed(t.Table)
	}
	f := q.asked.frames(t, uid)[0]
	f.Meta.Stats, f.Meta.Custom = nil, liveCustom{liveAppend}
	return f
}

// fixed has t's rows with a tail's columns.
func (a *asked) fixed(t *query.Table) *query.Table {
	var one flow.Flow
	for _, x := range tailColumns {
		one.Set.Add(x)
	}
	out := *t
	out.Columns = a.Table(&query.Answer{Batch: flow.Batch{Flows: []flow.Flow{one}}}, nil).Columns
	out.Rows = make([][]query.Cell, len(t.Rows))
	from := make([]int, len(out.Columns))
	for n, c := range out.Columns {
		from[n] = slices.IndexFunc(t.Columns, func(x query.TableColumn) bool { return x.Name == c.Name })
	}
	for i, row := range t.Rows {
		cells := make([]query.Cell, len(from))
		for n, at := range from {
			if at >= 0 {
				cells[n] = row[at]
			}
		}
		out.Rows[i] = cells
	}
	return &out
}
