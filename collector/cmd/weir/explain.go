package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/explain"
	"github.com/weirflow/weir/shared/template"
)

// explainFlags are what explain is told.
type explainFlags struct {
	packets, exporter, records string
	format, color, listen      string
	faults, hex, full          bool
	limit                      int
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain [flags] FILE… | --listen ADDR",
		Short: "Explain datagrams octet by octet",
		Long: `Explain prints datagrams as annotated hexadecimal lines: offset, octets, name,
value in words, and on the right the section of the RFC or the document that
defines it. What a decoder can't read is marked FAULT, with a sentence that says
why; what is odd but harms nobody is marked note: sequence numbers that jump,
counts that don't fit, padding that isn't zero, lengths that a type can't have.

` + aboutFiles + `
With --hex it holds text: hexadecimal digits, or what xxd, hexdump, tcpdump -x
and Wireshark write.

Templates of one datagram are known in the next, also from file to file. Files
are read twice, so that data which come before their template are explained too.`,
		Example: `  weir explain --color always capture.pcap | less -R
  weir explain --faults capture.pcap            # only what is wrong or odd
  weir explain --packet 3-5 --records all capture.pcap
  weir explain --listen :2055 --limit 1         # the next datagram that comes
  xclip -o | weir explain --hex -               # a hex dump copied from Wireshark
  weir explain --format json capture.pcap | jq -r '.. | .fault? // empty | .text'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.listen != "" {
				if len(args) > 0 {
					return usagef("--listen takes no FILE")
				}
				return nil
			}
			return wantFiles(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			x, err := f.explainer(cmd)
			if err != nil {
				return err
			}
			if f.listen != "" {
				err = x.live(cmd.Context(), f.listen, cmd.ErrOrStderr())
			} else {
				err = x.files(cmd.Context(), args)
			}
			if err := x.out.Flush(); err != nil {
				return err
			}
			if err == nil && x.bad {
				return errReported
			}
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.packets, "packet", "", "explain only packet `N`, or N-M, as the file counts them")
	fl.StringVar(&f.exporter, "exporter", "", "explain only what comes from this `ADDRESS`, or from this agent of sFlow")
	fl.BoolVar(&f.faults, "faults", false, "explain only datagrams with a fault or a note")
	fl.IntVar(&f.limit, "limit", 0, "stop after `N` datagrams")
	fl.StringVar(&f.records, "records", "auto", "print `N` records of a set: the first ones and the last; auto: all of up to 4, else 2; all")
	fl.BoolVar(&f.full, "full", false, "print long values whole")
	fl.BoolVar(&f.hex, "hex", false, "read hexadecimal text")
	fl.StringVar(&f.listen, "listen", "", "explain datagrams as they come to UDP `ADDR`, host:port or :port")
	fl.StringVar(&f.format, "format", "text", "`FORMAT` of the output: text, json (an object a datagram)")
	fl.StringVar(&f.color, "color", "auto", "`WHEN` to use colors: auto, always, never; auto is on a terminal, unless NO_COLOR is set")
	complete(cmd, "format", "text", "json")
	complete(cmd, "color", "auto", "always", "never")
	complete(cmd, "records", "auto", "all")
	return cmd
}

// An explaining is a run of the command.
type explaining struct {
	e        *explain.Explainer
	style    explain.Style
	json     bool
	faults   bool
	hex      bool
	first    int // packets, 0: from the first
	last     int // 0: to the last
	limit    int // 0: none
	exporter netip.Addr

	stdin  io.Reader
	stderr io.Writer
	out    *bufio.Writer
	shown  int
	bad    bool // something was reported
	buf    []byte
}

// explainer checks the flags.
func (f *explainFlags) explainer(cmd *cobra.Command) (*explaining, error) {
	x := &explaining{
		e: explain.New(template.NewStore(template.Limits{Timeout: -1})), faults: f.faults, hex: f.hex, limit: f.limit,
		stdin: cmd.InOrStdin(), stderr: cmd.ErrOrStderr(), out: bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10),
	}
	x.style.Full = f.full
	switch f.format {
	case "text", "json":
		x.json = f.format == "json"
	default:
		return nil, usagef("--format: no format %q: it is one of text, json", f.format)
	}
	switch f.color {
	case "auto":
		x.style.Color = os.Getenv("NO_COLOR") == "" && terminal(cmd.OutOrStdout())
	case "always":
		x.style.Color = true
	case "never":
	default:
		return nil, usagef("--color: %q is none of auto, always, never", f.color)
	}
	switch f.records {
	case "auto":
	case "all":
		x.style.Records = -1
	default:
		n, err := strconv.Atoi(f.records)
		if err != nil || n < 1 {
			return nil, usagef("--records: %q is none of auto, all, or a number from 1", f.records)
		}
		x.style.Records = n
	}
	if f.limit < 0 {
		return nil, usagef("--limit: %d is below 0", f.limit)
	}
	if f.exporter != "" {
		a, err := netip.ParseAddr(f.exporter)
		if err != nil {
			return nil, usagef("--exporter: %q is no address", f.exporter)
		}
		x.exporter = a.Unmap()
	}
	return x, x.packets(f.packets)
}

// packets reads N or N-M.
func (x *explaining) packets(s string) error {
	if s == "" {
		return nil
	}
	from, to, isRange := strings.Cut(s, "-")
	var err error
	if x.first, err = strconv.Atoi(from); err == nil {
		if x.last = x.first; isRange {
			x.last, err = strconv.Atoi(to)
		}
	}
	if err != nil || x.first < 1 || x.last < x.first {
		return usagef("--packet: %q is neither N nor N-M, counted from 1", s)
	}
	return nil
}

// terminal tells whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// files explains files, after a look at the templates in all of them.
func (x *explaining) files(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := x.file(ctx, name, true); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := x.file(ctx, name, false); err != nil || x.done() {
			return err
		}
	}
	return nil
}

func (x *explaining) done() bool { return x.limit > 0 && x.shown >= x.limit }

// file explains a file, or only learns its templates, for which it is read
// twice: what can't be opened is reported when it is explained.
func (x *explaining) file(ctx context.Context, name string, learn bool) error {
	in := x.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			x.report(!learn, "%v", err)
			return nil
		}
		defer f.Close()
		if info, err := f.Stat(); learn && (err != nil || !info.Mode().IsRegular()) {
			return nil // it can be read once
		}
		in = f
	} else if learn {
		return nil
	}
	open := source.NewCapture
	if x.hex {
		open = source.NewHexCapture
	}
	c, err := open(in)
	if err != nil {
		x.report(!learn, "%s: %v", name, err)
		return nil
	}
	messages := 0
	for ; ; messages++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			x.report(!learn, "%s: %v", name, err)
			break
		}
		if learn {
			x.e.Learn(m.Datagram)
			continue
		}
		if err := x.explain(name, m); err != nil || x.done() {
			return err
		}
		if name == "-" { // perhaps a live capture
			if err := x.out.Flush(); err != nil {
				return err
			}
		}
	}
	if s := c.Skipped(); messages == 0 && s.Packets() > 0 {
		x.report(!learn, "%s: neither UDP datagrams nor IPFIX over TCP among %d packets", name, s.Packets())
	}
	return nil
}

func (x *explaining) report(say bool, format string, args ...any) {
	if say {
		x.bad = true
		fmt.Fprintf(x.stderr, "weir: "+format+"\n", args...)
	}
}

// An explained datagram, as JSON has it.
type explained struct {
	File   string          `json:"file,omitempty"`
	Packet int             `json:"packet"`
	Offset int64           `json:"offset"` // in the file
	Time   string          `json:"time,omitempty"`
	To     *netip.AddrPort `json:"to,omitempty"`
	*explain.Explanation
}

// explain explains a datagram, and prints it if it is wanted.
func (x *explaining) explain(name string, m source.Message) error {
	e := x.e.Explain(m.Datagram)
	switch {
	case e == nil, x.first > 0 && m.Index < x.first, x.last > 0 && m.Index > x.last,
		x.exporter.IsValid() && m.From.Addr().Unmap() != x.exporter && e.Exporter.Unmap() != x.exporter,
		x.faults && !e.Odd():
		return nil
	}
	x.shown++
	at := ""
	if m.Time != 0 {
		at = rfc3339(m.Time)
	}
	if x.json {
		o := explained{File: name, Packet: m.Index, Offset: m.Offset, Time: at, Explanation: e}
		if m.To.IsValid() {
			o.To = &m.To
		}
		enc := json.NewEncoder(x.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(&o)
	}
	title := fmt.Sprintf("#%d  %s", m.Index, m.From)
	if m.To.IsValid() {
		title += " → " + m.To.String()
	}
	if at != "" {
		title += "  " + at
	}
	dst := x.buf[:0]
	if x.shown > 1 {
		dst = append(dst, '\n')
	}
	x.buf = e.AppendText(dst, title, x.style)
	_, err := x.out.Write(x.buf)
	return err
}

// live explains datagrams as they come.
func (x *explaining) live(ctx context.Context, addr string, stderr io.Writer) error {
	l, err := source.ParseListen(addr)
	if err != nil {
		return usageError{err}
	}
	l.Workers = 1
	listener, err := source.Open(l, source.Default())
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Fprintf(stderr, "weir: listening on %s\n", list([]*source.Listener{listener}))
	in := listener.Sources()[0]
	dst := make([]decode.Datagram, 1)
	for index := 0; ; {
		n, err := in.Read(ctx, dst)
		if ctx.Err() != nil {
			return nil // that is how it ends
		}
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		index++
		if err := x.explain("", source.Message{Datagram: dst[0], Index: index}); err != nil || x.done() {
			return err
		}
		if err := x.out.Flush(); err != nil {
			return err
		}
	}
}
