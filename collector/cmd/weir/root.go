package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/config"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Network flow records, decoded",
		Long: `weir receives and decodes network flow records: NetFlow v1 and v5 to v9, IPFIX
and sFlow.

  weir run --demo         collect from an office that is made up
  weir run                collect from exporters on UDP ports 2055, 4739 and 6343
  weir listen             the same ports, and only print what comes
  weir decode FILE        decode a capture
  weir explain FILE       what each octet of a datagram means`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = ": did you mean " + near[0] + "?"
			}
			return usagef("unknown command %q%s (see: weir --help)", args[0], hint)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	elements := root.PersistentFlags().StringArray("elements", nil, "`CSV` of your own information elements, named as 9-cisco.csv; may be given several times")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if len(*elements) == 0 {
			return nil
		}
		if err := config.AddElements(*elements); err != nil {
			return usagef("--elements: %w", err)
		}
		return nil
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w (see: %s --help)", err, cmd.CommandPath())
	})
	for _, g := range groups() {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, c := range g.commands {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(filterTopic(), manCommand())
	root.SetHelpCommandGroupID("This program")
	root.SetCompletionCommandGroupID("This program")
	return root
}

// addCompletion adds cobra's command, which keeps root's output of now, and makes it
// refuse shells that it does not know.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	c, _, err := root.Find([]string{"completion"})
	if err != nil || c == root {
		panic("cobra has no command for completion")
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var shells []string
		for _, s := range c.Commands() {
			shells = append(shells, s.Name())
		}
		return usagef("no shell %q: write one of %s", args[0], strings.Join(shells, ", "))
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// A group is commands that the help lists together.
type group struct {
	title    string
	commands []*cobra.Command
}

// groups holds all subcommands.
func groups() []group {
	return []group{
		{"Receive", []*cobra.Command{
			runCommand(),
			listenCommand(),
			configCommand(),
			setupCommand(),
		}},
		{"Ask the weir that runs", []*cobra.Command{
			exportersCommand(),
			doctorCommand(),
			tailCommand(),
			topCommand(),
			queryCommand(),
			findingsCommand(),
			reportCommand(),
		}},
		{"What is stored", []*cobra.Command{
			storeCommand(),
			eraseCommand(),
		}},
		{"Read captures", []*cobra.Command{
			decodeCommand(),
			explainCommand(),
			templatesCommand(),
		}},
		{"Try things out", []*cobra.Command{
			detectorCommand(),
			genCommand(),
			replayCommand(),
			shadowCommand(),
		}},
		{"This program", []*cobra.Command{versionCommand()}},
	}
}
