package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/doctor"
)

func exportersCommand() *cobra.Command {
	var f apiFlags
	var format string
	cmd := &cobra.Command{
		Use:   "exporters [flags] [ADDRESS]",
		Short: "Show who sends to the weir that runs",
		Long: `Exporters lists who sends to the weir that runs, a line for each observation
domain: how it is, how long ago it was heard, the data records that came, what
of all it sent is missing, how far its clock is behind, templates for flows and
for options, and what weir doctor has to say, as errors/warnings.`,
		Example: `  weir exporters
  weir exporters --format json | jq '.exporters[].domains[].transit'
  weir exporters --format json 192.0.2.1 | jq '.domains[].templates'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: f.completeExporters,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return usagef("--format: no format %q: it is one of table, json", format)
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			var all api.Exporters
			var answer any = &all
			if len(args) == 1 {
				one, err := c.Exporter(cmd.Context(), args[0])
				if err != nil {
					return hinted(err)
				}
				all.Exporters, answer = []api.Exporter{one}, one
			} else if all, err = c.Exporters(cmd.Context()); err != nil {
				return hinted(err)
			}
			if format == "json" {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return printExporterTable(cmd.OutOrStdout(), &all, time.Now())
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT` of the output: table, json")
	complete(cmd, "format", "table", "json")
	return cmd
}

func printExporterTable(out io.Writer, all *api.Exporters, now time.Time) error {
	if len(all.Exporters) == 0 {
		_, err := fmt.Fprintln(out, "no exporter has sent anything yet")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EXPORTER\tNAME\tPROTOCOL\tDOMAIN\tSTATE\tHEARD\tRECORDS\tMISSING\tCLOCK\tTEMPLATES\tADVICE")
	for _, e := range all.Exporters {
		for _, d := range e.Domains {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.Address, orDash(e.Name), d.Protocol, d.Domain, d.State,
				ago(now.Sub(d.LastSeen)), d.Inside.Records, missing(&d.Transit), skew(d.ClockSkew), templateCount(&d), adviceCount(d.Advice))
		}
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// ago writes how long something is ago.
func ago(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd ago", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh ago", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dmin ago", d/time.Minute)
	}
	return fmt.Sprintf("%ds ago", max(d, 0)/time.Second)
}

func missing(t *api.Transit) string {
	switch {
	case t.Sent == 0:
		return "-"
	case t.Missing == 0:
		return "0"
	}
	return fmt.Sprintf("%d (%.2g%%)", t.Missing, 100*float64(t.Missing)/float64(t.Sent))
}

// skew writes how far a clock is behind; what the resolution of the protocols
// hides is nothing.
func skew(s float64) string {
	switch {
	case s > -1 && s < 1:
		return "ok"
	case s > -86400 && s < 86400:
		return strconv.FormatFloat(s, 'f', 1, 64) + "s"
	}
	return strconv.FormatFloat(s/86400, 'f', 0, 64) + "d"
}

func templateCount(d *api.Domain) string {
	if d.Protocol != "ipfix" && d.Protocol != "netflow9" {
		return "-"
	}
	return fmt.Sprintf("%d+%d", d.Templates.Known, d.Templates.Options)
}

func adviceCount(all []doctor.Finding) string {
	var n [doctor.Error + 1]int
	for _, x := range all {
		n[x.Severity]++
	}
	if n[doctor.Error]+n[doctor.Warning] == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", n[doctor.Error], n[doctor.Warning])
}
