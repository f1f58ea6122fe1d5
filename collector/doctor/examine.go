package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
)

// A Patient is one observation domain of an exporter.
type Patient struct {
	pipeline.Ledger

	Now       int64  // Unix nanoseconds
	Templates int    // templates for flows that are known
	Options   int    // options templates that are known
	Moved     bool   // it sends from another port since
	RateSet   bool   // the operator has said what its sampling rate is
	Platform  string // as Platforms has it; empty: not known
	Dropped   uint64 // datagrams that the kernel dropped, of all exporters
	Before    *Past  // nil: all is lately
}

// When something is worth a word.
const (
	longActive  = 5*time.Minute + 30*time.Second // exporters look for what has timed out now and then
	rareRefresh = 10 * time.Minute
	skewed      = 2 * time.Second
	Silent      = 5 * time.Minute // an exporter that sends nothing for so long is silent

	lossWarning = 0.001 // share of what was sent
	lossError   = 0.01
	bothSides   = 0.1 // share of flows of the rarer direction
)

// The ids of findings that have repairs.
const (
	idActiveTimeout = "active-timeout"
	idTemplatesRare = "templates-rare"
	idSampling      = "sampling-unknown"
	idOptions       = "no-options"
	idClock         = "clock-skew"
	idBoth          = "both-directions"
	idOldVersion    = "old-version"
)

