package pipeline

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// A Key names an account: an exporter as it reaches us, and one of its
// observation domains.
type Key struct {
	From     netip.AddrPort // the datagrams' source
	Exporter netip.Addr     // who observed: the source, or sFlow's agent
	Domain   uint32
	Version  uint8 // 1, 5 to 9, 10 for IPFIX, flow.SFlow5
	Over     template.Transport
}

// Protocol names the export protocol.
func (k *Key) Protocol() string {
	switch k.Version {
	case 10:
		return "IPFIX"
	case flow.SFlow5:
		return "sFlow v5"
	}
	return "NetFlow v" + strconv.Itoa(int(k.Version))
}

// Unit is what the protocol's sequence numbers count, "" where it has none.
func (k *Key) Unit() string {
	switch k.Version {
	case 0, 1:
		return ""
	case 9:
		return "export packets"
	case 10:
		return "data records"
	case flow.SFlow5:
		return "datagrams"
	}
	return "flows"
}

// An Account keeps the loss ledger of one exporter's domain, and what its
// datagrams tell of the exporter.
type Account struct {
	Key

	mu      sync.Mutex
	seq     sequence
	traits  Traits // its Peaks are of the current period
	before  Peaks  // of the period before
	earlier Peaks  // of all periods before that
	sources dataSources
	decoded bool // a record of it was decoded: the store can't do without it

	// Guarded by the pipeline's lock.
	records uint64 // decoded
	held    uint64 // of them, on their way to the outputs
	taken   uint64 // by stages
	outputs []atOutput
	into    *Account // once it was evicted: whose its sums are; written with both locks
	gone    atomic.Bool
}

// atOutput counts the records of an account at an output.
type atOutput struct {
	fates   [failed + 1]uint64
	skipped uint64 // came before the output was there
}

// output returns the counts of a slot. The caller has the pipeline's lock.
func (a *Account) output(slot int) *atOutput {
	for len(a.outputs) <= slot {
		a.outputs = append(a.outputs, atOutput{})
	}
	return &a.outputs[slot]
}

// owner returns whose the sums of a are.
func (a *Account) owner() *Account {
	for a.into != nil {
		a = a.into
	}
	return a
}

// Traits is what an exporter's datagrams tell of it. Times are Unix
// nanoseconds.
type Traits struct {
	First, Last int64 // arrival
	Decoded     int64 // arrival of the last datagram with a record that could be read
	Datagrams   uint64
	Octets      uint64 // of datagrams
	Flows       uint64
	Options     uint64
	Counters    uint64
	Templates   uint64 // announcements that were new or changed
	Redefined   uint64
	Early       uint64 // octets of data sets that came before their template
	Recovered   uint64 // of them, decoded when it came
	Undecoded   uint64 // of them, given up
	Replaced    uint64 // records with an impossible time
	Faults      [decode.NumFaults]uint64
	LastFault   decode.Fault

	// Skew is the arrival less the export time, smoothed: how late our clock is
	// against the exporter's, and the way between.
	Skew    int64
	hasSkew bool

	Announced int64 // arrival of the last template, refreshed ones included; 0: none
	Peaks

	// Of some flows of each datagram:
	Looked  uint64 // how many
	NoRate  uint64 // without a sampling rate
	Ingress uint64 // observed at ingress, where they say so
	Egress  uint64 // at egress

	Uptime uint32 // of the last header that had one, milliseconds
}

// add enters what an account that was evicted has counted. What tells of one
// exporter alone stays out.
func (x *Traits) add(y *Traits) {
	if x.First == 0 || y.First != 0 && y.First < x.First {
		x.First = y.First
	}
	if y.Last > x.Last && y.LastFault != 0 {
		x.LastFault = y.LastFault
	}
	x.Last, x.Decoded, x.Announced = max(x.Last, y.Last), max(x.Decoded, y.Decoded), max(x.Announced, y.Announced)
	x.Datagrams += y.Datagrams
	x.Octets += y.Octets
	x.Flows += y.Flows
	x.Options += y.Options
	x.Counters += y.Counters
	x.Templates += y.Templates
	x.Redefined += y.Redefined
	x.Early += y.Early
	x.Recovered += y.Recovered
	x.Undecoded += y.Undecoded
	x.Replaced += y.Replaced
	for i, n := range y.Faults {
		x.Faults[i] += n
	}
	x.Looked += y.Looked
	x.NoRate += y.NoRate
	x.Ingress += y.Ingress
	x.Egress += y.Egress
}

// Peaks are the longest times that were seen, in nanoseconds. Those of flows are
// of some flows of each datagram.
type Peaks struct {
	Refresh int64 // between two announcements of templates
	Longest int64 // a flow
	Oldest  int64 // from a flow's start to its datagram
}

func (p Peaks) or(q Peaks) Peaks {
	return Peaks{max(p.Refresh, q.Refresh), max(p.Longest, q.Longest), max(p.Oldest, q.Oldest)}
}

// turn begins a new period of Peaks.
func (a *Account) turn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.earlier = a.earlier.or(a.before)
	a.before, a.traits.Peaks = a.traits.Peaks, Peaks{}
}

