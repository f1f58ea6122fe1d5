package sink

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	mrand "math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// A link is the way to one server. It is connected when conn isn't nil.
type link struct {
	server
	cfg    *Forward
	secret *secrets
	secure *tls.Config // nil: plain

	conn  net.Conn
	in    unpacker
	once  bool      // the server wants the connection closed when its messages are acknowledged
	heard bool      // the server has said something that we understood, on this connection
	fails int       // attempts in a row that failed
	again time.Time // not to be tried before
	why   error     // the last failure
}

// secrets is what we prove to a server that we know.
type secrets struct {
	hostname string
	key      string // empty: there is no handshake
	user     string
	password string
}

// dial connects and shakes hands, within the timeout.
func (l *link) dial(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, l.network, l.address)
	if err != nil {
		return err
	}
	if l.secure != nil {
		t := tls.Client(conn, l.secure)
		if err := t.HandshakeContext(ctx); err != nil {
			conn.Close()
			return noTLS(err)
		}
		conn = t
	}
	l.conn, l.once, l.heard = conn, false, false
	l.in = unpacker{r: bufio.NewReaderSize(conn, 4096)}
	stop := l.within(ctx, timeout)
	defer stop()
	if l.secret.key == "" {
		return nil
	}
	if err := l.greet(); err != nil {
		l.close()
		return err
	}
	return nil
}

// within makes what follows on the connection end with ctx, or in timeout. The
// caller calls stop behind it.
func (l *link) within(ctx context.Context, timeout time.Duration) (stop func() bool) {
	conn := l.conn
	deadline := time.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = conn.SetDeadline(deadline) // a closed connection tells so by itself
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close() // whatever it says, we are done with it
		l.conn = nil
	}
}

// failed ends the connection and says when the server is tried again.
func (l *link) failed(err error) (wait time.Duration) {
	l.close()
	l.why = err
	wait = time.Duration(min(float64(l.cfg.Longest), float64(l.cfg.Backoff)*math.Exp2(float64(min(l.fails, 30)))))
	wait -= time.Duration(mrand.Float64() * 0.2 * float64(wait)) // not all collectors at once
	l.fails++
	l.again = time.Now().Add(wait)
	return wait
}

// works notes that the server takes what it is sent.
func (l *link) works() { l.fails, l.why = 0, nil }

// trouble says why there is no connection.
func (l *link) trouble() error {
	if l.why == nil {
		return fmt.Errorf("%s was not tried", l.text)
	}
	return fmt.Errorf("%s: %w", l.text, l.why)
}

// send writes m.
func (l *link) send(ctx context.Context, m *message) error {
	defer l.within(ctx, l.cfg.Timeout)()
	_, err := l.conn.Write(m.data)
	return err
}

var errNoKey = errors.New("the server asks for a shared key: write the same as there, as shared_key_file")

// ack reads an acknowledgement.
func (l *link) ack() (id string, err error) {
	l.in.begin()
	k, n, err := l.in.head()
	if err != nil {
		return "", l.gone(err)
	}
	if k == kindArray {
		if word, err := l.in.text(); err == nil && word == "HELO" {
			return "", errNoKey
		}
		return "", errReply
	}
	if k != kindMap {
		return "", errReply
	}
	err = l.in.pairs(n, func(key string) (err error) {
		if key == "ack" {
			id, err = l.in.text()
			return err
		}
		return l.in.skip(0)
	})
	l.heard = l.heard || err == nil
	return id, l.gone(err)
}

// gone says in words what the end of a connection or of a time is.
func (l *link) gone(err error) error {
	switch {
	case closed(err) && !l.heard && l.secure == nil && l.network == "tcp":
		return fmt.Errorf("the server closed the connection, and said nothing: if it goes on like this, it may want tls:// before its address: %w", err)
	case closed(err):
		return fmt.Errorf("the server closed the connection: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the server did not answer: %w", err)
	}
	return err
}

