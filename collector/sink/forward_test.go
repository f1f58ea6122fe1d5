package sink

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

const at = 1_795_305_600_123_456_789

// flows makes a batch of n flows with source ports from first on.
func flows(first, n int) *flow.Batch {
	b := &flow.Batch{}
	for i := range n {
		f := flow.Flow{SrcAddr: flow.AddrFrom4([4]byte{192, 0, 2, 1}), SrcPort: uint16(first + i), Proto: 6, Bytes: 1500, End: at, Received: at}
		for _, x := range []flow.Field{flow.FieldSrcAddr, flow.FieldSrcPort, flow.FieldProto, flow.FieldBytes, flow.FieldEnd} {
			f.Set.Add(x)
		}
		b.Grow(1)[0] = f
	}
	return b
}

// forward makes a Forwarder to servers with quick retries.
func forward(t *testing.T, change func(*Forward), servers ...*forwardServer) *Forwarder {
	t.Helper()
	c := DefaultForward()
	c.Profile, c.Backoff, c.Longest, c.Timeout = "flat", time.Millisecond, 5*time.Millisecond, 5*time.Second
	c.Hostname = "collector.example.net"
	for _, s := range servers {
		c.Servers = append(c.Servers, s.url())
	}
	if change != nil {
		change(&c)
	}
	w, err := NewForward(c, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, l := range w.links {
			l.close()
		}
	})
	return w
}

func write(t *testing.T, w *Forwarder, b *flow.Batch) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
}

// onWarning is a log that calls when a warning comes.
type onWarning func()

func (f onWarning) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("level=WARN")) {
		f()
	}
	return len(p), nil
}

// once writes b, and no longer than until a server fails.
func once(w *Forwarder, b *flow.Batch) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	w.deps.Log = slog.New(slog.NewTextHandler(onWarning(cancel), nil))
	return w.Write(ctx, b)
}

// count returns the whole numbers from first on.
func count(first, n int) (all []int) {
	for i := range n {
		all = append(all, first+i)
	}
	return all
}

func TestForward(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, compress := range compressions {
			t.Run(network+" "+compress, func(t *testing.T) {
				s := new(forwardServer).serve(t, network)
				w := forward(t, func(c *Forward) { c.Compress, c.Tag = compress, "weir.flows" }, s)
				write(t, w, flows(1, 100))
				write(t, w, flows(101, 20))
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				got := s.got()
				if !slices.Equal(ports(got), count(1, 120)) {
					t.Errorf("ports %v", ports(got))
				}
				m := got[0]
				if len(got) != 2 || m.tag != "weir.flows" || m.size != 100 || len(m.chunk) != 24 || m.chunk == got[1].chunk || s.opened != 1 {
					t.Errorf("%d messages, the first %.100v; %d connections", len(got), m, s.opened)
				}
				if m.times[0].UnixNano() != at || m.records[0]["src_addr"] != "192.0.2.1" {
					t.Errorf("record %v at %v", m.records[0], m.times[0])
				}
			})
		}
	}
}

// An acknowledgement that gets lost with its connection: the message comes
// again, under the same id.
func TestForwardAckLost(t *testing.T) {
	s := (&forwardServer{noAck: 2}).serve(t, "tcp")
	w := forward(t, nil, s)
	write(t, w, flows(1, 3))
	got := s.got()
	if len(got) != 3 || got[0].chunk != got[1].chunk || got[1].chunk != got[2].chunk || !slices.Equal(ports(got[2:]), count(1, 3)) {
		t.Errorf("got %v", got)
	}
	if s.opened != 3 || len(w.waiting) != 0 {
		t.Errorf("%d connections, %d messages wait", s.opened, len(w.waiting))
	}
}

// A connection that is cut in the middle of a message.
func TestForwardCut(t *testing.T) {
	for _, after := range []int{1, 50, 3000} {
		s := (&forwardServer{cutAfter: after}).serve(t, "tcp")
		w := forward(t, nil, s)
		write(t, w, flows(1, 200))
		if got := s.got(); !slices.Equal(ports(got), count(1, 200)) || s.opened != 2 {
			t.Errorf("cut after %d octets: ports %v, %d connections", after, ports(got), s.opened)
		}
	}
}

