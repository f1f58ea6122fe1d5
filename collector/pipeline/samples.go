package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/weirflow/weir/shared/decode"
)

// Samples is what sFlow's samples tell of themselves, of all data sources of an
// agent together: each numbers its own. At any moment
//
//	SampleCount.Sent = SampleCount.Received + SampleCount.Missing
type Samples struct {
	DataSources int // that are followed
	SampleCount
	Untold uint64 // samples of data sources for which there was no room
}

// A SampleCount is of one data source, or of several.
type SampleCount struct {
	Sent     uint64 `json:"sent"` // by the numbers, since the first that was seen
	Received uint64 `json:"received"`
	Missing  uint64 `json:"missing"`
	Restarts uint64 `json:"restarts"` // the numbers began anew
	Dropped  uint64 `json:"dropped"`  // packets that the agent could not sample, for lack of resources
}

// A DataSource is what an sFlow agent samples, mostly an interface.
type DataSource struct {
	Class, Index uint32 // source_id_type and source_id_index: 0 and an ifIndex
	Kind         decode.SampleKind
}

const (
	// maxDataSources is how many data sources are followed, of all agents.
	maxDataSources = 1 << 17
	// maxSampleGap is the largest gap in which samples are missing, and
	// maxSampleStep by how many a sample may be late; beyond, the numbers began anew.
	maxSampleGap  = 1 << 20
	maxSampleStep = 1 << 10
)

// dataSources follows the samples of an agent, one by one; duplicates of
// datagrams must have been told by the datagrams' numbers.
type dataSources struct {
	all    map[DataSource]*samples
	room   *atomic.Int64 // data sources of all accounts; nil: none are followed
	untold uint64
	past   SampleCount // of accounts that were evicted
}

type samples struct {
	SampleCount
	started bool
	next    uint32
	drops   uint32
}

func (d *dataSources) note(all []decode.Sample) {
	if d.room == nil {
		return
	}
	for i := range all {
		s := &all[i]
		x := d.all[DataSource{s.Class, s.Index, s.Kind}]
		if x == nil {
			if x = d.open(s); x == nil {
				d.untold++
				continue
			}
		}
		x.note(s)
	}
}

// open makes room for the data source of s, and returns nil if there is none.
func (d *dataSources) open(s *decode.Sample) *samples {
	if d.room.Add(1) > maxDataSources {
		d.room.Add(-1)
		return nil
	}
	if d.all == nil {
		d.all = map[DataSource]*samples{}
	}
	x := new(samples)
	d.all[DataSource{s.Class, s.Index, s.Kind}] = x
	return x
}

func (x *samples) note(s *decode.Sample) {
	x.Sent++
	x.Received++
	switch d := int32(s.Sequence - x.next); {
	case !x.started:
		x.started, x.next, x.drops = true, s.Sequence+1, s.Drops
		return
	case d < 0 && d >= -maxSampleStep: // late, or from before the first
		if x.Missing > 0 {
			x.Missing--
			x.Sent--
		}
		return
	case d < 0 || d > maxSampleGap:
		x.Restarts++
		x.drops = s.Drops
	default:
		x.Missing += uint64(d)
		x.Sent += uint64(d)
	}
	if n := s.Drops - x.drops; n < 1<<31 { // it does not fall
		x.Dropped += uint64(n)
		x.drops = s.Drops
	}
	x.next = s.Sequence + 1
}

// restart begins anew: the agent has.
func (d *dataSources) restart() {
	for _, x := range d.all {
		if x.started {
			x.started = false
			x.Restarts++
		}
	}
}

// forget gives back the room, for good.
func (d *dataSources) forget() {
	if d.room != nil {
		d.room.Add(-int64(len(d.all)))
	}
	*d = dataSources{}
}

// sum adds up all data sources.
func (d *dataSources) sum() Samples {
	s := Samples{DataSources: len(d.all), Untold: d.untold, SampleCount: d.past}
	for _, x := range d.all {
		s.Add(x.SampleCount)
	}
	return s
}

// add enters what an account that was evicted has counted.
func (d *dataSources) add(s *Samples) {
	d.untold += s.Untold
	d.past.Add(s.SampleCount)
}

// Add adds x to c.
func (c *SampleCount) Add(x SampleCount) {
	c.Sent += x.Sent
	c.Received += x.Received
	c.Missing += x.Missing
	c.Restarts += x.Restarts
	c.Dropped += x.Dropped
}

// A DataSourceLedger is what is known of a data source.
type DataSourceLedger struct {
	DataSource
	SampleCount
}

// DataSources returns those of an account, by kind, class and index.
func (p *Pipeline) DataSources(k Key) (out []DataSourceLedger) {
	a := p.accounts.get(k)
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range slices.SortedFunc(maps.Keys(a.sources.all), DataSource.compare) {
		out = append(out, DataSourceLedger{id, a.sources.all[id].SampleCount})
	}
	return out
}

func (d DataSource) compare(e DataSource) int {
	return cmp.Or(cmp.Compare(d.Kind, e.Kind), cmp.Compare(d.Class, e.Class), cmp.Compare(d.Index, e.Index))
}
