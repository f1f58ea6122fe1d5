package ie

// A Type is an abstract data type (RFC 7012 §3.1, RFC 6313, RFC 9740). The
// numbers are IANA's.
type Type uint8

const (
	OctetArray Type = iota
	Unsigned8
	Unsigned16
	Unsigned32
	Unsigned64
	Signed8
	Signed16
	Signed32
	Signed64
	Float32
	Float64
	Boolean
	MACAddress
	String
	DateTimeSeconds
	DateTimeMilliseconds
	DateTimeMicroseconds
	DateTimeNanoseconds
	IPv4Address
	IPv6Address
	BasicList
	SubTemplateList
	SubTemplateMultiList
	Unsigned256
)

var typeNames = [...]string{
	"octetArray",
	"unsigned8", "unsigned16", "unsigned32", "unsigned64",
	"signed8", "signed16", "signed32", "signed64",
	"float32", "float64",
	"boolean", "macAddress", "string",
	"dateTimeSeconds", "dateTimeMilliseconds", "dateTimeMicroseconds", "dateTimeNanoseconds",
	"ipv4Address", "ipv6Address",
	"basicList", "subTemplateList", "subTemplateMultiList",
	"unsigned256",
}

// String returns IANA's name of t, such as "unsigned64", and "unknown" for a
// number without one.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// Semantics says what may be done with a value: counters can be added up,
// identifiers can't (RFC 7012 §3.2). The numbers are IANA's.
type Semantics uint8

const (
	Default Semantics = iota // also where the registry says nothing
	Quantity
	TotalCounter
	DeltaCounter
	Identifier
	Flags
	List
	SNMPCounter
	SNMPGauge
)

var semanticsNames = [...]string{
	"default", "quantity", "totalCounter", "deltaCounter", "identifier", "flags",
	"list", "snmpCounter", "snmpGauge",
}

// String returns IANA's name of s, such as "deltaCounter", and "unknown" for a
// number without one.
func (s Semantics) String() string {
	if int(s) < len(semanticsNames) {
		return semanticsNames[s]
	}
	return "unknown"
}
