package explain

import "github.com/weirflow/weir/shared/sflow"

// The names of formats, for their tags.
var (
	flowNames    = formatNames(sflow.Flows)
	counterNames = formatNames(sflow.Counters)
)

func formatNames(formats map[uint32]sflow.Format) map[uint32]string {
	m := map[uint32]string{}
	for number, f := range formats {
		m[number] = f.Name
	}
	return m
}

// sflowEnums are the meanings of numbers, by the types of fields.
var sflowEnums = map[string]map[uint32]string{
	"protocol": {1: "Ethernet", 2: "token bus", 3: "token ring", 4: "FDDI", 5: "frame relay", 6: "X.25", 7: "PPP", 8: "SMDS", 9: "AAL5",
		10: "AAL5 IP", 11: "IPv4", 12: "IPv6", 13: "MPLS", 14: "POS", 15: "802.11 MAC", 16: "802.11 A-MPDU", 17: "802.11 A-MSDU",
		18: "InfiniBand"},
	"sourceType": sourceTypes,
	"ifFormat":   {0: "ifIndex", 1: "discarded, for the reason", 2: "several interfaces"},
	"ifType":     {1: "other", 6: "ethernetCsmacd", 24: "softwareLoopback", 53: "propVirtual", 71: "ieee80211", 131: "tunnel", 135: "l2vlan", 136: "l3ipvlan", 161: "ieee8023adLag", 166: "mpls"},
	"duplex":     {0: "unknown", 1: "full duplex", 2: "half duplex", 3: "in", 4: "out"},
	"truth":      {1: "true", 2: "false"},
	"side":       {1: "source", 2: "destination"},
	"segment":    {1: "AS_SET", 2: "AS_SEQUENCE"},
	"acl":        {0: "unknown", 1: "ingress", 2: "egress"},
	"wlan":       {1: "802.11a", 2: "802.11b", 3: "802.11g", 4: "802.11n"},
	"http":       {0: "OTHER", 1: "OPTIONS", 2: "GET", 3: "HEAD", 4: "POST", 5: "PUT", 6: "DELETE", 7: "TRACE", 8: "CONNECT"},
	"app": {0: "success", 1: "other", 2: "timeout", 3: "internal error", 4: "bad request", 5: "forbidden", 6: "too large", 7: "not implemented",
		8: "not found", 9: "unavailable", 10: "unauthorized"},
	"machine": {0: "unknown", 1: "other", 2: "x86", 3: "x86_64", 4: "ia64", 5: "sparc", 6: "alpha", 7: "powerpc", 8: "m68k", 9: "mips",
		10: "arm", 11: "hppa", 12: "s390"},
	"os": {0: "unknown", 1: "other", 2: "linux", 3: "windows", 4: "darwin", 5: "hpux", 6: "aix", 7: "dragonfly", 8: "freebsd", 9: "netbsd",
		10: "openbsd", 11: "osf", 12: "solaris"},
	"domain": {0: "no state", 1: "running", 2: "blocked", 3: "paused", 4: "shutting down", 5: "shut off", 6: "crashed"},
	"reason": {0: "net unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable", 4: "fragmentation needed",
		5: "source route failed", 6: "destination net unknown", 7: "destination host unknown", 8: "source host isolated",
		9: "destination net prohibited", 10: "destination host prohibited", 11: "net unreachable for this ToS",
		12: "host unreachable for this ToS", 13: "communication prohibited", 14: "host precedence violation", 15: "precedence cutoff",
		256: "unknown", 257: "time to live exceeded", 258: "access list", 259: "no buffer space", 260: "RED", 261: "rate limit",
		262: "packet too large", 263: "unknown unicast", 264: "unknown L2 header"},
}
