#!/usr/bin/env python3
"""Write the datagrams that arrive on 127.0.0.1 to a pcap file.

    receive.py OUT.pcap PORT...

Prints "ready" once bound; ends at SIGTERM. Frames are Ethernet/IPv4/UDP with
the real addresses and ports; their time is when they were read.
"""
import select
import signal
import socket
import struct
import sys
import time


def main(name, *ports):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    socks = []
    for port in map(int, ports):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", port))
        socks.append(s)
    with open(name, "wb", buffering=0) as w:
        w.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        print("ready", flush=True)
        while True:
            for s in select.select(socks, [], [])[0]:
                data, src = s.recvfrom(65535)
                now = time.time_ns() // 1000
                f = frame(data, src, s.getsockname())
                w.write(struct.pack("<IIII", now // 1_000_000, now % 1_000_000, len(f), len(f)) + f)


def frame(data, src, dst):
    udp = struct.pack("!HHHH", src[1], dst[1], 8 + len(data), 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0x4000, 64, 17, 0,
                     socket.inet_aton(src[0]), socket.inet_aton(dst[0]))
    s = sum(struct.unpack("!10H", ip))
    s = (s & 0xFFFF) + (s >> 16)
    ip = ip[:10] + struct.pack("!H", ~(s + (s >> 16)) & 0xFFFF) + ip[12:]
    return bytes(12) + b"\x08\x00" + ip + udp + data


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
