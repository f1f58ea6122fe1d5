package template

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A Session is all that is known of one exporter. Its methods may be called
// from any goroutine.
type Session struct {
	Key

	store   *Store
	mu      sync.Mutex        // held by writers
	plans   table[Definition] // by domain and template id
	domains table[domain]     // what options said, by domain
	commons table[common]     // by domain and commonPropertiesId
	layouts struct {          // of common properties, compiled in this second
		second int64
		n      int
	}
	samplers, interfaces int          // whose rates are known, over all domains
	named                int          // things that have names, over all domains
	held                 atomic.Int64 // octets of all that, as the store has them in its books
	seen                 atomic.Int64 // when it last sent, to the second
	lifetime             int64        // of a template that is not announced again, nanoseconds
	swept                int64        // when what has expired was last taken out
	gone                 atomic.Bool  // the store has let go of it
	decoded              atomic.Bool  // a data set of it was decoded

	// The store's.
	hash, portHash uint64
	age            neighbours // among those that never delivered
	place          int        // among those that delivered; -1: it never did
	since          int64      // when it first delivered
	proven         bool       // its place is among those that are to stay
	port           neighbours // at its address
}

// sessionCost is about how many octets a session takes by itself, and its
// entries in the store.
const sessionCost = 512

func planKey(domain uint32, id uint16) uint64 { return uint64(domain)<<16 | uint64(id) }

// A Definition is a template as announced, and its plan once a data set has
// needed it: many templates never see one, least of all spoofed ones. Any
// goroutine may use it.
type Definition struct {
	template  Template
	redefined int          // how many others had its id before
	heard     atomic.Int64 // when it was last announced, to the second
	plan      atomic.Pointer[Plan]
	layout    atomic.Pointer[layout] // for lists of its records
}

// expired tells whether d was last announced more than a lifetime before now.
func (d *Definition) expired(now, lifetime int64) bool { return now-d.heard.Load() > lifetime }

// Plan returns the plan for a set of n octets. One that has no room for a record
// is not worth a real plan: a few octets can announce records of 65,000.
func (d *Definition) Plan(n int) *Plan {
	if p := d.plan.Load(); p != nil {
		return p
	}
	if least := d.template.least(); n < least {
		return &Plan{Template: d.template, stride: least, minimum: least} // finds no record
	}
	p, err := Compile(&d.template)
	if err != nil {
		return nil // Put has checked it
	}
	d.plan.Store(p)
	return p
}

// Plan returns the plan for the data sets with this id in the domain, nil if
// its template is not known, or has expired at the time of the last Saw. It
// takes no lock.
func (s *Session) Plan(domain uint32, id uint16) *Plan { return s.PlanFor(domain, id, math.MaxInt) }

// PlanFor is Plan for a set of n octets, as Definition.Plan has it.
func (s *Session) PlanFor(domain uint32, id uint16, n int) *Plan {
	d := s.plans.get(planKey(domain, id))
	if d == nil || d.expired(s.seen.Load(), s.lifetime) {
		return nil
	}
	return d.Plan(n)
}

// Plans calls f with each plan and the domain that it belongs to.
func (s *Session) Plans(f func(domain uint32, p *Plan)) {
	s.plans.all(func(key uint64, d *Definition) {
		if p := d.Plan(math.MaxInt); p != nil {
			f(uint32(key>>16), p)
		}
	})
}

// Announced calls f with each template that is known, the domain that it belongs
// to, and when it was last announced, Unix nanoseconds, to the second. t is not
// to be changed. Unlike Plans it compiles nothing.
func (s *Session) Announced(f func(domain uint32, t *Template, last int64)) {
	s.plans.all(func(key uint64, d *Definition) { f(uint32(key>>16), &d.template, d.heard.Load()) })
}

// Redefined returns how many other definitions the template id of the domain
// had before.
func (s *Session) Redefined(domain uint32, id uint16) int {
	if d := s.plans.get(planKey(domain, id)); d != nil {
		return d.redefined
	}
	return 0
}

// A Change says what an announcement changed.
type Change uint8

const (
	Same      Change = iota // nothing
	New                     // the template was not known
	Redefined               // another definition had its id
)

// Put makes t the template for its id in the domain, in place of the one
// before; records decoded until now keep their meaning. Announcing the same
// again costs a comparison, and lets it live on from the time of the last Saw. t
// is not kept. What is returned stays as it is, whatever is announced after it.
func (s *Session) Put(domain uint32, t *Template) (*Definition, Change, error) {
	key := planKey(domain, t.ID)
	now := s.seen.Load()
	if d := s.plans.get(key); d != nil && d.template.Equal(t) {
		if d.heard.Load() != now {
			d.heard.Store(now)
		}
		return d, Same, nil
	}
	if len(t.Fields) > s.store.limits.Fields {
		return nil, Same, ErrFields
	}
	if err := t.check(); err != nil {
		return nil, Same, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plans.n >= s.store.limits.Templates {
		s.sweep(now)
	}
	change, more := New, t.cost()
	e := &entry[Definition]{key: key}
	switch old := s.plans.get(key); {
	case old == nil && s.plans.n >= s.store.limits.Templates:
		return nil, Same, ErrFull
	case old == nil:
	case old.template.Equal(t):
		return old, Same, nil
	default:
		change = Redefined
		more -= old.template.cost()
		e.value.redefined = old.redefined + 1
	}
	if !s.store.reserve(s, more) {
		return nil, Same, ErrFull
	}
	e.value.heard.Store(now)
	e.value.template = *t
	e.value.template.Fields = slices.Clone(t.Fields)
	s.plans.put(e)
	return &e.value, change, nil
}

// Withdraw forgets the template id of the domain, and tells whether there was
// one.
func (s *Session) Withdraw(domain uint32, id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(planKey(domain, id))
}

// WithdrawAll forgets all templates of the domain, or all options templates, and
// returns how many.
func (s *Session) WithdrawAll(domain uint32, options bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans.all(func(key uint64, d *Definition) {
		if uint32(key>>16) == domain && d.template.Options == options && s.drop(key) {
			n++
		}
	})
	return n
}

// Expire forgets the template id of the domain if it has expired.
func (s *Session) Expire(domain uint32, id uint16) {
	key := planKey(domain, id)
	if s.plans.get(key) == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.plans.get(key); d != nil && d.expired(s.seen.Load(), s.lifetime) && s.drop(key) {
		s.store.expired.Add(1)
	}
}

// sweep forgets all that has expired, once a minute at most. The caller holds
// the lock.
func (s *Session) sweep(now int64) {
	if now >= s.swept && now-s.swept < 60e9 {
		return
	}
	s.swept = now
	s.plans.all(func(key uint64, d *Definition) {
		if d.expired(now, s.lifetime) && s.drop(key) {
			s.store.expired.Add(1)
		}
	})
}

// drop takes a template out. The caller holds the lock.
func (s *Session) drop(key uint64) bool {
	d := s.plans.get(key)
	if d == nil {
		return false
	}
	s.plans.remove(key)
	s.store.reserve(s, -d.template.cost())
	return true
}

// Saw notes that the exporter sent something at t, Unix nanoseconds, and
// whether a data set of it could be decoded. When the store is full, who never
// delivered goes first, and then who has long been silent.
func (s *Session) Saw(t int64, decoded bool) {
	if old := s.seen.Load(); t-old > 1e9 || t < old {
		s.seen.Store(t)
	}
	if decoded && !s.decoded.Load() {
		s.store.promote(s)
	}
}

// Gone tells whether the store has let go of the session.
func (s *Session) Gone() bool { return s.gone.Load() }
