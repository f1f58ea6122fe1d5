package sflow

import (
	"encoding/binary"
	"strings"
	"sync"
)

// A Kind says how a field is read.
type Kind uint8

const (
	Word    Kind = iota // 32 bits
	Long                // 64 bits
	Int                 // 32 bits, signed
	Float               // 32 bits
	MAC                 // 6 octets and 2 of padding
	IPv4                // 4 octets
	IPv6                // 16 octets
	UUID                // 16 octets
	Address             // a type (0 none, 1 IPv4, 2 IPv6) and the address
	Text                // a length, octets, and padding to whole words
	Opaque              // the same; not text
	Words               // a count and words
	Parts               // a count and structures
)

// A Field is a field of a record.
type Field struct {
	Name     string
	Kind     Kind
	Optional bool    // the record may end before it
	Of       *Layout // what Parts are
}

// A Layout is a record in the order of its fields.
type Layout struct {
	Name   string
	Fields []Field
}

// kinds are the types in [Format.Fields] that are not a word with a meaning.
var kinds = map[string]Kind{
	"u64": Long, "int": Int, "float": Float, "mac": MAC, "ipv4": IPv4, "ipv6": IPv6, "uuid": UUID, "address": Address,
	"string": Text, "opaque": Opaque, "list": Words, "labels": Words, "tags": Words,
}

// Structures are the types whose values are a count and structures.
var Structures = map[string]string{
	"path":     "type:segment as:list",
	"adapters": "ifIndex macs:macs",
	"macs":     "mac:mac",
	"lanes": "lane_index tx_bias_current tx_power tx_power_min tx_power_max tx_wavelength rx_power rx_power_min rx_power_max " +
		"rx_wavelength",
	"percents": "percent:percent",
}

func layout(name, fields string) *Layout {
	l := &Layout{Name: name}
	optional := false
	for f := range strings.FieldsSeq(fields) {
		if f == "|" {
			optional = true
			continue
		}
		name, typ, _ := strings.Cut(f, ":")
		x := Field{Name: name, Kind: kinds[typ], Optional: optional}
		if parts, ok := Structures[typ]; ok {
			x.Kind, x.Of = Parts, layout(typ, parts)
		}
		l.Fields = append(l.Fields, x)
	}
	return l
}

func layouts(formats map[uint32]Format) func() map[uint32]*Layout {
	return sync.OnceValue(func() map[uint32]*Layout {
		m := make(map[uint32]*Layout, len(formats))
		for number, f := range formats {
			m[number] = layout(f.Name, f.Fields)
		}
		return m
	})
}

var (
	flowLayouts    = layouts(Flows)
	counterLayouts = layouts(Counters)
)

// PEN is sFlow's enterprise number. What an sFlow record says beyond the columns
// is an extra of this enterprise, with the record's format as id and its octets
// as they came (sflow.org, "sFlow Structure Numbers"). Formats have 12 bits;
// these are ours:
const (
	PEN = 14706
	// Vendor is a record of another enterprise: its data format (enterprise in
	// 20 bits, format in 12) and its octets.
	Vendor = 4096
	// Input and Output are an interface that is no ifIndex, in the expanded form:
	// a format (0 ifIndex, 1 discarded, 2 several) and a value (0x3fffffff: the
	// device itself, or a reason, or how many) of 4 octets each.
	Input  = 4097
	Output = 4098
	// Reason is the reason of a discarded packet, 4 octets.
	Reason = 4099
	// IDs is above all ids.
	IDs = 4100
)

var own = map[uint16]*Layout{
	Input:  layout("input_interface", "format:ifFormat value"),
	Output: layout("output_interface", "format:ifFormat value"),
	Reason: layout("discard_reason", "reason"),
}

// OfFlow returns the layout of an extra of a flow, nil if it is not known, and
// its octets, which for a vendor's are those behind the data format.
func OfFlow(id uint16, v []byte) (*Layout, []byte) {
	if l := own[id]; l != nil {
		return l, v
	}
	return find(flowLayouts(), id, v)
}

// OfCounter is OfFlow for a record of counters.
func OfCounter(id uint16, v []byte) (*Layout, []byte) { return find(counterLayouts(), id, v) }

func find(all map[uint32]*Layout, id uint16, v []byte) (*Layout, []byte) {
	if id == Vendor && len(v) >= 4 {
		return all[binary.BigEndian.Uint32(v)], v[4:]
	}
	return all[uint32(id)], v
}

// A Cursor reads the fields of a record, one behind the other. What is not there
// reads as zeros, and Bad tells.
type Cursor struct {
	Rest []byte
	Bad  bool
}

var zeros [16]byte

// Take returns the next n octets; n is 16 at most.
func (c *Cursor) Take(n int) []byte {
	if n > len(c.Rest) {
		c.Bad, c.Rest = true, nil
		return zeros[:n]
	}
	v := c.Rest[:n:n]
	c.Rest = c.Rest[n:]
	return v
}

// Word returns the next 32 bits.
func (c *Cursor) Word() uint32 { return binary.BigEndian.Uint32(c.Take(4)) }

// Text returns the octets of a Text or an Opaque.
func (c *Cursor) Text() []byte {
	n := uint64(c.Word())
	padded := (n + 3) &^ 3
	if padded > uint64(len(c.Rest)) {
		c.Bad, c.Rest = true, nil
		return nil
	}
	v := c.Rest[:n:n]
	c.Rest = c.Rest[padded:]
	return v
}

// Count returns how many words or structures follow: each takes 4 octets at
// least.
func (c *Cursor) Count() int {
	n := c.Word()
	if uint64(n)*4 > uint64(len(c.Rest)) {
		c.Bad, c.Rest = true, nil
		return 0
	}
	return int(n)
}
