package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages of all commands",
		Long:   `Man writes weir.1 and a page for each command into a directory.`,
		Hidden: true, // packages are made with it
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("write the pages where? Write weir man DIR")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return writePages(cmd.Root(), args[0], manDate())
		},
	}
}

// manDate returns the day of the release where its maker tells (see
// reproducible-builds.org/specs/source-date-epoch), or else none.
func manDate() string {
	n, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(n, 0).UTC().Format(time.DateOnly)
}

// writePages writes the page of cmd, and those below it.
func writePages(cmd *cobra.Command, dir, date string) error {
	err := os.WriteFile(filepath.Join(dir, pageName(cmd)+".1"), page(cmd, date), 0o644)
	for _, c := range shown(cmd) {
		err = errors.Join(err, writePages(c, dir, date))
	}
	return err
}

// shown returns the subcommands that have a page, topics of the help included.
func shown(cmd *cobra.Command) (all []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if !c.Hidden && c.Name() != "help" && c.Name() != "completion" {
			all = append(all, c)
		}
	}
	return all
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page returns a manual page in man(7)'s macros.
func page(cmd *cobra.Command, date string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %q 1 %q %q \"weir\"\n", strings.ToUpper(pageName(cmd)), date, "weir "+version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	if cmd.Runnable() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, cmd.Long)
	if cmd.Long == "" {
		fmt.Fprintf(&b, "%s.\n", roff(cmd.Short))
	}
	if below := shown(cmd); len(below) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range below {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(pageName(c)), roff(c.Short))
		}
	}
	options(&b, "OPTIONS", cmd.NonInheritedFlags())
	options(&b, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		paragraphs(&b, cmd.Example)
	}
	if !cmd.HasParent() {
		fmt.Fprintf(&b, ".SH EXIT STATUS\n.TP\n.B %d\nall went well\n.TP\n.B %d\nan error\n.TP\n.B %d\na mistake on the command line\n", exitOK, exitError, exitUsage)
	} else {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(cmd.Parent())))
	}
	return b.Bytes()
}

// paragraphs writes a help text: what is indented keeps its lines.
func paragraphs(b *bytes.Buffer, text string) {
	verbatim, between := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		if line == "" {
			between = true
			continue
		}
		if indented := strings.HasPrefix(line, "  "); indented != verbatim {
			b.WriteString(map[bool]string{true: ".PP\n.nf\n", false: ".fi\n.PP\n"}[indented])
			verbatim = indented
		} else if between {
			b.WriteString(".PP\n")
		}
		between = false
		b.WriteString(roff(line) + "\n")
	}
	if verbatim {
		b.WriteString(".fi\n")
	}
}

func options(b *bytes.Buffer, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(usage))
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && d != "[]" {
			fmt.Fprintf(b, "(default %s)\n", roff(d))
		}
	})
}

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ")

// roff returns a line of text as roff takes it.
func roff(line string) string {
	line = roffEscapes.Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
