//go:build real

package main

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What tshark says of packets, as it writes it in PDML: trees of fields.

// A node is a field or a protocol.
type node struct {
	name, show, value string
	kids              []*node
}

// find returns the first field of that name below n, and nil if there is none.
func (n *node) find(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
		if f := k.find(name); f != nil {
			return f
		}
	}
	return nil
}

func (n *node) text(name string) string {
	if f := n.find(name); f != nil {
		return f.show
	}
	return ""
}

// number returns a field's value, -1 if it is not there.
func (n *node) number(name string) int64 {
	v, err := strconv.ParseInt(n.text(name), 0, 64)
	if err != nil {
		return -1
	}
	return v
}

// readPDML calls f for the tree of each packet.
func readPDML(r io.Reader, f func(packet *node)) error {
	d := xml.NewDecoder(r)
	var path []*node
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{}
			for _, a := range t.Attr {
				switch a.Name.Local {
				case "name":
					n.name = a.Value
				case "show":
					n.show = a.Value
				case "value":
					n.value = a.Value
				}
			}
			if len(path) > 1 {
				top := path[len(path)-1]
				top.kids = append(top.kids, n)
			}
			path = append(path, n)
		case xml.EndElement:
			if t.Name.Local == "packet" {
				f(path[len(path)-1])
			}
			path = path[:len(path)-1]
		}
	}
}

// keys are what a record is compared by. Times are Unix milliseconds.
var keys = []string{"src", "dst", "sport", "dport", "proto", "tos", "inif", "outif", "bytes", "packets", "start", "end"}

// A said is a record of tshark's: what it says under each key, which may be
// several things, and nothing.
type said map[string][]string

func (s said) add(key, v string) {
	if n, err := strconv.ParseUint(v, 0, 64); err == nil {
		v = strconv.FormatUint(n, 10)
	}
	s[key] = append(s[key], v)
}

// cflowKeys are tshark's names of NetFlow and IPFIX fields. "srcmac" and others
// that are no key are left out.
var cflowKeys = map[string]string{
	"srcaddr": "src", "srcaddrv6": "src", "srcnet": "src", "dstaddr": "dst", "dstaddrv6": "dst", "dstnet": "dst",
	"srcport": "sport", "dstport": "dport", "protocol": "proto", "tos": "tos", "inputint": "inif", "outputint": "outif",
	"octets": "bytes", "octets64": "bytes", "packets": "packets", "packets64": "packets",
	"timestart": "start", "timeend": "end", "abstimestart": "start", "abstimeend": "end",
}

// A reader keeps what tshark does not say of a data set: whether its template is
// one of options.
type reader struct {
	options map[string]bool // by exporter, domain and template
}

// flows returns the flow records in a packet of NetFlow or IPFIX.
func (r *reader) flows(t *testing.T, packet, tree *node) (all []said) {
	t.Helper()
	version := tree.number("cflow.version")
	boot := func(up int64) (int64, bool) { return 0, false }
	if version != 10 {
		export, now := when(tree.text("cflow.timestamp")), uptime(tree.text("cflow.sysuptime"))
		boot = func(up int64) (int64, bool) { return export + int64(int32(uint32(up-now))), true } // SEMANTICS, Time
	}
	if version < 9 {
		for _, k := range tree.kids {
			if strings.HasPrefix(k.show, "pdu ") {
				all = append(all, record(k, boot))
			}
		}
		return all
	}
	from := fmt.Sprint(packet.text("ip.src"), " ", packet.text("udp.srcport"), " ", version, " ", tree.text("cflow.source_id"), tree.text("cflow.od_id"), " ")
	for _, set := range tree.kids {
		id := set.number("cflow.flowset_id")
		switch {
		case id >= 0 && id <= 3:
			for _, k := range set.kids {
				switch {
				case k.name == "cflow.template_id":
					r.options[from+k.show] = id&1 == 1
				case k.name == "":
					if n := k.number("cflow.template_id"); n >= 0 {
						r.options[from+strconv.FormatInt(n, 10)] = id&1 == 1
					}
				}
			}
		case id > 255 && !r.options[from+strconv.FormatInt(id, 10)]:
			for _, k := range set.kids {
				if k.name == "" && strings.HasPrefix(k.show, "Flow ") {
					all = append(all, record(k, boot))
				}
			}
		}
	}
	return all
}

