// Package window keeps the newest flows in memory and answers questions about
// them.
//
// A [Window] is a pipeline.Sink: it transposes each batch into blocks of
// columns. When the next rows would take it over its limit it drops its oldest
// block. Sealed blocks never change and the open one is only appended to, so a
// [View] is taken in a few microseconds, and queries run on it while the Window
// goes on filling.
//
// [View.Query] groups, ranks and spreads volume over bins as SEMANTICS (Rates
// over time, Sampling) defines it; [View.NewestFlows] returns the flows themselves.
package window
