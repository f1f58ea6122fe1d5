"""NetFlow v6 and v8, which no exporter can be had for.

There is no RFC. v8's layouts are those of Cisco's "NetFlow Export Datagram
Format"; v6, which Cisco never documented, is flow-tools'. An entry is an
element's name and its octets; None is padding.
"""
from cflow import rfc3339
from names import IANA, ID
from wire import EXPORT, UPTIME, be, ip

SUMS = [("deltaFlowCount", 4), ("packetDeltaCount", 4), ("octetDeltaCount", 4), ("first", 4), ("last", 4)]
SRC_AS, DST_AS = ("bgpSourceAsNumber", 2), ("bgpDestinationAsNumber", 2)
IN, OUT = ("ingressInterface", 2), ("egressInterface", 2)
SRC, DST = ("sourceIPv4Address", 4), ("destinationIPv4Address", 4)
SRC_MASK, DST_MASK = ("sourceIPv4PrefixLength", 1), ("destinationIPv4PrefixLength", 1)
SRC_PORT, DST_PORT = ("sourceTransportPort", 2), ("destinationTransportPort", 2)
PROTO, TOS = ("protocolIdentifier", 1), ("ipClassOfService", 1)
ROUTER = ("ipv4RouterSc", 4)
FLOW = [("packetDeltaCount", 4), ("octetDeltaCount", 4), ("first", 4), ("last", 4)]
EXTRA = [(None, 4), ROUTER]  # packets beyond the contract


def pad(n):
    return None, n


# By number of the aggregation scheme.
SCHEMES = {
    1: SUMS + [SRC_AS, DST_AS, IN, OUT],
    2: SUMS + [PROTO, pad(3), SRC_PORT, DST_PORT],
    3: SUMS + [SRC, SRC_MASK, pad(1), SRC_AS, IN, pad(2)],
    4: SUMS + [DST, DST_MASK, pad(1), DST_AS, OUT, pad(2)],
    5: SUMS + [SRC, DST, DST_MASK, SRC_MASK, pad(2), SRC_AS, DST_AS, IN, OUT],
    6: [DST] + FLOW + [OUT, TOS, pad(1)] + EXTRA,
    7: [DST, SRC] + FLOW + [OUT, IN, TOS, pad(1), pad(2)] + EXTRA,
    8: [DST, SRC, DST_PORT, SRC_PORT] + FLOW + [OUT, IN, TOS, PROTO, pad(1), pad(1)] + EXTRA,
    9: SUMS + [SRC_AS, DST_AS, IN, OUT, TOS, pad(3)],
    10: SUMS + [PROTO, TOS, pad(2), SRC_PORT, DST_PORT, IN, OUT],
    11: SUMS + [SRC, SRC_MASK, TOS, SRC_AS, IN, pad(2)],
    12: SUMS + [DST, DST_MASK, TOS, DST_AS, OUT, pad(2)],
    13: SUMS + [SRC, DST, DST_MASK, SRC_MASK, TOS, pad(1), SRC_AS, DST_AS, IN, OUT],
    14: SUMS + [SRC, DST, DST_MASK, SRC_MASK, TOS, PROTO, SRC_PORT, DST_PORT, IN, OUT],
}

V6 = [SRC, DST, ("ipNextHopIPv4Address", 4), IN, OUT, ("packetDeltaCount", 4), ("octetDeltaCount", 4), ("first", 4),
      ("last", 4), SRC_PORT, DST_PORT, pad(1), ("tcpControlBits", 1), PROTO, TOS, SRC_AS, DST_AS, SRC_MASK, DST_MASK,
      pad(1), pad(1), ("bgpNextHopIPv4Address", 4)]

# Two records, no value twice in one.
VALUES = [
    dict(deltaFlowCount=3, packetDeltaCount=1001, octetDeltaCount=1_500_002, first=UPTIME - 60_001, last=UPTIME - 1_002,
         sourceIPv4Address="10.20.1.0", destinationIPv4Address="198.51.100.0", ipNextHopIPv4Address="192.0.2.1",
         bgpNextHopIPv4Address="192.0.2.2", ipv4RouterSc="192.0.2.3", sourceIPv4PrefixLength=24,
         destinationIPv4PrefixLength=25, bgpSourceAsNumber=64500, bgpDestinationAsNumber=64501, ingressInterface=7,
         egressInterface=9, sourceTransportPort=40_000, destinationTransportPort=443, protocolIdentifier=6,
         ipClassOfService=0x28, tcpControlBits=0x1B),
    # Counters with their high bit set; what ended 4 ms after the header was stamped.
    dict(deltaFlowCount=0x80000001, packetDeltaCount=0xFFFFFFFE, octetDeltaCount=0x80000002, first=UPTIME - 30_003,
         last=UPTIME + 4, sourceIPv4Address="203.0.113.128", destinationIPv4Address="10.20.2.5",
         ipNextHopIPv4Address="0.0.0.0", bgpNextHopIPv4Address="192.0.2.254", ipv4RouterSc="0.0.0.0",
         sourceIPv4PrefixLength=32, destinationIPv4PrefixLength=16, bgpSourceAsNumber=65535, bgpDestinationAsNumber=23456,
         ingressInterface=65534, egressInterface=1, sourceTransportPort=53, destinationTransportPort=65533,
         protocolIdentifier=17, ipClassOfService=0xB8, tcpControlBits=0),
]


def record(layout, values):
    """Its octets, and what is expected of it."""
    octets, out = b"", {}
    for name, n in layout:
        if name is None:
            octets += bytes(n)
            continue
        v = values[name]
        if name in ("first", "last"):
            out[{"first": "flowStartMilliseconds", "last": "flowEndMilliseconds"}[name]] = \
                rfc3339(EXPORT * 10**9 + (v - UPTIME) * 10**6)
        else:
            out[name] = v
        octets += ip(v) if name in ID and IANA[ID[name]][1] == "ipv4Address" else be(v, n)
    return octets, out


def header(version, engine):
    return be(version, 2) + be(len(VALUES), 2) + be(UPTIME, 4) + be(EXPORT, 4) + be(0, 4) + be(100, 4) + be(engine, 2)


def captures():
    """Yields name, datagrams, expected records."""
    octets, expected = zip(*(record(V6, v) for v in VALUES))
    yield "v6/flow-tools", [header(6, 0x0304) + bytes(2) + b"".join(octets)], \
        [dict(version=6, exporter="127.0.0.1", observationDomainId=0x0304, **e) for e in expected]
    datagrams, records = [], []
    for scheme, layout in SCHEMES.items():
        octets, expected = zip(*(record(layout, v) for v in VALUES))
        # Engine, scheme, version 2 of the aggregation, 1 packet in 100 by mode 1.
        datagrams.append(header(8, 0x0304) + be(scheme, 1) + be(2, 1) + be(1 << 14 | 100, 2) + bytes(2) + b"".join(octets))
        records += [dict(version=8, exporter="127.0.0.1", observationDomainId=0x0304, samplingInterval=100, **e)
                    for e in expected]
    yield "v8/schemes", datagrams, records
