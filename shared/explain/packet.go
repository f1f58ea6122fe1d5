package explain

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// EtherTypes.
const (
	typeIPv4     = 0x0800
	typeARP      = 0x0806
	typeEthernet = 0x6558 // in GRE and Geneve
	typeVLAN     = 0x8100
	typeIPv6     = 0x86dd
	typeMPLS     = 0x8847
	typeMPLSUp   = 0x8848
	typePPPoE    = 0x8864
	typeQinQ     = 0x88a8
	typeQOld     = 0x9100
)

// maxDepth is how deep tunnels within tunnels are followed.
const maxDepth = 8

// section explains a value that is a piece of a packet. It returns false if the
// element n is none.
func (r *reader) section(n *Node, id uint16) bool {
	var read func()
	switch id {
	case 104, 315: // of layer 2
		read = r.ethernet
	case 313:
		read = r.ip
	case 316:
		read = r.mpls
	default:
		return false
	}
	if n.Length > 0 {
		r.within(n, read)
	}
	return true
}

const cut = "cut short: the sample ends here"

// need tells whether n octets are left. If not it takes what is left.
func (r *reader) need(n int, name string) bool {
	if r.left() >= n {
		return true
	}
	if r.rest(name, cut) == nil {
		r.leaf(0, name).note(cut)
	}
	return false
}

// payload takes what is left of a packet.
func (r *reader) payload() {
	if r.left() > 0 {
		r.leaf(r.left(), "payload")
	}
}

func (r *reader) mac(name string) {
	n := r.leaf(6, name)
	n.Value = ie.AppendJSON(nil, ie.MACAddress, r.octets(n))
}

// address takes an address of n octets, which is the value of element id.
func (r *reader) address(n int, name string, id uint16) {
	x := r.leaf(n, name)
	v := r.octets(x)
	typ := ie.IPv4Address
	if n == 16 {
		typ = ie.IPv6Address
	}
	x.Value = ie.AppendJSON(nil, typ, v)
	r.sum.add(flow.Element{ID: id}, v)
}

func (r *reader) etherType() uint16 {
	v, n := r.uint(2, "type")
	n.Text = "0x" + fmt.Sprintf("%04x", v)
	if name := enumeration(256, v); name != "" {
		n.Text += " " + name
	}
	return uint16(v)
}

// ethernet explains a frame (IEEE 802.3).
func (r *reader) ethernet() {
	parent := r.open("Ethernet", "IEEE 802.3")
	if !r.need(14, "header") {
		r.close(parent)
		return
	}
	r.mac("destination")
	r.mac("source")
	typ := r.etherType()
	for typ == typeVLAN || typ == typeQinQ || typ == typeQOld {
		if !r.need(4, "VLAN tag") {
			r.close(parent)
			return
		}
		v, n := r.uint(2, "VLAN tag")
		n.Ref = "IEEE 802.1Q"
		n.Text = fmt.Sprintf("VLAN %d, priority %d", v&0xfff, v>>13)
		if v&0x1000 != 0 {
			n.Text += ", drop eligible"
		}
		typ = r.etherType()
	}
	if typ < 0x600 {
		r.llc()
		r.close(parent)
		return
	}
	r.close(parent)
	r.above(typ)
}

// llc explains what follows a length in place of a type.
func (r *reader) llc() {
	r.on.Children[len(r.on.Children)-1].Text = "octets: IEEE 802.3 with LLC"
	if !r.need(3, "LLC") {
		return
	}
	n := r.leaf(3, "LLC")
	if r.d[n.Offset] != 0xaa || r.left() < 5 {
		r.payload()
		return
	}
	r.leaf(3, "SNAP organisation")
	r.above(r.etherType())
}

// above explains what a frame of this type carries.
func (r *reader) above(typ uint16) {
	if r.deep >= maxDepth {
		r.payload()
		return
	}
	r.deep++
	defer func() { r.deep-- }()
	switch typ {
	case typeIPv4, typeIPv6:
		r.ip()
	case typeARP:
		r.arp()
	case typeMPLS, typeMPLSUp:
		r.mpls()
	case typePPPoE:
		r.pppoe()
	case typeEthernet:
		r.ethernet()
	default:
		r.payload()
	}
}

