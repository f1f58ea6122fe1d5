package template

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// audit holds a store's books against what it holds.
func audit(t *testing.T, s *Store) {
	t.Helper()
	used, young, ports := int64(0), 0, 0
	for x := s.young; x != nil; x = x.age.next {
		if x.place >= 0 || x.decoded.Load() || x.age.next == nil && s.youngest != x {
			t.Fatalf("%v is out of its place among those that never delivered", x.Key)
		}
		young++
	}
	for _, r := range []*ring{&s.delivered, &s.proven} {
		for i, x := range r.all {
			if x.place != i || !x.decoded.Load() || x.proven != (r == &s.proven) {
				t.Fatalf("%v is out of its place among those that delivered", x.Key)
			}
		}
	}
	delivered := len(s.delivered.all) + len(s.proven.all)
	for _, head := range s.ports {
		if head.port.prev != nil {
			t.Fatalf("%v is not the first of its address", head.Key)
		}
		for x := head; x != nil; x = x.port.next {
			if n := x.port.next; n != nil && (n.port.prev != x || n.From.Addr() != x.From.Addr()) {
				t.Fatalf("%v and %v are no neighbours", x.Key, n.Key)
			}
			ports++
		}
	}
	for hash, x := range s.sessions {
		held := int64(sessionCost) + domainCost*int64(x.domains.n) + entryCost*int64(x.samplers+x.interfaces) + nameCost*int64(x.named)
		n := 0
		x.plans.all(func(_ uint64, d *Definition) {
			held += d.template.cost()
			n++
		})
		x.domains.all(func(_ uint64, d *domain) {
			if all := d.names.Load(); all != nil {
				for of := range all {
					all[of].all(func(_ uint64, v *Name) { held += v.octets() })
				}
			}
		})
		if x.gone.Load() || x.hash != hash || x.held.Load() != held || n != x.plans.n || n > s.limits.Templates {
			t.Fatalf("%v: %d octets in the books for %d, %d templates for %d", x.Key, x.held.Load(), held, x.plans.n, n)
		}
		used += held
	}
	n := len(s.sessions)
	if used != s.used || used > s.limits.Octets || young+delivered != n || ports != n || n > s.limits.Sessions {
		t.Fatalf("%d octets for %d; %d sessions, %d young, %d delivered, %d at ports", s.used, used, n, young, delivered, ports)
	}
}

// A modelStore is the obvious store: maps, without limits.
type modelStore map[Key]*modelSession

type modelSession struct {
	now   int64
	plans map[uint64]modelPlan
	names map[uint32]string
	rates map[uint32]uint32
}

type modelPlan struct {
	fields int
	heard  int64
}

// The keys that the operations work on: two ports and an address beside over
// UDP, two connections, a file.
var fuzzKeys = func() []Key {
	at := netip.MustParseAddrPort
	return []Key{
		{From: at("192.0.2.1:1"), Version: 9}, {From: at("192.0.2.1:2"), Version: 9}, {From: at("[fe80::1%a]:1"), Version: 10}, {From: at("[fe80::1%b]:1"), Version: 10},
		{From: at("192.0.2.1:1"), To: at("192.0.2.9:4739"), Over: TCP, Version: 10}, {From: at("192.0.2.1:1"), To: at("192.0.2.9:4740"), Over: TCP, Version: 10},
		{From: at("192.0.2.1:1"), To: at("192.0.2.9:4739"), Over: DTLS, Version: 10}, {From: at("127.0.0.1:0"), Over: File, Version: 10},
	}
}()

const fuzzTimeout = time.Hour

// Operations on a store and on the model, three octets each; nothing is refused.
// Then the same on a store that is far too small: its books remain right.
func FuzzStore(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 9, 9, 6, 1, 1, 7, 0, 0, 8, 4, 0, 9, 0, 0})
	f.Add([]byte{0, 4, 0, 0, 5, 0, 0, 6, 1, 2, 4, 0, 3, 5, 0, 8, 4, 0, 9, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 200, 0, 0, 0, 9, 0, 0})
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		all := make([]byte, 900)
		for i := range all {
			all[i] = byte(rnd.Uint32())
		}
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 3000 {
			return
		}
		large := Limits{Timeout: fuzzTimeout}
		s, model := NewStore(large), modelStore{}
		tiny := NewStore(Limits{Sessions: 3, Templates: 4, Names: 3, Octets: 12000, Timeout: fuzzTimeout})
		for ; len(ops) >= 3; ops = ops[3:] {
			if ops[0]%11 == 9 { // a restart
				s = restarted(t, s, large)
				model.restart()
			} else {
				operate(s, ops)
			}
			model.operate(ops)
			operate(tiny, ops)
		}
		audit(t, s)
		audit(t, tiny)
		if got, want := contents(s), model.contents(); got != want {
			t.Fatalf("the store has\n%s, want\n%s", got, want)
		}
	})
}

