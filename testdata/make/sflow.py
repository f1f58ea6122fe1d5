"""sFlow as tshark reads it: what its flow samples say, and the header in each."""
import collections

from cflow import check, field, show

COUNTERS = 2, 4
INTERNAL = 0x3FFFFFFF  # an interface without a number


class Reader:
    def __init__(self):
        self.flows = []  # with "_section", the header's octets
        self.counts = collections.Counter(datagrams=0, records=0, options=0, templates=0, counters=0)
        self.notes = collections.Counter()

    def datagram(self, p):
        sflow = p.find("proto[@name='sflow']")
        check(show(sflow, "sflow_245.version") == "5", "version")
        head = dict(version=105, exporter=show(sflow, "sflow_245.agent"),
                    observationDomainId=int(show(sflow, "sflow_245.sub_agent_id")))
        self.counts["datagrams"] += 1
        samples = [s for s in sflow if not s.get("name")]
        check(len(samples) == int(show(sflow, "sflow_245.numsamples")), "number of samples")
        for s in samples:
            kind = int(show(s, "sflow_245.sampletype"))
            if kind in COUNTERS:
                self.counts["counters"] += 1
                continue
            check(kind == 1, "sample of type", kind)
            out = dict(head, samplingInterval=int(show(s, "sflow.flow_sample.sampling_rate")))
            interface(out, "ingressInterface", 0, int(show(s, "sflow.flow_sample.input_interface")))
            interface(out, "egressInterface", int(show(s, "sflow.flow_sample.output_interface_format")),
                      int(show(s, "sflow.flow_sample.output_interface_value")))
            for r in s.findall("field"):
                if not r.get("name"):
                    record(out, r)
            self.flows.append(out)
            self.counts["records"] += 1


def interface(out, name, form, value):
    if form == 0 and value not in (0, INTERNAL):
        out[name] = value


def record(out, r):
    format = int(show(r, "sflow_245.flow_record_format"))
    get = lambda name: show(r, "sflow_245." + name)
    if format == 1:
        out["layer2OctetDeltaCount"] = int(get("header.frame_length"))
        out["_section"] = bytes.fromhex(field(r, "sflow_245.header").get("value"))
    elif format == 1001:
        out.update(vlanId=int(get("vlan.in")), postVlanId=int(get("vlan.out")))
    elif format == 1002:
        out.update(ipNextHopIPv4Address=get("nexthop"), _masks=(int(get("nexthop.src_mask")), int(get("nexthop.dst_mask"))))
    elif format == 1003:
        path = [int(f.get("show")) for f in r.iter("field") if f.get("name") == "sflow_245.dstAS"]
        out.update(bgpNextHopIPv4Address=get("nexthop"), bgpSourceAsNumber=int(get("srcAS")), bgpDestinationAsNumber=path[-1])
    else:
        check(False, "record of format", format)
