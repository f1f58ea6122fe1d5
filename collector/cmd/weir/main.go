// Command weir receives and decodes network flow records. See weir help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// A closed stdout (weir … | head) is then an error of the write, not the
	// end of the process.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Another Ctrl-C ends the process at once; but some send it twice, as
	// timeout(1) does to its child and to its group.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	addCompletion(root)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil || closedPipe(err):
		return exitOK
	case errors.Is(err, errReported):
		return exitError
	}
	fmt.Fprintln(stderr, "weir:", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitError
}

// errReported is the error of a command that has told all about it already.
var errReported = errors.New("errors were reported")

// A usageError is a mistake on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// closedPipe tells whether err says that nobody reads our output any more.
func closedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, errnoNoData)
}

// errnoNoData is what Windows says for a closed pipe.
const errnoNoData = syscall.Errno(232)
