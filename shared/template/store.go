package template

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what exporters can make a Store hold. A limit that is 0 takes
// its default.
type Limits struct {
	Sessions  int   `yaml:"exporters"` // exporters: address, port and protocol version
	Templates int   `yaml:"templates"` // templates of one exporter, over all its domains; as many domains, samplers and interfaces
	Fields    int   `yaml:"fields"`    // fields of one template, at most 1024
	Names     int   `yaml:"names"`     // names of one exporter's interfaces, applications and so on, 255 octets each
	Octets    int64 `yaml:"octets"`    // memory of all that exporters announced together
	Totals    int   `yaml:"totals"`    // flows whose last totals (IE 85, 86) are remembered
	Elements  int   `yaml:"elements"`  // elements that exporters may describe (RFC 5610), for the whole program; below 0: none
	Waiting   int64 `yaml:"waiting"`   // memory of all data sets that wait for their template

	// Timeout is how long after its last announcement a template is forgotten,
	// over UDP and DTLS; below 0 is never. RFC 7011 §8.4 wants three times what the
	// exporter takes from one announcement to the next, which it doesn't tell us:
	// mostly 1 to 30 minutes, but routers can be set to a day, and a lost datagram
	// costs one. A template that is forgotten too early costs records; one that is
	// kept for too long costs memory, within these limits, since a new definition
	// takes its place at once. So the default is long.
	Timeout time.Duration `yaml:"template_timeout"`
}

// DefaultLimits suit a collector of a large network: 64 MiB in all.
func DefaultLimits() Limits {
	return Limits{
		Sessions: 16384, Templates: 4096, Fields: MaxFields, Names: 16384, Octets: 48 << 20, Totals: 1 << 17, Elements: 4096,
		Waiting: 16 << 20, Timeout: 24 * time.Hour,
	}
}

// Silence is how long an exporter that has delivered must be silent before its
// session may make room for another's.
const Silence = 10 * time.Minute

// Proof is how long an exporter must have delivered for its session to stay, however
// silent it is, until its templates have expired.
const Proof = 10 * time.Minute

// A Store holds the sessions of all exporters. Decoders on any number of
// goroutines share it.
type Store struct {
	limits   Limits
	mu       sync.RWMutex
	sessions map[uint64]*Session // by the hash of their Key
	ports    map[uint64]*Session // by that of what all ports of an address share; one knows the others
	room     room
	totals   *totals

	// Who may go when the store is full.
	young, youngest *Session // those that never delivered, by age
	delivered       ring     // the others
	proven          ring     // those of them that are to stay
	named           func(netip.Addr) bool

	used    int64         // octets of all sessions
	newest  int64         // the latest time that a session was made or grew
	expired atomic.Uint64 // templates

	restored atomic.Uint64 // snapshots
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
	if l.Names == 0 {
		l.Names = d.Names
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
	switch {
	case l.Timeout == 0:
		l.Timeout = d.Timeout
	case l.Timeout < 0:
		l.Timeout = math.MaxInt64
	}
	return &Store{
		limits: l, sessions: map[uint64]*Session{}, ports: map[uint64]*Session{},
		totals: newTotals(l.Totals),
		room:   room{each: l.Waiting / 16, most: l.Waiting},
	}
}

// Lookup returns the session of k, nil if it has announced nothing yet.
func (s *Store) Lookup(k Key) *Session {
	hash, _ := k.hashes()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if x := s.sessions[hash]; x != nil && x.Key == k {
		return x
	}
	return nil
}

// Open is Lookup, but makes a session if there is none. Nil means that there
// are as many as the limits allow, and none that may go. It is now, Unix
// nanoseconds.
func (s *Store) Open(k Key, now int64) *Session {
	hash, port := k.hashes()
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sessions[hash]; x != nil {
		if x.Key == k {
			return x
		}
		s.forget(x) // once in 2^64 cases, two keys have one hash
	}
	s.newest = max(s.newest, now)
	for len(s.sessions) >= s.limits.Sessions || s.used+sessionCost > s.limits.Octets {
		if !s.evict(nil) {
			return nil
		}
	}
	x := &Session{Key: k, store: s, hash: hash, portHash: port, lifetime: int64(s.limits.Timeout)}
	if k.Over.Reliable() {
		x.lifetime = math.MaxInt64
	}
	x.seen.Store(now)
	s.add(x)
	return x
}

// Session opens the session of an exporter that sends datagrams.
func (s *Store) Session(from netip.AddrPort, version uint8) *Session {
	k := Key{From: from, Version: version}
	if x := s.Lookup(k); x != nil {
		return x
	}
	return s.Open(k, 0)
}

// Close forgets the session of a connection that has ended.
func (s *Store) Close(k Key) {
	if !k.Over.Connected() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	hash, _ := k.hashes()
	if x := s.sessions[hash]; x != nil && x.Key == k {
		s.forget(x)
	}
}

// Erase forgets all that the address a has announced, whatever the port, and
// returns how many sessions these were.
func (s *Store) Erase(a netip.Addr) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range slices.Collect(maps.Values(s.sessions)) {
		if x.Key.From.Addr().Unmap() == a.Unmap() {
			s.forget(x)
			n++
		}
	}
	return n
}

// Expired returns how many templates were not announced again in time.
func (s *Store) Expired() uint64 { return s.expired.Load() }

// maxPorts is at how many ports of an address Agreed looks.
const maxPorts = 64

// Agreed returns the plan for a data set of n octets of an exporter that has not
// announced its template from its own port: the one that it has announced from another
// port of its address, if all ports that announced one for the domain and id
// announced the same; and whose it is. Where they differ it does not guess. What
// has expired at the time now is passed over. A connection's templates are its
// own.
func (s *Store) Agreed(k Key, domain uint32, id uint16, n int, now int64) (*Session, *Plan) {
	if k.Over.Connected() {
		return nil, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var owner *Session
	var first *Definition
	ports := 0
	_, hash := k.hashes()
	for x := s.ports[hash]; x != nil; x = x.port.next {
		if ports++; ports > maxPorts {
			return nil, nil
		}
		if x.From.Addr() != k.From.Addr() || x.Over != k.Over || x.Version != k.Version {
			continue // as unlikely as that
		}
		d := x.plans.get(planKey(domain, id))
		switch {
		case d == nil || d.expired(now, x.lifetime):
		case first == nil:
			owner, first = x, d
		case !d.template.Equal(&first.template):
			return nil, nil
		}
	}
	if first == nil {
		return nil, nil
	}
	return owner, first.Plan(n)
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

// Restored returns how many snapshots were taken in: when that has changed,
// Ready may have something.
func (s *Store) Restored() uint64 { return s.restored.Load() }

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
