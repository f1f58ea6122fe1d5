// Package source is where datagrams come from: sockets, captures, and the replay
// of captures to UDP sockets.
//
// [Open] opens what a [Listen] says: one or more sources that share what comes to
// an address. On Linux a source takes many datagrams with one system call, and
// lets them pile up for a few milliseconds before it does; elsewhere, one at a time. A
// gate before the decoder says who may send, and how much as long as nobody
// knows him. IPFIX over TCP, TLS and DTLS comes from connections: bounded in
// number and memory, each with its own templates, read no faster than they are
// used. [OpenFile] opens a capture. All read into datagrams that the caller owns,
// without allocating any; DTLS allocates. A UDP socket that is to end in order
// still gives what the kernel holds for it (Drain).
//
// A [Capture] is the file underneath, one message at a time. [Replay] sends what
// captures hold to listeners, if wanted as though it happened now.
package source
