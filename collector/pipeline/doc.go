// Package pipeline carries flows from sources through stages to sinks.
//
//	source ─▶ decoder ─▶ stages ─┐   ┌─▶ queue ─▶ sink
//	source ─▶ decoder ─▶ stages ─┼───┤
//	source ─▶ decoder ─▶ stages ─┘   └─▶ queue ─▶ sink
//
// Each source has a worker: a goroutine with a decoder and a batch of its own,
// which runs the stages. Full batches, and those that have waited for
// Config.Flush, go to the outputs: each a bounded queue, whose [Overflow] says
// what happens when its sink is too slow, and a goroutine. Outputs share a
// batch, which none may change. A [Tap] sees datagrams as they came.
//
// Sources and outputs may be added and removed while the pipeline runs.
//
// # The ledger
//
// No flow record is lost in silence. [Stats] adds up for each output at any
// moment, and so does each exporter's [Ledger], in data records; a record that
// tells of both directions counts once:
//
//	Records = Held + Filtered + Skipped + Queued + Written + Dropped + Failed + by the output's own filter: Filtered
//
// What is lost on the way to us, the sequence numbers tell, in the protocol's
// own unit:
//
//	Sent = Received + Missing + Waiting
package pipeline
