package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/shared/flow"
)

func tailCommand() *cobra.Command {
	var f apiFlags
	var out outputFlags
	var count uint64
	cmd := &cobra.Command{
		Use:   "tail [flags] [FILTER]",
		Short: "Show flow records as they come to the weir that runs",
		Long: `Tail prints the flow records that come to the weir that runs, one a line, until it
is interrupted: all of them, or those that match a filter (see weir help filter).
If more come than it can print, some are left out, and it says how many on the
standard error; the weir that runs does not wait, and loses nothing.`,
		Example: `  weir tail
  weir tail 'src net 10.0.0.0/8 and dst port 443'
  weir tail --format json --profile ecs proto udp | jq .destination.ip`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := filterArgs(args)
			if err != nil {
				return err
			}
			w, err := out.writer(cmd.OutOrStdout(), false)
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			var printed, missed uint64
			var which []uint32
			err = c.Tail(cmd.Context(), filter, func(b *flow.Batch, left uint64) error {
				if left > 0 && missed == 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), "weir: more flows come than can be printed: some are left out")
				}
				missed += left
				which = choose(which[:0], nil, b)
				if count > 0 {
					which = which[:min(uint64(len(which)), count-printed)]
				}
				printed += uint64(len(which))
				if err := w.flows(b, which, 0); err != nil {
					return err
				}
				if count > 0 && printed == count {
					return errEnough
				}
				return nil
			})
			if missed > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "weir: %d flows printed, %d left out\n", printed, missed)
			}
			if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) {
				return nil
			}
			return hinted(err)
		},
	}
	f.add(cmd)
	out.add(cmd, "table")
	cmd.Flags().Uint64Var(&count, "count", 0, "stop after `N` flows")
	return cmd
}

var errEnough = errors.New("all that was asked for is there")
