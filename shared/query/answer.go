package query

import "github.com/weirflow/weir/shared/flow"

// An Answer is what an engine says to a [Request]. Sums that 64 bits don't hold
// are the most that they do, and are ordered as such.
type Answer struct {
	Groups []Group  // of Groups: largest first; equal ones by key, Dim by Dim, ascending, missing values last: numbers, times, addresses as numbers of 128 bits, texts by octets. None if no flow was seen
	Other  Group    // what the groups have together that are not in Groups: no key. Folds and distinct counts of it are 0. The zero Group if there are none
	Others int      // groups in Other
	Total  []uint64 // of each metric with Fold Total that is a sum: all flows, each once; of others 0

	Batch         flow.Batch     // of Flows
	Conversations []Conversation // of Conversations: largest first
	More          int            // records or conversations beyond the limit

	Flows   uint64 // records that ended in the interval, as Records counts them, of any Shape
	Unknown uint64 // of them, those whose sampling rate is not known: they count as they are
	Sampled uint64 // of them, those with a rate above 1: they count that many times, unless Raw

	// Between these are the rates above 1 of all flows that count, both within. An
	// engine may go by all flows that it has of the interval, whatever the filter
	// chooses of them. 0 if Sampled is 0, or if it doesn't know.
	LeastRate, MostRate uint32

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
	Bins    [][]uint64 // of each metric, of Series: the volume of each bin; nil of Distinct
	In, Out []uint64   // of each metric, with Sides: as destination side and as source side, of a pair as the lower address's; flows whose sides are equal, or of a pair missing, are in both
	Samples uint64     // packets of flows with a rate above 1, spread but not scaled, behind the estimate: it errs by 196·√(1/Samples) % (95 %); 0: nothing was sampled
}

// A Key is the value of a Dim: in Uint, Addr or Text, by the kind of its column.
type Key struct {
	Missing bool // the flows lack the column; all else is zero
	Uint    uint64
	Addr    flow.Addr // masked; of a Pair the lower one
	Peer    flow.Addr // of a Pair
	Text    string    // valid UTF-8: each run of octets that is not is one U+FFFD
}

// A Conversation is two directions of a 5-tuple (SEMANTICS, Direction,
// duplicates, conversations): flows with equal or exchanged keys that overlap, or
// whose gap is not longer than the idle time. A is the initiator: the end whose
// flows begin earlier, or are the only ones; else the one of whose first flows one
// of TCP has SYN without ACK, where the other's have none; else that of the higher
// port, else of the lower address. Ports and protocols that are missing are 0.
// Equally large ones are ordered by Start, A, B, APort, BPort, Proto.
type Conversation struct {
	A, B         flow.Addr
	APort, BPort uint16
	Proto        uint8
	Start, End   int64     // Unix nanoseconds, of its flows that were seen in the interval, whole
	Bytes        [2]uint64 // from A, from B, what lies in the interval; scaled unless Raw. Of an end with itself all is from A
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
