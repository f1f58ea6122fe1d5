package modinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
)

const (
	drainTime  = 2 * time.Second         // what waits in the queue has this long at the end
	stopTime   = 4500 * time.Millisecond // then Run returns, whatever hangs
	parentPoll = time.Second
	lossReport = time.Minute
)

// ErrParent ends Run when the process that started it has gone: without
// splunkd nobody would read the events nor free the port.
var ErrParent = errors.New("parent process has gone")

// Run reads the stanza that splunkd writes to stdin and writes a stream of its
// events to stdout until ctx ends. Then it hands over what is queued, closes
// the stream and returns nil, within five seconds. It ends with an error when
// the sockets can't be opened, stdout is closed, or the parent process changes.
// It may leave a goroutine that reads stdin or writes stdout and hangs there.
func Run(ctx context.Context, stdin io.Reader, stdout io.Writer, log *slog.Logger) error {
	parent := os.Getppid() // while it is splunkd
	in, err := readInput(ctx, stdin)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case len(in.Stanzas) > 1:
		return fmt.Errorf("splunkd sent %d stanzas: weir runs one to a process", len(in.Stanzas))
	}
	if len(in.Stanzas) == 0 {
		log.Warn("no stanza to run")
		_, err := io.WriteString(stdout, "<stream>\n</stream>\n")
		return err
	}
	cfg, err := Parse(in.Stanzas[0])
	if err != nil {
		return fmt.Errorf("stanza %s: %w", in.Stanzas[0].Name, err)
	}
	if cfg.Output == HEC && cfg.Types.Has(Flows) {
		switch err := cfg.HEC.readToken(ctx, &in); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("stanza %s: %w", cfg.Stanza, err)
		}
	}
	if in.CheckpointDir != "" {
		dir := stateDir(in.CheckpointDir, cfg.Stanza)
		if err := openState(dir); err != nil {
			log.Warn("templates won't survive a restart: the user of splunkd can't use the folder of the stanza in the checkpoint directory", "folder", dir, "error", err)
		} else {
			cfg.Collector.Data = dir
		}
	}
	return run(ctx, cfg, stdout, log, parent, lossReport)
}

func readInput(ctx context.Context, stdin io.Reader) (Input, error) {
	type result struct {
		in  Input
		err error
	}
	done := make(chan result, 1)
	go func() {
		in, err := ReadInput(stdin)
		done <- result{in, err}
	}()
	select {
	case r := <-done:
		return r.in, r.err
	case <-ctx.Done():
		return Input{}, ctx.Err()
	}
}

// run runs cfg until asked ends or the parent changes, and reports every so
// often.
func run(asked context.Context, cfg Config, stdout io.Writer, log *slog.Logger, parent int, every time.Duration) error {
	ctx, end := context.WithCancelCause(asked)
	defer end(nil)
	sending, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	var collectors *hecSink
	var flows taker
	if cfg.Output == HEC && cfg.Types.Has(Flows) {
		var err error
		if collectors, err = newHEC(sending, &cfg, log); err != nil {
			return fmt.Errorf("stanza %s: %w", cfg.Stanza, err)
		}
		flows = collectors
	}
	s := newStream(stdout, cfg, end, flows)
	if err := s.Open(); err != nil {
		return err
	}
	left := pipeline.FindLeftover(cfg.Collector.Data)
	running, err := cfg.Collector.StartWith(config.Options{Outputs: []pipeline.Output{cfg.queue(s)}, Log: log})
	if err != nil {
		stopping, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		return errors.Join(fmt.Errorf("stanza %s: %w", cfg.Stanza, err), s.End(stopping))
	}
	left.Drop(log)
	for _, a := range running.Addrs() {
		log.Info("listening", "stanza", cfg.Stanza, "address", a.String(), "format", cfg.Format.String())
	}
	var beside sync.WaitGroup
	watching, stopWatching := context.WithCancel(ctx)
	defer beside.Wait()
	defer stopWatching()
	if cfg.Collector.Data != "" && cfg.Collector.Source.Share {
		beside.Go(func() { watchSiblings(watching, &cfg, running, log) })
	}
	if cfg.MetricsIndex != "" {
		beside.Go(func() { s.rollups(watching) })
	}
	if collectors != nil && cfg.HEC.stored != nil {
		beside.Go(func() { cfg.HEC.watchToken(watching, every, collectors.Sink, end) })
	}
	r := reporter{
		cfg: &cfg, running: running, stream: s, hec: collectors, log: log,
		last: time.Now(), total: map[string]uint64{}, limit: maxKBps(os.Getenv("SPLUNK_HOME")),
	}
	poll, report := time.NewTicker(parentPoll), time.NewTicker(every)
	defer poll.Stop()
	defer report.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-running.Done():
			end(errors.New("pipeline has ended by itself"))
		case <-poll.C:
			if os.Getppid() != parent {
				end(ErrParent)
			}
		case now := <-report.C:
			r.report(now)
		}
	}
	stopWatching()

	stopping, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	defer time.AfterFunc(drainTime, giveUp).Stop()
	// First all records, so that the last report has what became of them.
	err = errors.Join(running.Stop(stopping), s.Drain(stopping))
	r.report(time.Now())
	s.rollup(time.Now().Truncate(time.Minute))
	err = errors.Join(err, s.End(stopping))
	stats := running.Stats()
	c, _ := s.ring.stats()
	log.Info("stopped", "stanza", cfg.Stanza, "datagrams", stats.Datagrams, "flows", stats.Flows, "written", stats.Written, "dropped", stats.Dropped,
		"failed", stats.Failed, "unread", stats.Queued, "events", c.out)
	if asked.Err() == nil {
		return context.Cause(ctx)
	}
	return err
}

// watchSiblings takes in what exporters have announced to other stanzas of the
// port, until ctx ends.
func watchSiblings(ctx context.Context, cfg *Config, running *config.Running, log *slog.Logger) {
	addrs := running.Addrs()
	if err := savePorts(cfg.Collector.Data, addrs); err != nil {
		log.Warn("other stanzas of the port won't find what exporters announced here", "error", err)
	}
	x := newSiblings(cfg.Collector.Data, addrs, running.Store(), cfg.Collector.Limits.Octets, log)
	x.look()
	x.run(ctx)
}
