package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/shadow"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/collector/source"
)

type shadowFlags struct {
	from   []string
	relay  sink.Relay
	report time.Duration
}

func shadowCommand() *cobra.Command {
	f := shadowFlags{relay: sink.DefaultRelay()}
	cmd := &cobra.Command{
		Use:   "shadow --from :PORT --to HOST:PORT",
		Short: "Stand in front of another collector, and tell what it takes to lose nothing",
		Long: `Shadow receives in the place of another collector and passes each datagram on to
it, octet by octet the same, from the exporter's address where it may (root or
CAP_NET_RAW). It decodes and counts the same datagrams. After --report, and when
it is interrupted, it prints what each exporter sends, what was lost on the way,
and what of this traffic a collector gets only if it does more than to decode
what comes. Of the other collector it knows nothing: compare its totals.`,
		Example: `  weir shadow --from :2055 --to 127.0.0.1:9995
  weir shadow --from :2055 --from :6343 --to 192.0.2.9:2055 --report 1h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load()
			if err != nil {
				return usageError{err}
			}
			return f.run(cmd, c)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.from, "from", nil, "`ADDR` to receive on, as listen takes it; may be given several times")
	fl.StringVar(&f.relay.To, "to", "", "`HOST:PORT` of the other collector")
	fl.BoolVar(&f.relay.Keep, "keep-source", f.relay.Keep, "send from the exporters' addresses, where this machine may")
	fl.DurationVar(&f.report, "report", 5*time.Minute, "print a first report after this `TIME`")
	return cmd
}

// load puts the settings together.
func (f *shadowFlags) load() (config.Config, error) {
	c := config.Default()
	c.Source.Unknown = 0 // the other collector gets everything
	if len(f.from) == 0 {
		return c, errors.New("shadow receives where? Write --from :2055")
	}
	var err error
	if c.Listen, err = source.ParseListens(f.from...); err != nil {
		return c, fmt.Errorf("--from: %w", err)
	}
	if f.relay.To == "" {
		return c, errors.New("shadow passes on to where? Write --to HOST:PORT")
	}
	if err := f.relay.Validate(); err != nil {
		return c, fmt.Errorf("--to: %w", err)
	}
	if f.relay.Loops(c.Listen) {
		return c, fmt.Errorf("--to: shadow listens at %s itself: write the other collector's address", f.relay.To)
	}
	if f.report < 0 {
		return c, fmt.Errorf("--report: %s is below 0", f.report)
	}
	return c, c.Validate()
}

func (f *shadowFlags) run(cmd *cobra.Command, c config.Config) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	relay, err := sink.NewRelay(f.relay, nil, log)
	if err != nil {
		return err
	}
	r, err := c.StartWith(config.Options{Taps: []pipeline.Tap{relay}, Log: log, Stay: true})
	if err != nil {
		relay.Close()
		return err
	}
	begin := time.Now()
	report := func() error {
		m := shadow.Measured{
			For: time.Since(begin), To: f.relay.To, Relay: relay.Stats(),
			Ledgers: r.Pipeline().Ledgers(), Sessions: r.Store().Sessions(),
		}
		for _, l := range r.Listeners() {
			m.Listeners = append(m.Listeners, l.Stats())
		}
		return m.Report(cmd.OutOrStdout())
	}
	fmt.Fprintf(stderr, "weir: listening on %s\nweir: passing on to %s; a report comes in %s, and one at the end\n", list(r.Listeners()), f.relay.To, f.report)
	select {
	case <-time.After(f.report):
		if err = report(); err == nil {
			<-ctx.Done()
		}
	case <-r.Done():
	case <-ctx.Done():
	}
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), c.Pipeline.Drain+time.Second)
	defer done()
	// The relay is closed last: it has what the pipeline read.
	return errors.Join(err, r.Stop(stopping), relay.Close(), report())
}