// settle enters what became of n records. The caller has the pipeline's lock.
func (a *Account) settle(slot int, f fate, n uint64) {
	a.owner().output(slot).fates[f] += n
}

// A tally is what one datagram has brought.
type tally struct {
	octets  int
	fault   decode.Fault
	faulty  bool
	head    decode.Head
	before  decode.Stats // the decoder's, before the datagram
	flows   []flow.Flow
	samples []decode.Sample // of sFlow
	arrival int64
}

// note enters a datagram. It returns true for the first that delivers a record.
func (a *Account) note(t *tally, after *decode.Stats) (first bool) {
	a.mu.Lock()
	if a.gone.Load() { // since it was looked up
		a.mu.Unlock()
		a.into.note(t, after)
		return false
	}
	defer a.mu.Unlock()
	x := &a.traits
	if x.First == 0 {
		x.First = t.arrival
	}
	x.Last = t.arrival
	x.Datagrams++
	x.Octets += uint64(t.octets)
	x.Flows += after.Flows - t.before.Flows
	x.Options += after.Options - t.before.Options
	x.Counters += after.Counters - t.before.Counters
	x.Templates += after.Templates - t.before.Templates
	x.Redefined += after.Redefined - t.before.Redefined
	x.Early += after.Waiting - t.before.Waiting
	x.Recovered += after.Recovered - t.before.Recovered
	x.Undecoded += after.Undecoded - t.before.Undecoded
	x.Replaced += after.Replaced - t.before.Replaced
	if after.Records != t.before.Records {
		first = !a.decoded
		x.Decoded, a.decoded = t.arrival, true
	}
	if t.faulty {
		x.LastFault = t.fault
		for i := range x.Faults {
			x.Faults[i] += after.Faults[i] - t.before.Faults[i]
		}
	}
	if t.head.HasUptime {
		x.Uptime = t.head.Uptime
	}
	if a.Version != flow.SFlow5 && t.head.Export != t.arrival {
		skew := t.arrival - t.head.Export
		if !x.hasSkew {
			x.Skew, x.hasSkew = skew, true
		}
		x.Skew += (skew - x.Skew) / 16
	}
	if after.Announced != t.before.Announced {
		if x.Announced != 0 {
			x.Refresh = max(x.Refresh, t.arrival-x.Announced)
		}
		x.Announced = t.arrival
	}
	looked := t.flows[:min(len(t.flows), look)]
	x.Looked += uint64(len(looked))
	for i := range looked {
		x.flow(&looked[i], t.head.Export)
	}
	if t.head.HasSequence && a.From.IsValid() { // the others' numbers are of many
		duplicates, restarts := a.seq.Duplicates, a.seq.Restarts
		a.seq.note(&t.head, t.arrival)
		if a.seq.Restarts != restarts {
			a.sources.restart()
		}
		if a.seq.Duplicates == duplicates {
			a.sources.note(t.samples)
		}
	}
	return first
}

// noteWaiting enters a data set that has waited for its template and arrived
// before. It returns true if the first record came with it.
func (a *Account) noteWaiting(before, after *decode.Stats, arrival int64) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := &a.traits
	x.Flows += after.Flows - before.Flows
	x.Options += after.Options - before.Options
	x.Recovered += after.Recovered - before.Recovered
	x.Undecoded += after.Undecoded - before.Undecoded
	x.Replaced += after.Replaced - before.Replaced
	for i := range x.Faults {
		x.Faults[i] += after.Faults[i] - before.Faults[i]
	}
	if after.Records != before.Records {
		first = !a.decoded
		x.Decoded, a.decoded = max(x.Decoded, arrival), true
	}
	return first
}

// look is at how many flows of a datagram is looked for the exporter's traits.
const look = 4

// flow enters what a flow tells of its exporter.
func (x *Traits) flow(f *flow.Flow, export int64) {
	if !f.Set.Has(flow.FieldSamplingRate) {
		x.NoRate++
	}
	if f.Set.Has(flow.FieldDirection) {
		if f.Direction == 0 {
			x.Ingress++
		} else {
			x.Egress++
		}
	}
	if f.Marks&flow.TimeReplaced == 0 && f.Start != 0 {
		x.Longest = max(x.Longest, f.End-f.Start)
		x.Oldest = max(x.Oldest, export-f.Start)
	}
}

// Ledger is what is known of an account at one moment.
type Ledger struct {
	Key
	Traits
	Transit
	Lately    Peaks   // of the current period and the one before
	Inclusive bool    // its sequence numbers count the message that they are in
	Samples   Samples // of sFlow

	Records  uint64 // data records that were decoded
	Held     uint64 // of them, on their way to the outputs
	Filtered uint64 // of them, taken out by stages
	Outputs  []OutputLedger
}

// OutputLedger says where the records of an account are, for one output:
//
//	Records = Held + Ledger.Filtered + Skipped + Queued + Filtered + Written + Dropped + Failed
type OutputLedger struct {
	Name                                                string
	Skipped, Queued, Filtered, Written, Dropped, Failed uint64
}
