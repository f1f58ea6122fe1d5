package flow

//go:generate go run ./gen

// A Flow is one flow record: what one exporter said of one direction of
// traffic. It holds no pointers, so a slice of them costs the garbage collector
// nothing; strings and elements without a column live in the [Batch] that the
// Flow belongs to, and end with it.
//
// A column is one line here; everything else that knows the columns (field
// numbers, names in each profile, decoding and encoding loops) is generated
// from it by go generate. The tags:
//
//	ie     IANA information elements that fill the column, best first (above
//	       32767: Cisco's of NetFlow v9, which has no enterprises); where a
//	       template has several, the first in this list wins and the others
//	       are kept as extras. An address has its IPv4 and its IPv6 element.
//	as     how the bytes are read where the Go type doesn't say it: "time"
//	       (Unix nanoseconds; template knows the encodings), "app" (RFC 6759)
//	pair   the column that a template usually has beside this one: both are
//	       then stored in one pass over the rows
//	ipfix  name in the profile ipfix, where no element gives one: columns with an
//	       empty ie are weir's own
//	ecs    names in Elastic's Common Schema, ":form" appended where the value is
//	       not written as is; default "netflow." + the IPFIX name in snake case;
//	       "-" leaves it out; of two columns with one name in a record the first
//	       has it, and the other its default
//	flat   name in the profile flat; default: the Go name in snake case
//	cim    name in Splunk's Common Information Model; default: the flat name
//	otel   attributes in OpenTelemetry: its semantic conventions where they have
//	       one, else those of its collector's netflow receiver; ":form" as in ecs;
//	       default: "flow." and the flat name
//	pb     field number in flow.proto, for ever: a new column takes the next
//	       free one, and that of a column that is gone is not given again
//	doc    what the column means, where the element's name doesn't say it
type Flow struct {
	Set Set // which columns hold a value; an absent column is zero

	Start    int64  `ie:"152,150,154,156,22,158,323,324,325,322" as:"time" pair:"End" ecs:"event.start" cim:"start_time" otel:"flow.start" pb:"1" doc:"first packet, by the exporter's clock"`
	End      int64  `ie:"153,151,155,157,21,159" as:"time" ecs:"event.end" cim:"end_time" otel:"flow.end" pb:"2" doc:"last packet, by the exporter's clock"`
	Received int64  `ie:"258" as:"time" ecs:"event.created" cim:"received_time" otel:"flow.time_received" pb:"3" doc:"arrival of the datagram, by our clock"`
	Bytes    uint64 `ie:"1,85,23" pair:"Packets" ecs:"source.bytes,network.bytes" cim:"bytes_out" otel:"flow.io.bytes" pb:"4" doc:"layer-3 octets, as sampled"`
	Packets  uint64 `ie:"2,86,24" ecs:"source.packets,network.packets" cim:"packets_out" otel:"flow.io.packets" pb:"5" doc:"packets, as sampled"`
	L2Bytes  uint64 `ie:"352,312" pb:"16" doc:"layer-2 octets, only if the exporter counts them"`
	SrcMAC   MAC    `ie:"56,81" pair:"DstMAC" ecs:"source.mac:ecsmac" pb:"17"`
	DstMAC   MAC    `ie:"80,57" ecs:"destination.mac:ecsmac" pb:"18"`
	AppID    uint64 `ie:"95" as:"app" pb:"19" doc:"application by engine (top octet) and selector, RFC 6759"`

	SrcAddr    Addr `ie:"8,27" pair:"DstAddr" ecs:"source.ip" cim:"src_ip" otel:"source.address,network.type:family" pb:"6"`
	DstAddr    Addr `ie:"12,28" ecs:"destination.ip" cim:"dest_ip" otel:"destination.address" pb:"7"`
	NextHop    Addr `ie:"15,62" pb:"20"`
	BGPNextHop Addr `ie:"18,63" pb:"21"`
	NATSrcAddr Addr `ie:"225,281,40001" pair:"NATDstAddr" ecs:"source.nat.ip" cim:"src_translated_ip" pb:"22"`
	NATDstAddr Addr `ie:"226,282,40002" ecs:"destination.nat.ip" cim:"dest_translated_ip" pb:"23"`
	Exporter   Addr `ie:"130,131" ecs:"observer.ip" cim:"dvc_ip" otel:"flow.sampler_address" pb:"14" doc:"who observed the flow: the datagram's source, or the exporter that a mediator names"`
	Sender     Addr `ie:"" ipfix:"datagramSourceAddress" ecs:"netflow.exporter.sender" pb:"24" doc:"the datagram's source, set only where it is not the exporter"`

	extra span // elements without a column, in the Batch's arena

	SrcAS        uint32 `ie:"16" pair:"DstAS" ecs:"source.as.number" pb:"25"`
	DstAS        uint32 `ie:"17" ecs:"destination.as.number" pb:"26"`
	InIf         uint32 `ie:"10" pair:"OutIf" cim:"src_interface" pb:"12"`
	OutIf        uint32 `ie:"14" cim:"dest_interface" pb:"13"`
	Domain       uint32 `ie:"149" ecs:"netflow.exporter.source_id" otel:"flow.observation_domain_id" pb:"27" doc:"observation domain, source id, or engine type and id"`
	SamplingRate uint32 `ie:"34,50" pb:"15" doc:"1 packet in N was seen; 1 is unsampled; absent is unknown"`
	SamplerID    uint32 `ie:"48,302" pb:"28"`
	FlowLabel    uint32 `ie:"31" otel:"flow.ipv6_flow_label" pb:"29"`
	InVRF        uint32 `ie:"234" pair:"OutVRF" pb:"30"`
	OutVRF       uint32 `ie:"235" pb:"31"`
	MPLSLabel    uint32 `ie:"70" pb:"32" doc:"top label stack entry: label, experimental bits, bottom bit"`
	AppName      Str    `ie:"96" cim:"app" pb:"33"`
	User         Str    `ie:"371,40000" ecs:"user.name" otel:"user.name" pb:"34"`
	InIfSpeed    uint32 `ie:"" pair:"OutIfSpeed" ipfix:"ingressInterfaceSpeed" pb:"35" doc:"kbit/s"`
	OutIfSpeed   uint32 `ie:"" ipfix:"egressInterfaceSpeed" pb:"36" doc:"kbit/s"`

	ExporterName Name `ie:"" ipfix:"exporterName" ecs:"observer.name" cim:"dvc" pb:"37"`
	ExporterSite Name `ie:"" ipfix:"exporterSite" ecs:"observer.geo.name" pb:"38"`
	InIfName     Name `ie:"" ipfix:"ingressInterfaceName" ecs:"observer.ingress.interface.name" pb:"39"`
	OutIfName    Name `ie:"" ipfix:"egressInterfaceName" ecs:"observer.egress.interface.name" pb:"40"`
	InIfDesc     Name `ie:"" ipfix:"ingressInterfaceDescription" ecs:"observer.ingress.interface.alias" pb:"41"`
	OutIfDesc    Name `ie:"" ipfix:"egressInterfaceDescription" ecs:"observer.egress.interface.alias" pb:"42"`
	InIfRole     Name `ie:"" ipfix:"ingressInterfaceRole" ecs:"observer.ingress.zone" cim:"src_zone" pb:"43" doc:"operator's word, as external"`
	OutIfRole    Name `ie:"" ipfix:"egressInterfaceRole" ecs:"observer.egress.zone" cim:"dest_zone" pb:"44" doc:"operator's word, as external"`
	InVRFName    Name `ie:"" ipfix:"ingressVRFName" pb:"45"`
	OutVRFName   Name `ie:"" ipfix:"egressVRFName" pb:"46"`
	SrcNet       Name `ie:"" ipfix:"sourceNetworkName" otel:"flow.src_net_name" pb:"47" doc:"operator's name of the longest prefix"`
	DstNet       Name `ie:"" ipfix:"destinationNetworkName" otel:"flow.dst_net_name" pb:"48" doc:"operator's name of the longest prefix"`
	SrcSite      Name `ie:"" ipfix:"sourceSite" ecs:"source.geo.name" pb:"49"`
	DstSite      Name `ie:"" ipfix:"destinationSite" ecs:"destination.geo.name" pb:"50"`
	SrcRole      Name `ie:"" ipfix:"sourceRole" pb:"51" doc:"operator's word, as servers"`
	DstRole      Name `ie:"" ipfix:"destinationRole" pb:"52" doc:"operator's word, as servers"`
	SrcCountry   Name `ie:"" ipfix:"sourceCountry" ecs:"source.geo.country_iso_code" pb:"53" doc:"ISO 3166-1, two letters"`
	DstCountry   Name `ie:"" ipfix:"destinationCountry" ecs:"destination.geo.country_iso_code" pb:"54" doc:"ISO 3166-1, two letters"`
	Perimeter    Name `ie:"" ipfix:"perimeterDirection" ecs:"network.direction" pb:"55" doc:"inbound, outbound, internal or external, by the home networks"`

	SrcPort    uint16 `ie:"7" pair:"DstPort" ecs:"source.port" otel:"source.port" pb:"8"`
	DstPort    uint16 `ie:"11" ecs:"destination.port" cim:"dest_port" otel:"destination.port" pb:"9"`
	NATSrcPort uint16 `ie:"227,40003" pair:"NATDstPort" ecs:"source.nat.port" cim:"src_translated_port" pb:"56"`
	NATDstPort uint16 `ie:"228,40004" ecs:"destination.nat.port" cim:"dest_translated_port" pb:"57"`
	TCPFlags   uint16 `ie:"6" cim:"tcp_flag" pb:"11"`
	ICMPType   uint16 `ie:"32,139" otel:"flow.icmp_type_code" pb:"58" doc:"ICMP type × 256 + code"`
	SrcVLAN    uint16 `ie:"58,243" pair:"DstVLAN" cim:"vlan" pb:"59"`
	DstVLAN    uint16 `ie:"59,254" pb:"60"`
	EtherType  uint16 `ie:"256" pb:"61"`
	Proto      uint8  `ie:"4" pair:"TOS" ecs:"network.iana_number:text,network.transport:proto" cim:"protocol_number" otel:"network.transport:proto" pb:"10"`
	TOS        uint8  `ie:"5" otel:"flow.ip_tos" pb:"62"`
	Direction  uint8  `ie:"61" ecs:"network.direction:direction" otel:"network.interface.direction:interface" pb:"63" doc:"0 ingress, 1 egress"`
	SrcMask    uint8  `ie:"9,29" pair:"DstMask" otel:"flow.src_net" pb:"64"`
	DstMask    uint8  `ie:"13,30" otel:"flow.dst_net" pb:"65"`
	Version    uint8  `ie:"" ipfix:"version" ecs:"netflow.exporter.version" otel:"flow.type:flowtype" pb:"66" doc:"protocol: NetFlow 1, 5, 6, 7, 8, 9; 10 IPFIX; 105 sFlow 5"`
	IPVersion  uint8  `ie:"60" cim:"ip_version" pb:"67"`
	EndReason  uint8  `ie:"136" pb:"68"`
	FwdStatus  uint8  `ie:"89" otel:"flow.forwarding_status" pb:"69"`
	FwEvent    uint8  `ie:"233,40005" pb:"70"`
	TTL        uint8  `ie:"192,52" cim:"ttl" otel:"flow.ip_ttl" pb:"71"`
	Marks      Mark   `ie:"-" doc:"what weir did to the record"`
}

