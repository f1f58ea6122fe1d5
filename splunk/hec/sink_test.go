package hec

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

var quietLog = log.New(io.Discard, "", 0)

// words is an Encoder: the text tells the flow's octets, the host its exporter.
type words struct{}

func (words) AppendRaw(dst []byte, _ *flow.Batch, f *flow.Flow) []byte {
	if f.Packets == 99 {
		return dst // a flow without a text
	}
	return strconv.AppendUint(append(dst, `flow "`...), f.Bytes, 10)
}

func (words) AppendHost(dst []byte, _ *flow.Batch, f *flow.Flow) []byte {
	return f.Exporter.Netip().AppendTo(dst)
}

func (words) Time(_ *flow.Batch, f *flow.Flow) int64 { return f.Received }

const at = 1_795_305_600_123_456_789

func word(n int) string { return fmt.Sprintf(`flow "%d`, n) }

// feed is a source of n flows in datagrams of NetFlow v5; their octets count
// from 1 on. It waits before each datagram for pace, if that isn't nil.
type feed struct {
	n, at int
	pace  func()
	buf   [24 + 48*30]byte
}

func (s *feed) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if s.at == s.n || ctx.Err() != nil {
		return 0, io.EOF
	}
	if s.pace != nil {
		s.pace()
	}
	k := min(30, s.n-s.at)
	d := s.buf[:24+48*k]
	binary.BigEndian.PutUint16(d, 5)
	binary.BigEndian.PutUint16(d[2:], uint16(k))
	binary.BigEndian.PutUint32(d[8:], 1_795_305_600)
	binary.BigEndian.PutUint32(d[16:], uint32(s.at))
	for i := range k {
		r := d[24+48*i:]
		binary.BigEndian.PutUint32(r, 0xc0000201)
		binary.BigEndian.PutUint32(r[16:], 1)                // packets
		binary.BigEndian.PutUint32(r[20:], uint32(s.at+i+1)) // octets
	}
	s.at += k
	dst[0] = decode.Datagram{Data: d, From: netip.MustParseAddrPort("192.0.2.9:40000"), Time: at}
	return 1, nil
}

func (s *feed) Close() error { return nil }

func config(servers ...*standin) Config {
	c := Default()
	c.Token, c.Source, c.Index, c.CA = token, "weir://core", "netflow", servers[0].ca
	c.Events, c.Age = 1000, 50*time.Millisecond
	c.Backoff, c.Longest, c.Timeout, c.Poll = time.Millisecond, 20*time.Millisecond, 10*time.Second, 5*time.Millisecond
	c.Drain = 20 * time.Second
	for _, s := range servers {
		c.URLs = append(c.URLs, s.URL)
	}
	return c
}

// A notes is a log for tests.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.String()
}

func (n *notes) log() *slog.Logger { return slog.New(slog.NewTextHandler(n, nil)) }

