package template

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limits bound what exporters can make a Store hold. A limit that is 0 takes
// its default.
type Limits struct {
	Sessions  int   `yaml:"exporters"` // exporters: address, port and protocol version
	Templates int   `yaml:"templates"` // templates of one exporter, over all its domains; as many samplers and domains
	Fields    int   `yaml:"fields"`    // fields of one template, at most 1024
	Octets    int64 `yaml:"octets"`    // memory of all templates together
	Totals    int   `yaml:"totals"`    // flows whose last totals (IE 85, 86) are remembered
	Elements  int   `yaml:"elements"`  // elements that exporters may describe (RFC 5610), for the whole program; below 0: none
	Waiting   int64 `yaml:"waiting"`   // memory of all data sets that wait for their template
}

// DefaultLimits suit a collector of a large network.
func DefaultLimits() Limits {
	return Limits{Sessions: 16384, Templates: 4096, Fields: MaxFields, Octets: 64 << 20, Totals: 1 << 17, Elements: 4096, Waiting: 16 << 20}
}

// Silence is how long an exporter that has delivered must be silent before its
// session may make room for another's.
const Silence = 10 * time.Minute

// A Store holds the sessions of all exporters. Decoders on any number of
// goroutines share it.
type Store struct {
	limits   Limits
	mu       sync.RWMutex
	sessions map[sessionKey]*Session
	ports    map[portKey][]*Session // by address: who speaks a version there
	room     room
	totals   *totals
	used     int64 // octets of all plans
	newest   int64 // the latest time that a session was made or grew
}

type sessionKey struct {
	from    netip.AddrPort
	version uint8
}

type portKey struct {
	addr    netip.Addr
	version uint8
}

// NewStore makes an empty Store.
func NewStore(l Limits) *Store {
	d := DefaultLimits()
	if l.Sessions == 0 {
		l.Sessions = d.Sessions
	}
	if l.Templates == 0 {
		l.Templates = d.Templates
	}
	if l.Fields == 0 || l.Fields > MaxFields {
		l.Fields = d.Fields
	}
	if l.Octets == 0 {
		l.Octets = d.Octets
	}
	if l.Totals == 0 {
		l.Totals = d.Totals
	}
	if l.Elements == 0 {
		l.Elements = d.Elements
	}
	if l.Waiting == 0 {
		l.Waiting = d.Waiting
	}
	return &Store{
		limits: l, sessions: map[sessionKey]*Session{}, ports: map[portKey][]*Session{},
		totals: newTotals(l.Totals),
		room:   room{each: l.Waiting / 16, most: l.Waiting},
	}
}

// Lookup returns the session of the exporter at from that speaks this protocol
// version, nil if it has announced nothing yet.
func (s *Store) Lookup(from netip.AddrPort, version uint8) *Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[sessionKey{from, version}]
}

// Session is Lookup, but makes a session if there is none. Nil means that
// there are as many as the limits allow, and none that may go.
func (s *Store) Session(from netip.AddrPort, version uint8) *Session {
	if x := s.Lookup(from, version); x != nil {
		return x
	}
	k := sessionKey{from, version}
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sessions[k]; x != nil {
		return x
	}
	if len(s.sessions) >= s.limits.Sessions && !s.evict(nil) {
		return nil
	}
	x := &Session{From: from, Version: version, store: s}
	s.sessions[k] = x
	p := portKey{from.Addr(), version}
	s.ports[p] = append(s.ports[p], x)
	return x
}

// maxPorts is at how many ports of an address Agreed looks.
const maxPorts = 64

// Agreed returns the plan for data sets of an exporter that has not announced
// their template from its own port: the one that it has announced from another
// port of its address, if all ports that announced one for the domain and id
// announced the same; and whose it is. Where they differ it does not guess.
func (s *Store) Agreed(addr netip.Addr, version uint8, domain uint32, id uint16) (*Session, *Plan) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := s.ports[portKey{addr, version}]
	if len(all) > maxPorts {
		return nil, nil
	}
	var owner *Session
	var first *definition
	for _, x := range all {
		d, _ := x.plans.get(planKey(domain, id))
		switch {
		case d == nil:
		case first == nil:
			owner, first = x, d
		case !d.template.Equal(&first.template):
			return nil, nil
		}
	}
	if first == nil {
		return nil, nil
	}
	return owner, first.compiled()
}

// reserve enters n octets more of x, and lets go of others until there is room.
func (s *Store) reserve(x *Session, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = max(s.newest, x.seen.Load())
	for n > 0 && s.used+n > s.limits.Octets {
		if !s.evict(x) {
			return false
		}
	}
	if !x.gone.Load() {
		s.used += n
		x.held.Add(n)
	}
	return true
}

// evict lets go of the session that can best be missed among a few taken at
// random: one that never delivered, the longest silent first, or one that has
// been silent for Silence. A sample costs the same however many there are.
func (s *Store) evict(keep *Session) bool {
	var victim *Session
	n := 0
	for _, x := range s.sessions {
		if x != keep && (victim == nil || worse(x, victim)) {
			victim = x
		}
		if n++; n == 8 {
			break
		}
	}
	if victim == nil || victim.decoded.Load() && s.newest-victim.seen.Load() < int64(Silence) {
		return false
	}
	delete(s.sessions, sessionKey{victim.From, victim.Version})
	p := portKey{victim.From.Addr(), victim.Version}
	if rest := slices.DeleteFunc(s.ports[p], func(x *Session) bool { return x == victim }); len(rest) > 0 {
		s.ports[p] = rest
	} else {
		delete(s.ports, p)
	}
	victim.gone.Store(true)
	s.used -= victim.held.Load()
	return true
}

func worse(a, b *Session) bool {
	if da, db := a.decoded.Load(), b.decoded.Load(); da != db {
		return db
	}
	return a.seen.Load() < b.seen.Load()
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