func restarted(t *testing.T, s *Store, l Limits) *Store {
	again := NewStore(l)
	if err := again.Restore(s.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	return again
}

// fuzzTemplate makes one of a few definitions of a few ids.
func fuzzTemplate(k Key, x byte) (domain uint32, t Template) {
	t = Template{ID: 256 + uint16(x)%4, Version: k.Version, Options: x&4 != 0, Scopes: int(x >> 2 & 1)}
	for i := range 1 + int(x>>3)%4 {
		t.Fields = append(t.Fields, field(uint16(8+i), 4))
	}
	return uint32(x>>5) % 2, t
}

func operate(s *Store, op []byte) {
	k, x := fuzzKeys[int(op[1])%len(fuzzKeys)], op[2]
	domain, tmpl := fuzzTemplate(k, x)
	y := s.Lookup(k)
	if y == nil {
		if op[0]%11 > 1 {
			return
		}
		if y = s.Open(k, 1e18); y == nil {
			return
		}
	}
	switch op[0] % 11 {
	case 0, 1:
		y.Put(domain, &tmpl)
	case 2:
		y.Withdraw(domain, tmpl.ID)
	case 3:
		y.WithdrawAll(domain, tmpl.Options)
	case 4, 5:
		y.Saw(y.seen.Load()+int64(x)*60e9, op[0]%11 == 5)
	case 6:
		y.setName(domain, ofInterfaces, uint64(x%8), fmt.Append(nil, "name", x), nil, 0)
	case 7:
		iface := uint32(x % 8)
		y.SetRate(domain, nil, &iface, uint32(x)+1)
	case 8:
		s.Close(k)
	case 10:
		y.Expire(domain, tmpl.ID)
	}
}

func (m modelStore) operate(op []byte) {
	k, x := fuzzKeys[int(op[1])%len(fuzzKeys)], op[2]
	domain, tmpl := fuzzTemplate(k, x)
	y := m[k]
	if y == nil {
		if op[0]%11 > 1 {
			return
		}
		y = &modelSession{now: 1e18, plans: map[uint64]modelPlan{}, names: map[uint32]string{}, rates: map[uint32]uint32{}}
		m[k] = y
	}
	key := planKey(domain, tmpl.ID)
	kind := 0
	if tmpl.Options {
		kind = 100
	}
	number := domain<<8 | uint32(x%8)
	switch op[0] % 11 {
	case 0, 1:
		y.plans[key] = modelPlan{kind + len(tmpl.Fields), y.now}
	case 2:
		delete(y.plans, key)
	case 3:
		maps.DeleteFunc(y.plans, func(key uint64, p modelPlan) bool { return uint32(key>>16) == domain && p.fields/100*100 == kind })
	case 4, 5:
		if x > 0 {
			y.now += int64(x) * 60e9
		}
	case 6:
		y.names[number] = fmt.Sprint("name", x)
	case 7:
		y.rates[number] = uint32(x) + 1
	case 8:
		if k.Over.Connected() {
			delete(m, k)
		}
	}
}

// restart forgets all but what came over UDP.
func (m modelStore) restart() {
	maps.DeleteFunc(m, func(k Key, _ *modelSession) bool { return k.Over != UDP })
}

// contents tells what can be found in a store.
func contents(s *Store) (all string) {
	for i, k := range fuzzKeys {
		y := s.Lookup(k)
		if y == nil {
			continue
		}
		all += fmt.Sprintf("%d:", i)
		for domain := range uint32(2) {
			for id := range uint16(4) {
				if p := y.Plan(domain, 256+id); p != nil {
					kind := 0
					if p.Template.Options {
						kind = 100
					}
					all += fmt.Sprintf(" %d/%d=%d", domain, id, kind+len(p.Template.Fields))
				}
			}
			for number := range uint32(8) {
				n := Names{own: y.Names(domain).own}.Interface(number).Name
				r := uint32(0)
				if d := y.domains.get(uint64(domain)); d != nil {
					if p := d.rates.interfaces.get(uint64(number)); p != nil {
						r = *p
					}
				}
				if n != "" || r != 0 {
					all += fmt.Sprintf(" %d.%d=%s,%d", domain, number, n, r)
				}
			}
		}
		all += "\n"
	}
	return all
}

func (m modelStore) contents() (all string) {
	for i, k := range fuzzKeys {
		y := m[k]
		if y == nil {
			continue
		}
		all += fmt.Sprintf("%d:", i)
		for domain := range uint32(2) {
			for _, key := range slices.Sorted(maps.Keys(y.plans)) {
				p := y.plans[key]
				if uint32(key>>16) == domain && (k.Over.Reliable() || y.now-p.heard <= int64(fuzzTimeout)) {
					all += fmt.Sprintf(" %d/%d=%d", domain, uint16(key)-256, p.fields)
				}
			}
			for number := range uint32(8) {
				n, r := y.names[domain<<8|number], y.rates[domain<<8|number]
				if n != "" || r != 0 {
					all += fmt.Sprintf(" %d.%d=%s,%d", domain, number, n, r)
				}
			}
		}
		all += "\n"
	}
	return all
}
