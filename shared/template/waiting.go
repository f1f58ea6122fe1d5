package template

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// A Waiting is a data set that came before its template, with what its message's
// header said.
type Waiting struct {
	Key    Key
	Header Header
	ID     uint16
	Data   []byte // the set's content
}

// A room holds the data sets that wait for their templates: as many octets as a
// Limits allows, for one template and in all. What waits longest is pushed out.
type room struct {
	each, most int64 // limits

	n          atomic.Int64  // sets; read without the lock
	missed     atomic.Uint64 // sets that ever came
	mu         sync.Mutex
	lists      map[waitKey]*waitList
	head, tail *waitList // by the time of their first set
	octets     int64
}

// A waitKey says what is waited for. The port is left out, but for connections:
// exporters do send templates from one port and data from another.
type waitKey struct {
	Key
	domain uint32
	id     uint16
}

func newWaitKey(k Key, domain uint32, id uint16) waitKey {
	if !k.Over.Connected() {
		k.From = netip.AddrPortFrom(k.From.Addr(), 0)
	}
	return waitKey{k, domain, id}
}

// A waitList holds what waits for one template. It has at least one set.
type waitList struct {
	key        waitKey
	sets       []Waiting
	octets     int64
	prev, next *waitList
}

// perSet is what a set costs beside its octets.
const perSet = 384

// add lets a set wait; data is copied. It returns how many octets of sets had to
// go.
func (r *room) add(w Waiting) (pushed int64) {
	size := int64(len(w.Data)) + perSet
	if size > r.each || size > r.most {
		return int64(len(w.Data))
	}
	w.Data = append([]byte(nil), w.Data...)
	k := newWaitKey(w.Key, w.Header.Domain, w.ID)
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := r.lists[k]; l != nil && l.octets+size > r.each; l = r.lists[k] {
		pushed += r.shift(l)
	}
	for r.octets+size > r.most {
		pushed += r.shift(r.head)
	}
	l := r.lists[k]
	if l == nil {
		l = r.begin(k)
	}
	l.sets = append(l.sets, w)
	l.octets += size
	r.octets += size
	r.n.Add(1)
	r.missed.Add(1)
	return pushed
}

func (r *room) begin(k waitKey) *waitList {
	l := &waitList{key: k, prev: r.tail}
	if r.lists == nil {
		r.lists = map[waitKey]*waitList{}
	}
	r.lists[k] = l
	if r.tail != nil {
		r.tail.next = l
	} else {
		r.head = l
	}
	r.tail = l
	return l
}

// shift pushes the first set of l out.
func (r *room) shift(l *waitList) int64 {
	n := int64(len(l.sets[0].Data))
	l.sets[0] = Waiting{}
	l.sets = l.sets[1:]
	l.octets -= n + perSet
	r.octets -= n + perSet
	r.n.Add(-1)
	if len(l.sets) == 0 {
		r.end(l)
	}
	return n
}

func (r *room) end(l *waitList) {
	delete(r.lists, l.key)
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		r.head = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		r.tail = l.prev
	}
}

// take returns the sets that wait for k, in the order they came, and forgets
// them.
func (r *room) take(k waitKey) []Waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lists[k]
	if l == nil {
		return nil
	}
	r.end(l)
	r.octets -= l.octets
	r.n.Add(-int64(len(l.sets)))
	return l.sets
}

// Wait keeps a data set whose template is not known. It returns how many octets
// of data sets had to go for it, or for want of room.
func (s *Store) Wait(k Key, h *Header, id uint16, set []byte) (pushed int64) {
	return s.room.add(Waiting{Key: k, Header: *h, ID: id, Data: set})
}

// Waited returns the data sets that waited for the template id of the domain
// from an exporter at this address, whatever its port, or over this connection,
// in the order they came. They wait no longer.
func (s *Store) Waited(k Key, domain uint32, id uint16) []Waiting {
	if s.room.n.Load() == 0 {
		return nil
	}
	return s.room.take(newWaitKey(k, domain, id))
}

// Missed returns how many data sets have had to wait so far, and how many wait
// now.
func (s *Store) Missed() (ever uint64, now int64) { return s.room.missed.Load(), s.room.n.Load() }

// Ready returns the data sets that wait for a template which is known meanwhile,
// though no Decoder has read its announcement: Restore has brought it. They wait
// no longer.
func (s *Store) Ready() (sets []Waiting) {
	for _, w := range s.room.first() {
		if s.knows(&w) {
			sets = append(sets, s.room.take(newWaitKey(w.Key, w.Header.Domain, w.ID))...)
		}
	}
	return sets
}

// first returns the first set of each list.
func (r *room) first() (sets []Waiting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := r.head; l != nil; l = l.next {
		sets = append(sets, l.sets[0])
	}
	return sets
}

func (s *Store) knows(w *Waiting) bool {
	if x := s.Lookup(w.Key); x != nil && x.PlanFor(w.Header.Domain, w.ID, len(w.Data)) != nil {
		return true
	}
	_, p := s.Agreed(w.Key, w.Header.Domain, w.ID, len(w.Data), w.Header.Received)
	return p != nil
}
