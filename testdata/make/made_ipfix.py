"""What IPFIX and v9 can say, and no exporter here does: structured data (RFC
6313), common properties (RFC 5473), elements that describe themselves (RFC
5610), and the events of Cisco's ASA.

What is expected is what the RFCs say that the octets mean. Of structured data,
an element is an object and a list is {"semantic": …, "elements": […]}.
"""
from cflow import rfc3339
from names import ID
from wire import EXPORT, VARIABLE, be, ip, ipfix, options, set_, template, v9, variable

SEMANTICS = {"noneOf": 0, "exactlyOneOf": 1, "oneOrMoreOf": 2, "allOf": 3, "ordered": 4, "undefined": 255}
EXAMPLE = 32473  # the enterprise of examples (RFC 5612)

BASIC, SUB, MULTI = ID["basicList"], ID["subTemplateList"], ID["subTemplateMultiList"]
SRC, DST = ID["sourceIPv4Address"], ID["destinationIPv4Address"]
SPORT, DPORT = ID["sourceTransportPort"], ID["destinationTransportPort"]
PROTO, IN, OUT = ID["protocolIdentifier"], ID["ingressInterface"], ID["egressInterface"]
OCTETS, PACKETS, NAME = ID["octetDeltaCount"], ID["packetDeltaCount"], ID["interfaceName"]


def basic(semantic, id, n, *values):
    """Section 4.5.1. id of another enterprise is a pair."""
    pen = b""
    if isinstance(id, tuple):
        id, pen = id[0] | 0x8000, be(id[1], 4)
    return be(SEMANTICS[semantic], 1) + be(id, 2) + be(n, 2) + pen + b"".join(values)


def sub(semantic, template, *records):
    """Section 4.5.2."""
    return be(SEMANTICS[semantic], 1) + be(template, 2) + b"".join(records)


def multi(semantic, *lists):
    """Section 4.5.3; a list is (template, record, ...)."""
    out = be(SEMANTICS[semantic], 1)
    for template, *records in lists:
        body = b"".join(records)
        out += be(template, 2) + be(4 + len(body), 2) + body
    return out


def long(octets):
    """With three octets of length, as the RFC recommends for lists."""
    return b"\xff" + be(len(octets), 2) + octets


def a_list(semantic, *elements):
    return dict(semantic=semantic, elements=list(elements))


def message(domain):
    return dict(version=10, exporter="127.0.0.1", observationDomainId=domain)


# Templates that lists name.
PORTS = [(SPORT, 2), (DPORT, 2), (PROTO, 1), (OCTETS, 8)]
PORTS_ID = 300


def ports(s, d, proto, n):
    return be(s, 2) + be(d, 2) + be(proto, 1) + be(n, 8), \
        dict(sourceTransportPort=s, destinationTransportPort=d, protocolIdentifier=proto, octetDeltaCount=n)


INTERFACE = [(IN, 4), (NAME, VARIABLE)]
INTERFACE_ID = 301


def interface(n, name):
    return be(n, 4) + variable(name.encode()), dict(ingressInterface=n, interfaceName=name)


def basic_list():
    """The first record is section 8.1's: a multicast flow and its egress interfaces."""
    fs = [(IN, 4), (SRC, 4), (DST, 4), (BASIC, VARIABLE)]
    head = be(9, 4) + ip("192.0.2.201") + ip("233.252.0.1")
    said = dict(message(6313), ingressInterface=9, sourceIPv4Address="192.0.2.201", destinationIPv4Address="233.252.0.1")
    out = lambda *ns: [dict(egressInterface=n) for n in ns]
    long_name = "x" * 300
    lists = [
        (long(basic("allOf", OUT, 4, be(1, 4), be(4, 4), be(8, 4))), a_list("allOf", *out(1, 4, 8))),
        # The same, of a flow that one of them was chosen for; the length in one octet.
        (variable(basic("exactlyOneOf", OUT, 4, be(1, 4), be(4, 4), be(8, 4))), a_list("exactlyOneOf", *out(1, 4, 8))),
        # Reduced size (RFC 7011 section 6.2); none; variable length, one beyond 254.
        (long(basic("ordered", OUT, 2, be(8, 2), be(1, 2))), a_list("ordered", *out(8, 1))),
        (long(basic("noneOf", OUT, 4)), a_list("noneOf")),
        (long(basic("oneOrMoreOf", NAME, VARIABLE, variable(b"eth0"), variable(b""), variable(long_name.encode()))),
         a_list("oneOrMoreOf", *[dict(interfaceName=n) for n in ("eth0", "", long_name)])),
    ]
    data = set_(256, *[head + octets for octets, _ in lists])
    # In a set of its own, a list whose length the template states.
    fixed = basic("undefined", OUT, 4, be(5, 4))
    short = set_(257, ip("192.0.2.7") + fixed)
    return [ipfix(6313, 0, template(10, 256, fs), template(10, 257, [(SRC, 4), (BASIC, len(fixed))]), data, short)], \
        [dict(said, basicList=l) for _, l in lists] + \
        [dict(message(6313), sourceIPv4Address="192.0.2.7", basicList=a_list("undefined", *out(5)))], dict(templates=2)


