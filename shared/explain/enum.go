package explain

import (
	"fmt"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// enumerations are the meanings of IANA's elements that have a registry of
// values, or a list of them in their description.
var enumerations = map[uint16]map[uint64]string{
	35:  {1: "deterministic", 2: "random"},
	38:  {0: "RP", 1: "VIP/linecard", 2: "PFC/DFC"},
	46:  {0: "unknown", 1: "TE-MIDPT", 2: "Pseudowire", 3: "VPN", 4: "BGP", 5: "LDP"},
	60:  {4: "IPv4", 6: "IPv6"},
	61:  {0: "ingress", 1: "egress"},
	136: {1: "idle timeout", 2: "active timeout", 3: "end of flow detected", 4: "forced end", 5: "lack of resources"},
	229: {1: "private", 2: "public"},
	230: {1: "NAT translation create", 2: "NAT translation delete", 3: "NAT addresses exhausted", 4: "NAT44 session create",
		5: "NAT44 session delete", 6: "NAT64 session create", 7: "NAT64 session delete", 8: "NAT44 BIB create", 9: "NAT44 BIB delete",
		10: "NAT64 BIB create", 11: "NAT64 BIB delete", 12: "NAT ports exhausted", 13: "quota exceeded", 14: "address binding create",
		15: "address binding delete", 16: "port block allocation", 17: "port block de-allocation", 18: "threshold reached"},
	233: {0: "ignore", 1: "flow created", 2: "flow deleted", 3: "flow denied", 4: "flow alert", 5: "flow update"},
	239: {0: "arbitrary", 1: "initiator", 2: "reverseInitiator", 3: "perimeter"},
	256: {0x0800: "IPv4", 0x0806: "ARP", 0x8100: "802.1Q", 0x86dd: "IPv6", 0x8847: "MPLS", 0x8848: "MPLS, upstream labels",
		0x8863: "PPPoE discovery", 0x8864: "PPPoE session", 0x88a8: "802.1ad", 0x88cc: "LLDP", 0x8809: "slow protocols", 0x888e: "EAPOL",
		0x88e5: "MACsec", 0x88f7: "PTP", 0x8906: "FCoE", 0x9100: "QinQ", 0x6558: "transparent Ethernet"},
	277: {0: "invalid", 1: "physical port", 2: "port channel", 3: "VLAN"},
	297: {0: "unknown", 1: "NAT44", 2: "NAT64", 3: "NAT46", 4: "IPv4, no NAT", 5: "NAT66", 6: "IPv6, no NAT"},
	304: {0: "reserved", 1: "systematic count-based", 2: "systematic time-based", 3: "random n-out-of-N", 4: "uniform probabilistic",
		5: "property match", 6: "hash-based, BOB", 7: "hash-based, IPSX", 8: "hash-based, CRC", 9: "flow-state dependent"},
	466: {1: "maximum session entries", 2: "maximum BIB entries", 3: "maximum entries per user", 4: "maximum active hosts", 5: "maximum fragments pending"},
	467: {1: "address pool, high", 2: "address pool, low", 3: "address and port mapping, high", 4: "mappings per user, high", 5: "global address mapping, high"},
}

// forwarding are the reasons of IE 89, forwardingStatus, whose two high bits are
// a class.
var (
	forwardingClasses = [...]string{"unknown", "forwarded", "dropped", "consumed"}
	forwarding        = map[uint64]string{
		65: "fragmented", 66: "not fragmented", 67: "tunneled", 68: "ACL redirect",
		129: "ACL deny", 130: "ACL drop", 131: "unroutable", 132: "adjacency", 133: "fragmentation and DF set", 134: "bad header checksum",
		135: "bad total length", 136: "bad header length", 137: "bad TTL", 138: "policer", 139: "WRED", 140: "RPF", 141: "for us",
		142: "bad output interface", 143: "hardware", 193: "punt adjacency", 194: "incomplete adjacency", 195: "for us",
	}
)

// applicationEngines are the engines of application ids (RFC 6759 §4.1).
var applicationEngines = map[byte]string{
	1: "IANA-L3", 2: "PANA-L3", 3: "IANA-L4", 4: "PANA-L4", 6: "USER-Defined", 12: "PANA-L2", 13: "PANA-L7", 18: "ETHERTYPE", 19: "LLC",
	20: "PANA-L7-PEN",
}

// enumeration says what the number u means as a value of IANA's element id, ""
// where it is only a number.
func enumeration(id uint16, u uint64) string {
	switch id {
	case 4, 193:
		if u < 256 {
			return flow.ProtoName(uint8(u))
		}
	case 5, 55:
		return tosText(uint8(u))
	case 6:
		return tcpFlags(uint16(u))
	case 32, 139:
		if u == 0 {
			return "" // an echo reply, or no ICMP at all
		}
		return icmpText(id == 139, uint8(u>>8), uint8(u), true)
	case 89:
		if u > 255 {
			return ""
		}
		t := forwardingClasses[u>>6]
		if reason := forwarding[u]; reason != "" {
			t += ", " + reason
		}
		return t
	case 176, 178: // types without their codes
		return icmpText(id == 178, uint8(u), 0, false)
	case 339:
		if u <= uint64(ie.Unsigned256) {
			return ie.Type(u).String()
		}
	case 344:
		if u <= uint64(ie.SNMPGauge) {
			return ie.Semantics(u).String()
		}
	}
	return enumerations[id][u]
}

var flagNames = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS", "0x200", "0x400", "0x800"}

// tcpFlags names the flags of TCP that are set.
func tcpFlags(v uint16) string {
	var set []string
	for i, name := range flagNames {
		if v&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, " ")
}

var classes = map[uint8]string{0: "CS0", 8: "CS1", 16: "CS2", 24: "CS3", 32: "CS4", 40: "CS5", 48: "CS6", 56: "CS7", 46: "EF", 44: "VA",
	10: "AF11", 12: "AF12", 14: "AF13", 18: "AF21", 20: "AF22", 22: "AF23", 26: "AF31", 28: "AF32", 30: "AF33", 34: "AF41", 36: "AF42",
	38: "AF43", 1: "LE"}

// tosText reads the octet that IPv4 calls type of service and IPv6 traffic class
// (RFC 2474, RFC 3168).
func tosText(v uint8) string {
	if v == 0 {
		return ""
	}
	t := "DSCP " + fmt.Sprint(v>>2)
	if name := classes[v>>2]; name != "" {
		t += " " + name
	}
	if ecn := v & 3; ecn != 0 {
		t += ", ECN " + [...]string{"", "ECT(1)", "ECT(0)", "CE"}[ecn]
	}
	return t
}

var icmpTypes = map[uint8]string{0: "echo reply", 3: "destination unreachable", 4: "source quench", 5: "redirect", 8: "echo request",
	9: "router advertisement", 10: "router solicitation", 11: "time exceeded", 12: "parameter problem", 13: "timestamp", 14: "timestamp reply"}

var icmp6Types = map[uint8]string{1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem",
	128: "echo request", 129: "echo reply", 133: "router solicitation", 134: "router advertisement", 135: "neighbor solicitation",
	136: "neighbor advertisement", 137: "redirect", 143: "MLDv2 report"}

var unreachable = map[uint8]string{0: "net", 1: "host", 2: "protocol", 3: "port", 4: "fragmentation needed", 9: "net prohibited",
	10: "host prohibited", 13: "prohibited"}

// icmpText names a type of ICMP, or of ICMPv6, and its code if it has one.
func icmpText(six bool, typ, code uint8, coded bool) string {
	name := icmpTypes[typ]
	if six {
		name = icmp6Types[typ]
	}
	if name == "" {
		name = fmt.Sprintf("type %d", typ)
	}
	switch {
	case !coded:
	case !six && typ == 3 && unreachable[code] != "":
		name += ", " + unreachable[code]
	default:
		name += fmt.Sprintf(", code %d", code)
	}
	return name
}

// labelText reads an entry of an MPLS label stack (RFC 3032 §2.1): of 32 bits,
// or of 24 without the time to live.
func labelText(v uint32, ttl bool) string {
	t := ""
	if ttl {
		t = fmt.Sprintf(", TTL %d", v&255)
		v >>= 8
	}
	t = fmt.Sprintf("label %d, TC %d", v>>4, v>>1&7) + t
	if v&1 != 0 {
		t += ", bottom"
	}
	return t
}
