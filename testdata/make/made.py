"""The hand-made captures: writes them, and compares with tshark what it reads.

They hold what no exporter here sends. What is expected of them was put into
them, by the formats' definitions. tshark does not know v6 and shows lists as
octets.
"""
import json

import cflow
import made_fixed
import made_ipfix
import made_sflow
import wire
from cflow import check, show

# tshark's fields of v8.
V8 = {
    "flows": "deltaFlowCount", "packets": "packetDeltaCount", "octets": "octetDeltaCount",
    "srcas": "bgpSourceAsNumber", "dstas": "bgpDestinationAsNumber", "inputint": "ingressInterface",
    "outputint": "egressInterface", "srcaddr": "sourceIPv4Address", "dstaddr": "destinationIPv4Address",
    "srcnet": "sourceIPv4Address", "dstnet": "destinationIPv4Address", "srcmask": "sourceIPv4PrefixLength",
    "dstmask": "destinationIPv4PrefixLength", "srcport": "sourceTransportPort", "dstport": "destinationTransportPort",
    "protocol": "protocolIdentifier", "tos": "ipClassOfService", "routersc": "ipv4RouterSc",
}
# Where it differs, by scheme, from Cisco and flow-tools: the prefix lengths are
# the other way round (see shared/decode/v8.go), and in 9 the class of service is
# before the interfaces, not behind.
SWAPPED = dict(V8, srcmask=V8["dstmask"], dstmask=V8["srcmask"])
MISPLACED = {k: v for k, v in V8.items() if k not in ("tos", "inputint", "outputint")}
TSHARKS = {5: SWAPPED, 13: SWAPPED, 14: SWAPPED, 9: MISPLACED}


def compare_v8(packets, records):
    """All fields of V8 that were put in."""
    records = iter(records)
    for p in packets:
        tree = p.find("proto[@name='cflow']")
        scheme = int(show(tree, "cflow.aggmethod"))
        names = TSHARKS.get(scheme, V8)
        for pdu in (f for f in tree if (f.get("show") or "").startswith("pdu ")):
            got = {}
            for f in pdu.iter("field"):
                if name := names.get(f.get("name").removeprefix("cflow.")):
                    text = f.get("show")
                    got[name] = text if "." in text else int(text, 0)
            record = next(records)
            want = {k: v for k, v in record.items() if k in names.values()}
            check(got == want, "scheme", scheme, got, "not", want)
    check(next(records, None) is None, "records left over")


def compare_sets(packets, records, counts):
    """Of v9 and IPFIX, whatever tshark names."""
    r = cflow.Reader()
    for p in packets:
        r.datagram(p)
    check(len(r.flows) == len(records), len(r.flows), "records, not", len(records))
    for what in ("templates", "options"):
        check(r.counts[what] == counts.get(what, 0), r.counts[what], what)
    for got, want in zip(r.flows, records):
        both = (got.keys() & want.keys()) - {"octetDeltaCount"} if "firewallEvent" in want else got.keys() & want.keys()
        check(both >= {"version", "exporter", "observationDomainId"}, "names", both)
        for k in both:
            check(got[k] == want[k], k, got[k], "not", want[k])


def compare_sflow(packets, shown):
    """Each sample shows what it must, in that order where one has it more than once."""
    (p,) = packets
    samples = [s for s in p.find("proto[@name='sflow']") if not s.get("name")]
    check(len(samples) == len(shown), len(samples), "samples")
    for s, want in zip(samples, shown):
        for name, values in want.items():
            got = [f.get("show") for f in s.iter("field") if f.get("name") == name]
            values = [str(v) for v in (values if isinstance(values, list) else [values])]
            check(got == values, name, got, "not", values)


def captures():
    """Name, datagrams, expected records, the counts of all else, and what compares."""
    for name, datagrams, records in made_fixed.captures():
        yield name, datagrams, records, {}, "cflow", \
            (lambda p, r=records: compare_v8(p, r)) if name.startswith("v8/") else lambda p: None
    for name, datagrams, records, counts in made_ipfix.captures():
        yield name, datagrams, records, counts, "cflow", lambda p, r=records, c=counts: compare_sets(p, r, c)
    for name, datagrams, records, counts, shown in made_sflow.captures():
        yield name, datagrams, records, counts, "sflow", lambda p, s=shown: compare_sflow(p, s)


def make(dir):
    """Writes them below dir, and returns what a decoder must have counted."""
    out = {}
    for name, datagrams, records, counts, protocol, compare in captures():
        file = dir / "made" / (name + ".pcap")
        file.parent.mkdir(parents=True, exist_ok=True)
        wire.pcap(file, datagrams)
        try:
            compare(cflow.packets(file, protocol))
        except cflow.Disagreement as e:
            raise cflow.Disagreement("made/%s: %s" % (name, e))
        file.with_suffix(".jsonl").write_text(
            "".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False) + "\n" for r in records))
        out["made/" + name] = dict(datagrams=len(datagrams), records=len(records), **counts)
        print("%-36s %s" % ("made/" + name, ", ".join("%s %d" % kv for kv in out["made/" + name].items())))
    return out
