// Package querytest holds engines to what a [query.Request] means: [Flows] and
// [Request] make random flows and questions about them, [Oracle] answers in the
// slow and obvious way, and [Diff] says how two answers differ. It is for tests,
// and shares no code with any engine.
package querytest
