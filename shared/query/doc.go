// Package query knows what flow records are asked for. A [Request] is a question,
// an [Answer] what an engine says to it; [Ask] reads a [Question] in words, and
// [Question.Run] makes a [Table] of its answer. A filter says which records are meant:
// [Parse] reads one, [Filter.Match] tells whether a record
// passes, without allocating (but for patterns, now and then), and [Filter.Expr]
// gives the tree to those who write it in another language.
//
// The language is nfdump's, which network engineers know by heart, over all
// columns of a [flow.Flow] and all elements without one:
//
//	src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 1k
//	flags S and not flags AFRPU
//	exporter ip 192.0.2.1 and app_name ~ "^google" and natEvent = 4
//
// # Grammar
//
//	filter     = [ or ]                                nothing: every record
//	or         = and { ( "or" | "||" ) and }
//	and        = not { ( "and" | "&&" ) not }
//	not        = ( "not" | "!" ) not | "(" or ")" | term
//	term       = "any" | "ipv4" | "ipv6" | "inet" | "inet6"
//	           | field [ operator ] value
//	           | field "in" "[" value { [ "," ] value } "]"
//	           | field "exists"
//	operator   = "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
//	           | "eq" | "ne" | "lt" | "le" | "gt" | "ge"
//	field      = phrase | [ "src or dst" | "src and dst" ] noun | name
//
// Words are letters, digits and _ . : / + -; other texts stand in ' or ", with
// no escapes. Case counts in texts and in the names of elements without a
// column, nowhere else. A "#" begins a comment, which ends with the line. Limits
// are [MaxText], [MaxDepth], [MaxTerms] and [MaxList]; errors are of type
// [SyntaxError], and point at the place.
//
// # Fields
//
// The first of each line is how [Filter.String] writes it.
//
//	src ip, src host, src net          source address
//	dst ip, dst host, dst net          destination address
//	ip, host, net                      either
//	src port, dst port, port           port, of the source, the destination, either
//	proto                              IP protocol
//	flags                              TCP flags, of flows whose protocol is TCP
//	icmp-type, icmp-code               of flows whose protocol is ICMP or ICMPv6
//	tos, dscp                          class of service, its upper six bits
//	ttl                                time to live
//	bytes, in bytes                    octets of layer 3
//	packets, in packets                packets
//	flows                              deltaFlowCount, of aggregated records
//	duration                           end − start
//	bps, pps, bpp                      bits and packets a second, bytes a packet
//	in if, out if, if                  interface
//	src as, dst as, as                 autonomous system
//	next as, prev as, previous as      the next one on the way, the one before
//	src mask, dst mask, mask           length of the prefix
//	src vlan, dst vlan, vlan           VLAN
//	src mac, dst mac, mac              MAC address
//	in vrf, ingress vrf                VRF
//	out vrf, egress vrf                VRF
//	vrf                                either
//	next ip, next net                  next hop
//	bgpnext ip, bgpnext net            BGP's next hop
//	exporter ip, router ip             who observed the flow
//	sender ip, sender net              who sent the datagram, if it was another
//	src nat ip, src nip, src xip       translated source
//	dst nat ip, dst nip, dst xip       translated destination
//	nat ip, nip, xip                   either
//	src nat port, src nport, src xport translated port
//	dst nat port, dst nport, dst xport translated port
//	nat port, nport, xport             either
//	nat event                          natEvent
//	asa event, asa xevent              firewall event, and why (Cisco ASA)
//	flowdir, dir                       direction
//	fwdstat                            forwarding status
//	src country, src geo               country of the source
//	dst country, dst geo               country of the destination
//	country, geo                       either
//	observation domain id              observation domain, v9's source id
//	nfversion                          protocol version
//	mpls label1, mpls exp1             label and bits of the top of the stack
//
// All other fields go by their names: of a column that is IANA's
// (octetDeltaCount), the short one (bytes), Elastic's (source.bytes), Splunk's
// (bytes_out) or that of the struct's field; of an element without a column
// IANA's or its enterprise's, or the two numbers, as 9_12345. The name of an
// element that fills a column means the column. If a record holds an element
// several times, one that compares is enough.
//
// # Values
//
//	numbers      1500, 0x5dc, 1k 1m 1g 1t (powers of 1000), ranges 80-90
//	addresses    192.0.2.1, 2001:db8::1, 10.0.0.0/8, 10/8, 10.0.0.0 255.0.0.0;
//	             names are not looked up, networks of IPv6 hold no IPv4
//	times        2026-11-26T12:00:00Z (RFC 3339)
//	durations    1500 (ms, as nfdump has it), 10s, 1.5s, 5min; ns us ms s min h d
//	MACs         00:00:5e:00:53:01, 00-00-5e-00-53-01, 0000.5e00.5301
//	applications 3:53, engine and selector (RFC 6759)
//	names        proto tcp, flowdir egress, dscp ef, flowEndReason idle,
//	             fwdstat dropped, asa event denied, ether_type arp
//	countries    de, DE (ISO 3166-1)
//	octets       as the number that they are, up to eight
//
// TCP flags are letters of FSRPAUEC, X for the first six. "flags SA" holds if
// both are set, whatever the others are, "flags = SA" if no other is. "not flags
// AFRPU" holds if none of them is set: that is nfdump's way to ask for it. Not so
// "not (flags SA)", which is the opposite of "flags SA".
//
// Counters are as sampled, neither scaled up nor rounded. Rates are rounded down
// to whole numbers; in a flow of no duration they are 0. Of records without an
// ICMP type the destination port stands in for it, as Cisco has it.
//
// # What is not known
//
// A term about a field that the exporter did not send is unknown, not false; so
// is its opposite. Logic is Kleene's: not unknown is unknown; false and unknown
// is false; true or unknown is true; else a part that is unknown leaves the
// whole unknown. Match is true only if the filter holds for certain, so neither
// "port 53" nor "not port 53" finds a record without ports. Eval tells the three
// apart. "exists" is never unknown.
//
// # Differences from nfdump 1.7
//
//   - Fields that were not sent: nfdump takes them for 0, so that its "not port
//     53" finds records without ports.
//   - Durations are compared to the nanosecond, nfdump's are whole milliseconds.
//   - "ip" takes networks too, a list takes ranges, and "!=" is there.
//   - "not" before brackets negates flags like anything else; nfdump turns each
//     "flags SA" within into "S or A".
//   - A record of both directions is two flows, so that there are no "out bytes".
//   - No look-up of names, no include, no payload, no labels.
//
// # What was measured
//
// CPU time a record on a shared machine (Zen 5, Go 1.26), 20 columns:
//
//	dst port 443                                               5 ns
//	src net … and dst port in [80 443] and proto … and bytes … 9 ns
//	  the same in hand-written Go                              3 ns
//	bps > 10m and duration > 1s                                9 ns
//	app_name ~ "^goo"                                          41 ns
//
// A filter is a list of tests with jumps. Testing 64 records at once, a bit for
// each, gained nothing while they are rows: 10 ns became 8, and 14 became 18. Over
// columns it does ([Filter.Scan]; shared/query/engine): in one run on a busier
// machine the first filter took 1.3 ns instead of 16, the second 10 instead of 22.
package query
