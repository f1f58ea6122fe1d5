package flow

// ProtoName returns IANA's keyword of an IP protocol in lower case, as ECS and
// CIM write it, or "" where hardly anybody knows one.
func ProtoName(p uint8) string { return protoNames[p] }

var protoNames = [256]string{
	0: "hopopt", 1: "icmp", 2: "igmp", 3: "ggp", 4: "ipv4", 6: "tcp", 8: "egp", 9: "igp", 17: "udp",
	27: "rdp", 33: "dccp", 41: "ipv6", 43: "ipv6-route", 44: "ipv6-frag", 46: "rsvp", 47: "gre",
	50: "esp", 51: "ah", 58: "ipv6-icmp", 59: "ipv6-nonxt", 60: "ipv6-opts", 88: "eigrp", 89: "ospfigp",
	94: "ipip", 97: "etherip", 98: "encap", 103: "pim", 108: "ipcomp", 112: "vrrp", 115: "l2tp",
	124: "isis", 132: "sctp", 133: "fc", 135: "mobility", 136: "udplite", 137: "mpls-in-ip", 139: "hip",
	140: "shim6", 141: "wesp", 142: "rohc", 143: "ethernet",
}