def sub_template_list():
    fs = [(SRC, 4), (DST, 4), (SUB, VARIABLE), (OCTETS, 8)]
    head = ip("192.0.2.1") + ip("192.0.2.105")
    said = dict(message(6313), sourceIPv4Address="192.0.2.1", destinationIPv4Address="192.0.2.105")
    a, b, c = ports(1025, 80, 6, 108_000), ports(1026, 80, 6, 0xFFFFFFFFFF), ports(1027, 53, 17, 64)
    one, two = interface(7, "xe-0/0/1"), interface(9, "")
    return [ipfix(6313, 0, template(10, PORTS_ID, PORTS), template(10, INTERFACE_ID, INTERFACE), template(10, 258, fs)),
            ipfix(6313, 0, set_(258, head + long(sub("allOf", PORTS_ID, a[0], b[0], c[0])) + be(1, 8),
                                head + long(sub("exactlyOneOf", INTERFACE_ID, one[0], two[0])) + be(2, 8),
                                head + long(sub("noneOf", INTERFACE_ID)) + be(3, 8)))], \
        [dict(said, subTemplateList=a_list("allOf", a[1], b[1], c[1]), octetDeltaCount=1),
         dict(said, subTemplateList=a_list("exactlyOneOf", one[1], two[1]), octetDeltaCount=2),
         dict(said, subTemplateList=a_list("noneOf"), octetDeltaCount=3)], dict(templates=3)


def sub_template_multi_list():
    fs = [(SRC, 4), (MULTI, VARIABLE), (DST, 4)]
    a, b = ports(1025, 80, 6, 108_000), ports(1026, 443, 6, 1)
    one, two = interface(7, "xe-0/0/1"), interface(9, "lag9")
    said = dict(message(6313), sourceIPv4Address="192.0.2.3", destinationIPv4Address="192.0.2.4")
    record = lambda l: ip("192.0.2.3") + long(l) + ip("192.0.2.4")
    return [ipfix(6313, 0, template(10, PORTS_ID, PORTS), template(10, INTERFACE_ID, INTERFACE), template(10, 259, fs),
                  set_(259, record(multi("allOf", (PORTS_ID, a[0], b[0]), (INTERFACE_ID, one[0], two[0]))),
                       record(multi("oneOrMoreOf", (INTERFACE_ID, two[0]), (PORTS_ID, b[0]), (INTERFACE_ID, one[0]))),
                       record(multi("noneOf"))))], \
        [dict(said, subTemplateMultiList=a_list("allOf", a[1], b[1], one[1], two[1])),
         dict(said, subTemplateMultiList=a_list("oneOrMoreOf", two[1], b[1], one[1])),
         dict(said, subTemplateMultiList=a_list("noneOf"))], dict(templates=3)


