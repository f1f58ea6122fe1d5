package pipeline

import "github.com/weirflow/weir/shared/decode"

// Stats counts what went through a Pipeline. Flows, of the decoders, is always
// Written + Filtered + Dropped + Failed + Queued.
type Stats struct {
	decode.Stats // of all decoders together

	Queued   uint64 // flows between decoder and sink at this moment
	Written  uint64 // flows that the sink took
	Filtered uint64 // flows that stages took out
	Dropped  uint64 // flows lost in the queue, by overflow or at the end
	Failed   uint64 // flows of batches that the sink refused

	SinkErrors   uint64 // writes that ended in an error or a panic
	SourceErrors uint64 // reads that ended in an error
	Panics       uint64 // of stages, sink, sources and decoders, all contained
}

func add(sum *decode.Stats, s *decode.Stats) {
	sum.Datagrams += s.Datagrams
	sum.Octets += s.Octets
	sum.Flows += s.Flows
	sum.Options += s.Options
	sum.Counters += s.Counters
	sum.Recovered += s.Recovered
	sum.Undecoded += s.Undecoded
	sum.Templates += s.Templates
	sum.Waiting += s.Waiting
	sum.Replaced += s.Replaced
	for i, n := range s.Faults {
		sum.Faults[i] += n
	}
}