func start(t testing.TB, c Config, n *notes) *Sink {
	t.Helper()
	if n == nil {
		n = &notes{}
	}
	s, err := New(c, words{}, n.log())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// carry takes a feed's flows through a pipeline, and checks that the ledger adds up.
func carry(t *testing.T, s *Sink, f *feed, q pipeline.Queue, ctx context.Context) (pipeline.OutputStats, error) {
	t.Helper()
	c := pipeline.Default()
	c.Drain = time.Second
	p, err := pipeline.New(c, pipeline.Deps{
		Sources: []pipeline.Source{f},
		Outputs: []pipeline.Output{{Name: "hec", Sink: s, Queue: q}},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(ctx)
	x := p.Stats()
	o := x.Outputs[0]
	if o.Queued != 0 || o.Spilled != 0 || x.Flows != uint64(f.at) || o.Written+o.Dropped+o.Failed != x.Flows {
		t.Errorf("of %d flows: %+v", x.Flows, o)
	}
	l := p.Ledgers()[0].Outputs[0]
	if l.Written != o.Written || l.Dropped != o.Dropped || l.Failed != o.Failed || l.Queued != 0 {
		t.Errorf("ledger %+v, output %+v", l, o)
	}
	if x := s.Stats(); x.Held != 0 {
		t.Errorf("memory is held: %+v", x)
	}
	return o, err
}

var block = pipeline.Queue{Size: 64, Overflow: pipeline.Block}

func bg() context.Context { return context.Background() }

// sum adds what the servers have got.
func sum(servers ...*standin) map[string]int {
	all := map[string]int{}
	for _, s := range servers {
		for k, n := range s.got() {
			all[k] += n
		}
	}
	return all
}

// exactly checks that each flow has come once; or, if again, at least once.
func exactly(t *testing.T, got map[string]int, n int, again bool) {
	t.Helper()
	twice := 0
	for i := range n {
		switch c := got[word(i+1)]; {
		case c == 0:
			t.Errorf("flow %d is missing", i+1)
			return
		case c > 1:
			twice++
		}
	}
	if len(got) != n || twice > 0 && !again {
		t.Errorf("%d texts of %d, %d of them more than once", len(got), n, twice)
	}
}

func TestDelivers(t *testing.T) {
	for _, ack := range []bool{false, true} {
		for _, zip := range []bool{false, true} {
			for _, n := range []int{1, 3} {
				t.Run(fmt.Sprintf("ack=%v,gzip=%v,indexers=%d", ack, zip, n), func(t *testing.T) {
					t.Parallel()
					var all []*standin
					for range n {
						all = append(all, serve(t, func(s *standin) { s.ack, s.ackAfter = ack, 20*time.Millisecond }))
					}
					c := config(all...)
					c.Ack, c.Gzip = ack, zip
					s := start(t, c, nil)
					o, err := carry(t, s, &feed{n: 30_010}, block, bg())
					if err != nil || o.Written != 30_010 {
						t.Errorf("%v, %+v", err, o)
					}
					exactly(t, sum(all...), 30_010, false)
					for _, x := range all {
						if zip != (x.gzipped > 0) {
							t.Errorf("%d requests were compressed", x.gzipped)
						}
					}
					e := all[0].events[0]
					if e.Time != "1795305600.123" || e.Host != "192.0.2.9" || e.Source != "weir://core" || e.Sourcetype != "weir:flow" || e.Index != "netflow" {
						t.Errorf("event %+v", e)
					}
					if x := s.Stats(); x.Events != 30_010 || x.Resent != 0 || x.Failed != 0 {
						t.Errorf("stats %+v", x)
					}
				})
			}
		}
	}
}

// Indexers that are quick enough take turns.
func TestTurns(t *testing.T) {
	all := []*standin{serve(t, nil), serve(t, nil), serve(t, nil)}
	s := start(t, config(all...), nil)
	o, err := carry(t, s, &feed{n: 12_000, pace: func() { time.Sleep(time.Millisecond) }}, block, bg())
	if err != nil || o.Written != 12_000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(all...), 12_000, false)
	a, b, c := all[0].requests, all[1].requests, all[2].requests
	if max(a, b, c)-min(a, b, c) > 1 {
		t.Errorf("%d, %d and %d requests", a, b, c)
	}
}

// What an indexer does wrongly now and then.
var faults = map[string]func(w http.ResponseWriter, r *http.Request) bool{
	"503": func(w http.ResponseWriter, _ *http.Request) bool {
		answerTo(w, 503, "Server is busy", 9, `,"invalid-event-number":10`)
		return true
	},
	"429": func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "0")
		answerTo(w, 429, "Too many requests", 26, "")
		return true
	},
	"500": func(w http.ResponseWriter, _ *http.Request) bool {
		answerTo(w, 500, "Internal server error", 8, "")
		return true
	},
	"reset at once": func(w http.ResponseWriter, _ *http.Request) bool { reset(w); return true },
	"reset in the middle": func(w http.ResponseWriter, r *http.Request) bool {
		io.CopyN(io.Discard, r.Body, 5000)
		reset(w)
		return true
	},
	"silence": func(w http.ResponseWriter, r *http.Request) bool {
		time.Sleep(500 * time.Millisecond) // all wait: the lock is held
		return false
	},
	"html": func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(502)
		io.WriteString(w, "<html>bad gateway</html>")
		return true
	},
}

func TestFaults(t *testing.T) {
	for name, fault := range faults {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,ack=%v", name, ack), func(t *testing.T) {
				t.Parallel()
				sick := func(s *standin) {
					s.ack = ack
					s.fault = func(n int, w http.ResponseWriter, r *http.Request) bool { return n%3 == 1 && n < 9 && fault(w, r) }
				}
				a, b := serve(t, sick), serve(t, sick)
				c := config(a, b)
				c.Ack = ack
				if name == "silence" {
					c.Timeout, c.AckTimeout = 400*time.Millisecond, 2*time.Second
				}
				s := start(t, c, nil)
				o, err := carry(t, s, &feed{n: 20_000}, block, bg())
				if err != nil || o.Written != 20_000 {
					t.Errorf("%v, %+v, %+v", err, o, s.Stats())
				}
				exactly(t, sum(a, b), 20_000, true)
				if s.Stats().Resent == 0 {
					t.Error("nothing was sent again")
				}
			})
		}
	}
}