def nested():
    """A list in a list in a list, and two lists of one kind in a record."""
    participant = 302
    list_of_ports = lambda *ns: (variable(basic("allOf", DPORT, 2, *[be(n, 2) for n in ns])),
                                 a_list("allOf", *[dict(destinationTransportPort=n) for n in ns]))
    one, two = list_of_ports(80, 443), list_of_ports(53)
    attackers = long(sub("allOf", participant, ip("192.0.2.3") + one[0], ip("192.0.2.103") + two[0]))
    return [ipfix(6313, 0, template(10, participant, [(SRC, 4), (BASIC, VARIABLE)]),
                  template(10, 303, [(PROTO, 1), (SUB, VARIABLE)]),
                  template(10, 260, [(IN, 4), (MULTI, VARIABLE), (BASIC, VARIABLE), (BASIC, VARIABLE)]),
                  set_(260, be(4, 4) + long(multi("exactlyOneOf", (303, be(17, 1) + attackers))) + one[0] + two[0]))], \
        [dict(message(6313), ingressInterface=4, basicList=one[1], basicList_2=two[1],
              subTemplateMultiList=a_list("exactlyOneOf", dict(protocolIdentifier=17, subTemplateList=a_list(
                  "allOf", dict(sourceIPv4Address="192.0.2.3", basicList=one[1]),
                  dict(sourceIPv4Address="192.0.2.103", basicList=two[1])))))], dict(templates=3)


def common_properties():
    """RFC 5473: what flows have in common comes once, and they name it."""
    id = ID["commonPropertiesId"]
    common = [(id, 8), (SRC, 4), (SPORT, 2), (PROTO, 1)]
    specific = [(DST, 4), (DPORT, 2), (PACKETS, 8), (OCTETS, 8), (id, 8)]
    properties = {101: ("192.0.2.17", 80, 6), 102: ("192.0.2.53", 53, 17)}
    flows = [("198.51.100.1", 1025, 10, 15_000, 101), ("198.51.100.2", 1026, 1, 64, 102), ("198.51.100.3", 1027, 7, 9_000, 101)]
    return [ipfix(5473, 0, options(400, 1, common), template(10, 401, specific),
                  set_(400, *[be(i, 8) + ip(s) + be(p, 2) + be(proto, 1) for i, (s, p, proto) in properties.items()])),
            ipfix(5473, 2, set_(401, *[ip(d) + be(dp, 2) + be(p, 8) + be(o, 8) + be(i, 8) for d, dp, p, o, i in flows]))], \
        [dict(message(5473), destinationIPv4Address=d, destinationTransportPort=dp, packetDeltaCount=p, octetDeltaCount=o,
              sourceIPv4Address=properties[i][0], sourceTransportPort=properties[i][1], protocolIdentifier=properties[i][2])
         for d, dp, p, o, i in flows], dict(templates=2, options=2)


# informationElementDataType and informationElementSemantics (RFC 5610 sections 3.1, 3.2).
U32, STRING, SECONDS, ADDRESS = 3, 13, 14, 18
DEFAULT, QUANTITY, IDENTIFIER = 0, 1, 4


def type_information():
    """RFC 5610: an exporter describes its own elements, then uses them."""
    fs = [(ID["privateEnterpriseNumber"], 4), (ID["informationElementId"], 2), (ID["informationElementDataType"], 1),
          (ID["informationElementSemantics"], 1), (ID["informationElementUnits"], 2),
          (ID["informationElementName"], VARIABLE), (ID["informationElementDescription"], VARIABLE)]
    elements = [(1, U32, QUANTITY, 5, "exampleLatency", "of the first answer"), (2, STRING, DEFAULT, 0, "exampleSite", ""),
                (3, ADDRESS, IDENTIFIER, 0, "exampleProxy", "that answered instead")]
    return [ipfix(5610, 0, options(500, 2, fs),
                  set_(500, *[be(EXAMPLE, 4) + be(id, 2) + be(type, 1) + be(semantics, 1) + be(units, 2) +
                              variable(name.encode()) + variable(text.encode()) for id, type, semantics, units, name, text in elements])),
            ipfix(5610, 3, template(10, 501, [(SRC, 4), (1, 4, EXAMPLE), (2, VARIABLE, EXAMPLE), (3, 4, EXAMPLE)]),
                  set_(501, ip("192.0.2.1") + be(1500, 4) + variable("Zürich".encode()) + ip("203.0.113.9")))], \
        [dict(message(5610), sourceIPv4Address="192.0.2.1", exampleLatency=1500, exampleSite="Zürich",
              exampleProxy="203.0.113.9")], dict(templates=2, options=3)


