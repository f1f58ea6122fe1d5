package detect

import "github.com/weirflow/weir/shared/flow"

// A Detector looks at flows. Whoever holds one calls it from one goroutine at a
// time.
type Detector interface {
	// Detect appends what in shows to dst. It is called with no flows when only
	// the watermark moved. Of in it must keep nothing but values: the rows and
	// strings are overwritten after it returns.
	Detect(dst []Finding, in Input) []Finding
}

// Input is a run of rows, and how far time has come behind them.
type Input struct {
	Flows     *flow.Batch      // never nil; ordered by (End, Exporter, Domain, arrival)
	Exporters []ExporterStatus // those whose state has changed since the last call
	Watermark int64            // Unix nanoseconds: rows of later calls end at or after this; [Forever] at the end of a replay
	Late      int              // rows since the last call that came behind the watermark; they are left out
}

// Forever is the watermark when no row will follow.
const Forever int64 = 1<<63 - 1

// An ExporterStatus says what is known of an exporter's loss on the way to us.
type ExporterStatus struct {
	Exporter flow.Addr
	Domain   uint32
	LastSeen int64  // Unix nanoseconds
	Received uint64 // in the protocol's own unit, since it was first seen
	Missing  uint64 // likewise
}

// A Manifest says who a detector is and what it needs.
type Manifest struct {
	Name    string   // lower case, unique among detectors: "scan"
	Version string   // changes when the same flows may give other findings
	Doc     string   // what it finds, in a sentence
	Fields  []string // columns it reads, by Go, IPFIX or flat name; empty: all
}
