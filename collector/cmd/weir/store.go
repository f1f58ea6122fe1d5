package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/daemon"
	"github.com/weirflow/weir/collector/store"
	"github.com/weirflow/weir/shared/query"
)

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after stored flows: check, compact, export, import",
		Long: `Store works on the folder of the embedded store, while no weir runs on it: segments
in Parquet, sums of them, and a journal of what is in no segment yet.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(storeCheckCommand(), storeCompactCommand(), storeExportCommand(), storeImportCommand())
	return cmd
}

// folderFlags say which store is meant, of a weir that does not run.
type folderFlags struct{ config, data string }

func (f *folderFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "YAML `FILE` of the weir whose store it is")
	cmd.Flags().StringVar(&f.data, "data", "", "`DIR` of its data; default: as of weir run")
}

// settings returns those of the weir whose store is meant.
func (f *folderFlags) settings() (c daemon.Config, err error) {
	c = daemon.Default()
	if f.config != "" {
		if c, err = daemon.Read(f.config); err != nil {
			return c, usageError{err}
		}
	}
	c.Data = cmp.Or(f.data, c.Data, defaultData())
	if c.Store.Dir == "" {
		c.Store.Dir = filepath.Join(c.Data, "store")
	}
	return c, nil
}

// open opens the store. A new one is made only if that is meant.
func (f *folderFlags) open(cmd *cobra.Command, fresh bool) (*store.Store, error) {
	c, err := f.settings()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.Store.Dir); err != nil && !fresh {
		return nil, fmt.Errorf("there is no store: %w; say where it is with --data or --config", err)
	}
	unlock := func() {}
	if _, err := os.Stat(c.Data); err == nil {
		if unlock, err = config.LockData(c.Data, slog.New(slog.DiscardHandler)); err != nil {
			return nil, fmt.Errorf("%w: stop it first", err)
		}
	}
	defer unlock() // the store has a lock of its own
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return store.Open(c.Store, store.Deps{Log: log, Version: version})
}

// use opens the store for f, and closes it.
func (f *folderFlags) use(cmd *cobra.Command, fresh bool, do func(*store.Store) error) error {
	s, err := f.open(cmd, fresh)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

func storeCheckCommand() *cobra.Command {
	var f folderFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read all that is stored, and say what is not as it must be",
		Long: `Check reads each file, compares it with what is known of it, and adds up what it
holds. It exits with 1 if anything is wrong. A segment that can't be read is set
aside when a question comes across it, and the others still answer.`,
		Example: "  weir store check --data /var/lib/weir",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r store.Report
			b := newBar(cmd.ErrOrStderr(), "check")
			err := f.use(cmd, false, func(s *store.Store) (err error) {
				r, err = s.Check(cmd.Context(), b.at)
				return err
			})
			b.end()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "segments  %d, %.1f MB\nflows     %d, %d of them in no segment yet\noctets    %d, as they came\npackets   %d\nrollups   %d, %.1f MB\n",
				r.Segments, float64(r.Octets)/1e6, r.Rows+uint64(r.Tail), r.Tail, r.Bytes, r.Packets, r.Rollups, float64(r.Sums)/1e6)
			for _, file := range r.Aside {
				fmt.Fprintf(out, "aside     %s: it could not be read\n", file)
			}
			for _, w := range r.Wrong {
				fmt.Fprintf(out, "wrong     %s\n", w)
			}
			if len(r.Wrong) > 0 {
				return errReported
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func storeCompactCommand() *cobra.Command {
	var f folderFlags
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Make large segments of small ones, and drop what is too old",
		Long: `Compact does at once what a weir that runs does each minute: the small segments of
an hour that is over become large ones, and what is older than it is kept goes.`,
		Example: "  weir store compact --config /etc/weir/weir.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var before, after store.Stats
			b := newBar(cmd.ErrOrStderr(), "compact")
			err := f.use(cmd, false, func(s *store.Store) error {
				before = s.Stats()
				err := s.Retain()
				if err == nil {
					err = s.Compact(cmd.Context(), b.at)
				}
				after = s.Stats()
				return err
			})
			b.end()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d segments, %.1f MB; before %d, %.1f MB\n", after.Segments, float64(after.Octets)/1e6, before.Segments, float64(before.Octets)/1e6)
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func storeExportCommand() *cobra.Command {
	var f folderFlags
	var format, from, to, output string
	cmd := &cobra.Command{
		Use:   "export [flags] [FILTER]",
		Short: "Write stored flows as Parquet, JSON lines or CSV",
		Long: `Export writes the flows that were seen in a time and pass a filter, each once.
Parquet has all that is known of them, and is what weir store import reads.`,
		Example: `  weir store export --from 2026-11-01 --to 2026-11-02 --output day.parquet
  weir store export --format jsonl 'host 10.0.0.1' | jq .bytes`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			text, err := filterArgs(args)
			if err != nil {
				return err
			}
			filter, err := query.Parse(text)
			if err != nil {
				return err
			}
			span := [2]int64{math.MinInt64, math.MaxInt64}
			for i, s := range []string{from, to} {
				if s == "" {
					continue
				}
				t, err := time.Parse(time.RFC3339, s)
				if err != nil {
					t, err = time.Parse(time.DateOnly, s)
				}
				if err != nil {
					return usagef("%q is no time: write 2026-11-26 or 2026-11-26T12:00:00Z", s)
				}
				span[i] = t.UnixNano()
			}
			out := cmd.OutOrStdout()
			if output != "" {
				file, err := os.OpenFile(output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				if err != nil {
					return err
				}
				defer func() {
					if err = errors.Join(err, file.Close()); err != nil {
						os.Remove(output) // it is not whole
					}
				}()
				out = file
			}
			w := bufio.NewWriterSize(out, 1<<20)
			n := uint64(0)
			b := newBar(cmd.ErrOrStderr(), "export")
			err = f.use(cmd, false, func(s *store.Store) (err error) {
				n, err = s.Export(cmd.Context(), w, format, span[0], span[1], filter, b.at)
				return err
			})
			b.end()
			if err = errors.Join(err, w.Flush()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "weir: %d flows\n", n)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&format, "format", store.Formats[0], "`FORMAT`: parquet, jsonl, csv")
	cmd.Flags().StringVar(&from, "from", "", "first `TIME`, UTC, as 2026-11-26 or 2026-11-26T12:00:00Z")
	cmd.Flags().StringVar(&to, "to", "", "`TIME` behind the last")
	cmd.Flags().StringVar(&output, "output", "", "`FILE` to write, which must not be there; default: standard output")
	complete(cmd, "format", store.Formats...)
	return cmd
}

func storeImportCommand() *cobra.Command {
	var f folderFlags
	cmd := &cobra.Command{
		Use:   "import [flags] FILE…",
		Short: "Take flows from Parquet or JSON lines of weir, or from files of nfcapd",
		Long: `Import adds flows to the store: Parquet and JSON lines as weir store export writes
them, and files of nfcapd, if nfdump is installed. What a file is, it finds out by
itself. To import a file twice is to have its flows twice.`,
		Example: `  weir store import day.parquet
  weir store import /var/cache/nfdump/nfcapd.2026112612*`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := uint64(0)
			b := newBar(cmd.ErrOrStderr(), "import")
			err := f.use(cmd, true, func(s *store.Store) (err error) {
				n, err = s.Import(cmd.Context(), args, b.at)
				return err
			})
			b.end()
			fmt.Fprintf(cmd.ErrOrStderr(), "weir: %d flows\n", n)
			return err
		},
	}
	f.add(cmd)
	return cmd
}
