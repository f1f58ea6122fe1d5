package query

import (
	"net/netip"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// An Op says what a node of an [Expr] does.
type Op uint8

const (
	Any          Op = iota // holds for every flow
	And                    // all of Args hold; there are two or more
	Or                     // one of Args holds; there are two or more
	Not                    // Args[0] does not hold
	In                     // Of is one of Values
	Less                   // Of is less than Values[0].Lo
	LessEqual              //
	Greater                //
	GreaterEqual           //
	Like                   // Of matches the regular expression Values[0].Text
	Exists                 // the record has Of
	AllBits                // every bit of Values[0].Lo is set in Of
	AnyBits                // at least one is
)

// An Expr is a filter as a tree, for those who render it in another language.
// Whoever gets one only reads it.
type Expr struct {
	Op     Op
	Args   []Expr    // of And, Or, Not
	Of     *Quantity // of all others but Any
	Values []Value   // what Of is compared with
}

// A Measure says what a [Quantity] takes from a record. What it can't take, as
// the exporter did not send it, is unknown, and so is each comparison with it.
type Measure uint8

const (
	Column   Measure = iota // the value of a column: of Fields[0] or of Fields[1], where there are two
	Extra                   // an element without a column; if a record has several, any of them
	TCPFlags                // the column of that name, in flows whose protocol is TCP
	ICMP                    // ICMP type × 256 + code, in flows of ICMP or ICMPv6; where the column is absent it is the destination port, as Cisco has it
	Family                  // 4 or 6: that of the source address, without it of the destination, without both the IP version
	Duration                // End − Start in nanoseconds; 0 where End is before Start
	PPS                     // packets a second, rounded down; 0 in a flow of no duration
	BPS                     // bits a second, the same
	BPP                     // bytes a packet, rounded down; 0 in a flow of no packets
)

// A Kind says how the values of a [Quantity] are compared and written.
type Kind uint8

const (
	Number  Kind = iota // unsigned
	Signed              //
	Float               //
	Time                // a moment; RFC 3339
	Span                // a length of time, nanoseconds
	Address             // IP addresses and networks; no order
	MAC                 // no order
	App                 // engine:selector (RFC 6759); no order
	Text                // octets, case told apart; no order
	Opaque              // can exist, no more
)

// A Quantity is what a term of a filter is about.
type Quantity struct {
	Name    string // as String writes it
	Of      Measure
	Kind    Kind
	Fields  []flow.Field // the columns that it is taken from; none for Extra
	Shift   uint8        // a number is what is left of the value, shifted right by this
	Mask    uint64       // and masked with this
	Element flow.Element // of Extra; Ord counts for nothing
	Type    ie.Type      // of Element

	names []name // its values that have names
}

// A Value is one value that a [Quantity] is compared with, or a range of them.
//
// Lo and Hi are the ends of the range, both within. They are unsigned numbers
// in the order of the values: of a Number, Span, MAC or App the value itself; of
// Signed, and of a Time in Unix nanoseconds, the value with its highest bit
// turned; of Float see [FloatKey].
type Value struct {
	Lo, Hi uint64
	Prefix netip.Prefix // of an Address, masked, IPv4 unmapped
	Text   string       // of a Text
}

// top is the highest bit: turned, it puts signed numbers in the order of
// unsigned ones.
const top = 1 << 63
