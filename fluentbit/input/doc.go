// Package input is weir as an input of Fluent Bit, without Fluent Bit: the
// properties, the ring in which encoded flows wait, and what the callback asks
// for. All that knows Fluent Bit's interface is in fluentbit/cmd/in_weir.
//
// Sockets, decoding and queues are collector/config's: an [Instance] is a
// running collector whose sink encodes each flow as an event of Fluent Bit
// ([[time, {}], {record}], in msgpack) into a bounded ring. Fluent Bit calls
// once a second, on a thread that must never wait; [Instance.Drain] then copies
// whole events out of the ring and returns.
//
// What doesn't fit is dropped, oldest first, and every event is accounted for:
//
//	encoded = drained + dropped + waiting
package input
