"""sFlow 5 records that no exporter here sends, by sflow.org's "sFlow Version 5"
and "sFlow Structures".

With each sample comes what tshark must show of it, by its names for the fields.
"""
import traffic
from wire import be, ip

AGENT = "192.0.2.250"
SUB_AGENT = 4
UNKNOWN = 0xFFFFFFFF


def u32(*values):
    return b"".join(be(v, 4) for v in values)


def opaque(octets):
    return u32(len(octets)) + padded(octets)


def padded(octets):
    return octets + bytes(-len(octets) % 4)


def tagged(format, octets):
    return u32(format, len(octets)) + octets


def address(text):
    octets = ip(text)
    return u32(1 if len(octets) == 4 else 2) + octets


def frame(i, family):
    """A packet of the traffic, and what is in it."""
    return [f for f in traffic.frames() if f.keys["ipVersion"] == family and f.keys["protocolIdentifier"] == traffic.TCP][i]


def header(f, octets=128):
    """The first octets of a packet, whose frame had a checksum of 4."""
    return tagged(1, u32(1, len(f.octets) + 4, 4) + opaque(f.octets[:octets]))


def said(f):
    return dict(f.keys, layer2OctetDeltaCount=len(f.octets) + 4)


def compact(sequence, source, rate, input, output, *records):
    return tagged(1, u32(sequence, source, rate, 1000, 0, input, output, len(records)) + b"".join(records))


def expanded(sequence, source, rate, input, output, *records):
    return tagged(3, u32(sequence, *source, rate, 1000, 0, *input, *output, len(records)) + b"".join(records))


def discarded(sequence, source, input, output, reason, *records):
    return tagged(5, u32(sequence, *source, 3, input, output, reason, len(records)) + b"".join(records))


def ethernet(f):
    """Sampled Ethernet: the frame's length without its checksum, and its addresses."""
    return tagged(2, u32(len(f.octets)) + padded(f.octets[6:12]) + padded(f.octets[:6]) + u32(f.keys["ethernetType"]))


def gateway(hop, own, source, peer, segments, communities, preference):
    path = b"".join(u32(kind, len(ases), *ases) for kind, ases in segments)
    return tagged(1003, address(hop) + u32(own, source, peer, len(segments)) + path +
                  u32(len(communities), *communities, preference))


