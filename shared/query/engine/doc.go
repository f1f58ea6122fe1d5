// Package engine answers questions about flows in memory.
//
// A [Builder] transposes batches into [Block]s of columns. A [Window] is a
// pipeline.Sink that keeps the newest flows as such: when the next rows would take
// it over its limit it drops its oldest block. Sealed blocks never change and the
// open one is only appended to, so a [View] is taken in a few microseconds, and
// queries run on it while the Window goes on filling.
//
// [Run] answers a query.Request from a View: it says what a Request means in plain
// Go, without DuckDB.
package engine
