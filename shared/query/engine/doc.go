// Package engine answers questions about flows in memory.
//
// A [Builder] transposes batches into [Block]s of columns. A [Window] is a
// pipeline.Sink that keeps the newest flows as such: when the next rows would take
// it over its limit it drops its oldest block. Sealed blocks never change and the
// open one is only appended to, so a [View] is taken in a few microseconds, and
// queries run on it while the Window goes on filling.
//
// [View.Query] groups, ranks and spreads volume over bins as SEMANTICS (Rates
// over time, Sampling) defines it; [View.NewestFlows] returns the flows themselves.
package engine
