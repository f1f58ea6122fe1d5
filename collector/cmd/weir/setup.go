package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/setup"
)

func setupCommand() *cobra.Command {
	var v setup.Values
	var collector string
	var names []string
	for _, p := range setup.Platforms() {
		names = append(names, p.Name)
	}
	cmd := &cobra.Command{
		Use:   "setup PLATFORM",
		Short: "Print the configuration that makes an exporter send here",
		Long: `Setup prints what to paste into an exporter: a short active timeout, templates
and options each minute, one direction of each interface. Read it before you
paste it. Without a PLATFORM it lists them.`,
		Example: `  weir setup
  weir setup iosxe --collector 192.0.2.10 --interface GigabitEthernet0/0/1
  weir setup junos --collector 192.0.2.10 --sampling 1000 --source 198.51.100.1`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listPlatforms(cmd)
			}
			p, ok := setup.Find(args[0])
			if !ok {
				return usagef("no platform %q: it is one of %s", args[0], strings.Join(names, ", "))
			}
			var err error
			if v.Collector, err = ownAddress(collector); err != nil {
				return usageError{err}
			}
			if err := p.Write(cmd.OutOrStdout(), v); err != nil {
				return usageError{err}
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&collector, "collector", "", "`ADDRESS` where weir listens; default: this machine's first address")
	fl.Uint16Var(&v.Port, "port", 0, "`PORT` where weir listens; default: by protocol 2055, 4739 or 6343")
	fl.StringVar(&v.Interface, "interface", "", "`NAME` of the interface to watch")
	fl.StringVar(&v.Source, "source", "", "`ADDRESS` or interface that the exporter sends from")
	fl.IntVar(&v.Sampling, "sampling", 1, "1 packet in `N`")
	return cmd
}

func listPlatforms(cmd *cobra.Command) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, p := range setup.Platforms() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, p.Title, p.Protocol)
	}
	return w.Flush()
}

// ownAddress returns the address that was given, or else the first of this
// machine that others can reach.
func ownAddress(given string) (netip.Addr, error) {
	if given != "" {
		a, err := netip.ParseAddr(given)
		if err != nil {
			return a, fmt.Errorf("--collector: %q is no address", given)
		}
		return a, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, x := range addrs {
		if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().IsGlobalUnicast() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, errors.New("this machine's address is not known: write --collector ADDRESS")
}
