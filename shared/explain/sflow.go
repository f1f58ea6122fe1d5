package explain

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/sflow"
)

const sflowRef = "sFlow v5 §5"

// Samples (sFlow Version 5 §5, sample_data of enterprise 0, and "sFlow Dropped
// Packet Notification Structures").
const (
	flowSample            = 1
	counterSample         = 2
	flowSampleExpanded    = 3
	counterSampleExpanded = 4
	discardedPacket       = 5
)

var sampleNames = map[uint32]string{flowSample: "flow_sample", counterSample: "counters_sample", flowSampleExpanded: "flow_sample_expanded",
	counterSampleExpanded: "counters_sample_expanded", discardedPacket: "discarded_packet"}

var agentTypes = map[uint64]string{0: "unknown", 1: "IPv4", 2: "IPv6"}

// sflow explains an sFlow datagram of version 5.
func (r *reader) sflow() {
	if all := r.end; all > 1<<16-1 { // UDP has no more
		r.end = 1<<16 - 1
		defer func() {
			r.end = all
			r.rest("octets", "UDP carries no more than 65,535")
		}()
	}
	parent := r.open("header", sflowRef)
	n, ok := r.sflowHeader()
	r.close(parent)
	if ok {
		r.samples(n)
	}
}

func (r *reader) sflowHeader() (samples uint32, ok bool) {
	short := func(name string) (uint32, bool) {
		r.missing(decode.ErrShort, name, fmt.Sprintf("the header is cut short: there are %s", count(len(r.d), "octet")), sflowRef)
		return 0, false
	}
	if r.left() < 4 {
		return short("version")
	}
	v, n := r.uint(4, "version")
	if v != 5 {
		r.fault(n, decode.ErrVersion, fmt.Sprintf("sFlow version %d: weir reads version 5", v), sflowRef)
		r.unread("octets", "of a version that weir doesn't read")
		return 0, false
	}
	r.x.Protocol = "sFlow v5"
	if r.left() < 4 {
		return short("agent address")
	}
	agent, typ, ok := r.typed("agent address")
	if !ok {
		if agentTypes[typ] != "" {
			return short("agent address")
		}
		last := r.on.Children[len(r.on.Children)-1]
		r.fault(last, decode.ErrShort, fmt.Sprintf("address type %d is none of 0 (unknown), 1 (IPv4), 2 (IPv6): how long it is is not known", typ), sflowRef)
		r.unread("octets", "where they begin is not known")
		return 0, false
	}
	at, ok := r.members("sub_agent_id sequence_number uptime samples")
	if !ok {
		return short("header")
	}
	fields := r.on.Children[len(r.on.Children)-4:]
	word := func(i int) uint32 { return binary.BigEndian.Uint32(r.d[at+4*i:]) }
	fields[2].Text = "ms since boot"
	if r.clk.received != 0 {
		fields[2].Text += ": booted " + instant(r.clk.received-int64(word(2))*1e6)
	}
	from := netip.AddrPortFrom(agent, 0)
	if !agent.IsValid() || agent.IsUnspecified() {
		from = r.x.From
	}
	r.x.Exporter, r.x.Domain = from.Addr(), word(0)
	r.e.sequences.follow(fields[1], sequenceKey{from, 0, word(0)}, word(1), 1, 0, "datagram", true)
	return word(3), true
}

// typed takes an address with its type before it. It returns false, with what is
// there still to be taken, if the address is cut short or its type unknown.
func (r *reader) typed(name string) (a netip.Addr, typ uint64, ok bool) {
	if r.left() < 4 {
		return a, 0, false
	}
	typ, n := r.uint(4, name+" type")
	n.Text = agentTypes[typ]
	var size int
	switch typ {
	case 0:
		return a, typ, true
	case 1:
		size = 4
	case 2:
		size = 16
	default:
		return a, typ, false
	}
	if r.left() < size {
		return a, typ, false
	}
	x := r.leaf(size, name)
	a, _ = netip.AddrFromSlice(r.octets(x))
	t := ie.IPv4Address
	if size == 16 {
		t = ie.IPv6Address
	}
	x.Value = ie.AppendJSON(nil, t, r.octets(x))
	return a, typ, true
}

func (r *reader) samples(n uint32) {
	for i := uint32(1); i <= n; i++ {
		if r.left() == 0 {
			r.missing(decode.ErrCount, "sample", fmt.Sprintf("the header promises %d samples, there are %d", n, i-1), sflowRef)
			return
		}
		parent := r.open(fmt.Sprintf("sample %d", i), sflowRef)
		r.on.repeats = true
		format, size, ok := r.tag(sampleNames)
		if !ok {
			r.close(parent)
			return
		}
		end := r.end
		r.end = r.at + size
		r.sample(format)
		r.rest("octets behind the sample", "the sample doesn't count them")
		r.end = end
		r.close(parent)
	}
	r.rest("octets behind the samples", "the header doesn't count them")
}

