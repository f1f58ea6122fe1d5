package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/plugins/builtin/scan"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/plugins/host"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// detectors are those that weir brings along.
var detectors = map[string]struct {
	manifest func() detect.Manifest
	make     func() (detect.Detector, error)
}{
	"scan": {scan.Manifest, func() (detect.Detector, error) { return scan.New(scan.Default()) }},
}

func detectorNames() []string { return slices.Sorted(maps.Keys(detectors)) }

func detectorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "detector",
		Short: "List detectors, and try them on captures",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(detectorListCommand(), detectorTestCommand(), detectorServeCommand())
	return cmd
}

func detectorListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the detectors that weir brings along",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := []byte("NAME       VERSION  FINDS\n")
			for _, name := range detectorNames() {
				m := detectors[name].manifest()
				out = fmt.Appendf(out, "%-10s %-8s %s\n", m.Name, m.Version, m.Doc)
			}
			_, err := cmd.OutOrStdout().Write(out)
			return err
		},
	}
}

// detectorServeCommand is the other end of the command test: the process that a
// detector of ours runs in.
func detectorServeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "serve NAME",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, ok := detectors[args[0]]
			if !ok {
				return unknownDetector(args[0])
			}
			detector, err := d.make()
			if err != nil {
				return err
			}
			detect.Serve(d.manifest(), detector)
			return nil
		},
	}
}

func unknownDetector(name string) error {
	return usagef("no detector %q: it is one of %s, or the path of a program", name, strings.Join(detectorNames(), ", "))
}

func detectorTestCommand() *cobra.Command {
	var files []string
	var asJSON bool
	var lateness time.Duration
	cmd := &cobra.Command{
		Use:   "test NAME|PATH --flows FILE…",
		Short: "Run a detector over captures",
		Long: `Test runs a detector, one of weir's own by its name or any program by its path,
in a process of its own over the flow records of captures, and prints what it
finds. Several captures are merged by the times of their packets.

Time is that of the records: a live run over the same datagrams finds the same.
Two runs print the same, byte for byte. Counts go to the standard error.`,
		Example: `  weir detector test scan --flows capture.pcap
  weir detector test scan --json --flows monday.pcap tuesday.pcap
  weir detector test ./mydetector --flows capture.pcap`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("test what? Name a detector: %s, or the path of a program", strings.Join(detectorNames(), ", "))
			}
			if len(files) == 0 {
				return usagef("test on what? Name captures behind --flows")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := detectorConfig(args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			t := &detectorTest{print: findingPrinter(out, asJSON)}
			if err := t.run(cmd, cfg, append(files, args[1:]...), lateness); err != nil {
				return err
			}
			if t.failed == nil {
				t.failed = out.Flush()
			}
			return t.failed
		},
	}
	cmd.Flags().StringArrayVar(&files, "flows", nil, "`FILE` with the datagrams of exporters, as for weir decode; further ones may follow")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print findings as JSON, one a line")
	cmd.Flags().DurationVar(&lateness, "lateness", host.Lateness, "how long after its end a flow may be exported; what is later is left out")
	return cmd
}

// detectorConfig says how to run the detector called name.
func detectorConfig(name string) (host.Config, error) {
	cfg := host.Default()
	cfg.Overflow, cfg.GiveUp = host.Block, 1
	if _, ok := detectors[name]; ok {
		self, err := os.Executable()
		cfg.Path, cfg.Args = self, []string{"detector", "serve", name}
		return cfg, err
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if strings.ContainsAny(name, `/\`) {
			return cfg, err
		}
		return cfg, unknownDetector(name)
	}
	cfg.Path = path
	return cfg, nil
}

// A detectorTest is one run of a detector over captures.
type detectorTest struct {
	print  func(*detect.Finding) error
	found  int
	failed error // of print
}

// run feeds the records of files to the detector, in the order that detectors
// are promised.
func (t *detectorTest) run(cmd *cobra.Command, cfg host.Config, files []string, lateness time.Duration) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	in, err := openMerged(files)
	if err != nil {
		return err
	}
	defer in.close()
	d, err := host.Start(ctx, cfg, host.Deps{Findings: t.findings, Log: slog.New(slog.NewTextHandler(stderr, nil))})
	if err != nil {
		return err
	}
	defer d.Close()

	dec := decode.New(template.NewStore(template.Limits{}))
	order := host.NewOrderer(lateness)
	var batch flow.Batch
	var input detect.Input
	bad := 0
	for {
		dg, err := in.next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		batch.Reset()
		if dec.Decode(&batch, dg) != nil {
			bad++
		}
		order.Add(&batch)
		if order.Ready() {
			order.Release(&input)
			if err := d.Feed(ctx, input); err != nil {
				return err
			}
		}
	}
	order.Finish(&input)
	if err := d.Feed(ctx, input); err != nil {
		return err
	}
	if err := d.Flush(ctx); err != nil {
		return err
	}
	s := d.Stats()
	fmt.Fprintf(stderr, "weir: %s %s: %d findings in %d records of %d datagrams\n",
		d.Manifest().Name, d.Manifest().Version, t.found, s.Seen, dec.Stats.Datagrams)
	if bad > 0 {
		fmt.Fprintf(stderr, "weir: %d datagrams could not be decoded in full; see weir decode --stats\n", bad)
	}
	if s.Late > 0 {
		fmt.Fprintf(stderr, "weir: %d records came more than %v after their end and were left out; see --lateness\n", s.Late, lateness)
	}
	if s.Refused > 0 {
		return fmt.Errorf("%d findings made no sense", s.Refused)
	}
	return nil
}

func (t *detectorTest) findings(found []detect.Finding) {
	for i := range found {
		t.found++
		if t.failed == nil {
			t.failed = t.print(&found[i])
		}
	}
}

// findingPrinter returns a function that writes a finding as a line.
func findingPrinter(out io.Writer, asJSON bool) func(*detect.Finding) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return func(f *detect.Finding) error { return enc.Encode(f) }
	}
	line := detect.AppendTitle(nil)
	return func(f *detect.Finding) error {
		_, err := out.Write(f.AppendRow(line))
		line = line[:0]
		return err
	}
}

// A merged reads captures as one, ordered by the times of their datagrams;
// among equal ones, the file that was named first comes first.
type merged struct {
	files []*source.File
	heads []decode.Datagram // of each file the next one; Data is nil at its end
	used  int               // whose head was handed out last; -1 before the first
}

func openMerged(names []string) (m *merged, err error) {
	m = &merged{used: -1}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	for _, name := range names {
		f, err := source.OpenFile(name, source.ReplayOptions{})
		if err != nil {
			return m, err
		}
		m.files = append(m.files, f)
		m.heads = append(m.heads, decode.Datagram{})
	}
	return m, nil
}

// next returns the next datagram, which is valid until the next call, and io.EOF
// behind the last.
func (m *merged) next(ctx context.Context) (decode.Datagram, error) {
	for i := range m.files {
		if m.used >= 0 && m.used != i {
			continue
		}
		if _, err := m.files[i].Read(ctx, m.heads[i:i+1]); err == io.EOF {
			m.heads[i].Data = nil
		} else if err != nil {
			return decode.Datagram{}, err
		}
	}
	m.used = -1
	for i := range m.heads {
		if m.heads[i].Data != nil && (m.used < 0 || m.heads[i].Time < m.heads[m.used].Time) {
			m.used = i
		}
	}
	if m.used < 0 {
		return decode.Datagram{}, io.EOF
	}
	return m.heads[m.used], nil
}

func (m *merged) close() {
	for _, f := range m.files {
		f.Close()
	}
}
