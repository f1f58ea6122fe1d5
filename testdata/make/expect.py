#!/usr/bin/env python3
"""Write the expected records of every capture beside it, as JSON lines.

    expect.py [TESTDATA]

The records are tshark's, never weir's. They are compared with the packets that
the exporters were fed (traffic.py); of samples, which hold a packet each, tshark
says what the exporter says, and the packet the rest. Nothing is written and the
status is 1 if tshark left out a field or a record, or if the two disagree.

counts.json gets what a decoder must have counted at the end of each capture. The
hand-made captures (made.py) are written as well.
"""
import collections
import datetime
import json
import pathlib
import sys

import cflow
import made
import sflow
import traffic
from cflow import Disagreement, check, rfc3339
from names import reverse

FEW = "10.20.1.11", "2001:db8:20:1::11"
MORE = FEW + ("10.20.1.13", "10.20.2.25", "10.20.3.1")

# The hosts whose packets an exporter saw, if not all (run.sh).
FED = {
    "v5/pmacctd-sampled": FEW, "v5/pmacctd-reboot": FEW, "v9/pmacctd-sampled": FEW, "v9/pmacctd-uptime": FEW,
    "ipfix/pmacctd-sampled": FEW, "ipfix/softflowd-sec": FEW, "ipfix/softflowd-micro": FEW,
    "ipfix/softflowd-nano": FEW, "ipfix/openvswitch": FEW, "sflow/openvswitch": MORE, "sflow/pmacctd": MORE,
}
IPV4_ONLY = 1, 5, 7  # versions


def packets(name):
    """The packets that an exporter of samples saw."""
    if name == "ipfix/softflowd-psamp":
        return [traffic.ARP] + [f for f in traffic.frames()
                                if {f.keys.get("sourceTransportPort"), f.keys.get("destinationTransportPort")} & {123, 3389}]
    return traffic.frames(FED[name])


def samples(name, flows, notes):
    """Joins each sample with its packet: they come in the packets' order."""
    fed = packets(name)
    check(len(flows) <= len(fed), "more samples than packets")
    notes["packets unsent"] += len(fed) - len(flows)
    for f, packet in zip(flows, fed):
        n = min(f.get("sectionExportedOctets", traffic.SNAP), traffic.SNAP, len(packet.octets))
        section = f.pop("_section")
        check(0 < len(section) and section[:n] == packet.octets[:len(section)][:n], "another packet than at", rfc3339(packet.at * 1000))
        if "sectionExportedOctets" in f:
            check(f["sectionExportedOctets"] == n and not any(section[n:]), "section of", n, "octets")
        check(f.get("layer2OctetDeltaCount", len(packet.octets) + 4) == len(packet.octets) + 4, "frame's length")  # with its FCS
        for side, mask in zip(("source", "destination"), f.pop("_masks", ())):
            f["%sIPv%dPrefixLength" % (side, packet.keys["ipVersion"])] = mask
        f.update(packet.keys)
        f["packetDeltaCount"] = 1
        observed = f.get("flowStartMilliseconds")
        check(observed in (None, rfc3339(packet.at * 1000)), "observed at", observed)


def uniflows(name, flows):
    """Each record as one or two (key, what it says)."""
    for f in flows:
        v = "4" if "sourceIPv4Address" in f else "6"
        src, dst = f["sourceIPv%sAddress" % v], f["destinationIPv%sAddress" % v]
        sport, dport = f.get("sourceTransportPort", 0), f.get("destinationTransportPort", 0)
        # ICMP's type and code, where there is no element for them: fprobe uses both ports.
        port = sport << 8 | dport if name.endswith("/fprobe") else dport
        if f["protocolIdentifier"] in (traffic.ICMP, traffic.ICMP6):
            sport = dport = 0
        ways = []  # a biflow's forward half can be the empty one
        if f["packetDeltaCount"]:
            ways.append(("", src, dst, sport, dport))
        if f.get("reversePacketDeltaCount"):
            ways.append(("reverse", dst, src, dport, sport))
        for way, a, b, ap, bp in ways:
            get = lambda n: f.get(reverse(n) if way else n)
            yield (a, b, ap, bp, f["protocolIdentifier"]), dict(
                record=f, packets=get("packetDeltaCount"), bytes=get("octetDeltaCount"),
                flags=get("tcpControlBits"), tos=get("ipClassOfService"),
                icmp=get("icmpTypeCodeIPv" + v) if "icmpTypeCodeIPv" + v in f else port)


