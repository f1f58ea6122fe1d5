package scan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// Config says when a fan-out is a scan.
type Config struct {
	Window    time.Duration `yaml:"window"`    // tumbling, aligned to 1970 UTC
	Threshold int           `yaml:"threshold"` // distinct destinations without an answer
	Share     float64       `yaml:"share"`     // of the source's tries of the port that those must be, 0 to 1
	Packets   uint64        `yaml:"packets"`   // a flow of more is no attempt, unless TCP flags say so
	MaxPairs  int           `yaml:"max_pairs"` // pairs of source and destination that are remembered in a window
}

// Default is for unsampled traffic. On the labelled captures at hand no benign
// source comes to 10 unanswered destinations of a port in 5 minutes; the one
// scanner among them comes to exactly 10, of 30 tries.
func Default() Config {
	return Config{Window: 5 * time.Minute, Threshold: 10, Share: 0.25, Packets: 3, MaxPairs: 1 << 18}
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Window < time.Second:
		return errors.New("scan: window is below 1s")
	case c.Threshold < 2:
		return errors.New("scan: threshold is below 2")
	case !(c.Share >= 0 && c.Share <= 1):
		return errors.New("scan: share is not from 0 to 1")
	case c.MaxPairs < c.Threshold:
		return errors.New("scan: max_pairs is below threshold")
	}
	return nil
}

// Manifest says who the detector is.
func Manifest() detect.Manifest {
	return detect.Manifest{
		Name: "scan", Version: "1",
		Doc: "horizontal scans: one source tries one port on many destinations that don't answer",
		Fields: []string{
			"SrcAddr", "DstAddr", "SrcPort", "DstPort", "Proto", "TCPFlags", "Packets", "Start", "End",
			"Exporter", "DstMask", "FwEvent",
		},
	}
}

// A Detector finds horizontal scans. One goroutine uses it at a time.
type Detector struct {
	cfg    Config
	window int64            // ns
	start  int64            // of the open window
	closed bool             // no window is open; what ends before start+window comes too late
	pairs  map[pair]attempt // of the open window
	other  map[key]uint64   // flows that are no attempts, of the open window
	over   int              // attempts that found no room
}

// A key is what a finding is about.
type key struct {
	src   flow.Addr
	port  uint16
	proto uint8
}

// A pair is a source that tries a port of a destination.
type pair struct {
	key
	dst flow.Addr
}

// An attempt is what is remembered of a pair.
type attempt struct {
	first    detect.FlowKey
	flows    uint64
	sure     bool // by flags or firewall; no answer clears it
	answered bool
}

// New makes a Detector.
func New(cfg Config) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Detector{
		cfg: cfg, window: int64(cfg.Window), start: -int64(cfg.Window), closed: true,
		pairs: map[pair]attempt{}, other: map[key]uint64{},
	}, nil
}

// Detect implements detect.Detector.
func (d *Detector) Detect(dst []detect.Finding, in detect.Input) []detect.Finding {
	for i := range in.Flows.Flows {
		f := &in.Flows.Flows[i]
		start := f.End - f.End%d.window
		if start < d.start || start == d.start && d.closed {
			continue
		}
		if start > d.start {
			dst = d.close(dst)
			d.start, d.closed = start, false
		}
		d.add(f)
	}
	if in.Watermark-d.window >= d.start {
		dst = d.close(dst)
	}
	return dst
}

const (
	tcp, udp, dccp, sctp, udplite = 6, 17, 33, 132, 136

	syn, ack = 0x02, 0x10

	created, denied = 1, 3 // firewallEvent
)

func hasPorts(proto uint8) bool {
	switch proto {
	case tcp, udp, dccp, sctp, udplite:
		return true
	}
	return false
}

// add notes f as an attempt, as an answer to one, or both.
func (d *Detector) add(f *flow.Flow) {
	if !hasPorts(f.Proto) || f.FwEvent == created {
		return
	}
	asked := pair{key{f.DstAddr, f.SrcPort, f.Proto}, f.SrcAddr}
	question, isAnswer := d.pairs[asked]
	if isAnswer && !question.answered {
		question.answered = true
		d.pairs[asked] = question
	}
	p := pair{key{f.SrcAddr, f.DstPort, f.Proto}, f.DstAddr}
	tried, sure := d.attempt(f)
	if !tried || !unicast(f) {
		if _, known := d.other[p.key]; known || len(d.other) < d.cfg.MaxPairs {
			d.other[p.key]++
		}
		return
	}
	a, known := d.pairs[p]
	if !known {
		if len(d.pairs) >= d.cfg.MaxPairs {
			d.over++
			return
		}
		// The answer may have come first: it ends when its question does.
		a = attempt{first: detect.KeyOf(f), answered: isAnswer}
	}
	a.flows++
	a.sure = a.sure || sure
	d.pairs[p] = a
}

