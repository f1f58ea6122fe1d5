#!/usr/bin/env python3
"""Write the expected records of every capture beside it, as JSON lines.

    expect.py [TESTDATA]

The records are tshark's, never weir's: its templates give the names, its
fields the values. Then they are compared with the packets that the exporters
were fed (traffic.py). Nothing is written and the status is 1 if tshark left
out a field or a record, or if the two disagree.
"""
import collections
import datetime
import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ET

import traffic

# IANA's names of the elements that these exporters send.
NAMES = {
    1: "octetDeltaCount", 2: "packetDeltaCount", 4: "protocolIdentifier", 5: "ipClassOfService",
    6: "tcpControlBits", 7: "sourceTransportPort", 8: "sourceIPv4Address", 9: "sourceIPv4PrefixLength",
    10: "ingressInterface", 11: "destinationTransportPort", 12: "destinationIPv4Address",
    13: "destinationIPv4PrefixLength", 14: "egressInterface", 15: "ipNextHopIPv4Address",
    16: "bgpSourceAsNumber", 17: "bgpDestinationAsNumber", 21: "flowEndSysUpTime", 22: "flowStartSysUpTime",
    27: "sourceIPv6Address", 28: "destinationIPv6Address", 29: "sourceIPv6PrefixLength",
    30: "destinationIPv6PrefixLength", 32: "icmpTypeCodeIPv4", 43: "ipv4RouterSc", 48: "samplerId", 56: "sourceMacAddress",
    60: "ipVersion", 61: "flowDirection", 80: "destinationMacAddress", 136: "flowEndReason",
    139: "icmpTypeCodeIPv6", 150: "flowStartSeconds", 151: "flowEndSeconds", 152: "flowStartMilliseconds",
    153: "flowEndMilliseconds", 154: "flowStartMicroseconds", 155: "flowEndMicroseconds",
    156: "flowStartNanoseconds", 157: "flowEndNanoseconds",
}
REVERSE = 29305  # RFC 5103

# The fields of a record of v1, v5 and v7, as tshark calls them, in their order.
COMMON = dict(srcaddr=8, dstaddr=12, nexthop=15, inputint=10, outputint=14, packets=2, octets=1, timestart=22,
              timeend=21, srcport=7, dstport=11)
V5 = dict(COMMON, tcpflags=6, protocol=4, tos=5, srcas=16, dstas=17, srcmask=9, dstmask=13)
FIXED = {1: dict(COMMON, protocol=4, tos=5, tcpflags=6), 5: V5, 7: dict(V5, routersc=43)}


class Disagreement(Exception):
    pass


def check(ok, *what):
    if not ok:
        raise Disagreement(" ".join(map(str, what)))


