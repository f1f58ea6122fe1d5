package template

import (
	"net/netip"
	"sync"
)

// Limits bound what exporters can make a Store hold.
type Limits struct {
	Sessions  int `yaml:"exporters"` // exporters: address, port and protocol version
	Templates int `yaml:"templates"` // templates of one exporter, over all its domains; as many samplers and domains
}

// DefaultLimits suit a collector of a large network.
func DefaultLimits() Limits { return Limits{Sessions: 16384, Templates: 4096} }

// A Store holds the sessions of all exporters. Decoders on any number of
// goroutines share it.
type Store struct {
	limits   Limits
	mu       sync.RWMutex
	sessions map[sessionKey]*Session
}

type sessionKey struct {
	from    netip.AddrPort
	version uint8
}

// NewStore makes an empty Store; limits that are 0 take their default.
func NewStore(l Limits) *Store {
	d := DefaultLimits()
	if l.Sessions == 0 {
		l.Sessions = d.Sessions
	}
	if l.Templates == 0 {
		l.Templates = d.Templates
	}
	return &Store{limits: l, sessions: map[sessionKey]*Session{}}
}

// Session returns the session of the exporter at from that speaks this protocol
// version; it makes one if there is none yet. Nil means that there are as many
// sessions as the limits allow.
func (s *Store) Session(from netip.AddrPort, version uint8) *Session {
	k := sessionKey{from, version}
	s.mu.RLock()
	x := s.sessions[k]
	s.mu.RUnlock()
	if x != nil {
		return x
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if x = s.sessions[k]; x == nil && len(s.sessions) < s.limits.Sessions {
		x = &Session{From: from, Version: version, limit: s.limits.Templates}
		s.sessions[k] = x
	}
	return x
}

// Len returns the number of sessions.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.sessions)
}

// Sessions returns the sessions, in no order.
func (s *Store) Sessions() []*Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, x := range s.sessions {
		all = append(all, x)
	}
	return all
}
