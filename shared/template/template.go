package template

import (
	"encoding/binary"
	"errors"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// A Template is what an exporter announced: the layout of the data records in
// the sets whose id is ID.
type Template struct {
	ID      uint16
	Version uint8 // 9 or 10 (IPFIX)
	Options bool  // an options template: its records are about the exporter, not flows
	Scopes  int   // leading fields of an options template that are scopes
	Fields  []Field
}

// A Field is a field specifier: an element and the octets it takes in a record.
type Field struct {
	flow.Element
	Len uint16 // Variable in IPFIX: the record says how many (RFC 7011 §7)
}

// Variable as a Field's length means that each record states it.
const Variable = 0xffff

// Why a template is refused.
var (
	ErrShort  = errors.New("template is cut short")
	ErrID     = errors.New("template id is below 256")
	ErrEmpty  = errors.New("template describes records of no octets")
	ErrLong   = errors.New("template describes records of more than 65,535 octets")
	ErrFields = errors.New("template has too many fields")
	ErrScopes = errors.New("options template has more scopes than fields")
	ErrFull   = errors.New("exporter has announced too many templates")
)

// MaxFields is how many fields a template may have.
const MaxFields = 1024

// Parse reads the template at the start of d, a template set's content behind
// its header: of NetFlow v9 (RFC 3954 §5.2, §6.1) or IPFIX (RFC 7011 §3.4). It
// returns the octets it took, even when the template is refused but its end is
// known; 0 octets mean that the rest of the set can't be read. A template with
// no fields is IPFIX's withdrawal (RFC 7011 §8.1). t.Fields is reused.
func Parse(t *Template, d []byte, version uint8, options bool) (int, error) {
	t.Fields = t.Fields[:0]
	t.Version, t.Options, t.Scopes = version, options, 0
	if len(d) < 4 {
		return 0, ErrShort
	}
	t.ID = binary.BigEndian.Uint16(d)
	count := int(binary.BigEndian.Uint16(d[2:]))
	at := 4
	switch {
	case options && version == 9: // lengths in octets, scopes first
		if len(d) < 6 {
			return 0, ErrShort
		}
		scopes := count
		count += int(binary.BigEndian.Uint16(d[4:]))
		count /= 4
		t.Scopes = scopes / 4
		at = 6
	case options && count > 0:
		if len(d) < 6 {
			return 0, ErrShort
		}
		t.Scopes = int(binary.BigEndian.Uint16(d[4:]))
		at = 6
	}
	if count*4 > len(d)-at {
		return 0, ErrShort
	}
	for range count {
		if len(d)-at < 4 {
			return 0, ErrShort
		}
		f := Field{Element: flow.Element{ID: binary.BigEndian.Uint16(d[at:])}, Len: binary.BigEndian.Uint16(d[at+2:])}
		at += 4
		// The enterprise bit is IPFIX's; v9 types are plain 16-bit numbers.
		if version != 9 && f.ID&0x8000 != 0 {
			if len(d)-at < 4 {
				return 0, ErrShort
			}
			f.ID &= 0x7fff
			f.PEN = binary.BigEndian.Uint32(d[at:])
			at += 4
		}
		if len(t.Fields) < MaxFields {
			t.Fields = append(t.Fields, f)
		}
	}
	switch {
	case t.ID < 256 && (version == 9 || count > 0):
		return at, ErrID
	case count > MaxFields:
		return at, ErrFields
	case options && t.Scopes > count: // none at all breaks RFC 7011 §3.4.2.2, and harms nobody
		return at, ErrScopes
	}
	return at, nil
}

// Equal tells whether t and u announce the same layout.
func (t *Template) Equal(u *Template) bool {
	if t.ID != u.ID || t.Version != u.Version || t.Options != u.Options || t.Scopes != u.Scopes || len(t.Fields) != len(u.Fields) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i] != u.Fields[i] {
			return false
		}
	}
	return true
}

// check says why t can't be compiled, nil if it can.
func (t *Template) check() error {
	if len(t.Fields) > MaxFields {
		return ErrFields
	}
	size := 0
	for _, f := range t.Fields {
		if f.Len != Variable || t.Version == 9 {
			if size += int(f.Len); size > 0xffff {
				return ErrLong
			}
		}
	}
	if t.least() == 0 {
		return ErrEmpty
	}
	return nil
}

// least returns the fewest octets of a record.
func (t *Template) least() (n int) {
	for _, f := range t.Fields {
		if f.Len == Variable && t.Version != 9 {
			n++ // the octet that says how many
		} else {
			n += int(f.Len)
		}
	}
	return n
}

// cost is about how many octets t takes with its plan, or two for both
// directions.
func (t *Template) cost() int64 {
	fields, plans := int64(0), int64(1)
	for _, f := range t.Fields {
		fields += 64
		if f.Len != Variable || t.Version == 9 {
			fields += 2 * int64(f.Len)
		}
		if f.PEN == ie.ReversePEN || f.PEN == 0 && (f.ID == 232 || f.ID == 299) { // responder's octets, packets
			plans = 2
		}
	}
	return plans * (1200 + fields)
}
