package decode

import "encoding/binary"

// A Sample is the head of a sample of sFlow (sFlow Version 5, sample_data of
// enterprise 0): what tells of samples that have not come.
type Sample struct {
	// Sequence counts the samples of this kind that the data source has made, this
	// one included.
	Sequence     uint32
	Class, Index uint32 // the data source: its source_id_type and source_id_index
	Kind         SampleKind
	// Drops counts the packets that should have been sampled and could not be,
	// for lack of resources; not of counter samples.
	Drops uint32
}

// A SampleKind is what a sample samples.
type SampleKind uint8

const (
	FlowSamples SampleKind = iota
	CounterSamples
	DiscardSamples
)

func (k SampleKind) String() string { return [...]string{"flow", "counter", "discard"}[k] }

// Samples returns the heads of the samples of the datagram that was decoded last,
// damaged ones included, if SFlow.Samples is set. They are good until the next.
func (d *Decoder) Samples() []Sample { return d.samples }

// sampleHead keeps the head of a sample, unless it is cut short.
func (d *Decoder) sampleHead(r []byte, format uint32) {
	if len(r) < 12 {
		return
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(r[4*i:]) }
	s := Sample{Sequence: word(0), Class: word(1), Index: word(2)}
	drops := 0
	switch format {
	case flowSample:
		s.Class, s.Index = word(1)>>24, word(1)&0xffffff
		drops = 4
	case flowSampleExpanded:
		drops = 5
	case discardedPacket:
		s.Kind, drops = DiscardSamples, 3
	case counterSample:
		s.Kind, s.Class, s.Index = CounterSamples, word(1)>>24, word(1)&0xffffff
	case counterSampleExpanded:
		s.Kind = CounterSamples
	default:
		return
	}
	if drops > 0 && len(r) >= 4*drops+4 {
		s.Drops = word(drops)
	}
	d.samples = append(d.samples, s)
}