// Examine returns what is to be said of p, the worst first. What was wrong
// earlier, and is not lately, is a note.
func Examine(p *Patient) (all []Finding) {
	if p.Moved { // the rest is history
		return one("moved", Note, "it sends from another port since", "")
	}
	all = examine(p.lately())
	if p.Before != nil {
		for _, f := range examine(p) {
			if slices.ContainsFunc(all, func(g Finding) bool { return g.ID == f.ID }) {
				continue
			}
			if f.Severity > Note {
				f = Finding{ID: f.ID, Text: fmt.Sprintf("until %s ago: %s", long(time.Duration(p.Now-p.Before.At)), f.Text)}
			}
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return all
}

func examine(p *Patient) (all []Finding) {
	for _, check := range checks {
		for _, f := range check(p) {
			if f.ID != idSampling || p.templated() { // only templates can tell of samplers
				f.Repairs = Repairs(f.ID, p.Platform)
			}
			all = append(all, f)
		}
	}
	return all
}

// checks are all that is looked for.
var checks = []func(*Patient) []Finding{
	silent, templates, early, refresh, loss, duplicates, stray, restarts, inclusive,
	sampling, sampleDrops, activeTimeout, clock, bothDirections, times, faults, redefined, oldVersion, outputs,
}

func one(id string, s Severity, text, advice string) []Finding {
	return []Finding{{ID: id, Severity: s, Text: text, Advice: advice}}
}

// templated tells whether the exporter's protocol has templates.
func (p *Patient) templated() bool { return p.Version == 9 || p.Version == 10 }

func silent(p *Patient) []Finding {
	if d := time.Duration(p.Now - p.Last); p.Last != 0 && d > Silent {
		return one("silent", Warning, fmt.Sprintf("nothing has come for %s", long(d)), "see whether it is up, still exports to this address and port, and is let through")
	}
	return nil
}

// waiting is how many octets of data sets wait for their template.
func (p *Patient) waiting() uint64 { return p.Early - min(p.Early, p.Recovered+p.Undecoded) }

func templates(p *Patient) []Finding {
	n := p.waiting() + p.Undecoded
	switch {
	case !p.templated() || n == 0:
		return nil
	case p.Templates == 0 && p.Options == 0 && p.Decoded == 0:
		return one("no-template", Error, fmt.Sprintf("data comes, but never its template: %s can't be read", octets(n)), "let the exporter announce its templates every minute, to the same address and port as the data")
	case p.Undecoded > 0:
		return one("undecoded", Error, fmt.Sprintf("%s were given up, because their template did not come in time", octets(p.Undecoded)), "let the exporter announce its templates every minute")
	}
	return one("waiting", Warning, fmt.Sprintf("%s wait for a template that has not come", octets(p.waiting())), "let the exporter announce its templates every minute")
}

func early(p *Patient) []Finding {
	if p.Recovered == 0 {
		return nil
	}
	return one("data-first", Note, fmt.Sprintf("%s of data came before their template, and were decoded when it came", octets(p.Recovered)), "")
}

func refresh(p *Patient) []Finding {
	if !p.templated() || p.Over.Connected() {
		return nil
	}
	since := p.Announced
	if since == 0 {
		since = p.First
	}
	last := time.Duration(p.Last - since) // without an announcement
	switch d := max(time.Duration(p.Refresh), last); {
	case d <= rareRefresh:
		return nil
	case p.Announced == 0:
		return one(idTemplatesRare, Warning, fmt.Sprintf("no template has come since its first datagram, %s before the last", long(d)), "after a change of the exporter's configuration nothing can be read until its templates come: let them come every minute")
	default:
		return one(idTemplatesRare, Warning, fmt.Sprintf("its templates come %s apart", long(d)), "a collector that starts anew can't read anything until they come: let them come every minute")
	}
}

func loss(p *Patient) []Finding {
	if p.Sent == 0 || p.Missing == 0 {
		return nil
	}
	share := float64(p.Missing) / float64(p.Sent)
	if share <= lossWarning {
		return nil
	}
	s := Warning
	if share > lossError {
		s = Error
	}
	advice := "the kernel of this machine dropped nothing: look for the loss in the network, or in the exporter's own queue"
	if p.Dropped > 0 {
		advice = fmt.Sprintf("the kernel of this machine dropped %d datagrams, of all exporters: raise source.buffer, and sysctl net.core.rmem_max", p.Dropped)
	}
	return one("loss", s, fmt.Sprintf("%d of %d %s are missing (%s)", p.Missing, p.Sent, p.Unit(), percent(share)), advice)
}

func duplicates(p *Patient) []Finding {
	if p.Duplicates == 0 {
		return nil
	}
	s := Note
	if float64(p.Duplicates) > lossWarning*float64(p.Received) {
		s = Warning
	}
	return one("duplicates", s, fmt.Sprintf("%d %s came more than once", p.Duplicates, p.Unit()), "see whether the exporter has this collector twice, or a relay sends what comes directly as well")
}

func stray(p *Patient) []Finding {
	if float64(p.Stray) <= lossWarning*float64(p.Received) {
		return nil
	}
	return one("stray", Warning, fmt.Sprintf("%d %s have sequence numbers far from the others", p.Stray, p.Unit()), "see whether two exporters share this address and observation domain, as behind NAT or in a stack")
}

func restarts(p *Patient) []Finding {
	if p.Restarts == 0 {
		return nil
	}
	return one("restarts", Note, fmt.Sprintf("its sequence numbers began anew %s: it restarted", often(p.Restarts)), "")
}

func inclusive(p *Patient) []Finding {
	if !p.Inclusive {
		return nil
	}
	return one("inclusive", Note, "its sequence numbers count the message that they are in, against RFC 7011 §3.1; that is taken into account", "")
}

func sampling(p *Patient) []Finding {
	unknown := p.Looked > 0 && p.NoRate > 0 && !p.RateSet
	silent := p.templated() && p.Options == 0
	switch {
	case unknown:
		text := fmt.Sprintf("the sampling rate of %s of its flows is not known", percent(float64(p.NoRate)/float64(p.Looked)))
		if silent {
			text += ", and it announces no options template"
		}
		return one(idSampling, Warning, text, "if it samples, volumes are too small: let it announce its samplers, or say so with enrich.exporters: {address: "+p.Exporter.String()+", sampling: N}; N is 1 if it does not sample")
	case silent && p.Templates > 0:
		return one(idOptions, Note, "it announces no options template: names of its interfaces and samplers are not known", "")
	}
	return nil
}

// sampleDrops tells of packets that an sFlow agent could not sample.
func sampleDrops(p *Patient) []Finding {
	n := p.Samples.Dropped
	if float64(n) <= lossWarning*float64(p.Samples.Received) {
		return nil
	}
	return one("sample-drops", Warning, fmt.Sprintf("its agent had no time to take %d samples, beside the %d that came: volumes are too small", n, p.Samples.Received), "sample fewer packets: double N of its 1 in N")
}

func activeTimeout(p *Patient) []Finding {
	const advice = "charts show a flow's traffic up to that much late: set the active timeout to 60 s"
	switch {
	case time.Duration(p.Longest) > longActive:
		return one(idActiveTimeout, Warning, fmt.Sprintf("its flows last up to %s: the active timeout is at least that", long(time.Duration(p.Longest))), advice)
	case time.Duration(p.Oldest) > longActive:
		return one(idActiveTimeout, Warning, fmt.Sprintf("its flows come up to %s after they began", long(time.Duration(p.Oldest))), advice)
	}
	return nil
}

func clock(p *Patient) []Finding {
	d := time.Duration(p.Skew)
	way := "behind"
	if d < 0 {
		d, way = -d, "ahead of"
	}
	if d <= skewed {
		return nil
	}
	return one(idClock, Warning, fmt.Sprintf("its clock is %s %s ours", long(d), way), "set both by NTP; or correct it with enrich.exporters: clock_shift")
}

func bothDirections(p *Patient) []Finding {
	rarer, all := min(p.Ingress, p.Egress), p.Ingress+p.Egress
	if rarer == 0 || float64(rarer) < bothSides*float64(all) {
		return nil
	}
	return one(idBoth, Warning, fmt.Sprintf("it exports flows where they come in (%s) and where they go out: what crosses it from one watched interface to another is counted twice", percent(float64(p.Ingress)/float64(all))), "export at ingress only, on all interfaces")
}

func times(p *Patient) []Finding {
	if p.Replaced == 0 {
		return nil
	}
	return one("times", Warning, fmt.Sprintf("%d records had an impossible time or none, and got that of their arrival", p.Replaced), "see whether its templates have the times of flows, and its clock is right")
}

// faults tells of what could not be read. Data without a template is told
// elsewhere.
func faults(p *Patient) (all []Finding) {
	for i, n := range p.Faults {
		f, s := decode.Fault(i), Error
		switch f {
		case decode.ErrNoTemplate:
			continue
		case decode.ErrWithdrawal:
			s = Note
		case decode.ErrRecord, decode.ErrList, decode.ErrListTemplate:
			s = Warning
		}
		if n > 0 {
			all = append(all, one("fault-"+f.Label(), s, fmt.Sprintf("%s: %v", often(n), f), "capture what it sends, and see: weir explain --faults FILE")...)
		}
	}
	return all
}

func redefined(p *Patient) []Finding {
	if p.Redefined == 0 {
		return nil
	}
	return one("redefined", Note, fmt.Sprintf("template ids took another meaning %s", often(p.Redefined)), "if that goes on, two exporters share this address and observation domain")
}

func oldVersion(p *Patient) []Finding {
	if p.Version >= 9 {
		return nil
	}
	return one(idOldVersion, Note, fmt.Sprintf("NetFlow v%d can't tell of IPv6, nor of AS numbers above 65535", p.Version), "IPFIX and v9 can")
}

// outputs tells of what we have lost ourselves.
func outputs(p *Patient) (all []Finding) {
	for _, o := range p.Outputs {
		if n := o.Dropped + o.Failed; n > 0 {
			all = append(all, one("output", Error, fmt.Sprintf("output %s has lost %d of its %d records: %d dropped from the queue, %d refused", o.Name, n, p.Records, o.Dropped, o.Failed), "that is ours, not the exporter's: see whether what the output writes to is too slow or down; a longer queue, or overflow: spill, bridges a while")...)
		}
	}
	return all
}

// long writes a duration in at most two units.
func long(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d >= 10*time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func percent(share float64) string {
	switch {
	case share >= 0.1:
		return fmt.Sprintf("%.0f %%", 100*share)
	case share >= 0.01:
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.2g %%", 100*share)
}

func octets(n uint64) string {
	if n == 1 {
		return "1 octet"
	}
	return fmt.Sprintf("%d octets", n)
}

func often(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