def compare(name, flows, quirks):
    """With the packets that were sent. What exporters leave out is counted."""
    truth = traffic.uniflows()
    said = {}
    for key, got in uniflows(name, flows):
        key = tuple(key)
        check(key in truth, key, "was never sent")
        check(key not in said, key, "twice")
        said[key] = got
        want, f = truth[key], got["record"]
        size = want["bytes"]
        if name == "v5/openvswitch":  # counts frames
            size += 14 * want["packets"]
        check(got["packets"] == want["packets"], key, "packets", got["packets"], "not", want["packets"])
        check(got["bytes"] == size, key, "bytes", got["bytes"], "not", size)
        check(got["flags"] in (want["flags"], None), key, "flags", got["flags"], "not", want["flags"])
        check(got["tos"] in (want["tos"], 0), key, "class of service", got["tos"])
        quirks["class of service lost"] += got["tos"] != want["tos"]
        if key[4] in (traffic.ICMP, traffic.ICMP6):
            quirks["ICMP type lost"] += got["icmp"] != want["icmp"]
            check(got["icmp"] in (want["icmp"], 0, truth.get((key[1], key[0], 0, 0, key[4]), want)["icmp"]),
                  key, "ICMP type", got["icmp"], "not", want["icmp"])
        # softflowd gives the two directions of a conversation one start and end.
        both = [want] + [truth[k] for k in [(key[1], key[0], key[3], key[2], key[4])] if k in truth]
        for what, own, joint in (("flowStartMilliseconds", want["first"], min(w["first"] for w in both)),
                                 ("flowEndMilliseconds", want["last"], max(w["last"] for w in both))):
            t = datetime.datetime.strptime(f[what], "%Y-%m-%dT%H:%M:%S.%f%z")
            ms = round(t.timestamp() * 1000)
            # The v9 header's seconds are cut off, so switched times are early by what was cut.
            early = 999 if f["_seconds"] or f["_uptime"] and f["version"] == 9 else 0
            check(any(0 <= w // 1000 - ms + 1 <= early + 2 for w in (own, joint)), key, what, f[what], rfc3339(joint * 1000))
            quirks["start or end of the other direction"] += abs(own // 1000 - ms) > early + 1
    hosts = FED.get(name)
    wanted = {k for k in truth if not hosts or {k[0], k[1]} & set(hosts)}
    if {f["version"] for f in flows} <= set(IPV4_ONLY):
        wanted = {k for k in wanted if ":" not in k[0]}
    check(set(said) == wanted, "missing", sorted(wanted - set(said)))


def expect(capture):
    """The lines for a capture, and the counts."""
    name = capture.parent.name + "/" + capture.stem
    protocol = "sflow" if capture.parent.name == "sflow" else "cflow"
    r = (sflow if protocol == "sflow" else cflow).Reader()
    for p in cflow.packets(capture, protocol):
        r.datagram(p)
    try:
        return records(name, r)
    except Disagreement as e:
        raise Disagreement("%s: %s" % (name, e))


def records(name, r):
    check(r.flows, "no records")
    if "_section" in r.flows[0]:
        samples(name, r.flows, r.notes)
    else:
        # What has seen it all: each version; in Open vSwitch, ingress and egress.
        whole = lambda f: (f["version"], name == "ipfix/openvswitch" and f["flowDirection"])
        for w in sorted(set(map(whole, r.flows))):
            compare(name, [f for f in r.flows if whole(f) == w], r.notes)
    notes = dict(r.counts) | {k: v for k, v in r.notes.items() if v}
    print("%-28s %s" % (name, ", ".join("%s %d" % (k, v) for k, v in notes.items())))
    text = "".join(json.dumps({k: v for k, v in f.items() if k[0] != "_"}, separators=(",", ":")) + "\n" for f in r.flows)
    return text, r.counts


COUNTS = "datagrams", "records", "options", "counters", "templates"


def main(dir):
    out, counts = {}, {}
    captures = sorted(dir.glob("pcap/*/*.pcap")) + [dir / "same" / "same.pcap"]
    try:
        for c in captures:
            out[c], counts[str(c.relative_to(dir).with_suffix(""))] = expect(c)
        counts |= made.make(dir)
    except Disagreement as e:
        sys.exit(str(e))
    for c, text in out.items():
        c.with_suffix(".jsonl").write_text(text)
    lines = ["%s: %s" % (json.dumps(k), json.dumps({n: v.get(n, 0) for n in COUNTS})) for k, v in counts.items()]
    (dir / "counts.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent))
