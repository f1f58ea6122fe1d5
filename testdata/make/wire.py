"""Octets of datagrams, for those that no exporter here sends."""
import ipaddress
import struct

import receive
import traffic

EXPORT = traffic.END // 1_000_000 + 5  # seconds: 2026-11-02T10:00:55Z
UPTIME = 3_600_000                     # of the exporter then, in ms
VARIABLE = 65535


def be(value, n):
    return value.to_bytes(n, "big")


def ip(text):
    return ipaddress.ip_address(text).packed


def pcap(file, datagrams, src="127.0.0.1"):
    """Writes datagrams as receive.py would, at the export time."""
    with open(file, "wb") as w:
        w.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for d in datagrams:
            f = receive.frame(d, (src, 40000), ("127.0.0.1", 2055))
            w.write(struct.pack("<IIII", EXPORT, 0, len(f), len(f)) + f)


# NetFlow v9 (RFC 3954) and IPFIX (RFC 7011). A field is (element, octets) or
# (element, octets, enterprise).

def set_(id, *parts):
    body = b"".join(parts)
    return be(id, 2) + be(4 + len(body), 2) + body


def fields(fs):
    out = b""
    for id, n, *pen in fs:
        out += be(id | (0x8000 if pen else 0), 2) + be(n, 2) + b"".join(be(p, 4) for p in pen)
    return out


def template(version, id, fs):
    return set_(0 if version == 9 else 2, be(id, 2), be(len(fs), 2), fields(fs))


def options(id, scopes, fs):
    """An options template of IPFIX."""
    return set_(3, be(id, 2), be(len(fs), 2), be(scopes, 2), fields(fs))


def ipfix(domain, sequence, *sets):
    body = b"".join(sets)
    return be(10, 2) + be(16 + len(body), 2) + be(EXPORT, 4) + be(sequence, 4) + be(domain, 4) + body


def v9(domain, sequence, count, *sets):
    return be(9, 2) + be(count, 2) + be(UPTIME, 4) + be(EXPORT, 4) + be(sequence, 4) + be(domain, 4) + b"".join(sets)


def variable(octets):
    """A value whose length is before it (RFC 7011 section 7)."""
    n = len(octets)
    return (be(n, 1) if n < 255 else b"\xff" + be(n, 2)) + octets
