package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/source"
)

// listenFlags are what listen is told.
type listenFlags struct {
	out        outputFlags
	filter     filterFlag
	demo       bool
	quiet      bool
	count      uint64
	statsEvery time.Duration
	config     string
}

func listenCommand() *cobra.Command {
	var f listenFlags
	cmd := &cobra.Command{
		Use:   "listen [flags] [ADDR…]",
		Short: "Receive flow records and print them",
		Long: `Listen receives from exporters and prints their flow records, one a line, until
it is interrupted; then it sums up on the standard error.

An ADDR is host:port, or :port for all addresses. Without one, listen takes the
ports that exporters are set to: 2055 (NetFlow), 4739 (IPFIX) and 6343 (sFlow).
Each takes all protocols.`,
		Example: `  weir listen --demo
  weir listen
  weir listen 192.0.2.1:9995 --format json | jq .
  weir listen --filter 'flags S and not flags A'
  weir listen --count 1000 --quiet`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.load(args)
			if err != nil {
				return err
			}
			return f.run(cmd, c)
		},
	}
	f.out.add(cmd, "table")
	f.filter.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "read settings from a YAML `FILE`")
	fl.BoolVar(&f.demo, "demo", false, "replay the captures that weir brings along, so that there is something to see")
	fl.Uint64Var(&f.count, "count", 0, "stop after `N` flows")
	fl.BoolVar(&f.quiet, "quiet", false, "print no flows, only counts")
	fl.DurationVar(&f.statsEvery, "stats-every", 0, "print counts to the standard error at this `INTERVAL`, as 10s")
	return cmd
}

// load puts the settings together.
func (f *listenFlags) load(args []string) (config.Config, error) {
	c := config.Default()
	if f.config != "" {
		var err error
		if c, err = config.Load(f.config); err != nil {
			return c, err
		}
	}
	if len(args) > 0 {
		var err error
		if c.Listen, err = source.ParseListens(args...); err != nil {
			return c, usageError{err}
		}
	}
	if err := c.Validate(); err != nil {
		return c, usageError{err}
	}
	if f.statsEvery < 0 {
		return c, usagef("--stats-every: %s is below 0", f.statsEvery)
	}
	return c, nil
}

// run listens until the command's context ends, nobody reads the output any
// more, or --count flows have come.
func (f *listenFlags) run(cmd *cobra.Command, c config.Config) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	stderr := cmd.ErrOrStderr()
	w, err := f.out.writer(cmd.OutOrStdout(), false)
	if err != nil {
		return err
	}
	if f.quiet {
		w = nil
	}
	filter, err := f.filter.parse()
	if err != nil {
		return err
	}
	p := newPrinter(w, filter, f.count, cancel)
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := c.Start(p, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w, for example: weir listen %s", err, strings.Join(elsewhere(c.Listen), " "))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "weir: listening on %s\n", list(r.Listeners()))

	demo := make(chan error, 1)
	if f.demo {
		go func() { demo <- runDemo(ctx, stderr, r.Listeners()) }()
	}
	f.wait(ctx, stderr, r, demo)
	cancel()

	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), c.Pipeline.Drain+time.Second)
	defer done()
	err = errors.Join(r.Stop(stopping), p.err())
	if closedPipe(err) {
		return err
	}
	printSummary(stderr, r, p)
	return err
}

// wait returns when there is a reason to stop.
func (f *listenFlags) wait(ctx context.Context, stderr io.Writer, r *config.Running, demo <-chan error) {
	var tick <-chan time.Time
	if f.statsEvery > 0 {
		t := time.NewTicker(f.statsEvery)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.Done():
			return
		case err := <-demo:
			if err != nil && ctx.Err() == nil {
				fmt.Fprintf(stderr, "weir: demo: %v\n", err)
			}
		case <-tick:
			s := r.Stats()
			fmt.Fprintf(stderr, "weir: %d datagrams, %d flows, %d queued, %d dropped, %s\n",
				s.Datagrams, s.Flows, s.Queued, s.Dropped, faultsText(&s.Stats))
		}
	}
}

// elsewhere returns addresses like addrs with other ports.
func elsewhere(listen source.Listens) (all []string) {
	for _, l := range listen {
		host, service, _ := net.SplitHostPort(l.HostPort())
		port, _ := net.LookupPort("udp", service)
		all = append(all, net.JoinHostPort(host, strconv.Itoa((port+10000)%65536)))
	}
	return all
}

// list returns where listeners listen, transport by transport: "UDP :2055, :4739;
// TLS :4740".
func list(listeners []*source.Listener) string {
	var all []string
	for _, scheme := range []string{"udp", "tcp", "tls", "dtls"} {
		var addrs []string
		for _, l := range listeners {
			if l.Listen().Scheme() != scheme {
				continue
			}
			s := l.Addr().String()
			if l.Addr().Addr().IsUnspecified() {
				s = fmt.Sprintf(":%d", l.Addr().Port())
			}
			addrs = append(addrs, s)
		}
		if len(addrs) > 0 {
			all = append(all, strings.ToUpper(scheme)+" "+strings.Join(addrs, ", "))
		}
	}
	return strings.Join(all, "; ")
}