// An indexer that takes a request, and then loses its answer: what it took comes
// again.
func TestAnswerLost(t *testing.T) {
	a := serve(t, nil)
	a.fault = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n != 1 {
			return false
		}
		f := a.fault
		a.fault = nil
		a.take(httpNowhere{}, r, "")
		a.fault = f
		reset(w)
		return true
	}
	s := start(t, config(a), nil)
	o, err := carry(t, s, &feed{n: 3000}, block, bg())
	if err != nil || o.Written != 3000 {
		t.Errorf("%v, %+v", err, o)
	}
	got := a.got()
	exactly(t, got, 3000, true)
	if len(a.events) != 4000 {
		t.Errorf("%d events came, want one request twice", len(a.events))
	}
}

type httpNowhere struct{}

func (httpNowhere) Header() http.Header         { return http.Header{} }
func (httpNowhere) Write(p []byte) (int, error) { return len(p), nil }
func (httpNowhere) WriteHeader(int)             {}

func TestBadEvents(t *testing.T) {
	for _, ack := range []bool{false, true} {
		n := &notes{}
		a := serve(t, func(s *standin) {
			s.ack = ack
			s.bad = func(e string) bool { return e == word(1) || e == word(777) || e == word(1000) || e == word(2500) }
		})
		c := config(a)
		c.Ack = ack
		s := start(t, c, n)
		o, err := carry(t, s, &feed{n: 3000}, block, bg())
		if err != nil || o.Failed != 4 || o.Written != 2996 {
			t.Errorf("%v, %+v", err, o)
		}
		got := a.got()
		for i := range 3000 {
			k := word(i + 1)
			if bad := a.bad(k); (got[k] == 0) != bad {
				t.Errorf("%s came %d times", k, got[k])
			}
		}
		if x := s.Stats(); x.Failed != 4 || x.Events != 2996 {
			t.Errorf("stats %+v", x)
		}
		if text := n.String(); !strings.Contains(text, "Invalid data format") || !strings.Contains(text, "splunkd.log of the indexer says what is wrong") {
			t.Errorf("log %s", text)
		}
	}
}

// All are bad: it ends.
func TestAllBad(t *testing.T) {
	a := serve(t, func(s *standin) { s.bad = func(string) bool { return true } })
	s := start(t, config(a), nil)
	o, err := carry(t, s, &feed{n: 2000}, block, bg())
	if err != nil || o.Failed != 2000 {
		t.Errorf("%v, %+v", err, o)
	}
	if a.requests > 2*maxBad+4 {
		t.Errorf("%d requests", a.requests)
	}
}

func TestRefused(t *testing.T) {
	for _, x := range []struct {
		name   string
		server func(*standin)
		client func(*Config)
		want   string
	}{
		{"token", nil, func(c *Config) { c.Token = "wrong" }, "compare the token that is stored here"},
		{"index", nil, func(c *Config) { c.Index = "nowhere" }, "let the token have the index"},
		{"channel", func(s *standin) { s.ack = true }, nil, "the token wants acknowledgements: write hec_ack = true"},
		{"path", nil, func(c *Config) { c.URLs[0] += "/other" }, "there is no event collector"},
		{"elsewhere", func(s *standin) {
			s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
				return true
			}
		}, nil, "it wants to send us elsewhere"},
		{"web page", func(s *standin) {
			s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool { io.WriteString(w, "<html>"); return true }
		}, nil, "it isn't an event collector"},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := serve(t, x.server)
			c := config(a)
			if x.client != nil {
				x.client(&c)
			}
			n := &notes{}
			s := start(t, c, n)
			o, err := carry(t, s, &feed{n: 2500}, block, bg())
			if err != nil || o.Failed != 2500 {
				t.Errorf("%v, %+v", err, o)
			}
			text := n.String()
			if !strings.Contains(text, x.want) || strings.Contains(text, "wrong") && x.name == "token" || strings.Contains(text, token) {
				t.Errorf("log %s", text)
			}
		})
	}
}