func (r *reader) arp() {
	parent := r.open("ARP", "RFC 826")
	defer r.close(parent)
	if !r.need(8, "header") {
		return
	}
	r.uint(2, "hardware type")
	r.etherType()
	hw, _ := r.uint(1, "hardware length")
	pr, _ := r.uint(1, "protocol length")
	op, n := r.uint(2, "operation")
	n.Text = map[uint64]string{1: "request", 2: "reply"}[op]
	if hw != 6 || pr != 4 || !r.need(20, "addresses") {
		r.payload()
		return
	}
	r.mac("sender MAC")
	r.address(4, "sender address", 8)
	r.mac("target MAC")
	r.address(4, "target address", 12)
	if r.left() > 0 {
		r.leaf(r.left(), "padding of the frame")
	}
}

// mpls explains a label stack. What is below it has no type: its first four
// bits tell IP from others (RFC 4928 §3).
func (r *reader) mpls() {
	parent := r.open("MPLS", "RFC 3032 §2.1")
	for bottom := false; !bottom; {
		if !r.need(4, "label") {
			r.close(parent)
			return
		}
		v, n := r.uint(4, "label")
		n.number(v >> 12).Text = labelText(uint32(v), true)
		bottom = v&0x100 != 0
	}
	r.close(parent)
	if r.left() > 0 && (r.d[r.at]>>4 == 4 || r.d[r.at]>>4 == 6) {
		r.above(typeIPv4)
		return
	}
	r.payload()
}

func (r *reader) pppoe() {
	parent := r.open("PPPoE", "RFC 2516 §4")
	if !r.need(6, "header") {
		r.close(parent)
		return
	}
	r.uint(1, "version and type")
	r.uint(1, "code")
	r.uint(2, "session id")
	_, n := r.uint(2, "length")
	n.in("octets")
	r.close(parent)
	r.ppp()
}

// ppp explains a PPP frame, with HDLC's address and control octets or without.
func (r *reader) ppp() {
	parent := r.open("PPP", "RFC 1661 §2")
	if r.left() >= 2 && r.d[r.at] == 0xff && r.d[r.at+1] == 3 {
		r.leaf(2, "address and control")
	}
	if !r.need(2, "protocol") {
		r.close(parent)
		return
	}
	v, n := r.uint(2, "protocol")
	n.Text = map[uint64]string{0x21: "IPv4", 0x57: "IPv6", 0x281: "MPLS", 0xc021: "LCP"}[v]
	r.close(parent)
	r.above(map[uint64]uint16{0x21: typeIPv4, 0x57: typeIPv6, 0x281: typeMPLS}[v])
}

// ip explains a packet by the version that its first four bits state.
func (r *reader) ip() {
	switch {
	case r.left() == 0:
	case r.d[r.at]>>4 == 4:
		r.ipv4()
	case r.d[r.at]>>4 == 6:
		r.ipv6()
	default:
		r.payload()
	}
}

func (r *reader) ipv4() {
	parent := r.open("IPv4", "RFC 791 §3.1")
	if !r.need(20, "header") {
		r.close(parent)
		return
	}
	start := r.at
	v, n := r.uint(1, "version and header length")
	size := int(v&15) * 4
	n.Value, n.Text = nil, fmt.Sprintf("IPv4, %d octets", size)
	v, n = r.uint(1, "type of service")
	n.Text = tosText(uint8(v))
	total, n := r.uint(2, "total length")
	n.in("octets")
	r.uint(2, "identification")
	frag, n := r.uint(2, "flags and offset")
	n.Text = fragmentText(frag)
	r.uint(1, "time to live")
	proto := r.protocol("protocol")
	r.uint(2, "header checksum")
	r.address(4, "source", 8)
	r.address(4, "destination", 12)
	r.sum.add(flow.Element{ID: 1}, r.d[start+2:start+4])
	if size < 20 {
		n := r.on.Children[0]
		n.note("a header has at least 20 octets")
	} else if size > 20 && r.need(size-20, "options") {
		r.leaf(size-20, "options")
	}
	r.close(parent)
	end := r.end
	if e := start + int(total); int(total) >= size && e < r.end {
		r.end = e
	}
	if frag&0x1fff != 0 || size < 20 {
		r.payload()
	} else {
		r.transport(proto)
	}
	r.end = max(end, r.at)
	if r.left() > 0 {
		r.leaf(r.left(), "padding of the frame")
	}
}

