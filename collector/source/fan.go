package source

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// A fan is a source that brings the messages of connections together. A
// connection that has messages offers itself, and reads no more until they are
// used up: so a worker that is too slow lets exporters wait, and what a
// connection may hold is its buffer.
type fan struct {
	idle    time.Duration
	ready   chan *conn
	lent    []*conn // their messages were handed out
	current *conn   // has more of them
	timer   *time.Timer
	closed  chan struct{}
	streams *streams

	messages, octets atomic.Uint64
}

func newFan(s *streams, idle time.Duration) *fan {
	t := time.NewTimer(idle)
	t.Stop()
	return &fan{idle: idle, ready: make(chan *conn), timer: t, closed: make(chan struct{}), streams: s}
}

// Read waits for a message, at most Config.Idle. It returns 0 and no error if
// none came, and ctx's error once it has ended. Behind its last message, a
// connection gives a datagram that is Closed.
func (f *fan) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if err := ctx.Err(); err != nil || len(dst) == 0 {
		return 0, err
	}
	for i, c := range f.lent {
		c.back <- struct{}{}
		f.lent[i] = nil
	}
	f.lent = f.lent[:0]
	n := 0
	if f.current != nil {
		n = f.take(f.current, dst)
	}
	for n < len(dst) {
		select {
		case c := <-f.ready:
			n += f.take(c, dst[n:])
			continue
		default:
		}
		if n > 0 {
			break
		}
		f.timer.Reset(f.idle)
		select {
		case c := <-f.ready:
			n = f.take(c, dst)
		case <-f.timer.C:
			return 0, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-f.closed:
			return 0, net.ErrClosed
		}
		f.timer.Stop()
	}
	return n, nil
}

// take hands out messages of c.
func (f *fan) take(c *conn, dst []decode.Datagram) (n int) {
	now := time.Now().UnixNano()
	octets := 0
	for n < len(dst) && c.at < c.whole {
		size := messageLength(c.buf[c.at:])
		d := &dst[n]
		*d = c.datagram(now)
		d.Data = c.buf[c.at:][:size:size]
		d.Opened = !c.begun
		c.begun = true
		c.at += size
		octets += size
		n++
	}
	f.messages.Add(uint64(n))
	f.octets.Add(uint64(octets))
	f.current = nil
	switch {
	case c.at < c.whole || c.ended && c.begun && n == len(dst):
		f.current = c
		return n
	case c.ended && c.begun:
		dst[n] = c.datagram(now)
		dst[n].Closed = true
		n++
	}
	f.lent = append(f.lent, c)
	return n
}

// Close ends the connections of the fan.
func (f *fan) Close() error { return f.streams.close(f) }