// Where one indexer refuses, the others take.
func TestRefusedByOne(t *testing.T) {
	a := serve(t, func(s *standin) { s.token = "another" })
	b, d := serve(t, nil), serve(t, nil)
	s := start(t, config(a, b, d), nil)
	o, err := carry(t, s, &feed{n: 10_000}, block, bg())
	if err != nil || o.Written != 10_000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(b, d), 10_000, false)
	if x := s.Stats().Indexers; !strings.Contains(x[0].Trouble, "Invalid token") || x[1].Trouble != "" || x[0].Events != 0 || x[1].Events == 0 || x[2].Events == 0 {
		t.Errorf("%+v", x)
	}
}

func TestTooLong(t *testing.T) {
	a := serve(t, func(s *standin) { s.longest = 20_000 })
	s := start(t, config(a), nil)
	o, err := carry(t, s, &feed{n: 5000}, block, bg())
	if err != nil || o.Written != 5000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(a), 5000, false)
	a = serve(t, func(s *standin) { s.longest = 20 })
	s = start(t, config(a), nil)
	if o, err = carry(t, s, &feed{n: 300}, block, bg()); err != nil || o.Failed != 300 {
		t.Errorf("%v, %+v", err, o)
	}
}

// Acknowledgements that never come: the same again, and again.
func TestUnacknowledged(t *testing.T) {
	a := serve(t, func(s *standin) { s.ack, s.mute = true, true })
	c := config(a)
	c.Ack, c.AckTimeout = true, 60*time.Millisecond
	s := start(t, c, nil)
	time.AfterFunc(200*time.Millisecond, func() { a.set(func() { a.mute = false }) })
	o, err := carry(t, s, &feed{n: 3000}, block, bg())
	if err != nil || o.Written != 3000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(a), 3000, true)
	if s.Stats().Unacked == 0 {
		t.Errorf("stats %+v", s.Stats())
	}
}

// An indexer that restarts has lost what it had not acknowledged, and counts from
// 0 again.
func TestRestart(t *testing.T) {
	n := &notes{}
	a := serve(t, func(s *standin) { s.ack, s.ackAfter = true, time.Hour })
	c := config(a)
	c.Ack, c.AckTimeout = true, time.Second
	s := start(t, c, n)
	ready := make(chan struct{})
	f := &feed{n: 4000}
	f.pace = func() {
		if f.at == 2010 {
			<-ready
		}
	}
	go func() {
		for len(a.got()) < 1700 { // two requests, the second by its age
			time.Sleep(time.Millisecond)
		}
		a.restart()
		close(ready)
	}()
	o, err := carry(t, s, f, block, bg())
	if err != nil || o.Written != 4000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(a), 4000, true)
	if !strings.Contains(n.String(), "the indexer has begun anew") {
		t.Errorf("log %s", n)
	}
}

// A token without acknowledgement, and we wait for it.
func TestNoAck(t *testing.T) {
	n := &notes{}
	a := serve(t, nil)
	c := config(a)
	c.Ack = true
	o, err := carry(t, start(t, c, n), &feed{n: 100}, block, bg())
	if err != nil || o.Written != 100 || !strings.Contains(n.String(), "useACK = 1") {
		t.Errorf("%v, %+v: %s", err, o, n)
	}
}

// An indexer that takes connections and never answers: memory stays bounded, the
// queue drops or spills, and all is counted.
func TestStalled(t *testing.T) {
	for _, x := range []pipeline.Queue{
		{Size: 16, Overflow: pipeline.DropOldest},
		{Size: 16, Overflow: pipeline.Spill, Disk: 64 << 20},
	} {
		t.Run(string(x.Overflow), func(t *testing.T) {
			t.Parallel()
			x.Dir = t.TempDir()
			a := serve(t, func(s *standin) { s.stall = make(chan struct{}) })
			c := config(a)
			c.Octets, c.Memory, c.Timeout = 200_000, 1<<20, 100*time.Millisecond
			s := start(t, c, nil)
			ctx, cancel := context.WithCancel(bg())
			most := atomic.Int64{}
			f := &feed{n: 100_000}
			f.pace = func() {
				time.Sleep(50 * time.Microsecond) // what goes to disk has to keep up
				most.Store(max(most.Load(), int64(s.Stats().Held)))
				if f.at >= f.n-30 {
					if x.Overflow == pipeline.Spill {
						close(a.stall) // it is well again
						return
					}
					time.Sleep(300 * time.Millisecond)
					cancel()
				}
			}
			begin := time.Now()
			o, err := carry(t, s, f, x, ctx)
			cancel()
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("it took %s", d)
			}
			if n := most.Load(); n < 1<<20 || n > 1<<20+2*int64(c.Octets) {
				t.Errorf("%d octets were held, %d are allowed", n, c.Memory)
			}
			if x.Overflow == pipeline.Spill {
				if err != nil || o.Written != 100_000 {
					t.Errorf("%v, %+v", err, o)
				}
				exactly(t, sum(a), 100_000, true)
			} else if err == nil || !strings.Contains(err.Error(), "did not answer in time") || o.Dropped != 100_000 {
				t.Errorf("%v, %+v", err, o)
			}
		})
	}
}

