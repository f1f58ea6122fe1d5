package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/daemon"
	"github.com/weirflow/weir/collector/enrich"
	"github.com/weirflow/weir/collector/gen"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
)

// runFlags are what run is told.
type runFlags struct {
	config, data, http string
	listen             []string
	demo, print        bool
	verbose            bool
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags]",
		Short: "Run the collector",
		Long: `Run receives from exporters until it is told to stop (SIGTERM, Ctrl-C); then it
hands on what is queued. SIGHUP reads the configuration again: listeners come
and go without losing the others.

It takes the ports that exporters are set to, 2055 (NetFlow), 4739 (IPFIX) and
6343 (sFlow), unless told otherwise, and answers on http://127.0.0.1:8085: see
weir exporters, weir tail, weir top and weir doctor. Flows are kept in the data
directory, 30 days long (setting store): see weir query and weir report.`,
		Example: `  weir run
  weir run --config /etc/weir/weir.yaml
  weir run --listen udp://:9995 --listen tls://:4740?cert=cert.pem&key=key.pem
  weir run --demo --print`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			return f.run(cmd, c)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "read settings from a YAML `FILE`")
	fl.StringVar(&f.data, "data", "", "`DIR` of what survives a restart; default: $STATE_DIRECTORY, else weir-data in the working directory")
	fl.StringVar(&f.http, "http", "", "`ADDR` of the API; - for none")
	fl.StringArrayVar(&f.listen, "listen", nil, "`ADDR` to listen on, as udp://:2055, tcp://:4739 or tls://:4740; may be given several times")
	fl.BoolVar(&f.demo, "demo", false, "play an office with six exporters, until a real one shows up")
	fl.BoolVar(&f.print, "print", false, "print a table of flows")
	fl.BoolVar(&f.verbose, "verbose", false, "log more")
	return cmd
}

// load puts the settings together.
func (f *runFlags) load() (daemon.Config, error) {
	c := daemon.Default()
	if f.config != "" {
		var err error
		if c, err = daemon.Read(f.config); err != nil {
			return c, err
		}
	}
	if len(f.listen) > 0 {
		var err error
		if c.Listen, err = source.ParseListens(f.listen...); err != nil {
			return c, usageError{err}
		}
	}
	switch {
	case f.data != "":
		c.Data = f.data
	case c.Data == "":
		c.Data = defaultData()
	}
	switch f.http {
	case "":
	case "-":
		c.API.Listen = ""
	default:
		c.API.Listen = f.http
	}
	if f.demo {
		for a, name := range gen.Office().Names() {
			var p enrich.Prefix
			if err := p.UnmarshalText([]byte(a.String())); err != nil {
				return c, err
			}
			c.Enrich.Exporters = append(c.Enrich.Exporters, enrich.Exporter{Address: p, Name: name})
		}
	}
	if err := c.Validate(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// defaultData is the data directory where nobody names one.
func defaultData() string {
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" { // systemd's
		return dir
	}
	return "weir-data"
}

func (f *runFlags) run(cmd *cobra.Command, c daemon.Config) error {
	stderr := cmd.ErrOrStderr()
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	opts := daemon.Options{Version: version, Log: log}
	if f.config != "" {
		opts.Load = f.load
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	var p *printer
	if f.print {
		out := outputFlags{format: "table", profile: "ipfix"}
		w, err := out.writer(cmd.OutOrStdout(), false)
		if err != nil {
			return err
		}
		p = newPrinter(w, nil, 0, cancel)
		opts.Outputs = append(opts.Outputs, pipeline.Output{Name: "print", Sink: p, Queue: pipeline.Queue{Size: 64, Overflow: pipeline.DropOldest}})
	}
	var err error
	if c.Source.Sockets, err = source.Activation(); err != nil {
		return err
	}
	d, err := daemon.Start(c, opts)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w, for example: weir run --listen %s", err, strings.Join(elsewhere(c.Listen), " --listen "))
	}
	if err != nil {
		return err
	}
	f.greet(stderr, d)
	if err := notify("READY=1"); err != nil {
		log.Warn("systemd", "error", err)
	}
	demo := f.startDemo(ctx, log, d)
	f.wait(ctx, log, d)
	cancel()
	if err := notify("STOPPING=1"); err != nil {
		log.Warn("systemd", "error", err)
	}
	<-demo

	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), c.Pipeline.Drain+time.Second)
	defer done()
	err = d.Stop(stopping)
	if p != nil {
		err = errors.Join(err, p.err())
	}
	if closedPipe(err) {
		return err
	}
	s := d.Stats()
	lost := uint64(0)
	for _, o := range s.Outputs {
		lost += o.Dropped + o.Failed
	}
	log.Info("stopped", "datagrams", s.Datagrams, "flows", s.Flows, "faults", faultsText(&s.Stats), "lost_by_outputs", lost)
	return err
}

// greet says where to look.
func (f *runFlags) greet(w io.Writer, d *daemon.Daemon) {
	fmt.Fprintf(w, "weir: listening on %s", list(d.Listeners()))
	if url := d.URL(); url != "" {
		fmt.Fprintf(w, "; look at %s/, or type: weir top; weir query 'top 10 src by bytes last 1h'", url)
	}
	fmt.Fprintln(w)
}

// wait returns when ctx ends or the pipeline does; SIGHUP reloads. A reload that
// takes long, as sinks that go are given time, holds up no end.
func (f *runFlags) wait(ctx context.Context, log *slog.Logger, d *daemon.Daemon) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.Done():
			return
		case <-hup:
			reloaded := make(chan struct{})
			go func() {
				defer close(reloaded)
				if changes, err := d.Reload(); err != nil {
					log.Error("reload", "error", err)
				} else if len(changes) == 0 {
					log.Info("reload: nothing has changed")
				}
			}()
			select {
			case <-ctx.Done():
				return
			case <-reloaded:
			}
		}
	}
}

// startDemo plays the office until ctx ends or a real exporter shows up. The
// channel is closed when it has ended.
func (f *runFlags) startDemo(ctx context.Context, log *slog.Logger, d *daemon.Daemon) <-chan struct{} {
	done := make(chan struct{})
	if !f.demo {
		close(done)
		return done
	}
	scene := gen.Office()
	names := scene.Names()
	to := demoTargets(d.Listeners())
	versions := map[string]uint16{"netflow5": 5, "netflow9": 9, "ipfix": 10, "sflow": 0}
	playing, stop := context.WithCancel(ctx)
	go func() {
		defer close(done)
		defer stop()
		log.Info("demo: six exporters of an office that isn't there, until a real one shows up", "names", "demo-…")
		if _, err := scene.Run(playing, func(protocol string) netip.AddrPort { return to(versions[protocol]) }, 0); err != nil && playing.Err() == nil {
			log.Error("demo", "error", err)
		}
	}()
	go func() {
		defer stop()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-playing.Done():
				return
			case <-tick.C:
			}
			for _, l := range d.Pipeline().Ledgers() {
				if _, ours := names[l.From.Addr()]; !ours && l.Decoded != 0 {
					log.Info("demo: a real exporter is here, the demo ends", "exporter", l.Exporter)
					stop()
					<-done
					<-tick.C // what it sent is through
					d.Pipeline().Forget(func(a netip.Addr) bool { _, ours := names[a]; return ours })
					return
				}
			}
		}
	}()
	return done
}
