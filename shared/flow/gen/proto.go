package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/ie"
)

// What a Flow has in flow.proto beside its columns, whose numbers end before.
const (
	lastNumber  = 999
	extraNumber = 1000
	marksNumber = 1001
)

// numbers holds the field numbers of flow.proto to be there and to be unique.
func numbers(cols []column) error {
	has, most := map[int]string{}, 0
	for _, c := range cols {
		most = max(most, c.Proto)
	}
	for _, c := range cols {
		switch other := has[c.Proto]; {
		case c.Proto < 1:
			return fmt.Errorf("%s has no pb; the next free number is %d", c.Name, most+1)
		case c.Proto > lastNumber:
			return fmt.Errorf("%s: pb %d is not below %d", c.Name, c.Proto, lastNumber+1)
		case other != "":
			return fmt.Errorf("%s: pb %d is taken by %s; the next free number is %d", c.Name, c.Proto, other, most+1)
		}
		has[c.Proto] = c.Name
	}
	return nil
}

// byNumber returns cols in the order of their field numbers.
func byNumber(cols []column) []column {
	return slices.SortedFunc(slices.Values(cols), func(a, b column) int { return a.Proto - b.Proto })
}

// protoType is a column's type in flow.proto.
func (c column) protoType() string {
	switch {
	case c.Kind == "KindTime":
		return "sfixed64"
	case c.Kind == "KindApp":
		return "fixed64"
	case c.Kind == "KindAddr", c.Kind == "KindMAC":
		return "bytes"
	case c.Kind == "KindStr":
		return "string"
	case c.Size == 8:
		return "uint64"
	}
	return "uint32"
}

// proto writes flow.proto.
func proto(cols []column) string {
	var b strings.Builder
	b.WriteString(protoHead)
	for _, c := range byNumber(cols) {
		var doc []string
		for _, id := range c.IEs {
			if e, ok := ie.Lookup(0, id); ok {
				doc = append(doc, fmt.Sprintf("%s (%d)", e.Name, id))
			}
		}
		if doc == nil {
			doc = []string{c.IPFIX}
		}
		fmt.Fprintf(&b, "\n  // %s", strings.Join(doc, ", "))
		if c.Doc != "" {
			fmt.Fprintf(&b, ":\n  // %s", c.Doc)
		}
		switch {
		case c.Kind == "KindTime":
			b.WriteString("; Unix nanoseconds")
		case c.Kind == "KindAddr":
			b.WriteString("; 4 octets or 16")
		case c.Kind == "KindMAC":
			b.WriteString("; 6 octets")
		}
		fmt.Fprintf(&b, "\n  optional %s %s = %d;\n", c.protoType(), c.Flat, c.Proto)
	}
	fmt.Fprintf(&b, protoTail, extraNumber, marksNumber)
	return b.String()
}

const protoHead = `// The records of weir in protobuf. A stream of them is length-delimited: before
// each Record stands its length as a varint, as protobuf's libraries read it
// with parseDelimitedFrom and the like.
//
// What a record doesn't have is not there, so that absent and zero differ. Field
// numbers never change their meaning.
syntax = "proto3";

package weir.flow.v1;

// A Record is one of what exporters send. It is one message, so that a stream
// may hold all kinds, and more kinds may come: a reader passes over those that
// it doesn't know.
message Record {
  oneof kind {
    Flow flow = 1;
    Options options = 2;
    Counter counter = 3;
  }
}

// A Flow is what one exporter said of one direction of traffic. Above each
// field stand IANA's information elements that fill it, best first.
message Flow {`

