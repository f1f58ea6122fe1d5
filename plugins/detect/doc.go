// Package detect is what the author of a detector imports.
//
// A [Detector] is one method. It is given flows in the order in which they
// ended, together with a watermark, and appends what it finds:
//
//	type Detector interface {
//		Detect(dst []Finding, in Input) []Finding
//	}
//
// # Process
//
// A detector is a program of its own, whose main calls [Serve]. weir starts it,
// feeds it over a local socket, and starts it anew when it crashes, hangs or
// answers nonsense; none of that stops the collection of flows. What it writes
// to its standard error ends up in weir's log. A detector that was started anew
// begins with no memory.
//
// Detect is called by one goroutine, and there is a limit of time on each call.
//
// # Columns
//
// The [Manifest] names the columns that the detector reads. Only these cross to
// its process: the fewer, the faster. The other columns of a row, its elements
// without a column, and options records are not there. As everywhere in weir
// an absent column is zero, and [flow.Flow.Set] tells absent from zero.
//
// # Time
//
// There is event time only; a detector never asks the clock. Rows come ordered
// by (End, Exporter, Domain, arrival), and [Input.Watermark] says how far time
// has come: all rows that end before it have been seen. A window is closed when
// the watermark reaches its end, not when a later row turns up. So the same
// flows give the same findings, live or replayed, byte for byte. What else that
// takes: sort before you report from a map, and use structures that don't
// depend on the order of equal rows.
//
// # Findings
//
// A [Finding] is about a Key during a window. Its id is computed from the
// detector's name, the key and the window, by weir and not by the detector:
// the same finding made twice is recognised. [Finding.Validate] says what makes
// no sense in one; a host refuses those, and counts them.
//
// Findings go out as JSON, as msgpack with the same keys and values
// ([Finding.AppendMsgpack], [Finding.AppendEvent]), and as rows of a table
// ([Finding.AppendRow]). Equal findings give equal octets.
package detect