// A server that says nothing: the batch fails with ctx, and says why; nothing of
// it is kept.
func TestForwardSilence(t *testing.T) {
	s := (&forwardServer{mute: 1000}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.Timeout = 20 * time.Millisecond }, s)
	err := once(w, flows(1, 3))
	if err == nil || !strings.Contains(err.Error(), "the server did not answer") {
		t.Errorf("error %v", err)
	}
	if len(w.waiting) != 0 {
		t.Errorf("%d messages are kept", len(w.waiting))
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// With a window, messages wait for their acknowledgement behind Write; they are
// sent again when the connection breaks, and Close waits for them.
func TestForwardWindow(t *testing.T) {
	s := (&forwardServer{mute: 3}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.Window = 3 }, s)
	for i := range 3 {
		write(t, w, flows(1+i, 1))
	}
	if len(w.waiting) != 3 {
		t.Fatalf("%d messages wait, want 3", len(w.waiting))
	}
	for len(s.got()) < 3 {
		time.Sleep(time.Millisecond)
	}
	s.hangUp()
	write(t, w, flows(4, 1))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := ports(s.got())
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, count(1, 4)) {
		t.Errorf("ports %v", got)
	}
}

// With a window, acknowledgements that had come when the connection broke count,
// though nobody had read them yet.
func TestForwardWindowAcknowledged(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		s := new(forwardServer).serve(t, network)
		w := forward(t, func(c *Forward) { c.Window = 100 }, s)
		for i := range 5 {
			write(t, w, flows(1+i, 1))
		}
		state := func() (opened, acked int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.opened, s.acked
		}
		for _, acked := state(); acked < 5; _, acked = state() {
			time.Sleep(time.Millisecond)
		}
		s.hangUp()
		n := 6
		for opened, _ := state(); opened < 2; opened, _ = state() {
			write(t, w, flows(n, 1))
			n++
			time.Sleep(time.Millisecond)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := ports(s.got()); !slices.Equal(got, count(1, n-1)) {
			t.Errorf("%s: ports %v", network, got)
		}
	}
}

// What Close can't deliver, it counts.
func TestForwardCloseTells(t *testing.T) {
	s := (&forwardServer{mute: 1000}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.Window, c.Timeout = 2, 50*time.Millisecond }, s)
	write(t, w, flows(1, 5))
	write(t, w, flows(6, 2))
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "7 flows counted as written were not acknowledged") {
		t.Errorf("error %v", err)
	}
}

func TestForwardWithoutAck(t *testing.T) {
	s := new(forwardServer).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.Ack = false }, s)
	write(t, w, flows(1, 5))
	write(t, w, flows(6, 5))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for len(s.got()) < 2 {
		time.Sleep(time.Millisecond)
	}
	if got := s.got(); !slices.Equal(ports(got), count(1, 10)) || got[0].chunk != "" {
		t.Errorf("got %v", got)
	}
}

