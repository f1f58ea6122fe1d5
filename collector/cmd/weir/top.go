package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weirflow/weir/collector/api"
)

func topCommand() *cobra.Command {
	var f apiFlags
	var interval time.Duration
	var limit int
	cmd := &cobra.Command{
		Use:   "top [flags] [FILTER]",
		Short: "Watch the largest sources, destinations, ports and exporters",
		Long: `Top shows what comes to the weir that runs: the sources, destinations, ports (of
each flow the lower one) and exporters with the most traffic in the last
interval, scaled by the sampling rate where that is known. What counts is when
records come: the traffic was up to the exporter's active timeout earlier, and a
record of a long flow brings all of it at once.

On a terminal the picture is drawn anew each interval until you press q.
Elsewhere it is printed once.`,
		Example: `  weir top
  weir top dst net 10.0.0.0/8
  weir top --interval 60s --limit 50 | cat`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := filterArgs(args)
			if err != nil {
				return err
			}
			if interval < time.Second || interval > 5*time.Minute || interval%time.Second != 0 {
				return usagef("--interval: %s is not from 1s to 5m, in whole seconds", interval)
			}
			if limit < 1 || limit > 1000 {
				return usagef("--limit: %d is not from 1 to 1000", limit)
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			show := watchTop
			if out, ok := cmd.OutOrStdout().(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
				show = printTop
			}
			return hinted(show(cmd, func(ctx context.Context, f func(*api.Top) error) error {
				return c.Top(ctx, filter, interval, limit, f)
			}))
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "`TIME` that is summed up")
	cmd.Flags().IntVar(&limit, "limit", 10, "`ROWS` of each table")
	return cmd
}

// tops are the tables, in the order of the picture.
var tops = []struct{ name, title string }{
	{"source", "SOURCE"}, {"destination", "DESTINATION"}, {"port", "PORT"}, {"exporter", "EXPORTER"},
}

// printTop prints the first interval.
func printTop(cmd *cobra.Command, follow func(context.Context, func(*api.Top) error) error) error {
	err := follow(cmd.Context(), func(t *api.Top) error {
		if _, err := cmd.OutOrStdout().Write(appendTop(nil, t, 0, "\n")); err != nil {
			return err
		}
		return errEnough
	})
	if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// What a terminal is told (ECMA-48, and xterm's alternate screen).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	homeScreen  = "\x1b[H"
	eraseLine   = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// watchTop draws each interval on the terminal until q is pressed.
func watchTop(cmd *cobra.Command, follow func(context.Context, func(*api.Top) error) error) error {
	ctx, quit := context.WithCancel(cmd.Context())
	defer quit()
	out := cmd.OutOrStdout().(*os.File)
	if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
		defer term.Restore(int(in.Fd()), before)
		go quitOn(in, quit)
	}
	if _, err := io.WriteString(out, enterScreen+homeScreen+"waiting for the first interval; q quits"); err != nil {
		return err
	}
	defer io.WriteString(out, leaveScreen)
	err := follow(ctx, func(t *api.Top) error {
		_, height, err := term.GetSize(int(out.Fd()))
		if err != nil {
			height = 24
		}
		picture := append([]byte(homeScreen), appendTop(nil, t, height, eraseLine+"\r\n")...)
		_, err = out.Write(append(picture, eraseBelow...))
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// quitOn reads keys until one says to end; in raw mode Ctrl-C is one of them.
func quitOn(in io.Reader, quit func()) {
	var key [1]byte
	for {
		if _, err := in.Read(key[:]); err != nil {
			return
		}
		switch key[0] {
		case 'q', 'Q', 3:
			quit()
			return
		}
	}
}

// appendTop draws an interval in at most so many lines, 0 for all.
func appendTop(dst []byte, t *api.Top, height int, end string) []byte {
	span := max(t.To.Sub(t.From), time.Millisecond).Seconds()
	dst = fmt.Appendf(dst, "%s  %.0f s  %s  %s  %s", t.To.Format("15:04:05Z"), span,
		perSecond(float64(8*t.Total.Octets)/span, "bit/s"), perSecond(float64(t.Total.Packets)/span, "packets/s"), perSecond(float64(t.Total.Flows)/span, "flows/s"))
	if t.NoRate > 0 {
		dst = fmt.Appendf(dst, "  (sampling rate of %d of %d flows unknown)", t.NoRate, t.Total.Flows)
	}
	dst = append(dst, end...)
	rows := int(^uint(0) >> 1)
	if height > 0 { // a line for the head, two for each table, one for the cursor
		rows = max(1, (height-2)/len(tops)-2)
	}
	for _, x := range tops {
		dst = append(dst, end...)
		dst = append(fmt.Appendf(dst, "%-39s %12s %12s %10s", x.title, "bit/s", "packets/s", "flows"), end...)
		table := t.Tables[x.name]
		for _, r := range table.Rows[:min(rows, len(table.Rows))] {
			dst = append(fmt.Appendf(dst, "%-39s %12s %12s %10d", r.Key, perSecond(float64(8*r.Octets)/span, ""), perSecond(float64(r.Packets)/span, ""), r.Flows), end...)
		}
	}
	return dst
}

// perSecond writes a rate with three digits.
func perSecond(v float64, unit string) string {
	prefix := ""
	for _, p := range []string{"k", "M", "G", "T", "P"} {
		if v < 999.5 {
			break
		}
		v, prefix = v/1000, p
	}
	digits := 0
	if prefix != "" && v < 99.95 {
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if prefix+unit != "" {
		s += " " + prefix + unit
	}
	return s
}
