package modinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/decode"
)

const (
	drainTime  = 3 * time.Second         // what waits in the queue has this long at the end
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
	stanzas, err := readInput(ctx, stdin)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case len(stanzas) > 1:
		return fmt.Errorf("splunkd sent %d stanzas: weir runs one to a process", len(stanzas))
	}
	if len(stanzas) == 0 {
		log.Warn("no stanza to run")
		w := NewWriter(stdout, nil, nil)
		return errors.Join(w.Open(), w.Close())
	}
	cfg, err := Parse(stanzas[0])
	if err != nil {
		return fmt.Errorf("stanza %s: %w", stanzas[0].Name, err)
	}
	return run(ctx, cfg, stdout, log, parent, lossReport)
}

func readInput(ctx context.Context, stdin io.Reader) ([]Stanza, error) {
	type result struct {
		stanzas []Stanza
		err     error
	}
	done := make(chan result, 1)
	go func() {
		stanzas, err := ReadInput(stdin)
		done <- result{stanzas, err}
	}()
	select {
	case r := <-done:
		return r.stanzas, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run runs cfg until asked ends or the parent changes, and reports losses every
// so often.
func run(asked context.Context, cfg Config, stdout io.Writer, log *slog.Logger, parent int, every time.Duration) error {
	ctx, end := context.WithCancelCause(asked)
	defer end(nil)
	w := NewWriter(stdout, NewEncoder(cfg.Format, cfg.Stanza, cfg.sourcetype()), end)
	if err := w.Open(); err != nil {
		return err
	}
	running, err := cfg.Collector.Start(w, log)
	if err != nil {
		return errors.Join(fmt.Errorf("stanza %s: %w", cfg.Stanza, err), w.Close())
	}
	for _, a := range running.Addrs() {
		log.Info("listening", "stanza", cfg.Stanza, "address", a.String(), "format", cfg.Format.String())
	}
	l := losses{running: running, log: log}
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
		case <-report.C:
			l.report()
		}
	}

	stopping, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err = running.Stop(stopping)
	l.report()
	s := running.Stats()
	log.Info("stopped", "stanza", cfg.Stanza, "datagrams", s.Datagrams, "flows", s.Flows, "events", w.Events(), "dropped", s.Dropped, "failed", s.Failed)
	if asked.Err() == nil {
		return context.Cause(ctx)
	}
	return err
}

// losses tells of flows and datagrams that didn't become events.
type losses struct {
	running *config.Running
	log     *slog.Logger
	told    pipeline.Stats
}

// report logs what was lost since the last report, and nothing if nothing was.
func (l *losses) report() {
	s := l.running.Stats()
	if n := s.Dropped - l.told.Dropped; n > 0 {
		l.log.Warn("flows were dropped because Splunk reads too slowly", "dropped", n, "dropped_total", s.Dropped, "queued", s.Queued)
	}
	var faults []any
	for i, n := range s.Faults {
		if n -= l.told.Faults[i]; n > 0 {
			faults = append(faults, slog.Uint64(decode.Fault(i).Label(), n))
		}
	}
	if faults != nil {
		l.log.Warn("datagrams could not be decoded as a whole", faults...)
	}
	l.told = s
}