// Without acknowledgements nothing is read while all is well; a server that asks
// for a shared key is heard when it hangs up.
func TestForwardWithoutAckAndKey(t *testing.T) {
	s := (&forwardServer{key: "key"}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.Ack = false }, s)
	for range 1000 {
		if err := once(w, flows(1, 1)); err != nil {
			if !strings.Contains(err.Error(), "the server asks for a shared key: write the same") {
				t.Error(err)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("no error")
}

// A batch that is too much for one message makes several.
func TestForwardSplits(t *testing.T) {
	s := new(forwardServer).serve(t, "tcp")
	w := forward(t, nil, s)
	write(t, w, flows(0, 20000))
	got := s.got()
	if len(got) < 2 || !slices.Equal(ports(got), count(0, 20000)) {
		t.Errorf("%d messages, %d records", len(got), len(ports(got)))
	}
	for _, m := range got {
		if m.size != len(m.records) {
			t.Errorf("size is %d of %d records", m.size, len(m.records))
		}
	}
}

func TestForwardHandshake(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("tell nobody\nnothing else"), 0o600); err != nil {
		t.Fatal(err)
	}
	user := func(c *Forward) { c.SharedKey, c.User, c.PasswordFile = "key", "weir", secret }
	for _, x := range []struct {
		name   string
		server *forwardServer
		change func(*Forward)
		want   string // error
	}{
		{"right", &forwardServer{key: "key"}, func(c *Forward) { c.SharedKey = "key" }, ""},
		{"wrong", &forwardServer{key: "key"}, func(c *Forward) { c.SharedKey = "kex" }, "its shared key, or user and password, are others"},
		{"none", &forwardServer{key: "key"}, nil, "the server asks for a shared key: write the same"},
		{"not asked for", &forwardServer{}, func(c *Forward) { c.SharedKey, c.Timeout = "key", 20*time.Millisecond }, "the server sent no HELO"},
		{"impostor", &forwardServer{key: "key", liesAboutKey: true}, func(c *Forward) { c.SharedKey = "key" }, "the server doesn't know the shared key"},
		{"user", &forwardServer{key: "key", user: "weir", password: "tell nobody"}, user, ""},
		{"wrong password", &forwardServer{key: "key", user: "weir", password: "other"}, user, `says "username/password mismatch"`},
		{"no user", &forwardServer{key: "key", user: "weir", password: "other"}, func(c *Forward) { c.SharedKey = "key" }, `says "username/password mismatch"`},
		{"junk", &forwardServer{junk: []byte("HTTP/1.1 400 Bad Request")}, func(c *Forward) { c.SharedKey = "key" }, "doesn't know"},
		{"endless", &forwardServer{junk: []byte("\x92\xdb\xff\xff\xff\xff")}, func(c *Forward) { c.SharedKey = "key" }, "more than 16384 octets"},
		{"deep", &forwardServer{junk: []byte(strings.Repeat("\x81\xa1k", 1000))}, nil, "doesn't know"},
		{"many", &forwardServer{junk: []byte("\xdf\xff\xff\xff\xff" + strings.Repeat("\xa1k\xc0", 10000))}, nil, "more than 16384 octets"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := x.server.serve(t, "tcp")
			w := forward(t, x.change, s)
			err := once(w, flows(1, 3))
			if x.want == "" && (err != nil || !slices.Equal(ports(s.got()), count(1, 3))) {
				t.Errorf("error %v, ports %v", err, ports(s.got()))
			}
			if x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) || len(s.got()) > 0 && s.key != "") {
				t.Errorf("error %v, want %q; %d messages", err, x.want, len(s.got()))
			}
			if err != nil && strings.Contains(err.Error(), "tell nobody") {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}

// A server that doesn't keep connections gets a new one for each batch.
func TestForwardOnce(t *testing.T) {
	s := (&forwardServer{key: "key", once: true}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.SharedKey = "key" }, s)
	write(t, w, flows(1, 2))
	write(t, w, flows(3, 2))
	if !slices.Equal(ports(s.got()), count(1, 4)) || s.opened != 2 {
		t.Errorf("ports %v, %d connections", ports(s.got()), s.opened)
	}
}

// certificate makes one for 127.0.0.1 that vouches for itself, and its PEM file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestForwardTLS(t *testing.T) {
	cert, ca := certificate(t)
	_, other := certificate(t)
	s := (&forwardServer{tls: &tls.Config{Certificates: []tls.Certificate{cert}}, key: "key"}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.SharedKey, c.TLS.CA = "key", ca }, s)
	write(t, w, flows(1, 3))
	if got := s.got(); !slices.Equal(ports(got), count(1, 3)) {
		t.Errorf("ports %v", ports(got))
	}
	for _, x := range []struct {
		ca, name, want string
	}{
		{other, "", "certificate"},
		{"", "", "certificate"},
		{ca, "logs.example.net", "logs.example.net"},
	} {
		w := forward(t, func(c *Forward) { c.SharedKey, c.TLS.CA, c.TLS.Name = "key", x.ca, x.name }, s)
		if err := once(w, flows(4, 1)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("error %v, want %q", err, x.want)
		}
	}
	if n := len(s.got()); n != 1 {
		t.Errorf("%d messages came to a server that was not trusted", n-1)
	}
}