// A Mark says what was done to a record on its way from the wire.
type Mark uint8

const (
	Reverse      Mark = 1 << iota // the second flow of a record that was split (RFC 5103)
	TimeReplaced                  // Start or End was impossible or unknown, and is Received
	LinkBytes                     // Bytes is the frame's length, as its network layer has none that weir could read
	AppGuessed                    // AppName is what IANA has for a port; nobody has looked into the packets
)

// Str is a string column: an index into its Batch's Strings. Zero is "".
type Str uint32

// Name is a Str below 65536, for columns whose texts are few: what operators
// and exporters call things. A batch with more strings has no room for the
// names behind them.
type Name uint16

// MAC is an EUI-48 address in the low 48 bits, first octet highest.
type MAC uint64

// A span is a stretch of a Batch's arena.
type span struct{ off, n uint32 }

// SetExtra says that the elements of f without a column are the n bytes of the
// arena at off, as [Batch.Arena] gave them.
func (f *Flow) SetExtra(off, n uint32) { f.extra = span{off, n} }

// ExtraAt returns where SetExtra has said that the extras of f are.
func (f *Flow) ExtraAt() (off, n uint32) { return f.extra.off, f.extra.n }

// Take copies the columns of set from g.
func (f *Flow) Take(g *Flow, set Set) {
	for x, ok := set.Next(0); ok; x, ok = set.Next(x + 1) {
		if a := f.Addr(x); a != nil {
			*a = *g.Addr(x)
		} else {
			f.SetUint(x, g.Uint(x))
		}
	}
	f.Set = f.Set.Union(set)
}

// HasExtra tells whether f carries elements without a column.
func (f *Flow) HasExtra() bool { return f.extra.n > 0 }