// The end comes within the pipeline's time and a little more, whatever hangs.
func TestEndsInTime(t *testing.T) {
	for _, ack := range []bool{false, true} {
		a := serve(t, func(s *standin) {
			s.ack, s.mute = ack, true
			if !ack {
				s.stall = make(chan struct{})
			}
		})
		c := config(a)
		c.Ack, c.Drain = ack, 200*time.Millisecond
		begin := time.Now()
		o, err := carry(t, start(t, c, nil), &feed{n: 5000}, block, bg())
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("it took %s", d)
		}
		if err == nil || !strings.Contains(err.Error(), "5000 events were dropped at the end") || o.Dropped != 5000 {
			t.Errorf("%v, %+v", err, o)
		}
	}
}

// An indexer that comes back gets what waits.
func TestComesBack(t *testing.T) {
	n := &notes{}
	a := serve(t, func(s *standin) {
		s.fault = func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n <= 5 {
				answerTo(w, 503, "Server is busy", 9, "")
			}
			return n <= 5
		}
	})
	o, err := carry(t, start(t, config(a), n), &feed{n: 10_000}, block, bg())
	if err != nil || o.Written != 10_000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(a), 10_000, false)
	if text := n.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "takes events again") {
		t.Errorf("log %s", text)
	}
}

// One that is busy every other time is told of once a minute, not each time.
func TestBusyNowAndThen(t *testing.T) {
	n := &notes{}
	a := serve(t, func(s *standin) {
		s.fault = func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n%2 == 1 {
				answerTo(w, 503, "Server is busy", 9, "")
			}
			return n%2 == 1
		}
	})
	o, err := carry(t, start(t, config(a), n), &feed{n: 20_000}, block, bg())
	if err != nil || o.Written != 20_000 || a.requests < 30 {
		t.Errorf("%v, %+v, %d requests", err, o, a.requests)
	}
	exactly(t, sum(a), 20_000, false)
	if text := n.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "takes events again") != 1 {
		t.Errorf("log %s", text)
	}
}

// With one of three indexers gone, the others share.
func TestOneGone(t *testing.T) {
	a, b, d := serve(t, nil), serve(t, nil), serve(t, nil)
	c := config(a, b, d)
	a.Close()
	o, err := carry(t, start(t, c, nil), &feed{n: 20_000}, block, bg())
	if err != nil || o.Written != 20_000 {
		t.Errorf("%v, %+v", err, o)
	}
	exactly(t, sum(b, d), 20_000, false)
	if x, y := b.requests, d.requests; x < 7 || y < 7 {
		t.Errorf("%d and %d requests", x, y)
	}
}

func TestWrite(t *testing.T) {
	a := serve(t, func(s *standin) { s.bad = func(e string) bool { return e == word(5) } })
	s := start(t, config(a), nil)
	b := batch(10)
	if err := s.Write(bg(), b); err == nil || len(a.got()) != 9 {
		t.Errorf("error %v, got %v", err, a.got())
	}
	a.set(func() { a.bad = nil })
	if err := s.Write(bg(), b); err != nil {
		t.Error(err)
	}
	a.set(func() { a.stall = make(chan struct{}) })
	ctx, cancel := context.WithTimeout(bg(), 20*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	s.cfg.Drain = 0
	if err := s.Close(); err == nil {
		t.Error("no error")
	}
}

// batch makes one of n flows; their octets count from 1 on.
func batch(n int) *flow.Batch {
	b := new(flow.Batch)
	for i := range n {
		b.Grow(1)[0] = flow.Flow{Bytes: uint64(i + 1), Received: at, Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 9})}
	}
	return b
}

