// Package pipeline carries flows from sources through stages to a sink.
//
//	source ─▶ decoder ─▶ batch ─┐
//	source ─▶ decoder ─▶ batch ─┼─▶ queue ─▶ stages ─▶ sink
//	source ─▶ decoder ─▶ batch ─┘
//
// Each source has a worker: a goroutine with a decoder and a batch of its own.
// Full batches, and those that have waited for Config.Flush, go through one
// bounded queue to the goroutine that runs the stages and the sink. Where the
// sink is too slow, [Overflow] says whether the sources wait or the oldest
// batch is given up.
//
// No flow record is lost in silence. At any moment, [Stats] adds up:
//
//	Flows = Written + Filtered + Dropped + Failed + Queued
package pipeline