// record reads a record. boot makes a time of an exporter's uptime.
func record(n *node, boot func(int64) (int64, bool)) said {
	s := said{}
	var walk func(n *node)
	walk = func(n *node) {
		for _, k := range n.kids {
			switch key := cflowKeys[strings.TrimPrefix(k.name, "cflow.")]; {
			case key == "" || slices.Contains(s[key], k.show):
			case k.name == "cflow.timestart" || k.name == "cflow.timeend":
				// It shows an uptime of 0 as a date.
				if v, err := hex.DecodeString(k.value); err == nil && len(v) == 4 {
					if at, ok := boot(int64(v[0])<<24 | int64(v[1])<<16 | int64(v[2])<<8 | int64(v[3])); ok {
						s.add(key, strconv.FormatInt(at, 10))
					}
				}
			case key == "start" || key == "end":
				if at := when(k.show); at != 0 {
					s.add(key, strconv.FormatInt(at, 10))
				}
			default:
				s.add(key, k.show)
			}
			if k.name == "cflow.timedelta" {
				walk(k)
			}
		}
	}
	walk(n)
	return s
}

// sflowKeys are tshark's names of what is in a sampled packet and around it, the
// best first.
var sflowKeys = map[string][]string{
	"src": {"ip.src", "ipv6.src", "sflow_245.ipv4_src", "sflow_245.ipv6_src"}, "dst": {"ip.dst", "ipv6.dst", "sflow_245.ipv4_dst", "sflow_245.ipv6_dst"},
	"sport": {"tcp.srcport", "udp.srcport", "sctp.srcport", "sflow_245.ip.source_port"}, "dport": {"tcp.dstport", "udp.dstport", "sctp.dstport", "sflow.ip.destination_port"},
	"proto": {"ip.proto", "sflow.ip_protocol"}, "tos": {"ip.dsfield", "ipv6.tclass"}, "bytes": {"ip.len"},
}

// samples returns the flow samples in a packet of sFlow, and how many samples of
// counters it has.
func samples(tree *node) (all []said, counters int) {
	for _, k := range tree.kids {
		switch k.number("sflow_245.sampletype") {
		case 2, 4:
			counters++
		case 1, 3:
			s := said{}
			for key, names := range sflowKeys {
				for _, name := range names {
					if f := k.find(name); f != nil {
						s.add(key, f.show)
						break
					}
				}
			}
			s["inif"] = []string{ifIndex(k, "sflow.flow_sample.input_interface")}
			s["outif"] = []string{ifIndex(k, "sflow.flow_sample.output_interface")}
			all = append(all, s)
		}
	}
	return all, counters
}

// ifIndex returns the interface of a sample that is a number, "" for one that is
// not known, the device itself, several, or where the packet was dropped.
func ifIndex(sample *node, name string) string {
	value := max(sample.number(name+"_value"), sample.number(name))
	format := max(sample.number(name+"_format"), sample.number(name+".format"), 0)
	if value <= 0 || value == 0x3fffffff || format != 0 {
		return ""
	}
	return strconv.FormatInt(value, 10)
}

// when reads a time as tshark writes it, in milliseconds; 0 is none.
func when(text string) int64 {
	t, err := time.Parse("Jan _2, 2006 15:04:05.000000000 MST", strings.Join(strings.Fields(text), " "))
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}

// uptime reads seconds with their fraction, in milliseconds.
func uptime(text string) int64 {
	sec, frac, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	ns, err2 := strconv.ParseInt(frac, 10, 64)
	if errors.Join(err, err2) != nil {
		return 0
	}
	return s*1000 + ns/1e6
}
