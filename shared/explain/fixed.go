package explain

import (
	"fmt"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

// A layout is a format whose records have a fixed shape: NetFlow v1, v5, v6, v7,
// v8.
type layout struct {
	version              uint8
	header, record       []field
	headerRef, recordRef string
}

// A field of a layout: a number of n octets, or an element of IANA's.
type field struct {
	name string
	n    int
	kind kind
	ie   uint16
}

type kind uint8

const (
	plain kind = iota
	element
	padding
	versionOf
	countOf
	uptimeOf
	secondsOf
	nanosecondsOf
	sequenceOf
	engineType
	engineID
	samplingOf
	schemeOf
	schemeVersion
	kinds
)

// Headers and records begin alike in all versions.
var (
	headerBegin = []field{
		{"version", 2, versionOf, 0}, {"count", 2, countOf, 0}, {"SysUptime", 4, uptimeOf, 0},
		{"unix_secs", 4, secondsOf, 0}, {"unix_nsecs", 4, nanosecondsOf, 0},
	}
	recordBegin = []field{
		{"srcaddr", 4, element, 8}, {"dstaddr", 4, element, 12}, {"nexthop", 4, element, 15},
		{"input", 2, element, 10}, {"output", 2, element, 14}, {"dPkts", 4, element, 2}, {"dOctets", 4, element, 1},
		{"First", 4, element, 22}, {"Last", 4, element, 21}, {"srcport", 2, element, 7}, {"dstport", 2, element, 11},
	}
	v5Header = join(headerBegin, field{"flow_sequence", 4, sequenceOf, 0}, field{"engine_type", 1, engineType, 0},
		field{"engine_id", 1, engineID, 0}, field{"sampling_interval", 2, samplingOf, 0})
	asAndMasks = []field{
		{"tcp_flags", 1, element, 6}, {"prot", 1, element, 4}, {"tos", 1, element, 5},
		{"src_as", 2, element, 16}, {"dst_as", 2, element, 17}, {"src_mask", 1, element, 9}, {"dst_mask", 1, element, 13},
	}
)

func join(begin []field, more ...field) []field {
	return append(begin[:len(begin):len(begin)], more...)
}

// There is no RFC for them. The names are Cisco's, those of v6 flow-tools'.
var (
	v1 = layout{
		version: 1, header: headerBegin, headerRef: "Cisco NetFlow v1, header", recordRef: "Cisco NetFlow v1, record",
		record: join(recordBegin, field{"pad1", 2, padding, 0}, field{"prot", 1, element, 4}, field{"tos", 1, element, 5},
			field{"flags", 1, element, 6}, field{"pad2", 3, padding, 0}, field{"reserved", 4, padding, 0}),
	}
	v5 = layout{
		version: 5, header: v5Header, headerRef: "Cisco NetFlow v5, header", recordRef: "Cisco NetFlow v5, record",
		record: join(join(recordBegin, field{"pad1", 1, padding, 0}), join(asAndMasks, field{"pad2", 2, padding, 0})...),
	}
	v6 = layout{
		version: 6, header: v5Header, headerRef: "flow-tools, NetFlow v6", recordRef: "flow-tools, NetFlow v6",
		record: join(join(recordBegin, field{"pad", 1, padding, 0}), join(asAndMasks,
			field{"in_encaps", 1, plain, 0}, field{"out_encaps", 1, plain, 0}, field{"peer_nexthop", 4, element, 18})...),
	}
	v7 = layout{
		version: 7, headerRef: "Cisco NetFlow v7, header", recordRef: "Cisco NetFlow v7, record",
		header: join(headerBegin, field{"flow_sequence", 4, sequenceOf, 0}, field{"reserved", 4, padding, 0}),
		record: join(join(recordBegin, field{"flags", 1, plain, 0}), join(asAndMasks,
			field{"flags", 2, plain, 0}, field{"router_sc", 4, element, 43})...),
	}
	v8Header = join(headerBegin, field{"flow_sequence", 4, sequenceOf, 0}, field{"engine_type", 1, engineType, 0},
		field{"engine_id", 1, engineID, 0}, field{"aggregation", 1, schemeOf, 0}, field{"agg_version", 1, schemeVersion, 0},
		field{"sampling_interval", 2, samplingOf, 0}, field{"reserved", 2, padding, 0})
)

// schemes are the names of v8's aggregation schemes.
var schemes = [...]string{1: "RouterAS", "RouterProtoPort", "RouterSrcPrefix", "RouterDstPrefix", "RouterPrefix",
	"DestOnly", "SrcDst", "FullFlow", "RouterASTos", "RouterProtoPortTos", "RouterSrcPrefixTos", "RouterDstPrefixTos",
	"RouterPrefixTos", "RouterPrefixPortTos"}

// fixedHeader is what a header of a fixed layout says.
type fixedHeader struct {
	value [kinds]uint64
	node  [kinds]*Node
}

// fixed explains a datagram of v1, v5, v6 or v7.
func (r *reader) fixed(l *layout) {
	if h, ok := r.fixedHeader(l); ok {
		r.fixedRecords(l, h)
	}
}

// v8 explains a datagram of v8: the header's scheme gives the layout of the
// records.
func (r *reader) v8() {
	l := layout{version: 8, header: v8Header, headerRef: "Cisco NetFlow v8, header"}
	h, ok := r.fixedHeader(&l)
	if !ok {
		return
	}
	scheme := h.value[schemeOf]
	t := decode.V8Template(uint8(scheme))
	if t == nil || h.value[schemeVersion] != 2 {
		if t == nil {
			r.fault(h.node[schemeOf], decode.ErrVersion, fmt.Sprintf("aggregation scheme %d is none of 1 to 14", scheme), l.headerRef)
		} else {
			r.fault(h.node[schemeVersion], decode.ErrVersion, "no version but 2 of the aggregation is documented", l.headerRef)
		}
		r.unread("records", "of a scheme that weir doesn't read")
		return
	}
	for _, f := range t.Fields {
		l.record = append(l.record, v8Field(f.Element, int(f.Len)))
	}
	l.recordRef = "Cisco NetFlow v8, " + schemes[scheme]
	r.fixedRecords(&l, h)
}

// v8Own are the names of the fields of v8 that IANA has no element for.
var v8Own = map[uint16]string{5: "marked_tos", 6: "extra_pkts"}

func v8Field(e flow.Element, n int) field {
	switch {
	case e.PEN != 0:
		return field{v8Own[e.ID], n, plain, 0}
	case e.ID == paddingOctets:
		return field{"pad", n, padding, 0}
	}
	return field{elementName(e), n, element, e.ID}
}

// fixedHeader explains the header of a fixed layout, and returns false if it is
// cut short.
func (r *reader) fixedHeader(l *layout) (h fixedHeader, ok bool) {
	parent := r.open("header", l.headerRef)
	defer r.close(parent)
	size := 0
	for _, f := range l.header {
		size += f.n
	}
	for _, f := range l.header {
		if r.left() < f.n {
			r.missing(decode.ErrShort, f.name, fmt.Sprintf("the header of %d octets is cut short: there are %d", size, len(r.d)), l.headerRef)
			return h, false
		}
		h.value[f.kind], h.node[f.kind] = r.uint(f.n, f.name)
		if f.kind == padding {
			r.padding(h.node[padding])
		}
	}
	r.clk.set(int64(h.value[secondsOf])*1e9+int64(h.value[nanosecondsOf]), uint32(h.value[uptimeOf]), true)
	h.node[uptimeOf].Text = r.clk.booted()
	h.node[secondsOf].Text = r.clk.exported(h.node[secondsOf])
	h.node[countOf].in("records")
	if h.value[nanosecondsOf] >= 1e9 {
		h.node[nanosecondsOf].note("a second has a billion nanoseconds")
	}
	if n := h.node[samplingOf]; n != nil {
		n.Text = samplingText(uint16(h.value[samplingOf]))
		if v := h.value[samplingOf]; v&0x3fff == 0 && v != 0 {
			n.note("a sampling mode with an interval of 0")
		}
	}
	if n := h.node[schemeOf]; n != nil {
		if s := h.value[schemeOf]; s > 0 && int(s) < len(schemes) {
			n.Text = schemes[s]
		}
	}
	return h, true
}

// samplingText reads the sampling field of v5 and v8: a mode in the two high
// bits, an interval in the others.
func samplingText(v uint16) string {
	if v == 0 {
		return "not sampled, or not said"
	}
	mode := [...]string{"no mode", "deterministic", "random", "reserved mode"}[v>>14]
	return fmt.Sprintf("1 in %d, %s", v&0x3fff, mode)
}

func (r *reader) fixedRecords(l *layout, h fixedHeader) {
	size := 0
	for _, f := range l.record {
		size += f.n
	}
	n, have := int(h.value[countOf]), r.left()/size
	if n != have {
		r.fault(h.node[countOf], decode.ErrCount, fmt.Sprintf("the header promises %s of %d octets, there is room for %d",
			count(n, "record"), size, have), l.headerRef)
	}
	if s := h.node[sequenceOf]; s != nil {
		r.x.Domain = uint32(h.value[engineType]<<8 | h.value[engineID])
		r.e.sequences.follow(s, sequenceKey{r.x.From, l.version, r.x.Domain}, uint32(h.value[sequenceOf]), uint32(n), 0, "record", true)
	}
	n = min(n, have)
	for i := range n {
		parent := r.open(fmt.Sprintf("record %d", i+1), l.recordRef)
		r.on.repeats = true
		r.begin()
		for _, f := range l.record {
			r.fixedField(f)
		}
		r.finish(r.on)
		r.close(parent)
	}
	r.x.Flows += n
	r.rest("octets behind the records", "they are no whole record, or the header doesn't count them")
}

func (r *reader) fixedField(f field) {
	switch f.kind {
	case element:
		r.element(flow.Element{ID: f.ie}, f.n).Name = f.name
	case padding:
		r.padding(r.leaf(f.n, f.name))
	default:
		r.uint(f.n, f.name)
	}
}

// padding notes at n that its octets are not zero.
func (r *reader) padding(n *Node) {
	n.Value = nil
	for _, c := range r.octets(n) {
		if c != 0 {
			n.note("padding is not zero")
			return
		}
	}
}