// A count is a receipt that counts.
type count struct {
	mu                      sync.Mutex
	whole                   string
	wholes, dropped, failed int
	done                    chan struct{}
}

func (c *count) end(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = what
	if c.wholes++; c.wholes == 1 && c.done != nil {
		close(c.done)
	}
}
func (c *count) Written()      { c.end("written") }
func (c *count) Dropped()      { c.end("dropped") }
func (c *count) Failed()       { c.end("failed") }
func (c *count) DroppedAt(int) { c.dropped++ }
func (c *count) FailedAt(int)  { c.failed++ }

// Flows without a text fail; both directions of a record count once.
func TestNoText(t *testing.T) {
	a := serve(t, nil)
	s := start(t, config(a), nil)
	b := batch(6)
	b.Flows[1].Packets = 99
	b.Flows[3].Packets, b.Flows[4].Packets, b.Flows[4].Marks = 99, 99, flow.Reverse
	c := &count{done: make(chan struct{})}
	s.keep(bg(), b, c)
	<-c.done
	if c.whole != "written" || c.failed != 2 || len(a.got()) != 3 {
		t.Errorf("%+v, got %v", c, a.got())
	}
	e := &count{done: make(chan struct{})}
	s.keep(bg(), new(flow.Batch), e)
	if <-e.done; e.whole != "written" {
		t.Errorf("an empty batch: %+v", e)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever is cut out of requests, and however they are cut in two, each flow has
// one fate, and each batch one end.
func TestRequestSurgery(t *testing.T) {
	for seed := range 200 {
		var owed []*debt
		q := new(request)
		total := 0
		for i := range 5 {
			n := 1 + (seed*7+i*3)%4
			d := &debt{receipt: new(count), flows: n, parts: 1, single: -1}
			owed = append(owed, d)
			for j := range n {
				q.body = append(q.body, fmt.Sprintf("%d.%d\n", i, j)...)
				q.events = append(q.events, event{int32(len(q.body)), int32(j)})
			}
			q.runs = append(q.runs, run{d, len(q.events)})
			total += n
		}
		parts := []*request{q}
		lost := 0
		for k := range 6 {
			p := parts[(seed+k)%len(parts)]
			if len(p.events) > 1 && (seed+k)%2 == 0 {
				x := new(request)
				p.split(x)
				parts = append(parts, x)
			} else if len(p.events) > 0 {
				p.remove((seed * k) % len(p.events))
				lost++
			}
		}
		left := 0
		for i, p := range parts {
			lines := bytes.Count(p.body, []byte("\n"))
			if lines != len(p.events) || lines > 0 && int(p.events[lines-1].end) != len(p.body) {
				t.Fatalf("seed %d: %d lines, events %v", seed, lines, p.events)
			}
			if i%2 == 0 {
				left += lines
				p.settle(dropped)
			} else {
				p.settle(written)
			}
		}
		gone, failed := 0, 0
		for i, d := range owed {
			c := d.receipt.(*count)
			if d.parts != 0 || c.wholes != 1 {
				t.Fatalf("seed %d: debt %d has %d parts, %d ends", seed, i, d.parts, c.wholes)
			}
			failed += c.failed
			gone += c.dropped
			if c.whole == "dropped" {
				gone += d.flows - c.failed - c.dropped
			}
		}
		if failed != lost || gone != left {
			t.Fatalf("seed %d: %d of %d failed, %d of %d dropped", seed, failed, lost, gone, left)
		}
	}
}

func TestBackoff(t *testing.T) {
	c := Default()
	c.Backoff, c.Longest = 100*time.Millisecond, time.Second
	x := &indexer{sink: &Sink{cfg: c}}
	next := func(a answer, want time.Duration) {
		t.Helper()
		x.again = time.Time{}
		if got := x.failed(a); got > want || got < want*8/10 {
			t.Errorf("wait %s, want 80 to 100 %% of %s", got, want)
		}
	}
	for _, ms := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		next(answer{}, ms*time.Millisecond)
	}
	next(answer{wait: 7 * time.Second}, 7*time.Second)
	next(answer{wait: time.Hour}, mostPatience)
	if x.failed(answer{}); x.fails != 8 {
		t.Errorf("%d failures, want those of one volley to count once", x.fails)
	}
	for text, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "999999999": 24 * time.Hour} {
		if got := patience(text); got != want {
			t.Errorf("Retry-After %q is %s", text, got)
		}
	}
	if got := patience(time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)); got < 55*time.Second || got > time.Minute {
		t.Errorf("Retry-After with a date is %s", got)
	}
}

