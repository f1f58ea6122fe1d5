package query

import "github.com/weirflow/weir/shared/flow"

// An Answer is what an engine says to a [Request]. Sums that 64 bits don't hold
// are the most that they do.
type Answer struct {
	Groups []Group  // of Groups: largest first; equal ones by key, ascending, missing values last
	Other  Group    // what is in no group of Groups: no key. Folds and distinct counts of it are 0
	Others int      // groups in Other
	Total  []uint64 // of each metric with Fold Total that is a sum: all flows, each once

	Batch         flow.Batch     // of Flows
	Conversations []Conversation // of Conversations: largest first
	More          int            // records or conversations beyond the limit

	Flows   uint64 // records that ended in the interval, as Records counts them
	Unknown uint64 // of them, those whose sampling rate is not known: they count as they are
	Sampled uint64 // of them, those with a rate above 1: they count that many times, unless Raw

	// What it took, and how far to trust it. An engine sets what it knows.
	Scanned  uint64   // rows that were read
	Bound    uint64   // a group that is not here has at most this of the first metric beyond what is shown; 0: all is exact
	Coverage Coverage //
	Notes    []string // sentences for whoever asked
}

// A Group is the flows that have equal values of each Dim.
type Group struct {
	Key     []Key
	Values  []uint64   // of each metric
	Bins    [][]uint64 // of each metric, of Series: the volume of each bin
	In, Out []uint64   // of each metric, with Sides: as destination side and as source side
	Samples uint64     // packets that were sampled, behind the estimate: it errs by 196·√(1/Samples) % (95 %); 0: nothing was sampled
}

// A Key is the value of a Dim: in Uint, Addr or Text, by the kind of its column.
type Key struct {
	Missing bool // the flows lack the column
	Uint    uint64
	Addr    flow.Addr // masked; of a Pair the lower one
	Peer    flow.Addr // of a Pair
	Text    string    // valid UTF-8
}

// A Conversation is two directions of a 5-tuple (SEMANTICS, Direction,
// duplicates, conversations): flows with exchanged keys that overlap, or lie
// within the idle time. A is the initiator.
type Conversation struct {
	A, B         flow.Addr
	APort, BPort uint16
	Proto        uint8
	Start, End   int64     // Unix nanoseconds
	Bytes        [2]uint64 // from A, from B; scaled unless Raw
	Packets      [2]uint64
	Records      [2]uint64
}

// Coverage is what the loss ledger says of the interval (SEMANTICS, The loss
// ledger): of the data records that exporters sent, how many are in the store. It
// goes by when they arrived.
type Coverage struct {
	Known   bool   // the ledger tells of the whole interval
	Records uint64 // that came
	Missing uint64 // that did not; of v9 and sFlow an estimate, from packets and datagrams
	Lost    uint64 // of those that came: dropped in the store's queue, or refused by it
}

// Share is the part of what was sent that is in the store, 0 to 1.
func (c *Coverage) Share() float64 {
	if c.Records == 0 {
		return 1
	}
	return float64(c.Records-min(c.Lost, c.Records)) / float64(c.Records+c.Missing)
}
