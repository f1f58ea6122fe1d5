package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/findings"
	"github.com/weirflow/weir/collector/store"
)

func eraseCommand() *cobra.Command {
	var f apiFlags
	var file string
	var offline bool
	cmd := &cobra.Command{
		Use:   "erase [flags] ADDRESS",
		Short: "Erase all that names an IP address",
		Long: `Erase removes each stored flow that names an address, whether as source,
destination, next hop, translated address or exporter, from segments, sums and
the journal, each finding that names it, and what was announced from that address.
Files that were set aside,
in which nobody can look, go too. It can't be undone.

It asks the weir that runs (whose token must be of role admin); with --offline it
works on the folder of one that doesn't. Flows that come later may bring the
address again: to keep it out, see anonymisation in the configuration. Files that
sinks have written are not weir's to change.`,
		Example: `  weir erase 192.0.2.17 --data /var/lib/weir
  weir erase 2001:db8::17 --offline --config /etc/weir/weir.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := netip.ParseAddr(args[0])
			if err != nil || a.Zone() != "" {
				return usagef("%q is no address: write one, as 192.0.2.1", args[0])
			}
			b := newBar(cmd.ErrOrStderr(), "erase")
			var x api.Erased
			if offline {
				x, err = eraseOffline(cmd, folderFlags{file, f.data}, a, b)
			} else {
				var c *api.Client
				if c, err = f.client(); err == nil {
					x, err = c.Erase(cmd.Context(), a, b.at)
				}
				err = hinted(err)
			}
			b.end()
			if errors.Is(err, api.ErrAbsent) {
				return fmt.Errorf("%w; for one that doesn't run: --offline", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d flows erased, from %d segments; %d sums changed, %d findings erased, %d files gone that had been set aside\n", x.Flows, x.Segments, x.Rollups, x.Findings, x.Bad)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&offline, "offline", false, "work on the folder of a weir that doesn't run")
	cmd.Flags().StringVar(&file, "config", "", "with --offline: YAML `FILE` of the weir whose data it is")
	return cmd
}

func eraseOffline(cmd *cobra.Command, f folderFlags, a netip.Addr, b *bar) (x api.Erased, err error) {
	c, err := f.settings()
	if err != nil {
		return x, err
	}
	err = f.use(cmd, false, func(s *store.Store) error {
		if err := config.EraseAnnounced(c.Data, a, c.Limits, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		r, err := store.NewReader(s, c.Store)
		if err != nil {
			return err
		}
		defer r.Close()
		done, err := s.Erase(cmd.Context(), a, r.Erase, b.at)
		x.Flows, x.Segments, x.Rollups, x.Bad = done.Flows, done.Segments, done.Rollups, done.Bad
		if err != nil {
			return err
		}
		found, err := findings.Open(c.FindingsDir(), c.Findings, findings.Deps{})
		if err != nil {
			return err
		}
		x.Findings, err = found.Erase(cmd.Context(), a)
		return err
	})
	return x, err
}
