// Package pcap takes UDP datagrams out of capture files, so that a capture can
// be decoded as if it came from the network, and puts them into such files.
//
// A [Reader] goes through a classic pcap file (the libpcap format; pcapng isn't
// read yet) and hands out one [Packet] for each UDP datagram over IPv4 or IPv6.
// It knows the link types Ethernet (VLAN tags included), raw IP, BSD loopback,
// and both of Linux's cooked captures. What is not a whole UDP datagram is left
// out and counted, by reason, in [Skipped].
//
// A file is not trusted. Every length is compared with the bytes that are
// there, a packet has at most 256 KiB, and checksums aren't looked at: captures
// taken where the network card computes them hold wrong ones. Reading costs no
// allocation a packet; a payload is valid until the next one is read.
//
// The way in has two halves: file.go takes frames out of the file, frame.go
// takes a datagram out of a frame. A further file format joins the first, a
// further link type the second.
//
// A [Writer] makes captures, for tests and for replay: Ethernet frames with
// nanosecond times, lengths and checksums right.
package pcap