// closed tells whether err is what is seen when the other side has closed the
// connection.
func closed(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(e error) bool { return errors.Is(err, e) })
}

// noTLS says in words what comes of a TLS handshake with a server that speaks
// something else.
func noTLS(err error) error {
	var other tls.RecordHeaderError
	if closed(err) || errors.As(err, &other) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the server doesn't answer TLS's handshake: if it speaks no TLS, write tcp:// before its address: %w", err)
	}
	return err
}

// greet is the protocol's handshake: the server says HELO, we PING, it PONG. Each
// proves that it knows the shared key, which doesn't cross the wire.
func (l *link) greet() error {
	nonce, auth, err := l.helo()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the server sent no HELO: it has no shared key, so leave it out here, or it doesn't speak what the address says: %w", err)
	}
	if err != nil {
		return l.gone(err)
	}
	l.heard = true
	var random [16]byte
	rand.Read(random[:])
	salt := hex.EncodeToString(random[:]) // Fluent Bit wants a text
	s := l.secret
	user, password := "", ""
	if auth != "" && s.user != "" {
		user, password = s.user, digest(auth, s.user, s.password)
	}
	ping := append([]byte{0x96}, "\xa4PING"...)
	for _, text := range []string{s.hostname, salt, digest(salt, s.hostname, nonce, s.key), user, password} {
		ping = appendText(ping, text)
	}
	if _, err := l.conn.Write(ping); err != nil {
		return l.gone(err)
	}
	err = l.pong(salt, nonce)
	if closed(err) { // Fluent Bit's way to say so
		return fmt.Errorf("the server closed the connection during the handshake: its shared key, or user and password, are others than here: %w", err)
	}
	return l.gone(err)
}

// helo reads the server's greeting.
func (l *link) helo() (nonce, auth string, err error) {
	l.in.begin()
	k, n, err := l.in.head()
	if err != nil {
		return "", "", err
	}
	word, err := l.in.text()
	if k != kindArray || n != 2 || word != "HELO" {
		return "", "", errors.Join(errReply, err)
	}
	k, n, err = l.in.head()
	if err != nil || k != kindMap {
		return "", "", errors.Join(errReply, err)
	}
	err = l.in.pairs(n, func(key string) (err error) {
		switch key {
		case "nonce":
			nonce, err = l.in.text()
		case "auth":
			auth, err = l.in.text()
		case "keepalive":
			var keep bool
			keep, err = l.in.flag()
			l.once = !keep
		default:
			err = l.in.skip(0)
		}
		return err
	})
	return nonce, auth, err
}

// pong reads what the server thinks of us, and checks what we think of it.
func (l *link) pong(salt, nonce string) error {
	l.in.begin()
	k, n, err := l.in.head()
	if err != nil {
		return err
	}
	if k != kindArray || n != 5 {
		return errReply
	}
	word, err := l.in.text()
	if err != nil || word != "PONG" {
		return errors.Join(errReply, err)
	}
	welcome, err := l.in.flag()
	if err != nil {
		return err
	}
	var rest [3]string // reason, host name, digest
	for i := range rest {
		if rest[i], err = l.in.text(); err != nil {
			return err
		}
	}
	if !welcome {
		return fmt.Errorf("the server refuses us, and says %s: see to it that shared key, user and password are the same there", strconv.QuoteToASCII(rest[0][:min(len(rest[0]), 200)]))
	}
	want := digest(salt, rest[1], nonce, l.secret.key)
	if subtle.ConstantTimeCompare([]byte(rest[2]), []byte(want)) != 1 {
		return errors.New("the server doesn't know the shared key: it is another than here, or somebody else answers at this address")
	}
	return nil
}

// digest is the SHA-512 of texts behind one another, in hexadecimal.
func digest(texts ...string) string {
	h := sha512.New()
	for _, t := range texts {
		io.WriteString(h, t)
	}
	return hex.EncodeToString(h.Sum(nil))
}
