package shadow

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// Measured is what a report is made from.
type Measured struct {
	For       time.Duration // since the beginning
	To        string        // the other collector
	Listeners []source.Stats
	Relay     sink.RelayStats
	Ledgers   []pipeline.Ledger
	Sessions  []*template.Session
}

// maxListed is how many domains a report tells of one by one: those that sent
// most.
const maxListed = 50

// Report writes the report.
func (m *Measured) Report(w io.Writer) error {
	r := &report{}
	r.printf("after %s, in front of %s\n\n", m.For.Round(time.Second), m.To)
	m.passed(r)
	all := slices.Clone(m.Ledgers)
	slices.SortStableFunc(all, func(a, b pipeline.Ledger) int { return cmp.Compare(b.Datagrams, a.Datagrams) })
	for i := range all {
		if i == maxListed {
			r.printf("\n%d more of which less came\n", len(all)-i)
			break
		}
		m.exporter(r, &all[i])
	}
	m.needs(r)
	_, err := io.WriteString(w, r.String())
	return err
}

// A report is the text.
type report struct{ strings.Builder }

func (r *report) printf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

// line writes a name and what is to be said of it.
func (r *report) line(name, format string, args ...any) {
	r.printf("  %-12s %s\n", name, fmt.Sprintf(format, args...))
}

// listened sums up the listeners.
func (m *Measured) listened() (s source.Stats) {
	for _, l := range m.Listeners {
		s.Datagrams += l.Datagrams
		s.Dropped += l.Dropped
		s.Denied += l.Denied
		s.Refused += l.Refused
	}
	return s
}

// passed tells what became of the datagrams.
func (m *Measured) passed(r *report) {
	s := m.listened()
	r.printf("datagrams\n")
	r.line("received", "%d", s.Datagrams)
	r.line("passed on", "%d, each as it came", m.Relay.Sent)
	for _, x := range []struct {
		n    uint64
		what string
	}{
		{s.Dropped, "by this machine's kernel, before we read them: the receive buffer was full; neither collector has them"},
		{s.Denied + s.Refused, "by the listener's allow, deny or protocol"},
		{m.Relay.Dropped, "that we have counted were not passed on: the queue was full"},
		{m.Relay.Failed, "that we have counted were not passed on: the kernel refused them"},
		{m.Relay.Streams, "messages of connections, which are no datagrams, were not passed on"},
	} {
		if x.n > 0 {
			r.line("left out", "%d %s", x.n, x.what)
		}
	}
}

// exporter tells what a domain sends, and what was lost on the way to us.
func (m *Measured) exporter(r *report, l *pipeline.Ledger) {
	if !l.From.IsValid() {
		r.printf("\nother exporters\n")
	} else {
		r.printf("\n%s, %s, domain %d\n", name(l), l.Protocol(), l.Domain)
	}
	r.line("sends", "%s; %s", m.rates(l), sampling(l, m.optionRates(l)))
	if unit := l.Unit(); unit != "" && l.From.IsValid() {
		r.line("on the way", "%s", transit(&l.Transit, unit))
	}
	if n := l.Undecoded; n > 0 {
		r.line("unreadable", "%d octets of data whose template never came in time", n)
	}
	for f, n := range l.Faults {
		if n > 0 {
			r.line("fault", "%d × %v", n, decode.Fault(f))
		}
	}
}

// name is the exporter, and its source where that is another address.
func name(l *pipeline.Ledger) string {
	if a := l.Exporter.Unmap(); a != l.From.Addr().Unmap() {
		return fmt.Sprintf("%s by way of %s", a, l.From)
	}
	return l.From.String()
}

// rates tells how much a domain sends, since it was first heard.
func (m *Measured) rates(l *pipeline.Ledger) string {
	seconds := m.For.Seconds()
	if seconds <= 0 {
		return fmt.Sprintf("%d flows in %d datagrams", l.Flows, l.Datagrams)
	}
	return fmt.Sprintf("%d flows in %d datagrams, %.1f flows/s", l.Flows, l.Datagrams, float64(l.Flows)/seconds)
}

// transit tells what sequence numbers say.
func transit(t *pipeline.Transit, unit string) string {
	if t.Sent == 0 {
		return "too little came to tell"
	}
	text := fmt.Sprintf("of %d %s %d are missing", t.Sent, unit, t.Missing)
	if t.Missing > 0 {
		text += fmt.Sprintf(" (%.2f %%)", 100*float64(t.Missing)/float64(t.Sent))
	}
	for _, x := range []struct {
		n    uint64
		what string
	}{{t.Waiting, "may still come"}, {t.Duplicates, "came twice"}, {t.Late, "came out of order"}, {t.Stray, "far from the others in number"}} {
		if x.n > 0 {
			text += fmt.Sprintf(", %d %s", x.n, x.what)
		}
	}
	return text
}
