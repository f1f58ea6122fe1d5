//go:build !linux

package sink

import (
	"errors"
	"net"
	"net/netip"
)

// A sender sends datagrams to one address, from this machine's.
type sender struct{ conn *net.UDPConn }

func newSender(to netip.AddrPort) (*sender, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	return &sender{c}, err
}

func (s *sender) keep() error             { return errors.New("not on this system") }
func (s *sender) keeps(a netip.Addr) bool { return false }
func (s *sender) close() error            { return s.conn.Close() }

// all sends a parcel, and returns how many of its datagrams the system took.
func (s *sender) all(p *parcel) (sent int) {
	for _, it := range p.items {
		if _, err := s.conn.Write(p.data[it.at:][:it.size]); err == nil {
			sent++
		}
	}
	return sent
}
