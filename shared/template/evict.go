package template

import "net/netip"

// Anyone may send templates in any exporter's name, so a full store must choose
// well and fast whom to forget. Who never delivered a record that could be
// decoded goes first, the oldest before the others: they stand in a queue. Then go
// those that delivered and have been silent for Silence: a few are looked at in turn,
// so that the cost is the same however many there are. Who delivered for Proof, or has
// a name of the operator's, stays as long as his templates hold.

// A ring is searched from where the last search ended.
type ring struct {
	all  []*Session
	hand int
}

func (r *ring) add(x *Session) {
	x.place = len(r.all)
	r.all = append(r.all, x)
}

func (r *ring) remove(x *Session) {
	last := r.all[len(r.all)-1]
	r.all[x.place], last.place = last, x.place
	r.all[len(r.all)-1] = nil
	r.all = r.all[:len(r.all)-1]
}

// looks is at how many sessions of a ring one search looks.
const looks = 8

// next returns one session after the other, nil if there is none.
func (r *ring) next() *Session {
	if len(r.all) == 0 {
		return nil
	}
	r.hand = (r.hand + 1) % len(r.all)
	return r.all[r.hand]
}

// neighbours are the sessions before and behind one in a list.
type neighbours struct{ prev, next *Session }

// add puts x into the store, behind all others that never delivered.
func (s *Store) add(x *Session) {
	s.sessions[x.hash] = x
	if x.port.next = s.ports[x.portHash]; x.port.next != nil {
		x.port.next.port.prev = x
	}
	s.ports[x.portHash] = x
	if x.age.prev = s.youngest; x.age.prev != nil {
		x.age.prev.age.next = x
	} else {
		s.young = x
	}
	s.youngest = x
	x.place = -1
	x.held.Store(sessionCost)
	s.used += sessionCost
}

// forget takes x out of the store.
func (s *Store) forget(x *Session) {
	delete(s.sessions, x.hash)
	if n := x.port.next; n != nil {
		n.port.prev = x.port.prev
	}
	if p := x.port.prev; p != nil {
		p.port.next = x.port.next
	} else if n := x.port.next; n != nil {
		s.ports[x.portHash] = n
	} else {
		delete(s.ports, x.portHash)
	}
	x.port = neighbours{}
	switch {
	case x.place < 0:
		s.dequeue(x)
	case x.proven:
		s.proven.remove(x)
	default:
		s.delivered.remove(x)
	}
	x.gone.Store(true)
	s.used -= x.held.Load()
}

func (s *Store) dequeue(x *Session) {
	if p := x.age.prev; p != nil {
		p.age.next = x.age.next
	} else {
		s.young = x.age.next
	}
	if n := x.age.next; n != nil {
		n.age.prev = x.age.prev
	} else {
		s.youngest = x.age.prev
	}
	x.age = neighbours{}
}

// promote notes that x has delivered.
func (s *Store) promote(x *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.decoded.Load() || x.gone.Load() {
		return
	}
	s.dequeue(x)
	s.delivered.add(x)
	x.since = x.seen.Load()
	x.decoded.Store(true)
}

// evict lets go of the session that can best be missed, but not of keep.
func (s *Store) evict(keep *Session) bool {
	victim := s.young
	if victim != nil && victim == keep {
		victim = victim.age.next
	}
	if victim == nil {
		victim = s.silent(keep)
	}
	if victim == nil {
		victim = s.outdated(keep)
	}
	if victim == nil {
		return false
	}
	s.forget(victim)
	return true
}

// silent returns a session that delivered, but not enough to stay, and has been silent
// for Silence; nil if it finds none. Those that it meets and that are to stay go to
// the proven ones.
func (s *Store) silent(keep *Session) (victim *Session) {
	for range min(looks, len(s.delivered.all)) {
		x := s.delivered.next()
		switch seen := x.seen.Load(); {
		case seen-x.since >= int64(Proof) || s.named != nil && s.named(x.From.Addr().Unmap()):
			s.delivered.remove(x)
			x.proven = true
			s.proven.add(x)
		case x != keep && s.newest-seen >= int64(Silence) && (victim == nil || seen < victim.seen.Load()):
			victim = x
		}
	}
	return victim
}

// outdated returns a session whose templates have all been announced too long ago, as
// nothing came from it since; nil if it finds none.
func (s *Store) outdated(keep *Session) *Session {
	for range min(looks, len(s.proven.all)) {
		x := s.proven.next()
		if silence := s.newest - x.seen.Load(); x != keep && silence >= int64(Silence) && silence >= x.lifetime {
			return x
		}
	}
	return nil
}

// Name tells s who has a name of the operator's. It is called before anything else,
// and named by any goroutine that decodes.
func (s *Store) Name(named func(netip.Addr) bool) { s.named = named }
