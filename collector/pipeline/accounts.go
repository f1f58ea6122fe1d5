package pipeline

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// accounts holds the accounts of all exporters, as many as are allowed. When
// there are more, those that never delivered a record go first, the longest
// silent before others.
type accounts struct {
	mu    sync.RWMutex
	all   map[Key]*Account
	known map[netip.Addr]int // accounts by address, of those that delivered
	most  int
	named func(netip.Addr) bool

	domains              map[domainKey]int // accounts, of domains
	newPorts, newDomains uint64            // of exporters that had delivered before

	// others is the account of exporters that find no room, and of those that
	// were evicted: the ledger adds up.
	others  *Account
	evicted uint64

	sources atomic.Int64 // that have room: see maxDataSources
}

// A domainKey is a Key but for the port.
type domainKey struct {
	addr    netip.Addr
	domain  uint32
	version uint8
}

func (k *Key) domainKey() domainKey { return domainKey{k.From.Addr(), k.Domain, k.Version} }

// Steady is how long an exporter must have delivered to be kept for good.
const Steady = 10 * time.Minute

func newAccounts(most int, named func(netip.Addr) bool) *accounts {
	return &accounts{all: map[Key]*Account{}, known: map[netip.Addr]int{}, domains: map[domainKey]int{}, most: most, named: named, others: &Account{}}
}

func (s *accounts) get(k Key) *Account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.all[k]
}

// Known tells whether an exporter at this address has delivered a record.
func (s *accounts) Known(a netip.Addr) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[a] > 0
}

// open returns the account of k, a new one if there is none; that of the others
// if there is no room.
func (p *Pipeline) open(k Key) *Account {
	s := p.accounts
	if a := s.get(k); a != nil {
		return a
	}
	p.mu.Lock() // before the other: evict moves sums
	defer p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.all[k]; a != nil {
		return a
	}
	if len(s.all) >= s.most && !s.evict() {
		return s.others
	}
	a := &Account{Key: k}
	a.sources.room = &s.sources
	s.all[k] = a
	switch d := k.domainKey(); {
	case s.known[k.From.Addr()] == 0:
	case s.domains[d] > 0:
		s.newPorts++
	default:
		s.newDomains++
	}
	s.domains[k.domainKey()]++
	return a
}

// delivered notes that a has delivered its first record.
func (s *accounts) delivered(a *Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !a.gone.Load() {
		s.known[a.From.Addr()]++
	}
}

// evict lets go of one account among a few taken at random. The caller has both
// locks.
func (s *accounts) evict() bool {
	var victim *Account
	var decoded bool
	var last int64
	n := 0
	for _, a := range s.all {
		if n++; n > 16 {
			break
		}
		a.mu.Lock()
		t, d := a.traits, a.decoded
		a.mu.Unlock()
		if d && t.Decoded-t.First >= int64(Steady) || s.keeps(a, d) {
			continue
		}
		if victim == nil || decoded && !d || decoded == d && t.Last < last {
			victim, decoded, last = a, d, t.Last
		}
	}
	if victim == nil {
		return false
	}
	s.evicted++
	s.remove(victim, decoded)
	return true
}

// keeps tells whether the operator knows the exporter of a. Anyone may send in its
// name from any port: once it has delivered, only accounts that did are its own.
func (s *accounts) keeps(a *Account, delivered bool) bool {
	from := a.From.Addr()
	return s.named != nil && s.named(from) && (delivered || s.known[from] == 0)
}

// remove lets go of an account, which has delivered or not. The caller has both
// locks.
func (s *accounts) remove(a *Account, delivered bool) {
	delete(s.all, a.Key)
	d := a.domainKey()
	if s.domains[d]--; s.domains[d] <= 0 {
		delete(s.domains, d)
	}
	if delivered {
		if s.known[d.addr]--; s.known[d.addr] <= 0 {
			delete(s.known, d.addr)
		}
	}
	a.moveTo(s.others)
}

// Forget lets go of the accounts of exporters that which names, as if they were
// evicted.
func (p *Pipeline) Forget(which func(exporter netip.Addr) bool) {
	s := p.accounts
	p.mu.Lock()
	defer p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.all {
		if !which(a.From.Addr()) {
			continue
		}
		a.mu.Lock()
		delivered := a.decoded
		a.mu.Unlock()
		s.remove(a, delivered)
	}
}

// moveTo adds the sums of a to those of b, where they will go from now on. The
// caller has the pipeline's lock.
func (a *Account) moveTo(b *Account) {
	a.mu.Lock()
	a.gone.Store(true)
	a.into = b
	a.seq.end()
	traits, transit, samples := a.traits, a.seq.Transit, a.sources.sum()
	a.sources.forget()
	a.mu.Unlock()
	b.mu.Lock()
	b.traits.add(&traits)
	b.seq.Transit.add(&transit)
	b.sources.add(&samples)
	b.mu.Unlock()
	b.records += a.records
	b.held += a.held
	b.taken += a.taken
	for slot, f := range a.outputs {
		x := b.output(slot)
		x.skipped += f.skipped
		for i := range f.fates {
			x.fates[i] += f.fates[i]
		}
	}
}

// Turn begins a new period of all accounts' Peaks.
func (p *Pipeline) Turn() {
	s := p.accounts
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.all {
		a.turn()
	}
}

// Ledgers returns the accounts, by exporter, source, version and domain; that of
// all others, without a Key, comes last if it holds anything.
func (p *Pipeline) Ledgers() []Ledger {
	s := p.accounts
	s.mu.RLock()
	all := make([]*Account, 0, len(s.all)+1)
	for _, a := range s.all {
		all = append(all, a)
	}
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Account) int {
		return cmp.Or(a.Exporter.Compare(b.Exporter), a.From.Compare(b.From), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Domain, b.Domain))
	})
	now := time.Now().UnixNano()
	all = append(all, s.others)
	out := make([]Ledger, 0, len(all))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range all {
		if a.gone.Load() { // meanwhile: the others have it
			continue
		}
		l := a.ledger(now)
		l.Records, l.Held, l.Filtered = a.records, a.held, a.taken
		for _, o := range *p.outputs.Load() {
			l.Outputs = append(l.Outputs, a.at(o))
		}
		if a != s.others || l.Records > 0 || l.Datagrams > 0 {
			out = append(out, l)
		}
	}
	return out
}

// ledger returns all of a's ledger that its own lock guards.
func (a *Account) ledger(now int64) Ledger {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq.expire(now)
	l := Ledger{Key: a.Key, Traits: a.traits, Transit: a.seq.Transit, Lately: a.traits.Peaks.or(a.before), Inclusive: a.seq.Inclusive, Samples: a.sources.sum()}
	l.Peaks = l.Lately.or(a.earlier)
	return l
}

// at returns where the records of a are, for an output. The caller has the
// pipeline's lock.
func (a *Account) at(o *output) OutputLedger {
	x := a.output(o.slot)
	l := OutputLedger{Name: o.Name, Skipped: x.skipped, Filtered: x.fates[refused], Written: x.fates[written], Dropped: x.fates[dropped], Failed: x.fates[failed]}
	l.Queued = a.records - a.held - a.taken - l.Skipped - l.Filtered - l.Written - l.Dropped - l.Failed
	return l
}