func fragmentText(v uint64) string {
	var t string
	if v&0x4000 != 0 {
		t = "don't fragment"
	}
	if v&0x2000 != 0 {
		t = comma(t) + "more fragments"
	}
	if v&0x1fff != 0 {
		t = comma(t) + fmt.Sprintf("fragment at octet %d", v&0x1fff*8)
	}
	return t
}

func (r *reader) protocol(name string) uint8 {
	v, n := r.uint(1, name)
	n.Text = flow.ProtoName(uint8(v))
	return uint8(v)
}

func (r *reader) ipv6() {
	parent := r.open("IPv6", "RFC 8200 §3")
	if !r.need(40, "header") {
		r.close(parent)
		return
	}
	start := r.at
	v, n := r.uint(4, "version, class, label")
	n.Value, n.Text = nil, fmt.Sprintf("IPv6, flow label 0x%05x", v&0xfffff)
	if t := tosText(uint8(v >> 20)); t != "" {
		n.Text += ", " + t
	}
	size, n := r.uint(2, "payload length")
	n.in("octets")
	next := r.d[r.at]
	r.protocol("next header")
	r.uint(1, "hop limit")
	r.address(16, "source", 27)
	r.address(16, "destination", 28)
	if size > 0 {
		r.sum.add(flow.Element{ID: 1}, binary.BigEndian.AppendUint32(nil, uint32(size)+40))
	}
	r.close(parent)
	end := r.end
	if e := start + 40 + int(size); size > 0 && e < r.end {
		r.end = e
	}
	r.extensions(next)
	r.end = max(end, r.at)
	if r.left() > 0 {
		r.leaf(r.left(), "padding of the frame")
	}
}

var extensionNames = map[uint8]string{0: "hop-by-hop options", 43: "routing header", 44: "fragment header", 51: "authentication header",
	60: "destination options", 135: "mobility header", 139: "HIP", 140: "shim6"}

// extensions explains the extension headers of IPv6, and what follows them.
func (r *reader) extensions(next uint8) {
	for extensionNames[next] != "" {
		parent := r.open(extensionNames[next], "RFC 8200 §4")
		if !r.need(8, "header") {
			r.close(parent)
			return
		}
		kind, start := next, r.at
		next = r.d[r.at]
		r.protocol("next header")
		size := 8
		switch n := int(r.d[r.at]); kind {
		case 44:
		case 51:
			size = (n + 2) * 4
		default:
			size += n * 8
		}
		_, n := r.uint(1, "length")
		if kind == 44 {
			n.Name = "reserved"
			v, n := r.uint(2, "offset and flags")
			n.Text = fmt.Sprintf("fragment at octet %d", v&0xfff8)
			if v&1 != 0 {
				n.Text += ", more fragments"
			}
			r.uint(4, "identification")
			r.close(parent)
			if v&0xfff8 != 0 {
				r.payload()
				return
			}
			continue
		}
		n.Text = count(size, "octet") + " in all"
		if !r.need(start+size-r.at, "content") {
			r.close(parent)
			return
		}
		r.leaf(start+size-r.at, "content")
		r.close(parent)
	}
	r.transport(next)
}

// ports of tunnels over UDP.
const (
	portVXLAN    = 4789
	portVXLANOld = 8472
	portGeneve   = 6081
)

// transport explains what IP carries.
func (r *reader) transport(proto uint8) {
	r.sum.add(flow.Element{ID: 4}, []byte{proto})
	switch proto {
	case 6:
		r.tcp()
	case 17, 136:
		r.udp(proto)
	case 33, 132:
		parent := r.open(flow.ProtoName(proto), map[uint8]string{33: "RFC 4340 §5", 132: "RFC 9260 §3"}[proto])
		r.ports()
		r.payload()
		r.close(parent)
	case 1, 58:
		r.icmp(proto == 58)
	case 4, 41:
		r.above(typeIPv4)
	case 47:
		r.gre()
	default:
		r.payload()
	}
}

