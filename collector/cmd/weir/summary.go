package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
)

// maxListed is how many exporters a summary names.
const maxListed = 20

// printSummary tells what a listener has done.
func printSummary(w io.Writer, r *config.Running, p *printer) {
	s := r.Stats()
	fmt.Fprintln(w)
	printDecodeStats(w, &s.Stats)
	if n := r.Store().Expired(); n > 0 {
		fmt.Fprintf(w, "expired    %d templates that were not announced again in time\n", n)
	}
	if p.filter != nil {
		fmt.Fprintf(w, "matched    %d\n", p.taken)
	}
	if p.out != nil {
		fmt.Fprintf(w, "printed    %d\n", p.taken)
	}
	fmt.Fprintf(w, "dropped    %d\n", s.Dropped)
	var kernel, refused uint64
	for _, l := range r.Listeners() {
		x := l.Stats()
		kernel += x.Dropped
		refused += x.Denied + x.Refused + x.OverBudget + x.Truncated
	}
	if kernel > 0 {
		fmt.Fprintf(w, "kernel     %d datagrams dropped, the receive buffer was full\n", kernel)
	}
	if refused > 0 {
		fmt.Fprintf(w, "refused    %d datagrams, by listeners\n", refused)
	}
	for _, x := range []struct {
		name string
		n    uint64
	}{{"failed", s.Failed}, {"sources", s.SourceErrors}, {"panics", s.Panics}} {
		if x.n > 0 {
			fmt.Fprintf(w, "%-10s %d\n", x.name, x.n)
		}
	}
	exporters := slices.SortedFunc(maps.Keys(p.perSource), func(a, b flow.Addr) int {
		return cmp.Or(cmp.Compare(p.perSource[b], p.perSource[a]), a.Netip().Compare(b.Netip()))
	})
	for i, a := range exporters {
		if i == maxListed {
			fmt.Fprintf(w, "exporters  %d more\n", len(exporters)-i)
			break
		}
		fmt.Fprintf(w, "exporter   %s: %d flows\n", a, p.perSource[a])
	}
}

// printDecodeStats tells what decoders have counted.
func printDecodeStats(w io.Writer, s *decode.Stats) {
	fmt.Fprintf(w, "datagrams  %d (%d octets)\n", s.Datagrams, s.Octets)
	fmt.Fprintf(w, "flows      %d\n", s.Flows)
	fmt.Fprintf(w, "options    %d\n", s.Options)
	if s.Counters > 0 {
		fmt.Fprintf(w, "counters   %d samples\n", s.Counters)
	}
	fmt.Fprintf(w, "templates  %d new or changed\n", s.Templates)
	if s.Redefined > 0 {
		fmt.Fprintf(w, "redefined  %d of them took another's id\n", s.Redefined)
	}
	if s.Withdrawn > 0 {
		fmt.Fprintf(w, "withdrawn  %d templates, by their exporters\n", s.Withdrawn)
	}
	if s.Replaced > 0 {
		fmt.Fprintf(w, "times      %d records with an impossible or unknown one, replaced by the arrival\n", s.Replaced)
	}
	for f, n := range s.Faults {
		if n > 0 {
			fmt.Fprintf(w, "fault      %d × %v\n", n, decode.Fault(f))
		}
	}
	if n := s.Waiting - s.Recovered; n > 0 {
		fmt.Fprintf(w, "undecoded  %d octets without a template\n", n)
	}
}

// faultsText tells of faults in a line.
func faultsText(s *decode.Stats) string {
	var all []string
	for f, n := range s.Faults {
		if n > 0 {
			all = append(all, fmt.Sprintf("%s %d", decode.Fault(f).Label(), n))
		}
	}
	if len(all) == 0 {
		return "no faults"
	}
	return "faults: " + strings.Join(all, ", ")
}

// printSkipped tells what of captures was no datagram.
func printSkipped(w io.Writer, s pcap.Skipped) {
	if s != (pcap.Skipped{}) {
		fmt.Fprintf(w, "left out   %d packets that are not UDP, %d fragments, %d truncated, %d malformed\n",
			s.Other, s.Fragments, s.Truncated, s.Malformed)
	}
}

// printExporters tells whose templates are known.
func printExporters(w io.Writer, store *template.Store) {
	all := store.Sessions()
	slices.SortFunc(all, func(a, b *template.Session) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Version, b.Version))
	})
	for i, s := range all {
		if i == maxListed {
			fmt.Fprintf(w, "exporters  %d more\n", len(all)-i)
			break
		}
		n := 0
		s.Plans(func(uint32, *template.Plan) { n++ })
		fmt.Fprintf(w, "exporter   %s, version %d: %d templates\n", exporter(s), s.Version, n)
	}
}

// exporter names the exporter of a session, and how it sends if that isn't UDP.
func exporter(s *template.Session) string {
	if s.Over.Connected() {
		return fmt.Sprintf("%s over %s", s.From, s.Over)
	}
	return s.From.String()
}