// One side speaks TLS, the other doesn't.
func TestForwardNoTLS(t *testing.T) {
	cert, ca := certificate(t)
	secure := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, x := range []struct {
		name   string
		server *forwardServer
		scheme string
		change func(*Forward)
		want   string
	}{
		{"there", &forwardServer{tls: secure}, "tcp://", nil, "it may want tls:// before its address"},
		{"there, without ack", &forwardServer{tls: secure}, "tcp://", func(c *Forward) { c.Ack = false }, "it may want tls:// before its address"},
		{"here", &forwardServer{}, "tls://", func(c *Forward) { c.TLS.CA = ca }, "if it speaks no TLS, write tcp:// before its address"},
		{"here, with key", &forwardServer{key: "key"}, "tls://", func(c *Forward) { c.TLS.CA, c.SharedKey = ca, "key" }, "if it speaks no TLS, write tcp:// before its address"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := x.server.serve(t, "tcp")
			w := forward(t, func(c *Forward) {
				c.Servers = []string{x.scheme + s.listener.Addr().String()}
				if x.change != nil {
					x.change(c)
				}
			})
			var err error
			for start := time.Now(); err == nil && time.Since(start) < 10*time.Second; time.Sleep(time.Millisecond) {
				err = once(w, flows(1, 1))
			}
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want %q", err, x.want)
			}
		})
	}
}

// When a server goes, its messages go to the next; what works is kept.
func TestForwardFailover(t *testing.T) {
	a, b := new(forwardServer).serve(t, "tcp"), new(forwardServer).serve(t, "tcp")
	w := forward(t, nil, a, b)
	write(t, w, flows(1, 2))
	a.stop()
	write(t, w, flows(3, 2))
	write(t, w, flows(5, 2))
	if !slices.Equal(ports(a.got()), count(1, 2)) || !slices.Equal(ports(b.got()), count(3, 4)) || b.opened != 1 {
		t.Errorf("first %v, second %v", ports(a.got()), ports(b.got()))
	}
}

func TestForwardRoundRobin(t *testing.T) {
	a, b := new(forwardServer).serve(t, "tcp"), new(forwardServer).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.Balance = roundRobin }, a, b)
	for i := range 4 {
		write(t, w, flows(1+i, 1))
	}
	if !slices.Equal(ports(a.got()), []int{1, 3}) || !slices.Equal(ports(b.got()), []int{2, 4}) {
		t.Errorf("first %v, second %v", ports(a.got()), ports(b.got()))
	}
	b.stop()
	for i := range 4 {
		write(t, w, flows(5+i, 1))
	}
	if !slices.Equal(ports(a.got()), []int{1, 3, 5, 6, 7, 8}) {
		t.Errorf("with one left %v", ports(a.got()))
	}
}

// A server that comes later gets what waits for it.
func TestForwardServerComesLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	w := forward(t, func(c *Forward) { c.Servers = []string{address} })
	if err := once(w, flows(1, 1)); err == nil || !strings.Contains(err.Error(), address) {
		t.Fatalf("error %v", err)
	}
	unix := new(forwardServer).serve(t, "unix")
	w.links[0].network, w.links[0].address = "unix", unix.listener.Addr().String()
	write(t, w, flows(2, 1))
	if got := ports(unix.got()); !slices.Equal(got, []int{2}) {
		t.Errorf("ports %v", got)
	}
}

