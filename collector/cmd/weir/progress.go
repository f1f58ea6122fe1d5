package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A bar shows on a terminal how far something long has come. On anything else it
// shows nothing.
type bar struct {
	out   io.Writer // nil: no terminal
	what  string
	start time.Time
	last  time.Time
	shown bool
}

func newBar(out io.Writer, what string) *bar {
	b := &bar{what: what, start: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.out = out
	}
	return b
}

const barWidth = 30

// at shows that done of total octets are done.
func (b *bar) at(done, total int64) {
	now := time.Now()
	if b.out == nil || total <= 0 || now.Sub(b.last) < 100*time.Millisecond {
		return
	}
	b.last, b.shown = now, true
	share := min(float64(done)/float64(total), 1)
	left := ""
	if took := now.Sub(b.start); share > 0.02 && took > 2*time.Second {
		left = "  " + time.Duration(float64(took)*(1-share)/share).Round(time.Second).String() + " left"
	}
	full := int(share * barWidth)
	fmt.Fprintf(b.out, "\r%s [%s%s] %3.0f %% of %.1f MB%s\x1b[K", b.what, strings.Repeat("█", full), strings.Repeat("·", barWidth-full), 100*share, float64(total)/1e6, left)
}

// end takes the bar away.
func (b *bar) end() {
	if b.shown {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
