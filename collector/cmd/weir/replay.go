package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/source"
)

func replayCommand() *cobra.Command {
	var to string
	var speed float64
	var flat, now bool
	cmd := &cobra.Command{
		Use:   "replay --to HOST:PORT FILE…",
		Short: "Send the datagrams of captures to a collector",
		Long: `Replay sends the datagrams of captures to a collector, as far apart as they were.
Each exporter of a capture sends from a socket of its own.

` + aboutFiles,
		Example: `  weir replay --to 127.0.0.1:2055 --now capture.pcap
  weir replay --to 127.0.0.1:2055 --speed 10 day.pcapng.gz
  weir replay --to 127.0.0.1:2055 --flat-out capture.pcap`,
		Args: wantFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if speed <= 0 {
				return usagef("--speed is %g: write how many times faster than the capture, as 10; or --flat-out", speed)
			}
			if to == "" {
				return usagef("replay to where? Write --to 127.0.0.1:2055")
			}
			addr, err := target(cmd.Context(), to)
			if err != nil {
				return err
			}
			opts := source.ReplayOptions{Speed: speed, Now: now}
			if flat {
				opts.Speed = 0
			}
			var captures []io.Reader
			for _, name := range args {
				in, err := readFile(cmd, name)
				if err != nil {
					return err
				}
				captures = append(captures, in)
			}
			sent, err := source.Replay(cmd.Context(), func(uint16) netip.AddrPort { return addr }, opts, captures...)
			fmt.Fprintf(cmd.ErrOrStderr(), "weir: %d datagrams sent to %s\n", sent, addr)
			if cmd.Context().Err() != nil {
				return nil
			}
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&to, "to", "", "`HOST:PORT` to send to")
	fl.Float64Var(&speed, "speed", 1, "`N` times as fast as the capture")
	fl.BoolVar(&flat, "flat-out", false, "as fast as it goes")
	fl.BoolVar(&now, "now", false, "move all times to now")
	return cmd
}

// readFile returns the content of a file, or the standard input for "-".
func readFile(cmd *cobra.Command, name string) (io.Reader, error) {
	if name == "-" {
		return cmd.InOrStdin(), nil
	}
	d, err := os.ReadFile(name)
	return bytes.NewReader(d), err
}
