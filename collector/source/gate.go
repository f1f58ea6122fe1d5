package source

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Known tells which exporters have proved themselves: they delivered a set
// that could be decoded, or they are named in the configuration. It is asked for
// each datagram of one that has not, by all readers at once.
type Known interface {
	Known(exporter netip.Addr) bool
}

// A verdict is what a gate says of a datagram.
type verdict uint8

const (
	pass       verdict = iota
	denied             // its sender may not send here
	refused            // it is of another protocol
	overBudget         // its sender is not known, and there were many of those
)

// A gate stands before the decoder: who may send, what, and how much of it as
// long as nobody knows him. One goroutine uses it.
type gate struct {
	protocols Protocols
	rules     *rules
	known     Known // nil: there is no budget
	budget    *bucket
	cache     [256]sender // by the address's hash
}

// A sender is what was found out about an address.
type sender struct {
	addr    netip.Addr
	allowed bool
	known   int64 // until then it needs not be asked again
}

// trust is how long an exporter that is known is not asked about again.
const trust = int64(time.Second)

// gates returns n gates of one listener, whose budget they share.
func gates(n int, l *Listen, cfg *Config) []gate {
	all := make([]gate, n)
	rules := newRules(l)
	budget := newBucket(float64(cfg.Unknown))
	for i := range all {
		g := &all[i]
		g.protocols, g.rules = l.Protocol, rules
		if cfg.Known != nil && cfg.Unknown > 0 {
			g.known, g.budget = cfg.Known, budget
		}
	}
	return all
}

// open tells whether nothing is ever refused.
func (g *gate) open() bool { return g.protocols == 0 && g.rules == nil && g.known == nil }

// judge says whether the datagram d of from, an unmapped address, may go on. It is
// now, Unix nanoseconds.
func (g *gate) judge(from netip.Addr, d []byte, now int64) verdict {
	if g.rules != nil || g.known != nil {
		if v := g.sender(from, now); v != pass {
			return v
		}
	}
	if !g.protocols.has(d) {
		return refused
	}
	return pass
}

func (g *gate) sender(from netip.Addr, now int64) verdict {
	x := numberOf(from)
	s := &g.cache[(x.hi^bits.RotateLeft64(x.lo, 32))*0x9e3779b97f4a7c15>>56]
	if s.addr != from {
		*s = sender{addr: from, allowed: g.rules == nil || g.rules.allowed(from)}
	}
	switch {
	case !s.allowed:
		return denied
	case g.known == nil || now < s.known:
		return pass
	case g.known.Known(from):
		s.known = now + trust
		return pass
	case g.budget.take(now):
		return pass
	}
	return overBudget
}

// A bucket holds tokens: it fills at a rate, up to what that gives in a second.
type bucket struct {
	mu    sync.Mutex
	rate  float64 // tokens a second
	level float64
	last  int64
}

func newBucket(rate float64) *bucket { return &bucket{rate: rate, level: rate} }

// setBack tells of the nanoseconds since something whether the clock has been set
// back meanwhile: readers that overtake one another make less.
func setBack(d int64) bool { return d < -1e9 }

// take takes a token, if there is one. It is now, Unix nanoseconds.
func (b *bucket) take(now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := now - b.last; d > 0 {
		b.level = min(b.level+float64(d)*b.rate/1e9, b.rate)
		b.last = now
	} else if setBack(d) {
		b.last = now
	}
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

// rules are the networks of a listener, in a form that is fast to look up.
type rules struct{ allow, deny networks }

// newRules returns nil if all may send.
func newRules(l *Listen) *rules {
	if len(l.Allow) == 0 && len(l.Deny) == 0 {
		return nil
	}
	return &rules{newNetworks(l.Allow), newNetworks(l.Deny)}
}

func (r *rules) allowed(a netip.Addr) bool {
	return !r.deny.contain(a) && (r.allow.empty() || r.allow.contain(a))
}

// networks are disjoint ranges of addresses, in order, the two families apart.
type networks struct{ v4, v6 []span }

// A number is an address as one.
type number struct{ hi, lo uint64 }

func numberOf(a netip.Addr) number {
	b := a.As16()
	return number{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (n number) less(m number) bool { return n.hi < m.hi || n.hi == m.hi && n.lo < m.lo }

type span struct{ first, last number }

func newNetworks(all Prefixes) (n networks) {
	for _, p := range all {
		first := numberOf(p.Addr())
		host := p.Addr().BitLen() - p.Bits() // shifts by 64 and more give 0
		s := span{first, number{first.hi | (1<<max(host-64, 0) - 1), first.lo | (1<<host - 1)}}
		if p.Addr().Is4() {
			n.v4 = append(n.v4, s)
		} else {
			n.v6 = append(n.v6, s)
		}
	}
	n.v4, n.v6 = merge(n.v4), merge(n.v6)
	return n
}

// merge sorts spans and joins those that overlap.
func merge(all []span) []span {
	slices.SortFunc(all, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.first.hi, b.first.hi), cmp.Compare(a.first.lo, b.first.lo))
	})
	out := all[:0]
	for _, s := range all {
		n := len(out)
		switch {
		case n == 0 || out[n-1].last.less(s.first):
			out = append(out, s)
		case out[n-1].last.less(s.last):
			out[n-1].last = s.last
		}
	}
	return out
}

func (n *networks) empty() bool { return len(n.v4) == 0 && len(n.v6) == 0 }

func (n *networks) contain(a netip.Addr) bool {
	all := n.v6
	if a.Is4() {
		all = n.v4
	}
	x := numberOf(a)
	lo, hi := 0, len(all)
	for lo < hi {
		if m := int(uint(lo+hi) / 2); all[m].last.less(x) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo < len(all) && !x.less(all[lo].first)
}
