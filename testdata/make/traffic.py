#!/usr/bin/env python3
"""The packets that the exporters are fed, and what they add up to.

    traffic.py OUT.pcap [START]  write the packets
    traffic.py --totals [FILTER] print packets, bytes and uniflows as JSON

The same bytes come out on every machine, unless START, in seconds since 1970,
moves the packets in time. FILTER is all, ipv4, frames (of IPv4, their octets) or
samples (each packet a flow). Frames are cut at SNAP bytes, as by tcpdump -s;
lengths are the real ones.
"""
import collections
import ipaddress
import json
import random
import struct
import sys

START = 1793613600_250_000  # 2026-11-02T10:00:00.250Z in microseconds
END = START + 50_000_000    # nothing is sent after this
SNAP = 80

TCP, UDP, ICMP, ESP, ICMP6 = 6, 17, 1, 50, 58
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128

# Inside and outside, as networks.lst and pretag.map know them.
IN4, OUT4 = "10.20.{}.{}", "198.51.100.{}"
IN6, OUT6 = "2001:db8:20:{}::{}", "2001:db8:ff::{}"
MAC = b"\x02\x00\x00\x00\x00\x0a", b"\x02\x00\x00\x00\x00\x0b"  # of who begins, of who answers


# A frame on the wire: when in µs, its octets, the side of its conversation that
# sent it, and what is in it by IANA's names.
Frame = collections.namedtuple("Frame", "at octets side keys")


class Conversation:
    """Two uniflows, or one where nothing answers."""

    def __init__(self, at, proto, a, b, aport=0, bport=0, atos=0, btos=0):
        self.at, self.proto = START + at * 1000, proto  # at is in ms
        self.addr = (ipaddress.ip_address(a), ipaddress.ip_address(b))
        self.port, self.tos = (aport, bport), (atos, btos)
        self.packets = []  # (time in µs, side, payload length, TCP flags or ICMP type)

    def send(self, after, side, size, what=0):
        """after is in µs after the conversation's packet before."""
        self.at += after
        self.packets.append((self.at, side, size, what))
        return self

    def frames(self):
        for at, side, size, what in self.packets:
            yield Frame(at, self.frame(side, size, what), side, self.keys(side, size, what))

    def keys(self, side, size, what):
        src, dst = self.addr[side], self.addr[1 - side]
        v = "IPv%d" % src.version
        out = {
            "sourceMacAddress": MAC[side].hex(":"), "destinationMacAddress": MAC[1 - side].hex(":"),
            "ethernetType": 0x0800 if src.version == 4 else 0x86DD, "ipVersion": src.version, "ipTTL": 64,
            "protocolIdentifier": self.proto, "ipClassOfService": self.tos[side],
            "source%sAddress" % v: str(src), "destination%sAddress" % v: str(dst),
            "octetDeltaCount": self.size(side, size),
        }
        if self.proto in (TCP, UDP):
            out.update(sourceTransportPort=self.port[side], destinationTransportPort=self.port[1 - side])
        if self.proto == TCP:
            out["tcpControlBits"] = what
        if self.proto in (ICMP, ICMP6):
            out["icmpTypeCode" + v] = what
        return out

    def size(self, side, payload):
        """Octets of a packet, its IP header included."""
        return (20 if self.addr[side].version == 4 else 40) + {TCP: 20}.get(self.proto, 8) + payload

    def frame(self, side, size, what):
        src, dst = self.addr[side], self.addr[1 - side]
        sport, dport = self.port[side], self.port[1 - side]
        if self.proto == TCP:
            l4 = struct.pack("!HHIIBBHHH", sport, dport, 1, 1, 5 << 4, what, 65535, 0, 0)
        elif self.proto == UDP:
            l4 = struct.pack("!HHHH", sport, dport, 8 + size, 0)
        elif self.proto == ESP:
            l4 = struct.pack("!II", 0xC0FFEE, 1)
        else:
            l4 = struct.pack("!BBHHH", what >> 8, what & 255, 0, 7, 1)
        body = l4 + bytes(size)
        if src.version == 4:
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, self.tos[side], 20 + len(body), 1, 0x4000,
                             64, self.proto, 0, src.packed, dst.packed)
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
            kind = 0x0800
        else:
            ip = struct.pack("!IHBB16s16s", 6 << 28 | self.tos[side] << 20, len(body),
                             self.proto, 64, src.packed, dst.packed)
            kind = 0x86DD
        return MAC[1 - side] + MAC[side] + struct.pack("!H", kind) + ip + body


def checksum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    s = (s & 0xFFFF) + (s >> 16)
    return ~(s + (s >> 16)) & 0xFFFF