// attempt tells whether f looks as if nobody had answered, and whether it is
// certain by itself.
func (d *Detector) attempt(f *flow.Flow) (tried, sure bool) {
	switch {
	case f.FwEvent == denied:
		return true, true
	case f.Proto == tcp && f.TCPFlags != 0:
		tried = f.TCPFlags&(syn|ack) == syn
		return tried, tried
	}
	return f.Packets <= d.cfg.Packets, false
}

// unicast tells whether f goes from one host to one host.
func unicast(f *flow.Flow) bool {
	src, dst := f.SrcAddr.Netip(), f.DstAddr.Netip()
	if src.IsUnspecified() || dst.IsUnspecified() || dst.IsMulticast() || dst.IsLoopback() {
		return false
	}
	if !dst.Is4() {
		return true
	}
	a := dst.As4()
	host := ^uint32(0)
	if f.DstMask > 0 {
		host >>= min(f.DstMask, 32)
	}
	v := binary.BigEndian.Uint32(a[:])
	return v != ^uint32(0) && (f.DstMask == 0 || f.DstMask > 30 || v&host != host)
}

// close ends the open window and appends what is found in it.
func (d *Detector) close(dst []detect.Finding) []detect.Finding {
	if d.closed {
		return dst
	}
	d.closed = true
	byKey := map[key]int{}
	for p, a := range d.pairs {
		if a.sure || !a.answered {
			byKey[p.key]++
		} else {
			d.other[p.key] += a.flows
		}
	}
	scans := map[key]*scan{}
	var keys []key
	for k, n := range byKey {
		if n >= d.cfg.Threshold && float64(n) >= d.cfg.Share*float64(uint64(n)+d.other[k]) {
			scans[k] = &scan{}
			keys = append(keys, k)
		}
	}
	for p, a := range d.pairs {
		if s := scans[p.key]; s != nil && (a.sure || !a.answered) {
			s.evidence = append(s.evidence, a.first)
			s.flows += a.flows
			if a.sure {
				s.sure++
			}
		}
	}
	slices.SortFunc(keys, key.compare)
	for _, k := range keys {
		dst = append(dst, d.report(k, scans[k]))
	}
	clear(d.pairs)
	clear(d.other)
	d.over = 0
	return dst
}

// A scan is what the attempts of a key add up to.
type scan struct {
	evidence []detect.FlowKey // the first attempt of each destination
	flows    uint64
	sure     int // destinations
}

func (k key) compare(o key) int {
	return cmp.Or(bytes.Compare(k.src[:], o.src[:]), cmp.Compare(k.proto, o.proto), cmp.Compare(k.port, o.port))
}

// report makes the finding about k in the window that closes.
func (d *Detector) report(k key, s *scan) detect.Finding {
	slices.SortFunc(s.evidence, func(a, b detect.FlowKey) int {
		return cmp.Or(cmp.Compare(a.End, b.End), bytes.Compare(a.DstAddr[:], b.DstAddr[:]))
	})
	n := len(s.evidence)
	src, proto := k.src.String(), cmp.Or(flow.ProtoName(k.proto), strconv.Itoa(int(k.proto)))
	span := float64(s.evidence[n-1].End-s.evidence[0].End) / 1e9
	f := detect.Finding{
		Key:   fmt.Sprintf("%s %s %d", src, proto, k.port),
		Class: "scan.horizontal", Technique: "T1046",
		Severity: detect.Medium, Confidence: float64(6*n+3*s.sure) / float64(10*n),
		Start: d.start, End: d.start + d.window,
		Entities: []detect.Entity{
			{Role: "source", Kind: "ip", Value: src},
			{Role: "target", Kind: "port", Value: fmt.Sprintf("%s/%d", proto, k.port)},
		},
		Metrics: map[string]float64{
			"destinations": float64(n), "flows": float64(s.flows), "other_flows": float64(d.other[k]),
			"seconds": span, "left_out": float64(d.over),
		},
		Explanation: fmt.Sprintf("%s tried %s port %d on %d destinations within %.0f s and got through to none.",
			src, proto, k.port, n, math.Ceil(span)),
		Actions:  []string{"look at what " + src + " runs", "block " + src + " towards " + proto + " port " + strconv.Itoa(int(k.port))},
		Evidence: s.evidence[:min(n, detect.MaxEvidence)],
	}
	if k.src.Netip().IsPrivate() {
		f.Severity = detect.High // one of ours scans: somebody else may be in charge of it
	}
	return f
}
