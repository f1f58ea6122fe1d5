#!/usr/bin/env python3
"""Send the datagrams of a capture that receive.py wrote to 127.0.0.1:PORT.

    resend.py CAPTURE.pcap PORT
"""
import socket
import struct
import sys

HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP


def datagrams(capture):
    with open(capture, "rb") as f:
        f.read(24)
        while head := f.read(16):
            yield f.read(struct.unpack("<IIII", head)[2])[HEADERS:]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for d in datagrams(sys.argv[1]):
        s.sendto(d, ("127.0.0.1", int(sys.argv[2])))