// tag takes the data format and the length of a sample or a record, and faults
// what is cut short. Names are those of enterprise 0.
func (r *reader) tag(names map[uint32]string) (format uint32, size int, ok bool) {
	if r.left() < 8 {
		r.missing(decode.ErrShort, "data_format", fmt.Sprintf("cut short: %s left for a format and a length of 8", are(r.left(), "octet")), sflowRef)
		return 0, 0, false
	}
	v, n := r.uint(4, "data_format")
	format = uint32(v)
	n.Text = formatText(format, names)
	r.on.Text = n.Text
	v, n = r.uint(4, "length")
	n.in("octets")
	if v > uint64(r.left()) {
		r.fault(n, decode.ErrShort, fmt.Sprintf("%d octets are promised, and there are %d", v, r.left()), sflowRef)
		r.unread("octets", "they end before their length does")
		return format, 0, false
	}
	return format, int(v), true
}

func formatText(format uint32, names map[uint32]string) string {
	name := names[format]
	if name == "" {
		name = "unknown"
	}
	return fmt.Sprintf("%s (%d,%d)", name, format>>12, format&0xfff)
}

// sample explains a sample behind its tag.
func (r *reader) sample(format uint32) {
	switch format {
	case flowSample:
		r.flowSample("sequence_number source_id:source sampling_rate:rate sample_pool drops input:interface output:interface")
	case flowSampleExpanded:
		r.flowSample("sequence_number source_id_type:sourceType source_id_index sampling_rate:rate sample_pool drops " +
			"input_format:ifFormat input output_format:ifFormat output")
	case discardedPacket:
		r.on.Ref = "sFlow dropped packets"
		r.flowSample("sequence_number source_id_type:sourceType source_id_index drops input output reason:reason")
	case counterSample:
		r.counterSample("sequence_number source_id:source")
	case counterSampleExpanded:
		r.counterSample("sequence_number source_id_type:sourceType source_id_index")
	default:
		r.rest("sample_data", "weir doesn't know this format")
	}
}

// sampleHead takes what stands before the records of a sample, and returns how
// many there are, and false where it is cut short.
func (r *reader) sampleHead(fields string) (records uint32, ok bool) {
	if _, ok := r.members(fields + " records"); !ok {
		r.missing(decode.ErrShort, "sample", "the sample is cut short before its records", r.on.Ref)
		return 0, false
	}
	return binary.BigEndian.Uint32(r.d[r.at-4:]), true
}

func (r *reader) flowSample(head string) {
	name := r.on.Text
	r.begin()
	n, ok := r.sampleHead(head)
	if !ok {
		r.sum = nil
		return
	}
	var s sampled
	for i := uint32(1); i <= n; i++ {
		if !r.flowRecord(i, &s) {
			r.sum = nil
			return
		}
	}
	r.x.Flows++
	r.socket(&s)
	r.finish(r.on)
	r.on.Text = name + sep(r.on.Text)
}

func sep(t string) string {
	if t == "" {
		return ""
	}
	return ": " + t
}

func (r *reader) counterSample(head string) {
	n, ok := r.sampleHead(head)
	if !ok {
		return
	}
	for i := uint32(1); i <= n; i++ {
		if !r.counterRecord(i) {
			return
		}
	}
	r.x.Counters++
}

// record takes a record's tag and lets read go through its octets.
func (r *reader) record(i uint32, names map[uint32]string, read func(format uint32)) bool {
	parent := r.open(fmt.Sprintf("record %d", i), "")
	defer r.close(parent)
	if r.left() == 0 {
		r.missing(decode.ErrShort, "record", "the sample promises more records than it has", sflowRef)
		return false
	}
	format, size, ok := r.tag(names)
	if !ok {
		return false
	}
	end := r.end
	r.end = r.at + size
	read(format)
	if r.left() > 0 {
		r.rest("octets behind the record", "its format doesn't have them")
	}
	r.end = end
	return true
}

func (r *reader) counterRecord(i uint32) bool {
	return r.record(i, counterNames, func(format uint32) {
		record := r.on
		f, ok := sflow.Counters[format]
		if !ok {
			r.rest("counter_data", "weir doesn't know this format")
			return
		}
		record.Ref = f.Ref
		if _, ok := r.members(f.Fields); ok {
			return
		}
		if format == 1 {
			r.missing(decode.ErrRecord, "octets", "generic interface counters are cut short", f.Ref)
			return
		}
		r.cutShort()
	})
}

// cutShort takes what is left of a record that has less than its format says,
// where no decoder cares.
func (r *reader) cutShort() {
	const why = "the record has less than its format says"
	if r.rest("octets", why) == nil {
		r.on.note(why)
	}
}
