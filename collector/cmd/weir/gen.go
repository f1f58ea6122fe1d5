package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/gen"
)

type genFlags struct {
	to, scene, protocol string
	exporters           int
	rate                float64
	seed                uint64
	duration            time.Duration
}

func genCommand() *cobra.Command {
	var f genFlags
	cmd := &cobra.Command{
		Use:   "gen [flags]",
		Short: "Send made-up flows, to try a collector",
		Long: `Gen sends datagrams of exporters that don't exist, with traffic that looks like
an office's, on today's clock. It is seeded.

The scene office is six exporters that speak NetFlow v5 and v9, IPFIX and sFlow,
with sampling and IPv6; in the second minute of five somebody scans the office,
in the fourth a host is flooded. With --protocol it is any number of exporters
of one protocol, without attacks.

Where HOST is 127.0.0.1, each exporter sends from an address of its own in
127.0.0.0/8.`,
		Example: `  weir gen --to 127.0.0.1:2055
  weir gen --to 127.0.0.1:2055 --protocol netflow9 --exporters 20 --rate 5000 --duration 1m
  weir gen --to '[::1]:6343' --protocol sflow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.to, "to", "127.0.0.1:2055", "`HOST:PORT` to send to")
	fl.StringVar(&f.scene, "scene", "office", "`SCENE` to play: office")
	fl.StringVar(&f.protocol, "protocol", "", "send one `PROTOCOL` in place of a scene: "+strings.Join(gen.Protocols, ", "))
	fl.IntVar(&f.exporters, "exporters", 1, "with --protocol: `N` exporters")
	fl.Float64Var(&f.rate, "rate", 0, "`N` flows a second; 0: the scene's own, or 1000")
	fl.Uint64Var(&f.seed, "seed", 1, "`N` from which all values follow")
	fl.DurationVar(&f.duration, "duration", 0, "stop after this `TIME`, as 1m; 0: when interrupted")
	complete(cmd, "scene", "office")
	complete(cmd, "protocol", gen.Protocols...)
	return cmd
}

// play returns what is to be played.
func (f *genFlags) play() (*gen.Scene, error) {
	switch {
	case f.rate < 0 || f.duration < 0:
		return nil, usagef("--rate and --duration can't be below 0")
	case f.protocol == "" && f.scene != "office":
		return nil, usagef("--scene: no scene %q: there is office", f.scene)
	case f.exporters < 1 || f.exporters > 10000:
		return nil, usagef("--exporters is %d: write a number from 1 to 10000", f.exporters)
	}
	s := gen.Office()
	if f.protocol != "" {
		s = gen.Plain(f.protocol, f.exporters, 1000, f.seed)
	}
	if f.rate > 0 {
		s.Rate = f.rate
	}
	s.Seed = f.seed
	if err := s.Start(time.Now()); err != nil {
		return nil, usagef("--protocol: %w", err)
	}
	return s, nil
}

func (f *genFlags) run(cmd *cobra.Command) error {
	s, err := f.play()
	if err != nil {
		return err
	}
	to, err := target(cmd.Context(), f.to)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "weir: %d exporters send %s to %s, %.0f flows a second\n", len(s.Exporters), strings.Join(s.Protocols(), ", "), to, s.Rate)
	sent, err := s.Run(cmd.Context(), func(string) netip.AddrPort { return to }, int(f.duration/gen.Tick))
	fmt.Fprintf(cmd.ErrOrStderr(), "weir: %d datagrams sent\n", sent)
	return err
}

// target resolves HOST:PORT.
func target(ctx context.Context, hostport string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return netip.AddrPort{}, usagef("--to %q is not understood: write host:port, as 127.0.0.1:2055", hostport)
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return netip.AddrPort{}, usagef("--to %q: %w", hostport, err)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--to %s: %w", hostport, err)
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(n)), nil
}
