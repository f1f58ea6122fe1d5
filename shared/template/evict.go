package template

// Anyone may send templates in any exporter's name, so a full store must choose
// well and fast whom to forget. Who never delivered a record that could be
// decoded goes first, the oldest before the others: they stand in a queue. Among
// those that delivered, a few are looked at in turn, so that the cost is the
// same however many there are.

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
	if x.place < 0 {
		s.dequeue(x)
	} else {
		last := s.delivered[len(s.delivered)-1]
		s.delivered[x.place], last.place = last, x.place
		s.delivered[len(s.delivered)-1] = nil
		s.delivered = s.delivered[:len(s.delivered)-1]
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
	x.place = len(s.delivered)
	s.delivered = append(s.delivered, x)
	x.decoded.Store(true)
}

// evict lets go of the session that can best be missed, but not of keep: one
// that never delivered, or one that has been silent for Silence.
func (s *Store) evict(keep *Session) bool {
	victim := s.young
	if victim != nil && victim == keep {
		victim = victim.age.next
	}
	if victim == nil {
		for range min(8, len(s.delivered)) {
			s.hand = (s.hand + 1) % len(s.delivered)
			if x := s.delivered[s.hand]; x != keep && (victim == nil || x.seen.Load() < victim.seen.Load()) {
				victim = x
			}
		}
		if victim == nil || s.newest-victim.seen.Load() < int64(Silence) {
			return false
		}
	}
	s.forget(victim)
	return true
}
