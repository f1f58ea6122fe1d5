"""NetFlow and IPFIX as tshark reads them: its templates give the names, its
fields the values."""
import collections
import datetime
import subprocess
import xml.etree.ElementTree as ET

from names import REVERSE, element, reverse

# The fields of a record of v1, v5 and v7, as tshark calls them, in their order.
COMMON = dict(srcaddr=8, dstaddr=12, nexthop=15, inputint=10, outputint=14, packets=2, octets=1, timestart=22,
              timeend=21, srcport=7, dstport=11)
V5 = dict(COMMON, tcpflags=6, protocol=4, tos=5, srcas=16, dstas=17, srcmask=9, dstmask=13)
FIXED = {1: dict(COMMON, protocol=4, tos=5, tcpflags=6), 5: V5, 7: dict(V5, routersc=43)}

TIMES = {21, 22} | set(range(150, 160))  # tshark puts them where it likes
VARIABLE = 65535
LISTS = "basicList", "subTemplateList", "subTemplateMultiList"
OBSERVED = 324                           # observationTimeMicroseconds, of a packet
SECTION = 315                            # dataLinkFrameSection


class Disagreement(Exception):
    pass


def check(ok, *what):
    if not ok:
        raise Disagreement(" ".join(map(str, what)))


def packets(capture, protocol):
    """The datagrams of a capture, as tshark's trees."""
    xml = subprocess.run(["tshark", "-n", "-r", capture, "-d", "udp.port==2055," + protocol, "-T", "pdml"],
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


def value(f, type):
    text = f.get("show")
    if type in ("ipv4Address", "ipv6Address", "macAddress", "string"):
        return text
    if type.startswith("dateTime") or type in ("octetArray", *LISTS):
        return None
    if text == "Forwarding Status":  # and its bits below
        return int(f.get("value"), 16)
    return int(text, 0)


def cut(template, octets):
    """The lengths of the fields of the first record, and the octets behind it."""
    lengths = []
    for _, _, n in template:
        if n == VARIABLE:
            n, octets = octets[0], octets[1:]
            if n == 255:
                n, octets = int.from_bytes(octets[:2], "big"), octets[2:]
        lengths.append(n)
        octets = octets[n:]
    return lengths, octets


class Reader:
    """One capture's state: templates and boot times, by exporter and domain."""

    def __init__(self):
        self.templates, self.options, self.boot = {}, {}, {}
        self.flows = []  # of what is written
        self.counts = collections.Counter(datagrams=0, records=0, options=0, templates=0)
        self.announced = 0
        self.notes = collections.Counter()

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
        if version in FIXED:
            names = FIXED[version]
            pdus = [f for f in cflow if (f.get("show") or "").startswith("pdu ")]
            check(len(pdus) == int(show(cflow, "cflow.count")), "header's count")
            for r in pdus:
                fs = list(fields(r))
                check([f.get("name").removeprefix("cflow.") for f in fs] == list(names), "record of", len(fs), "fields")
                self.record(head, [(names[f.get("name").removeprefix("cflow.")], 0) for f in fs], fs, boot)
            return
        n = self.counts["records"] + self.counts["options"] + self.announced
        for s in cflow:
            if field(s, "cflow.flowset_id") is not None:
                self.set(s, version, head, key, boot)
        if version == 9:
            n = self.counts["records"] + self.counts["options"] + self.announced - n
            if n != int(show(cflow, "cflow.count")):
                self.notes["v9 headers with a wrong Count"] += 1

    def announce(self, known, key, template):
        """counts["templates"] are those that were new or changed."""
        self.announced += 1
        self.counts["templates"] += known.get(key) != template
        known[key] = template

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
                self.announce(self.templates, key + (int(show(t, "cflow.template_id")),), types)
        elif id in (1, 3):
            # Those of v9 show their id within the set, those of IPFIX within
            # themselves.
            whole = [t for t in s.findall("field") if not t.get("name")]
            for t in s.iter("field"):
                if t.get("name") == "cflow.template_id":
                    self.announce(self.options, key + (int(t.get("show")),), [w.get("value") for w in whole])
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
            octets = bytes.fromhex(s.get("value"))[4:]
            for r in s.findall("field"):
                if r.get("name"):
                    continue
                lengths, octets = cut(template, octets)
                # tshark leaves out what is empty.
                types = [t[:2] for t, n in zip(template, lengths) if n]
                fs = list(fields(r))
                check(len(fs) == len(types) and [int(f.get("size")) for f in fs if not when(f)] ==
                      [n for t, n in zip(template, lengths) if n and t[0] not in TIMES],
                      "record of template", id, [f.get("name") for f in fs])
                self.record(head, types, fs, boot)
            check(len(octets) < 4, "set", id, "has", len(octets), "bytes left")

    def record(self, head, types, fs, boot):
        """fs has the times at a place of tshark's own; all else is in order."""
        rest = iter([f for f in fs if not when(f)])
        times = {"end" if f.get("name").endswith("end") else "start": f for f in fs if when(f)}
        out = dict(head)
        seen = collections.Counter()
        for id, pen in types:
            if id in TIMES and not pen:
                end = "end" if element(10, id)[0].startswith("flowEnd") else "start"
                f = times.pop(end)
                if id in (21, 22):  # tshark shows an uptime of 0 as 1970
                    ns = boot(int(f.get("value"), 16))
                else:
                    ns = nanoseconds(f.get("show"))
                out["flow" + end.capitalize() + "Milliseconds"] = rfc3339(ns)
                continue
            f = next(rest)
            if id == OBSERVED and not pen:
                out["flowStartMilliseconds"] = out["flowEndMilliseconds"] = rfc3339(nanoseconds(f.get("show")))
                continue
            if pen == REVERSE:
                check("Reverse Type %d " % id in f.get("showname"), f.get("showname"))
            if pen in (0, REVERSE):
                name, type = element(head["version"], id)
                if id == SECTION and not pen:
                    out["_section"] = bytes.fromhex(f.get("value"))
                    continue
                if pen:
                    name = reverse(name)
                seen[name] += 1
                if seen[name] > 1:
                    name += "_%d" % seen[name]
                if (v := value(f, type)) is not None:
                    out[name] = v
        check(not times and next(rest, None) is None, "fields left over")
        out["_uptime"] = bool({21, 22} & {t for t, _ in types})
        out["_seconds"] = bool({150, 151} & {t for t, _ in types})
        self.flows.append(out)
        self.counts["records"] += 1


def when(f):
    return f.get("name") in ("cflow.timestart", "cflow.timeend", "cflow.abstimestart", "cflow.abstimeend")