func TestTrust(t *testing.T) {
	a := serve(t, nil)
	for _, x := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Name = "example.com" }, ""},
		{func(c *Config) { c.Name = "indexer.example.net" }, "its certificate is not accepted: write the file of those that vouch for it as hec_ca"},
		{func(c *Config) { c.CA = "" }, "its certificate is not accepted"},
		{func(c *Config) { c.CA, c.Name = "", "example.com" }, "its certificate is not accepted"},
		{func(c *Config) { c.URLs[0] = strings.Replace(a.URL, "https:", "http:", 1); c.CA = "" }, "https:// in hec_url"},
	} {
		n := &notes{}
		c := config(a)
		x.change(&c)
		c.Drain = time.Second
		o, _ := carry(t, start(t, c, n), &feed{n: 10}, block, bg())
		if text := n.String(); x.want == "" && (o.Written != 10 || text != "") || !strings.Contains(text, x.want) || x.want != "" && o.Written > 0 {
			t.Errorf("want %q: %+v, %s", x.want, o, text)
		}
	}
}

func TestConfig(t *testing.T) {
	bad := func(want string, change func(*Config)) {
		t.Helper()
		c := Default()
		c.URLs, c.Token = []string{"https://indexer.example.net:8088"}, token
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		} else if strings.Contains(err.Error(), "tell nobody") {
			t.Errorf("a secret is in %v", err)
		}
	}
	bad("hec_url is empty", func(c *Config) { c.URLs = nil })
	for _, u := range []string{"", "indexer:8088", "ftp://x", "https://", "https://u:p@x", "https://x?y", "://"} {
		bad("hec_url: ", func(c *Config) { c.URLs[0] = u })
	}
	bad("the token is empty", func(c *Config) { c.Token = "" })
	bad("the token has a character", func(c *Config) { c.Token = "tell nobody\n" })
	bad("hec_channel has a character", func(c *Config) { c.Channel = "x\r\ny" })
	bad("hec_batch is 0", func(c *Config) { c.Events = 0 })
	bad("memory for two requests", func(c *Config) { c.Octets, c.Memory = 1<<20, 1<<20 })
	bad("hec_connections", func(c *Config) { c.Connections = 0 })
	bad("hec_timeout is 0s", func(c *Config) { c.Timeout = 0 })
	bad("hec_backoff_longest", func(c *Config) { c.Longest = c.Backoff - 1 })
	bad("no address of hec_url begins with https://", func(c *Config) { c.URLs[0], c.CA = "http://x", "a" })
	for text, want := range map[string]string{
		"https://x:8088": "https://x:8088/services/collector/event", "https://x:8088/": "https://x:8088/services/collector/event",
		"https://x/hec": "https://x/hec/services/collector/event", "https://x:8088/services/collector/event": "https://x:8088/services/collector/event",
		"https://x/services/collector": "https://x/services/collector/event",
	} {
		u, err := parseURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if x := newIndexer(&Sink{cfg: Default()}, 0, u, nil); x.url != want {
			t.Errorf("%s is %s, want %s", text, x.url, want)
		}
	}
	c := Default()
	c.URLs, c.Token, c.CA = []string{"https://x"}, token, "/nowhere"
	if _, err := New(c, words{}, nil); err == nil || !strings.Contains(err.Error(), "hec_ca") {
		t.Errorf("error %v", err)
	}
}

func TestEnvelope(t *testing.T) {
	c := Default()
	c.Source, c.Index = `a "source"`, "main"
	e := newEnvelope(&c, words{})
	b := batch(1)
	got, _ := e.append(nil, b, &b.Flows[0])
	want := `{"time":1795305600.123,"host":"192.0.2.9","source":"a \"source\"","sourcetype":"weir:flow","index":"main","event":"flow \"1"}` + "\n"
	if string(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
	b.Flows[0].Received = -5
	if got, _ = e.append(nil, b, &b.Flows[0]); bytes.Contains(got, []byte("time")) {
		t.Errorf("got %s", got)
	}
	dst := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() { dst, _ = e.append(dst[:0], b, &b.Flows[0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
