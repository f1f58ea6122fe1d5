package explain

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/sflow"
)

// members takes the fields of an XDR structure: "name" is a number of 32 bits,
// "name:type" what the type says, and at "|" the structure may end. It returns
// where they began, and false if they are not all there; what is there of the
// last one is still to be taken.
func (r *reader) members(fields string) (at int, ok bool) {
	at = r.at
	for f := range strings.FieldsSeq(fields) {
		if f == "|" && r.left() == 0 {
			break
		}
		name, typ, _ := strings.Cut(f, ":")
		if f != "|" && !r.member(name, typ) {
			return at, false
		}
	}
	return at, true
}

func (r *reader) member(name, typ string) bool {
	switch typ {
	case "string", "opaque":
		return r.xdrString(name, typ == "string")
	case "address":
		_, _, ok := r.typed(name)
		return ok
	case "list", "labels", "tags", "path":
		return r.xdrList(name, typ)
	case "adapters", "macs", "lanes", "percents":
		return r.xdrStructures(name, typ)
	}
	n, ok := map[string]int{"u64": 8, "mac": 8, "ipv4": 4, "ipv6": 16, "uuid": 16}[typ]
	if !ok {
		n = 4
	}
	if r.left() < n {
		return false
	}
	x := r.leaf(n, name)
	r.xdrValue(x, typ)
	return true
}

// xdrValue says what the octets of n mean.
func (r *reader) xdrValue(n *Node, typ string) {
	v := r.octets(n)
	u := number(v[:min(len(v), 8)])
	switch typ {
	case "mac":
		n.Value = ie.AppendJSON(nil, ie.MACAddress, v[:6])
		return
	case "ipv4":
		n.Value = ie.AppendJSON(nil, ie.IPv4Address, v)
		r.endpoint(n, v)
		return
	case "ipv6":
		n.Value = ie.AppendJSON(nil, ie.IPv6Address, v)
		r.endpoint(n, v)
		return
	case "uuid":
		n.Text = fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
		return
	case "float":
		n.Value = ie.AppendJSON(nil, ie.Float32, v)
		return
	case "int":
		n.Value = strconv.AppendInt(nil, int64(int32(u)), 10)
		return
	}
	n.number(u)
	n.Text = r.xdrMeaning(n, typ, uint32(u))
}

// endpoint tells the summary about an address of a sampled packet or a socket.
func (r *reader) endpoint(n *Node, v []byte) {
	switch n.Name {
	case "src_ip", "local_ip":
		r.sum.add(flow.Element{ID: 8}, v)
	case "dst_ip", "remote_ip":
		r.sum.add(flow.Element{ID: 12}, v)
	}
}

func (r *reader) xdrMeaning(n *Node, typ string, u uint32) string {
	switch typ {
	case "source":
		return sourceText(u>>24, u&0xffffff)
	case "interface":
		return interfaceText(u>>30, u&(1<<30-1))
	case "rate":
		if u == 0 {
			n.note("a rate of 0 is none: it stays unknown")
			return ""
		}
		return fmt.Sprintf("1 in %d", u)
	case "ip":
		r.sum.add(flow.Element{ID: 4}, []byte{byte(u)})
		return flow.ProtoName(uint8(min(u, 255)))
	case "flags":
		return tcpFlags(uint16(u))
	case "tos":
		return tosText(uint8(u))
	case "ethertype":
		return fmt.Sprintf("0x%04x %s", u, enumeration(256, uint64(u)))
	case "percent":
		if u == math.MaxUint32 {
			return "unknown"
		}
		return fmt.Sprintf("%.2f %%", float64(u)/100)
	case "status":
		return "admin " + upDown[u&1] + ", oper " + upDown[u>>1&1]
	case "tag":
		return fmt.Sprintf("type 0x%04x, VLAN %d, priority %d", u>>16, u&0xfff, u>>13&7)
	case "label":
		return labelText(u, true)
	case "format":
		return ""
	}
	return sflowEnums[typ][u]
}

var upDown = [...]string{"down", "up"}

var sourceTypes = map[uint32]string{0: "ifIndex", 1: "smonVlanDataSource", 2: "entPhysicalEntry"}

func sourceText(typ, index uint32) string {
	if name := sourceTypes[typ]; typ == 0 {
		return name
	} else if name != "" {
		return fmt.Sprintf("%s %d", name, index)
	}
	return fmt.Sprintf("type %d, index %d", typ, index)
}

// interfaceText reads an interface of a flow sample: a format in two bits, a
// value in thirty.
func interfaceText(format, value uint32) string {
	switch {
	case format == 0 && value == 0:
		return "unknown"
	case format == 0 && value == 1<<30-1:
		return "the device itself"
	case format == 0:
		return "ifIndex"
	case format == 1:
		return "discarded: " + strings.TrimSpace(fmt.Sprint(value, " ", sflowEnums["reason"][value]))
	case format == 2 && value == 0:
		return "several interfaces"
	case format == 2:
		return fmt.Sprintf("%d interfaces", value)
	}
	return fmt.Sprintf("format %d, value %d", format, value)
}

// xdrString takes a length, as many octets, and padding to a multiple of 4.
func (r *reader) xdrString(name string, isText bool) bool {
	if r.left() < 4 {
		return false
	}
	v, size := r.uint(4, name+" length")
	size.in("octets")
	if v > uint64(r.left()) {
		size.note("the record has less")
		return false
	}
	if v == 0 {
		return true
	}
	n := r.leaf(int(v), name)
	if isText {
		n.quoted, n.Value = true, text(r.octets(n))
	}
	pad := -int(v) & 3
	if r.left() < pad {
		return false
	}
	if pad > 0 {
		r.padding(r.leaf(pad, "padding"))
	}
	return true
}

// xdrList takes a list of numbers with its length before it. A path is a list of
// segments, each with a type and a list of AS numbers.
func (r *reader) xdrList(name, typ string) bool {
	if r.left() < 4 {
		return false
	}
	v, size := r.uint(4, name+" count")
	least := uint64(4)
	if typ == "path" {
		least = 8
	}
	if v*least > uint64(r.left()) {
		size.note("the record has less")
		return false
	}
	one := map[string]string{"labels": "label", "tags": "tag"}[typ]
	for i := range v {
		if typ != "path" {
			r.member(fmt.Sprintf("%s %d", name, i+1), one)
			continue
		}
		parent := r.open(fmt.Sprintf("segment %d", i+1), "")
		_, ok := r.members(sflow.Structures[typ])
		r.close(parent)
		if !ok {
			return false
		}
	}
	return true
}

func (r *reader) xdrStructures(name, typ string) bool {
	if r.left() < 4 {
		return false
	}
	v, size := r.uint(4, name+" count")
	if v > uint64(r.left()/4) {
		size.note("the record has less")
		return false
	}
	for i := range v {
		parent := r.open(fmt.Sprintf("%s %d", strings.TrimSuffix(name, "s"), i+1), "")
		_, ok := r.members(sflow.Structures[typ])
		r.close(parent)
		if !ok {
			return false
		}
	}
	return true
}
