// Command weir-splunk is weir as a modular input of Splunk. splunkd starts it,
// under the name weir, for each stanza [weir://…] of inputs.conf.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/weirflow/weir/splunk/modinput"
)

const usage = `usage: weir [--scheme | --validate-arguments]

weir is a modular input of Splunk: splunkd starts it and tells it on stdin what
to do. Without an argument it reads the stanza to run and writes events.
`

func main() {
	log := modinput.NewLogger(os.Stderr, slog.LevelInfo)
	os.Exit(run(os.Args[1:], log))
}

func run(args []string, log *slog.Logger) int {
	switch {
	case len(args) == 0:
		return stream(log)
	case len(args) == 1 && args[0] == "--scheme":
		return exit(log, modinput.WriteScheme(os.Stdout))
	case len(args) == 1 && args[0] == "--validate-arguments":
		return validate(log)
	}
	fmt.Fprint(os.Stderr, usage)
	return 2
}

func stream(log *slog.Logger) int {
	// With the signal ignored, a closed stdout is an error of the write, and
	// we can say so.
	signal.Ignore(syscall.SIGPIPE)
	// Windows: splunkd sends CTRL_BREAK, which is os.Interrupt here.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return exit(log, modinput.Run(ctx, os.Stdin, os.Stdout, log))
}

func validate(log *slog.Logger) int {
	item, err := modinput.ReadItem(os.Stdin)
	if err == nil {
		_, err = modinput.Parse(item)
	}
	if err == nil {
		return 0
	}
	exit(log, modinput.WriteError(os.Stdout, err))
	return 1
}

func exit(log *slog.Logger, err error) int {
	if err != nil {
		log.Error(err.Error())
		return 1
	}
	return 0
}
