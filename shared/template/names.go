package template

import (
	"net/netip"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
)

// Options name what records have numbers for: interfaces, applications, VRFs,
// samplers, classes, policies. The names are kept here, to be asked for; a
// decoder does not write them into records, which would cost each record a
// search and a string. Who wants them there asks once for each number.

// A Name is what an exporter calls something. The zero Name is of what it has
// not named.
type Name struct {
	Name        string
	Description string // of interfaces and applications
	Mode        uint8  // of samplers, IE 49: 1 deterministic, 2 random
}

// A namespace is a kind of things that have names.
type namespace uint8

const (
	ofInterfaces namespace = iota
	ofApplications
	ofVRFs
	ofSamplers
	ofClasses
	ofPolicies
	namespaces
)

// names are the tables of a domain: by interface, by application as in
// flow.Flow.AppID, by VRF, sampler, class, policy.
type names [namespaces]table[Name]

// maxName is how many octets of a name or a description are kept.
const maxName = 255

// Names are what options said for one observation domain, and where they said
// nothing, what they said for domain 0, which is the whole exporter (RFC 7011
// §3.1). Any goroutine may ask; the zero Names knows none.
type Names struct{ own, all *names }

func (n Names) get(of namespace, key uint64) Name {
	for _, x := range [2]*names{n.own, n.all} {
		if x != nil {
			if name := x[of].get(key); name != nil {
				return *name
			}
		}
	}
	return Name{}
}

// Empty tells that no names are known.
func (n Names) Empty() bool { return n.own == nil && n.all == nil }

// Interface returns the name of an interface (IE 82 interfaceName, 83
// interfaceDescription).
func (n Names) Interface(index uint32) Name { return n.get(ofInterfaces, uint64(index)) }

// Application returns the name of an application (IE 96 applicationName, 94
// applicationDescription) by its id as a Flow has it.
func (n Names) Application(id uint64) Name { return n.get(ofApplications, id) }

// VRF returns the name of a VRF (IE 236 VRFname).
func (n Names) VRF(id uint32) Name { return n.get(ofVRFs, uint64(id)) }

// Sampler returns the name of a sampler (IE 84 samplerName, 335 selectorName).
func (n Names) Sampler(id uint64) Name { return n.get(ofSamplers, id) }

// Class returns the name of a traffic class (IE 100 className; Cisco's C3PL).
func (n Names) Class(id uint32) Name { return n.get(ofClasses, uint64(id)) }

// Policy returns the name of a policy (Cisco's C3PL).
func (n Names) Policy(id uint32) Name { return n.get(ofPolicies, uint64(id)) }

// Names returns what the exporter's options named for the domain.
func (s *Session) Names(domain uint32) (n Names) {
	if d := s.domains.get(uint64(domain)); d != nil {
		n.own = d.names.Load()
	}
	if d := s.domains.get(0); d != nil && domain != 0 {
		n.all = d.names.Load()
	}
	return n
}

// Names returns what exporters at addr named for the domain: records know an
// address, but no port. Where several ports or connections named something, one
// of them answers.
func (s *Store) Names(addr netip.Addr, version uint8, domain uint32) Names {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for over := range numTransports {
		ports := 0
		k := Key{From: netip.AddrPortFrom(addr, 0), Over: over, Version: version}
		_, hash := k.hashes()
		for x := s.ports[hash]; x != nil && ports < maxPorts; x = x.port.next {
			if n := x.Names(domain); x.From.Addr() == addr && (n.own != nil || n.all != nil) {
				return n
			}
			ports++
		}
	}
	return Names{}
}

// setName notes a name. What it leaves empty stays as it was.
func (s *Session) setName(domain uint32, of namespace, key uint64, name, description []byte, mode uint8) {
	name, description = cutName(name), cutName(description)
	var old Name
	if d := s.domains.get(uint64(domain)); d != nil {
		old = Names{own: d.names.Load()}.get(of, key)
		if unchanged(old.Name, name) && unchanged(old.Description, description) && (mode == 0 || old.Mode == mode) {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.about(domain)
	if d == nil {
		return
	}
	all := d.names.Load()
	if all == nil {
		all = &names{}
		d.names.Store(all)
	}
	more := int64(nameCost)
	e := &entry[Name]{key: key}
	if before := all[of].get(key); before != nil {
		e.value = *before
		more = -e.value.octets()
	} else if s.named >= s.store.limits.Names {
		return
	}
	if len(name) > 0 {
		e.value.Name = string(name)
	}
	if len(description) > 0 {
		e.value.Description = string(description)
	}
	if mode != 0 {
		e.value.Mode = mode
	}
	if !s.store.reserve(s, more+e.value.octets()) {
		return
	}
	if all[of].get(key) == nil {
		s.named++
	}
	all[of].put(e)
}

// nameCost is about how many octets a Name takes in a table, but for its texts.
const nameCost = 160

func (n *Name) octets() int64 { return int64(len(n.Name) + len(n.Description)) }

// unchanged tells whether the new text says nothing new.
func unchanged(old string, text []byte) bool { return len(text) == 0 || old == string(text) }

// cutName cuts a text to maxName octets, and not within a character.
func cutName(d []byte) []byte {
	d = trim(d)
	if len(d) <= maxName {
		return d
	}
	n := maxName
	for n > maxName-utf8.UTFMax && !utf8.RuneStart(d[n]) {
		n--
	}
	return d[:n]
}

// A naming collects what an options record says of names.
type naming [namespaces]struct {
	key               uint64
	hasKey            bool
	name, description []byte
	mode              uint8
}

const ciscoPEN = 9

// field takes an element of the record. Cisco's own have ids from 32768 in
// NetFlow v9.
func (x *naming) field(e flow.Element, v []byte, version uint8) {
	if len(v) == 0 {
		return
	}
	if version == 9 && e.ID >= 0x8000 {
		e.PEN, e.ID = ciscoPEN, e.ID-0x8000
	}
	switch e.PEN {
	case 0:
		switch e.ID {
		case 10, 14, 252, 253:
			x.key(ofInterfaces, v)
		case 82:
			x[ofInterfaces].name = v
		case 83:
			x[ofInterfaces].description = v
		case 95:
			x[ofApplications].key, x[ofApplications].hasKey = app(v), true
		case 96:
			x[ofApplications].name = v
		case 94:
			x[ofApplications].description = v
		case 234, 235:
			x.key(ofVRFs, v)
		case 236:
			x[ofVRFs].name = v
		case 48, 302:
			x.key(ofSamplers, v)
		case 84, 335:
			x[ofSamplers].name = v
		case 49:
			x[ofSamplers].mode = v[len(v)-1]
		case 51:
			x.key(ofClasses, v)
		case 100:
			x[ofClasses].name = v
		}
	case ciscoPEN:
		switch e.ID {
		case 8233:
			x.key(ofClasses, v)
		case 8234:
			x[ofClasses].name = v
		case 8236:
			x.key(ofPolicies, v)
		case 8237:
			x[ofPolicies].name = v
		}
	}
}

func (x *naming) key(of namespace, v []byte) {
	if len(v) <= 8 {
		x[of].key, x[of].hasKey = number(v), true
	}
}

// tell notes what was collected.
func (x *naming) tell(s *Session, domain uint32) {
	for i := range x {
		if t := &x[i]; t.hasKey && (len(t.name) > 0 || len(t.description) > 0) {
			s.setName(domain, namespace(i), t.key, t.name, t.description, t.mode)
		}
	}
}
