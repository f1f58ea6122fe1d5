package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/daemon"
	"github.com/weirflow/weir/collector/enrich"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration file, or show what one may hold",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check FILE",
			Short: "Tell whether a file is right, and else where it is wrong",
			Long: `Check reads a configuration file and says ok, or what is wrong, in which line or
section, and what to write instead. The tables that the file names are read too;
no sockets are opened.`,
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) != 1 {
					return usagef("check which file? Write weir config check FILE")
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := daemon.Read(args[0])
				if err != nil {
					return err
				}
				if c.Data == "" {
					c.Data = defaultData() // as run does
				}
				if err := c.Validate(); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				if err := config.AddElements(c.Elements); err != nil {
					return fmt.Errorf("%s: elements: %w", args[0], err)
				}
				if _, err := enrich.New(c.Enrich, enrich.Deps{}); err != nil {
					return fmt.Errorf("%s: enrich: %w", args[0], err)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", args[0])
				return err
			},
		},
		&cobra.Command{
			Use:     "example",
			Short:   "Print a file with every key, what it means, and its default",
			Example: "  weir config example > weir.yaml",
			Args:    noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := cmd.OutOrStdout().Write(config.Example(daemon.Default()))
				return err
			},
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the file's JSON Schema, for editors",
			Long: `Schema prints a JSON Schema of the configuration file. An editor that knows YAML
completes and checks keys with it: save it as weir.schema.json, and begin the
file with "# yaml-language-server: $schema=weir.schema.json".`,
			Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := cmd.OutOrStdout().Write(config.Schema(daemon.Default()))
				return err
			},
		},
	)
	return cmd
}
