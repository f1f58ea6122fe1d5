package template

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"

	"github.com/weirflow/weir/shared/flow"
)

// A snapshot holds what exporters announced, so that the first datagram after a
// restart decodes. Its octets: magic, then a section for each session, then the
// CRC-32 of all before. Numbers are big-endian or varints (encoding/binary).
// What waits for a template is not in it, nor what a connection will not outlive.

// magic names the format and its version.
const magic = "weir templates 2\n"

// ErrSnapshot is what Restore returns for octets that are no snapshot, or one
// of another version.
var ErrSnapshot = errors.New("not a snapshot of templates")

// AppendSnapshot appends all that s knows of exporters. It may be called while
// decoders use s.
func (s *Store) AppendSnapshot(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	for _, x := range s.Sessions() {
		if x.Over == UDP {
			dst = x.appendSnapshot(dst)
		}
	}
	dst = append(dst, 0)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

func (x *Session) appendSnapshot(dst []byte) []byte {
	addr, err := x.From.MarshalBinary()
	if err != nil || len(addr) == 0 || len(addr) > 255 {
		return dst
	}
	dst = append(dst, byte(len(addr)))
	dst = append(dst, addr...)
	dst = append(dst, x.Version)
	dst = binary.AppendVarint(dst, x.seen.Load())
	decoded := byte(0)
	if x.decoded.Load() {
		decoded = 1
	}
	dst = append(dst, decoded)

	at, n := reserve(&dst)
	x.plans.all(func(key uint64, d *Definition) {
		n++
		dst = binary.AppendUvarint(dst, key>>16)
		dst = binary.AppendVarint(dst, d.heard.Load())
		dst = d.template.appendSnapshot(dst)
	})
	fill(dst, at, n)

	at, n = reserve(&dst)
	x.domains.all(func(id uint64, d *domain) {
		n++
		dst = binary.AppendUvarint(dst, id)
		dst = binary.AppendVarint(dst, d.boot.Load())
		dst = binary.AppendUvarint(dst, uint64(d.rates.domain.Load()))
		dst = appendRates(dst, &d.rates.samplers)
		dst = appendRates(dst, &d.rates.interfaces)
		dst = appendNames(dst, d.names.Load())
	})
	fill(dst, at, n)
	return dst
}

func appendNames(dst []byte, all *names) []byte {
	at, n := reserve(&dst)
	if all != nil {
		for of := range all {
			all[of].all(func(key uint64, v *Name) {
				n++
				dst = append(dst, byte(of))
				dst = binary.AppendUvarint(dst, key)
				dst = append(append(dst, byte(len(v.Name))), v.Name...)
				dst = append(append(dst, byte(len(v.Description))), v.Description...)
				dst = append(dst, v.Mode)
			})
		}
	}
	fill(dst, at, n)
	return dst
}

func appendRates(dst []byte, t *table[uint32]) []byte {
	at, n := reserve(&dst)
	t.all(func(key uint64, rate *uint32) {
		n++
		dst = binary.AppendUvarint(dst, key)
		dst = binary.AppendUvarint(dst, uint64(*rate))
	})
	fill(dst, at, n)
	return dst
}

// reserve makes room for a count that is known later.
func reserve(dst *[]byte) (at int, n uint32) {
	*dst = append(*dst, 0, 0, 0, 0)
	return len(*dst) - 4, 0
}

func fill(dst []byte, at int, n uint32) { binary.BigEndian.PutUint32(dst[at:], n) }

func (t *Template) appendSnapshot(dst []byte) []byte {
	kind := byte(0)
	if t.Options {
		kind = 1
	}
	dst = append(dst, kind)
	dst = binary.BigEndian.AppendUint16(dst, t.ID)
	dst = binary.AppendUvarint(dst, uint64(t.Scopes))
	dst = binary.AppendUvarint(dst, uint64(len(t.Fields)))
	for _, f := range t.Fields {
		dst = binary.BigEndian.AppendUint16(dst, f.ID)
		dst = binary.BigEndian.AppendUint16(dst, f.Len)
		dst = binary.AppendUvarint(dst, uint64(f.PEN))
	}
	return dst
}

// Restore takes a snapshot's content into s, beside what s knows already. Where
// both know of the same, that stands; of two templates, the one that was
// announced last. A snapshot that is damaged changes nothing. Limits hold; what
// is beyond them is left out.
func (s *Store) Restore(snapshot []byte) error {
	n := len(snapshot) - 4
	if n < len(magic)+1 || string(snapshot[:len(magic)]) != magic {
		return ErrSnapshot
	}
	if crc32.ChecksumIEEE(snapshot[:n]) != binary.BigEndian.Uint32(snapshot[n:]) {
		return fmt.Errorf("%w: its checksum is wrong", ErrSnapshot)
	}
	// Once to see that it can be read, once to take it in.
	for _, take := range []*Store{nil, s} {
		r := reader{d: snapshot[len(magic):n]}
		for r.session(take) {
		}
		if r.bad || len(r.d) > 0 {
			return fmt.Errorf("%w: octets %d and on can't be read", ErrSnapshot, n-len(r.d))
		}
	}
	s.restored.Add(1)
	return nil
}

// A reader takes a snapshot apart. After an error it is bad and reads zeros.
type reader struct {
	d   []byte
	bad bool
}

func (r *reader) octets(n int) []byte {
	if r.bad || n > len(r.d) {
		r.bad = true
		return nil
	}
	v := r.d[:n]
	r.d = r.d[n:]
	return v
}

func (r *reader) octet() byte {
	if v := r.octets(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if v := r.octets(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if v := r.octets(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.d)
	if r.bad || n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.d = r.d[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.d)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.d = r.d[n:]
	return v
}

// session reads one session into s, if that isn't nil. It returns false at the
// end.
func (r *reader) session(s *Store) bool {
	n := r.octet()
	if n == 0 || r.bad {
		return false
	}
	var from netip.AddrPort
	if err := from.UnmarshalBinary(r.octets(int(n))); err != nil || !from.IsValid() {
		r.bad = true
		return false
	}
	version := r.octet()
	seen, decoded := r.varint(), r.octet() == 1
	var x *Session
	if s != nil && !r.bad {
		if x = s.Open(Key{From: from, Version: version}, seen); x != nil {
			x.Saw(max(seen, x.seen.Load()), decoded)
		}
	}
	for i := r.uint32(); i > 0 && !r.bad; i-- {
		domain, heard := uint32(r.uvarint(1<<32-1)), r.varint()
		t := r.template(version)
		if x == nil || r.bad {
			continue
		}
		if d := x.plans.get(planKey(domain, t.ID)); d != nil && d.heard.Load() >= heard {
			continue
		}
		x.Put(domain, &t) // refused only by limits, or as it was when it was announced
		if d := x.plans.get(planKey(domain, t.ID)); d != nil {
			d.heard.Store(heard)
		}
	}
	for i := r.uint32(); i > 0 && !r.bad; i-- {
		r.domain(x)
	}
	return !r.bad
}

// domain reads what options said of a domain into x, if that isn't nil.
func (r *reader) domain(x *Session) {
	id, boot, rate := uint32(r.uvarint(1<<32-1)), r.varint(), uint32(r.uvarint(1<<32-1))
	known := &domain{}
	if x != nil {
		if d := x.domains.get(uint64(id)); d != nil {
			known = d
		}
	}
	take := x != nil && !r.bad
	if take && boot != 0 && known.boot.Load() == 0 {
		x.SetBoot(id, boot)
	}
	if take && rate != 0 && known.rates.domain.Load() == 0 {
		x.SetRate(id, nil, nil, rate)
	}
	for i := r.uint32(); i > 0 && !r.bad; i-- {
		key, rate := uint32(r.uvarint(1<<32-1)), uint32(r.uvarint(1<<32-1))
		if take && !r.bad && known.rates.samplers.get(uint64(key)) == nil {
			x.SetRate(id, &key, nil, rate)
		}
	}
	for i := r.uint32(); i > 0 && !r.bad; i-- {
		key, rate := uint32(r.uvarint(1<<32-1)), uint32(r.uvarint(1<<32-1))
		if take && !r.bad && known.rates.interfaces.get(uint64(key)) == nil {
			x.SetRate(id, nil, &key, rate)
		}
	}
	old := Names{own: known.names.Load()}
	for i := r.uint32(); i > 0 && !r.bad; i-- {
		of, key := namespace(r.octet()), r.uvarint(math.MaxUint64)
		name, description := r.octets(int(r.octet())), r.octets(int(r.octet()))
		mode := r.octet()
		if of >= namespaces {
			r.bad = true
		}
		if take && !r.bad && old.get(of, key) == (Name{}) {
			x.setName(id, of, key, name, description, mode)
		}
	}
}

func (r *reader) template(version uint8) (t Template) {
	t.Version = version
	t.Options = r.octet() == 1
	t.ID = r.uint16()
	t.Scopes = int(r.uvarint(MaxFields))
	n := int(r.uvarint(MaxFields))
	if n*5 > len(r.d) {
		r.bad = true
		return t
	}
	t.Fields = make([]Field, n)
	for i := range t.Fields {
		f := &t.Fields[i]
		f.ID, f.Len = r.uint16(), r.uint16()
		f.Element = flow.Element{ID: f.ID, PEN: uint32(r.uvarint(1<<32 - 1))}
	}
	return t
}
