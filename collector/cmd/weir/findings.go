package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/plugins/detect"
)

// severities are the words for how bad a finding may be.
var severities = []string{"info", "low", "medium", "high", "critical"}

func findingsCommand() *cobra.Command {
	var f apiFlags
	var from, to, severity, class, detector, format string
	var limit int
	cmd := &cobra.Command{
		Use:   "findings [flags]",
		Short: "List what detectors have found",
		Long: `Findings lists what the weir that runs was told by detectors, the newest first:
when, how bad, how sure, what kind, and a sentence. A finding is listed if its
window shares a moment with the range.`,
		Example: `  weir findings
  weir findings --from 2026-11-26 --severity high
  weir findings --class scan --format json | jq '.findings[].entities'
  weir findings add scan.jsonl`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case format != "table" && format != "json":
				return usagef("--format: no format %q: it is one of table, json", format)
			case severity != "" && !slices.Contains(severities, severity):
				return usagef("--severity: no severity %q: it is one of %s", severity, strings.Join(severities, ", "))
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			x, err := c.Findings(cmd.Context(), from, to, severity, class, detector, limit)
			if err != nil {
				return hinted(err)
			}
			if format == "json" {
				return printJSON(cmd.OutOrStdout(), x)
			}
			return printFindings(cmd.OutOrStdout(), &x)
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&from, "from", "", "`MOMENT`, as 2026-11-26 or 12:00: findings whose window ends later; default: all that are kept")
	fl.StringVar(&to, "to", "", "`MOMENT`: findings whose window begins earlier")
	fl.StringVar(&severity, "severity", "", "`WORD` for the least severity: "+strings.Join(severities, ", "))
	fl.StringVar(&class, "class", "", "`TEXT` that the class begins with, as scan")
	fl.StringVar(&detector, "detector", "", "`NAME` of the detector")
	fl.IntVar(&limit, "limit", 100, "`N` findings at most")
	fl.StringVar(&format, "format", "table", "`FORMAT` of the output: table, json")
	complete(cmd, "severity", severities...)
	complete(cmd, "format", "table", "json")
	cmd.AddCommand(findingsAddCommand())
	return cmd
}

func printFindings(w io.Writer, x *api.Found) error {
	if len(x.Findings) == 0 {
		_, err := fmt.Fprintln(w, "there are no such findings")
		return err
	}
	out := detect.AppendTitle(nil)
	for i := range x.Findings {
		out = x.Findings[i].AppendRow(out)
	}
	if x.More > 0 {
		out = fmt.Appendf(out, "and %d more: --limit %d shows them\n", x.More, len(x.Findings)+x.More)
	}
	_, err := w.Write(out)
	return err
}

func findingsAddCommand() *cobra.Command {
	var f apiFlags
	cmd := &cobra.Command{
		Use:   "add [flags] FILE|-",
		Short: "Have the weir that runs keep findings",
		Long: `Add sends findings to the weir that runs, whose token must be of role operator, and
prints their ids. The file has JSON: findings one after another, as weir detector
test --json prints them, or a list of them. What is there already is not kept
twice.`,
		Example: `  weir findings add scan.jsonl --data /var/lib/weir
  weir detector test scan --json --flows capture.pcap | weir findings add -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				in = file
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			return hinted(addFindings(cmd.Context(), c, in, cmd.OutOrStdout()))
		},
	}
	f.add(cmd)
	return cmd
}

// What is sent at once: the API takes a body of 1 MiB.
const (
	batchOctets   = 512 << 10
	batchFindings = 1000
)

// addFindings sends findings, of which one that makes no sense ends it.
func addFindings(ctx context.Context, c *api.Client, in io.Reader, out io.Writer) error {
	var batch []json.RawMessage
	octets, sent := 0, 0
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		text, err := json.Marshal(batch)
		if err != nil {
			return err
		}
		x, err := c.AddFindings(ctx, text)
		if err != nil {
			return fmt.Errorf("findings %d to %d: %w", sent+1, sent+len(batch), err)
		}
		sent += len(batch)
		batch, octets = nil, 0
		for _, id := range x.IDs {
			if _, err := fmt.Fprintln(out, printable(id)); err != nil {
				return err
			}
		}
		return nil
	}
	for d := json.NewDecoder(in); ; {
		var v json.RawMessage
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF):
			return send()
		case err != nil:
			return fmt.Errorf("read the findings: %w", err)
		}
		list := []json.RawMessage{v}
		if v[0] == '[' {
			if err := json.Unmarshal(v, &list); err != nil {
				return fmt.Errorf("read the findings: %w", err)
			}
		}
		for _, x := range list {
			if len(batch) == batchFindings || octets+len(x) > batchOctets {
				if err := send(); err != nil {
					return err
				}
			}
			batch, octets = append(batch, x), octets+len(x)
		}
	}
}