// ports takes source and destination port.
func (r *reader) ports() (dst uint16, ok bool) {
	if !r.need(4, "ports") {
		return 0, false
	}
	r.sum.add(flow.Element{ID: 7}, r.d[r.at:r.at+2])
	r.uint(2, "source port")
	r.sum.add(flow.Element{ID: 11}, r.d[r.at:r.at+2])
	v, _ := r.uint(2, "destination port")
	return uint16(v), true
}

func (r *reader) tcp() {
	parent := r.open("TCP", "RFC 9293 §3.1")
	defer r.close(parent)
	if _, ok := r.ports(); !ok || !r.need(16, "header") {
		return
	}
	r.uint(4, "sequence number")
	r.uint(4, "acknowledgment")
	v, n := r.uint(2, "offset and flags")
	size := int(v>>12) * 4
	n.Value, n.Text = nil, strconv.Itoa(size)+" octets, "+tcpFlags(uint16(v&0xfff))
	r.uint(2, "window")
	r.uint(2, "checksum")
	r.uint(2, "urgent pointer")
	if size > 20 && r.need(size-20, "options") {
		r.leaf(size-20, "options")
	}
	r.payload()
}

func (r *reader) udp(proto uint8) {
	name, ref := "UDP", "RFC 768"
	if proto == 136 {
		name, ref = "UDP-Lite", "RFC 3828 §3.1"
	}
	parent := r.open(name, ref)
	port, ok := r.ports()
	if !ok || !r.need(4, "header") {
		r.close(parent)
		return
	}
	_, n := r.uint(2, "length")
	n.in("octets")
	r.uint(2, "checksum")
	r.close(parent)
	switch {
	case proto != 17:
		r.payload()
	case (port == portVXLAN || port == portVXLANOld) && r.left() >= 8 && r.d[r.at]&8 != 0:
		r.vxlan()
	case port == portGeneve && r.left() >= 8 && r.d[r.at]>>6 == 0:
		r.geneve()
	default:
		r.payload()
	}
}

func (r *reader) vxlan() {
	parent := r.open("VXLAN", "RFC 7348 §5")
	r.leaf(4, "flags and reserved")
	r.vni()
	r.close(parent)
	r.above(typeEthernet)
}

func (r *reader) vni() {
	_, n := r.uint(3, "VNI")
	n.Text = "network identifier"
	r.leaf(1, "reserved")
}

func (r *reader) geneve() {
	parent := r.open("Geneve", "RFC 8926 §3.4")
	v, n := r.uint(2, "version and options")
	options := int(v>>8&0x3f) * 4
	n.Value, n.Text = nil, "version 0, "+count(options, "octet")+" of options"
	typ := r.etherType()
	r.vni()
	ok := r.need(options, "options")
	if ok && options > 0 {
		r.leaf(options, "options")
	}
	r.close(parent)
	if ok {
		r.above(typ)
	}
}

func (r *reader) gre() {
	parent := r.open("GRE", "RFC 2784 §2")
	if !r.need(4, "header") {
		r.close(parent)
		return
	}
	flags, n := r.uint(2, "flags and version")
	n.Value, n.Text = nil, fmt.Sprintf("version %d", flags&7)
	typ := r.etherType()
	if flags&0x4007 != 0 { // routes, or another version
		r.payload()
		r.close(parent)
		return
	}
	for _, x := range []struct {
		flag uint64
		name string
	}{{0x8000, "checksum and reserved"}, {0x2000, "key"}, {0x1000, "sequence number"}} {
		if flags&x.flag == 0 {
			continue
		}
		if !r.need(4, x.name) {
			r.close(parent)
			return
		}
		r.uint(4, x.name)
	}
	r.close(parent)
	r.above(typ)
}

func (r *reader) icmp(six bool) {
	name, ref := "ICMP", "RFC 792"
	if six {
		name, ref = "ICMPv6", "RFC 4443 §2.1"
	}
	parent := r.open(name, ref)
	defer r.close(parent)
	if !r.need(4, "header") {
		return
	}
	typ, n := r.uint(1, "type")
	n.Text = icmpText(six, uint8(typ), 0, false)
	code, n := r.uint(1, "code")
	if !six && typ == 3 {
		n.Text = unreachable[uint8(code)]
	}
	r.uint(2, "checksum")
	r.payload()
}
