package pipeline

import "github.com/weirflow/weir/shared/decode"

// Stats counts what went through a Pipeline. For each output,
//
//	Flows = Held + Filtered + its own: Filtered + Skipped + Written + Dropped + Failed + Queued
//
// at any moment.
type Stats struct {
	decode.Stats // of all decoders together

	Held     uint64 // flows that workers have, on their way to the outputs
	Filtered uint64 // flows that stages took out
	Outputs  []OutputStats

	// Of the first output: Queued counts the flows held as well.
	Queued, Written, Dropped, Failed uint64

	NewPorts   uint64 // at which an exporter that had delivered showed up; its old ones may be silent
	NewDomains uint64 // likewise

	SinkErrors   uint64 // writes that ended in an error or a panic, of all outputs
	SourceErrors uint64 // reads that ended in an error
	Panics       uint64 // of stages, sinks, taps, sources and decoders, all contained
}

// OutputStats counts the flows of one output.
type OutputStats struct {
	Name     string `json:"name"`
	Queued   uint64 `json:"queued"`            // wait for the sink, in memory or on disk
	Spilled  uint64 `json:"spilled"`           // of them, on disk
	Filtered uint64 `json:"filtered"`          // the output's own filter left them out
	Written  uint64 `json:"written"`           // the sink took them
	Dropped  uint64 `json:"dropped"`           // by overflow, or at the end
	Failed   uint64 `json:"failed"`            // of batches that the sink refused
	Skipped  uint64 `json:"skipped"`           // decoded before the output was there
	Errors   uint64 `json:"errors"`            // writes that ended in an error or a panic
	Trouble  string `json:"trouble,omitempty"` // why the sink takes nothing now
}

func add(sum *decode.Stats, s *decode.Stats) {
	sum.Datagrams += s.Datagrams
	sum.Octets += s.Octets
	sum.Records += s.Records
	sum.Flows += s.Flows
	sum.Options += s.Options
	sum.Counters += s.Counters
	sum.Recovered += s.Recovered
	sum.Undecoded += s.Undecoded
	sum.Announced += s.Announced
	sum.Templates += s.Templates
	sum.Redefined += s.Redefined
	sum.Withdrawn += s.Withdrawn
	sum.Waiting += s.Waiting
	sum.Replaced += s.Replaced
	for i, n := range s.Faults {
		sum.Faults[i] += n
	}
}
