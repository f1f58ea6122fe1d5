package template

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// A Waiting is a data set that came before its template, with what its message's
// header said.
type Waiting struct {
	From   netip.AddrPort
	Header Header
	ID     uint16
	Data   []byte // the set's content
}

// A room holds the data sets that wait for their templates: as many octets as a
// Limits allows, for one template and in all. What waits longest is pushed out.
type room struct {
	each, most int64 // limits

	n      atomic.Int64 // sets; read without the lock
	mu     sync.Mutex
	sets   map[waitKey]*waitList
	oldest []waitKey // in the order of their first set
	octets int64
}

// A waitKey says what is waited for. The port is left out: exporters do send
// templates from one port and data from another.
type waitKey struct {
	addr    netip.Addr
	version uint8
	domain  uint32
	id      uint16
}

type waitList struct {
	sets   []Waiting
	octets int64
}

// perSet is what a set costs beside its octets.
const perSet = 256

// add lets a set wait; data is copied. It returns how many octets of sets had to
// go.
func (r *room) add(w Waiting) (pushed int64) {
	size := int64(len(w.Data)) + perSet
	if size > r.each || size > r.most {
		return int64(len(w.Data))
	}
	w.Data = append([]byte(nil), w.Data...)
	k := waitKey{w.From.Addr(), w.Header.Version, w.Header.Domain, w.ID}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.sets[k]
	if l == nil {
		if r.sets == nil {
			r.sets = map[waitKey]*waitList{}
		}
		l = &waitList{}
		r.sets[k] = l
		r.oldest = append(r.oldest, k)
	}
	for l.octets+size > r.each {
		pushed += r.shift(l)
	}
	for r.octets+size > r.most {
		first := r.oldest[0]
		if first == k && len(l.sets) == 0 { // it is alone, or comes round again
			r.oldest = append(r.oldest[1:], k)
			continue
		}
		old := r.sets[first]
		for len(old.sets) > 0 {
			pushed += r.shift(old)
		}
		if first != k {
			delete(r.sets, first)
			r.oldest = r.oldest[1:]
		}
	}
	l.sets = append(l.sets, w)
	l.octets += size
	r.octets += size
	r.n.Add(1)
	return pushed
}

// shift pushes the first set of l out.
func (r *room) shift(l *waitList) int64 {
	n := int64(len(l.sets[0].Data))
	l.sets[0] = Waiting{}
	l.sets = l.sets[1:]
	l.octets -= n + perSet
	r.octets -= n + perSet
	r.n.Add(-1)
	return n
}

// take returns the sets that wait for k, in the order they came, and forgets
// them.
func (r *room) take(k waitKey) []Waiting {
	if r.n.Load() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.sets[k]
	if l == nil {
		return nil
	}
	delete(r.sets, k)
	for i := range r.oldest {
		if r.oldest[i] == k {
			r.oldest = append(r.oldest[:i], r.oldest[i+1:]...)
			break
		}
	}
	r.octets -= l.octets
	r.n.Add(-int64(len(l.sets)))
	return l.sets
}

// Wait keeps a data set whose template is not known. It returns how many octets
// of data sets had to go for it, or for want of room.
func (s *Store) Wait(from netip.AddrPort, h *Header, id uint16, set []byte) (pushed int64) {
	return s.room.add(Waiting{From: from, Header: *h, ID: id, Data: set})
}

// Waited returns the data sets that waited for the template id of the domain
// from an exporter at this address, whatever its port, in the order they came.
// They wait no longer.
func (s *Store) Waited(addr netip.Addr, version uint8, domain uint32, id uint16) []Waiting {
	return s.room.take(waitKey{addr, version, domain, id})
}