def nsel():
    """Cisco ASA's NetFlow Secure Event Logging ("NSEL Implementation Note"):
    v9 with types beyond 32767, and times of events."""
    connection = [(148, 4), (8, 4), (7, 2), (10, 2), (12, 4), (11, 2), (14, 2), (4, 1), (176, 1), (177, 1),
                  (225, 4), (226, 4), (227, 2), (228, 2), (233, 1), (33002, 2), (323, 8)]
    acls = [(33000, 12), (33001, 12)]
    ms = lambda before: EXPORT * 1000 - before

    def event(kind, extended, at, id, sport):
        return be(id, 4) + ip("10.20.1.11") + be(sport, 2) + be(7, 2) + ip("198.51.100.80") + be(443, 2) + be(9, 2) + \
            be(6, 1) + bytes(2) + ip("203.0.113.1") + ip("198.51.100.80") + be(sport + 1, 2) + be(443, 2) + be(kind, 1) + \
            be(extended, 2) + be(ms(at), 8)

    def said(kind, extended, id, sport):
        return dict(version=9, exporter="127.0.0.1", observationDomainId=0, flowId=id, sourceIPv4Address="10.20.1.11",
                    sourceTransportPort=sport, ingressInterface=7, destinationIPv4Address="198.51.100.80",
                    destinationTransportPort=443, egressInterface=9, protocolIdentifier=6,
                    postNATSourceIPv4Address="203.0.113.1", postNATDestinationIPv4Address="198.51.100.80",
                    postNAPTSourceTransportPort=sport + 1, postNAPTDestinationTransportPort=443, firewallEvent=kind)

    user = b"CORP\\alice".ljust(20, b"\0")
    acl = b"\x12\x34\x56\x78" * 3
    volume = [(231, 4), (232, 4), (152, 8)]
    created, denied, torn = 256, 257, 263
    # A connection that is created, tells of itself and is torn down; one that is
    # refused by an access list.
    return [v9(0, 0, 3, template(9, created, connection + [(152, 8)] + acls + [(40000, 20)]),
               template(9, denied, connection + acls), template(9, torn, connection + volume + [(40000, 65)])),
            v9(0, 1, 4, set_(created, event(1, 0, 9_000, 71, 40_001) + be(ms(9_000), 8) + acl + bytes(12) + user),
               set_(torn, event(5, 0, 5_000, 71, 40_001) + be(1_000, 4) + be(20_000, 4) + be(ms(9_000), 8) + user.ljust(65, b"\0"),
                    event(2, 2031, 1_000, 71, 40_001) + be(500, 4) + be(0, 4) + be(ms(9_000), 8) + bytes(65)),
               set_(denied, event(3, 1001, 500, 72, 40_002) + acl + bytes(12)))], \
        [dict(said(1, 0, 71, 40_001), octetDeltaCount=0, userName="CORP\\alice", flowStartMilliseconds=rfc3339(ms(9_000) * 10**6)),
         dict(said(5, 0, 71, 40_001), octetDeltaCount=1_000, reverseOctetDeltaCount=20_000, userName="CORP\\alice",
              flowStartMilliseconds=rfc3339(ms(9_000) * 10**6)),
         dict(said(2, 2031, 71, 40_001), octetDeltaCount=500, reverseOctetDeltaCount=0,
              flowStartMilliseconds=rfc3339(ms(9_000) * 10**6)),
         dict(said(3, 1001, 72, 40_002), octetDeltaCount=0)], dict(templates=3)


def captures():
    """Yields name, datagrams, expected records, and the counts of all else."""
    yield "ipfix/rfc6313-basiclist", *basic_list()
    yield "ipfix/rfc6313-subtemplatelist", *sub_template_list()
    yield "ipfix/rfc6313-subtemplatemultilist", *sub_template_multi_list()
    yield "ipfix/rfc6313-nested", *nested()
    yield "ipfix/rfc5473", *common_properties()
    yield "ipfix/rfc5610", *type_information()
    yield "v9/asa-nsel", *nsel()
