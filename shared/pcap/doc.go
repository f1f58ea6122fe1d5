// Package pcap takes UDP datagrams out of capture files, so that a capture can
// be decoded as if it came from the network, and puts them into such files.
//
// A [Reader] goes through a classic pcap file (the libpcap format) or a pcapng
// file and hands out one [Packet] for each UDP datagram over IPv4 or IPv6. It
// knows the link types Ethernet (VLAN tags included), raw IP, BSD loopback, and
// both of Linux's cooked captures. Datagrams that came in fragments are put
// together. IPFIX over TCP is put together too, and cut into its messages: one
// Packet each. What is neither is left out and counted, by reason, in [Skipped].
//
// A file is not trusted. Every length is compared with the bytes that are
// there, a packet has at most 256 KiB, and checksums aren't looked at: captures
// taken where the network card computes them hold wrong ones. What is kept from
// one packet for another is bounded: 4 MiB of fragments, 16 MiB of segments
// behind a gap, and of 512 streams a message each. Fragments that overlap are
// refused with their datagram. Reading costs no allocation a packet; a payload
// is valid until the next one is read.
//
// The way in has three parts: file.go and pcapng.go take frames out of the file,
// frame.go takes a datagram, a fragment or a segment out of a frame, fragment.go
// and stream.go put those together. [IsIPFIX] knows messages that stand in a
// file by themselves.
//
// A [Writer] makes captures, for tests and for replay: Ethernet frames with
// nanosecond times, lengths and checksums right.
package pcap