def packets(capture):
    """The datagrams of a capture, as tshark's trees."""
    xml = subprocess.run(["tshark", "-n", "-r", capture, "-d", "udp.port==2055,cflow", "-T", "pdml"],
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return ET.fromstring(xml).findall("packet")


def field(node, name):
    return next((f for f in node.iter("field") if f.get("name") == name), None)


def show(node, name):
    return field(node, name).get("show")


def nanoseconds(text):
    """2026-11-02 10:00:00.787000000 UTC as tshark writes it, in ns."""
    day, frac = text.removesuffix(" UTC").split(".")
    t = datetime.datetime.strptime(day, "%b %d, %Y %H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return int(t.timestamp()) * 10**9 + int(frac)


def milliseconds(text):
    """4.414000000, uptime in seconds, in ms."""
    sec, frac = text.split(".")
    return int(sec) * 1000 + int(frac) // 10**6


def rfc3339(ns):
    t = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (ns // 10**6 % 1000)


def fields(record):
    """A record's leaves in the order of the record, durations opened and the
    two halves that tshark makes of icmpTypeCodeIPv6 joined."""
    for f in record:
        name = f.get("name")
        if name == "cflow.timedelta":
            yield from f
        elif name == "cflow.icmp_ipv6_type":
            half = f
        elif name == "cflow.icmp_ipv6_code":
            yield ET.Element("field", name="cflow.icmp_type", size="2", showname=f.get("showname"),
                             show=str(int(half.get("show")) * 256 + int(f.get("show"))))
        elif name not in ("cflow.padding", "cflow.reserved", "cflow.flags"):  # v7's flags have no element
            yield f


def value(f):
    text = f.get("show")
    if f.get("name") in ("cflow.srcmac", "cflow.dstmac") or any(w in f.get("name") for w in ("addr", "nexthop", "routersc")):
        return text
    return int(text, 0)


class Reader:
    """One capture's state: templates and boot times, by exporter and domain."""

    def __init__(self):
        self.templates, self.options, self.boot = {}, set(), {}
        self.flows = []  # of what is written
        self.counts = collections.Counter()

    def datagram(self, p):
        udp, cflow = p.find("proto[@name='udp']"), p.find("proto[@name='cflow']")
        version = int(show(cflow, "cflow.version"))
        at = nanoseconds(show(cflow, "cflow.timestamp"))
        if version in (1, 7):
            domain = None
        elif version == 5:
            domain = int(show(cflow, "cflow.engine_type")) * 256 + int(show(cflow, "cflow.engine_id"))
        else:
            domain = int(show(cflow, {9: "cflow.source_id", 10: "cflow.od_id"}[version]))
        exporter = p.find("proto[@name='ip']")
        head = dict(version=version, exporter=show(exporter, "ip.src"))
        if domain is not None:
            head["observationDomainId"] = domain
        key = (head["exporter"], show(udp, "udp.srcport"), domain)
        boot = None
        if version != 10:
            # SEMANTICS, Time: the difference is modulo 2^32 and signed.
            up = milliseconds(show(cflow, "cflow.sysuptime"))
            boot = lambda t: at - (((up - t) + 2**31) % 2**32 - 2**31) * 10**6
        self.counts["datagrams"] += 1
        n = self.counts["records"] + self.counts["options"] + self.counts["templates"]
        if version in FIXED:
            names = FIXED[version]
            pdus = [f for f in cflow if (f.get("show") or "").startswith("pdu ")]
            check(len(pdus) == int(show(cflow, "cflow.count")), "header's count")
            for r in pdus:
                fs = list(fields(r))
                check([f.get("name").removeprefix("cflow.") for f in fs] == list(names), "record of", len(fs), "fields")
                self.record(head, [(names[f.get("name").removeprefix("cflow.")], 0) for f in fs], fs, boot)
            return
        for s in cflow:
            if field(s, "cflow.flowset_id") is not None:
                self.set(s, version, head, key, boot)
        if version == 9:
            n = self.counts["records"] + self.counts["options"] + self.counts["templates"] - n
            if n != int(show(cflow, "cflow.count")):
                self.counts["v9 headers with a wrong Count"] += 1

    def set(self, s, version, head, key, boot):
        id = int(show(s, "cflow.flowset_id"))
        if id in (0, 2):
            for t in s.findall("field"):
                if field(t, "cflow.template_id") is None or t.get("name"):
                    continue
                entries = [list(e) for e in t if not e.get("name")]
                check(len(entries) == int(show(t, "cflow.template_field_count")), "template")
                types = []
                for e in entries:
                    get = lambda *names: [int(f.get("show")) for f in e if f.get("name").removeprefix("cflow.template_") in names]
                    (type,), (length,) = get("field_type", "ipfix_field_type", "ipfix_field_type_enterprise"), get("field_length")
                    types.append((type, sum(get("ipfix_field_pen")), length))
                self.templates[key + (int(show(t, "cflow.template_id")),)] = types
                self.counts["templates"] += 1
        elif id in (1, 3):
            for t in s.iter("field"):
                if t.get("name") == "cflow.template_id":
                    self.options.add(key + (int(t.get("show")),))
                    self.counts["templates"] += 1
        elif key + (id,) in self.options:
            for r in s.findall("field"):
                if not r.get("name"):
                    self.counts["options"] += 1
                    init = field(r, "cflow.sys_init_time")
                    if init is not None:
                        self.boot[key] = nanoseconds(init.get("show"))
        else:
            template = self.templates[key + (id,)]
            if version == 10 and key in self.boot:
                boot = lambda t: self.boot[key] + t * 10**6
            rs = [r for r in s.findall("field") if not r.get("name")]
            size = sum(l for _, _, l in template)
            left = int(show(s, "cflow.flowset_length")) - 4 - size * len(rs)
            check(rs and 0 <= left < 4, "set", id, "has", left, "bytes left")
            for r in rs:
                fs = list(fields(r))
                check([int(f.get("size")) for f in sorted(fs, key=when)] ==
                      [l for _, _, l in sorted(template, key=lambda t: t[0] in TIMES)],
                      "record of template", id, [f.get("name") for f in fs])
                self.record(head, [t[:2] for t in template], fs, boot)

    def record(self, head, types, fs, boot):
        """fs has the times at a place of tshark's own; all else is in order."""
        rest = iter([f for f in fs if not when(f)])
        times = {"end" if f.get("name").endswith("end") else "start": f for f in fs if when(f)}
        out = dict(head)
        for id, pen in types:
            if id in TIMES and not pen:
                end = "end" if NAMES[id].startswith("flowEnd") else "start"
                f = times.pop(end)
                if id in (21, 22):  # tshark shows an uptime of 0 as 1970
                    ns = boot(int(f.get("value"), 16))
                else:
                    ns = nanoseconds(f.get("show"))
                out["flow" + end.capitalize() + "Milliseconds"] = rfc3339(ns)
                continue
            f = next(rest)
            if not pen:
                out[NAMES[id]] = value(f)
            elif pen == REVERSE:
                check("Reverse Type %d " % id in f.get("showname"), f.get("showname"))
                name = NAMES[id]
                out["reverse" + name[0].upper() + name[1:]] = value(f)
        check(not times and next(rest, None) is None, "fields left over")
        out["_uptime"] = bool({21, 22} & {t for t, _ in types})
        out["_seconds"] = bool({150, 151} & {t for t, _ in types})
        self.flows.append(out)
        self.counts["records"] += 1


TIMES = {21, 22} | set(range(150, 158))


def when(f):
    return f.get("name") in ("cflow.timestart", "cflow.timeend", "cflow.abstimestart", "cflow.abstimeend")


def uniflows(flows):
    """Each record as one or two (key, what it says)."""
    for f in flows:
        v = "4" if "sourceIPv4Address" in f else "6"
        src, dst = f["sourceIPv%sAddress" % v], f["destinationIPv%sAddress" % v]
        sport, dport = f.get("sourceTransportPort", 0), f.get("destinationTransportPort", 0)
        port = dport  # of ICMP: type and code, where there is no element for them
        if f["protocolIdentifier"] in (traffic.ICMP, traffic.ICMP6):
            sport = dport = 0
        ways = []  # a biflow's forward half can be the empty one
        if f["packetDeltaCount"]:
            ways.append(("", src, dst, sport, dport))
        if f.get("reversePacketDeltaCount"):
            ways.append(("reverse", dst, src, dport, sport))
        for way, a, b, ap, bp in ways:
            get = lambda n: f.get("reverse" + n[0].upper() + n[1:] if way else n)
            yield (a, b, ap, bp, f["protocolIdentifier"]), dict(
                record=f, packets=get("packetDeltaCount"), bytes=get("octetDeltaCount"),
                flags=get("tcpControlBits"), tos=get("ipClassOfService"),
                icmp=get("icmpTypeCodeIPv" + v) if "icmpTypeCodeIPv" + v in f else port)


def compare(flows, filtered):
    """With the packets that were sent. What exporters leave out is counted."""
    truth = traffic.uniflows()
    said, quirks = {}, collections.Counter()
    for key, got in uniflows(flows):
        key = tuple(key)
        check(key in truth, key, "was never sent")
        check(key not in said, key, "twice")
        said[key] = got
        want, f = truth[key], got["record"]
        for what in ("packets", "bytes"):
            check(got[what] == want[what], key, what, got[what], "not", want[what])
        check(got["flags"] in (want["flags"], None), key, "flags", got["flags"], "not", want["flags"])
        check(got["tos"] in (want["tos"], 0), key, "class of service", got["tos"])
        quirks["class of service lost"] += got["tos"] != want["tos"]
        if key[4] in (traffic.ICMP, traffic.ICMP6):
            quirks["ICMP type lost"] += got["icmp"] != want["icmp"]
            check(got["icmp"] in (want["icmp"], 0, truth.get((key[1], key[0], 0, 0, key[4]), want)["icmp"]),
                  key, "ICMP type", got["icmp"], "not", want["icmp"])
        # softflowd gives the two directions of a conversation one start and end.
        both = [want] + [truth[k] for k in [(key[1], key[0], key[3], key[2], key[4])] if k in truth]
        for name, own, joint in (("flowStartMilliseconds", want["first"], min(w["first"] for w in both)),
                                 ("flowEndMilliseconds", want["last"], max(w["last"] for w in both))):
            t = datetime.datetime.strptime(f[name], "%Y-%m-%dT%H:%M:%S.%f%z")
            ms = round(t.timestamp() * 1000)
            # The v9 header's seconds are cut off, so switched times are early by what was cut.
            early = 999 if f["_seconds"] or f["_uptime"] and f["version"] == 9 else 0
            check(any(0 <= w // 1000 - ms + 1 <= early + 2 for w in (own, joint)), key, name, f[name], rfc3339(joint * 1000))
            quirks["start or end of the other direction"] += abs(own // 1000 - ms) > early + 1
    wanted = set(truth)
    if flows and {f["version"] for f in flows} <= set(FIXED):
        wanted = {k for k in wanted if ":" not in k[0]}
    if not filtered:
        check(set(said) == wanted, "missing", sorted(wanted - set(said)))
    hosts = ("10.20.1.11", "2001:db8:20:1::11")
    if filtered:
        check(set(said) == {k for k in wanted if k[0] in hosts or k[1] in hosts}, "missing with filter")
    return {k: v for k, v in quirks.items() if v}


def expect(capture):
    r = Reader()
    for p in packets(capture):
        r.datagram(p)
    check(r.flows, "no records")
    filtered = not (capture.stem in ("pmacctd", "softflowd", "softflowd-biflow", "same"))
    notes = {}
    for version in sorted({f["version"] for f in r.flows}):
        for what, n in compare([f for f in r.flows if f["version"] == version], filtered).items():
            notes[what] = notes.get(what, 0) + n
    notes = dict(r.counts) | notes
    print("%-28s %s" % (capture.parent.name + "/" + capture.name, ", ".join("%s %d" % (k, v) for k, v in notes.items())))
    return "".join(json.dumps({k: v for k, v in f.items() if k[0] != "_"}, separators=(",", ":")) + "\n" for f in r.flows)


def main(dir):
    out = {}
    captures = sorted(dir.glob("pcap/*/*.pcap")) + [dir / "same" / "same.pcap"]
    for c in captures:
        try:
            out[c] = expect(c)
        except Disagreement as e:
            sys.exit("%s: %s" % (c, e))
    for c, text in out.items():
        c.with_suffix(".jsonl").write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent))
