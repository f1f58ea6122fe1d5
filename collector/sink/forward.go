package sink

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// A Forwarder sends flows to Fluent Bit or Fluentd. One goroutine uses it.
//
// With acknowledgements a flow arrives at least once: what was not acknowledged
// when a connection broke is sent again, to whatever server answers, under the
// same id. It may arrive twice.
type Forwarder struct {
	cfg     Forward
	deps    Deps
	pack    *messenger
	links   []*link
	next    int        // the link that is tried first
	waiting []*message // not acknowledged, or not sent; oldest first
	batch   uint64     // number of the last
}

// NewForward makes a Forwarder. It connects when there is something to send.
func NewForward(cfg Forward, deps Deps) (*Forwarder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	w := &Forwarder{cfg: cfg, deps: deps.filled()}
	s, err := cfg.secrets()
	if err != nil {
		return nil, err
	}
	t, err := cfg.TLS.load()
	if err != nil {
		return nil, err
	}
	for _, text := range cfg.Servers {
		a, err := parseServer(text)
		if err != nil {
			return nil, err
		}
		l := &link{server: a, cfg: &w.cfg, secret: s}
		if a.tls {
			l.secure = t.Clone()
			l.secure.ServerName = cmp.Or(cfg.TLS.Name, a.host)
		}
		w.links = append(w.links, l)
	}
	w.pack, err = newMessenger(&w.cfg)
	return w, err
}

func (c *Forward) secrets() (*secrets, error) {
	s := &secrets{hostname: c.Hostname, key: c.SharedKey, user: c.User}
	var err error
	if s.hostname == "" {
		if s.hostname, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("hostname is empty, and the system has none: %w", err)
		}
	}
	if c.SharedKeyFile != "" {
		if s.key, err = firstLine("shared_key_file", c.SharedKeyFile); err != nil {
			return nil, err
		}
	}
	if c.PasswordFile != "" {
		s.password, err = firstLine("password_file", c.PasswordFile)
	}
	return s, err
}

// firstLine returns the first line of a file, which is not empty.
func firstLine(key, name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fmt.Errorf("%s: %s begins with an empty line: write the secret there", key, name)
	}
	return line, nil
}

func (c ForwardTLS) load() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("tls: ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: ca: %s has no certificate in PEM", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: cert and key: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Write sends the flows of b, and waits for their acknowledgement, but for Window
// messages. It tries until ctx ends or GiveUp is over; then what is left of b is
// forgotten.
func (w *Forwarder) Write(ctx context.Context, b *flow.Batch) (err error) {
	if w.cfg.GiveUp > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.cfg.GiveUp)
		defer cancel()
	}
	w.batch++
	if w.waiting, err = w.pack.append(w.waiting, b, w.batch); err == nil {
		err = w.deliver(ctx, w.cfg.Window)
	}
	if err != nil {
		w.remove(func(m *message) bool { return m.batch == w.batch })
	}
	return err
}

// remove forgets the messages that f tells.
func (w *Forwarder) remove(f func(*message) bool) (n int) {
	w.waiting = slices.DeleteFunc(w.waiting, func(m *message) bool {
		if !f(m) {
			return false
		}
		w.pack.done(m)
		n++
		return true
	})
	return n
}

// deliver sends what waits until no more than left messages do.
func (w *Forwarder) deliver(ctx context.Context, left int) error {
	for {
		l, err := w.try(ctx, left)
		if err == nil {
			return nil
		}
		if l != nil {
			w.broken(ctx, l, err)
			err = l.trouble()
		}
		if over(ctx) {
			return fmt.Errorf("%w: %w", err, cmp.Or(ctx.Err(), error(context.DeadlineExceeded)))
		}
	}
}

// over tells whether ctx has ended, or does at this moment.
func over(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(d)
}

// try does what deliver promises, unless a link breaks.
func (w *Forwarder) try(ctx context.Context, left int) (*link, error) {
	for _, m := range w.waiting {
		if m.on != nil {
			continue
		}
		l, err := w.connected(ctx)
		if err != nil {
			return nil, err
		}
		if err := l.send(ctx, m); err != nil {
			return l, w.hear(l, err)
		}
		m.on = l
	}
	if !w.cfg.Ack {
		for _, l := range w.links {
			l.works()
		}
		w.remove(func(*message) bool { return true })
		w.hangUp()
		return nil, nil
	}
	for len(w.waiting) > left {
		l := w.waiting[0].on
		if err := w.await(ctx, l); err != nil {
			return l, err
		}
	}
	w.hangUp()
	return nil, nil
}

