package query

// Help is the language on a page, for commands.
const Help = `A filter chooses flow records. It is written as for nfdump, over all fields:

  src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 1k
  (host 192.0.2.7 or net 2001:db8::/32) and not port 53
  flags S and not flags AFRPU
  icmp-type 8 or duration > 5min or bps > 10m
  exporter ip 192.0.2.1 and in if 3 and src as in [64500 64510-64519]
  app_name ~ "^google" and start >= 2026-11-26T12:00:00Z
  octetDeltaCount > 1500 and natEvent = 4 and not user exists

Terms are joined by not, and, or (also ! && ||; not before and before or) and
brackets. Case doesn't matter, but in texts and in the names of elements without
a column; # begins a comment.

A term is a field, how it is compared, and a value:

  = != < <= > >=     also eq ne lt le gt ge; = may be left out
  in [1 2 8000-8100] one of these values or ranges
  ~ !~ "pattern"     a text and a regular expression (RE2)
  exists             whether the record has the field

Fields that nfdump has. Those with src and dst, or in and out, ask without them
for either; "src and dst port 53" asks for both:

  ip, src ip, dst ip                addresses, also host; net for a network
  port, src port, dst port          80, 0x50, 1024-2047
  proto                             tcp, 17
  flags                             SA: both are set; not flags SA: none is;
                                    = SA: these and no others; TCP only
  icmp-type, icmp-code              ICMP and ICMPv6 only
  tos, dscp, ttl                    dscp ef
  bytes, packets, flows             as sampled; 1k, 1m, 1g and 1t are powers of
                                    1000
  duration                          in ms, or with ns us ms s min h d behind it
  bps, pps, bpp                     bits and packets a second, bytes a packet
  if, in if, out if                 interfaces
  as, src as, dst as                also next as, prev as
  mask, src mask, dst mask          lengths of prefixes
  vlan, src vlan, dst vlan
  mac, src mac, dst mac             00:00:5e:00:53:01
  vrf, in vrf, out vrf
  next ip, bgpnext ip               the next hop
  exporter ip, sender ip            who observed the flow (also router ip), who
                                    sent the datagram where it was another
  nat ip, src nat ip, dst nat ip
  nat port, src nat port, dst nat port
  nat event, asa event, asa xevent  asa event denied
  flowdir                           ingress, egress
  fwdstat                           forwarded, dropped, consumed, or a number
  mpls label1, mpls exp1            of the top label
  country, src country, dst country DE, where an enricher knows it; also geo
  observation domain id
  nfversion                         5, 9, ipfix, sflow
  ipv4, ipv6, any

Any other field goes by its name: IANA's, the short one, Elastic's or Splunk's
(octetDeltaCount, bytes, source.bytes, bytes_out), or its numbers (9_12345).
Times are written 2026-11-26T12:00:00Z.

Where a record lacks a field, a comparison with it is unknown, and so is its
opposite: neither "port 53" nor "not port 53" finds a record without ports.
`
