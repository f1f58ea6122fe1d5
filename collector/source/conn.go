package source

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// A conn is an exporter's connection. Its goroutine reads; while it is offered,
// at and what is behind it are the fan's.
type conn struct {
	net.Conn
	from, to netip.AddrPort
	over     template.Transport
	fan      *fan
	back     chan struct{} // the fan is through with its messages
	since    time.Time     // it came

	buf              []byte
	at, whole, end   int           // handed out; whole messages; read
	begun            bool          // a message was handed out
	ended            bool          // nothing more comes
	message, silence time.Duration // that a message may take; that may be between two
	until            time.Time     // the deadline that is set
	started          bool          // it is a message's

	proven, evicted bool // a whole message came; it had to make room; guarded by streams.mu
}

const (
	// handshake is how long TLS and DTLS have to agree.
	handshakeTime = 10 * time.Second
	firstBuffer   = 16 << 10 // a record of TLS
	lastBuffer    = 64 << 10 // a message of IPFIX is shorter
)

// errFraming ends a connection on which what comes is no IPFIX message.
var errFraming = errors.New("no IPFIX message")

// headerLength is an IPFIX message header's.
const headerLength = 16

func messageLength(b []byte) int { return int(binary.BigEndian.Uint16(b[2:])) }

func (c *conn) datagram(now int64) decode.Datagram {
	return decode.Datagram{From: c.from, To: c.to, Time: now, Over: c.over}
}

// serve reads until the connection ends, and says why.
func (c *conn) serve() error {
	if h, ok := c.Conn.(interface{ HandshakeContext(context.Context) error }); ok {
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
		err := h.HandshakeContext(ctx)
		cancel()
		if err != nil {
			return handshakeError{err}
		}
	}
	c.buf = make([]byte, firstBuffer)
	for {
		err := c.fill()
		if c.whole > 0 && !c.offer() {
			return net.ErrClosed
		}
		if err != nil {
			c.at, c.whole, c.ended = 0, 0, true
			if c.begun {
				c.offer()
			}
			return err
		}
	}
}

// A handshakeError says that who connected was not let in.
type handshakeError struct{ error }

// offer hands what is whole to the fan, and waits until it is through with it;
// or hands over that the connection has ended.
func (c *conn) offer() bool {
	select {
	case c.fan.ready <- c:
	case <-c.fan.closed:
		return false
	}
	if c.ended {
		return true
	}
	select {
	case <-c.back:
		return true
	case <-c.fan.closed:
		return false
	}
}

// fill reads until a whole message has come, or more of them at once. With an
// error, what came whole before it is there.
func (c *conn) fill() error {
	c.end = copy(c.buf, c.buf[c.whole:c.end])
	c.at, c.whole = 0, 0
	for {
		if err := c.frame(); err != nil || c.whole > 0 {
			if c.whole > 0 && !c.proven {
				c.fan.streams.prove(c)
			}
			return err
		}
		if err := c.await(); err != nil {
			return err
		}
		n, err := c.Read(c.buf[c.end:])
		c.end += n
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) && c.end > 0 {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// frame finds the whole messages in the buffer, and makes it large enough for
// the next one. A record of DTLS has no other half.
func (c *conn) frame() error {
	for c.whole < c.end {
		b := c.buf[c.whole:c.end]
		n := headerLength
		if len(b) >= 4 {
			n = messageLength(b)
		}
		if len(b) >= 2 && binary.BigEndian.Uint16(b) != 10 || n < headerLength || n > len(b) && c.over == template.DTLS {
			return errFraming
		}
		if n > len(b) {
			break
		}
		c.whole += n
	}
	if b := c.buf[c.whole:c.end]; len(c.buf) < lastBuffer && (c.end == len(c.buf) || len(b) >= 4 && messageLength(b) > len(c.buf)) {
		c.buf = append(make([]byte, 0, lastBuffer), c.buf[:c.end]...)[:lastBuffer]
	}
	return nil
}

// await sets the deadline of the next read: a message that has begun must be
// whole in time, however its octets come.
func (c *conn) await() error {
	now := time.Now()
	switch {
	case c.end == 0 && (c.until.IsZero() || c.until.Sub(now) < c.silence*7/8 || c.started):
		c.until, c.started = now.Add(c.silence), false
	case c.end > 0 && !c.started:
		c.until, c.started = now.Add(c.message), true
	default:
		return nil
	}
	return c.SetReadDeadline(c.until)
}

// slow tells whether err, of a connection that has ended, is that a deadline
// passed.
func slow(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}
