package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/doctor"
)

func doctorCommand() *cobra.Command {
	var f apiFlags
	var format, platform string
	cmd := &cobra.Command{
		Use:   "doctor [flags] [EXPORTER]",
		Short: "Say what exporters send wrongly, and the line that repairs it",
		Long: `Doctor looks at what exporters have sent to the weir that runs: whether it can be
read, whether anything is missing, whether sampling rates are known and clocks
are right, how late flows are exported and how often templates come. For what it
finds it prints the lines of configuration that repair it. It exits with 1 if it
finds an error or a warning, or if nobody sends.

Which platform an exporter is, weir guesses from its vendor's elements; with
--platform you say it.`,
		Example: `  weir doctor
  weir doctor 192.0.2.1 --platform iosxe
  weir doctor --format json | jq '.[].findings[].id'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: f.completeExporters,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case format != "text" && format != "json":
				return usagef("--format: no format %q: it is one of text, json", format)
			case platform != "" && !knownPlatform(platform):
				return usagef("--platform: no platform %q: it is one of %s", platform, strings.Join(doctor.Platforms(), ", "))
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			v := visit{platform: platform}
			if len(args) == 1 {
				one, err := c.Exporter(cmd.Context(), args[0])
				if err != nil {
					return hinted(err)
				}
				v.exporters = []api.Exporter{one}
			} else {
				all, err := c.Exporters(cmd.Context())
				if err != nil {
					return hinted(err)
				}
				v.exporters = all.Exporters
			}
			if v.status, err = c.Status(cmd.Context()); err != nil {
				return hinted(err)
			}
			print := v.text
			if format == "json" {
				print = v.json
			}
			if err := print(cmd.OutOrStdout()); err != nil {
				return err
			}
			if v.ill() {
				return errReported
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: text, json")
	cmd.Flags().StringVar(&platform, "platform", "", "`NAME` of what the exporters are: "+strings.Join(doctor.Platforms(), ", "))
	complete(cmd, "format", "text", "json")
	complete(cmd, "platform", doctor.Platforms()...)
	return cmd
}

func knownPlatform(name string) bool {
	for _, p := range doctor.Platforms() {
		if p == name {
			return true
		}
	}
	return false
}

// A visit is what the doctor has seen.
type visit struct {
	exporters []api.Exporter
	status    api.Status
	platform  string // as the operator says; empty: as guessed
}

// ill tells whether anything is wrong.
func (v *visit) ill() bool {
	for _, e := range v.exporters {
		for _, d := range e.Domains {
			for _, x := range d.Advice {
				if x.Severity > doctor.Note {
					return true
				}
			}
		}
	}
	return len(v.exporters) == 0
}

func (v *visit) text(out io.Writer) error {
	var w strings.Builder
	v.listeners(&w)
	for _, e := range v.exporters {
		for _, d := range e.Domains {
			v.domain(&w, &e, &d)
		}
	}
	_, err := io.WriteString(out, w.String())
	return err
}

// listeners tells what was turned away before anyone's ledger.
func (v *visit) listeners(w *strings.Builder) {
	if len(v.exporters) == 0 {
		var all []string
		for _, l := range v.status.Listeners {
			all = append(all, l.Address)
		}
		fmt.Fprintf(w, "no exporter has sent anything that weir knows; it listens on %s\n", strings.Join(all, ", "))
		fmt.Fprintln(w, "  see whether datagrams arrive (tcpdump -n udp), and a firewall lets them through; weir setup PLATFORM prints an exporter's configuration")
	}
	for _, l := range v.status.Listeners {
		for _, x := range []struct {
			n   uint64
			why string
		}{
			{l.Denied, "of exporters that listen.allow and listen.deny keep out"},
			{l.Refused, "of other protocols than listen.protocol has"},
			{l.OverBudget, "of exporters that nobody knows, above source.unknown"},
			{l.Truncated, "longer than a datagram can be"},
			{l.Dropped, "that the kernel had no room for: raise source.buffer, and sysctl net.core.rmem_max"},
		} {
			if x.n > 0 {
				fmt.Fprintf(w, "%s has lost %d datagrams %s\n", l.Address, x.n, x.why)
			}
		}
	}
}

func (v *visit) domain(w *strings.Builder, e *api.Exporter, d *api.Domain) {
	fmt.Fprintf(w, "%s", e.Address)
	if e.Name != "" {
		fmt.Fprintf(w, " (%s)", printable(e.Name))
	}
	fmt.Fprintf(w, ", %s domain %d from %s", d.Protocol, d.Domain, d.Source)
	if d.Platform != "" {
		fmt.Fprintf(w, ", looks like %s", d.Platform)
	}
	if len(d.Advice) == 0 {
		fmt.Fprintln(w, ": well")
		return
	}
	fmt.Fprintln(w)
	for _, x := range d.Advice {
		fmt.Fprintf(w, "  %-8s %s\n", x.Severity, x.Text)
		if x.Advice != "" {
			fmt.Fprintf(w, "  %-8s → %s\n", "", x.Advice)
		}
		repairs := v.repairs(&x)
		if len(repairs) > 1 {
			var names []string
			for _, r := range repairs {
				names = append(names, r.Platform)
			}
			fmt.Fprintf(w, "  %-8s the lines, by platform: --platform %s\n", "", strings.Join(names, "|"))
			continue
		}
		for _, r := range repairs {
			for _, line := range r.Lines {
				fmt.Fprintf(w, "  %-8s     %s\n", "", line)
			}
		}
	}
}

// repairs returns those for what the operator says the exporter is.
func (v *visit) repairs(x *doctor.Finding) []doctor.Repair {
	if v.platform != "" {
		return doctor.Repairs(x.ID, v.platform)
	}
	return x.Repairs
}

func (v *visit) json(w io.Writer) error {
	type domain struct {
		Exporter string           `json:"exporter"`
		Name     string           `json:"name,omitempty"`
		Source   string           `json:"source"`
		Domain   uint32           `json:"domain"`
		Protocol string           `json:"protocol"`
		Platform string           `json:"platform,omitempty"`
		Findings []doctor.Finding `json:"findings"`
	}
	all := []domain{}
	for _, e := range v.exporters {
		for _, d := range e.Domains {
			for i := range d.Advice {
				d.Advice[i].Repairs = v.repairs(&d.Advice[i])
			}
			platform := d.Platform
			if v.platform != "" {
				platform = v.platform
			}
			all = append(all, domain{e.Address.String(), e.Name, d.Source.String(), d.Domain, d.Protocol, platform, d.Advice})
		}
	}
	return printJSON(w, all)
}