// After GiveUp a batch has failed, and the next is tried.
func TestForwardGiveUp(t *testing.T) {
	s := (&forwardServer{mute: 1}).serve(t, "tcp")
	w := forward(t, func(c *Forward) { c.GiveUp = 30 * time.Millisecond }, s)
	if err := w.Write(context.Background(), flows(1, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	w.cfg.GiveUp = 20 * time.Second
	write(t, w, flows(2, 1))
	if got := s.got(); len(got) == 0 || !slices.Equal(ports(got[len(got)-1:]), []int{2}) {
		t.Errorf("ports %v", ports(got))
	}
}

// The wait doubles, and stays below its bound.
func TestForwardBackoff(t *testing.T) {
	l := &link{cfg: &Forward{Backoff: 100 * time.Millisecond, Longest: time.Second}}
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		want *= time.Millisecond
		if got := l.failed(nil); got > want || got < want*8/10 {
			t.Errorf("failure %d: wait %s, want 80 to 100 %% of %s", i, got, want)
		}
	}
}

func TestForwardConfig(t *testing.T) {
	bad := func(want string, change func(*Forward)) {
		t.Helper()
		c := DefaultForward()
		c.Servers = []string{"127.0.0.1"}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	bad("servers is empty", func(c *Forward) { c.Servers = nil })
	for _, s := range []string{"", "http://x", "unix://relative", "tcp://x:0", "tcp://x:y", "a/b", ":24224"} {
		bad("servers: ", func(c *Forward) { c.Servers = []string{s} })
	}
	bad("profile: ", func(c *Forward) { c.Profile = "x" })
	bad("balance is", func(c *Forward) { c.Balance = "x" })
	bad("compress is", func(c *Forward) { c.Compress = "lz4" })
	bad("tag has 0", func(c *Forward) { c.Tag = "" })
	bad("window is 2000", func(c *Forward) { c.Window = 2000 })
	bad("ack is false", func(c *Forward) { c.Window, c.Ack = 1, false })
	bad("timeout is 0s", func(c *Forward) { c.Timeout = 0 })
	bad("longest", func(c *Forward) { c.Longest = c.Backoff - 1 })
	bad("give_up is", func(c *Forward) { c.GiveUp = -1 })
	bad("leave one out", func(c *Forward) { c.SharedKey, c.SharedKeyFile = "a", "b" })
	bad("go together", func(c *Forward) { c.SharedKey, c.User = "a", "b" })
	bad("no shared key", func(c *Forward) { c.User, c.PasswordFile = "a", "b" })
	bad("cert and key", func(c *Forward) { c.TLS.Cert = "a" })
	bad("no server begins with tls://", func(c *Forward) { c.TLS.CA = "a" })
	for text, want := range map[string]string{
		"127.0.0.1": "tcp 127.0.0.1:24224 false", "[2001:db8::1]": "tcp [2001:db8::1]:24224 false", "2001:db8::1": "tcp [2001:db8::1]:24224 false",
		"tls://logs:99": "tcp logs:99 true", "tcp://logs": "tcp logs:24224 false", "unix:///run/s": "unix /run/s false",
	} {
		s, err := parseServer(text)
		if got := fmt.Sprint(s.network, " ", s.address, " ", s.tls); err != nil || got != want {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
	for key, change := range map[string]func(*Forward){
		"shared_key_file": func(c *Forward) { c.SharedKeyFile = "/nowhere" },
		"tls: ca":         func(c *Forward) { c.Servers, c.TLS.CA = []string{"tls://x"}, "/nowhere" },
	} {
		c := DefaultForward()
		c.Servers = []string{"127.0.0.1"}
		change(&c)
		if _, err := NewForward(c, Deps{}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v, want %q", err, key)
		}
	}
}

// Fluent Bit acknowledges messages of more than 1,024,000 octets, if zstd made
// them shorter, and loses them.
func TestForwardMessageLength(t *testing.T) {
	for _, length := range []int{0, 1000, 7700, 8000, 100_000} {
		w := forward(t, func(c *Forward) { c.Servers = []string{"127.0.0.1"} })
		b := flows(0, 500)
		for i := range b.Flows {
			b.Flows[i].AppName = b.Strings.Intern(bytes.Repeat([]byte{'a' + byte(i%16)}, length))
			b.Flows[i].Set.Add(flow.FieldAppName)
		}
		messages, err := w.pack.append(nil, b, 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range messages {
			n += m.flows
			if len(m.data) > 1_000_200 {
				t.Errorf("names of %d octets: a message of %d with %d flows", length, len(m.data), m.flows)
			}
		}
		if n != 500 {
			t.Errorf("names of %d octets: %d flows", length, n)
		}
	}
}