def samples():
    """Yields a sample, what is expected of it, and what tshark shows. A counter
    sample expects no record."""
    v4, v6 = frame(3, 4), frame(3, 6)
    head = dict(version=105, exporter=AGENT, observationDomainId=SUB_AGENT, packetDeltaCount=1)
    ports = {k: v4.keys[k] for k in ("sourceTransportPort", "destinationTransportPort")}

    # Interfaces beyond 24 bits; several outputs.
    yield expanded(1, (0, 0x01020304), 4096, (0, 0x01020304), (2, 3), header(v4)), \
        dict(head, **said(v4), samplingInterval=4096, ingressInterface=0x01020304), \
        {"sflow.flow_sample.sampling_rate": 4096, "sflow.flow_sample.input_interface_value": 0x01020304,
         "sflow.flow_sample.output_interface_value": 3, "sflow_245.header.frame_length": len(v4.octets) + 4}
    # From the device itself, and dropped by an access list: no ifIndex on either side.
    yield expanded(2, (0, 5), 100, (0, 0x3FFFFFFF), (1, 258), header(v6)), \
        dict(head, **said(v6), samplingInterval=100, forwardingStatus=130), \
        {"sflow.flow_sample.input_interface_value": 0x3FFFFFFF, "sflow.flow_sample.output_interface_value": 258}
    # A router of IPv6 whose way to the destination is a sequence and a set.
    yield compact(3, 7, 512, 7, 9, header(v6), tagged(1001, u32(100, 3, 200, 5)),
                  tagged(1002, address("2001:db8::1") + u32(48, 64)),
                  gateway("2001:db8::2", 64500, 64501, 64502, [(2, [64502, 4200000000]), (1, [64503, 64504])],
                          [64500 << 16 | 1, 64500 << 16 | 2], 150)), \
        dict(head, **said(v6), samplingInterval=512, ingressInterface=7, egressInterface=9, vlanId=100, postVlanId=200,
             ipNextHopIPv6Address="2001:db8::1", sourceIPv6PrefixLength=48, destinationIPv6PrefixLength=64,
             bgpNextHopIPv6Address="2001:db8::2", bgpSourceAsNumber=64501, bgpDestinationAsNumber=64504), \
        {"sflow_245.vlan.in": 100, "sflow_245.vlan.out": 200, "sflow_245.pri.in": 3, "sflow_245.pri.out": 5,
         "sflow_245.nexthop.v6": ["2001:db8::1", "2001:db8::2"], "sflow_245.nexthop.src_mask": 48,
         "sflow_245.nexthop.dst_mask": 64, "sflow_245.as": 64500, "sflow_245.srcAS": 64501, "sflow_245.peerAS": 64502,
         "sflow_245.localpref": 150}
    # No header, but what was in it: IPv4, with its user, its translation and its labels.
    yield compact(4, 7, 1, 7, 9,
                  tagged(3, u32(v4.keys["octetDeltaCount"], 6) + v4.octets[26:34] + u32(*ports.values(), 0x18, 0x28)),
                  tagged(1004, u32(3) + opaque(b"alice") + u32(3) + opaque(b"")),
                  tagged(1007, address("203.0.113.1") + address("198.51.100.81")),
                  tagged(1006, address("192.0.2.1") + u32(2, 16001 << 12 | 64, 16002 << 12 | 1 << 8 | 63, 0))), \
        dict(head, samplingInterval=1, ingressInterface=7, egressInterface=9, octetDeltaCount=v4.keys["octetDeltaCount"],
             protocolIdentifier=6, ipClassOfService=0x28, tcpControlBits=0x18, userName="alice",
             sourceIPv4Address=v4.keys["sourceIPv4Address"], destinationIPv4Address=v4.keys["destinationIPv4Address"],
             postNATSourceIPv4Address="203.0.113.1", postNATDestinationIPv4Address="198.51.100.81",
             ipNextHopIPv4Address="192.0.2.1", mplsTopLabelStackSection=16001 << 4, **ports), \
        {"sflow_245.ipv4_src": [v4.keys["sourceIPv4Address"], "203.0.113.1"],
         "sflow_245.ipv4_dst": [v4.keys["destinationIPv4Address"], "198.51.100.81"],
         "sflow_245.ip.source_port": ports["sourceTransportPort"], "sflow.ip_protocol": 6,
         "sflow_5.extended_user.source_user": "alice", "sflow_245.nexthop": "192.0.2.1",
         "sflow_245.extended_mpls.in_label": [16001 << 12 | 64, 16002 << 12 | 1 << 8 | 63]}
    # IPv6 so, over Ethernet that was sampled too.
    yield compact(5, 7, 1, 7, 9, ethernet(v6),
                  tagged(4, u32(v6.keys["octetDeltaCount"], 6) + v6.octets[22:54] +
                         u32(v6.keys["sourceTransportPort"], v6.keys["destinationTransportPort"], 2, 0))), \
        dict(head, samplingInterval=1, ingressInterface=7, egressInterface=9, tcpControlBits=2,
             layer2OctetDeltaCount=len(v6.octets), **{k: v6.keys[k] for k in (
                 "octetDeltaCount", "protocolIdentifier", "sourceMacAddress", "destinationMacAddress", "ethernetType",
                 "sourceIPv6Address", "destinationIPv6Address", "sourceTransportPort", "destinationTransportPort")}), \
        {"sflow_245.ethernet.source_mac_address": v6.keys["sourceMacAddress"],
         "sflow_245.ethernet.packet_type": 0x86DD, "sflow_245.ipv6_src": v6.keys["sourceIPv6Address"],
         "sflow_245.ipv6_dst": v6.keys["destinationIPv6Address"], "sflow_245.ip.length": v6.keys["octetDeltaCount"]}
    # A packet that an access list discarded. tshark does not know such samples.
    yield discarded(6, (0, 7), 7, 0, 258, header(v4)), \
        dict(head, **said(v4), ingressInterface=7, forwardingStatus=130), {"sflow_245.sampletype": 5}
    # Counters of an interface, in both forms; all but one unknown in the second.
    yield tagged(2, u32(7, 7, 1) + tagged(1, interface(7))), None, \
        {"sflow_245.ifindex": 7, "sflow_245.ifinoct": 2**40 + 1, "sflow_245.ifinunk": 1006,
         "sflow_245.ifouterr": 2005, "sflow_245.ifpromisc": 2}
    yield tagged(4, u32(8, 0, 0x01020304, 1) + tagged(1, interface(0x01020304, known=False))), None, {"sflow_245.ifindex": 0x01020304, "sflow_245.ifpromisc": UNKNOWN}


def interface(index, known=True):
    """Generic interface counters; what is not known is all bits."""
    if not known:
        return u32(index, 6) + be(0, 8) + u32(0, 3) + u32(*[UNKNOWN] * 16)
    return u32(index, 6) + be(10**10, 8) + u32(1, 3) + be(2**40 + 1, 8) + u32(1001, 1002, 1003, 1004, 1005, 1006) + \
        be(2**40 + 2, 8) + u32(2001, 2002, 2003, 2004, 2005) + u32(2)


def captures():
    """Yields name, datagrams, expected records, the counts of all else,
    and what tshark shows of each sample."""
    all, records, shown = [], [], []
    for octets, record, fields in samples():
        all.append(octets)
        shown.append(fields)
        if record:
            records.append(record)
    datagram = u32(5) + address(AGENT) + u32(SUB_AGENT, 1, 3_600_000, len(all)) + b"".join(all)
    yield "sflow/records", [datagram], records, dict(counters=len(all) - len(records)), shown
