package api

import (
	"net/netip"
	"time"

	"github.com/weirflow/weir/collector/doctor"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
)

// What the API answers. openapi.yaml says the same, and a test holds the two
// together.

// A State says how an exporter's domain is.
type State = doctor.State

// The states.
const (
	Up         = doctor.Up
	Unreadable = doctor.Unreadable
	Silent     = doctor.Quiet
)

// Exporters is the answer to GET /api/v1/exporters.
type Exporters struct {
	Exporters []Exporter `json:"exporters"`
	// Others sums up the exporters beyond the limit, and those that had to make
	// room: its Transit, without a unit, those of all protocols.
	Others *Ledger `json:"others,omitempty"`
}

// An Exporter is all of one address.
type Exporter struct {
	Address  netip.Addr `json:"address"`
	Name     string     `json:"name,omitempty"`
	State    State      `json:"state"` // the best of its domains
	LastSeen time.Time  `json:"last_seen"`
	Domains  []Domain   `json:"domains"`
}

// A Domain is an observation domain of an exporter, as it reaches us.
type Domain struct {
	Source      netip.AddrPort `json:"source"`
	Domain      uint32         `json:"domain"`
	Protocol    string         `json:"protocol"`
	Transport   string         `json:"transport"`
	Platform    string         `json:"platform,omitempty"` // guessed
	State       State          `json:"state"`
	FirstSeen   time.Time      `json:"first_seen"`
	LastSeen    time.Time      `json:"last_seen"`
	LastDecoded *time.Time     `json:"last_decoded,omitempty"`
	ClockSkew   float64        `json:"clock_skew_seconds"` // above 0: its clock is behind ours
	Ledger
	Templates Templates        `json:"templates"`
	Samplers  []Sampler        `json:"samplers"`
	Samples   *Samples         `json:"samples,omitempty"` // of sFlow
	Advice    []doctor.Finding `json:"advice"`
}

// Templates is what a domain has announced.
type Templates struct {
	Known         int        `json:"known"`   // for flows
	Options       int        `json:"options"` // options templates
	Changes       uint64     `json:"changes"` // announcements that were new or changed
	Redefined     uint64     `json:"redefined"`
	LastAnnounced *time.Time `json:"last_announced,omitempty"`
	Refresh       float64    `json:"refresh_seconds"`     // longest time between two announcements
	Announced     []Template `json:"announced,omitempty"` // only of one exporter
}

// A Template is one that was announced.
type Template struct {
	ID        uint16    `json:"id"`
	Options   bool      `json:"options"`
	Scopes    int       `json:"scopes,omitempty"`
	Announced time.Time `json:"announced"`
	Fields    []Field   `json:"fields"`
}

// A Field is one of a template.
type Field struct {
	Name       string `json:"name"`
	Enterprise uint32 `json:"enterprise,omitempty"`
	ID         uint16 `json:"id"`
	Length     uint16 `json:"length"` // 65535: variable
}

// A Sampler is a sampling rate that options announced.
type Sampler struct {
	Of   string `json:"of"` // domain, sampler or interface
	ID   uint64 `json:"id"`
	Name string `json:"name,omitempty"`
	Rate uint32 `json:"rate"` // 1 in so many
}

// Samples is what became of sFlow's samples on their way, by the numbers that each
// data source gives to its own:
//
//	sent = received + missing
type Samples struct {
	DataSources int    `json:"data_sources"` // that are followed
	Untold      uint64 `json:"untold"`       // samples of others: there was no room
	pipeline.SampleCount
	Each []DataSource `json:"each,omitempty"` // only of one exporter
}

// A DataSource is what an sFlow agent samples.
type DataSource struct {
	Kind  string `json:"kind"`  // of its samples: flow, counter or discard
	Class uint32 `json:"class"` // source_id_type; 0: an interface
	Index uint32 `json:"index"` // source_id_index
	pipeline.SampleCount
}

// A Ledger says where the records are.
type Ledger struct {
	Traffic Traffic           `json:"traffic"`
	Transit Transit           `json:"transit"`
	Inside  Inside            `json:"inside"`
	Faults  map[string]uint64 `json:"faults"` // by their label
}

// Traffic is what has come.
type Traffic struct {
	Datagrams uint64 `json:"datagrams"`
	Octets    uint64 `json:"octets"`
	Flows     uint64 `json:"flows"`
	Options   uint64 `json:"options"`
	Counters  uint64 `json:"counters"`
}

// Transit is what became of what was sent, on its way to us:
//
//	sent = received + missing + waiting
type Transit struct {
	Unit      string `json:"unit"`      // what the protocol's sequence numbers count
	Inclusive bool   `json:"inclusive"` // each message counts itself
	pipeline.Transit
}

// Inside is what became of the data records that came:
//
//	records = held + filtered + skipped + queued + the output's filtered + written + dropped + failed
//
// at each output. Data without a template is in octets.
type Inside struct {
	Records   uint64   `json:"records"`
	Held      uint64   `json:"held"`
	Filtered  uint64   `json:"filtered"`
	Waiting   uint64   `json:"waiting_octets"`   // for their template
	Undecoded uint64   `json:"undecoded_octets"` // given up
	Outputs   []Output `json:"outputs"`
}

// An Output is where an output has the records.
type Output struct {
	Name     string `json:"name"`
	Skipped  uint64 `json:"skipped"`
	Queued   uint64 `json:"queued"`
	Filtered uint64 `json:"filtered"` // by its own filter
	Written  uint64 `json:"written"`
	Dropped  uint64 `json:"dropped"`
	Failed   uint64 `json:"failed"`
}

// Status is the answer to GET /api/v1/status.
type Status struct {
	Version   string                 `json:"version"`
	Started   time.Time              `json:"started"`
	Listeners []ListenerStatus       `json:"listeners"`
	Traffic   Traffic                `json:"traffic"`
	Filtered  uint64                 `json:"filtered"`
	Outputs   []pipeline.OutputStats `json:"outputs"`
	Faults    map[string]uint64      `json:"faults"`
	Errors    Errors                 `json:"errors"`
}

// Errors are what should not happen.
type Errors struct {
	Sources uint64 `json:"sources"` // reads that failed
	Sinks   uint64 `json:"sinks"`   // writes that failed
	Panics  uint64 `json:"panics"`  // contained
}

// ListenerStatus is what came to a socket.
type ListenerStatus struct {
	Address    string `json:"address"`
	Datagrams  uint64 `json:"datagrams"` // handed on, to be decoded
	Octets     uint64 `json:"octets"`
	Denied     uint64 `json:"denied"`      // from who may not send here
	Refused    uint64 `json:"refused"`     // of another protocol
	OverBudget uint64 `json:"over_budget"` // from who nobody knows
	Truncated  uint64 `json:"truncated"`
	Dropped    uint64 `json:"kernel_dropped"` // the receive buffer was full
}

func listenerStatus(address string, s *source.Stats) ListenerStatus {
	return ListenerStatus{address, s.Datagrams, s.Octets, s.Denied, s.Refused, s.OverBudget, s.Truncated, s.Dropped}
}
