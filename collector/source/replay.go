package source

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// maxExporters bounds the sockets that a replay opens.
const maxExporters = 512

// Replay sends the datagrams of captures, one capture after the other, to where
// to says for their version (5, 9, 10; sFlow is 0); an invalid address leaves
// them out. Each exporter of a capture has a socket of its own, so that the
// templates of two don't mix. It returns how many datagrams it has sent.
func Replay(ctx context.Context, to func(version uint16) netip.AddrPort, opts ReplayOptions, captures ...io.Reader) (sent int, err error) {
	r := replay{to: to, opts: opts, sockets: map[exporter]*net.UDPConn{}}
	defer r.close()
	for i, c := range captures {
		if err := r.play(ctx, i, c); err != nil {
			return r.sent, err
		}
	}
	if r.large > 0 {
		return r.sent, fmt.Errorf("replay: %d messages were left out: they are longer than a datagram can be", r.large)
	}
	return r.sent, nil
}

// maxPayload is what a datagram holds over IPv4.
const maxPayload = maxDatagram - 20 - 8

type exporter struct {
	capture int
	from    netip.AddrPort
	v6      bool // the socket's family
	local   bool // it sends to this machine only
}

type replay struct {
	to      func(version uint16) netip.AddrPort
	opts    ReplayOptions
	sockets map[exporter]*net.UDPConn
	sent    int
	large   int // messages that no datagram holds
}

func (r *replay) play(ctx context.Context, number int, in io.Reader) error {
	c, err := NewCapture(in)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	pace := pacer{speed: r.opts.Speed, most: r.opts.Pause}
	var shift shifter
	for {
		m, err := c.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("replay: %w", err)
		}
		to := r.to(version(m.Data))
		if !to.IsValid() {
			continue
		}
		if err := pace.wait(ctx, m.Time); err != nil {
			return err
		}
		if r.opts.Now {
			shift.to(time.Now(), m.From, m.Data)
		}
		a := to.Addr().Unmap()
		conn, err := r.socket(exporter{number, m.From, a.Is6(), a.IsLoopback()})
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		switch _, err := conn.WriteToUDPAddrPort(m.Data, to); {
		case err == nil:
			r.sent++
		case len(m.Data) > maxPayload: // of a connection
			r.large++
		default:
			return fmt.Errorf("replay to %s: %w", to, err)
		}
	}
}

// version returns the version of a datagram, 0 for sFlow, whose field has twice
// the width.
func version(d []byte) uint16 {
	if len(d) < 2 {
		return 0
	}
	return uint16(d[0])<<8 | uint16(d[1])
}

// socket returns the socket of an exporter.
func (r *replay) socket(e exporter) (*net.UDPConn, error) {
	if c := r.sockets[e]; c != nil {
		return c, nil
	}
	if len(r.sockets) >= maxExporters {
		return nil, fmt.Errorf("captures have more than %d exporters", maxExporters)
	}
	network := "udp4"
	if e.v6 {
		network = "udp6"
	}
	var local net.IP // as the way there needs it
	switch {
	case e.local && e.v6:
		local = net.IPv6loopback
	case e.local:
		local = net.IPv4(127, 0, 0, 1)
	}
	c, err := net.ListenUDP(network, &net.UDPAddr{IP: local})
	if err != nil {
		return nil, err
	}
	r.sockets[e] = c
	return c, nil
}

func (r *replay) close() {
	for _, c := range r.sockets {
		c.Close()
	}
}