def conversations():
    r = random.Random(20261102)  # Random.randrange is the same in every Python 3
    gap = lambda: 1 + r.randrange(400_000)
    out = []

    def add(*args, **kw):
        out.append(Conversation(*args, **kw))
        return out[-1]

    def tcp(c, up, down, close=FIN):
        c.send(0, 0, 0, SYN).send(20_345, 1, 0, SYN | ACK).send(1_001, 0, 0, ACK)
        for n in up:
            c.send(gap(), 0, n, PSH | ACK)
        for n in down:
            c.send(gap(), 1, n, ACK)
            c.send(777, 0, 0, ACK)
        if close == FIN:
            c.send(gap(), 0, 0, FIN | ACK).send(9_999, 1, 0, FIN | ACK).send(333, 0, 0, ACK)
        elif close:
            c.send(gap(), 1, 0, RST | ACK)

    for v, inside, outside in ((4, IN4, OUT4), (6, IN6, OUT6)):
        base = 0 if v == 4 else 137
        # Web: a known length each way, several at the same time. There is
        # less of IPv6: v5 needs 30 flows for a second datagram.
        for i in range(4 if v == 4 else 1):
            c = add(base + 1700 * i, TCP, inside.format(1, 10 + i), outside.format(80), 40000 + i, 443, 0, 0x28)
            tcp(c, [517, 126 + i], [1440] * (3 + 2 * i) + [311])
        # ssh with another traffic class, kept open; ends by RST.
        c = add(base + 400, TCP, inside.format(1, 22), outside.format(22), 50022, 22, 0x10, 0x10)
        tcp(c, [36 + 4 * i for i in range(12)], [84] * 5, RST)
        # ECN set up: CWR and ECE; urgent data.
        c = add(base + 900, TCP, outside.format(7), inside.format(2, 25), 33025, 25, 0x02, 0x02)
        c.send(0, 0, 0, SYN | ECE | CWR).send(500, 1, 0, SYN | ACK | ECE).send(500, 0, 400, ACK | PSH | URG)
        # Refused.
        c = add(base + 3000, TCP, outside.format(66), inside.format(2, 5), 61000, 3389)
        c.send(0, 0, 0, SYN).send(123, 1, 0, RST | ACK)
        # DNS, some from one host; NTP with DSCP 46; a stream one way.
        for i in range(3 if v == 4 else 1):
            c = add(base + 5000 + 40 * i, UDP, inside.format(1, 10), outside.format(53), 20000 + i, 53)
            c.send(0, 0, 33 + i).send(8_000 + i, 1, 120 + 61 * i)
        add(base + 6000, UDP, inside.format(1, 11), outside.format(123), 123, 123, 0xB8, 0xB8).send(0, 0, 48).send(15_015, 1, 48)
        c = add(base + 7000, UDP, outside.format(200), inside.format(1, 12), 5004, 5004, 0x88, 0)
        for i in range(40):
            c.send(500_000, 0, 1200)
        # Ping: request and reply; an unreachable alone.
        icmp, req, rep, bad = (ICMP, 8 << 8, 0, 3 << 8 | 1) if v == 4 else (ICMP6, 128 << 8, 129 << 8, 1 << 8 | 4)
        c = add(base + 10000, icmp, inside.format(1, 10), outside.format(80))
        for i in range(4):
            c.send(1_000_000 if i else 0, 0, 56, req).send(11_111, 1, 56, rep)
        add(base + 12000, icmp, outside.format(1), inside.format(1, 13)).send(0, 0, 28, bad)

    # Never answered (three tries); a datagram of no payload; ESP has no ports.
    c = add(3300, TCP, OUT4.format(66), IN4.format(2, 6), 61001, 23)
    c.send(0, 0, 0, SYN).send(1_000_000, 0, 0, SYN).send(2_000_000, 0, 0, SYN)
    add(8000, UDP, IN4.format(1, 13), OUT4.format(9), 9999, 9).send(0, 0, 0)
    c = add(13000, ESP, IN4.format(3, 1), OUT4.format(50), 0, 0, 0x40, 0)
    for i in range(6):
        c.send(2_500_000, i % 2, 100 + 16 * i)
    # The last packet; it pins the end of the capture.
    add(0, UDP, IN4.format(1, 99), OUT4.format(99), 1234, 1999).send(1_000, 0, 10).send(END - START - 1_000, 0, 10)
    return out


def frames(hosts=()):
    """All frames in order of time; at one time, in order of conversations. With
    hosts, only theirs."""
    out = [f for c in conversations() for f in c.frames()
           if not hosts or {str(a) for a in c.addr} & set(hosts)]
    out.sort(key=lambda f: f.at)
    assert hosts or out[0].at >= START and out[-1].at == END
    return out


# Only those see it who see frames.
ARP = Frame(START, b"\xff" * 6 + MAC[0] + b"\x08\x06" + bytes(46), 0, {
    "sourceMacAddress": MAC[0].hex(":"), "destinationMacAddress": "ff:ff:ff:ff:ff:ff", "ethernetType": 0x0806})


def uniflows():
    """{(src, dst, sport, dport, proto): dict} of what is in the packets. ICMP
    has ports 0 and its own "icmp", type*256+code of the first packet."""
    out = {}
    for c in conversations():
        for at, side, size, what in c.packets:
            src, dst = c.addr[side], c.addr[1 - side]
            key = str(src), str(dst), c.port[side], c.port[1 - side], c.proto
            f = out.setdefault(key, dict(packets=0, bytes=0, flags=0, tos=c.tos[side],
                                         first=at, last=at, icmp=None))
            f["packets"] += 1
            f["bytes"] += c.size(side, size)
            f["first"], f["last"] = min(at, f["first"]), max(at, f["last"])
            if c.proto == TCP:
                f["flags"] |= what
            if c.proto in (ICMP, ICMP6) and f["icmp"] is None:
                f["icmp"] = what
    return out


def totals(which):
    flows = [f for k, f in uniflows().items() if which in ("all", "samples") or ":" not in k[0]]
    packets, octets = (sum(f[k] for f in flows) for k in ("packets", "bytes"))
    return dict(flows=packets if which == "samples" else len(flows), packets=packets,
                bytes=octets + 14 * packets if which == "frames" else octets)


def write(name, move=0):
    with open(name, "wb") as w:
        w.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 1))
        for f in [ARP] + frames():
            at, size = f.at + move, len(f.octets)
            w.write(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, min(SNAP, size), size))
            w.write(f.octets[:SNAP])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--totals"]:
        print(json.dumps(totals((sys.argv[2:] or ["all"])[0])))
    elif len(sys.argv) == 2:
        write(sys.argv[1])
    elif len(sys.argv) == 3:
        write(sys.argv[1], int(sys.argv[2]) * 1_000_000 - START)
    else:
        sys.exit(__doc__)
