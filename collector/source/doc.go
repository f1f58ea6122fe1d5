// Package source is where datagrams come from: UDP sockets, captures, and the
// replay of captures to UDP sockets.
//
// [ListenUDP] opens a socket, [Open] a capture; both read into datagrams that
// the caller owns, without allocating any. A [Capture] is the file underneath,
// one message at a time. [Replay] sends what captures hold to listeners on this
// machine, if wanted as though it happened now.
package source
