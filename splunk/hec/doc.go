// Package hec sends flows to Splunk's HTTP Event Collector: the output for high
// volume, beside the stream that package modinput writes.
//
// A [Sink] collects events into requests, and sends each to the next of several
// indexers, or load balancers in front of them, that is well:
//
//	flows ─▶ open request ─▶ waiting ─▶ sent ─▶ (acknowledged) ─▶ written
//	                            ▲         │
//	                            └─────────┘ busy, silent, not acknowledged
//
// # What you can rely on
//
// An event counts as written when an indexer has answered with success; with
// Config.Ack, when it says that the event is on its disk. What was not answered
// or not acknowledged is sent again, to whichever indexer is well: an event
// arrives at least once, and twice where an answer got lost. Without faults it
// arrives once.
//
// What an indexer refuses for good is not sent there again. Where it names the
// event that it doesn't understand, that one counts as failed and the others are
// sent again: those before it may then be there twice, since Splunk doesn't say
// whether it took them. A token or an index that it doesn't accept costs the
// request as soon as all indexers have refused it.
//
// Memory is bounded by Config.Memory. While no indexer takes anything, Keep
// waits, and the pipeline's queue does what its overflow says: it drops the
// oldest, or spills to disk. Each flow ends in the ledger as written, dropped or
// failed.
//
// # Behind a load balancer
//
// Acknowledgements are asked for at the address that took the events: a load
// balancer must send all requests of a channel (header X-Splunk-Request-Channel)
// to the same indexer. Without that, leave Config.Ack off.
package hec
