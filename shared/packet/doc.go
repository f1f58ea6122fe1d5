// Package packet reads the first octets of a packet, as sFlow and IPFIX
// exporters sample them, into the columns of a flow.Flow.
//
// It knows Ethernet II and 802.3 with SNAP, 802.1Q and QinQ, MPLS, PPPoE and
// PPP, IPv4 with options, IPv6 with extension headers, fragments, TCP, UDP,
// UDP-Lite, DCCP, SCTP, ICMP and ICMPv6, and looks into GRE, IP in IP, VXLAN
// and Geneve. The columns describe the packet as it was on the wire; with
// Options.Inner they describe what a tunnel carries.
//
// A sample ends where it ends: what the octets at hand say is entered, what
// would lie behind them is left absent, and nothing is read beyond them. Nothing
// is allocated and nothing panics on any input.
//
// A frame with IPv4 and TCP takes about 8 ns.
package packet
