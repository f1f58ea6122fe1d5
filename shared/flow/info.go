package flow

// A Kind says how a column's value is held and shown.
type Kind uint8

const (
	KindUint Kind = iota // a number of Size octets
	KindTime             // int64, Unix nanoseconds, UTC
	KindAddr             // Addr
	KindMAC              // MAC
	KindStr              // Str or Name, in the Batch's Strings
	KindApp              // uint64: RFC 6759 engine in the top octet, selector in the others
)

// Info describes a column.
type Info struct {
	Name   string   // of the Go field
	Kind   Kind     //
	Size   uint8    // octets in the Flow
	IEs    []uint16 // IANA elements that fill it, best first
	IPFIX  string   // IANA's name; of the IPv4 element where IPv6 has its own
	IPFIX6 string   // where IPv6 has an element of its own: that name, else ""
	ECS    []Path   // names in Elastic's Common Schema; none: left out there
	Flat   string   // short name in snake case: the store's column
	CIM    string   // name in Splunk's Common Information Model, or Flat
	OTel   []Path   // attributes in OpenTelemetry, flat: the dots are part of them
	Proto  uint16   // field number in shared/encode/flow.proto
	Doc    string   // meaning, where the name doesn't say it
}

// A Path is a dotted name in a nested profile, with the form of its value.
type Path struct {
	Name string
	Form Form
}

// A Form is a way to write a value that differs from its kind's usual one.
type Form uint8

const (
	FormPlain     Form = iota
	FormText           // a number as text: "6"
	FormProto          // IANA protocol number as lower-case name: "tcp"
	FormDirection      // IE 61 as ECS says it: inbound, outbound, unknown
	FormECSMAC         // 00-1B-21-3C-9D-F8
	FormFamily         // an address's: ipv4, ipv6
	FormInterface      // IE 61 as OpenTelemetry says it: ingress, egress
	FormFlowType       // Version as OpenTelemetry's collector says it: netflow_v9, ipfix, sflow_5
)

// FieldByName finds a column by its Go, IPFIX or flat name.
func FieldByName(name string) (Field, bool) {
	for i := range Fields {
		switch c := &Fields[i]; name {
		case c.Name, c.IPFIX, c.IPFIX6, c.Flat:
			if name != "" {
				return Field(i), true
			}
		}
	}
	return 0, false
}
