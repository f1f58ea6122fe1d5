// Package scan finds horizontal scans: a source that tries one port on many
// destinations that don't answer.
//
// For each source, protocol and destination port it counts the distinct
// destinations of attempts in tumbling windows of event time, by the end of the
// flow. An attempt is
//
//   - over TCP, a flow with SYN and without ACK: its sender was never answered,
//     was refused, or hung up on the answer;
//   - over UDP and other protocols with ports, and over TCP where the exporter
//     sends no flags, a flow of few packets, if nothing came back from that port
//     of the destination in the same window;
//   - what a firewall reports as denied.
//
// The answers are what tells a resolver, a time server or a peer-to-peer node,
// with a fan-out of hundreds, from a scanner: a fan-out alone doesn't. For the
// same reason a source whose tries are mostly answered, such as a crawler or a
// proxy, is left alone: the unanswered destinations must be at least Share of
// them and of its other flows to the port. Multicast, broadcast and unspecified
// destinations don't count.
//
// When a window has closed, there is one finding for each source, protocol and
// port that reached the threshold. Memory is bounded: beyond MaxPairs pairs of
// source and destination in a window further ones are left out, and the
// window's findings say how many.
//
// What it can't see: scans with packets that have no SYN, sweeps by ICMP, scans
// that are slower than the threshold in a window or go to many ports of one
// destination, and directed broadcasts where the exporter sends no prefix
// length. Where exporters see one direction alone, every UDP flow looks
// unanswered.
package scan
