package query

import (
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// phrases are nfdump's names, and ours in its manner. The first of a line is how
// String writes it. A phrase that ends in "ip" has a twin that ends in "net".
var phrases = []struct {
	names string // separated by commas
	q     *Quantity
}{
	{"src ip, src host", column(flow.FieldSrcAddr)},
	{"dst ip, dst host", column(flow.FieldDstAddr)},
	{"ip, host", either(flow.FieldSrcAddr, flow.FieldDstAddr)},
	{"src port", column(flow.FieldSrcPort)},
	{"dst port", column(flow.FieldDstPort)},
	{"port", either(flow.FieldSrcPort, flow.FieldDstPort)},
	{"proto", column(flow.FieldProto)},
	{"flags", &Quantity{Of: TCPFlags, Fields: []flow.Field{flow.FieldProto, flow.FieldTCPFlags}, Mask: math.MaxUint16, names: flagNames}},
	{"icmp-type", icmp(8)},
	{"icmp-code", icmp(0)},
	{"tos", column(flow.FieldTOS)},
	{"dscp", part(flow.FieldTOS, 2, 63, dscpNames)},
	{"ttl", column(flow.FieldTTL)},
	{"bytes, in bytes", column(flow.FieldBytes)},
	{"packets, in packets", column(flow.FieldPackets)},
	{"flows", element(0, 3)},
	{"duration", derived(Duration, Span, flow.FieldStart, flow.FieldEnd)},
	{"bps", derived(BPS, Number, flow.FieldBytes, flow.FieldStart, flow.FieldEnd)},
	{"pps", derived(PPS, Number, flow.FieldPackets, flow.FieldStart, flow.FieldEnd)},
	{"bpp", derived(BPP, Number, flow.FieldBytes, flow.FieldPackets)},
	{"in if", column(flow.FieldInIf)},
	{"out if", column(flow.FieldOutIf)},
	{"if", either(flow.FieldInIf, flow.FieldOutIf)},
	{"src as", column(flow.FieldSrcAS)},
	{"dst as", column(flow.FieldDstAS)},
	{"as", either(flow.FieldSrcAS, flow.FieldDstAS)},
	{"next as", element(0, 128)},
	{"prev as, previous as", element(0, 129)},
	{"src mask", column(flow.FieldSrcMask)},
	{"dst mask", column(flow.FieldDstMask)},
	{"mask", either(flow.FieldSrcMask, flow.FieldDstMask)},
	{"src vlan", column(flow.FieldSrcVLAN)},
	{"dst vlan", column(flow.FieldDstVLAN)},
	{"vlan", either(flow.FieldSrcVLAN, flow.FieldDstVLAN)},
	{"src mac", column(flow.FieldSrcMAC)},
	{"dst mac", column(flow.FieldDstMAC)},
	{"mac", either(flow.FieldSrcMAC, flow.FieldDstMAC)},
	{"in vrf, ingress vrf", column(flow.FieldInVRF)},
	{"out vrf, egress vrf", column(flow.FieldOutVRF)},
	{"vrf", either(flow.FieldInVRF, flow.FieldOutVRF)},
	{"next ip", column(flow.FieldNextHop)},
	{"bgpnext ip", column(flow.FieldBGPNextHop)},
	{"exporter ip, router ip", column(flow.FieldExporter)},
	{"sender ip", column(flow.FieldSender)},
	{"src nat ip, src nip, src xip", column(flow.FieldNATSrcAddr)},
	{"dst nat ip, dst nip, dst xip", column(flow.FieldNATDstAddr)},
	{"nat ip, nip, xip", either(flow.FieldNATSrcAddr, flow.FieldNATDstAddr)},
	{"src nat port, src nport, src xport", column(flow.FieldNATSrcPort)},
	{"dst nat port, dst nport, dst xport", column(flow.FieldNATDstPort)},
	{"nat port, nport, xport", either(flow.FieldNATSrcPort, flow.FieldNATDstPort)},
	{"nat event", element(0, 230)},
	{"asa event", column(flow.FieldFwEvent)},
	{"asa xevent", element(0, 33002)},
	{"flowdir, dir", column(flow.FieldDirection)},
	{"fwdstat", column(flow.FieldFwdStatus)},
	{"observation domain id", column(flow.FieldDomain)},
	{"nfversion", column(flow.FieldVersion)},
	{"src country, src geo", column(flow.FieldSrcCountry)},
	{"dst country, dst geo", column(flow.FieldDstCountry)},
	{"country, geo", either(flow.FieldSrcCountry, flow.FieldDstCountry)},
	{"mpls label1", part(flow.FieldMPLSLabel, 4, 1<<20-1, nil)},
	{"mpls exp1", part(flow.FieldMPLSLabel, 1, 7, nil)},
}

// family is what ipv4 and ipv6 are about. It has no name of its own.
var family = derived(Family, Number, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldIPVersion)

// absent are nfdump's words for what weir has not, or has otherwise.
var absent = map[string]string{
	"out bytes":   "a record of both directions makes two flows here, each with bytes of its own",
	"out packets": "a record of both directions makes two flows here, each with packets of its own",
	"count":       "records have no number here",
	"ident":       `exporters are told apart by "exporter ip"`,
	"sysid":       `exporters are told apart by "exporter ip"`,
	"engine-type": `see "observation domain id": engine type × 256 + engine id`,
	"engine-id":   `see "observation domain id": engine type × 256 + engine id`,
	"src tos":     `write "tos"`,
	"dst tos":     "write postIpClassOfService = …",
	"in mac":      `"src mac" and "dst mac" are what came in; for what went out write postSourceMacAddress = … or postDestinationMacAddress = …`,
	"out mac":     "write postSourceMacAddress = … or postDestinationMacAddress = …",
	"in src":      `write "src …"`,
	"in dst":      `write "dst …"`,
	"out src":     "write the element's name, such as postSourceMacAddress = …",
	"out dst":     "write the element's name, such as postDestinationMacAddress = …",
	"payload":     "records carry no payload",
}

// columns has the Quantity of each column, under the phrase that names it alone
// or its flat name.
var columns = func() (all [flow.NumFields]*Quantity) {
	for x := range all {
		c := &flow.Fields[x]
		q := &Quantity{Name: c.Flat, Kind: kindOf[c.Kind], Fields: []flow.Field{flow.Field(x)}, Mask: math.MaxUint64, names: fieldNames[flow.Field(x)]}
		if c.Kind == flow.KindUint && c.Size < 8 {
			q.Mask = 1<<(8*c.Size) - 1
		}
		if c.Kind == flow.KindMAC {
			q.Mask = 1<<48 - 1
		}
		all[x] = q
	}
	return all
}()

var kindOf = [...]Kind{
	flow.KindUint: Number, flow.KindTime: Time, flow.KindAddr: Address,
	flow.KindMAC: MAC, flow.KindStr: Text, flow.KindApp: App,
}

// ColumnOf returns the Quantity of a column, which is not to be changed.
func ColumnOf(x flow.Field) *Quantity { return columns[x] }

// column is the Quantity of a column; as a phrase of its own, it gets its name.
func column(x flow.Field) *Quantity { return columns[x] }

// either is the Quantity of two columns of which one suffices.
func either(x, y flow.Field) *Quantity {
	q := *columns[x]
	q.Fields = []flow.Field{x, y}
	return &q
}

// part is the Quantity of some bits of a column.
func part(x flow.Field, shift uint8, mask uint64, names []name) *Quantity {
	q := *columns[x]
	q.Shift, q.Mask, q.names = shift, mask, names
	return &q
}

func icmp(shift uint8) *Quantity {
	return &Quantity{Of: ICMP, Fields: []flow.Field{flow.FieldProto, flow.FieldICMPType, flow.FieldDstPort}, Shift: shift, Mask: 255}
}

func derived(m Measure, k Kind, fields ...flow.Field) *Quantity {
	return &Quantity{Of: m, Kind: k, Fields: fields, Mask: math.MaxUint64}
}

func element(pen uint32, id uint16) *Quantity {
	e, ok := ie.Lookup(pen, id)
	if !ok {
		e = ie.Element{PEN: pen, ID: id} // octets
	}
	return extra(e)
}

// extra is the Quantity of an element without a column.
func extra(e ie.Element) *Quantity {
	q := &Quantity{
		Name: string(ie.AppendName(nil, e.PEN, e.ID)), Of: Extra,
		Element: flow.Element{PEN: e.PEN, ID: e.ID}, Type: e.Type, Mask: math.MaxUint64,
	}
	switch e.Type {
	case ie.Signed8, ie.Signed16, ie.Signed32, ie.Signed64:
		q.Kind = Signed
	case ie.Float32, ie.Float64:
		q.Kind = Float
	case ie.Boolean: // RFC 7011 §6.1.5
		q.names = []name{{"true", 1, 1}, {"false", 2, 2}}
	case ie.MACAddress:
		q.Kind, q.Mask = MAC, 1<<48-1
	case ie.String:
		q.Kind = Text
	case ie.DateTimeSeconds, ie.DateTimeMilliseconds, ie.DateTimeMicroseconds, ie.DateTimeNanoseconds:
		q.Kind = Time
	case ie.IPv4Address, ie.IPv6Address:
		q.Kind = Address
	case ie.BasicList, ie.SubTemplateList, ie.SubTemplateMultiList:
		q.Kind = Opaque
	}
	if e.PEN == 0 {
		q.names = append(q.names, elementNames[e.ID]...)
	}
	return q
}

// byName finds quantities by all names but those of elements without a column,
// in lower case. It
// gives the phrases their names, so it is asked before one is used.
var byName = sync.OnceValue(func() map[string]*Quantity {
	m := map[string]*Quantity{}
	for i := range phrases {
		p := &phrases[i]
		for j, n := range strings.Split(p.names, ", ") {
			if j == 0 {
				p.q.Name = n
			}
			m[n] = p.q
			if s, ok := strings.CutSuffix(n, "ip"); ok {
				m[s+"net"] = p.q
			}
		}
	}
	add := func(n string, q *Quantity) {
		n = strings.ToLower(n)
		if _, ok := m[n]; !ok && n != "" {
			m[n] = q
		}
	}
	for x := range flow.Fields {
		c := &flow.Fields[x]
		for _, n := range []string{c.IPFIX, c.IPFIX6, c.Flat, c.Name} {
			add(n, columns[x])
		}
	}
	for x := range flow.Fields {
		c := &flow.Fields[x]
		add(c.CIM, columns[x])
		for _, p := range c.ECS {
			add(p.Name, columns[x])
		}
		for _, id := range c.IEs {
			if e, ok := ie.Lookup(0, id); ok {
				add(e.Name, columns[x])
			}
		}
	}
	return m
})

// maxWords is how many words the longest phrase has.
const maxWords = 3

// lookup finds what is called name: a phrase, a column, or an element by its
// IANA name or its numbers, as 9_12345.
func lookup(name string) (*Quantity, bool) {
	if q, ok := byName()[strings.ToLower(name)]; ok {
		return q, true
	}
	if e, ok := ie.ByName(name); ok {
		return extra(e), true
	}
	pen, id, ok := strings.Cut(name, "_")
	if !ok {
		return nil, false
	}
	p, err := strconv.ParseUint(pen, 10, 32)
	n, err2 := strconv.ParseUint(id, 10, 16)
	if err != nil || err2 != nil {
		return nil, false
	}
	if e, ok := ie.Lookup(uint32(p), uint16(n)); ok {
		if q, ok := byName()[strings.ToLower(e.Name)]; ok && p == 0 {
			return q, true
		}
		return extra(e), true
	}
	return extra(ie.Element{PEN: uint32(p), ID: uint16(n)}), true
}

// allNames returns what a name in a filter can be.
func allNames() []string {
	all := []string{"any", "not", "ipv4", "ipv6", "inet", "inet6"}
	for _, p := range phrases {
		all = append(all, strings.Split(p.names, ", ")...)
	}
	for x := range flow.Fields {
		c := &flow.Fields[x]
		all = append(all, c.Flat, c.IPFIX, c.IPFIX6, c.CIM)
	}
	for e := range ie.All() {
		all = append(all, e.Name)
	}
	return all
}

// isFlags tells whether the values of q are written as letters of TCP flags.
func (q *Quantity) isFlags() bool { return len(q.names) > 0 && &q.names[0] == &flagNames[0] }
