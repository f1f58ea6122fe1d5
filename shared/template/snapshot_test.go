package template

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

func filled() *Store {
	s := NewStore(Limits{})
	u := func(n uint32) *uint32 { return &n }
	for i, from := range []string{"192.0.2.1:2055", "[2001:db8::1]:4739", "[fe80::1%eth0]:9995"} {
		x := s.Session(netip.MustParseAddrPort(from), uint8(9+i%2))
		for id := range uint16(20) {
			t := Template{ID: 256 + id, Version: x.Version, Options: id%3 == 0, Scopes: int(id % 2), Fields: []Field{field(8, 4), field(id+1, 4)}}
			if x.Version == 10 {
				t.Fields = append(t.Fields, Field{Element: flow.Element{PEN: 6871, ID: id}, Len: Variable})
			}
			if _, _, err := x.Put(uint32(id%4)<<20, &t); err != nil {
				panic(err)
			}
		}
		x.SetRate(1, u(7), nil, 100)
		x.SetRate(1, nil, u(8), 200)
		x.SetRate(2, nil, nil, 300)
		x.SetBoot(1, 1_700_000_000e9)
		x.setName(1, ofInterfaces, 8, []byte("Gi0/8"), []byte("to the core"), 0)
		x.setName(1, ofApplications, 13<<56|421, []byte("webex"), nil, 0)
		x.setName(0, ofSamplers, 1<<40, []byte("half"), nil, 2)
		x.Saw(1_795_305_600e9, i != 1)
	}
	return s
}

// same tells what b lacks of a.
func same(t *testing.T, a, b *Store) {
	t.Helper()
	if a.Len() != b.Len() {
		t.Errorf("%d sessions, want %d", b.Len(), a.Len())
	}
	for _, x := range a.Sessions() {
		y := b.Lookup(x.Key)
		if y == nil {
			t.Errorf("%s is missing", x.From)
			continue
		}
		x.plans.all(func(key uint64, d *Definition) {
			if e := y.plans.get(key); e == nil || !e.template.Equal(&d.template) || e.heard.Load() != d.heard.Load() {
				t.Errorf("%s: template %x differs", x.From, key)
			}
		})
		sameNumbers := func(what string, a, b *table[uint32]) {
			a.all(func(k uint64, v *uint32) {
				if w := b.get(k); w == nil || *w != *v {
					t.Errorf("%s: %s %d differs", x.From, what, k)
				}
			})
		}
		x.domains.all(func(id uint64, d *domain) {
			o := y.domains.get(id)
			if o == nil || o.rates.domain.Load() != d.rates.domain.Load() || o.boot.Load() != d.boot.Load() {
				t.Errorf("%s: domain %d differs", x.From, id)
				return
			}
			all := cmp.Or(d.names.Load(), &names{})
			for of := range all {
				all[of].all(func(k uint64, v *Name) {
					if w := (Names{own: o.names.Load()}).get(namespace(of), k); w != *v || w == (Name{}) {
						t.Errorf("%s: name %d/%d is %v, want %v", x.From, of, k, w, *v)
					}
				})
			}
			sameNumbers("sampler", &d.rates.samplers, &o.rates.samplers)
			sameNumbers("interface", &d.rates.interfaces, &o.rates.interfaces)
		})
		if x.seen.Load() != y.seen.Load() || x.decoded.Load() != y.decoded.Load() {
			t.Errorf("%s: seen %d %v, want %d %v", x.From, y.seen.Load(), y.decoded.Load(), x.seen.Load(), x.decoded.Load())
		}
	}
}

func TestSnapshot(t *testing.T) {
	a := filled()
	d := a.AppendSnapshot([]byte("prefix"))[6:]
	b := NewStore(Limits{})
	if err := b.Restore(d); err != nil {
		t.Fatal(err)
	}
	same(t, a, b)
	if err := b.Restore(d); err != nil { // over itself
		t.Fatal(err)
	}
	same(t, a, b)

	// What is known already stands.
	c := NewStore(Limits{})
	newer := Template{ID: 256, Version: 9, Fields: []Field{field(1, 8)}}
	x := c.Session(netip.MustParseAddrPort("192.0.2.1:2055"), 9)
	x.Saw(1_795_305_700e9, true)
	x.Put(0, &newer)
	if err := c.Restore(d); err != nil {
		t.Fatal(err)
	}
	if p := x.Plan(0, 256); !p.Template.Equal(&newer) {
		t.Error("an old template took the place of a newer one")
	}
	if err := NewStore(Limits{}).Restore(NewStore(Limits{}).AppendSnapshot(nil)); err != nil {
		t.Errorf("an empty snapshot: %v", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	d := filled().AppendSnapshot(nil)
	for i := range d {
		cut := NewStore(Limits{})
		if err := cut.Restore(d[:i]); !errors.Is(err, ErrSnapshot) || cut.Len() != 0 {
			t.Fatalf("cut at %d: %v, %d sessions", i, err, cut.Len())
		}
		bad := append([]byte(nil), d...)
		bad[i] ^= 0x10
		if err := cut.Restore(bad); !errors.Is(err, ErrSnapshot) || cut.Len() != 0 {
			t.Fatalf("octet %d changed: %v, %d sessions", i, err, cut.Len())
		}
	}
}

// Snapshots with a right checksum and any content.
func FuzzRestore(f *testing.F) {
	d := filled().AppendSnapshot(nil)
	f.Add(d[len(magic) : len(d)-4])
	f.Fuzz(func(t *testing.T, content []byte) {
		d := append([]byte(magic), content...)
		d = binary.BigEndian.AppendUint32(d, crc32.ChecksumIEEE(d))
		s := NewStore(Limits{Sessions: 10, Templates: 10})
		if err := s.Restore(d); err != nil {
			if s.Len() != 0 {
				t.Fatal("a bad snapshot left something behind")
			}
			return
		}
		for _, x := range s.Sessions() {
			x.Plans(func(domain uint32, p *Plan) {
				var b flow.Batch
				m := Message{Header: Header{Version: x.Version}}
				if !p.Template.Options {
					p.Append(&b, make([]byte, 100), &m)
				} else {
					p.AppendOptions(&b, make([]byte, 100), &m, x)
				}
			})
		}
		again := NewStore(Limits{})
		if err := again.Restore(s.AppendSnapshot(nil)); err != nil {
			t.Fatal(err)
		}
	})
}

// Of two definitions of a template, the one that was announced last stands.
func TestRestoreKeepsTheLatest(t *testing.T) {
	at := func(seen int64, ie uint16) *Store {
		s := NewStore(Limits{})
		x := s.Session(netip.MustParseAddrPort("192.0.2.1:2055"), 9)
		x.Saw(seen, true)
		if _, _, err := x.Put(1, &Template{ID: 256, Version: 9, Fields: []Field{field(ie, 4)}}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	f := func(known, restored int64, want uint16) {
		t.Helper()
		s := at(known, 8)
		if err := s.Restore(at(restored, 12).AppendSnapshot(nil)); err != nil {
			t.Fatal(err)
		}
		d := s.Session(netip.MustParseAddrPort("192.0.2.1:2055"), 9).plans.get(planKey(1, 256))
		if d.template.Fields[0].ID != want || d.heard.Load() != max(known, restored) || s.Restored() != 1 {
			t.Errorf("known at %d, restored from %d: %v, heard %d", known, restored, d.template, d.heard.Load())
		}
	}
	f(2e18, 1e18, 8)
	f(1e18, 2e18, 12)
	f(1e18, 1e18, 8)
}
