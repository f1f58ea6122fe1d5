package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/template"
)

func decodeCommand() *cobra.Command {
	var out outputFlags
	var filter filterFlag
	var meta, stats, inner bool
	cmd := &cobra.Command{
		Use:   "decode [flags] FILE…",
		Short: "Decode captures",
		Long: `Decode prints the flow records of captures, one a line.

` + aboutFiles + `

What exporters announce in one file, templates above all, holds for the files
behind it. What can't be decoded is reported on the standard error with file,
packet, offset and reason, and where in the datagram it is; the rest is printed,
and the exit status is 1.`,
		Example: `  weir decode capture.pcap
  weir decode --format table capture.pcap
  weir decode --filter 'src net 10.0.0.0/8 and dst port 443' capture.pcap
  weir decode --profile ecs templates.pcap data.pcapng.gz
  tcpdump -U -i eth0 -w - udp port 2055 | weir decode -`,
		Args: wantFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			stdout := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
			w, err := out.writer(stdout, meta)
			if err != nil {
				return err
			}
			d := newFileDecoder(w, stdout.Flush, cmd.InOrStdin(), cmd.ErrOrStderr())
			if d.filter, err = filter.parse(); err != nil {
				return err
			}
			d.dec.SFlow.Packet.Inner = inner
			for _, name := range args {
				if err := d.file(cmd, name); err != nil {
					return err
				}
			}
			if err := stdout.Flush(); err != nil {
				return err
			}
			if stats {
				d.printStats()
			}
			if d.bad {
				return errReported
			}
			return nil
		},
	}
	out.add(cmd, "json")
	filter.add(cmd)
	cmd.Flags().BoolVar(&meta, "meta", false, "without a filter, print options and counter records too; with json: add kind, version, packet, record, exporter, domain, start, end")
	cmd.Flags().BoolVar(&inner, "inner", false, "of sampled packets in tunnels, enter the innermost instead of the outermost")
	cmd.Flags().BoolVar(&stats, "stats", false, "print counts to the standard error at the end")
	return cmd
}

// aboutFiles is the part of a help that says what a FILE may be.
const aboutFiles = `A FILE is a pcap or pcapng file, or the payloads of datagrams one behind the
other, which is how IPFIX is stored (RFC 5655); "-" is the standard input. It may
be compressed with gzip or zstd. Of captures, UDP datagrams are read, those in
fragments too, and IPFIX over TCP.`

// wantFiles wants a FILE or more.
func wantFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s what? Name a capture, or - for the standard input (see: %s --help)", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

// maxReports is how many bad packets of a file are reported one by one.
const maxReports = 20

// A fileDecoder decodes files, one after the other, with one state.
type fileDecoder struct {
	out     *writer       // nil: nothing is printed
	filter  *query.Filter // nil: all is printed
	which   []uint32
	flush   func() error
	stdin   io.Reader
	stderr  io.Writer
	store   *template.Store
	dec     *decode.Decoder
	batch   flow.Batch
	skipped pcap.Skipped
	bad     bool // something was reported
}

func newFileDecoder(out *writer, flush func() error, stdin io.Reader, stderr io.Writer) *fileDecoder {
	// Files may be days apart: what one announces holds for those behind it.
	store := template.NewStore(template.Limits{Timeout: -1})
	return &fileDecoder{out: out, flush: flush, stdin: stdin, stderr: stderr, store: store, dec: decode.New(store)}
}

// file decodes a file. What is wrong with it is reported; the error is one of
// the output, or of a context that has ended.
func (d *fileDecoder) file(cmd *cobra.Command, name string) error {
	in := d.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			d.report("%v", err)
			return nil
		}
		defer f.Close()
		in = f
	}
	c, err := source.NewCapture(in)
	if err != nil {
		d.report("%s: %v", name, err)
		return nil
	}
	messages, faults := 0, 0
	for ; ; messages++ {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		m, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			d.report("%s: %v", name, err)
			break
		}
		d.batch.Reset()
		if err := d.dec.Decode(&d.batch, m.Datagram); err != nil {
			if faults++; faults <= maxReports {
				d.report("%s: packet %d at offset %d: %v (%v)", name, m.Index, m.Offset, err, d.dec.Place())
			}
		}
		if d.out == nil {
			continue
		}
		d.which = choose(d.which[:0], d.filter, &d.batch)
		if err := d.out.flows(&d.batch, d.which, m.Index); err != nil {
			return err
		}
		if d.filter == nil {
			if err := d.out.options(&d.batch, m.Index); err != nil {
				return err
			}
		}
		if name == "-" { // perhaps a live capture
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
	if faults > maxReports {
		d.report("%s: and %d more packets like these", name, faults-maxReports)
	}
	s := c.Skipped()
	if messages == 0 && s != (pcap.Skipped{}) {
		d.report("%s: neither UDP datagrams nor IPFIX over TCP among %d packets", name, s.Packets())
	}
	for _, x := range []struct {
		n    int
		what string
	}{
		{s.Truncated, "packets that the capture holds the beginning of only (snaplen)"},
		{s.Malformed, "packets that are shorter than their headers say"},
		{s.Fragments, "pieces of packets that are not whole"},
		{s.Gaps, "places in IPFIX over TCP where messages are missing"},
	} {
		if x.n > 0 && messages > 0 {
			d.report("%s: %d %s: what they held is lost", name, x.n, x.what)
		}
	}
	d.skipped.Other += s.Other
	d.skipped.Fragments += s.Fragments
	d.skipped.Truncated += s.Truncated
	d.skipped.Malformed += s.Malformed
	d.skipped.Gaps += s.Gaps
	return nil
}

func (d *fileDecoder) report(format string, args ...any) {
	d.bad = true
	fmt.Fprintf(d.stderr, "weir: "+format+"\n", args...)
}

func (d *fileDecoder) printStats() {
	printDecodeStats(d.stderr, &d.dec.Stats)
	packets := d.skipped
	packets.Gaps = 0
	printSkipped(d.stderr, packets)
	if n := d.skipped.Gaps; n > 0 {
		fmt.Fprintf(d.stderr, "gaps       %d places in IPFIX over TCP where messages are missing\n", n)
	}
	printExporters(d.stderr, d.store)
}