const protoTail = `
  // Elements without a field of their own.
  repeated Element extra = %d;

  // What weir did to the record, bits: 1, the second flow of a record that was
  // split (RFC 5103); 2, an impossible time is time of arrival; 4, bytes are the
  // frame's; 8, app_name is what IANA has for a port.
  uint32 marks = %d;
}

// An Element is an information element as the exporter sent it.
message Element {
  // Enterprise; 0 is IANA. 14706, sFlow: id is the format of a record.
  uint32 pen = 1;
  uint32 id = 2;
  // How many of the same name were before it in its record.
  uint32 ord = 3;
  // The octets of the wire; of structured data (RFC 6313) the form that weir's
  // shared/ie/list.go describes, which needs no templates.
  bytes value = 4;
}

// Options is a record of an options template: what an exporter says of itself,
// its interfaces, samplers or applications.
message Options {
  // Arrival of the datagram, Unix nanoseconds.
  sfixed64 received = 1;
  // Who speaks: 4 octets or 16.
  bytes exporter = 2;
  // The datagram's source, only where it is not the exporter.
  bytes sender = 3;
  uint32 domain = 4;
  uint32 template = 5;
  // Protocol: 9, or 10 for IPFIX.
  uint32 version = 6;
  // How many of the fields, from the first, say what the record is about. In
  // NetFlow v9 the ids of these are scope types.
  uint32 scopes = 7;
  repeated Element field = 8;
}

// A Counter is an sFlow counter sample.
message Counter {
  // Arrival of the datagram, Unix nanoseconds.
  sfixed64 received = 1;
  // The agent: 4 octets or 16.
  bytes exporter = 2;
  // The datagram's source, only where it is not the exporter.
  bytes sender = 3;
  uint32 domain = 4;
  // Of the counter samples of this source.
  uint32 sequence = 5;
  // What index counts: 0 ifIndex, 1 smonVlanDataSource, 2 entPhysicalEntry.
  uint32 class = 6;
  uint32 index = 7;
  Interface interface = 8;
  // The records as they came, that of the interface too.
  repeated Element record = 9;
}

// An Interface holds the counters of RFC 2233's ifTable, running totals. Those
// that the agent doesn't know are not there.
message Interface {
  optional uint32 index = 1;
  optional uint32 type = 2;
  // Bits a second.
  optional uint64 speed = 3;
  // 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
  optional uint32 direction = 4;
  // Bit 0: ifAdminStatus is up. Bit 1: ifOperStatus is up.
  optional uint32 status = 5;
  optional uint64 in_octets = 6;
  optional uint32 in_unicast = 7;
  optional uint32 in_multicast = 8;
  optional uint32 in_broadcast = 9;
  optional uint32 in_discards = 10;
  optional uint32 in_errors = 11;
  optional uint32 in_unknown_protos = 12;
  optional uint64 out_octets = 13;
  optional uint32 out_unicast = 14;
  optional uint32 out_multicast = 15;
  optional uint32 out_broadcast = 16;
  optional uint32 out_discards = 17;
  optional uint32 out_errors = 18;
  optional uint32 promiscuous = 19;
}
`

// wire is how protobuf lays out a value: 0 varint, 1 eight octets, 2 octets with
// their length.
func (c column) wire() int {
	switch c.protoType() {
	case "sfixed64", "fixed64":
		return 1
	case "bytes", "string":
		return 2
	}
	return 0
}

// protobuf writes the functions that write a flow's columns as the fields of
// flow.proto's Flow.
func protobuf(cols []column) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	index := map[string]int{}
	for i, c := range cols {
		index[c.Name] = i
	}
	p("package encode\n\nimport (\n\"encoding/binary\"\n\n\"github.com/weirflow/weir/shared/flow\"\n)\n\n")
	room := 0
	p("// putColumns writes the columns of f to buf, which has room for protobufRoom\n// octets, but for its strings, and returns how many octets these are.\n")
	p("func putColumns(buf []byte, f *flow.Flow) (n int) {\nlow, high := f.Set[0], f.Set[1]\n")
	for _, c := range byNumber(cols) {
		if c.Kind == "KindStr" {
			continue
		}
		word, bit := "low", index[c.Name]
		if bit > 63 {
			word, bit = "high", bit-64
		}
		p("if %s>>%d&1 != 0 {\n", word, bit)
		tag := appendVarint(nil, uint64(c.Proto<<3|c.wire()))
		for i, t := range tag {
			p("buf[n+%d] = %d\n", i, t)
		}
		n := len(tag)
		switch {
		case c.Kind == "KindAddr":
			p("n = putAddrOctets(buf, n+%d, &f.%s)\n", n, c.Name)
			room += n + 17
		case c.Kind == "KindMAC":
			p("n = putMACOctets(buf, n+%d, f.%s)\n", n, c.Name)
			room += n + 1 + 8
		case c.wire() == 1:
			p("binary.LittleEndian.PutUint64(buf[n+%d:], uint64(f.%s))\nn += %d\n", n, c.Name, n+8)
			room += n + 8
		default:
			p("n = putVarint(buf, n+%d, uint64(f.%s))\n", n, c.Name)
			room += n + (c.Size*8+6)/7
		}
		p("}\n")
	}
	p("return n\n}\n\nconst protobufRoom = %d\n\n", room)
	p("// appendStrings appends the columns of f that are strings.\n")
	p("func appendStrings(dst []byte, b *flow.Batch, f *flow.Flow) []byte {\n")
	for _, c := range byNumber(cols) {
		if c.Kind != "KindStr" {
			continue
		}
		var tag []string
		for _, t := range appendVarint(nil, uint64(c.Proto<<3|2)) {
			tag = append(tag, fmt.Sprint(t))
		}
		p("if f.Set.Has(flow.Field%s) {\ndst = appendString(append(dst, %s), b.Strings.Get(flow.Str(f.%s)))\n}\n", c.Name, strings.Join(tag, ", "), c.Name)
	}
	p("return dst\n}\n\n// Numbers of fields of Flow that are no columns.\nconst (\nextraNumber = %d\nmarksNumber = %d\n)\n", extraNumber, marksNumber)
	p("\nvar stringColumns = flow.SetOf(")
	for _, c := range cols {
		if c.Kind == "KindStr" {
			p("flow.Field%s,\n", c.Name)
		}
	}
	p(")\n")
	return b.String()
}

func appendVarint(dst []byte, v uint64) []byte {
	for ; v >= 1<<7; v >>= 7 {
		dst = append(dst, byte(v)|1<<7)
	}
	return append(dst, byte(v))
}