// await reads acknowledgements from l until one is of a message that waits.
func (w *Forwarder) await(ctx context.Context, l *link) error {
	defer l.within(ctx, w.cfg.Timeout)()
	for {
		id, err := l.ack()
		if err != nil {
			return err
		}
		if w.acknowledged(id) {
			l.works()
			return nil
		}
	}
}

// acknowledged forgets the message with the id, and tells whether it waited.
func (w *Forwarder) acknowledged(id string) bool {
	return w.remove(func(m *message) bool { return string(m.id[:]) == id }) > 0
}

// hear reads what the server had said before l broke with err: messages that it
// acknowledged need not be sent again, and it may have asked for a shared key,
// which then is the error.
func (w *Forwarder) hear(l *link, err error) error {
	_ = l.conn.SetReadDeadline(time.Now().Add(parting)) // a closed connection tells so by itself
	for {
		id, e := l.ack()
		if errors.Is(e, errNoKey) {
			return e
		}
		if e != nil {
			return l.gone(err)
		}
		w.acknowledged(id)
	}
}

// hangUp closes the connections that servers want closed, where nothing waits.
func (w *Forwarder) hangUp() {
	for _, l := range w.links {
		if l.once && !slices.ContainsFunc(w.waiting, func(m *message) bool { return m.on == l }) {
			l.close()
		}
	}
}

// connected returns a link that is, and waits until there is one.
func (w *Forwarder) connected(ctx context.Context) (*link, error) {
	for {
		if l := w.pick(ctx); l != nil {
			return l, nil
		}
		soonest := slices.MinFunc(w.links, func(a, b *link) int { return a.again.Compare(b.again) })
		wait := time.NewTimer(time.Until(soonest.again))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, soonest.trouble()
		}
	}
}

// quick is how long a server that was down may take to answer while others are
// up.
const quick = time.Second

// parting is how long a broken link is listened to; what it has is here already.
const parting = 10 * time.Millisecond

// pick returns the link to use, connected; nil if there is none now.
func (w *Forwarder) pick(ctx context.Context) *link {
	up := func(l *link) bool { return l.conn != nil }
	timeout := w.cfg.Timeout
	if i := slices.IndexFunc(w.links, up); i >= 0 {
		if w.cfg.Balance == failover {
			return w.links[i]
		}
		timeout = min(timeout, quick)
	}
	for i := range w.links {
		at := (w.next + i) % len(w.links)
		l := w.links[at]
		if !up(l) {
			if over(ctx) || time.Now().Before(l.again) {
				continue
			}
			if err := l.dial(ctx, timeout); err != nil {
				w.broken(ctx, l, err)
				continue
			}
			w.deps.Log.Info("connected", "server", l.text)
		}
		if w.cfg.Balance == roundRobin {
			w.next = (at + 1) % len(w.links)
		}
		return l
	}
	return nil
}

// broken ends a link. What was sent over it and not acknowledged is to be sent
// again.
func (w *Forwarder) broken(ctx context.Context, l *link, err error) {
	for _, m := range w.waiting {
		if m.on == l {
			m.on = nil
		}
	}
	if over(ctx) && l.why != nil {
		err = l.why // it tells more than that our time is up
	}
	wait := l.failed(err)
	if !over(ctx) {
		w.deps.Log.Warn("forward", "server", l.text, "error", err, "again_in", wait.Round(time.Millisecond))
	}
}

// Close gives the servers Timeout to acknowledge what is left, and hangs up.
func (w *Forwarder) Close() error {
	var err error
	if len(w.waiting) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), w.cfg.Timeout)
		defer cancel()
		if err = w.deliver(ctx, 0); err != nil {
			flows := 0
			for _, m := range w.waiting {
				flows += m.flows
			}
			err = fmt.Errorf("%d flows counted as written were not acknowledged: %w", flows, err)
		}
	}
	for _, l := range w.links {
		l.close()
	}
	return err
}
